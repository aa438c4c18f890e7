"""Decisions about the bytes of a video as they come: may they come, do they come fast enough, when to write them."""

from collections.abc import Sequence

import attrs

from venice_async.errors import IncompleteDownloadError, InvalidVideoError, VideoTooLargeError
from venice_async.mp4 import looks_like_mp4

_MP4_HEAD = 8


@attrs.frozen(kw_only=True)
class Slowest:
    """The slowest transfer that still counts as one: `speed` in bytes per second, as the mean of `window` seconds."""

    speed: float = attrs.field(default=1024.0, validator=attrs.validators.ge(0))
    window: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))


class Pace:
    """Tells a transfer that only drips from one that is merely slow.

    A transfer without any byte is ended by the transport's read timeout. One byte now and then would pass that
    for ever and hold its place, so each window of time must bring a least number of bytes.
    """

    def __init__(self, slowest: Slowest, *, now: float) -> None:
        self._slowest = slowest
        self.rest(now)

    def rest(self, now: float) -> None:
        """A new window begins: time that went into writing is not the sender's."""
        self._since = now
        self._came = 0

    def check(self, size: int, now: float) -> None:
        """Note `size` more bytes. Raises `IncompleteDownloadError` when a whole window brought too few."""
        self._came += size
        elapsed = now - self._since
        if elapsed < self._slowest.window:
            return
        if self._came < self._slowest.speed * elapsed:
            raise IncompleteDownloadError(
                f"The transfer stalled: {self._came:,} bytes came in {elapsed:.0f} seconds.",
                advice="Fetch the video again.",
            )
        self.rest(now)


class Arrival:
    """The account of one transfer.

    `expected_size` and `max_size` are those of the whole file, and `resumed` bytes of it are here already.
    `block_size` bytes are collected for one thread hop; it may be changed at any time.
    """

    def __init__(self, expected_size: int | None, max_size: int, *, block_size: int = 2**20, resumed: int = 0) -> None:
        self.received = resumed
        self.block_size = block_size
        self._expected = expected_size
        self._max_size = max_size
        self._most = max_size if expected_size is None else min(expected_size, max_size)
        self._block: list[bytes] = []
        self._head: bytes | None = None if resumed else b""  # until enough of it is known
        self._written = resumed
        self._check(expected_size or resumed)

    def take(self, chunk: bytes) -> Sequence[bytes]:
        """Take one chunk of any size; return a block that is worth a thread hop, or nothing yet."""
        self._block.append(chunk)
        self.received += len(chunk)
        if self.received > self._most:
            self._check(self.received)
        if self._head is not None:
            self._check_head(chunk)
        return self._flush() if self.received - self._written >= self.block_size else ()

    def rest(self) -> Sequence[bytes]:
        """What is left when the transfer has ended; refuses one that ended early."""
        if self._expected == 0:
            raise InvalidVideoError("The video was announced with no bytes at all.")
        if self._expected is not None and self.received < self._expected:
            raise IncompleteDownloadError(f"The transfer ended after {self.received:,} of {self._expected:,} bytes.")
        if self.received == 0:
            raise IncompleteDownloadError("The transfer ended before its first byte.")
        return self._flush()

    def pending(self) -> Sequence[bytes]:
        """What came and is not written yet, of a transfer that is broken off but worth keeping."""
        return self._flush()

    def _flush(self) -> Sequence[bytes]:
        block, self._block, self._written = self._block, [], self.received
        return block

    def _check(self, size: int) -> None:
        if size > self._max_size:
            raise VideoTooLargeError(f"The video is larger than the cap of {self._max_size:,} bytes.")
        if self._expected is not None and size > self._expected:
            raise InvalidVideoError(f"More bytes came than the {self._expected:,} that were announced.")

    def _check_head(self, chunk: bytes) -> None:
        """Refuse at its first bytes what is no video, rather than after gigabytes."""
        head = (self._head or b"") + chunk[:_MP4_HEAD]
        self._head = head if len(head) < _MP4_HEAD else None
        if self._head is None and not looks_like_mp4(head):
            kinds = {b"<": "like a web page", b"{": "like JSON"}
            kind = kinds.get(head.lstrip()[:1], "like something else")
            raise InvalidVideoError(f"What came is not an MP4 file: it begins {kind}.")
