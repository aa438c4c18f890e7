"""Wake up for a worthwhile number of bytes, where the kernel can be asked for that.

Bytes that trickle in wake the event loop for every packet, and each time costs as much as copying a hundred
kilobytes. With a low-water mark the kernel waits until so many bytes are there.
"""

import contextlib
import socket
import sys
from collections.abc import Callable
from typing import Final, Protocol

TICK: Final = 0.25
"""Seconds between two looks at the speed; also the longest time that a mark set too high can hold bytes back."""
_MOST = 128 * 1024
_DELAY = 0.01  # seconds that a byte may wait for others: nobody sees that in a video
_END = 4 * 2**20  # so near the end that what is still on its way may be less than the mark


class Socket(Protocol):
    """What is needed of a socket."""

    def getsockopt(self, level: int, option: int, /) -> int: ...

    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


class Timer(Protocol):
    """A call that can be called off."""

    def cancel(self) -> None: ...


def mark_for(*, came: int, left: int, buffer: int) -> int:
    """The mark in bytes when `came` bytes came since the last tick and `left` are still to come.

    A quarter of the receive buffer (`buffer` bytes) at most: above that the kernel would change the window that the
    sender may fill.
    """
    if left < _END:
        return 1
    return max(1, min(_MOST, buffer // 4, int(came * _DELAY / TICK)))


class LowWater:
    """Keeps the mark of one connection in step with its speed while a body of known length arrives.

    `later` is the event loop's `call_later`. Where the platform has no such mark, nothing happens. `close` puts the
    mark back: the connection may be used for something else.
    """

    __slots__ = ("_came", "_later", "_left", "_mark", "_socket", "_timer")

    def __init__(
        self, sock: Socket | None, size: int | None, later: Callable[[float, Callable[[], None]], Timer]
    ) -> None:
        self._left = size or 0
        self._came = 0
        self._mark = 1
        self._later = later
        self._timer: Timer | None = None
        self._socket = sock if sys.platform == "linux" and self._left >= _END else None
        if self._socket is not None:
            self._timer = later(TICK, self._tick)

    def took(self, size: int) -> None:
        """Note that so many bytes were taken off the connection."""
        self._left -= size
        self._came += size
        if self._mark > 1 and self._left < _END:
            self._put(1)

    def close(self) -> None:
        """No more bytes of this body are wanted."""
        if self._timer is not None:
            self._timer.cancel()
        if self._mark > 1:
            self._put(1)

    def _tick(self) -> None:
        if self._left < _END or self._socket is None:
            return
        self._timer = self._later(TICK, self._tick)
        with contextlib.suppress(OSError):
            buffer = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            self._put(mark_for(came=self._came, left=self._left, buffer=buffer))
        self._came = 0

    def _put(self, mark: int) -> None:
        # A connection that is gone already has no mark, and says so.
        if self._socket is not None and mark != self._mark:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)
            self._mark = mark
