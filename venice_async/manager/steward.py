"""Jobs from outside their own course: found in the ledger at a start, or changed by a person's decision."""

from collections.abc import Callable, Sequence

from venice_async.clock import Clock
from venice_async.errors import BudgetExceededError, LedgerError, VeniceError
from venice_async.governor import Governor, Kind
from venice_async.jobs import JobRecord, JobState, present_state
from venice_async.ledger import Ledger
from venice_async.manager.budget import Budget
from venice_async.manager.follower import Follower
from venice_async.manager.job import Job
from venice_async.manager.pump import Pump
from venice_async.manager.roster import Roster
from venice_async.runner import Runner


class Steward:
    """Takes jobs on at a start, and cancels, releases and holds them.

    A restart must neither outrun the limits nor the budget of the run before. `cancel` and `release`
    want a task of the manager's, so that a cancelled caller leaves nothing half-way.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        roster: Roster,
        runner: Runner,
        pump: Pump,
        budget: Budget,
        follower: Follower,
        governor: Governor,
        clock: Clock,
        enter: Callable[[Job], None],
    ) -> None:
        self._ledger = ledger
        self._roster = roster
        self._runner = runner
        self._pump = pump
        self._budget = budget
        self._follower = follower
        self._governor = governor
        self._clock = clock
        self._enter = enter

    async def take_on(self) -> list[Job]:
        """Every job of the ledger that is not known yet, oldest first, in a state from which it can go on."""
        records = [record for record in await self._ledger.records() if self._roster.get(record.id) is None]
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
        job = self._roster.adopt(record)
        self._budget.follow(record)
        if record.state.terminal:
            return job
        try:
            await self._runner.recover(record)
        except LedgerError:
            current = await self._ledger.get(record.id)
            if current is None or current.version == record.version:
                raise
            self._roster.report(current, present_state(current))  # another process has it in hand
            self._follower.follow(job)
        return job

    async def _hold_what_is_too_much(self, jobs: Sequence[Job]) -> None:
        """With a smaller budget than before, the newest jobs that were not sent yet wait for a person."""
        for job in reversed(jobs):
            available = self._budget.available_usd
            if available is None:
                return
            if job.state is JobState.PENDING and (available < 0 or job.record.price_usd is None):
                message = f"It does not fit under the budget of ${self._budget.cap_usd:.2f}."
                error = BudgetExceededError(message, needed_usd=job.record.price_usd)
                await self._runner.hold(job.record, "budget", error)

    async def cancel(self, job: Job) -> None:
        """Stop waiting; a paid call that is on its way is let to its end first."""
        self._pump.leave(job)
        await self._pump.stop(job)
        self._pump.leave(job)
        record = await self._ledger.get(job.id) or job.record
        if record.version != job.record.version:  # its last write was done though its writer was stopped
            self._roster.report(record, present_state(record))
        if not record.state.terminal:
            record = await self._runner.recover(record)
        if not record.state.terminal:
            await self._runner.cancel(record)

    async def release(self, job: Job) -> None:
        """Let a held job go on. Raises BudgetExceededError where it was held for the budget and still does not fit."""
        if job.state is not JobState.HELD:
            return
        if job.record.held_for == "budget":
            self._budget.reserve(job.id, job.record.price_usd)
        try:
            await self._runner.release(job.record)
        except BaseException:
            self._budget.follow(job.record)
            raise
        self._pump.reopen()
        self._enter(job)

    async def hold(self, job: Job, reason: str, error: VeniceError) -> None:
        """Let a job wait for a person, because the account was refused."""
        try:
            await self._runner.hold(job.record, reason, error)
        except LedgerError as broken:
            self._follower.broke(job, broken)
