"""Still pictures of videos: one frame of each as a small JPEG file. Needs PyAV and Pillow, and blocks."""

import hashlib
import importlib.util
import io
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from venice_async.disk import open_regular, regular_size
from venice_async.gallery.files import Found, write_whole

if TYPE_CHECKING:
    from av.container import InputContainer
    from PIL.Image import Image

_BOX = (480, 480)
_QUALITY = 80
_AT = 0.5
"""Seconds into the video: many begin in black."""
_MOST_FRAMES = 40
"""So many are decoded at most to get there."""
_MOST_PIXELS = 40_000_000
_MOST_THREADS = 4


def can_make_posters() -> bool:
    """Whether PyAV and Pillow are installed: the extra `gallery`."""
    return all(importlib.util.find_spec(name) is not None for name in ("av", "PIL"))


def make_posters(videos: Iterable[Found], folder: Path) -> dict[str, str]:
    """Make the posters that are not there yet; the file names, by the videos' names.

    A video that cannot be decoded has none. The files' names follow from name, size and time of change of the
    video: who calls this again pays only for what is new. Raises OSError where `folder` cannot be written.
    """
    wanted = [video for video in videos if video.path is not None]
    if not wanted or not can_make_posters():
        return {}
    folder.mkdir(exist_ok=True)
    # FFmpeg works outside of the interpreter's lock, so that threads share the cores.
    with ThreadPoolExecutor(max_workers=min(_MOST_THREADS, os.cpu_count() or 1)) as threads:
        made = threads.map(lambda video: _poster(video, folder), wanted)
        return {video.name: name for video, name in zip(wanted, made, strict=True) if name}


def _poster(video: Found, folder: Path) -> str | None:
    name = hashlib.sha256(video.stamp.encode("utf-8", "surrogatepass")).hexdigest()[:16] + ".jpg"
    if regular_size(folder / name):
        return name
    assert video.path is not None  # noqa: S101 -- those without were left out
    picture = frame_of(video.path)
    if picture is None:
        return None
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    write_whole(folder / name, data.getvalue())
    return name


def frame_of(path: Path) -> "Image | None":
    """A frame near the beginning, made small; None where none can be decoded."""
    import av

    # The file is opened here and its format is given: FFmpeg would follow a playlist or a path in a planted one.
    try:
        with open(path, "rb", opener=open_regular) as file, av.open(file, "r", format="mp4") as container:
            return _frame_at(container, _AT)
    except Exception:  # noqa: BLE001 -- whatever a decoder says to a broken file, the page goes on without this poster
        return None


def _frame_at(container: "InputContainer", seconds: float) -> "Image | None":
    stream = next(iter(container.streams.video), None)
    if stream is None or stream.codec_context is None:  # no video, or a kind that this FFmpeg does not know
        return None
    if not 0 < stream.width * stream.height <= _MOST_PIXELS:
        return None
    chosen = None
    for number, frame in enumerate(container.decode(stream)):
        chosen = frame
        if number >= _MOST_FRAMES or (frame.time or 0.0) >= seconds:
            break
    if chosen is None:
        return None
    picture: Image = chosen.to_image()  # type: ignore[no-untyped-call]
    picture.thumbnail(_BOX)
    return picture.convert("RGB")
