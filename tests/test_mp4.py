"""Whole MP4 files are told from everything else, by structure and at bounded cost."""

import contextlib
import io
import struct

import mp4_layouts as layouts
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mp4_layouts import LAYOUTS, box, numbers, table

from venice_async.errors import InvalidVideoError
from venice_async.mp4 import Mp4Summary, check_mp4, looks_like_mp4

every_layout = pytest.mark.parametrize("name", LAYOUTS)


def check(data: bytes) -> Mp4Summary:
    return check_mp4(io.BytesIO(data), len(data))


def check_unless_invalid(data: bytes) -> None:
    """Fail on any other error than ours."""
    with contextlib.suppress(InvalidVideoError):
        check(data)


@every_layout
def test_whole_files_pass(name: str) -> None:
    """Every layout that muxers write passes, and says its frame."""
    summary = check(LAYOUTS[name])
    assert (summary.width, summary.height) == (320, 180)


def test_duration_is_in_seconds() -> None:
    """The movie's duration is divided by its time scale."""
    assert check(LAYOUTS["faststart"]).duration == 2.5


def test_fragments_need_not_declare_a_duration() -> None:
    """A duration of zero means that the file does not say."""
    assert check(LAYOUTS["fragmented"]).duration is None


def test_version_1_headers_are_read() -> None:
    """Headers with 64-bit times have their fields elsewhere."""
    data = LAYOUTS["index last"]
    old_movie = box(b"mvhd", numbers(0, 0, 0, 1000, 2500), bytes(80))
    new_movie = box(b"mvhd", struct.pack(">BxxxQQIQ", 1, 0, 0, 1000, 4000), bytes(80))
    old_track = box(b"tkhd", bytes(76), numbers(320 << 16, 180 << 16))
    new_track = box(b"tkhd", b"\1", bytes(87), numbers(640 << 16, 360 << 16))
    grown = data.replace(old_movie, new_movie).replace(old_track, new_track)
    for kind, growth in ((b"moov", 24), (b"trak", 12)):
        at = grown.index(kind) - 4
        size = int.from_bytes(grown[at : at + 4], "big") + growth
        grown = grown[:at] + numbers(size) + grown[at + 4 :]
    assert check(grown) == Mp4Summary(duration=4.0, width=640, height=360)


def cuts_that_show_nothing(name: str) -> set[int]:
    """The cuts after which what is left is a whole file again: between two fragments."""
    if name != "fragmented":
        return set()
    return {len(layouts.fragmented(fragments=1))}


@every_layout
def test_a_cut_at_any_byte_is_found(name: str) -> None:
    """No beginning of a whole file passes, but for one that ends exactly between two fragments."""
    whole = LAYOUTS[name]
    passed = set()
    for length in range(len(whole)):
        try:
            check(whole[:length])
        except InvalidVideoError:
            continue
        passed.add(length)
    assert passed == cuts_that_show_nothing(name)


def test_a_file_shorter_than_its_size_is_refused() -> None:
    """Bytes that cannot be read are missing, whatever the size is said to be."""
    data = LAYOUTS["index last"]
    with pytest.raises(InvalidVideoError, match="shorter"):
        check_mp4(io.BytesIO(data[:-20]), len(data))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "does not begin"),
        (b"<!DOCTYPE html><html><body>busy</body></html>", "impossible size|says|cut short"),
        (box(b"moov") + box(b"ftyp", layouts.FTYP), "does not begin"),
        (box(b"ftyp", layouts.FTYP) + box(b"mdat", b"x"), "no moov box"),
        (box(b"ftyp", layouts.FTYP) + layouts.movie(), "no mdat box"),
        (layouts.faststart().replace(b"mvhd", b"free"), "no mvhd box"),
        (box(b"ftyp", layouts.FTYP) + layouts.movie(runs=()) + box(b"mdat", b"x"), "no samples"),
        (box(b"ftyp", layouts.FTYP) + layouts.movie(runs=(0, 1, 1)) + box(b"mdat", b"x"), "no samples"),
        (layouts.faststart(tail=b"\0\0\0"), "header does not fit"),
        (layouts.faststart(tail=numbers(7) + b"free"), "impossible size"),
        (layouts.faststart(tail=numbers(1) + b"free" + struct.pack(">Q", 15)), "impossible size"),
        (layouts.faststart(tail=numbers(9) + b"\x1b[2J"), r"\?\[2J box at byte .* says 9 bytes"),
        (layouts.faststart(tail=numbers(1) + b"free" + struct.pack(">Q", 2**64 - 1)), "says"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, sentence: str) -> None:
    """The error says in a sentence what is wrong, without control characters from the file."""
    with pytest.raises(InvalidVideoError, match=sentence) as caught:
        check(data)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name not in {"open end", "by defaults", "two tracks"}])
