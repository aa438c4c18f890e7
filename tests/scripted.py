"""A `Transport` that plays answers and errors from a list, and counts what it is asked."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from venice_async.errors import ReplyLostError, VeniceError
from venice_async.transport import Reply
from venice_async.wire.exchange import Call, ReplyHead

VENICE = {"content-type": "application/json", "x-venice-version": "1", "cf-ray": "8f-VIE"}


class Played:
    """One answer; `cut` ends its body with a ReplyLostError."""

    def __init__(self, status: int, body: object = None, *, cut: bool = False, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.head = ReplyHead(status=status, headers={**VENICE, **named})
        self.body = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.cut = cut
        self.open = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in three pieces."""
        third = max(1, len(self.body) // 3)
        for start in range(0, len(self.body), third):
            yield self.body[start : start + third]
        if self.cut:
            raise ReplyLostError("The answer was cut.")


class ScriptedTransport:
    """Plays its script in order; the last entry again and again."""

    def __init__(self, script: Iterable[Played | VeniceError]) -> None:
        self._script = list(script)
        self.calls: list[Call] = []
        self.open = 0
        self.closed = False

    def send(self, call: Call) -> AbstractAsyncContextManager[Reply]:
        return self._play(call)

    @contextlib.asynccontextmanager
    async def _play(self, call: Call) -> AsyncIterator[Any]:
        self.calls.append(call)
        entry = self._script[0] if len(self._script) == 1 else self._script.pop(0)
        if isinstance(entry, VeniceError):
            raise type(entry)(*entry.args, **vars(entry))
        self.open += 1
        try:
            yield entry
        finally:
            self.open -= 1

    async def aclose(self) -> None:
        self.closed = True
