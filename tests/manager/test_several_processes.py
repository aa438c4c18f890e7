"""Managers that share a ledger, as processes of one machine do."""

import asyncio
from decimal import Decimal

import pytest
from harness import World, video_request, virtual

from manager.machines import Machine, state
from venice_async.emulator.faults import SlowFault
from venice_async.errors import BudgetExceededError, StaleRecordError
from venice_async.governor import Kind
from venice_async.jobs import JobState
from venice_async.manager.job import Job


@virtual(faults=[SlowFault(endpoints=("queue",), delay=60.0)])
async def test_a_stopped_process_loses_its_jobs_and_no_money(world: World) -> None:
    """Its paid call was taken for lost; when it wakes up and the answer is there, the ledger knows better."""
    machine = Machine(world)
    async with machine.manager() as ours:
        job = await ours.submit(video_request(), key="scene")
        await state(job, JobState.QUEUEING)
        await machine.stop(ours)
        async with machine.manager() as theirs:
            assert [each.key for each in theirs.unknown()] == ["scene"]
            await world.clock.sleep(70.0)
            same = theirs.get("scene")
            assert same is not None
            video = await same
            machine.go_on(ours)
            assert await job == video
            assert video.queue_id == world.emulator.jobs[0].queue_id
    assert len(world.emulator.charges) == 1


@virtual()
async def test_a_stopped_process_starts_nothing_before_it_has_looked(world: World) -> None:
    """Others have its jobs: it sends no paid call and asks for no video, and then follows them."""
    machine = Machine(world)
    async with machine.manager() as ours:
        jobs = [await ours.submit(video_request(number), key=f"scene-{number}") for number in range(30)]
        await state(jobs[0], JobState.QUEUED)
        await machine.stop(ours)
        seen = len(world.emulator.requests)
        await world.clock.sleep(100.0)
        assert len(world.emulator.requests) - seen <= 5  # what was in flight already
        async with machine.manager() as theirs:
            machine.go_on(ours)
            await asyncio.gather(*theirs.jobs())
            await asyncio.gather(*jobs)
            assert {job.record.owner for job in jobs} == {theirs._ledger.owner}
    assert len(world.emulator.charges) == 30


@virtual()
async def test_who_is_left_goes_on_with_the_jobs_of_who_is_gone(world: World) -> None:
    """Without being started again, and within seconds."""
    machine = Machine(world)
    async with machine.manager() as left:
        async with machine.manager() as gone:
            await asyncio.gather(*(gone.submit(video_request(number), key=f"{number}") for number in range(5)))
        assert [job.state for job in gone.jobs()] != [JobState.COMPLETED] * 5
        await world.clock.sleep(2.0)
        assert len(left.jobs()) == 5
        await asyncio.gather(*left.jobs())
    assert len(world.emulator.charges) == 5


@virtual()
async def test_the_limits_are_shared(world: World) -> None:
    """Two processes with work to do take half of a minute's requests each."""
    machine = Machine(world)
    one, two = world.client(), world.client()
    async with machine.manager(client=one) as first, machine.manager(client=two) as second:
        alone = one.governor.budgets[Kind.QUEUE].available(world.clock.monotonic())
        for number in range(12):
            await first.submit(video_request(number))
            await second.submit(video_request(100 + number))
        await world.clock.sleep(5.0)
        shared = [client.governor.budgets[Kind.QUEUE].available(world.clock.monotonic()) for client in (one, two)]
        await asyncio.gather(*first.jobs(), *second.jobs())
    assert alone == 40.0
    assert shared == [20.0, 20.0]
    assert world.count("queue", status=429) == 0
    assert len(world.emulator.charges) == 24


@virtual()
async def test_the_budget_is_one_for_all(world: World) -> None:
    """Whoever comes second finds the money taken, in whatever order the two commit."""
    machine = Machine(world)
    price = Decimal("0.10")
    async with machine.manager(budget_usd="0.50") as first, machine.manager(budget_usd="0.50") as second:
        wanted = [jobs.submit(video_request(n), key=f"{n}") for n, jobs in enumerate([first, second] * 5)]
        results = await asyncio.gather(*wanted, return_exceptions=True)
        taken = [each for each in results if isinstance(each, Job)]
        assert [type(each) for each in results if each not in taken] == [BudgetExceededError] * 5
        await asyncio.gather(*taken)
        await world.clock.sleep(2.0)
        assert first.totals == second.totals
        assert first.totals.spent_usd == 5 * price
    assert len(world.emulator.charges) == 5


@virtual(faults=[SlowFault(endpoints=("queue",), delay=60.0)])
async def test_another_process_may_cancel_what_is_not_being_paid(world: World) -> None:
    """A paid call on its way is its owner's alone; whatever waits can be called off by anybody."""
    machine = Machine(world)
    async with machine.manager() as ours:
        jobs = [await ours.submit(video_request(number), key=f"{number}") for number in range(5)]
        await state(jobs[0], JobState.QUEUEING)
        async with machine.manager() as theirs:
            paying, waiting = theirs.get("0"), theirs.get("4")
            assert paying is not None
            assert waiting is not None
            with pytest.raises(StaleRecordError, match="worked on by somebody else"):
                await paying.cancel()
            await waiting.cancel()
        await world.clock.sleep(300.0)
        assert jobs[4].state is JobState.CANCELLED
        await asyncio.gather(*jobs[:4])
    assert len(world.emulator.charges) == 4


@virtual(
    execution_time=lambda *_: 1.0,
    video_size=400_000,
    faults=[SlowFault(endpoints=("retrieve",), pace=10_000.0, times=1)],
)
async def test_a_stopped_process_leaves_nothing_in_the_folder(world: World) -> None:
    """It wakes up in the middle of a transfer that another process has long finished."""
    machine = Machine(world)
    async with machine.manager() as ours:
        job = await ours.submit(video_request(), key="scene")
        await state(job, JobState.DOWNLOADING)
        await machine.stop(ours)
        async with machine.manager() as theirs:
            same = theirs.get("scene")
            assert same is not None
            await same
            await world.clock.sleep(100.0)
            machine.go_on(ours)
            await world.clock.sleep(5.0)
            assert job.record == same.record
    assert sorted(path.name for path in world.output.iterdir()) == ["scene.mp4"]


@virtual()
async def test_a_retry_is_seen_by_the_others(world: World) -> None:
    """A manager that knows the failed job finds the new one under its key, and can await it."""
    machine = Machine(world)
    async with machine.manager() as ours, machine.manager() as theirs:
        failed = await ours.submit(video_request(), key="scene")
        await failed.cancel()
        await world.clock.sleep(5.0)
        known = theirs.get("scene")
        assert known is not None
        assert known.state is JobState.CANCELLED
        made = await ours.retry(failed, pay_again=True)
        await world.clock.sleep(5.0)
        seen = theirs.get("scene")
        assert seen is not None
        assert (seen.id, theirs.get("scene~1")) == (made.id, known)
        assert (await seen).path == (await made).path
    assert len(world.emulator.charges) == 2
