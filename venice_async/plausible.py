"""Can this be the video that was ordered? A good file may still be the picture that stands in for a refused one."""

from typing import Final, Protocol

LEAST_BITS: Final = 0.2
"""Bits for a pixel during a second, below which no encoder keeps a moving picture.

Clips of these models have 2 to 5 (1280 x 720 at 2 to 5 Mbit/s), a talking head at a low rate 0.5. At 0.2 five
seconds of 1280 x 720 have 115 kB, and the stand-ins that users report have less than 100 kB."""
LARGEST: Final = 256 * 1024
"""Bytes above which nothing is suspected: so large no stand-in is, while a still, dark scene can be small for 4K."""


def suspicious(size: int, duration_s: float | None, width: int | None, height: int | None) -> str | None:
    """A sentence when `size` bytes are far too few for so many seconds of so many pixels; else None.

    Give what was ordered where that is known, and what the file says of itself otherwise. Where one of the figures
    is missing, nothing is suspected. This is a hint for a person: a suspected video is still a whole file.
    """
    if not duration_s or not width or not height or duration_s < 0 or size >= LARGEST:
        return None
    due = LEAST_BITS * width * height * duration_s / 8
    if size >= due:
        return None
    return (
        f"The video has only {size:,} bytes for {duration_s:g} seconds of {width} x {height} pixels, where even a "
        f"still scene takes {min(due, LARGEST):,.0f}: it may stand in for a video that was silently refused."
    )


class Measured(Protocol):
    """What is known of a file: bytes, seconds and pixels."""

    @property
    def size(self) -> int: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def width(self) -> int | None: ...
    @property
    def height(self) -> int | None: ...


def doubt_about(file: Measured, *, ordered: str) -> str | None:
    """`suspicious`, by what was ordered (a job's variant, such as "5s/720p") where that tells, else by the file's word.

    A stand-in may well be honest about itself: what it is too small for is what was asked for.
    """
    duration, _, resolution = ordered.partition("/")
    seconds = _number(duration.removesuffix("s")) or file.duration
    width, height = file.width, file.height
    if (lines := _number(resolution.removesuffix("p"))) and width and height:
        scale = lines / min(width, height)
        width, height = round(width * scale), round(height * scale)
    return suspicious(file.size, seconds, width, height)


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None
