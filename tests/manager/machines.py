"""What the tests of mishaps share: several processes on one ledger file, and a ledger that fails when it is told to."""

import inspect
from collections.abc import Callable
from typing import Any

from harness import HeldLedger, World

from venice_async.emulator.manual_clock import ManualClock
from venice_async.errors import LedgerError
from venice_async.jobs import JobState
from venice_async.ledger import Ledger, SqliteLedger
from venice_async.ledger.leases import LEASE
from venice_async.manager import JobManager
from venice_async.manager.job import Job

Failing = Callable[[str, dict[str, Any]], bool]
"""Whether a call of a ledger's method (its name, and the options it was given) fails."""


class Machine:
    """One ledger file; processes on it whose lease is measured by a clock that the test moves."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = 1_000.0

    def ledger(self) -> Ledger:
        assert isinstance(self.world.clock, ManualClock)
        ledger = SqliteLedger(self.world.folder / "jobs.sqlite3", wall=lambda: self.now, monotonic=lambda: self.now)
        return HeldLedger(ledger, self.world.clock)  # type: ignore[return-value]

    def manager(self, **options: Any) -> JobManager:
        return self.world.manager(**{"ledger": self.ledger(), **options})

    async def stop(self, jobs: JobManager) -> None:
        """As SIGSTOP does it: no sign of life any more."""
        lookout = jobs._rooms.lookout
        await lookout.aclose()
        self.now += LEASE + 1.0

    def go_on(self, jobs: JobManager) -> None:
        """As SIGCONT does it."""
        jobs._rooms.lookout.start()

    async def pass_time(self, seconds: int) -> None:
        """Both clocks go on, as on a machine that is not stopped."""
        for _ in range(seconds):
            self.now += 1.0
            await self.world.clock.sleep(1.0)


class Flaky:
    """A ledger that fails where `fails` says so, before it has done anything; `failed` names the methods that did."""

    def __init__(self, ledger: Ledger) -> None:
        self.fails: Failing = healthy
        self.failed: list[str] = []
        self._ledger = ledger

    def _check(self, name: str, options: dict[str, Any]) -> None:
        if self.fails(name, options):
            self.failed.append(name)
            raise LedgerError("The disk is full.")

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)
        if not callable(method):
            return method
        if not inspect.iscoroutinefunction(method):

            def checked(*args: Any, **options: Any) -> Any:
                self._check(name, options)
                return method(*args, **options)

            return checked

        async def awaited(*args: Any, **options: Any) -> Any:
            self._check(name, options)
            return await method(*args, **options)

        return awaited


def healthy(name: str, options: dict[str, Any]) -> bool:
    """Nothing fails."""
    del name, options
    return False


def writing(*states: JobState, and_keep: bool = False) -> Failing:
    """No job can be moved to these states, nor (`and_keep`) a paid answer be kept in the file beside."""

    def fails(name: str, options: dict[str, Any]) -> bool:
        return (name == "move" and options.get("state") in states) or (and_keep and name == "keep")

    return fails


async def state(job: Job, wanted: JobState) -> None:
    """Until the job has been in a state."""
    async for event in job.events():
        if getattr(event, "state", None) is wanted:
            return
