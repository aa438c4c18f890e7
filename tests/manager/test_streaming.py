"""Videos as bytes in the caller's hands."""

import asyncio
import hashlib

import pytest
from harness import INLINE, PRIVATE, SIZE, World, video_request, virtual

from venice_async.emulator.faults import CutFault, StatusFault
from venice_async.errors import (
    Charge,
    IncompleteDownloadError,
    InvalidRequestError,
    ManagerClosedError,
    NotFoundError,
    UnknownOutcomeError,
)
from venice_async.jobs import Cleanup, Delivery, JobState
from venice_async.manager import JobManager
from venice_async.manager.job import Job


async def streamed(job: Job, *, delete_remote: bool = False) -> bytes:
    """All bytes of a job's stream."""
    data = b""
    async with job.open_stream() as stream:
        async for chunk in stream:
            data += chunk
        assert (stream.video.size, stream.content_length) == (len(data), len(data))
        if delete_remote:
            stream.delete_remote()
    return data


async def stopped_at_the_first_chunk(job: Job) -> None:
    """A caller who fails in the middle."""
    async with job.open_stream() as stream:
        async for _ in stream:
            raise ZeroDivisionError


async def for_the_caller(jobs: JobManager, *, model: str = INLINE, number: int = 1) -> Job:
    """A job whose video is not to touch the disk."""
    return await jobs.submit(video_request(number, model=model), delivery=Delivery.CALLER)


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual()
async def test_the_bytes_go_to_the_caller_and_nowhere_else(world: World, model: str) -> None:
    """Proven whole, and nothing is deleted at the server without his word."""
    async with world.manager() as jobs:
        job = await for_the_caller(jobs, model=model)
        data = await streamed(job)
        assert hashlib.sha256(data).hexdigest() == job.record.sha256 == world.expected_sha256(job)
        assert (job.state, job.record.cleanup, job.record.size) == (JobState.COMPLETED, Cleanup.NONE, SIZE)
        with pytest.raises(InvalidRequestError, match="handed over already"):
            await streamed(job)
    assert not world.output.exists()
    assert world.count("complete") + world.count("media", method="DELETE") == 0


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual()
async def test_the_caller_may_say_that_his_copy_is_safe(world: World, model: str) -> None:
    """Then the server's is deleted."""
    async with world.manager() as jobs:
        job = await for_the_caller(jobs, model=model)
        await streamed(job, delete_remote=True)
    (kept,) = await world.ledger.records()
    assert kept.cleanup is Cleanup.DONE


@virtual()
async def test_a_job_is_asked_for_only_while_somebody_wants_its_bytes(world: World) -> None:
    """Any answer may be the whole video, and nobody would take it."""
    async with world.manager() as jobs:
        job = await for_the_caller(jobs)
        await world.clock.sleep(500.0)
        assert (job.state, world.count("retrieve")) == (JobState.QUEUED, 0)
        with pytest.raises(InvalidRequestError, match="use open_stream"):
            await job
        reading = asyncio.create_task(streamed(job))
        await world.clock.sleep(0.01)
        with pytest.raises(InvalidRequestError, match="Somebody reads"):
            await streamed(job)
        assert len(await reading) == SIZE


@virtual()
async def test_who_leaves_early_can_open_it_again(world: World) -> None:
    """With an error of his own, or in the middle: the video still waits at the server."""
    async with world.manager() as jobs:
        job = await for_the_caller(jobs)
        with pytest.raises(ZeroDivisionError):
            await stopped_at_the_first_chunk(job)
        assert (job.state, job.record.sha256) == (JobState.QUEUED, None)
        async with job.open_stream():
            pass
        assert job.state is JobState.QUEUED
        assert len(await streamed(job)) == SIZE


@virtual(faults=[CutFault(times=1)])
async def test_a_cut_transfer_is_never_taken_for_a_whole_one(world: World) -> None:
    """Iterating raises instead of ending, and the next stream begins anew."""
    async with world.manager() as jobs:
        job = await for_the_caller(jobs)
        with pytest.raises(IncompleteDownloadError) as failed:
            await streamed(job)
        assert failed.value.charge is Charge.CHARGED
        assert job.state is JobState.QUEUED
        assert len(await streamed(job)) == SIZE


@virtual(
    faults=[StatusFault(endpoints=("queue",), status=500, times=1), StatusFault(endpoints=("retrieve",), status=404)]
)
async def test_whoever_waits_for_bytes_that_will_not_come_is_told(world: World) -> None:
    """Whatever stops the job stops the stream."""
    async with world.manager() as jobs:
        unknown = await for_the_caller(jobs, number=1)
        with pytest.raises(UnknownOutcomeError):
            await streamed(unknown)
        gone = await for_the_caller(jobs, number=2)
        with pytest.raises(NotFoundError):
            await streamed(gone)


@virtual(execution_time=lambda *_: 1000.0)
async def test_closing_the_manager_ends_a_waiting_stream(world: World) -> None:
    """The job goes on at the next start, and can be streamed there."""
    async with world.manager() as jobs:
        job = await for_the_caller(jobs)
        waiting = asyncio.create_task(streamed(job))
        await world.clock.sleep(10.0)
    with pytest.raises(ManagerClosedError):
        await waiting
    async with world.manager() as jobs:
        assert len(await streamed(jobs.jobs()[0])) == SIZE
    assert len(world.emulator.charges) == 1


@virtual()
async def test_a_video_on_disk_can_be_streamed_too(world: World) -> None:
    """As often as one likes, also while it is still being made."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        first = await streamed(job)
        assert first == await streamed(job)
        assert hashlib.sha256(first).hexdigest() == job.record.sha256
        assert world.is_whole(job)
