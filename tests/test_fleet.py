"""A whole fleet: many jobs at the account's real limits, nothing lost, nothing paid twice, no limit touched."""

import asyncio
from bisect import bisect_right
from collections import Counter
from pathlib import Path

import pytest
from harness import INLINE, PRIVATE, World, video_request, virtual

from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.emulator.faults import CutFault, DropFault, JobFault, Stage, StatusFault
from venice_async.jobs import JobState
from venice_async.ledger import SqliteLedger
from venice_async.models import VideoRequest

FAST = "ltx-2-v2-3-fast-text-to-video"


def mixed_request(number: int) -> VideoRequest:
    """Three models that behave differently, in turn."""
    if number % 3 == 0:
        return video_request(number, model=FAST, duration="6s", resolution="1080p")
    return video_request(number, model=PRIVATE if number % 3 == 1 else INLINE)


def most_in_a_minute(world: World, endpoint: str) -> int:
    """The largest number of requests that any 60 seconds held."""
    instants = sorted(record.at for record in world.emulator.requests if record.endpoint == endpoint)
    return max(bisect_right(instants, at + 60.0 - 1e-9) - index for index, at in enumerate(instants))


@pytest.mark.parametrize("windows", ["sliding", "fixed"])
def test_a_thousand_jobs(tmp_path: Path, windows: str) -> None:
    """All come home whole, each paid for once, without a single refusal, in hours of virtual time."""

    @virtual(windows=windows)
    async def fleet(world: World) -> None:
        async with world.manager() as jobs:
            done = [job async for job in jobs.as_completed(mixed_request(number) for number in range(1000))]
            assert Counter(job.state for job in done) == {JobState.COMPLETED: 1000}
            assert all(world.is_whole(job) for job in done)
            assert jobs.totals.spent_usd == world.emulator.spent_usd
        assert len(world.emulator.charges) == 1000
        assert not any(record.status >= 400 for record in world.emulator.requests)
        assert most_in_a_minute(world, "queue") <= 40
        assert most_in_a_minute(world, "retrieve") <= 120
        assert world.emulator.violations == ()
        assert world.leftovers() == []

    fleet(tmp_path=tmp_path)


@pytest.mark.anyio
async def test_a_hundred_jobs_through_the_socket(tmp_path: Path) -> None:
    """Real connections, real files and a real ledger, with trouble of every kind: each job ends as it should."""
    clock = SystemClock(speed=100)
    faults = [
        CutFault(after=5, times=8),
        StatusFault(endpoints=("retrieve",), status=502, after=20, times=15),
        StatusFault(endpoints=("queue",), status=503, after=10, times=4),
        DropFault(stage=Stage.REPLY, endpoints=("retrieve",), after=40, times=5),
        DropFault(stage=Stage.REPLY, endpoints=("queue",), after=50, times=2),
        JobFault(prompt="scene 77"),
    ]
    world = World(tmp_path, clock, time_scale=100, faults=faults)
    ledger = SqliteLedger(tmp_path / "jobs.sqlite3")
    async with (
        world.emulator as venice,
        VeniceClient("any-key", base_url=venice.url, clock=clock) as client,
        world.manager(client=client, ledger=ledger) as jobs,
    ):
        async with asyncio.timeout(60):
            done = [job async for job in jobs.as_completed(mixed_request(number) for number in range(100))]
        states = Counter(job.state for job in done)
        assert states == {JobState.COMPLETED: 97, JobState.FAILED: 1, JobState.UNKNOWN: 2}
        assert all(world.is_whole(job) for job in done if job.state is JobState.COMPLETED)
    assert len(venice.charges) == 100
    assert len({charge.request_hash for charge in venice.charges}) == 100
    assert venice.violations == ()
    assert world.leftovers() == []
