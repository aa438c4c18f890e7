"""The bytes of a request on their way out: piece by piece, watched, and the last one held back as a proof."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import Executor
from typing import TypeVar

from venice_async.errors import InvalidRequestError
from venice_async.media import PIECE, encoded
from venice_async.wire.exchange import Call, Channel

T = TypeVar("T")


class Progress:
    """How far a request got: what is false here is proved, what is true may still not have arrived.

    `refusal` is our own reason for stopping in the middle.
    """

    __slots__ = ("_patience", "headers_sent", "last_byte_released", "refusal")

    def __init__(self, *, whole_body: bool, traced: bool) -> None:
        self.headers_sent = not traced
        self.last_byte_released = whole_body
        self.refusal: InvalidRequestError | None = None
        self._patience: asyncio.Timeout | None = None

    async def watch(self, answer: Awaitable[T]) -> T:
        """Wait for an answer. Raises TimeoutError when nothing moved for as long as `wait_for` allowed last."""
        async with asyncio.timeout(None) as self._patience:
            return await answer

    def wait_for(self, seconds: float) -> None:
        """Give the call up unless something moves within so many seconds from now."""
        if self._patience is not None:
            with contextlib.suppress(RuntimeError):  # an answer came early: nobody waits for the rest of the body
                self._patience.reschedule(asyncio.get_running_loop().time() + seconds)


def is_streamed(call: Call) -> bool:
    """Whether a body is sent piece by piece: a paid one for its proof, a large one to leave the loop its turns."""
    large = any(not isinstance(segment, bytes) or len(segment) > PIECE for segment in call.body)
    return large or call.channel is Channel.QUEUE


async def withholding(
    call: Call, size: int, progress: Progress, *, limit: float, executor: Executor | None
) -> AsyncIterator[bytes]:
    """The body, its last byte as a piece of its own: until that is asked for, no server can have parsed it.

    A server may take `limit` seconds for each piece; aiohttp's own read timeout begins only when all is written.
    Raises InvalidRequestError, and keeps it in `progress`, for a file that is not `size` bytes with the rest.
    """
    left = size
    held = b""
    try:
        async for piece in encoded(call.body, executor=executor):
            if held:
                progress.wait_for(limit)
                yield held
            left -= len(piece)
            held = piece
            if left < 0:  # a file that grows while it is read might never end
                break
    except InvalidRequestError as refusal:
        progress.refusal = refusal  # aiohttp would wrap it
        raise
    if left:
        sentence = "A media file changed while it was being sent."
        progress.refusal = InvalidRequestError(sentence, problems=(sentence,))
        raise progress.refusal
    if len(held) > 1:
        progress.wait_for(limit)
        yield held[:-1]
    progress.last_byte_released = True
    progress.wait_for(2 * limit)  # what is still in buffers has to leave, then the answer has its own time
    yield held[-1:]
