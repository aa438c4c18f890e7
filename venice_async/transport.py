"""The session layer: one attempt of one call, over aiohttp, with its outcome told in our own words.

What matters here is what can be *proved* when something breaks. aiohttp's exceptions do not tell
whether a request can have been processed, and their texts hold addresses and headers; so every
failure is judged by how far the request got, and none of aiohttp's exceptions leaves this module.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from attrs import field, frozen, validators

from venice_async.decoding import ENCODINGS, decoded
from venice_async.errors import (
    ConfigurationError,
    ConnectError,
    ReplyLostError,
    SendError,
    VeniceError,
)
from venice_async.links import is_loopback
from venice_async.lowwater import LowWater
from venice_async.media import measured
from venice_async.sending import Progress, is_streamed, withholding
from venice_async.wire.exchange import Call, Channel, ReplyHead

if TYPE_CHECKING:
    import aiohttp


class Reply(Protocol):
    """An answer whose body has not been read yet."""

    @property
    def head(self) -> ReplyHead: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, in pieces of any size. Raises ReplyLostError when it is cut."""
        ...


class Transport(Protocol):
    """One attempt of one call. One of the package's three seams.

    `send` raises ConnectError or SendError only where the request provably was not processed, and
    ReplyLostError in every other case of trouble. It never follows a redirect and never tries again.
    """

    def send(self, call: Call) -> AbstractAsyncContextManager[Reply]: ...

    async def aclose(self) -> None: ...


@frozen(kw_only=True)
class Timeouts:
    """Real seconds without any progress after which a call is given up; there is no limit on a whole transfer.

    Sending counts too: a server that stops taking the pieces of a large or paid body has `read`, or `queue_read`.
    `queue_read` is long on purpose: the edge in front of Venice answers by itself after about 100 s,
    and an answer, even an error, is worth more than a paid call whose outcome nobody knows.
    """

    connect: float = field(default=15.0, validator=validators.gt(0))
    read: float = field(default=60.0, validator=validators.gt(0))
    queue_read: float = field(default=180.0, validator=validators.gt(0))


class AiohttpTransport:
    """`Transport` over three aiohttp sessions: paid calls, other API calls, and private links.

    Paid calls use a fresh connection each, because a kept one that the server is just closing
    leaves the outcome of a POST unknown. The session for private links holds no credential, no
    cookie and, unless the API itself is on this machine, connects to public addresses only.
    """

    def __init__(self, *, base_url: str, timeouts: Timeouts | None = None, user_agent: str = "venice-async") -> None:
        if not (user_agent.isascii() and user_agent.isprintable()):  # a line break would begin another header
            raise ConfigurationError("The user agent holds characters that a header cannot carry.")
        self._timeouts = timeouts or Timeouts()
        self._user_agent = user_agent
        self._public_links_only = not is_loopback(urlsplit(base_url).hostname or "")
        self._sessions: dict[Channel, aiohttp.ClientSession] = {}
        self._readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="venice-media")
        self._closed = False

    def send(self, call: Call) -> AbstractAsyncContextManager[Reply]:
        return _Exchange(self.attempt(call), call.name)

    async def attempt(self, call: Call) -> "aiohttp.ClientResponse":
        """The answer's head. Raises as `Transport` says; `send` is the way to call this."""
        import aiohttp

        session = self._session(call.channel)
        stream_body = is_streamed(call)
        progress = Progress(whole_body=not stream_body, traced=call.channel is not Channel.CONTROL)
        options: dict[str, Any] = {"headers": {"accept-encoding": "identity", **call.headers}}
        if stream_body:
            size = await measured(call.body, executor=self._readers)
            options["headers"]["content-length"] = str(size)
            limit = self._read_timeout(call.channel)
            options["data"] = withholding(call, size, progress, limit=limit, executor=self._readers)
        elif call.body:
            options["data"] = call.body[0]
        failure: VeniceError
        try:
            answer = session.request(
                call.method,
                call.url,
                allow_redirects=False,
                trace_request_ctx=progress,
                middlewares=() if call.method == "POST" else (_one_attempt,),
                **options,
            )
            return await (progress.watch(answer) if stream_body else answer)
        except _Interrupted as broken:
            failure = _failure(call, progress, broken.reason)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
                progress.headers_sent = False
            failure = _failure(call, progress, _reason(error), certificate=isinstance(error, aiohttp.ClientSSLError))
        del options  # it holds the credential, and a traceback shows local names
        raise failure

    def _read_timeout(self, channel: Channel) -> float:
        return self._timeouts.queue_read if channel is Channel.QUEUE else self._timeouts.read

    def _session(self, channel: Channel) -> "aiohttp.ClientSession":
        if self._closed:
            raise RuntimeError("the transport is closed")
        if channel not in self._sessions:
            self._sessions[channel] = self._open_session(channel)
        return self._sessions[channel]

    def _open_session(self, channel: Channel) -> "aiohttp.ClientSession":
        import aiohttp

        from venice_async.resolver import PublicResolver

        read = self._read_timeout(channel)
        public_only = channel is Channel.MEDIA and self._public_links_only
        connector = aiohttp.TCPConnector(
            force_close=channel is Channel.QUEUE, limit=100, resolver=PublicResolver() if public_only else None
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"user-agent": self._user_agent},
            timeout=aiohttp.ClientTimeout(
                total=None, connect=self._timeouts.connect, sock_read=read, ceil_threshold=float("inf")
            ),
            trace_configs=[] if channel is Channel.CONTROL else [_trace()],  # polls are many, and need no proof
            read_bufsize=2**18,  # times two it is what each of many transfers may hold in memory
        )

    async def aclose(self) -> None:
        """Close the sessions and wait until their connections are down."""
        self._closed = True
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()
        if sessions:
            await asyncio.sleep(0)  # TLS connections go down one step of the loop later
        self._readers.shutdown(wait=False, cancel_futures=True)

    def __repr__(self) -> str:
        return f"<AiohttpTransport {len(self._sessions)} sessions{' closed' if self._closed else ''}>"


