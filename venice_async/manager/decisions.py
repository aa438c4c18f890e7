"""What is decided about a job from outside its own course: cancel it, let it go on, let it wait."""

from collections.abc import Callable

from venice_async.errors import LedgerError, VeniceError
from venice_async.jobs import JobState, present_state
from venice_async.ledger import Ledger
from venice_async.manager.budget import Budget
from venice_async.manager.follower import Follower
from venice_async.manager.job import Job
from venice_async.manager.pump import Pump
from venice_async.manager.roster import Roster
from venice_async.runner import Runner


class Decisions:
    """Carries decisions out. Each runs in a task of the manager's, so that a cancelled caller leaves none half-way."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        roster: Roster,
        runner: Runner,
        pump: Pump,
        budget: Budget,
        follower: Follower,
        enter: Callable[[Job], None],
    ) -> None:
        self._ledger = ledger
        self._roster = roster
        self._runner = runner
        self._pump = pump
        self._budget = budget
        self._follower = follower
        self._enter = enter

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
            self._budget.check(job.record.price_usd)
        await self._runner.release(job.record)
        self._pump.reopen()
        self._enter(job)

    async def hold(self, job: Job, reason: str, error: VeniceError) -> None:
        """Let a job wait for a person, because the account was refused."""
        try:
            await self._runner.hold(job.record, reason, error)
        except LedgerError as broken:
            self._follower.broke(job, broken)
