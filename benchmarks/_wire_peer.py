"""A peer of bare sockets that breaks the wire in one way, a given number of times, and then behaves."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Final, Self

from attrs import define, frozen

QUEUE_ID: Final = "6f1c9f0e-0000-4000-8000-000000000001"
TOKEN: Final = "canary-link-77b2e0"  # noqa: S105 -- a stand-in for a secret
"""A private link's secret part."""
VENICE_HEADERS: Final = (("Content-Type", "application/json"), ("x-venice-version", "1"), ("CF-RAY", "8f-VIE"))
GOOD: Final = {
    "queue": b'{"model":"m","queue_id":"%s"}' % QUEUE_ID.encode(),
    "retrieve": b'{"status":"PROCESSING","average_execution_time":1000,"execution_duration":10}',
    "complete": b'{"success":true}',
    "quote": b'{"quote":0.35}',
    "models": b'{"data":[]}',
    "download": b"\x00\x00\x00\x10ftypisom" + bytes(20_000),
    "revoke": b"",
}
"""A good answer of each endpoint."""


def answer(
    body: bytes, *, status: int = 200, length: int | None = None, headers: tuple[tuple[str, str], ...] = VENICE_HEADERS
) -> bytes:
    """The bytes of an answer; `length` is declared in place of the true one."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@define
class Line:
    """One accepted connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    good: bytes
    """What a healthy server would say."""
    begun: bytes = b""
    """What was read already, to see whether there is a request at all."""

    async def begins(self) -> bool:
        """Whether one more request comes on this connection."""
        self.begun = await self.reader.read(1)
        return self.begun != b""

    async def head(self) -> bytes:
        """The request's head."""
        begun, self.begun = self.begun, b""
        return begun + await self.reader.readuntil(b"\r\n\r\n")

    async def body(self, head: bytes, *, share: float = 1.0) -> None:
        """So much of the request's body."""
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await self.reader.readexactly(int(int(line.partition(b":")[2]) * share))

    async def request(self) -> None:
        """The whole request."""
        await self.body(await self.head())

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Line], Awaitable[None]]


@frozen(kw_only=True)
class Fault:
    """One way to break a wire, and how a paid call must come out of it."""

    name: str
    behave: Behaviour
    paid: tuple[str, ...]
    """Allowed outcomes of a small paid call."""
    paid_big: tuple[str, ...] = ()
    """Allowed outcomes of one with megabytes of media, where they differ."""
    free: tuple[str, ...] = ("repeated", "raised")
    patience: float = 10.0
    """Seconds after which the caller is to give up: short only where nothing will ever come."""


async def _rst_on_accept(line: Line) -> None:
    line.reset()


async def _fin_on_accept(line: Line) -> None:
    line.writer.close()


async def _rst_after_head(line: Line) -> None:
    await line.head()
    line.reset()


async def _fin_after_head(line: Line) -> None:
    await line.head()
    line.writer.close()


async def _rst_half_body(line: Line) -> None:
    await line.body(await line.head(), share=0.5)
    line.reset()


async def _fin_half_body(line: Line) -> None:
    await line.body(await line.head(), share=0.5)
    line.writer.close()


async def _early_413(line: Line) -> None:
    await line.head()
    closing = (*VENICE_HEADERS, ("Connection", "close"))
    await line.send(answer(b'{"error":"Payload too large"}', status=413, headers=closing))
    await line.reader.read(2**16)


async def _rst_after_request(line: Line) -> None:
    await line.request()
    line.reset()


async def _fin_after_request(line: Line) -> None:
    await line.request()
    line.writer.close()


async def _hang(line: Line) -> None:
    await line.request()
    await line.reader.read()  # until the caller gives up


async def _half_head(line: Line) -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\nContent-Ty")


async def _garbage(line: Line) -> None:
    await line.request()
    await line.send(b"\x00\xff this is not HTTP at all\r\n\r\n")


async def _two_lengths(line: Line) -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}")


async def _endless_header(line: Line) -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n")


async def _short_length(line: Line) -> None:
    await line.request()
    await line.send(answer(b'{"queue_i', length=500))


async def _rst_in_body(line: Line) -> None:
    await line.request()
    await line.send(answer(b'{"queue_i', length=500))
    line.reset()