class _Exchange:
    """The context of one exchange; a class, because a generator would cost as much as the rest of our layer."""

    __slots__ = ("_attempt", "_name", "_response")

    def __init__(self, attempt: "Awaitable[aiohttp.ClientResponse]", name: str) -> None:
        self._attempt = attempt
        self._name = name

    async def __aenter__(self) -> Reply:
        self._response = await self._attempt
        return _AiohttpReply(self._response, self._name)

    async def __aexit__(self, *_: object) -> None:
        # A body read to its end gives the connection back; any other rest is not worth reading.
        if not self._response.content.at_eof():
            self._response.close()
        self._response.release()


class _AiohttpReply:
    __slots__ = ("_name", "_response", "head")

    def __init__(self, response: "aiohttp.ClientResponse", name: str) -> None:
        self._response = response
        self._name = name
        headers: dict[str, str] = {}
        for key, value in response.headers.items():
            headers.setdefault(key.lower(), value)
        self.head = ReplyHead(status=response.status, headers=headers)

    def chunks(self) -> AsyncIterator[bytes]:
        encoding = self.head.content_encoding
        return decoded(self._raw_chunks(), encoding) if encoding in ENCODINGS else self._raw_chunks()

    async def _raw_chunks(self) -> AsyncIterator[bytes]:
        import aiohttp

        content, size = self._response.content, self.head.content_length
        # Piece by piece as they came, where their number is small; those of chunked coding come joined.
        read = content.readany if size is None else self._read_piece
        mark = self._low_water(size)
        failure = None
        try:
            while chunk := await read():
                mark.took(len(chunk))
                yield chunk
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            failure = ReplyLostError(f"The answer to {self._name} was cut: {_reason(error)}.")
        finally:
            mark.close()
        if failure is not None:
            chunk = b""  # a traceback shows local names, and a cut answer may repeat a secret
            raise failure

    async def _read_piece(self) -> bytes:
        return (await self._response.content.readchunk())[0]

    def _low_water(self, size: int | None) -> LowWater:
        connection = self._response.connection
        transport = None if connection is None else connection.transport
        sock = None if transport is None else transport.get_extra_info("socket")
        return LowWater(sock, size, asyncio.get_running_loop().call_later)


class _Interrupted(Exception):  # noqa: N818 -- never leaves this module
    """A connection that broke; not one of aiohttp's exceptions, so aiohttp does not silently send the request again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def _one_attempt(
    request: "aiohttp.ClientRequest",
    handler: "Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]",
) -> "aiohttp.ClientResponse":
    # aiohttp repeats GET and DELETE once when the connection drops, and has no switch for it.
    import aiohttp

    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        reason = _reason(error)
    raise _Interrupted(reason)


def _trace() -> "aiohttp.TraceConfig":
    import aiohttp

    async def headers_sent(_session: Any, context: Any, _params: Any) -> None:
        # Called just before the first byte is written: not called means not sent.
        context.trace_request_ctx.headers_sent = True

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(headers_sent)
    return trace


def _failure(call: Call, progress: Progress, reason: str, *, certificate: bool = False) -> VeniceError:
    if progress.refusal is not None:
        return progress.refusal
    host = "the link's host" if call.channel is Channel.MEDIA else urlsplit(call.url).netloc
    if not progress.headers_sent:
        message = f"Cannot connect to {host} for {call.name}: {reason}."
        return ConnectError(message, proof="no connection was made", transient=not certificate)
    if not progress.last_byte_released:
        message = f"The connection to {host} broke while {call.name} was being sent: {reason}."
        return SendError(message, proof="the last byte of the body was withheld")
    return ReplyLostError(f"The answer to {call.name} was lost: {reason}.")


def _reason(error: BaseException) -> str:
    """Why, without aiohttp's own text: that one holds addresses and sometimes headers."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "no secure connection could be made"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection"
    if isinstance(error, OSError) and error.errno:
        import os

        return os.strerror(error.errno).lower()
    return "the connection or the answer was broken"
