"""The socket door: aiohttp.web over the brain, on this machine only."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from venice_async.emulator.brain import Brain
from venice_async.emulator.messages import MAX_BODY, EmulatedAnswer, EmulatedRequest, json_answer
from venice_async.emulator.visits import API_ROOT, MEDIA_ROOT
from venice_async.emulator.wallets import Stay
from venice_async.links import is_loopback

if TYPE_CHECKING:
    from aiohttp import web

_CHUNK: Final = 2**18
_MISDIRECTED: Final = "This server answers to names of this machine only"


class SocketDoor:
    """One listening socket. Its sleeps and instants are in job seconds."""

    def __init__(
        self,
        brain: Brain,
        *,
        now: Callable[[], float],
        wall: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._brain = brain
        self._now = now
        self._wall = wall
        self._sleep = sleep
        self._runner: web.ServerRunner | None = None
        self._origin = ""
        self._stays: dict[Any, Stay] = {}
        """By connection, which has one request at a time."""

    @property
    def url(self) -> str:
        """The API's base URL."""
        return self._origin + API_ROOT

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one."""
        from aiohttp import web

        runner = web.ServerRunner(_server(self._handle, self._leave), shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        address = runner.addresses[0]
        name = f"[{address[0]}]" if ":" in address[0] else address[0]
        self._origin = f"http://{name}:{address[1]}"

    async def aclose(self) -> None:
        """Stop listening and close every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: "web.BaseRequest") -> "web.StreamResponse":
        if not _is_ours(request.headers.get("host", "")):
            return _response(json_answer(421, {"error": _MISDIRECTED}))
        headers = {name.lower(): value for name, value in request.headers.items()}
        stay = self._stays[request.protocol] = self._brain.arrive(request.path, headers)
        try:
            response = await self._respond(request, headers, crowded=stay.refused)
            with contextlib.suppress(ConnectionError):  # whoever went away needs no answer
                await response.prepare(request)
                await response.write_eof()  # it is in flight until it was sent
        finally:
            self._leave(request.protocol)
            stay.leave()
        return response

    def _leave(self, connection: Any) -> None:
        """Note that a connection has no request any more, or is gone."""
        stay = self._stays.pop(connection, None)
        if stay is not None:
            stay.leave()

    async def _respond(
        self, request: "web.BaseRequest", headers: Mapping[str, str], *, crowded: bool
    ) -> "web.StreamResponse":
        read = await self._read(request, headers, crowded=crowded)
        answer = self._brain.answer(read, now=self._now(), wall=self._wall())
        if answer.drop is not None:
            return _hang_up(request)
        if answer.later is not None:
            answer = await asyncio.get_running_loop().run_in_executor(None, answer.finished)
        if answer.delay:
            await self._sleep(answer.delay)
        if isinstance(answer.body, bytes) and answer.cut_at is None and answer.pace == math.inf:
            return _response(answer)
        return await self._stream(request, answer)

    async def _read(self, request: "web.BaseRequest", headers: Mapping[str, str], *, crowded: bool) -> EmulatedRequest:
        from aiohttp import web

        body, oversized = b"", False
        try:
            body = await request.read() if request.can_read_body else b""
        except web.HTTPRequestEntityTooLarge:
            oversized = True
        return EmulatedRequest(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=headers,
            body=body,
            oversized=oversized,
            media_base=self._origin + MEDIA_ROOT.rstrip("/"),
            origin=self._origin,
            crowded=crowded,
        )

    async def _stream(self, request: "web.BaseRequest", answer: EmulatedAnswer) -> "web.StreamResponse":
        from aiohttp import web

        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = answer.length
        await response.prepare(request)
        for chunk in answer.chunks(int(max(1, min(_CHUNK, answer.pace)))):
            # A piece takes its time before it is sent: whoever has the last one finds the request over.
            if answer.pace < math.inf:
                await self._sleep(len(chunk) / answer.pace)
            await response.write(chunk)
        if answer.cut_at is not None and request.transport is not None:
            request.transport.close()  # what was written still arrives; abort() would drop some of it
        return response


def _server(
    handle: "Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]", leave: Callable[[Any], None]
) -> "web.Server":
    """aiohttp's low-level server: no router, no middleware, no access log, and errors in JSON.

    `leave` is told of each connection that was lost, whatever its handler is doing then.
    """
    from aiohttp import web
    from aiohttp.http import RawRequestMessage
    from aiohttp.streams import StreamReader

    class JsonHandler(web.RequestHandler):
        __slots__ = ()

        def handle_error(
            self,
            request: web.BaseRequest,
            status: int = 500,
            exc: BaseException | None = None,
            message: str | None = None,
        ) -> web.StreamResponse:
            if status >= 500 and not isinstance(exc, ConnectionError):  # who goes away in the middle is no fault
                super().handle_error(request, status, exc, message)  # our own: log it
            said = "The request cannot be read" if status < 500 else "The emulator failed"
            answer = _response(json_answer(status, {"error": said}))
            answer.force_close()
            return answer

    class JsonServer(web.Server):
        def __call__(self) -> web.RequestHandler:
            quiet: dict[str, Any] = {"access_log": None}
            return JsonHandler(self, loop=asyncio.get_running_loop(), **quiet)

        def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
            leave(handler)
            super().connection_lost(handler, exc)

    def make(
        message: RawRequestMessage, payload: StreamReader, protocol: Any, writer: Any, task: "asyncio.Task[None]"
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)

    return JsonServer(handle, request_factory=make)


def _response(answer: EmulatedAnswer) -> "web.StreamResponse":
    from aiohttp import web

    body = answer.body if isinstance(answer.body, bytes) else b""
    return web.Response(status=answer.status, headers=answer.headers, body=body)


def _hang_up(request: "web.BaseRequest") -> "web.StreamResponse":
    from aiohttp import web

    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _is_ours(host: str) -> bool:
    """Whether a Host header names this machine: a page of another site that resolves to it must get nothing."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)
