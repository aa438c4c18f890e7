"""Is this a whole MP4 file? A walk over its boxes that decodes nothing.

A cut file still opens in most players, so "it opens" proves nothing. What proves it: every box lies inside
the file, and every sample that the tables (`stco`/`co64`, or `trun` in fragments) speak of lies inside it
too. Structure is no checksum: changed bytes inside a picture pass.

The input is hostile until proven otherwise: the walk descends along fixed paths (no recursion), and the
number of boxes and of table entries is capped, so neither time nor memory depends on what the file claims.
"""

import itertools
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import attrs

from venice_async.errors import InvalidVideoError

_MAX_BOXES = 100_000
_MAX_TABLE_ENTRIES = 4_000_000

_TFHD_OPTIONAL_FIELDS = ((0x01, 8), (0x02, 4), (0x08, 4), (0x10, 4))
_TFHD_BASE_OFFSET, _TFHD_DEFAULT_SIZE = 0x01, 0x10
_TFHD_BASE_IS_MOOF = 0x020000
_TRUN_DATA_OFFSET, _TRUN_FIRST_FLAGS = 0x01, 0x04
_TRUN_DURATION, _TRUN_SIZE = 0x100, 0x200
_TRUN_SAMPLE_FIELDS = 0xF00


@attrs.frozen(kw_only=True)
class Mp4Summary:
    """What an MP4 file says of itself.

    `duration` is in seconds and `width` and `height` are those at which the first video track is shown, in
    pixels; each is None where the file does not say (a fragmented file need not declare its duration).
    """

    duration: float | None
    width: int | None
    height: int | None


def looks_like_mp4(first_bytes: bytes) -> bool:
    """Whether a file that begins with `first_bytes` (8 or more) may be an MP4 file."""
    return first_bytes[4:8] == b"ftyp"


def check_mp4(file: BinaryIO, size: int) -> Mp4Summary:
    """Return the summary of the whole MP4 file of `size` bytes in the seekable `file`.

    Raises `InvalidVideoError`, with a sentence that says what is wrong, when it is not one; nothing else,
    apart from what reading `file` itself raises. The cost is a few reads, whatever the size.
    """
    walk = _Walk(file, size)
    boxes = list(walk.boxes(0, size, open_end=True))
    if not boxes or boxes[0].kind != b"ftyp":
        raise InvalidVideoError("The file does not begin as an MP4 file does (with an ftyp box).")
    first = {box.kind: box for box in reversed(boxes)}
    for kind in (b"moov", b"mdat"):
        if kind not in first:
            raise InvalidVideoError(f"The file has no {kind.decode()} box: it is cut short or holds no video.")
    movie = walk.children(first[b"moov"])
    tracks = [_Track.read(walk, box) for box in movie if box.kind == b"trak"]
    defaults = _fragment_defaults(walk, movie)
    samples = sum(track.samples for track in tracks)
    samples += sum(_check_fragment(walk, box, defaults) for box in boxes if box.kind == b"moof")
    if not samples:
        raise InvalidVideoError("The file holds no samples: neither its tables nor a fragment name any.")
    shown = next((track for track in tracks if track.is_video), None)
    return Mp4Summary(
        duration=_duration(walk, movie),
        width=shown.width if shown else None,
        height=shown.height if shown else None,
    )


class _Box(NamedTuple):
    """One box: where it starts, where its payload starts, and where it ends, as offsets in the file."""

    kind: bytes
    start: int
    body: int
    end: int


