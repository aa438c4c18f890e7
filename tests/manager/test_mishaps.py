"""People at a bad moment: two decide at once, and readers of a stream leave early."""

import asyncio

import pytest
from harness import INLINE, PRIVATE, SIZE, World, video_request, virtual

from manager.machines import state
from venice_async.emulator.faults import ConsentFault, DropFault, SlowFault, Stage, StatusFault
from venice_async.errors import InvalidRequestError, JobHeldError, UnknownOutcomeError
from venice_async.jobs import Delivery, JobState
from venice_async.manager import JobManager
from venice_async.manager.job import Job
from venice_async.models import SeedanceConsent

YES = SeedanceConsent(
    confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
)


async def for_the_caller(jobs: JobManager, *, model: str = INLINE) -> Job:
    """A job whose video is not to touch the disk."""
    return await jobs.submit(video_request(model=model), delivery=Delivery.CALLER)


async def left_at_the_door(job: Job) -> None:
    """A reader who has the video offered and takes none of it."""
    async with job.open_stream():
        pass


@virtual(faults=[DropFault(endpoints=("queue",), stage=Stage.REPLY)])
async def test_of_two_decisions_at_once_the_second_is_refused(world: World) -> None:
    """It is never answered with what the first one made of the job."""
    async with world.manager(ledger=world.sqlite()) as jobs:
        job = await jobs.submit(video_request())
        with pytest.raises(UnknownOutcomeError):
            await job
        adopting = jobs.resolve(job, "adopt", queue_id=world.emulator.jobs[0].queue_id)
        first, second = await asyncio.gather(jobs.resolve(job, "not_charged"), adopting, return_exceptions=True)
        assert first is job
        assert isinstance(second, InvalidRequestError)
        assert (job.state, job.record.queue_id) == (JobState.FAILED, None)
        assert (job.record.decision or "").startswith("not_charged (attempt 1")


@virtual(faults=[ConsentFault(times=1)])
async def test_a_consent_is_not_swallowed_by_a_release(world: World) -> None:
    """Who confirmed something is told that the body went out without it."""
    request = video_request(model="seedance-2-0-text-to-video-basic", resolution="480p")
    async with world.manager(ledger=world.sqlite()) as jobs:
        job = await jobs.submit(request)
        with pytest.raises(JobHeldError):
            await job
        _, refused = await asyncio.gather(jobs.release(job), job.give_consent(YES), return_exceptions=True)
        assert isinstance(refused, InvalidRequestError)
        assert job.request.consent is None
        await job


@virtual(faults=[StatusFault(endpoints=("queue",), status=402, times=1)])
async def test_a_cancel_holds_though_the_job_is_released_in_that_moment(world: World) -> None:
    """Both were asked for, in this order: the last word counts, and what was paid meanwhile is known."""
    async with world.manager(ledger=world.sqlite()) as jobs:
        job = await jobs.submit(video_request())
        with pytest.raises(JobHeldError):
            await job
        await asyncio.gather(jobs.release(job), job.cancel())
        await world.clock.sleep(300.0)
        assert job.state is JobState.CANCELLED
        paid = [each.queue_id for each in world.emulator.jobs]
        assert paid in ([], [job.queue_id])
        assert world.count("retrieve") == 0


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual()
async def test_nothing_is_asked_for_after_the_reader_has_left(world: World, model: str) -> None:
    """Any request would be for nobody; the video still waits for who comes next."""
    async with world.manager() as jobs:
        job = await for_the_caller(jobs, model=model)
        await left_at_the_door(job)
        seen = world.count("retrieve"), world.count("media"), job.record.link_requests
        await world.clock.sleep(600.0)
        assert (world.count("retrieve"), world.count("media"), job.record.link_requests) == seen
        async with job.open_stream() as stream:
            assert sum([len(chunk) async for chunk in stream]) == SIZE


@virtual(faults=[SlowFault(endpoints=("retrieve",), delay=20.0)])
async def test_a_link_is_not_asked_for_a_reader_who_left_meanwhile(world: World) -> None:
    """It bears only four requests: who left while the question was on its way costs none of them."""
    async with world.manager() as jobs:
        job = await for_the_caller(jobs, model=PRIVATE)
        await state(job, JobState.QUEUED)
        await world.clock.sleep(500.0)
        reading = asyncio.create_task(left_at_the_door(job))
        await world.clock.sleep(5.0)
        assert jobs._pump.counts == (0, 0, 1)
        reading.cancel()
        await world.clock.sleep(100.0)
        assert (job.state, job.record.link_requests, world.count("media")) == (JobState.QUEUED, 0, 0)


@virtual()
async def test_readers_who_left_are_forgotten(world: World) -> None:
    """A job that is opened again and again keeps nothing of them."""
    async with world.manager() as jobs:
        job = await for_the_caller(jobs)
        for _ in range(3):
            await left_at_the_door(job)
        assert job._watchers == []
