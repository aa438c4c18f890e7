"""What other processes do to the ledger, and what it could not take before."""

import asyncio
from typing import Self

import pytest
from harness import Owner, World, job_record, virtual

from venice_async.errors import BadRequestError, LedgerError, StaleRecordError, VeniceError
from venice_async.jobs import JobDelayed, JobEvent, JobState
from venice_async.ledger.protocol import News
from venice_async.manager.job import Job
from venice_async.manager.lookout import INTERVAL, PATIENCE, Lookout


class Bench:
    """A lookout, and what it told."""

    def __init__(self, world: World, *, fails: int = 0) -> None:
        self.news: list[News] = []
        self.events: list[JobEvent] = []
        self.mended: list[Job] = []
        self.stopped: list[Exception] = []
        self.blind: list[LedgerError] = []
        self.fails = fails
        self.lookout = Lookout(
            ledger=world.ledger,
            clock=world.clock,
            on_news=self._on_news,
            mend=self._mend,
            on_blind=self.blind.append,
            on_sight=self.blind.clear,
            emit=self.events.append,
            on_stopped=self.stopped.append,
        )

    async def _on_news(self, news: News) -> None:
        self.news.append(news)

    async def _mend(self, job: Job) -> None:
        if self.fails:
            self.fails -= 1
            raise LedgerError("The disk is full.")
        self.mended.append(job)
        job.reopen()

    async def __aenter__(self) -> Self:
        self.lookout.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.lookout.aclose()


@virtual()
async def test_it_looks_every_second(world: World) -> None:
    """Whatever it finds is handed on."""
    async with Bench(world) as bench:
        await world.clock.sleep(10 * INTERVAL + 0.5)
        assert len(bench.news) == 10


@virtual()
async def test_what_the_ledger_did_not_take_goes_on_when_it_works_again(world: World) -> None:
    """Nobody who awaits the job notices more than a delay."""
    async with Bench(world, fails=PATIENCE - 1) as bench:
        job = Job(job_record(1, state=JobState.QUEUED), Owner())
        waiting = asyncio.ensure_future(job)
        bench.lookout.broke(job, LedgerError("The disk is full."))
        await world.clock.sleep((PATIENCE + 2) * INTERVAL)
        assert bench.mended == [job]
        assert not waiting.done()
        assert [type(event) for event in bench.events] == [JobDelayed]
        waiting.cancel()


@virtual()
async def test_patience_has_an_end_and_hope_has_not(world: World) -> None:
    """Whoever awaits is told after a while; the job goes on all the same once it can, and can be awaited again."""
    async with Bench(world, fails=PATIENCE + 5) as bench:
        job = Job(job_record(1, state=JobState.QUEUED), Owner())
        bench.lookout.broke(job, LedgerError("The disk is full."))
        with pytest.raises(LedgerError, match="full"):
            await job
        await world.clock.sleep(20 * INTERVAL)
        assert bench.mended == [job]
        waiting = asyncio.ensure_future(job)
        await world.clock.sleep(1.0)
        assert not waiting.done()
        job.update(job_record(1, state=JobState.COMPLETED, version=9))
        assert (await waiting).key == "key-1"


@virtual()
async def test_a_write_that_lost_to_another_process_is_no_trouble(world: World) -> None:
    """The ledger shows who was right: no event, and a look at the record."""
    async with Bench(world) as bench:
        job = Job(job_record(1, state=JobState.QUEUED), Owner())
        bench.lookout.broke(job, StaleRecordError("It was changed."))
        await world.clock.sleep(INTERVAL + 0.5)
        assert (bench.mended, bench.events) == ([job], [])


@virtual()
async def test_trouble_of_our_own_is_told(world: World) -> None:
    """Nobody can mend it, so whoever awaits the job gets the error."""
    async with Bench(world) as bench:
        job = Job(job_record(1, state=JobState.QUEUEING), Owner())
        bench.lookout.broke(job, BadRequestError("No."))
        with pytest.raises(BadRequestError):
            await job


@virtual()
async def test_a_fault_of_the_program_is_told_twice(world: World) -> None:
    """To whoever awaits the job, and to the event loop, where faults are looked for."""
    seen: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))
    async with Bench(world) as bench:
        job = Job(job_record(1, state=JobState.QUEUED), Owner())
        bench.lookout.broke(job, ZeroDivisionError())
        with pytest.raises(VeniceError, match="The job broke: ZeroDivisionError"):
            await job
    assert isinstance(seen[0]["exception"], ZeroDivisionError)


@virtual()
async def test_a_broken_lookout_says_so(world: World) -> None:
    """Without it no job of another process would ever be seen to end."""
    async with Bench(world) as bench:

        async def broken(_: News) -> None:
            raise ZeroDivisionError

        bench.lookout._on_news = broken
        await world.clock.sleep(2 * INTERVAL)
        assert [type(error) for error in bench.stopped] == [ZeroDivisionError]


@virtual()
async def test_closing_tells_why_a_job_is_left(world: World) -> None:
    """And leaves no task behind."""
    async with Bench(world, fails=100) as bench:
        job = Job(job_record(1, state=JobState.QUEUEING), Owner())
        bench.lookout.broke(job, LedgerError("The disk is full."))
        await world.clock.sleep(2 * INTERVAL)
        assert repr(bench.lookout) == "<Lookout 1 jobs wait for the ledger>"
    with pytest.raises(LedgerError, match="full"):
        await job
    assert asyncio.all_tasks() == {asyncio.current_task()}