class _Walk:
    """Reads from a file of known size, and keeps the account of boxes and table entries that bounds the work."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._boxes_left = _MAX_BOXES
        self._entries_left = _MAX_TABLE_ENTRIES

    def boxes(self, start: int, end: int, *, open_end: bool = False) -> Iterator[_Box]:
        """The boxes between two offsets, which they must fill. With `open_end` the last may be an `mdat` of size 0."""
        while start < end:
            self._boxes_left -= 1
            if self._boxes_left < 0:
                raise InvalidVideoError(f"The file has more than {_MAX_BOXES:,} boxes.")
            box = self._box(start, end, open_end=open_end)
            yield box
            start = box.end

    def _box(self, start: int, end: int, *, open_end: bool) -> _Box:
        header = self.read(start, min(16, end - start))
        if len(header) < 8:
            raise InvalidVideoError(f"The box at byte {start:,} is cut short: its header does not fit.")
        length, kind, body = int.from_bytes(header[:4], "big"), header[4:8], start + 8
        if length == 1 and len(header) == 16:
            length, body = int.from_bytes(header[8:], "big"), start + 16
        elif length == 0 and open_end and kind == b"mdat":  # zeros behind the end look like other such boxes
            length = end - start
        if length < body - start:
            raise InvalidVideoError(f"The {_name(kind)} box at byte {start:,} has the impossible size {length}.")
        if start + length > end:
            where = "file" if end == self._size else "box around it"
            raise InvalidVideoError(
                f"The {_name(kind)} box at byte {start:,} says {length:,} bytes, but the {where} has only "
                f"{end - start:,} left."
            )
        return _Box(kind, start, body, start + length)

    def children(self, parent: _Box) -> list[_Box]:
        return list(self.boxes(parent.body, parent.end))

    def descend(self, parent: _Box, *path: bytes) -> dict[bytes, _Box]:
        """The children, by kind, of the box at the end of `path` below `parent`; the first of each kind counts."""
        found = {box.kind: box for box in reversed(self.children(parent))}
        for kind in path:
            found = {box.kind: box for box in reversed(self.children(_required(found, kind)))}
        return found

    def read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(length)
        if len(data) != length:
            raise InvalidVideoError(f"The file ends before byte {offset + length:,}: it is shorter than it should be.")
        return data

    def fields(self, box: _Box, length: int) -> bytes:
        """The first `length` bytes of a box's payload."""
        if box.body + length > box.end:
            raise InvalidVideoError(f"The {_name(box.kind)} box at byte {box.start:,} is too small for its fields.")
        return self.read(box.body, length)

    def table(self, box: _Box, offset: int, count: int, *, wide: bool = False) -> Sequence[int]:
        """`count` big-endian numbers (32 bits, or 64 when `wide`) that start `offset` bytes into the payload."""
        width = 8 if wide else 4
        if box.body + offset + count * width > box.end:
            raise InvalidVideoError(f"The {_name(box.kind)} box at byte {box.start:,} is too small for its table.")
        self._entries_left -= count
        if self._entries_left < 0:
            raise InvalidVideoError(f"The file's tables have more than {_MAX_TABLE_ENTRIES:,} entries.")
        numbers = array("Q" if wide else "I")
        numbers.frombytes(self.read(box.body + offset, count * width))
        if sys.byteorder == "little":
            numbers.byteswap()
        return numbers

    def hold(self, start: int, length: int, what: str) -> None:
        """Refuse the file unless the `length` bytes from `start` lie inside it."""
        if start < 0 or start + length > self._size:
            raise InvalidVideoError(
                f"The {what} at byte {start:,} has {length:,} bytes, which do not lie inside the file: it has "
                f"{self._size:,}."
            )


@attrs.frozen(kw_only=True)
class _Track:
    samples: int
    is_video: bool
    width: int
    height: int

    @classmethod
    def read(cls, walk: _Walk, box: _Box) -> "_Track":
        """Read one `trak` box and hold every chunk that it speaks of against the file's size."""
        parts = walk.descend(box)
        header, media = _required(parts, b"tkhd"), _required(parts, b"mdia")
        # Version 1 has three fields of 64 bits where version 0 has 32; width and height (16.16) come last.
        fields = walk.fields(header, 96 if walk.fields(header, 1)[0] == 1 else 84)
        handler = walk.fields(_required(walk.descend(media), b"hdlr"), 12)[8:]
        return cls(
            samples=_check_chunks(walk, walk.descend(media, b"minf", b"stbl")),
            is_video=handler == b"vide",
            width=_number(fields, len(fields) - 8) >> 16,
            height=_number(fields, len(fields) - 4) >> 16,
        )


def _check_chunks(walk: _Walk, tables: dict[bytes, _Box]) -> int:
    """Hold each chunk with its samples against the file's size; return how many samples they hold."""
    offsets = _chunk_offsets(walk, tables)
    count, sizes, constant = _sample_sizes(walk, tables)
    sample = 0
    for offset, in_chunk in zip(offsets, _samples_per_chunk(walk, tables, len(offsets)), strict=True):
        held = min(in_chunk, count - sample)
        walk.hold(offset, sum(sizes[sample : sample + held]) + held * constant, "chunk")
        sample += held
    return sample


def _chunk_offsets(walk: _Walk, tables: dict[bytes, _Box]) -> Sequence[int]:
    wide = b"stco" not in tables
    box = _required(tables, b"co64" if wide else b"stco")
    return walk.table(box, 8, _number(walk.fields(box, 8), 4), wide=wide)


def _sample_sizes(walk: _Walk, tables: dict[bytes, _Box]) -> tuple[int, Sequence[int], int]:
    """How many samples there are, their sizes one by one, and the size that they share: one of the two is empty."""
    # The rare compact table (stz2) has its count at the same place. Its sizes are left out: chunk starts still count.
    box = tables.get(b"stsz") or _required(tables, b"stz2")
    fields = walk.fields(box, 12)
    constant, count = _number(fields, 4), _number(fields, 8)
    if box.kind == b"stz2":
        return count, (), 0
    return count, walk.table(box, 12, 0 if constant else count), constant


