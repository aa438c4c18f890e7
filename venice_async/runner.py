"""The steps of one job's life. Each goes by the job's record alone: intent to the ledger first, then the act.

Nothing here knows of other jobs; whoever calls these steps decides when.
"""

import asyncio
import contextlib
import enum
import random
from collections.abc import Callable
from typing import Any

from attrs import frozen

from venice_async.bodies import VideoBody
from venice_async.client import VeniceClient
from venice_async.disk import DiskPool
from venice_async.errors import (
    Charge,
    LedgerError,
    NotFoundError,
    ReplyLostError,
    StaleRecordError,
    UnexpectedReplyError,
    VeniceError,
)
from venice_async.governor import Ticket
from venice_async.jobs import MOVES, Cleanup, JobDelayed, JobPolled, JobRecord, JobState, PaidAnswer
from venice_async.models import Processing, QueuedVideo, VideoRequest
from venice_async.recorder import Recorder
from venice_async.recovery import NO_FILE, Recovery, lost
from venice_async.transfers import Transfers
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
from venice_async.wire.text import LONG


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


class Runner:
    """Carries out the steps. `tops_up`: an empty wallet is seen to elsewhere, and its jobs wait for that."""

    def __init__(
        self,
        *,
        client: VeniceClient,
        recorder: Recorder,
        recovery: Recovery,
        transfers: Transfers,
        disk: DiskPool,
        rng: random.Random,
        tops_up: bool = False,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._recovery = recovery
        self._transfers = transfers
        self._disk = disk
        self._rng = rng
        self._tops_up = tops_up
        self._tries: dict[str, Tries] = {}

    async def submit_once(self, record: JobRecord, ticket: Ticket) -> Outcome:
        """Make the paid call once. The intent is durable before the first byte can leave."""
        if record.state is not JobState.PENDING:
            self._client.governor.settle(ticket)
            raise StaleRecordError(f"Job {record.key!r} is {record.state.value}: no paid call is due.")
        try:
            request = await self._request(record)
            # A wallet's place first: what only stands in line must not look as if it might have been sent.
            await self._client.governor.board(ticket.kind, ticket)
            record = await self._recorder.move(
                record, state=JobState.QUEUEING, attempt=record.attempt + 1, queueing_at=self._client.clock.wall()
            )
            queued = await self._client.queue_with(ticket, request)
        except VeniceError as error:
            if isinstance(error, LedgerError):
                raise
            failure = error
        except asyncio.CancelledError:
            if record.state is JobState.QUEUEING:
                await (self._unknown(record) if ticket.signed else self._not_sent(record))
            raise
        else:
            return await self._queued(record, queued)
        finally:
            self._client.governor.settle(ticket)
        verdict = judge_queue(failure, self._tries_of(record), self._now(), tops_up=self._tops_up)
        try:
            return await self._carry_out(record, verdict, failure)
        except StaleRecordError as error:
            stale = error
        # Another process took this call for lost. What proves that it was not taken settles that.
        current = await self._recorder.current(record)
        doubted = current.state is JobState.UNKNOWN and current.attempt == record.attempt
        if not doubted or verdict.state not in MOVES[JobState.UNKNOWN]:
            raise stale
        return await self._carry_out(current, verdict, failure)

    async def _request(self, record: JobRecord) -> VideoRequest:
        if len(record.request) > LONG:  # with media in it that were given as bytes
            return await self._disk.run(request_from_text, record.request)
        return request_from_text(record.request)

    async def _queued(self, record: JobRecord, queued: QueuedVideo) -> Outcome:
        """Record what was paid for: the queue_id cannot be asked for again, so no trouble with the ledger loses it."""
        answer = PaidAnswer(
            job_id=record.id,
            attempt=record.attempt,
            model=queued.model,  # a retired model may be remapped, and the job is asked for by its new name
            queue_id=queued.queue_id,
            download_url=queued.download_url,
            queued_at=self._client.clock.wall(),
        )
        try:
            return Outcome(record=await self._recorded(record, answer), step=Step.MOVED)
        except LedgerError as error:
            failure = error
        except asyncio.CancelledError:
            self._keep(answer)
            raise
        raise lost(failure, answer, kept=self._keep(answer))

    async def _recorded(self, record: JobRecord, answer: PaidAnswer) -> JobRecord:
        with contextlib.suppress(StaleRecordError):
            return await self._recovery.queued(record, answer)
        # Another process took this call for lost and said so in the ledger: now it is known better.
        return await self._recovery.take_answer(answer)

    def _keep(self, answer: PaidAnswer) -> bool:
        with contextlib.suppress(LedgerError):
            self._recorder.ledger.keep(answer)
            return True
        self._recovery.remember(answer)  # nothing else is left
        return False

    async def _not_sent(self, record: JobRecord) -> None:
        # Best effort as well: it was given up while it waited for its signature, perhaps for a second one after the
        # first had been refused.
        with contextlib.suppress(LedgerError):
            await self._recorder.move(record, state=JobState.PENDING, proof="given up before it was signed")

    async def _unknown(self, record: JobRecord) -> None:
        # Best effort: without it the record stays QUEUEING, and the next start reads that as UNKNOWN.
        error = ReplyLostError("The paid call was given up before its answer came.", charge=Charge.UNVERIFIED)
        move = self._recorder.move(
            record, error=error, state=JobState.UNKNOWN, charge=Charge.UNVERIFIED, finished_at=None
        )
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
                    return self._delivered(await self._transfers.inline(record, answer))
        except VeniceError as error:
            if isinstance(error, LedgerError):
                raise
            failure = error
        else:
            return await self._fetch_link(record, video)
        finally:
            self._client.governor.settle(ticket)
        tries = self._tries_of(record)
        if transferring:
            record = await self._recorder.current(record)
            return await self._carry_out(record, judge_transfer(failure, tries, self._now()), failure)
        verdict = judge_retrieve(failure, tries, self._now(), age=self._age(record), tops_up=self._tops_up)
        if record.adopted and verdict.state is JobState.FAILED and isinstance(failure, NotFoundError):
            verdict = held("queue_id")  # rather the person's slip than the server's loss
        return await self._carry_out(record, verdict, failure)

    async def _processing(self, record: JobRecord, answer: Processing) -> Outcome:
        self._tries_of(record).good_answer()
        self._recorder.report(
            record,
            JobPolled(
                **self._recorder.about(record),
                average_execution_time=answer.average_execution_time,
                execution_duration=answer.execution_duration,
            ),
        )
        if self._age(record) > DAY:
            late = f"The server still says {answer.status} a day after it took the job."
            return await self._carry_out(record, held("overdue"), UnexpectedReplyError(late, charge=Charge.CHARGED))
        return Outcome(record=record, step=Step.PROCESSING, answer=answer)

    async def _fetch_link(self, record: JobRecord, video: QueuedVideo) -> Outcome:
        tries = self._tries_of(record)
        if video.download_url is None:
            failure: VeniceError = UnexpectedReplyError(
                "The video is ready at a link that was shown once and is not known here.", charge=Charge.CHARGED
            )
            return await self._carry_out(record, judge_missing_link(tries, self._now()), failure)
        try:
            return self._delivered(await self._transfers.by_link(record, video))
        except VeniceError as error:
            if isinstance(error, LedgerError):
                raise
            failure = error
        record = await self._recorder.current(record)
        verdict = judge_link(failure, tries, self._now(), requests=record.link_requests)
        return await self._carry_out(record, verdict, failure)

    def _delivered(self, record: JobRecord) -> Outcome:
        if record.state is JobState.COMPLETED:
            self._tries.pop(record.id, None)
        return Outcome(record=record, step=Step.MOVED)

    async def clean_up(self, record: JobRecord) -> JobRecord:
        """Delete at the server what is safe here. Raises VeniceError where that fails; the job is done anyway."""
        video = _queued_video(record)
        if self._age(record) < DAY:
            if video.download_url is not None:
                await self._client.revoke(video)
            elif not await self._client.complete(video):
                raise UnexpectedReplyError("The server did not delete the video.", charge=Charge.CHARGED)
        return await self._recorder.move(record, cleanup=Cleanup.DONE, download_url=None)

    async def cancel(self, record: JobRecord) -> JobRecord:
        """Stop waiting for a job, and leave nothing half-way on disk."""
        after = await self._recorder.move(record, state=JobState.CANCELLED, finished_at=self._client.clock.wall())
        self._end(record)
        await self._recovery.drop_part(record)
        return after

    async def hold(self, record: JobRecord, reason: str, error: VeniceError) -> JobRecord:
        """Let a job wait for a person."""
        return (await self._carry_out(record, held(reason), error)).record

    async def _carry_out(self, record: JobRecord, verdict: Verdict, error: VeniceError) -> Outcome:
        if error.charge is Charge.NONE:
            error.charge = record.charge  # the step cost nothing, but the job may have
        if verdict.state is not None and verdict.state is not record.state:
            record = await self._moved_by(record, verdict, error)
        if verdict.delay is None:
            return Outcome(record=record, step=Step.ACCOUNT if verdict.account else Step.MOVED, error=error)
        step = Step.ACCOUNT if verdict.account else Step.BUSY if verdict.busy else Step.AGAIN
        self._recorder.report(record, JobDelayed(**self._recorder.about(record), error=error, delay=verdict.delay))
        retry_after = getattr(error, "retry_after", None)
        return Outcome(record=record, step=step, delay=verdict.delay, error=error, retry_after=retry_after)

    async def _moved_by(self, record: JobRecord, verdict: Verdict, error: VeniceError) -> JobRecord:
        changes: dict[str, Any] = {"state": verdict.state, "held_for": verdict.held_for}
        if verdict.charge is not None:
            changes["charge"] = error.charge = verdict.charge
        if verdict.state is JobState.FAILED:
            changes |= {"finished_at": self._client.clock.wall(), "part": None}
        if verdict.state is JobState.PENDING:
            changes["proof"] = getattr(error, "proof", None) or f"refused with {getattr(error, 'status', 0)}"
        if verdict.state is JobState.QUEUED:
            changes |= NO_FILE
        after = await self._recorder.move(record, error=error, **changes)
        if after.state in {JobState.FAILED, JobState.HELD, JobState.UNKNOWN}:
            self._end(record)
        if after.state is JobState.FAILED or after.held_for == "link":
            await self._recovery.drop_part(record)  # nobody can go on with what came
        return after

    def _end(self, record: JobRecord) -> None:
        """The job goes no further by itself: what was remembered for its next try is void."""
        self._tries.pop(record.id, None)
        self._transfers.forget(record.id)

    def _tries_of(self, record: JobRecord) -> Tries:
        return self._tries.setdefault(record.id, Tries(self._rng))

    def _now(self) -> float:
        return self._client.clock.monotonic()

    def _age(self, record: JobRecord) -> float:
        return 0.0 if record.queued_at is None else self._client.clock.since(record.queued_at)


def _queued_video(record: JobRecord) -> QueuedVideo:
    return QueuedVideo(model=record.model, queue_id=record.queue_id or "", download_url=record.download_url)