async def _stall_in_body(line: Line) -> None:
    await line.request()
    await line.send(answer(b'{"queue_i', length=500))
    await line.reader.read()


async def _short_chunks(line: Line) -> None:
    await line.request()
    await line.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"queue_i\r\n')


async def _broken_chunks(line: Line) -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")


async def _cut_after_id(line: Line) -> None:
    await line.request()
    await line.send(answer(line.good[:-1] + b',"more', length=len(line.good) + 500))


async def _no_length(line: Line) -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + line.good)


async def _drip(line: Line) -> None:
    await line.request()
    data = answer(line.good)
    for start in range(0, len(data), 1 + len(data) // 50):
        await line.send(data[start : start + 1 + len(data) // 50])
        await asyncio.sleep(0.001)


async def _continues(line: Line) -> None:
    await line.request()
    await line.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)
    await line.send(answer(line.good))


async def behave_well(line: Line) -> None:
    """Answer each request of the connection with what is good."""
    while True:
        await line.request()
        await line.send(answer(line.good))


_SURE = ("unknown",)
_RACE = ("resent", "unknown")  # a small body's last byte may have left before the news of the reset arrives
_UNSENT = ("resent",)

FAULTS: Final = (
    Fault(name="RST on accept", behave=_rst_on_accept, paid=_RACE),
    Fault(name="FIN on accept", behave=_fin_on_accept, paid=_RACE),
    Fault(name="RST after head", behave=_rst_after_head, paid=_RACE, paid_big=_UNSENT),
    Fault(name="FIN after head", behave=_fin_after_head, paid=_RACE, paid_big=_UNSENT),
    Fault(name="RST after half the body", behave=_rst_half_body, paid=_RACE, paid_big=_UNSENT),
    Fault(name="FIN after half the body", behave=_fin_half_body, paid=_RACE, paid_big=_UNSENT),
    Fault(name="413 before the body", behave=_early_413, paid=("refused",), free=("refused",)),
    Fault(name="RST after the request", behave=_rst_after_request, paid=_SURE),
    Fault(name="FIN after the request", behave=_fin_after_request, paid=_SURE),
    Fault(name="no answer", behave=_hang, paid=_SURE, patience=0.3),
    Fault(name="half a head", behave=_half_head, paid=_SURE),
    Fault(name="not HTTP", behave=_garbage, paid=_SURE),
    Fault(name="two lengths", behave=_two_lengths, paid=_SURE),
    Fault(name="endless header", behave=_endless_header, paid=_SURE),
    Fault(name="body too short", behave=_short_length, paid=_SURE),
    Fault(name="RST in the body", behave=_rst_in_body, paid=_SURE),
    Fault(name="stall in the body", behave=_stall_in_body, paid=_SURE, patience=0.3),
    Fault(name="chunks too short", behave=_short_chunks, paid=_SURE),
    Fault(name="chunks broken", behave=_broken_chunks, paid=_SURE),
    Fault(name="cut after the queue_id", behave=_cut_after_id, paid=("good",)),
    Fault(name="no length", behave=_no_length, paid=("good",), free=("good",)),
    Fault(name="drip", behave=_drip, paid=("good",), free=("good",)),
    Fault(name="50 times 100", behave=_continues, paid=("good",), free=("good",)),
)


class Peer:
    """Listens on a loopback port. So many `broken` requests meet the fault, what comes later is answered well."""

    def __init__(
        self,
        good: bytes,
        *,
        fault: Behaviour,
        healthy_first: int = 0,
        broken: int = 1,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._good = good
        self._fault = fault
        self._healthy_left = healthy_first
        self._broken_left = broken
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self.hits = 0

    @property
    def url(self) -> str:
        """The API's base URL."""
        port = self._server.sockets[0].getsockname()[1]
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{port}/api/v1"

    @property
    def link(self) -> str:
        """A private link."""
        return self.url.replace("/api/v1", f"/media/{TOKEN}")

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._serve(Line(reader, writer, self._good))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the caller went away, or this is over
        finally:
            writer.close()

    async def _serve(self, line: Line) -> None:
        while self._healthy_left > 0:
            await line.request()
            self._healthy_left -= 1
            await line.send(answer(line.good))
            if not await line.begins():
                return
        self.hits += 1
        if self._broken_left > 0:
            self._broken_left -= 1
            await self._fault(line)
        else:
            await behave_well(line)
