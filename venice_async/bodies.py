"""Bodies of answers: small ones read whole under a cap, a video handed on as it arrives."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from venice_async.errors import Charge, ReplyLostError, UnexpectedReplyError
from venice_async.models import Completed, Processing
from venice_async.mp4 import looks_like_mp4
from venice_async.transport import Reply
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.replies import status_of

JSON_CAP = 16 * 2**20
"""Bytes of JSON that are read at most; the whole catalogue has less than a tenth."""
WITHIN: Final = 120.0
"""Seconds in which a small body has to come whole, once it is read. Each silence in it is bounded by the transport."""
_ERROR_CAP = 2**20
_PEEK = 12
"""Bytes that tell an MP4 file (`ftyp` stands at offset 4) from anything else."""


class VideoBody:
    """The bytes of a video as they arrive: iterate it once, with `async for`.

    `content_length` is the declared size in bytes, None where the server does not say. Nothing is
    checked here: a body can be cut (then iterating raises ReplyLostError) or be no video at all.
    """

    def __init__(self, head: ReplyHead, chunks: AsyncIterator[bytes]) -> None:
        self.head = head
        self.content_length = head.content_length
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    def __repr__(self) -> str:
        return f"<VideoBody {self.content_length if self.content_length is not None else 'unknown'} bytes>"


async def whole_body(
    reply: Reply,
    *,
    into: bytearray | None = None,
    cap: int = JSON_CAP,
    within: float = WITHIN,
    now: Callable[[], float] = time.monotonic,
) -> bytes:
    """The whole body, of at most `cap` bytes and in at most `within` seconds of `now`.

    Raises ReplyLostError for one that is cut or drips too long, what arrived before stays in `into`, and
    UnexpectedReplyError for one that is too large.
    """
    body = bytearray() if into is None else into
    deadline = now() + within
    async for chunk in reply.chunks():
        body += chunk
        _check_time(deadline, now)
        if len(body) > cap:
            raise UnexpectedReplyError(f"The answer is larger than {cap} bytes.", status=reply.head.status)
    return bytes(body)


async def error_body(reply: Reply, *, now: Callable[[], float] = time.monotonic) -> bytes:
    """As much of an error's body as can be had: the status alone already decides."""
    body = bytearray()
    with contextlib.suppress(ReplyLostError, UnexpectedReplyError):
        await whole_body(reply, into=body, cap=_ERROR_CAP, now=now)
    return bytes(body[:_ERROR_CAP])


async def retrieved(
    reply: Reply, *, within: float = WITHIN, now: Callable[[], float] = time.monotonic
) -> Processing | Completed | VideoBody:
    """What a 200 of retrieve is. Its bytes decide first, then its content type: servers have mislabelled both.

    A status has to come whole `within` so many seconds of `now`; a video has all the time that it needs.
    """
    chunks = reply.chunks()
    start = bytearray()
    deadline = now() + within
    async for chunk in chunks:
        start += chunk
        _check_time(deadline, now)
        if len(start) >= _PEEK:
            break
    labelled = reply.head.content_type.startswith("video/") or reply.head.content_type == "application/octet-stream"
    if looks_like_mp4(bytes(start[:_PEEK])) or (labelled and start and not start.lstrip().startswith((b"{", b"<"))):
        return VideoBody(reply.head, _joined(bytes(start), chunks))
    async for chunk in chunks:
        start += chunk
        _check_time(deadline, now)
        if len(start) > _ERROR_CAP:
            raise UnexpectedReplyError(
                "The answer to retrieve is neither a video nor a status.", status=200, charge=Charge.CHARGED
            )
    return status_of(reply.head, bytes(start))


def _check_time(deadline: float, now: Callable[[], float]) -> None:
    # Looked at when bytes come, so no timer is needed on the way of every poll.
    if now() > deadline:
        raise ReplyLostError("An answer came so slowly that it was given up.")


async def _joined(start: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for chunk in rest:
        yield chunk
