"""The ledger: what was paid for is known, whatever happens to the program."""

import asyncio
from pathlib import Path

import pytest

from venice_async import Emulator, JobManager, JobState, VeniceClient, VideoRequest
from venice_async.emulator.faults import CutFault, DropFault
from venice_async.errors import JobCancelledError, ManagerClosedError, UnknownOutcomeError

pytestmark = pytest.mark.anyio


async def test_a_key_never_pays_twice(
    venice: VeniceClient, venice_server: Emulator, request_: VideoRequest, tmp_path: Path
) -> None:
    """Give each piece of work a name of your own: run the program as often as you like."""
    for _ in range(3):
        async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
            video = await (await jobs.submit(request_, key="scene-12"))
    assert video.path.name == "scene-12.mp4"
    assert len(venice_server.charges) == 1


async def test_the_next_start_goes_on(
    venice: VeniceClient, venice_server: Emulator, request_: VideoRequest, tmp_path: Path
) -> None:
    """A program that ends early loses nothing."""
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        job = await jobs.submit(request_)
        while job.queue_id is None:
            await asyncio.sleep(0)
    with pytest.raises(ManagerClosedError):
        await job
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        video = await jobs.jobs()[0]
    assert video.queue_id == job.queue_id
    assert len(venice_server.charges) == 1


async def test_a_timeout_ends_the_waiting_not_the_job(
    venice: VeniceClient, request_: VideoRequest, tmp_path: Path
) -> None:
    """It can be awaited again."""
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        job = await jobs.submit(request_)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await job
        assert (await job).size > 0


async def test_cancel_stops_our_waiting(
    venice: VeniceClient, venice_server: Emulator, request_: VideoRequest, tmp_path: Path
) -> None:
    """There is no refund: what was queued is paid."""
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        job = await jobs.submit(request_)
        while job.queue_id is None:
            await asyncio.sleep(0)
        await job.cancel()
        with pytest.raises(JobCancelledError, match="It was charged"):
            await job
    assert len(venice_server.charges) == 1


async def test_a_cut_download_is_fetched_again(
    venice: VeniceClient, venice_server: Emulator, request_: VideoRequest, tmp_path: Path
) -> None:
    """A file appears whole or not at all."""
    venice_server.faults.append(CutFault(times=1))
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        video = await (await jobs.submit(request_))
    assert video.path.stat().st_size == video.size


async def test_an_unknown_outcome_is_said_out_loud(
    venice: VeniceClient, venice_server: Emulator, request_: VideoRequest, tmp_path: Path
) -> None:
    """When the answer to the paid call is lost nobody can tell: it is not sent again, and its price stays reserved."""
    venice_server.faults.append(DropFault(endpoints=("queue",), times=1))
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        job = await jobs.submit(request_)
        with pytest.raises(UnknownOutcomeError):
            await job
        assert job.state is JobState.UNKNOWN
        assert jobs.unknown() == [job]
        assert jobs.totals.reserved_usd == job.record.price_usd
    assert len(venice_server.charges) == 1
