"""A ledger that fails at a bad moment: no job is dropped for it, no paid answer lost, and nobody waits for nothing."""

import asyncio

import pytest
from harness import World, video_request, virtual

from manager.machines import Flaky, Machine, healthy, state, writing
from venice_async.errors import Charge, LedgerError, ManagerClosedError
from venice_async.jobs import JobState


@virtual()
async def test_news_that_could_not_be_followed_up_is_followed_up_later(world: World) -> None:
    """News is told once: where the ledger fails just then, the jobs of who is gone still go on at the next look."""
    machine = Machine(world)
    flaky = Flaky(machine.ledger())
    async with machine.manager(ledger=flaky) as ours:
        async with machine.manager() as theirs:
            await state(await theirs.submit(video_request(), key="scene"), JobState.QUEUED)
            await world.clock.sleep(3.0)
            job = ours.get("scene")
            assert job is not None
        flaky.fails = lambda name, _: name == "kept" and not flaky.failed
        await world.clock.sleep(2_000.0)
        assert flaky.failed == ["kept"]
        assert (job.state, job.record.owner) == (JobState.COMPLETED, ours._ledger.owner)


@virtual()
async def test_who_awaits_under_a_ledger_that_is_gone_is_told_and_it_heals(world: World) -> None:
    """Nothing is asked for any more, so waiting in silence would last for ever; put back, everything goes on."""
    machine = Machine(world)
    file = world.folder / "jobs.sqlite3"
    async with machine.manager() as ours:
        job = await ours.submit(video_request(), key="scene")
        await state(job, JobState.QUEUED)
        away = file.rename(world.folder / "away")
        waiting = asyncio.ensure_future(job)
        await machine.pass_time(30)
        assert waiting.done()
        with pytest.raises(LedgerError, match="deleted or replaced") as told:
            await waiting
        assert told.value.charge is Charge.CHARGED
        away.rename(file)
        await machine.pass_time(3)
        waiting = asyncio.ensure_future(job)
        await machine.pass_time(120)
        assert waiting.done()
        assert (await waiting).key == "scene"


@virtual()
async def test_a_cancel_that_cannot_be_recorded_leaves_the_job_going_on(world: World) -> None:
    """The caller is told, and whoever awaits the job still gets his video."""
    flaky = Flaky(world.ledger)
    async with world.manager(ledger=flaky) as jobs:
        job = await jobs.submit(video_request())
        await state(job, JobState.QUEUED)
        flaky.fails = writing(JobState.CANCELLED)
        with pytest.raises(LedgerError):
            await job.cancel()
        flaky.fails = healthy
        await world.clock.sleep(500.0)
        assert job.state is JobState.COMPLETED


@virtual()
async def test_a_paid_job_is_never_said_to_be_free(world: World) -> None:
    """What could not be written cost nothing; the job did, and that is what its owner wants to know."""
    flaky = Flaky(world.ledger)
    async with world.manager(ledger=flaky) as jobs:
        job = await jobs.submit(video_request())
        await state(job, JobState.QUEUED)
        flaky.fails = writing(JobState.CANCELLED)
        with pytest.raises(LedgerError) as failed:
            await job.cancel()
    assert failed.value.charge is Charge.CHARGED
    assert "Nothing was charged" not in str(failed.value)


@virtual()
async def test_a_queue_id_that_no_file_could_take_stays_known_in_the_process(world: World) -> None:
    """Neither the ledger nor the file beside it took the answer: once the ledger works again, it has it."""
    flaky = Flaky(world.ledger)
    async with world.manager(ledger=flaky) as jobs:
        flaky.fails = writing(JobState.QUEUED, and_keep=True)
        job = await jobs.submit(video_request())
        await world.clock.sleep(5.0)
        assert job.queue_id is None
        flaky.fails = healthy
        await world.clock.sleep(500.0)
        assert (job.state, job.queue_id) == (JobState.COMPLETED, world.emulator.jobs[0].queue_id)
    assert len(world.emulator.charges) == 1


@virtual()
async def test_closing_does_not_hide_the_only_copy_of_a_queue_id(world: World) -> None:
    """The first cause tells more than the closing: who awaits afterwards reads what was paid for, and its name."""
    flaky = Flaky(world.ledger)
    async with world.manager(ledger=flaky) as jobs:
        flaky.fails = writing(JobState.QUEUED, JobState.UNKNOWN, and_keep=True)
        job = await jobs.submit(video_request())
        await state(job, JobState.QUEUEING)
        await world.clock.sleep(0.5)
    with pytest.raises(LedgerError, match=world.emulator.jobs[0].queue_id) as failed:
        await job
    assert failed.value.charge is Charge.CHARGED


@virtual()
async def test_a_ledger_that_cannot_be_closed_keeps_nobody_waiting(world: World) -> None:
    """Whoever awaits a job is told of the closing before the ledger is."""
    flaky = Flaky(world.ledger)
    jobs = await world.manager(ledger=flaky).__aenter__()
    waiting = asyncio.ensure_future(await jobs.submit(video_request()))
    flaky.fails = lambda name, _: name == "aclose"
    with pytest.raises(LedgerError):
        await jobs.aclose()
    await world.clock.sleep(0.0)
    assert waiting.done()
    with pytest.raises(ManagerClosedError):
        await waiting
