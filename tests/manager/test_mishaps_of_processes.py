"""Processes that meet at a bad moment: one is stopped, one decides, and one has a request in flight."""

import asyncio
from pathlib import Path

import attrs
import pytest
from harness import World, video_request, virtual

from manager.machines import Machine, state
from venice_async.emulator.faults import RejectFault, SlowFault, StatusFault
from venice_async.errors import ContentRejectedError, InvalidRequestError, StaleRecordError
from venice_async.governor import Kind
from venice_async.jobs import Delivery, JobRecord, JobState
from venice_async.manager import JobManager
from venice_async.manager.job import Job

SLOW_CALL = SlowFault(endpoints=("queue",), delay=60.0)
"""A paid call whose answer takes a minute: longer than others believe in a process without a sign of life."""


async def given_up(machine: Machine, ours: JobManager, job: Job) -> list[JobRecord]:
    """Another process takes a paid call of ours for lost, a person says it was not charged, and then it is answered."""
    await state(job, JobState.QUEUEING)
    await machine.stop(ours)
    async with machine.manager() as theirs:
        (unknown,) = theirs.unknown()
        await theirs.resolve(unknown, "not_charged")
        machine.go_on(ours)
        await machine.world.clock.sleep(500.0)
    return await ours._ledger.records()


@virtual(faults=[SLOW_CALL])
async def test_a_late_answer_becomes_a_job_that_is_brought_home(world: World) -> None:
    """Its video is paid for, so the process that got the answer asks for it."""
    machine = Machine(world)
    async with machine.manager() as ours:
        job = await ours.submit(video_request(), key="scene")
        given, late = await given_up(machine, ours, job)
        assert (given.state, late.key) == (JobState.FAILED, "scene~late")
        assert (late.state, late.owner) == (JobState.COMPLETED, ours._ledger.owner)
    assert len(world.emulator.charges) == 1


@virtual(faults=[SLOW_CALL])
async def test_a_late_answer_finds_a_free_key(world: World) -> None:
    """A user may have named a job of his own just so: neither is taken for the other."""
    machine = Machine(world)
    async with machine.manager() as ours:
        await (await ours.submit(video_request(2), key="scene~late"))
        records = await given_up(machine, ours, await ours.submit(video_request(), key="scene"))
    assert [each.key for each in records] == ["scene~late", "scene", "scene~late-2"]
    assert [each.queue_id for each in records if each.queue_id] == [each.queue_id for each in world.emulator.jobs]


@virtual(faults=[RejectFault(times=1), SLOW_CALL])
async def test_a_late_answer_is_not_taken_for_a_job_that_a_retry_renamed(world: World) -> None:
    """The failed one is `scene~1` since its retry, and stays what it is."""
    machine = Machine(world)
    async with machine.manager() as ours:
        failed = await ours.submit(video_request(), key="scene")
        with pytest.raises(ContentRejectedError):
            await failed
        records = await given_up(machine, ours, await ours.retry(failed, pay_again=True))
    assert {each.key: each.state for each in records} == {
        "scene~1": JobState.FAILED,
        "scene": JobState.FAILED,
        "scene~late": JobState.COMPLETED,
    }


@virtual(faults=[StatusFault(endpoints=("queue",), status=429, times=1)])
async def test_a_late_refusal_settles_the_doubt(world: World) -> None:
    """Another process took the call for lost; who knows that it was refused says so, and the job goes on."""
    machine = Machine(world)
    far_away = world.client(transport=world.emulator.transport(world.clock, latency=60.0))
    async with machine.manager(client=far_away) as ours:
        job = await ours.submit(video_request(), key="scene")
        await state(job, JobState.QUEUEING)
        await machine.stop(ours)
        async with machine.manager() as theirs:
            assert [each.key for each in theirs.unknown()] == ["scene"]
            machine.go_on(ours)
            await world.clock.sleep(500.0)
            assert job.state is JobState.COMPLETED
    assert [world.count("queue", status=status) for status in (429, 200)] == [1, 1]


