"""Is this a whole MP4 file? The same question for a video that goes by and is never on a disk.

Only the headers of the top-level boxes and the index (`moov`, and `moof` in fragments) are kept; the pictures pass.
At the end the walk of `mp4` runs over what was kept, so both ways come to the same verdict.
"""

import io
from bisect import bisect_left, bisect_right

from venice_async.errors import InvalidVideoError
from venice_async.mp4 import Mp4Summary, check_mp4

MOST_KEPT = 64 * 2**20
"""Bytes of index that are kept at most; hours of video have less than a tenth."""
_MOST_BOXES = 100_000  # the walk refuses more than these
_HEADER, _WIDE_HEADER = 8, 16


class Mp4Watch:
    """Watches the bytes of one video, in chunks of any size; `finish` tells whether they were a whole file."""

    def __init__(self, *, most_kept: int = MOST_KEPT) -> None:
        self.size = 0
        """Bytes so far."""
        self._left_to_keep = most_kept
        self._pieces: list[tuple[int, bytes | bytearray]] = []
        self._index_seen = False
        self._lost = False  # behind a broken header, or in a box without an end, no further box can be found
        self._begin(0)

    def _begin(self, start: int) -> None:
        """From here on: the box that begins at `start`. Its header is wanted first."""
        self._start = start
        self._piece = bytearray()
        self._wanted: int | None = _HEADER  # bytes of it that are kept; None: all that come
        self._length: int | None = None
        self._lost = self._lost or len(self._pieces) > _MOST_BOXES

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `InvalidVideoError` for an index that is larger than `most_kept`."""
        position = 0
        while position < len(chunk) and not self._lost:
            ahead = self._start - (self.size + position)
            if ahead > 0:
                position += ahead
                continue
            end = None if self._wanted is None else position + self._wanted - len(self._piece)
            taken = chunk[position:end]
            self._keep(taken)
            position += len(taken)
        self.size += len(chunk)

    def finish(self) -> Mp4Summary:
        """What the whole file says of itself. Raises `InvalidVideoError` exactly where `check_mp4` would.

        This is work for a worker thread: an index can have millions of entries.
        """
        pieces = [*self._pieces, (self._start, self._piece)]
        with io.BufferedReader(_Kept(pieces, self.size)) as file:
            return check_mp4(file, self.size)

    def _keep(self, data: bytes) -> None:
        self._left_to_keep -= len(data)
        if self._left_to_keep < 0:
            raise InvalidVideoError("The index of the video is too large to be checked while it goes by.")
        self._piece += data
        if self._length is None and len(self._piece) == self._wanted:
            self._read_header()
        if self._length is not None and len(self._piece) == self._wanted:
            self._pieces.append((self._start, self._piece))
            self._begin(self._start + self._length)

    def _read_header(self) -> None:
        length, kind, header = int.from_bytes(self._piece[:4], "big"), self._piece[4:8], len(self._piece)
        if length == 1 and header == _HEADER:
            self._wanted = _WIDE_HEADER
            return
        if header == _WIDE_HEADER:
            length = int.from_bytes(self._piece[8:], "big")
        index = kind == b"moof" or (kind == b"moov" and not self._index_seen)
        self._index_seen = self._index_seen or kind == b"moov"
        if length >= header:
            self._length, self._wanted = length, length if index else header
        elif length == 0 and header == _HEADER and index:
            self._wanted = None
        else:
            self._lost = True


class _Kept(io.RawIOBase):
    """A file of which only some pieces are there; nobody looks at the rest, which reads as zeros."""

    def __init__(self, pieces: list[tuple[int, bytes | bytearray]], size: int) -> None:
        self._pieces = pieces
        self._starts = [start for start, _ in pieces]
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # no Buffer before 3.12
        begin, end = self._position, max(self._position, min(self._size, self._position + len(buffer)))
        buffer[: end - begin] = bytes(end - begin)
        for number in range(max(0, bisect_right(self._starts, begin) - 1), bisect_left(self._starts, end)):
            start, piece = self._pieces[number]
            low, high = max(begin, start), min(end, start + len(piece))
            if low < high:
                buffer[low - begin : high - begin] = piece[low - start : high - start]
        self._position = end
        return end - begin