@pytest.mark.parametrize(
    "tail",
    [
        bytes(1),
        bytes(7),
        bytes(8),
        bytes(4096),
        b"\xff" * 16,
        b"<html>oops</html>",
        b'{"error": "cut off"}',
        b"\r\n\r\n",
    ],
    ids=["zero", "seven zeros", "eight zeros", "zeros", "ones", "page", "json", "lines"],
)
def test_rubbish_behind_the_last_box_is_found(name: str, tail: bytes) -> None:
    """What follows the last box and is no box itself shows that the answer was put together wrongly."""
    with pytest.raises(InvalidVideoError):
        check(LAYOUTS[name] + tail)


def test_an_open_end_is_for_media_data_alone() -> None:
    """A box of another kind without a length may be anything."""
    with pytest.raises(InvalidVideoError, match="impossible size 0"):
        check(LAYOUTS["faststart"] + numbers(0) + b"free" + bytes(50))


@pytest.mark.parametrize("cut", range(1, 9))
def test_an_open_end_hides_no_cut(cut: int) -> None:
    """Where the last box has no length, the tables say how far the samples go."""
    with pytest.raises(InvalidVideoError, match="do not lie inside the file"):
        check(LAYOUTS["open end"][:-cut])


def test_an_open_end_is_for_the_last_box_of_the_file_alone() -> None:
    """A size of 0 inside another box is refused."""
    data = LAYOUTS["faststart"]
    at = data.index(b"trak") - 4
    with pytest.raises(InvalidVideoError, match="impossible size"):
        check(data[:at] + numbers(0) + data[at + 4 :])


@pytest.mark.parametrize("offset", [10**6, 2**32 - 1])
def test_chunks_outside_the_file_are_found(offset: int) -> None:
    """A chunk that starts or ends behind the last byte shows a cut that the boxes hide."""
    moov = layouts.movie(offsets=(offset,), sizes=layouts.sample_sizes(), runs=(1, 4, 1))
    with pytest.raises(InvalidVideoError, match="do not lie inside the file"):
        check(box(b"ftyp", layouts.FTYP) + moov + box(b"mdat", b"x"))


def test_runs_of_chunks_must_be_in_order() -> None:
    """A table of samples per chunk that goes back is refused."""
    moov = layouts.movie(offsets=(40, 40, 40), sizes=layouts.sample_sizes(), runs=(1, 1, 1, 3, 1, 1, 2, 1, 1))
    with pytest.raises(InvalidVideoError, match="not in order"):
        check(box(b"ftyp", layouts.FTYP) + box(b"mdat", b"x" * 90) + moov)


def test_a_compact_size_table_is_known() -> None:
    """With `stz2` the sizes are not read, and the chunks' starts still count."""
    sizes = box(b"stz2", numbers(0, 8, 4), b"\1\1\1\1")
    ftyp, mdat = box(b"ftyp", layouts.FTYP), box(b"mdat", b"x" * 9)
    assert check(ftyp + mdat + layouts.movie(offsets=(50,), sizes=sizes, runs=(1, 4, 1))).width == 320
    with pytest.raises(InvalidVideoError):
        check(ftyp + mdat + layouts.movie(offsets=(5000,), sizes=sizes, runs=(1, 4, 1)))


def test_a_negative_data_offset_is_refused() -> None:
    """Offsets in fragments are signed and must not lead before the file."""
    extends = box(b"mvex", box(b"trex", numbers(0, 1, 1, 0, 5, 0)))
    head = box(b"ftyp", layouts.FTYP) + layouts.movie(duration=0, runs=(), extra=extends)
    run = box(b"trun", struct.pack(">IIi", 1, 1, -(2**31)))
    traf = box(b"traf", box(b"tfhd", numbers(0x020000, 1)), run)
    with pytest.raises(InvalidVideoError, match="at byte -2,147,"):
        check(head + box(b"moof", traf) + box(b"mdat", b"x" * 15))


