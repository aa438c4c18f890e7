"""Bytes to their place: links that go on where they were cut, requests that are counted, and doubtful videos."""

from typing import Any

import pytest
from harness import INLINE, PRIVATE, World, video_request, virtual

from venice_async.emulator.faults import CutFault, DropFault, PlaceholderFault, Stage
from venice_async.jobs import JobEvent, JobProgress, JobState, JobWarning
from venice_async.manager import JobManager
from venice_async.manager.job import Job

LARGE = 3_000_000


async def heard(jobs: JobManager, job: Job) -> list[JobEvent]:
    """All that happens to a job."""
    del jobs
    return [event async for event in job.events()]


@virtual(video_size=LARGE, faults=[CutFault(at=0.5, endpoints=("media",), times=1)])
async def test_a_cut_link_goes_on_where_it_ended(world: World) -> None:
    """Two requests, and hardly a byte more than the video has; the file is the server's to the byte."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(model=PRIVATE))
        events = await heard(jobs, job)
    assert world.count("media", method="GET") == 2
    received = [event.received for event in events if isinstance(event, JobProgress)]
    assert received == sorted(received)  # with a new beginning it would have gone back
    assert received[-1] == LARGE
    assert job.state is JobState.COMPLETED
    assert job.record.link_requests == 2
    assert world.leftovers() == []


@virtual(video_size=LARGE, faults=[CutFault(at=0.5, endpoints=("media",))])
async def test_a_link_is_asked_four_times_and_then_waits_for_a_person(world: World) -> None:
    """Across restarts too: what an earlier process asked for counts."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(model=PRIVATE))
        while job.record.link_requests < 2:
            await world.clock.sleep(1.0)
    async with world.manager() as jobs:
        (job,) = jobs.jobs()
        while not job.at_rest:
            await world.clock.sleep(1.0)
        assert (job.state, job.record.held_for, job.record.link_requests) == (JobState.HELD, "link", 4)
    assert world.count("media", method="GET") == 4
    assert world.leftovers() == []


@virtual(faults=[DropFault(stage=Stage.CONNECT, endpoints=("media",), times=6)])
async def test_a_connection_that_was_not_made_does_not_count(world: World) -> None:
    """Nothing reached the server."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(model=PRIVATE))
        await job
        assert job.record.link_requests == 1


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual(faults=[PlaceholderFault(times=1)], video_size=300_000)
async def test_a_stand_in_is_kept_and_pointed_out(world: World, model: str) -> None:
    """As an event, in the result and in the record; an honest video of the same order is not."""
    async with world.manager() as jobs:
        doubtful = await jobs.submit(video_request(1, model=model))
        events = await heard(jobs, doubtful)
        video = await doubtful
        assert video.warning is not None
        assert "silently refused" in video.warning
        assert [event.warning for event in events if isinstance(event, JobWarning)] == [video.warning]
        assert video.path.stat().st_size == video.size < 10_000
        honest = await (await jobs.submit(video_request(2, model=model)))
        assert honest.warning is None
    facts: dict[str, Any] = {record.key: record.warning for record in await world.ledger.records()}
    assert sorted(map(bool, facts.values())) == [False, True]
