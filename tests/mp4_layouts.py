"""Small MP4 files, built box by box, for the tests of what reads them."""

import struct
from collections.abc import Sequence

FTYP = b"isom\0\0\2\0isomiso2avc1mp41"
SAMPLES = (b"first sample", b"second", b"the third sample", b"4")


def box(kind: bytes, *payload: bytes, wide: bool = False) -> bytes:
    """One box, with a 64-bit size when `wide`."""
    body = b"".join(payload)
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body
    return struct.pack(">I4s", 8 + len(body), kind) + body


def numbers(*values: int) -> bytes:
    """Values as 32-bit fields."""
    return struct.pack(f">{len(values)}I", *values)


def table(kind: bytes, *values: int, head: tuple[int, ...] = (), wide: bool = False) -> bytes:
    """A sample table: version and flags, further fields, the number of values, the values."""
    return box(kind, numbers(0, *head, len(values)), struct.pack(f">{len(values)}{'Q' if wide else 'I'}", *values))


def movie(
    *,
    offsets: Sequence[int] = (),
    sizes: bytes = b"",
    runs: tuple[int, ...] = (1, 2, 1),
    wide: bool = False,
    duration: int = 2500,
    extra: bytes = b"",
) -> bytes:
    """A `moov` box with one video track of 320x180."""
    stsc = box(b"stsc", numbers(0, len(runs) // 3, *runs))
    chunks = table(b"co64" if wide else b"stco", *offsets, wide=wide)
    tables = box(b"stbl", sizes or table(b"stsz", head=(0,)), stsc, chunks)
    handler = box(b"hdlr", numbers(0, 0), b"vide", bytes(13))
    header = box(b"tkhd", bytes(76), numbers(320 << 16, 180 << 16))
    track = box(b"trak", header, box(b"mdia", handler, box(b"minf", tables)))
    return box(b"moov", box(b"mvhd", numbers(0, 0, 0, 1000, duration), bytes(80)), track, extra)


def sample_sizes() -> bytes:
    """The table of the sizes of `SAMPLES`."""
    return table(b"stsz", *map(len, SAMPLES), head=(0,))


def faststart(*, wide: bool = False, open_end: bool = False, tail: bytes = b"") -> bytes:
    """`moov` before `mdat`: two chunks of two samples."""
    ftyp, data = box(b"ftyp", FTYP), b"".join(SAMPLES)
    head = 16 if wide else 8
    start = len(ftyp) + len(movie(offsets=(0, 0), sizes=sample_sizes(), wide=wide)) + head
    offsets = (start, start + len(SAMPLES[0] + SAMPLES[1]))
    mdat = numbers(0) + b"mdat" + data if open_end else box(b"mdat", data, wide=wide)
    return ftyp + movie(offsets=offsets, sizes=sample_sizes(), wide=wide) + mdat + tail


def index_last(*, padding: int = 0) -> bytes:
    """`mdat` before `moov`, as encoders write that do not go back; `padding` bytes make `mdat` as large as wished."""
    ftyp = box(b"ftyp", FTYP)
    start = len(ftyp) + 8
    offsets = (start, start + len(SAMPLES[0] + SAMPLES[1]))
    mdat = box(b"mdat", *SAMPLES, bytes(range(256)) * (padding // 256), bytes(padding % 256))
    return ftyp + mdat + movie(offsets=offsets, sizes=sample_sizes())


def constant_sizes() -> bytes:
    """All samples share one size, and the table says only that."""
    ftyp, sizes = box(b"ftyp", FTYP), box(b"stsz", numbers(0, 5, 4))
    start = len(ftyp) + 8
    moov = movie(offsets=(start, start + 10), sizes=sizes)
    return ftyp + box(b"mdat", b"x" * 20) + moov


def fragmented(*, fragments: int = 2) -> bytes:
    """Fragments whose runs say each sample's size, and count from the `moof` box."""
    extends = box(b"mvex", box(b"trex", numbers(0, 1, 1, 0, 0, 0)))
    parts = [box(b"ftyp", FTYP), movie(duration=0, runs=(), extra=extends)]
    data = b"".join(SAMPLES)
    rows = numbers(*(field for sample in SAMPLES for field in (10, len(sample))))
    length = len(_moof(numbers(0x020000, 1), _run(0, rows)))
    for _ in range(fragments):
        parts += [_moof(numbers(0x020000, 1), _run(length + 8, rows)), box(b"mdat", data)]
    return b"".join(parts)


def fragmented_by_defaults() -> bytes:
    """A fragment whose runs lean on others: on `trex` for a size, on an offset in the file, on the run before."""
    extends = box(b"mvex", box(b"trex", numbers(0, 1, 1, 0, 5, 0)))
    head = box(b"ftyp", FTYP) + movie(duration=0, runs=(), extra=extends)
    runs = box(b"trun", numbers(0, 2)) + box(b"trun", numbers(0x204, 2, 0, 3, 4))
    length = len(_moof(numbers(0x01, 1, 0, 0), runs))
    data = numbers(0) + b"mdat" + b"x" * 17
    return head + _moof(numbers(0x01, 1, 0, len(head) + length + 8), runs) + data


def two_tracks() -> bytes:
    """A fragment of two tracks: the data of the second, which says nothing of its place, follows that of the first."""
    rows = numbers(10, 6, 10, 7)
    first = box(b"tfhd", numbers(0x020000, 1))
    second = box(b"traf", box(b"tfhd", numbers(0x10, 2, 9)), box(b"trun", numbers(0, 3)))

    def moof(offset: int) -> bytes:
        run = box(b"trun", numbers(0x000301, 2, offset), rows)
        return box(b"moof", box(b"mfhd", numbers(0, 1)), box(b"traf", first, run), second)

    data = numbers(0) + b"mdat" + b"x" * (6 + 7 + 3 * 9)
    return box(b"ftyp", FTYP) + movie(duration=0, runs=()) + moof(len(moof(0)) + 8) + data


def _moof(header: bytes, runs: bytes) -> bytes:
    return box(b"moof", box(b"mfhd", numbers(0, 1)), box(b"traf", box(b"tfhd", header), runs))


def _run(offset: int, rows: bytes) -> bytes:
    return box(b"trun", numbers(0x000301, len(SAMPLES), offset), rows)


LAYOUTS = {
    "faststart": faststart(),
    "wide": faststart(wide=True),
    "open end": faststart(open_end=True),
    "index last": index_last(),
    "constant sizes": constant_sizes(),
    "fragmented": fragmented(),
    "by defaults": fragmented_by_defaults(),
    "two tracks": two_tracks(),
}
