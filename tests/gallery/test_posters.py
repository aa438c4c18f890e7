"""Still pictures of videos."""

import random
import sys
from pathlib import Path

import attrs
import pytest
from mp4_layouts import faststart

from venice_async.gallery.files import Found, look
from venice_async.gallery.posters import can_make_posters, frame_of, make_posters

from .conftest import Example

pytest.importorskip("av")
image = pytest.importorskip("PIL.Image")


def videos(example: Example) -> list[Found]:
    return [look(record, example.folder.resolve()) for record in example.records]


def test_each_video_has_one(example: Example, tmp_path: Path) -> None:
    """A small JPEG file in the video's shape."""
    made = make_posters(videos(example), tmp_path / "gallery")
    assert len(made) == 9
    with image.open(tmp_path / "gallery" / made["clockwork.mp4"]) as picture:
        assert (picture.format, picture.size) == ("JPEG", (180, 320))


def test_only_new_ones_are_made(example: Example, tmp_path: Path) -> None:
    """What is there stays as it is, whatever it is; a video that has changed gets another."""
    first = make_posters(videos(example), tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(b"kept")
    found = [
        attrs.evolve(video, stamp="other") if video.name == "clockwork.mp4" else video for video in videos(example)
    ]
    second = make_posters(found, tmp_path)
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"clockwork.mp4"}
    assert (tmp_path / first["lighthouse.mp4"]).read_bytes() == b"kept"


def test_a_video_that_cannot_be_decoded_has_none(example: Example, tmp_path: Path) -> None:
    """Noise in the pictures, an unknown kind of picture, a playlist with a video's name, no file: none is an error."""
    data = bytearray((example.folder / "clockwork.mp4").read_bytes())
    data[2000:] = random.Random(1).randbytes(len(data) - 2000)
    (tmp_path / "noise.mp4").write_bytes(data)
    (tmp_path / "strange.mp4").write_bytes(faststart())
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    assert [frame_of(tmp_path / name) for name in ("noise.mp4", "strange.mp4", "list.mp4", "gone.mp4")] == [None] * 4
    good = next(video for video in videos(example) if video.path)
    bad = attrs.evolve(good, path=tmp_path / "noise.mp4", name="noise.mp4", stamp="noise")
    assert set(make_posters([bad, good], tmp_path / "gallery")) == {good.name}


def test_without_the_extra(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are none, and that is all."""
    assert can_make_posters()
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert not can_make_posters()
    assert make_posters(videos(example), tmp_path / "gallery") == {}
    assert not (tmp_path / "gallery").exists()
