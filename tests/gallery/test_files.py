"""What lies in the folder, and what gets there."""

import os
from pathlib import Path

import pytest
from mp4_layouts import faststart

from venice_async.errors import DestinationExistsError
from venice_async.gallery.files import MARK, check_place, look, remove_other_posters, write_whole
from venice_async.jobs import Delivery, JobState

from .conftest import Example, made


def test_a_video_is_found_with_what_it_tells(example: Example) -> None:
    """Its link is relative, and its figures come from the file."""
    record = next(record for record in example.records if record.key == "clockwork")
    found = look(record, example.folder.resolve())
    assert (found.href, found.width, found.height, found.length) == ("./clockwork.mp4", 180, 320, 2.0)
    assert found.size == Path(record.output).stat().st_size


def test_names_are_percent_encoded(tmp_path: Path) -> None:
    """Whatever a name holds, the link means that file and nothing else."""
    name = 'day 1/50% "off"? #1 <b>\'é:x.mp4'
    path = tmp_path / name
    path.parent.mkdir()
    path.write_bytes(faststart())
    found = look(made("a", tmp_path, output=str(path)), tmp_path)
    assert found.name == name
    assert found.href == "./day%201/50%25%20%22off%22%3F%20%231%20%3Cb%3E%27%C3%A9%3Ax.mp4"


@pytest.mark.parametrize(
    "output", ["{0}/../out.mp4", "/etc/passwd", "{0}/link/out.mp4", "{0}", "{0}/sub/../../out.mp4"]
)
def test_what_lies_outside_is_not_told(tmp_path: Path, output: str) -> None:
    """Also through a link of a folder."""
    folder = tmp_path / "videos"
    (folder / "sub").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path)
    (tmp_path / "out.mp4").write_bytes(faststart())
    found = look(made("a", folder, output=output.format(folder)), folder)
    assert (found.path, found.name, found.problem) == (None, "", "Its file is in another folder.")


@pytest.mark.parametrize("kind", ["gone", "link", "pipe", "folder", "unnameable"])
def test_a_video_that_is_not_there(tmp_path: Path, kind: str) -> None:
    """Is told, and no link is followed and no pipe waited for."""
    path = tmp_path / "a.mp4"
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    output = f"{tmp_path}/{'x' * 300}.mp4" if kind == "unnameable" else str(path)
    found = look(made("a", tmp_path, output=output), tmp_path)
    assert (found.path, found.problem) == (None, "Its file is not here any more.")


def test_a_path_that_no_system_takes(tmp_path: Path) -> None:
    """A ledger can hold anything."""
    assert look(made("a", tmp_path, output=f"{tmp_path}/a\0b.mp4"), tmp_path).path is None
    assert look(made("a", tmp_path, output=f"{tmp_path}/a\0b/c.mp4"), tmp_path).path is None


def test_a_damaged_video(tmp_path: Path) -> None:
    """Is not shown: a cut file may well begin to play."""
    (tmp_path / "a.mp4").write_bytes(faststart()[:-10])
    found = look(made("a", tmp_path), tmp_path)
    assert found.path is None
    assert "damaged" in found.problem


def test_jobs_without_a_file(tmp_path: Path) -> None:
    """What lies at the place of one is not its video."""
    (tmp_path / "a.mp4").write_bytes(faststart())
    assert look(made("a", tmp_path, state=JobState.FAILED), tmp_path).path is None
    assert look(made("a", tmp_path, delivery=Delivery.CALLER), tmp_path).path is None


def test_only_a_gallery_is_written_over(tmp_path: Path) -> None:
    """Somebody's own page stays."""
    page = tmp_path / "index.html"
    check_place(page)
    page.write_bytes(b"<!doctype html>" + MARK)
    check_place(page)
    page.write_text("<h1>My films</h1>")
    with pytest.raises(DestinationExistsError, match="was not written by a gallery"):
        check_place(page)
    page.unlink()
    page.symlink_to(tmp_path / "other")
    with pytest.raises(DestinationExistsError, match="not a regular file"):
        check_place(page)


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    """With the permissions of an ordinary file, and nothing beside it; a place that is taken leaves nothing either."""
    path, usual = tmp_path / "a.txt", tmp_path / "usual"
    usual.touch()
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode == usual.stat().st_mode
    (tmp_path / "folder").mkdir()
    with pytest.raises(DestinationExistsError):
        write_whole(tmp_path / "folder", b"three")
    assert {each.name for each in tmp_path.iterdir()} == {"a.txt", "usual", "folder"}


def test_old_posters_go(tmp_path: Path) -> None:
    """And nothing else does."""
    for name in ("0" * 16 + ".jpg", "1" * 16 + ".jpg", "mine.jpg"):
        (tmp_path / name).touch()
    remove_other_posters(tmp_path, ["1" * 16 + ".jpg"])
    remove_other_posters(tmp_path / "missing", [])
    assert {path.name for path in tmp_path.iterdir()} == {"1" * 16 + ".jpg", "mine.jpg"}
