"""The steps of one job's life. Each goes by the job's record alone: intent to the ledger first, then the act.

Nothing here knows of other jobs; whoever calls these steps decides when.
"""

import asyncio
import contextlib
import enum
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from venice_async import disk
from venice_async.bodies import VideoBody
from venice_async.client import VeniceClient
from venice_async.disk import DiskPool
from venice_async.download import DEFAULT_MAX_SIZE, Overwrite, matches, publish, receive
from venice_async.errors import Charge, DownloadError, LedgerError, ReplyLostError, UnexpectedReplyError, VeniceError
from venice_async.governor import Ticket
from venice_async.jobs import (
    Cleanup,
    JobDelayed,
    JobEvent,
    JobPolled,
    JobProgress,
    JobRecord,
    JobState,
    JobStateChanged,
    error_text,
)
from venice_async.ledger.protocol import Ledger
from venice_async.models import Completed, Processing, QueuedVideo
from venice_async.naming import part_path
from venice_async.verdicts import (
    DAY,
    Tries,
    Verdict,
    held,
    judge_link,
    judge_missing_link,
    judge_queue,
    judge_retrieve,
    judge_transfer,
)
from venice_async.wire.stored import request_from_text

_NO_FILE: dict[str, Any] = {"size": None, "sha256": None, "cleanup": Cleanup.NONE}
"""What a record says again when a transfer came to nothing."""


class Step(enum.Enum):
    """How a step ended, for whoever decides what comes next."""

    MOVED = "moved"
    """The record is in its new state."""
    PROCESSING = "processing"
    """The server works on it."""
    AGAIN = "again"
    """Trouble that is this job's own: repeat the step after the delay."""
    BUSY = "busy"
    """Trouble that other jobs of the model meet as well: the scheduler decides when."""
    ACCOUNT = "account"
    """The account was refused: no other request would fare better."""


@frozen(kw_only=True)
class Outcome:
    """What a step came to."""

    record: JobRecord
    step: Step
    delay: float = 0.0
    answer: Processing | None = None
    error: VeniceError | None = None
    retry_after: float | None = None


Report = Callable[[JobRecord, JobEvent | None], None]


