"""The last step of a job: its bytes to their place, whole or not at all."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs

from venice_async.bodies import VideoBody
from venice_async.client import VeniceClient
from venice_async.disk import DiskPool
from venice_async.download import Overwrite, PartFile, kept_bytes, publish, receive
from venice_async.errors import (
    ConnectError,
    DestinationExistsError,
    IncompleteDownloadError,
    StaleRecordError,
    VeniceError,
)
from venice_async.jobs import Cleanup, Delivery, JobProgress, JobRecord, JobState, JobWarning
from venice_async.models import QueuedVideo
from venice_async.naming import part_path
from venice_async.outlet import Outlets
from venice_async.plausible import doubt_about
from venice_async.recorder import Recorder
from venice_async.recovery import Recovery
from venice_async.wire.ranges import Held, Resume, held_after, judge_rest

LINK_REQUESTS = 4
"""Requests that a private link bears in all."""


class Transfers:
    """Each method takes a record and gives it back COMPLETED, or QUEUED where nobody took the bytes.

    Raises VeniceError where there is no file; the record is then still DOWNLOADING, and what it may
    be moved to is a verdict's to say.
    """

    def __init__(
        self,
        *,
        client: VeniceClient,
        recorder: Recorder,
        recovery: Recovery,
        disk: DiskPool,
        outlets: Outlets,
        overwrite: Overwrite,
        max_size: int,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._recovery = recovery
        self._disk = disk
        self._outlets = outlets
        self._overwrite = overwrite
        self._max_size = max_size
        self._held: dict[str, Held] = {}

    async def inline(self, record: JobRecord, body: VideoBody) -> JobRecord:
        """The body of the answer to a retrieve. A cut one begins anew: it can be asked for as often as one likes."""
        record = await self._downloading(record)
        async with self._unless_taken(record):
            return await self._deliver(record, body)

    async def by_link(self, record: JobRecord, video: QueuedVideo) -> JobRecord:
        """The file behind a private link, which bears only a few requests: they are counted before they are made.

        A cut transfer goes on where it ended, as far as the server lets it.
        """
        if record.delivery is Delivery.CALLER and self._outlets.get(record.id) is None:
            return record  # who wanted it has left: a request for nobody would be one less for whoever comes next
        if record.link_requests >= LINK_REQUESTS:
            raise IncompleteDownloadError("This link was asked for four times already, which is all that it bears.")
        record = await self._downloading(record, link_requests=record.link_requests + 1)
        held = self._held.pop(record.id, None)
        try:
            async with self._unless_taken(record), self._client.download(video, held=held) as body:
                return await self._deliver(record, body, held=held, keep_cut=True)
        except ConnectError:  # nothing reached the server
            if held is not None:
                self._held[record.id] = held
            await self._recorder.move(record, link_requests=record.link_requests - 1)
            raise

    @contextlib.asynccontextmanager
    async def _unless_taken(self, record: JobRecord) -> AsyncIterator[None]:
        """Where this process was stopped for so long that another one took the job, nobody else knows of our part."""
        try:
            yield
        except StaleRecordError:
            self.forget(record.id)
            await self._recovery.drop_part(record)
            raise

    async def _downloading(self, record: JobRecord, **facts: Any) -> JobRecord:
        if record.delivery is Delivery.CALLER:
            return await self._recorder.move(record, state=JobState.DOWNLOADING, **facts)
        # The part's name holds the owner: a process that was stopped for long never writes to its successor's file.
        part = str(part_path(Path(record.output), f"{record.id}-{record.owner}"))
        if record.part != part:
            await self._recovery.drop_part(record)
        return await self._recorder.move(record, state=JobState.DOWNLOADING, part=part, **facts)

    async def _deliver(
        self, record: JobRecord, body: VideoBody, *, held: Held | None = None, keep_cut: bool = False
    ) -> JobRecord:
        """Bytes to a durable file; its hash is recorded before its name is given, so that a later start knows it."""
        if record.delivery is Delivery.CALLER:
            return await self._hand_over(record, body)
        part = await self._received(record, body, held, keep_cut=keep_cut)
        # Where nothing tells the body's end from a cut, the copy at the server may be the only whole one: it stays.
        cleanup = Cleanup.PENDING if body.head.framed else Cleanup.NONE
        facts: dict[str, Any] = {"size": part.size, "sha256": part.sha256, "cleanup": cleanup}
        warning = doubt_about(part, ordered=record.variant)
        record = await self._recorder.move(record, **facts, warning=warning)
        if warning is not None:
            self._recorder.report(record, JobWarning(**self._recorder.about(record), warning=warning))
        path = await self._published(record, part)
        return await self._recovery.completed(record, output=str(path))

    async def _received(self, record: JobRecord, body: VideoBody, held: Held | None, *, keep_cut: bool) -> PartFile:
        rest = Resume.RESTART if held is None else judge_rest(body.head, held)
        if rest is Resume.DISCARD:
            raise IncompleteDownloadError("The server did not go on with the cut transfer.")
        size, resumed = body.content_length, 0
        if held is not None and rest is Resume.APPEND:
            size, resumed = held.total, held.size

        def progress(received: int, total: int | None) -> None:
            self._recorder.report(record, JobProgress(**self._recorder.about(record), received=received, total=total))

        path = Path(record.part or "")
        try:
            return await receive(
                aiter(body),
                path,
                pool=self._disk,
                expected_size=size,
                max_size=self._max_size,
                on_progress=progress,
                resume_from=resumed,
                keep_cut=keep_cut,
            )
        except VeniceError as error:
            if keep_cut and error.transient:
                await self._hold(record.id, body, path, held if resumed else None)
            raise

    async def _hold(self, job_id: str, body: VideoBody, part: Path, before: Held | None) -> None:
        """Remember what a cut transfer has brought. Only here: what a crash leaves of a file has holes in it."""
        size = await kept_bytes(part, pool=self._disk)
        held = held_after(body.head, size) if before is None else attrs.evolve(before, size=size)
        if held is not None and size:
            self._held[job_id] = held

    async def _published(self, record: JobRecord, part: PartFile) -> Path:
        try:
            return await publish(part, Path(record.output), pool=self._disk, overwrite=self._overwrite)
        except DestinationExistsError as error:
            taken = error
        # An earlier try may have put this very video there, and failed only after that.
        path = await self._recovery.published(record)
        if path is None:
            raise taken
        await self._recovery.drop_part(record)
        return path

    async def _hand_over(self, record: JobRecord, body: VideoBody) -> JobRecord:
        """Bytes to the caller; what he does not take whole, or drops, still waits at the server."""
        if (outlet := self._outlets.get(record.id)) is None:
            return await self._recorder.move(record, state=JobState.QUEUED)
        try:
            handed = await outlet.hand_over(body)
            if handed is None:
                return await self._recorder.move(record, state=JobState.QUEUED)
            cleanup = Cleanup.PENDING if handed.delete_remote else Cleanup.NONE
            return await self._recovery.completed(
                record, size=handed.video.size, sha256=handed.video.sha256, cleanup=cleanup
            )
        finally:
            outlet.recorded()

    def forget(self, job_id: str) -> None:
        """Nothing more will be fetched for a job."""
        self._held.pop(job_id, None)
