"""A gate in front of the server that sees each byte of a paid call, and kills the caller at the byte that it is told.

It speaks just enough HTTP for this: one request per connection, passed on unchanged.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Self
from urllib.parse import urlsplit

from attrs import frozen

STAGES: Final = ("connect", "headers", "half-body", "last-byte", "before-reply", "half-reply", "after-reply")


@frozen(kw_only=True)
class Blade:
    """At which stage of which paid call (from 0) the gate kills."""

    stage: str
    call: int
    strike: Callable[[], None]


class Gate:
    """A listening socket before another one."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self.blade: Blade | None = None
        self._quoted = False
        self._paid_calls = 0

    @property
    def url(self) -> str:
        """The base URL to give to the client."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._path}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # After the quote the next connection is the paid call's: it always gets a fresh one.
            self._strike("connect", due=self._quoted)
            await self._pass_on(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the caller is dead: that is what this is for
        finally:
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        paid = head.startswith(b"POST ") and b"/video/queue " in head.partition(b"\r\n")[0]
        length = _length_of(head)
        self._strike("headers", due=paid)
        body = await reader.readexactly(length // 2)
        self._strike("half-body", due=paid)
        body += await reader.readexactly(length - length // 2)
        self._strike("last-byte", due=paid)
        answer = await self._ask(head, body)
        self._strike("before-reply", due=paid)
        half = len(answer) - 40 if paid else len(answer)
        writer.write(answer[:half])
        await writer.drain()
        if paid and self.blade is not None and self.blade.stage == "half-reply":
            await asyncio.sleep(0.02)  # let the caller read it first
        self._strike("half-reply", due=paid)
        writer.write(answer[half:])
        await writer.drain()
        self._strike("after-reply", due=paid)
        self._paid_calls += paid
        self._quoted = self._quoted or b"/video/quote " in head

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(_closing(head) + body)
            return await reader.read()
        finally:
            writer.close()

    def _strike(self, stage: str, *, due: bool) -> None:
        blade = self.blade
        if due and blade is not None and (blade.stage, blade.call) == (stage, self._paid_calls):
            self.blade = None
            blade.strike()
            raise ConnectionResetError


def _length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _closing(head: bytes) -> bytes:
    lines = [line for line in head.rstrip().split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n"
