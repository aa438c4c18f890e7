"""A file far too small for its length and size is pointed out, and nothing else is."""

import mp4_layouts as layouts
import pytest

from venice_async.emulator.plain_clips import PlainClips
from venice_async.plausible import LARGEST, suspicious


@pytest.mark.parametrize(
    ("size", "duration", "width", "height"),
    [(80_000, 5.0, 1280, 720), (99_000, 10.0, 1280, 720), (99_000, 5.0, 1920, 1080), (20_000, 5.0, 832, 480)],
)
def test_a_stand_in_is_pointed_out(size: int, duration: float, width: int, height: int) -> None:
    """Less than 100 kB where several megabytes were due: the sentence gives the figures."""
    sentence = suspicious(size, duration, width, height)
    assert sentence is not None
    assert f"{size:,} bytes" in sentence
    assert f"{width} x {height}" in sentence


@pytest.mark.parametrize(
    ("size", "duration", "width", "height"),
    [
        (2_500_000, 5.0, 1280, 720),
        (LARGEST, 60.0, 3840, 2160),
        (120_000, 5.0, 1280, 720),
        (8_000, 2.0, 320, 180),
        (100, None, 1280, 720),
        (100, 5.0, None, 720),
        (100, 5.0, 1280, None),
        (100, 0.0, 1280, 720),
        (100, -1.0, 1280, 720),
        (100, 5.0, 0, 0),
    ],
)
def test_what_may_be_honest_is_left_alone(
    size: int, duration: float | None, width: int | None, height: int | None
) -> None:
    """Ordinary and frugal clips, the emulator's small ones, and whatever does not say enough of itself."""
    assert suspicious(size, duration, width, height) is None


def test_the_emulators_plain_clips_are_honest() -> None:
    """They are small, but so is their picture."""
    assert suspicious(PlainClips().video("x", aspect_ratio=None, unique=b"").size, 2.0, 320, 180) is None


def test_the_layouts_of_these_tests_are_not() -> None:
    """A few hundred bytes for two and a half seconds are pointed out: nobody should take them for honest."""
    assert suspicious(len(layouts.faststart()), 2.5, 320, 180) is not None
