"""Hand-made videos are whole files of any size."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.emulator.plain_clips import PLAIN_SIZE, PlainClips
from venice_async.mp4 import check_mp4


@pytest.mark.parametrize("size", [2_000, 5_001, PLAIN_SIZE, 3_000_000])
def test_plain_clips_are_whole_files(size: int) -> None:
    """The file has the size asked for, passes the check for whole files, and says its shape."""
    video = PlainClips().video("a quay", aspect_ratio="9:16", unique=b"1", size=size)
    data = b"".join(video.chunks())
    summary = check_mp4(io.BytesIO(data), len(data))
    assert (len(data), video.size) == (size, size)
    assert (summary.width, summary.height, summary.duration) == (180, 320, 2.0)


def test_size_by_default_and_at_least() -> None:
    """Without a size there is a default; one that is too small gives the smallest whole file."""
    assert PlainClips().video("", aspect_ratio=None, unique=b"").size == PLAIN_SIZE
    tiny = PlainClips().video("", aspect_ratio=None, unique=b"", size=1)
    data = b"".join(tiny.chunks())
    assert check_mp4(io.BytesIO(data), len(data)).duration == 2.0


def test_bytes_differ_by_prompt_and_by_job() -> None:
    """No two jobs have the same file, and the same job always has."""
    clips = PlainClips()
    sums = {clips.video(prompt, aspect_ratio=None, unique=job).sha256() for prompt in "ab" for job in (b"1", b"2")}
    assert len(sums) == 4
    assert clips.video("a", aspect_ratio=None, unique=b"1").sha256() in sums


def test_huge_files_cost_nothing() -> None:
    """A file of many gigabytes is there at once, and can be read from anywhere."""
    video = PlainClips().video("", aspect_ratio=None, unique=b"", size=50 * 2**30)
    assert video.size == 50 * 2**30
    assert sum(len(chunk) for chunk in video.chunks(start=video.size - 10)) == 10


@given(chunk_size=st.integers(1, 4_000), start=st.integers(0, 4_000))
def test_any_stretch_is_the_same(chunk_size: int, start: int) -> None:
    """However it is read, from wherever, the bytes are those of the file."""
    video = PlainClips().video("a", aspect_ratio=None, unique=b"1", size=3_000)
    whole = b"".join(video.chunks())
    assert b"".join(video.chunks(chunk_size, start)) == whole[start:]
