"""Jobs from outside their own course: found in the ledger, left by another process, or changed by a person."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from venice_async.errors import BudgetExceededError, LedgerError, StaleRecordError, VeniceError
from venice_async.governor import Governor, Kind
from venice_async.jobs import ACTIVE, JobRecord, JobState, error_from_text, present_state
from venice_async.ledger.protocol import News
from venice_async.manager.budget import Budget
from venice_async.manager.decisions import Resolution, consented, decided, released
from venice_async.manager.job import Job
from venice_async.manager.pump import Pump
from venice_async.manager.roster import Roster
from venice_async.models import SeedanceConsent
from venice_async.recorder import Recorder
from venice_async.recovery import Recovery
from venice_async.runner import Runner

_LOOKS = 60
"""Looks at the ledger between two at the answers that dead owners may have kept."""


class Steward:
    """Takes jobs on at a start and from processes that are gone, and carries out what a person decides.

    A restart must neither outrun the limits nor the budget of the run before. What changes a job
    wants a task of the manager's, so that a cancelled caller leaves nothing half-way.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        recovery: Recovery,
        roster: Roster,
        runner: Runner,
        pump: Pump,
        budget: Budget,
        governor: Governor,
        enter: Callable[[Job], None],
        on_broken: Callable[[Job, Exception], None],
        on_topped_up: Callable[[Job], None],
    ) -> None:
        self._recorder = recorder
        self._ledger = recorder.ledger
        self._clock = recorder.clock
        self._recovery = recovery
        self._roster = roster
        self._runner = runner
        self._pump = pump
        self._budget = budget
        self._governor = governor
        self._enter = enter
        self._on_broken = on_broken
        self._on_topped_up = on_topped_up
        self._looks = 0
        self._answers_due = False
        self._pending: dict[str, None] = {}
        # One decision at a time for a job: the next one sees what the last one made of it.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take_on(self) -> list[Job]:
        """Every job of the ledger that is not known yet, oldest first, in a state from which it can go on."""
        known = {job.id for job in self._roster}
        news = await self._ledger.look()  # claims what no living process works on
        self._governor.share(news.owners)
        self._pending.update(dict.fromkeys(record.id for record in news.changed if record.id in known))
        await self._recovery.take_answers()
        records = [record for record in await self._ledger.records() if record.id not in known]
        self._recall(records)
        jobs = [await self._adopted(record) for record in records]
        await self._hold_what_is_too_much(jobs)
        return jobs

    def _recall(self, records: Sequence[JobRecord]) -> None:
        """The server still counts the paid calls that an earlier process made within the last minute."""
        now = self._clock.monotonic()
        ages = [self._clock.since(record.queueing_at) for record in records if record.queueing_at is not None]
        for age in sorted(ages, reverse=True):
            self._governor.budgets[Kind.QUEUE].recall(now - age, now)

    async def _adopted(self, record: JobRecord) -> Job:
        job = self._roster.get(record.id) or self._roster.adopt(record)  # an answer taken before has adopted it
        self._budget.follow(record)
        if self._is_ours(record):
            await self._recovery.recover(record)
        return job

    def _is_ours(self, record: JobRecord) -> bool:
        return record.owner == self._ledger.owner and record.state in ACTIVE

    async def _hold_what_is_too_much(self, jobs: Sequence[Job]) -> None:
        """With a smaller budget than before, the newest jobs that were not sent yet wait for a person."""
        for job in reversed(jobs):
            available = self._budget.available_usd
            if available is None:
                return
            unsent = job.state is JobState.PENDING and self._is_ours(job.record)
            if unsent and (available < 0 or job.record.price_usd is None):
                message = f"It does not fit under the budget of ${self._budget.cap_usd:.2f}."
                error = BudgetExceededError(message, needed_usd=job.record.price_usd)
                await self._runner.hold(job.record, "budget", error)

    async def heed(self, news: News) -> None:
        """What other processes changed, and jobs that became ours because theirs is gone.

        News is told once: what the ledger does not let us follow up now stays pending until it does.
        """
        self._governor.share(news.owners)
        self._pending.update(dict.fromkeys(record.id for record in news.changed))
        self._looks += 1
        # Also now and then without a claim: an owner that died may have kept the answer of a job that rests.
        if any(map(self._is_ours, news.changed)) or self._looks % _LOOKS == 0:
            self._answers_due = True
        with contextlib.suppress(LedgerError):
            if self._answers_due:
                await self._take_answers()
                self._answers_due = False
            for job_id in list(self._pending):
                if (record := await self._ledger.get(job_id)) is not None:
                    await self._go_on_from(record)
                self._pending.pop(job_id, None)

    async def _take_answers(self) -> None:
        for record in await self._recovery.take_answers():
            await self._go_on_from(await self._recorder.current(record))

    async def mend(self, job: Job) -> None:
        """Go on with a job whose record could not be written. Raises LedgerError where it still cannot."""
        await self._take_answers()
        await self._go_on_from(await self._recorder.current(job.record))

    async def _go_on_from(self, record: JobRecord) -> None:
        job = self._roster.get(record.id)
        if job is not None and self._pump.is_paying(job):
            return  # its paid call is on the way: whatever comes of that is told by itself
        if job is not None:
            self._pump.leave(job) if self._is_ours(record) else self._pump.stop_asking(job)
        self._roster.report(record, None if job and job.state is record.state else present_state(record))
        job = self._roster[record.id]
        if self._is_ours(record):
            await self._recovery.recover(record)
            job.reopen()
            self._enter(job)

    async def cancel(self, job: Job) -> None:
        """Stop waiting; a paid call that is on its way is let to its end first.

        Where it cannot be recorded the job goes on, and the error is raised.
        """
        async with self._turns[job.id]:
            for last in (False, False, True):
                try:
                    await self._cancel(job)
                    return
                except Exception as error:
                    if last or not isinstance(error, StaleRecordError):
                        self._on_broken(job, error)
                        raise

    async def _cancel(self, job: Job) -> None:
        self._pump.leave(job)
        await self._pump.stop(job)
        with contextlib.suppress(LedgerError):
            await self._take_answers()
        self._pump.leave(job)
        record = await self._recorder.current(job.record)
        if record.version != job.record.version:  # its last write was done though its writer was stopped
            self._roster.report(record, present_state(record))
        if self._is_ours(record):
            record = await self._recovery.recover(record)
        if not record.state.terminal:
            await self._runner.cancel(record)

    async def release(self, job: Job) -> None:
        """Let a held job go on. Raises BudgetExceededError where it was held for the budget and still does not fit."""
        async with self._turns[job.id]:
            if job.state is not JobState.HELD:
                return
            reason = job.record.held_for
            await self._decided(job, released(job.record))
            if reason == "balance":
                self._on_topped_up(job)
            self._pump.reopen()

    async def give_consent(self, job: Job, consent: SeedanceConsent) -> None:
        """Send a job that is held for consent again, with a person's confirmations."""
        async with self._turns[job.id]:
            await self._decided(job, consented(job.record, consent, now=self._clock.wall()))

    async def resolve(
        self, job: Job, resolution: Resolution | str, *, queue_id: str | None, download_url: str | None
    ) -> None:
        """Carry out what a person found out about an UNKNOWN job. Raises as `decisions.decide` does."""
        now = self._clock.wall()
        async with self._turns[job.id]:
            changes = decided(job.record, resolution, queue_id=queue_id, download_url=download_url, now=now)
            await self._decided(job, changes)

    async def _decided(self, job: Job, changes: dict[str, Any]) -> None:
        text = changes.pop("error", None)
        error = None if text is None else error_from_text(text)
        await self._recorder.move(job.record, error, cap_usd=self._budget.cap_usd, **changes)
        self._enter(job)

    async def hold(self, jobs: Iterable[Job], reason: str, error: VeniceError) -> None:
        """Let jobs wait for a person, because the account was refused."""
        for job in jobs:
            try:
                await self._runner.hold(job.record, reason, error)
            except LedgerError as broken:
                self._on_broken(job, broken)