def _samples_per_chunk(walk: _Walk, tables: dict[bytes, _Box], chunks: int) -> Iterator[int]:
    """Samples in each of `chunks` chunks; `stsc` stores runs of (first chunk, samples per chunk, description)."""
    if not chunks:
        return
    box = _required(tables, b"stsc")
    entries = walk.table(box, 8, 3 * _number(walk.fields(box, 8), 4))
    starts = [*entries[0::3], chunks + 1]
    if starts[0] != 1 or any(a >= b for a, b in itertools.pairwise(starts[:-1])):
        raise InvalidVideoError("The table of samples per chunk (stsc) is not in order.")
    for (first, after), samples in zip(itertools.pairwise(starts), entries[1::3], strict=True):
        for _ in range(first, min(after, chunks + 1)):
            yield samples


def _fragment_defaults(walk: _Walk, movie: list[_Box]) -> dict[int, int]:
    """The default sample size of each track's fragments, by track id (`mvex/trex`)."""
    defaults = {}
    for extends in (box for box in movie if box.kind == b"mvex"):
        for box in walk.children(extends):
            if box.kind == b"trex":
                fields = walk.fields(box, 24)
                defaults[_number(fields, 4)] = _number(fields, 16)
    return defaults


def _check_fragment(walk: _Walk, moof: _Box, defaults: dict[int, int]) -> int:
    """Hold the data of one movie fragment against the file's size; return how many samples it names."""
    samples, data_end = 0, moof.start
    for traf in walk.children(moof):
        if traf.kind != b"traf":
            continue
        boxes = walk.children(traf)
        header = _required({box.kind: box for box in boxes}, b"tfhd")
        base, size = _fragment_header(walk, header, moof.start, data_end, defaults)
        data_end = base
        for box in boxes:
            if box.kind == b"trun":
                count, data_end = _check_run(walk, box, base, data_end, size)
                samples += count
    return samples


def _fragment_header(
    walk: _Walk, header: _Box, moof_start: int, data_end: int, defaults: dict[int, int]
) -> tuple[int, int]:
    """Where a track fragment's offsets count from, and the size of a sample that says none."""
    flags, track = _number(walk.fields(header, 8), 0) & 0xFFFFFF, _number(walk.fields(header, 8), 4)
    base = moof_start if flags & _TFHD_BASE_IS_MOOF else data_end
    size, position = defaults.get(track, 0), 8
    for flag, width in _TFHD_OPTIONAL_FIELDS:
        if flags & flag:
            field = int.from_bytes(walk.fields(header, position + width)[position:], "big")
            position += width
            base = field if flag == _TFHD_BASE_OFFSET else base
            size = field if flag == _TFHD_DEFAULT_SIZE else size
    return base, size


def _check_run(walk: _Walk, box: _Box, base: int, start: int, default_size: int) -> tuple[int, int]:
    """Hold one run of samples against the file's size; return how many there are and where their data ends."""
    fields = walk.fields(box, 8)
    flags, count, position = _number(fields, 0), _number(fields, 4), 8
    if flags & _TRUN_DATA_OFFSET:
        start = base + int.from_bytes(walk.fields(box, 12)[8:], "big", signed=True)
        position += 4
    position += 4 if flags & _TRUN_FIRST_FLAGS else 0
    columns = (flags & _TRUN_SAMPLE_FIELDS).bit_count()
    table = walk.table(box, position, count * columns)
    sizes = table[1 if flags & _TRUN_DURATION else 0 :: columns] if flags & _TRUN_SIZE else ()
    length = sum(sizes) if sizes else count * default_size
    walk.hold(start, length, "run of samples")
    return count, start + length


def _duration(walk: _Walk, movie: list[_Box]) -> float | None:
    """The movie's duration in seconds, where its header says one."""
    header = _required({box.kind: box for box in movie}, b"mvhd")
    wide = walk.fields(header, 1)[0] == 1
    fields = walk.fields(header, 32 if wide else 20)
    timescale = _number(fields, 20 if wide else 12)
    duration = int.from_bytes(fields[24 if wide else 16 :], "big")
    unknown = duration in (0, 2 ** (64 if wide else 32) - 1)
    return None if unknown or not timescale else duration / timescale


def _required(boxes: dict[bytes, _Box], kind: bytes) -> _Box:
    if kind not in boxes:
        raise InvalidVideoError(f"The file has no {kind.decode()} box where one is due.")
    return boxes[kind]


def _number(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "big")


def _name(kind: bytes) -> str:
    """A box's type for a message: it comes from the file, so only plain characters pass."""
    return "".join(chr(byte) if 32 < byte < 127 else "?" for byte in kind)
