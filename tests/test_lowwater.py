"""The kernel is asked to wait for more bytes only where that can neither hold back an end nor a slow sender."""

import errno
import os
import socket
import sys
from collections.abc import Callable

import pytest
from raw_server import RawServer, Wire

from venice_async import lowwater
from venice_async.lowwater import TICK, LowWater, mark_for
from venice_async.transport import AiohttpTransport
from venice_async.wire.exchange import Call, Channel

LARGE = 100 * 2**20
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux is asked")


class FakeTimer:
    """A call that was put off."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeSocket:
    """Remembers the marks that it was given; as an event loop, the calls that were put off."""

    def __init__(self, *, buffer: int = 2**20, gone: bool = False) -> None:
        self.marks: list[int] = []
        self.timers: list[FakeTimer] = []
        self._buffer = buffer
        self._gone = gone

    def getsockopt(self, level: int, option: int, /) -> int:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_RCVBUF)
        return self._buffer

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_RCVLOWAT)
        if self._gone:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self.marks.append(value)

    def later(self, delay: float, call: Callable[[], None]) -> FakeTimer:
        assert delay == TICK
        self.timers.append(FakeTimer(call))
        return self.timers[-1]

    def tick(self) -> None:
        self.timers[-1].call()


@pytest.mark.parametrize(
    ("came", "left", "buffer", "mark"),
    [
        (15_000_000, LARGE, 2**22, 131_072),
        (15_000_000, LARGE, 131_072, 32_768),
        (250_000, LARGE, 2**22, 10_000),
        (20, LARGE, 2**22, 1),
        (0, LARGE, 2**22, 1),
        (15_000_000, 4 * 2**20 - 1, 2**22, 1),
    ],
)
def test_the_mark_follows_the_speed(came: int, left: int, buffer: int, mark: int) -> None:
    """A hundredth of a second's bytes, a quarter of the buffer at most, and every byte at once near the end."""
    assert mark_for(came=came, left=left, buffer=buffer) == mark


@linux
def test_a_fast_body_is_taken_in_larger_pieces_until_near_its_end() -> None:
    """The mark goes up with the speed, down when the sender pauses, and away before the end."""
    sock = FakeSocket()
    low = LowWater(sock, LARGE, sock.later)
    low.took(15_000_000)
    sock.tick()
    sock.tick()
    low.took(15_000_000)
    sock.tick()
    low.took(LARGE - 30_000_000 - 2**20)
    assert sock.marks == [131_072, 1, 131_072, 1]
    before = len(sock.timers)
    sock.tick()
    assert len(sock.timers) == before


@linux
def test_the_mark_goes_when_nobody_reads_on() -> None:
    """The connection may be used again, and no timer is left."""
    sock = FakeSocket()
    low = LowWater(sock, LARGE, sock.later)
    low.took(15_000_000)
    sock.tick()
    low.close()
    assert sock.marks == [131_072, 1]
    assert sock.timers[-1].cancelled


@pytest.mark.parametrize("size", [None, 0, 2**20])
def test_small_and_unknown_bodies_are_left_alone(size: int | None) -> None:
    """For a status no timer is ever made."""
    sock = FakeSocket()
    low = LowWater(sock, size, sock.later)
    low.took(100)
    low.close()
    assert not sock.timers
    assert not sock.marks


@linux
def test_a_connection_that_is_gone_is_no_trouble() -> None:
    """What went wrong with it is told by whoever reads from it."""
    sock = FakeSocket(gone=True)
    low = LowWater(sock, LARGE, sock.later)
    low.took(15_000_000)
    sock.tick()
    low.close()
    assert not sock.marks


def test_without_a_socket_nothing_happens() -> None:
    """Some event loops do not show theirs."""
    low = LowWater(None, LARGE, FakeSocket().later)
    low.took(LARGE)
    low.close()


@linux
def test_a_real_socket_takes_the_mark() -> None:
    """What the kernel was told is what it says."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        sock = FakeSocket()
        low = LowWater(client, LARGE, sock.later)
        low.took(15_000_000)
        sock.tick()
        mark = client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)
        assert 1 < mark <= client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 4
        low.close()
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


BODY = bytes(range(256)) * 4 * 10 * 1024  # 10 MiB


async def in_small_pieces(wire: Wire) -> None:
    """A large body in pieces, its last bytes one by one, then a small one, all on a connection that stays open."""
    while True:
        seen = await wire.request()
        body = BODY if seen.target.endswith("large") else b"small"
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body) - 5, 16_384):
            await wire.send(body[start : min(start + 16_384, len(body) - 5)])
        for last in range(len(body) - 5, len(body)):
            await wire.send(body[last : last + 1])


@pytest.mark.anyio
async def test_no_byte_of_a_real_transfer_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the mark goes up and down all the time, the body comes whole, and its connection serves the next call."""
    monkeypatch.setattr(lowwater, "TICK", 0.001)
    transport = AiohttpTransport(base_url="http://127.0.0.1/api/v1")
    async with RawServer(in_small_pieces) as server:
        for name in ("large", "small", "large", "small"):
            call = Call(name=name, method="GET", url=f"{server.url}/{name}", channel=Channel.MEDIA)
            async with transport.send(call) as reply:
                body = b"".join([chunk async for chunk in reply.chunks()])
            assert body == (BODY if name == "large" else b"small")
        assert {seen.connection for seen in server.requests} == {server.requests[0].connection}
        await transport.aclose()
