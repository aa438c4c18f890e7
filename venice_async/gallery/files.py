"""What lies in the folder of the videos, and how the gallery's own files get there. Every function here blocks."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from attrs import frozen

from venice_async.disk import make_ordinary, open_regular, regular_size, remove_quietly, replace_regular
from venice_async.errors import DestinationExistsError, InvalidVideoError
from venice_async.jobs import Delivery, JobRecord, JobState
from venice_async.mp4 import check_mp4

MARK = b"venice-async gallery"
"""Stands near the beginning of every file that a gallery may write over."""
POSTERS = "gallery"
"""The folder of the posters. Its name is an ordinary one: copying `*` and most web servers leave out hidden ones."""
_POSTER = re.compile(r"[0-9a-f]{16}\.jpg")
_MARK_WITHIN = 400


@frozen(kw_only=True)
class Found:
    """What lies at a job's destination.

    `path` is the video, None where there is none to show, and `name` is how its folder calls it (with `/`); `problem`
    says in a sentence why there is none. `length` is in seconds, `width` and `height` in pixels, `size` in bytes, each
    None where the file does not tell. `stamp` changes with the file.
    """

    path: Path | None = None
    name: str = ""
    problem: str = ""
    size: int | None = None
    length: float | None = None
    width: int | None = None
    height: int | None = None
    stamp: str = ""

    @property
    def href(self) -> str:
        """The video's address, relative to the page."""
        # With a dot first no name is taken for a scheme or for a host.
        return f"./{quote(self.name)}" if self.path else ""


def look(record: JobRecord, folder: Path) -> Found:
    """What lies at a job's destination; a path outside of `folder` (resolved) is never told."""
    if record.delivery is Delivery.CALLER or not record.output:
        return Found()
    path = _resolved(Path(record.output))
    if path is None or not path.is_relative_to(folder) or path == folder:
        done = record.state is JobState.COMPLETED
        return Found(problem="Its file is in another folder." if done else "")
    name = path.relative_to(folder).as_posix()
    if record.state is not JobState.COMPLETED:
        return Found(name=name)
    try:
        return _video(path, name)
    except (OSError, ValueError):  # gone, no regular file, or a name that no disk takes
        return Found(name=name, problem="Its file is not here any more.")


def _resolved(path: Path) -> Path | None:
    """With the links of its folders followed and never the last one, as the video was written."""
    try:
        return path.parent.resolve() / path.name
    except (OSError, ValueError, RuntimeError):
        return None


def _video(path: Path, name: str) -> Found:
    with open(path, "rb", opener=open_regular) as file:
        about = os.fstat(file.fileno())
        stamp = f"{name}\0{about.st_size}\0{about.st_mtime_ns}"
        known = Found(path=path, name=name, size=about.st_size, stamp=stamp)
        try:
            summary = check_mp4(file, about.st_size)
        except InvalidVideoError:
            summary = None
    if summary is None:
        return Found(name=name, size=about.st_size, problem="Its file is damaged: it is no whole MP4 file any more.")
    return Found(
        path=path, name=name, size=known.size, stamp=stamp,
        length=summary.duration, width=summary.width, height=summary.height,
    )  # fmt: skip


def check_place(path: Path) -> None:
    """Raises DestinationExistsError where something stands at `path` that no gallery wrote."""
    if regular_size(path) is None:
        if os.path.lexists(path):
            raise DestinationExistsError(f"What stands at {path} is not a regular file.")
        return
    with open(path, "rb", opener=open_regular) as file:
        ours = MARK in file.read(_MARK_WITHIN)
    if not ours:
        raise DestinationExistsError(f"{path} was not written by a gallery, and is not overwritten.")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that others see whole or not at all. It may be lost with the power: it can be made again."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    part = Path(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        make_ordinary(part)
        replace_regular(part, path)
    finally:
        remove_quietly(part)


def remove_other_posters(folder: Path, used: Iterable[str]) -> None:
    """Remove the posters of videos that are gone or have changed. Only files with a poster's name are touched."""
    kept = set(used)
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _POSTER.fullmatch(path.name) and path.name not in kept:
                remove_quietly(path)
