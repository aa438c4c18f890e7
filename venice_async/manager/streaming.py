"""`JobStream`: a job's video as bytes in the caller's hands."""

import contextlib
from collections.abc import AsyncIterator, Callable, Generator
from types import TracebackType
from typing import Any, Protocol, Self

from venice_async.bodies import VideoBody
from venice_async.disk import DiskPool
from venice_async.download import read_file
from venice_async.errors import InvalidRequestError, VeniceError
from venice_async.jobs import ACTIVE, Delivery, JobRecord, JobState, VideoFile
from venice_async.outlet import HandedOver, Outlet, Outlets
from venice_async.streams import StreamedVideo, VideoStream
from venice_async.wire.exchange import ReplyHead


class Streamed(Protocol):
    """What a stream needs of its job."""

    record: JobRecord

    def watch(self, watcher: Callable[[Any], None]) -> None: ...

    def unwatch(self, watcher: Callable[[Any], None]) -> None: ...

    def stopped_by(self) -> VeniceError: ...

    def __await__(self) -> Generator[Any, None, VideoFile]: ...


class JobStream:
    """An async context manager: iterate it once, with `async for`, for the bytes of a job's video.

    The last bytes are given only when the video is proven whole; until then whatever was made of the
    others is to be thrown away if iterating raises. Where the context is left before, or with an error,
    the video still waits at the server, for 24 hours after it was queued, and can be opened again.
    """

    def __init__(
        self, job: Streamed, *, owner: int, enter: Callable[[], None], outlets: Outlets, disk: DiskPool, max_size: int
    ) -> None:
        self._job = job
        self._owner = owner
        self._enter = enter
        self._outlets = outlets
        self._disk = disk
        self._outlet: Outlet | None = None
        self._delete_remote = False
        self._stream = VideoStream(self._opened(), max_size=max_size)

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[VideoBody]:
        if self._job.record.delivery is Delivery.DISK:
            video = await self._job
            head = ReplyHead(status=200, headers={"content-length": str(video.size)})
            yield VideoBody(head, read_file(video.path, pool=self._disk))
            return
        self._outlet = outlet = self._outlets.open(self._job.record.id)
        if outlet is None:
            raise _refusal(f"Somebody reads the video of job {self._job.record.key!r} already.")
        try:
            if self._job.record.state is JobState.COMPLETED:
                raise _refusal(f"The video of job {self._job.record.key!r} was handed over already.")
            if not self._is_ours():
                raise _refusal(f"Another process works on job {self._job.record.key!r}: open its stream there.")
            self._job.watch(self._at_rest)
            self._enter()
            yield await outlet.body()
        finally:
            self._job.unwatch(self._at_rest)
            self._outlets.close(self._job.record.id)

    def _at_rest(self, job: Streamed) -> None:
        if self._outlet is not None:
            self._outlet.fail(job.stopped_by())

    @property
    def content_length(self) -> int | None:
        """The announced size in bytes; None where the server does not say."""
        return self._stream.content_length

    @property
    def video(self) -> StreamedVideo:
        """Size and hash of what came. Raises IncompleteDownloadError as long as it has not come whole."""
        return self._stream.video

    def delete_remote(self) -> None:
        """Say that your own copy is durable: the server's is deleted after the context has ended well.

        Without this word nothing is deleted there; it expires by itself after 24 hours.
        """
        self._delete_remote = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    def _is_ours(self) -> bool:
        record = self._job.record
        return record.owner == self._owner or record.state not in ACTIVE

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outlet is not None:
            await self._outlet.end(self._handed() if kind is None else None)
        await self._stream.__aexit__(kind, error, trace)

    def _handed(self) -> HandedOver | None:
        with contextlib.suppress(VeniceError):
            return HandedOver(video=self._stream.video, delete_remote=self._delete_remote)
        return None


def _refusal(sentence: str) -> InvalidRequestError:
    return InvalidRequestError(sentence, problems=(sentence,))
