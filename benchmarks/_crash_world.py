"""A world in virtual time: a server, a clock, a ledger file and a folder that outlive each program."""

import asyncio
import inspect
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks._crash_jobs import API_KEY, key_of, request_of, tag_of
from venice_async.client import VeniceClient
from venice_async.emulator.emulator import Emulator
from venice_async.emulator.manual_clock import ManualClock
from venice_async.jobs import JobState
from venice_async.ledger import Ledger, MemoryLedger, SqliteLedger
from venice_async.manager import JobManager
from venice_async.manager.job import Job

JOBS: Final = 2
SIZE: Final = 5000


class Held:
    """A ledger whose thread virtual time waits for. `before` is called with the name of each change to come."""

    def __init__(self, ledger: Ledger, clock: ManualClock, before: Callable[[str], None] | None = None) -> None:
        self._ledger = ledger
        self._clock = clock
        self._before = before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def held(*args: Any, **options: Any) -> Any:
            if self._before is not None:
                self._before(name)
            with self._clock.hold():
                return await method(*args, **options)

        return held


class World:
    """`durable` keeps the jobs in a file at `ledger_at`, else in memory."""

    def __init__(self, folder: Path, *, durable: bool, ledger_at: Path | None = None) -> None:
        self.clock = ManualClock()
        self.venice = Emulator(seed=7, clips="plain", video_size=SIZE)
        self.folder = folder
        self.ledger_path = (ledger_at or folder) / "jobs.sqlite3"
        self._memory = None if durable else MemoryLedger()
        folder.mkdir(exist_ok=True)

    def manager(self, *, before: Callable[[str], None] | None = None) -> JobManager:
        """A manager, as a process that has just started would make it."""
        door = self.venice.transport(self.clock)
        client = VeniceClient(
            API_KEY, base_url=self.venice.memory_url, transport=door, clock=self.clock, rng=random.Random(1)
        )
        ledger: Any = self._memory or Held(SqliteLedger(self.ledger_path), self.clock, before)
        return JobManager(client, ledger=ledger, output_dir=self.folder / "videos", rng=random.Random(1))

    def leftovers(self) -> list[str]:
        """Parts of videos that nobody finished."""
        return [path.name for path in (self.folder / "videos").rglob(".*")]


async def submit_all(jobs: JobManager) -> list[Job]:
    """One job with a private link and one without."""
    return [await jobs.submit(request_of(number), key=key_of(number)) for number in range(JOBS)]


async def at_rest(job: Job) -> None:
    """Wait, whatever becomes of it."""
    async for _ in job.events():
        pass


async def check_the_rest(world: World, *, release: bool = False, doubts: bool = True) -> None:
    """The next program brings home what can be had, and nothing was paid for twice or is missing from the books.

    `release` lets jobs go on that wait for a person; without `doubts` no outcome may be unknown.
    """
    async with world.manager() as jobs:
        made = await submit_all(jobs)
        await asyncio.gather(*(at_rest(job) for job in made))
        for job in [job for job in made if release and job.state is JobState.HELD]:
            await jobs.release(job)
            await at_rest(job)
        states = {job.state for job in made}
        assert states <= {JobState.COMPLETED, *([JobState.UNKNOWN] if doubts else [])}, [repr(job) for job in made]
        known = {job.queue_id for job in jobs.jobs()}
        lost = [charge for charge in world.venice.charges if charge.queue_id not in known]
        assert len(lost) <= len(jobs.unknown()), "a charge that no record knows"
        assert jobs.totals.spent_usd + jobs.totals.reserved_usd >= world.venice.spent_usd, "money that is not counted"
    tags = [tag_of(job.prompt) for job in world.venice.jobs]
    assert len(tags) == len(set(tags)), "paid twice"
    assert not world.leftovers(), world.leftovers()
