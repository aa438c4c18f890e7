"""A video handed on as it arrives, without a file: its bytes, and the proof at the end that they were whole."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self, TypeVar

from attrs import frozen

from venice_async.arrival import Arrival
from venice_async.bodies import VideoBody
from venice_async.download import DEFAULT_MAX_SIZE
from venice_async.errors import IncompleteDownloadError, ReplyLostError
from venice_async.mp4_stream import Mp4Watch

T = TypeVar("T")


@frozen(kw_only=True)
class StreamedVideo:
    """What went by: a whole video of `size` bytes with this hexadecimal `sha256`.

    `duration` is in seconds; `duration`, `width` and `height` are None where the video does not say.
    """

    size: int
    sha256: str
    duration: float | None
    width: int | None
    height: int | None


class VideoStream:
    """An async context manager around the body of a video; iterate it once, with `async for`.

    The last chunk is held back until the video is proven whole: the announced length came, and it is an MP4 file with
    all its pictures. Where it is not, iterating raises instead of ending, so whoever passes the bytes on never passes
    on all of them. Until then they are unproven: throw away what was made of them when iterating raises.

    Raises `IncompleteDownloadError` for a transfer that broke or ended early, `InvalidVideoError` for what is no whole
    MP4 file or longer than announced, and `VideoTooLargeError` above `max_size` bytes. On any of them the video is
    paid for and still waits at the server: open a new stream, from the beginning. `executor` is where hashes are
    taken, a MiB at a time; the event loop's own threads unless given.
    """

    def __init__(
        self,
        opened: AbstractAsyncContextManager[VideoBody],
        *,
        max_size: int = DEFAULT_MAX_SIZE,
        executor: Executor | None = None,
    ) -> None:
        self._opened = opened
        self._executor = executor
        self._max_size = max_size
        self._watch = Mp4Watch()
        self._digest = hashlib.sha256()
        self._bytes: AsyncGenerator[bytes, None] | None = None
        self._video: StreamedVideo | None = None
        self.content_length: int | None = None
        """The announced size in bytes; None where the server does not say, and before the stream is open."""

    @property
    def received(self) -> int:
        """Bytes that came so far."""
        return self._watch.size

    @property
    def video(self) -> StreamedVideo:
        """The proof. Raises `IncompleteDownloadError` as long as the video has not come whole."""
        if self._video is None:
            raise IncompleteDownloadError(f"The video has not come whole: {self.received:,} bytes so far.")
        return self._video

    async def __aenter__(self) -> Self:
        self._body = await self._opened.__aenter__()
        self.content_length = self._body.content_length
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._bytes is not None:
                await self._bytes.aclose()
        finally:
            await self._opened.__aexit__(kind, error, trace)

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._bytes is not None:
            raise RuntimeError("a stream is iterated once; open a new one")
        self._bytes = self._checked()
        return self._bytes

    async def _checked(self) -> AsyncGenerator[bytes, None]:
        arrival = Arrival(self.content_length, self._max_size)
        held = broken = None
        try:
            async for chunk in self._body:
                block = arrival.take(chunk)
                self._watch.feed(chunk)
                if block:
                    await self._in_thread(self._hash, block)
                if held and chunk:
                    yield held
                held = chunk or held
        except ReplyLostError as lost:
            broken = lost.message
        if broken is not None:
            raise IncompleteDownloadError(f"The transfer broke after {self.received:,} bytes. {broken}")
        self._video = await self._in_thread(self._prove, arrival.rest())
        if held:
            yield held

    def _prove(self, rest: Sequence[bytes]) -> StreamedVideo:
        self._hash(rest)
        summary = self._watch.finish()
        return StreamedVideo(
            size=self.received,
            sha256=self._digest.hexdigest(),
            duration=summary.duration,
            width=summary.width,
            height=summary.height,
        )

    def _hash(self, block: Sequence[bytes]) -> None:
        for chunk in block:
            self._digest.update(chunk)

    async def _in_thread(self, work: Callable[[Sequence[bytes]], T], block: Sequence[bytes]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, block)

    def __repr__(self) -> str:
        of = "unknown" if self.content_length is None else f"{self.content_length:,}"
        return f"<VideoStream {self.received:,} of {of} bytes{', whole' if self._video else ''}>"