class Runner:
    """Carries out the steps. `report` is called with each new record, and the event where something happened."""

    def __init__(
        self,
        *,
        client: VeniceClient,
        ledger: Ledger,
        disk: DiskPool,
        report: Report,
        rng: random.Random,
        overwrite: Overwrite = Overwrite.REFUSE,
        max_size: int = DEFAULT_MAX_SIZE,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._disk = disk
        self._report = report
        self._rng = rng
        self._overwrite = overwrite
        self._max_size = max_size
        self._tries: dict[str, Tries] = {}

    async def submit_once(self, record: JobRecord, ticket: Ticket) -> Outcome:
        """Make the paid call once. The intent is durable before the first byte can leave."""
        try:
            request = request_from_text(record.request)
            record = await self._move(
                record, state=JobState.QUEUEING, attempt=record.attempt + 1, queueing_at=self._client.clock.wall()
            )
            queued = await self._client.queue_with(ticket, request)
        except VeniceError as error:
            if isinstance(error, LedgerError):
                raise
            failure = error
        except asyncio.CancelledError:
            if record.state is JobState.QUEUEING:
                await self._unknown(record)
            raise
        else:
            return await self._queued(record, queued)
        finally:
            self._client.governor.settle(ticket)
        verdict = judge_queue(failure, self._tries_of(record), self._now())
        return await self._carry_out(record, verdict, failure)

    async def _queued(self, record: JobRecord, queued: QueuedVideo) -> Outcome:
        """Record what was paid for. The queue_id cannot be asked for again, so it is not lost to a failed write."""
        facts: dict[str, Any] = {
            "model": queued.model,  # a retired model may be remapped, and the job is asked for by its new name
            "queue_id": queued.queue_id,
            "download_url": queued.download_url,
            "queued_at": self._client.clock.wall(),
            "charge": Charge.CHARGED,
        }
        with contextlib.suppress(LedgerError):
            return Outcome(record=await self._move(record, state=JobState.QUEUED, **facts), step=Step.MOVED)
        try:
            # Another process may have taken this call for lost and said so in the ledger: now it is known better.
            current = await self._ledger.get(record.id) or record
            state = current.state if current.state.terminal else JobState.QUEUED
            return Outcome(record=await self._move(current, state=state, **facts), step=Step.MOVED)
        except LedgerError as error:
            reason = error.message
        advice = f"The server took the job under the queue_id {queued.queue_id!r}: keep it, no ledger does."
        raise LedgerError(reason, charge=Charge.CHARGED, advice=advice)

    async def _unknown(self, record: JobRecord) -> None:
        # Best effort: without it the record stays QUEUEING, and the next start reads that as UNKNOWN.
        error = ReplyLostError("The paid call was given up before its answer came.", charge=Charge.UNVERIFIED)
        move = self._move(record, error=error, state=JobState.UNKNOWN, charge=Charge.UNVERIFIED, finished_at=None)
        with contextlib.suppress(LedgerError):
            await move

    async def poll_once(self, record: JobRecord, ticket: Ticket, *, on_ready: Callable[[], None]) -> Outcome:
        """Ask once; where the video is ready, bring it home. `on_ready` is called when the answer says so."""
        video = _queued_video(record)
        transferring = False
        try:
            async with self._client.retrieve(video, ticket=ticket) as answer:
                if isinstance(answer, Processing):
                    return await self._processing(record, answer)
                on_ready()
                if isinstance(answer, VideoBody):
                    transferring = True
                    record = await self._move(record, state=JobState.DOWNLOADING)
                    return await self._deliver(record, answer)
        except VeniceError as error:
            if isinstance(error, LedgerError):
                raise
            failure = error
        else:
            return await self._fetch_link(record, video, answer)
        finally:
            self._client.governor.settle(ticket)
        tries = self._tries_of(record)
        if transferring:
            record = await self._ledger_state(record)
            return await self._carry_out(record, judge_transfer(failure, tries, self._now()), failure)
        verdict = judge_retrieve(failure, tries, self._now(), age=self._age(record))
        return await self._carry_out(record, verdict, failure)

    async def _processing(self, record: JobRecord, answer: Processing) -> Outcome:
        self._tries_of(record).good_answer()
        self._report(
            record,
            JobPolled(
                **self._about(record),
                average_execution_time=answer.average_execution_time,
                execution_duration=answer.execution_duration,
            ),
        )
        if self._age(record) > DAY:
            late = f"The server still says {answer.status} a day after it took the job."
            return await self._carry_out(record, held("overdue"), UnexpectedReplyError(late, charge=Charge.CHARGED))
        return Outcome(record=record, step=Step.PROCESSING, answer=answer)

    async def _fetch_link(self, record: JobRecord, video: QueuedVideo, _answer: Completed) -> Outcome:
        tries = self._tries_of(record)
        if video.download_url is None:
            failure: VeniceError = UnexpectedReplyError(
                "The video is ready at a link that was shown once and is not known here.", charge=Charge.CHARGED
            )
            return await self._carry_out(record, judge_missing_link(tries, self._now()), failure)
        record = await self._move(record, state=JobState.DOWNLOADING)
        try:
            async with self._client.download(video) as body:
                return await self._deliver(record, body)
        except VeniceError as error:
            if isinstance(error, LedgerError):
                raise
            failure = error
        record = await self._ledger_state(record)
        return await self._carry_out(record, judge_link(failure, tries, self._now()), failure)

    async def _drop_part(self, record: JobRecord) -> None:
        await self._disk.run(disk.remove_quietly, part_path(Path(record.output), record.id))

    async def _deliver(self, record: JobRecord, body: VideoBody) -> Outcome:
        """Bytes to a durable file; its hash is recorded before its name is given, so that a later start knows it."""
        destination = Path(record.output)

        def progress(received: int, total: int | None) -> None:
            self._report(record, JobProgress(**self._about(record), received=received, total=total))

        part = await receive(
            aiter(body),
            part_path(destination, record.id),
            pool=self._disk,
            expected_size=body.content_length,
            max_size=self._max_size,
            on_progress=progress,
        )
        # Where nothing tells the body's end from a cut, the copy at the server may be the only whole one: it stays.
        cleanup = Cleanup.PENDING if body.head.framed else Cleanup.NONE
        record = await self._move(record, size=part.size, sha256=part.sha256, cleanup=cleanup)
        path = await publish(part, destination, pool=self._disk, overwrite=self._overwrite)
        return await self._completed(record, path)

    async def _completed(self, record: JobRecord, path: Path) -> Outcome:
        self._tries.pop(record.id, None)
        record = await self._move(
            record,
            state=JobState.COMPLETED,
            output=str(path),
            finished_at=self._client.clock.wall(),
        )
        return Outcome(record=record, step=Step.MOVED)

    async def recover(self, record: JobRecord) -> JobRecord:
        """Bring a record that an earlier process left half-way into a state from which work goes on."""
        if record.state is JobState.QUEUEING:
            error = ReplyLostError("The program ended while the paid call was on its way.", charge=Charge.UNVERIFIED)
            return await self._move(record, error=error, state=JobState.UNKNOWN, charge=Charge.UNVERIFIED)
        if record.state is not JobState.DOWNLOADING:
            return record
        path = Path(record.output)
        if record.size and record.sha256:
            with contextlib.suppress(DownloadError):
                if await matches(path, size=record.size, sha256=record.sha256, pool=self._disk):
                    await self._drop_part(record)
                    return (await self._completed(record, path)).record
        return await self._move(record, state=JobState.QUEUED, **_NO_FILE)

    async def clean_up(self, record: JobRecord) -> JobRecord:
        """Delete at the server what is safe here. Raises VeniceError where that fails; the job is done anyway."""
        video = _queued_video(record)
        if self._age(record) < DAY:
            if video.download_url is not None:
                await self._client.revoke(video)
            elif not await self._client.complete(video):
                raise UnexpectedReplyError("The server did not delete the video.", charge=Charge.CHARGED)
        return await self._move(record, cleanup=Cleanup.DONE, download_url=None)

    async def cancel(self, record: JobRecord) -> JobRecord:
        """Stop waiting for a job, and leave nothing half-way on disk."""
        self._tries.pop(record.id, None)
        await self._drop_part(record)
        return await self._move(record, state=JobState.CANCELLED, finished_at=self._client.clock.wall())

    async def hold(self, record: JobRecord, reason: str, error: VeniceError) -> JobRecord:
        """Let a job wait for a person."""
        return (await self._carry_out(record, held(reason), error)).record

    async def release(self, record: JobRecord) -> JobRecord:
        """A person says: go on."""
        state = JobState.QUEUED if record.queue_id else JobState.PENDING
        return await self._move(record, state=state, held_for=None)

    async def _carry_out(self, record: JobRecord, verdict: Verdict, error: VeniceError) -> Outcome:
        if error.charge is Charge.NONE:
            error.charge = record.charge  # the step cost nothing, but the job may have
        if verdict.state is not None and verdict.state is not record.state:
            record = await self._moved_by(record, verdict, error)
        if verdict.delay is None:
            return Outcome(record=record, step=Step.ACCOUNT if verdict.account else Step.MOVED, error=error)
        step = Step.ACCOUNT if verdict.account else Step.BUSY if verdict.busy else Step.AGAIN
        self._report(record, JobDelayed(**self._about(record), error=error, delay=verdict.delay))
        retry_after = getattr(error, "retry_after", None)
        return Outcome(record=record, step=step, delay=verdict.delay, error=error, retry_after=retry_after)

    async def _moved_by(self, record: JobRecord, verdict: Verdict, error: VeniceError) -> JobRecord:
        changes: dict[str, Any] = {"state": verdict.state, "held_for": verdict.held_for}
        if verdict.charge is not None:
            changes["charge"] = error.charge = verdict.charge
        if verdict.state is JobState.FAILED:
            changes["finished_at"] = self._client.clock.wall()
            self._tries.pop(record.id, None)
        if verdict.state is JobState.PENDING:
            changes["proof"] = getattr(error, "proof", None) or f"refused with {getattr(error, 'status', 0)}"
        if verdict.state is JobState.QUEUED:
            changes |= _NO_FILE
        return await self._move(record, error=error, **changes)

    async def _move(self, record: JobRecord, error: VeniceError | None = None, **changes: Any) -> JobRecord:
        if error is not None:
            changes["error"] = error_text(error)
        elif "state" in changes:
            changes["error"] = None
        after = await self._ledger.move(record, **changes)
        event = None
        if after.state is not record.state:
            event = JobStateChanged(
                **self._about(after), state=after.state, previous=record.state, charge=after.charge, error=error
            )
        self._report(after, event)
        return after

    async def _ledger_state(self, record: JobRecord) -> JobRecord:
        """The record as it is now: a step that broke may have moved it on the way."""
        return await self._ledger.get(record.id) or record

    def _about(self, record: JobRecord) -> dict[str, Any]:
        return {"job_id": record.id, "key": record.key, "model": record.model, "at": self._client.clock.wall()}

    def _tries_of(self, record: JobRecord) -> Tries:
        return self._tries.setdefault(record.id, Tries(self._rng))

    def _now(self) -> float:
        return self._client.clock.monotonic()

    def _age(self, record: JobRecord) -> float:
        return 0.0 if record.queued_at is None else self._client.clock.since(record.queued_at)


def _queued_video(record: JobRecord) -> QueuedVideo:
    return QueuedVideo(model=record.model, queue_id=record.queue_id or "", download_url=record.download_url)