@virtual()
async def test_resuming_goes_on_with_known_jobs_of_who_is_gone(world: World) -> None:
    """The look that `resume` makes may be the one that claims them; no other look tells of them again."""
    machine = Machine(world)
    async with machine.manager() as ours:
        async with machine.manager() as theirs:
            await state(await theirs.submit(video_request(), key="scene"), JobState.QUEUED)
            await world.clock.sleep(3.0)
            await ours._rooms.lookout.aclose()
        await ours.resume()
        machine.go_on(ours)
        await world.clock.sleep(500.0)
        job = ours.get("scene")
        assert job is not None
        assert (job.state, job.record.owner) == (JobState.COMPLETED, ours._ledger.owner)


@virtual()
async def test_no_paid_call_begins_but_for_a_job_that_waits_for_one(world: World) -> None:
    """Whoever thinks that it is his turn finds that the call was made already."""
    async with world.manager() as jobs:
        jobs._pump.halt()
        job = await jobs.submit(video_request())
        rooms, governor = jobs._rooms, world.client().governor
        await rooms._recorder.move(job.record, state=JobState.QUEUEING, attempt=1)
        with pytest.raises(StaleRecordError, match="no paid call is due"):
            await rooms._runner.submit_once(job.record, governor.take(Kind.QUEUE))
    assert world.count("queue") == 0


@virtual(faults=[SlowFault(endpoints=("queue",), delay=30.0)])
async def test_a_paid_call_on_its_way_is_not_mended(world: World) -> None:
    """An earlier write of the job was overtaken; the look at it finds the call in flight and leaves it alone."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await state(job, JobState.QUEUEING)
        jobs._rooms.lookout.broke(job, StaleRecordError("It was changed."))
        await world.clock.sleep(20.0)
        assert job.state is JobState.QUEUEING
        await job
    assert (job.record.attempt, world.count("queue")) == (1, 1)


@virtual(faults=[SlowFault(endpoints=("retrieve",), delay=20.0)])
async def test_a_poll_in_flight_does_not_undo_a_cancel_of_another_process(world: World) -> None:
    """It is ended, and whatever it would have told is out of date."""
    machine = Machine(world)
    async with machine.manager() as ours, machine.manager() as theirs:
        job = await ours.submit(video_request(), key="scene")
        await state(job, JobState.QUEUED)
        while not ours._pump._polls:
            await world.clock.sleep(0.5)
        await world.clock.sleep(2.0)
        same = theirs.get("scene")
        assert same is not None
        await same.cancel()
        await world.clock.sleep(2.0)
        assert ours._pump.counts == (0, 0, 0)
        asked = world.count("retrieve")
        await world.clock.sleep(100.0)
        assert (job.state, world.count("retrieve")) == (JobState.CANCELLED, asked)


@virtual()
async def test_the_stream_of_another_process_s_job_is_refused_at_once(world: World) -> None:
    """This process never asks for that video, so its reader would wait for ever."""
    machine = Machine(world)
    async with machine.manager() as ours, machine.manager() as theirs:
        job = await ours.submit(video_request(), key="scene", delivery=Delivery.CALLER)
        await state(job, JobState.QUEUED)
        await world.clock.sleep(3.0)
        same = theirs.get("scene")
        assert same is not None
        opening = asyncio.create_task(same.open_stream().__aenter__())
        await world.clock.sleep(1.0)
        assert opening.done()
        with pytest.raises(InvalidRequestError, match="Another process works on job 'scene'"):
            await opening


@virtual(execution_time=lambda *_: 1.0, faults=[SlowFault(endpoints=("retrieve",), pace=100.0)])
async def test_a_cancel_that_came_too_late_does_not_delete_the_part(world: World) -> None:
    """Only who has recorded the cancel may: the job's owner still writes to it."""
    machine = Machine(world)
    async with machine.manager() as ours, machine.manager() as theirs:
        job = await ours.submit(video_request(), key="scene")
        await state(job, JobState.DOWNLOADING)
        await world.clock.sleep(10.0)
        seen_before = attrs.evolve(job.record, version=job.record.version - 1)
        with pytest.raises(StaleRecordError):
            await theirs._rooms._runner.cancel(seen_before)
        assert Path(job.record.part or "").is_file()
        await job
        assert world.is_whole(job)