def test_a_second_track_counts_from_the_fragment_too() -> None:
    """Offsets that count from the `moof` box do so in the second track, not from where the first one's data ends."""

    def moof(offset: int) -> bytes:
        first = box(b"traf", box(b"tfhd", numbers(0x020010, 1, 5)), box(b"trun", numbers(1, 3, 0)))
        return box(
            b"moof", first, box(b"traf", box(b"tfhd", numbers(0x020010, 2, 5)), box(b"trun", numbers(1, 1, offset)))
        )

    mdat = box(b"mdat", b"x" * 50)
    last = len(moof(0)) + len(mdat) - 5
    assert check(box(b"ftyp", layouts.FTYP) + layouts.movie(duration=0, runs=()) + moof(last) + mdat).width == 320


@pytest.mark.parametrize(
    "sizes",
    [
        box(b"stsz", numbers(0, 0, 2**32 - 1)),
        box(b"stsz", numbers(0, 2**32 - 1, 2**32 - 1)),
        box(b"stsz", b"\0"),
        table(b"stsz"),
    ],
)
def test_tables_that_lie_about_their_length_are_refused(sizes: bytes) -> None:
    """A count beyond its box is refused before anything of that size is allocated."""
    moov = layouts.movie(offsets=(40,), sizes=sizes, runs=(1, 2**32 - 1, 1))
    with pytest.raises(InvalidVideoError):
        check(box(b"ftyp", layouts.FTYP) + box(b"mdat", b"x" * 90) + moov)


def test_a_flood_of_boxes_is_refused() -> None:
    """The number of boxes is capped, so gigabytes of empty ones cost no more than the cap."""
    with pytest.raises(InvalidVideoError, match="more than 100,000 boxes"):
        check(layouts.faststart(tail=box(b"free") * 100_001))


def test_a_flood_of_table_entries_is_refused() -> None:
    """The entries of all tables together are capped."""
    moov = layouts.movie(offsets=(40,) * 1_000_001, sizes=table(b"stsz", *[1] * 3_000_000, head=(0,)))
    with pytest.raises(InvalidVideoError, match="more than 4,000,000 entries"):
        check(box(b"ftyp", layouts.FTYP) + box(b"mdat", b"x" * 90) + moov)


def test_deep_nesting_is_only_walked_along_known_paths() -> None:
    """Boxes nested a hundred thousand deep are a payload like any other."""
    deep = b"".join(struct.pack(">I4s", 8 * (100_000 - depth), b"moov") for depth in range(100_000))
    with pytest.raises(InvalidVideoError):
        check(box(b"ftyp", layouts.FTYP) + deep + box(b"mdat", b"x"))


@given(st.binary(max_size=300))
@example(b"\0\0\0\x08ftyp")
def test_random_bytes_raise_only_our_error(data: bytes) -> None:
    """Whatever the bytes are, the answer is a summary or InvalidVideoError."""
    with pytest.raises(InvalidVideoError):
        check(data)


@given(name=st.sampled_from(sorted(LAYOUTS)), flips=st.lists(st.tuples(st.integers(0), st.integers(0, 7)), min_size=1))
def test_flipped_bits_raise_only_our_error(name: str, flips: list[tuple[int, int]]) -> None:
    """A damaged file passes or is refused; no other error and no endless work comes of it."""
    data = bytearray(LAYOUTS[name])
    for position, bit in flips:
        data[position % len(data)] ^= 1 << bit
    check_unless_invalid(bytes(data))


@given(st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=2, max_size=3), st.data())
def test_spliced_files_raise_only_our_error(names: list[str], data: st.DataObject) -> None:
    """Pieces of different files put together pass or are refused."""
    pieces = []
    for name in names:
        ends = sorted(data.draw(st.tuples(st.integers(0, len(LAYOUTS[name])), st.integers(0, len(LAYOUTS[name])))))
        pieces.append(LAYOUTS[name][ends[0] : ends[1]])
    check_unless_invalid(b"".join(pieces))


def test_the_first_bytes_tell_a_video_from_a_page() -> None:
    """Eight bytes are enough to refuse most of what is not a video."""
    assert looks_like_mp4(LAYOUTS["faststart"][:8])
    assert not looks_like_mp4(b"<!DOCTYP")
    assert not looks_like_mp4(b"ftyp")
