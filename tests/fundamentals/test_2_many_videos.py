"""Many videos with the manager: it keeps the limits, asks at the right moments, and brings whole files."""

from pathlib import Path

import attrs
import pytest

from venice_async import Emulator, JobManager, JobProgress, JobStateChanged, VeniceClient, VideoRequest

pytestmark = pytest.mark.anyio


async def test_submit_and_await(venice: VeniceClient, request_: VideoRequest, tmp_path: Path) -> None:
    """A job is awaited like anything else."""
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        job = await jobs.submit(request_, output="lighthouse.mp4")
        video = await job
    assert video.path == tmp_path / "lighthouse.mp4"
    assert video.size == video.path.stat().st_size


async def test_take_them_as_they_come(venice: VeniceClient, request_: VideoRequest, tmp_path: Path) -> None:
    """Submit them all; each is given when it is done."""
    scenes = [attrs.evolve(request_, prompt=f"a lighthouse, seen from {place}") for place in ("sea", "land", "air")]
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        files = [(await job).path async for job in jobs.as_completed(scenes)]
    assert sorted(files) == sorted(tmp_path.glob("*.mp4"))


async def test_watch_what_happens(venice: VeniceClient, request_: VideoRequest, tmp_path: Path) -> None:
    """Events begin with where the job stands and end with it."""
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        job = await jobs.submit(request_)
        events = [event async for event in job.events()]
    states = [event.state.value for event in events if isinstance(event, JobStateChanged)]
    assert states[-3:] == ["queued", "downloading", "completed"]
    assert any(isinstance(event, JobProgress) for event in events)


async def test_stay_within_a_budget(
    venice: VeniceClient, venice_server: Emulator, request_: VideoRequest, tmp_path: Path
) -> None:
    """What does not fit is refused before it is sent."""
    from venice_async.errors import BudgetExceededError

    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path, budget_usd="0.15") as jobs:
        await jobs.submit(request_, key="first")
        with pytest.raises(BudgetExceededError):
            await jobs.submit(request_, key="second")
        await jobs.jobs()[0]
    assert len(venice_server.charges) == 1


async def test_mistakes_cost_nothing(
    venice: VeniceClient, venice_server: Emulator, request_: VideoRequest, tmp_path: Path
) -> None:
    """Everything that the catalogue knows is checked first, and all problems are told at once."""
    from venice_async.errors import InvalidRequestError

    wrong = attrs.evolve(request_, duration="7s", aspect_ratio="5:3")
    async with JobManager(venice, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
        with pytest.raises(InvalidRequestError) as refused:
            await jobs.submit(wrong)
    assert len(refused.value.problems) == 2
    assert venice_server.charges == ()
