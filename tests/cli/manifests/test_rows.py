"""From entries to requests with keys."""

from pathlib import Path
from typing import Any

import pytest

from venice_async.cli.manifests.entries import Entries
from venice_async.cli.manifests.rows import Manifest, rows_of
from venice_async.models import MediaFile

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


def made(folder: Path, *rows: dict[str, Any], allowed: tuple[Path, ...] = (), **defaults: Any) -> Manifest:
    """A manifest of these rows, one a line."""
    entries = Entries(name="m")
    if defaults:
        entries.take_defaults("m:0", defaults)
    for number, row in enumerate(rows, start=1):
        entries.take(entries.at_line(number), row)
    return rows_of(entries, folder=folder, allowed=allowed)


def problems(manifest: Manifest) -> list[str]:
    """What is wrong with each row."""
    return [f"{row.place}: {problem}" for row in manifest.rows for problem in row.problems]


def test_defaults_lie_under_every_row(tmp_path: Path) -> None:
    """A row's own word counts, and null takes a default away."""
    manifest = made(
        tmp_path, {"prompt": "a"}, {"prompt": "b", "model": "n", "duration": None}, model="m", duration="5s"
    )
    assert [(row.request.model, row.request.duration) for row in manifest.rows] == [("m", "5s"), ("n", None)]
    assert problems(manifest) == []


def test_a_key_is_given_or_made_of_the_content(tmp_path: Path) -> None:
    """The same rows get the same keys the next time, in whatever order; alike ones get numbers."""
    a, b = {"model": "m", "prompt": "a"}, {"model": "m", "prompt": "b"}
    keys = [row.key for row in made(tmp_path, {**a, "key": "mine"}, a, b, a).rows]
    assert keys[0] == "mine"
    assert keys[3] == f"{keys[1]}-2"
    assert keys[1:3] == [row.key for row in made(tmp_path, b, a).rows][::-1]
    assert [row.output for row in made(tmp_path, a, {**b, "output": "sub/b.mp4"}).rows] == [
        f"{keys[1]}.mp4",
        "sub/b.mp4",
    ]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"key": 5}, "key: must be a text: put it into quotes."),
        ({"key": " "}, "key: must have 1 to 200 characters."),
        ({"key": "x" * 201}, "key: must have 1 to 200 characters."),
        ({"key": "\ud800"}, "key: holds half a character"),
        ({"duration": 5}, "duration: must be a text: put it into quotes."),
        ({"aspect_ratio": 969}, "aspect_ratio: must be a text"),
        ({"upscale_factor": "2"}, "upscale_factor: must be a whole number."),
        ({"upscale_factor": True}, "upscale_factor: must be a whole number."),
        ({"reference_video_seconds": [1]}, "reference_video_seconds: must be a number."),
        ({"audio": "yes"}, "audio: must be true or false."),
        ({"output": 5}, "output: must be a file's name, as text."),
        ({"title": "x"}, "title: is no field of a request; put it into extra"),
        ({"promt": "x"}, "Did you mean 'prompt'?"),
        ({"model": None}, "model: is required."),
        ({"image_url": "away.png"}, "image_url: There is no file 'away.png'"),
        ({"image_url": "\0"}, "image_url: There is no file"),
        ({"reference_image_urls": "a.png"}, "reference_image_urls: must be a list."),
    ],
)
def test_what_is_wrong_with_a_row(tmp_path: Path, row: dict[str, Any], sentence: str) -> None:
    """Each in a sentence with its field."""
    (found,) = problems(made(tmp_path, {"model": "m", **row}))
    assert sentence in found


def test_two_rows_cannot_have_one_key_or_one_file(tmp_path: Path) -> None:
    """Names that differ in case alone are one file on many disks."""
    rows = [{"key": "a"}, {"key": "a"}, {"key": "A"}, {"key": "b", "output": "x.mp4"}, {"key": "c", "output": "X.mp4"}]
    assert problems(made(tmp_path, *rows, model="m")) == [
        "m:2: key: 'a' is that of m:1 too.",
        "m:3: output: is the file of m:1 too.",
        "m:5: output: is the file of m:4 too.",
    ]


def test_local_media_lie_beside_the_manifest(tmp_path: Path) -> None:
    """Not elsewhere, whatever way leads there, unless that folder is allowed; nothing is opened for it."""
    (tmp_path / "here" / "sub").mkdir(parents=True)
    for place in ("here/sub/a.png", "b.png"):
        (tmp_path / place).write_bytes(PNG)
    (tmp_path / "here" / "link.png").symlink_to(tmp_path / "b.png")
    here, outside = tmp_path / "here", [{"image_url": "../b.png"}, {"image_url": "link.png"}]
    outside += [{"image_url": str(tmp_path / "b.png")}, {"elements": [{"frontal_image_url": "../b.png"}]}]
    assert problems(made(here, {"image_url": "sub/a.png"}, model="m")) == []
    found = problems(made(here, *outside, model="m"))
    assert len(found) == 4
    assert all("lies outside" in sentence and "--allow-path" in sentence for sentence in found)
    manifest = made(here, *outside, model="m", allowed=(tmp_path,))
    assert problems(manifest) == []
    image = manifest.rows[0].request.image_url
    assert isinstance(image, MediaFile)
    assert image.path == tmp_path / "b.png"


def test_a_mistake_in_the_defaults_is_told_once(tmp_path: Path) -> None:
    """With one of its rows and how many more; a row's own mistakes stand under their lines."""
    manifest = made(tmp_path, {"prompt": "a"}, {"prompt": "b", "key": 5}, {"prompt": "c"}, model="m", image_url="x.png")
    for row in manifest.rows:
        manifest.refuse(row, row.problems)
    shared, own = map(str, manifest.all_mistakes())
    assert shared.startswith("m:0 (defaults) for m:1 and 2 others: image_url: There is no file 'x.png'; give a file")
    assert own == "m:2: key: must be a text: put it into quotes."
