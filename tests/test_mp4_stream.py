"""A video that goes by is judged like one on a disk."""

import io
import itertools

import mp4_layouts as layouts
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mp4_layouts import LAYOUTS, box, numbers

from venice_async.errors import InvalidVideoError
from venice_async.mp4 import Mp4Summary, check_mp4
from venice_async.mp4_stream import Mp4Watch

every_layout = pytest.mark.parametrize("name", LAYOUTS)


def on_disk(data: bytes) -> Mp4Summary | str:
    """The verdict on a file: its summary, or the sentence of its refusal."""
    try:
        return check_mp4(io.BytesIO(data), len(data))
    except InvalidVideoError as refusal:
        return refusal.message


def gone_by(data: bytes, *steps: int) -> Mp4Summary | str:
    """The verdict on the same bytes in chunks, whose sizes repeat."""
    watch = Mp4Watch()
    position = 0
    try:
        for step in itertools.cycle(steps):
            watch.feed(data[position : position + step])
            position += step
            if position >= len(data):
                break
        assert watch.size == len(data)
        return watch.finish()
    except InvalidVideoError as refusal:
        return refusal.message


@every_layout
@pytest.mark.parametrize("step", [1, 2, 3, 7, 8, 9, 16, 17, 64, 10**6])
def test_whole_files_pass_in_chunks_of_any_size(name: str, step: int) -> None:
    """With the same summary."""
    assert isinstance(on_disk(LAYOUTS[name]), Mp4Summary)
    assert gone_by(LAYOUTS[name], step) == on_disk(LAYOUTS[name])


@every_layout
def test_a_cut_at_any_byte_gets_the_verdict_of_a_file(name: str) -> None:
    """The same sentence, at each of them."""
    for length in range(len(LAYOUTS[name])):
        cut = LAYOUTS[name][:length]
        assert gone_by(cut, 13) == on_disk(cut)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"<!DOCTYPE html><html><body>busy</body></html>",
        box(b"ftyp", layouts.FTYP) + box(b"mdat", b"x"),
        box(b"ftyp", layouts.FTYP) + layouts.movie(),
        layouts.faststart() + layouts.movie(),
        layouts.faststart() + box(b"moov", b"a second index that nobody reads"),
        layouts.faststart(tail=numbers(0) + b"moof" + bytes(20)),
        layouts.faststart(tail=numbers(0) + b"free" + layouts.faststart()),
        layouts.faststart(tail=numbers(1) + b"free" + numbers(0, 0)),
        layouts.faststart(tail=numbers(1) + b"free" + numbers(0, 15)),
        layouts.faststart(tail=numbers(1) + b"free" + numbers(0, 16)),
        layouts.faststart(tail=numbers(1) + b"free"),
        layouts.faststart(tail=numbers(7) + b"free" + box(b"moof")),
        layouts.faststart(tail=box(b"free") * 50),
        box(b"ftyp", layouts.FTYP) + box(b"mdat", *layouts.SAMPLES) + numbers(0) + layouts.movie()[4:],
    ],
)
def test_odd_files_get_the_same_verdict(data: bytes) -> None:
    """Boxes without an end, of impossible sizes, doubled, empty."""
    for step in (1, 5, 8, 10**6):
        assert gone_by(data, step) == on_disk(data)


@given(data=st.binary(max_size=200), steps=st.lists(st.integers(1, 40), min_size=1, max_size=5))
@example(data=b"\0\0\0\x08ftyp", steps=[1])
def test_random_bytes_get_the_same_verdict(data: bytes, steps: list[int]) -> None:
    """And never another error."""
    assert gone_by(data, *steps) == on_disk(data)


@given(
    name=st.sampled_from(sorted(LAYOUTS)),
    flips=st.lists(st.tuples(st.integers(0), st.integers(0, 7)), min_size=1, max_size=5),
    steps=st.lists(st.integers(1, 400), min_size=1, max_size=5),
)
def test_flipped_bits_get_the_same_verdict(name: str, flips: list[tuple[int, int]], steps: list[int]) -> None:
    """A damaged file passes both ways or neither."""
    data = bytearray(LAYOUTS[name])
    for position, bit in flips:
        data[position % len(data)] ^= 1 << bit
    assert gone_by(bytes(data), *steps) == on_disk(bytes(data))


@given(names=st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=2, max_size=3), data=st.data())
def test_spliced_files_get_the_same_verdict(names: list[str], data: st.DataObject) -> None:
    """Pieces of different files put together."""
    pieces = []
    for name in names:
        ends = sorted(data.draw(st.tuples(st.integers(0, len(LAYOUTS[name])), st.integers(0, len(LAYOUTS[name])))))
        pieces.append(LAYOUTS[name][ends[0] : ends[1]])
    whole = b"".join(pieces)
    assert gone_by(whole, 11) == on_disk(whole)


def test_a_flood_of_boxes_gets_the_same_verdict() -> None:
    """Their number is capped, so gigabytes of empty ones cost no more than the cap."""
    data = layouts.faststart(tail=box(b"free") * 150_000)
    watch = Mp4Watch()
    watch.feed(data)
    assert len(watch._pieces) < 100_010
    assert gone_by(data, 2**20) == on_disk(data)


def test_pictures_are_not_kept() -> None:
    """Whatever the size of the video, its index and a few headers are all that stays."""
    data = layouts.index_last(padding=3_000_000)
    watch = Mp4Watch()
    for start in range(0, len(data), 2**16):
        watch.feed(data[start : start + 2**16])
    assert isinstance(watch.finish(), Mp4Summary)
    assert sum(len(piece) for _, piece in watch._pieces) < 1000


def test_an_index_beyond_the_cap_is_refused_at_once() -> None:
    """A stream that calls everything an index is not collected without end."""
    watch = Mp4Watch(most_kept=10_000)
    watch.feed(box(b"ftyp", layouts.FTYP) + numbers(2**31) + b"moov" + bytes(9_000))
    with pytest.raises(InvalidVideoError, match="index of the video is too large"):
        watch.feed(bytes(1000))
