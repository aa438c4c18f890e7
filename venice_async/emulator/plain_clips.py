"""Minimal but whole MP4 files of any size, made by hand: for virtual time, load runs and installs without PyAV."""

import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from attrs import frozen

PLAIN_SIZE: Final = 2**18
"""Bytes of a plain clip unless another size is asked for."""

_TIMESCALE: Final = 1000
_DURATION: Final = 2000
_SIDES: Final = {"9:16": (180, 320), "1:1": (240, 240)}
_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


@frozen(kw_only=True)
class PlainVideo:
    """Bytes in front, then as many zeros as the size asks for: made on demand, so any size costs no memory."""

    front: bytes
    size: int

    def chunks(self, chunk_size: int = 2**18, start: int = 0) -> Iterator[bytes]:
        """The bytes from `start` on, in pieces of at most `chunk_size`."""
        zeros = bytes(chunk_size)
        while start < self.size:
            piece = self.front[start : start + chunk_size]
            missing = min(chunk_size, self.size - start) - len(piece)
            yield piece + zeros[:missing] if piece else zeros[:missing]
            start += chunk_size

    def sha256(self) -> str:
        """The hexadecimal SHA-256 of the whole file."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()


class PlainClips:
    """A clip library without an encoder: valid structure, one sample of zeros; no player shows anything."""

    def video(self, seed_text: str, *, aspect_ratio: str | None, unique: bytes, size: int | None = None) -> PlainVideo:
        """A file of exactly `size` bytes, as far as its own structure fits into that."""
        width, height = _SIDES.get(aspect_ratio or "", (320, 180))
        mark = hashlib.sha256(seed_text.encode("utf-8", "surrogatepass")).digest() + unique
        least = len(_front(width, height, mark, 1))
        total = max(least + 1, PLAIN_SIZE if size is None else size)
        return PlainVideo(front=_front(width, height, mark, total - least), size=total)


def _front(width: int, height: int, mark: bytes, sample: int) -> bytes:
    """Everything before the sample: file type, the unique mark, the movie's header, and the head of the media data."""
    ftyp = _box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2avc1mp41")
    free = _box(b"free", mark)
    # The offset of the sample is known only once the header's size is; the size does not depend on the offset.
    media_head = struct.pack(">I4sQ", 1, b"mdat", sample + 16)
    offset = len(ftyp) + len(free) + len(_moov(width, height, 0, sample)) + len(media_head)
    return ftyp + free + _moov(width, height, offset, sample) + media_head


def _moov(width: int, height: int, offset: int, sample: int) -> bytes:
    mvhd = _full(
        b"mvhd", struct.pack(">IIIIIH10x", 0, 0, _TIMESCALE, _DURATION, 0x10000, 0x100), _MATRIX, bytes(24), _u32(2)
    )
    tkhd = _full(
        b"tkhd", struct.pack(">IIIII8xhhH2x", 0, 0, 1, 0, _DURATION, 0, 0, 0), _MATRIX,
        struct.pack(">II", width << 16, height << 16), flags=3,
    )  # fmt: skip
    mdhd = _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, _TIMESCALE, _DURATION, 0x55C4, 0))
    hdlr = _full(b"hdlr", bytes(4), b"vide", bytes(12), b"\0")
    minf = _box(
        b"minf", _full(b"vmhd", bytes(8), flags=1), _data_information(), _sample_table(width, height, offset, sample)
    )
    return _box(b"moov", mvhd, _box(b"trak", tkhd, _box(b"mdia", mdhd, hdlr, minf)))


def _data_information() -> bytes:
    return _box(b"dinf", _full(b"dref", _u32(1), _full(b"url ", flags=1)))


def _sample_table(width: int, height: int, offset: int, sample: int) -> bytes:
    entry = _box(
        b"mp4v", bytes(6), struct.pack(">H", 1), bytes(16), struct.pack(">HH", width, height),
        struct.pack(">III", 0x480000, 0x480000, 0), struct.pack(">H", 1), bytes(32), struct.pack(">Hh", 24, -1),
    )  # fmt: skip
    # A sample's size has 32 bits: above that the one sample covers only the first part of the media data.
    return _box(
        b"stbl",
        _full(b"stsd", _u32(1), entry),
        _full(b"stts", _u32(1), _u32(1), _u32(_DURATION)),
        _full(b"stsc", _u32(1), _u32(1), _u32(1), _u32(1)),
        _full(b"stsz", _u32(0), _u32(1), _u32(min(sample, 2**32 - 1))),
        _full(b"co64", _u32(1), struct.pack(">Q", offset)),
    )


def _u32(number: int) -> bytes:
    return struct.pack(">I", number)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _u32(len(body) + 8) + kind + body


def _full(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(kind, _u32(flags), *parts)
