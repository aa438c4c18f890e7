"""Cancelled at every single await: nothing is lost, nothing is paid twice, nothing is left half-way."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from harness import INLINE, PRIVATE, World, video_request, virtual
from stepping import CancelledAt

from venice_async.emulator.manual_clock import ManualClock
from venice_async.jobs import JobState
from venice_async.ledger import Ledger
from venice_async.manager import JobManager
from venice_async.manager.job import Job

LEDGERS: dict[str, Callable[[World], Ledger]] = {"memory": lambda world: world.ledger, "sqlite": World.sqlite}
MODELS = (INLINE, PRIVATE)


async def submit_all(jobs: JobManager) -> list[Job]:
    return [
        await jobs.submit(video_request(number, model=model), key=f"scene {number}")
        for number, model in enumerate(MODELS)
    ]


async def check_a_restart_finishes(world: World, ledger: Ledger) -> None:
    """The next process brings everything home, except what nobody can tell; each job was paid for once at most."""
    async with world.manager(ledger=ledger) as jobs:
        made = await submit_all(jobs)
        await asyncio.gather(*(_rest(job) for job in made))
        assert {job.state for job in made} <= {JobState.COMPLETED, JobState.UNKNOWN}
        assert all(world.is_whole(job) for job in made if job.state is JobState.COMPLETED)
        named = {job.queue_id for job in made}
        lost = [charge for charge in world.emulator.charges if charge.queue_id not in named]
        assert len(lost) <= len(jobs.unknown())
        assert jobs.totals.spent_usd + jobs.totals.reserved_usd >= world.emulator.spent_usd
    prompts = [each.prompt for each in world.emulator.jobs]
    assert len(prompts) == len(set(prompts))
    assert world.leftovers() == []


async def _rest(job: Job) -> None:
    async for _ in job.events():
        pass


def at_every_await(folder: Path, scene: Callable[[World, int], Coroutine[Any, Any, bool]], *, every: int = 1) -> int:
    """Play a scene in a new world for each await in it, and give their number."""
    for number in range(1, 2000, every):
        clock = ManualClock()
        if not clock.run(scene(World(folder / str(number), clock), number)):
            return number
        (folder / str(number)).mkdir(exist_ok=True)
    raise AssertionError("this scene never ends")


@pytest.fixture(params=LEDGERS)
def ledger_of(request: pytest.FixtureRequest) -> Callable[[World], Ledger]:
    """The ledger as a process that has just started would open it."""
    return LEDGERS[request.param]


def test_whoever_submits_and_awaits_is_cancelled(tmp_path: Path, ledger_of: Callable[[World], Ledger]) -> None:
    """The same manager then gives the same jobs by their keys, and they are finished."""

    async def scene(world: World, at: int) -> bool:
        async def caller(jobs: JobManager) -> None:
            for job in await submit_all(jobs):
                await job

        world.folder.mkdir()
        async with world.manager(ledger=ledger_of(world)) as jobs:
            struck = await CancelledAt(caller(jobs), at=at).run()
            made = await submit_all(jobs)
            await asyncio.gather(*(_rest(job) for job in made))
            assert {job.state for job in made} == {JobState.COMPLETED}
        assert len(world.emulator.charges) == len(MODELS)
        return struck

    assert at_every_await(tmp_path, scene) > 4


def test_the_whole_program_is_cancelled(tmp_path: Path, ledger_of: Callable[[World], Ledger]) -> None:
    """While it starts, submits, waits or closes: the next program goes on where this one ended."""

    async def scene(world: World, at: int) -> bool:
        async def program() -> None:
            async with world.manager(ledger=ledger_of(world)) as jobs:
                for job in await submit_all(jobs):
                    await job

        world.folder.mkdir()
        struck = await CancelledAt(program(), at=at).run()
        await check_a_restart_finishes(world, ledger_of(world))
        return struck

    assert at_every_await(tmp_path, scene) > 10


def test_closing_is_cancelled(tmp_path: Path, ledger_of: Callable[[World], Ledger]) -> None:
    """In the middle of everything; what is closed is closed whole."""

    async def scene(world: World, at: int) -> bool:
        world.folder.mkdir()
        jobs = await world.manager(ledger=ledger_of(world)).__aenter__()
        made = await submit_all(jobs)
        await world.clock.sleep(0.1)
        struck = await CancelledAt(jobs.aclose(), at=at).run()
        assert all(job.at_rest or job._closed for job in made)
        await check_a_restart_finishes(world, ledger_of(world))
        return struck

    assert at_every_await(tmp_path, scene) > 1


@pytest.mark.parametrize("work", ["_queue", "_poll"])
def test_a_task_of_the_manager_is_cancelled(tmp_path: Path, ledger_of: Callable[[World], Ledger], work: str) -> None:
    """As a dying event loop does: a paid call leaves UNKNOWN at worst, a download a place to start again."""

    async def scene(world: World, at: int) -> bool:
        world.folder.mkdir()
        struck = []
        async with world.manager(ledger=ledger_of(world)) as jobs:
            whole = getattr(jobs._pump, work)

            async def cut(*args: Any) -> None:
                step = CancelledAt(whole(*args), at=at)
                try:
                    await step
                finally:
                    struck.append(step.struck)

            setattr(jobs._pump, work, cut)
            for job in await submit_all(jobs):
                await asyncio.wait(
                    {asyncio.ensure_future(world.clock.sleep(400.0)), asyncio.ensure_future(_rest(job))},
                    return_when=asyncio.FIRST_COMPLETED,
                )
        await check_a_restart_finishes(world, ledger_of(world))
        return any(struck)

    assert at_every_await(tmp_path, scene) > 2


@virtual()
async def test_many_callers_are_cancelled_at_random(world: World) -> None:
    """A web server whose visitors leave: each scene is made once."""
    import random

    chance = random.Random(5)
    async with world.manager() as jobs:

        async def visitor(number: int) -> None:
            await (await jobs.submit(video_request(number % 20), key=f"scene {number % 20}"))

        visitors = [asyncio.create_task(visitor(number)) for number in range(60)]
        while not all(task.done() for task in visitors):
            await world.clock.sleep(chance.uniform(0.0, 3.0))
            chance.choice(visitors).cancel()
        await asyncio.gather(*(_rest(job) for job in jobs.jobs()))
        assert all(job.state is JobState.COMPLETED for job in jobs.jobs())
    assert len(world.emulator.charges) == len(jobs.jobs()) <= 20
