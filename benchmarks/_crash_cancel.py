"""`--cancel`: cancelled at every single await, in every way; then the next process looks what is left."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from benchmarks._crash_stepping import KINDS, Stepped
from benchmarks._crash_world import World, at_rest, check_the_rest, submit_all
from venice_async.jobs import JobState

LAST: Final = 2000
"""No scene has so many awaits."""


@define(kw_only=True)
class CancelTally:
    """What one scene came to under one kind of cancellation."""

    awaits: int = 0
    swallowed: int = 0
    wrong: list[str] = field(factory=list)


async def _caller(world: World, strike: Callable[[Stepped], Awaitable[bool]], stepping: dict[str, Any]) -> Stepped:
    """Who submits and awaits is cancelled; the manager goes on, and gives the same jobs to whoever asks again."""

    async def calls() -> None:
        for job in await submit_all(jobs):
            await job

    async with world.manager() as jobs:
        stepped = Stepped(calls(), **stepping)
        _check_raised(stepped, raised=await strike(stepped))
        made = await submit_all(jobs)
        await asyncio.gather(*(at_rest(job) for job in made))
        assert all(job.state is JobState.COMPLETED for job in made), [job.state for job in made]
    return stepped


async def _program(world: World, strike: Callable[[Stepped], Awaitable[bool]], stepping: dict[str, Any]) -> Stepped:
    """The whole program is cancelled: while it starts, submits, waits or closes."""

    async def program() -> None:
        async with world.manager() as jobs:
            for job in await submit_all(jobs):
                await job

    stepped = Stepped(program(), **stepping)
    _check_raised(stepped, raised=await strike(stepped))
    return stepped


async def _closing(world: World, strike: Callable[[Stepped], Awaitable[bool]], stepping: dict[str, Any]) -> Stepped:
    """Closing is cancelled, in the middle of paid calls and transfers."""
    jobs = await world.manager().__aenter__()
    try:
        await submit_all(jobs)
        await world.clock.sleep(0.1)
    except BaseException:
        await jobs.aclose()
        raise
    stepped = Stepped(jobs.aclose(), **stepping)
    _check_raised(stepped, raised=await strike(stepped))
    return stepped


SCENES: Final[Mapping[str, Callable[..., Awaitable[Stepped]]]] = {
    "submit and wait": _caller,
    "program": _program,
    "close": _closing,
}


class _SwallowedError(AssertionError):
    """A cancellation that did not come out again."""


def _check_raised(stepped: Stepped, *, raised: bool) -> None:
    if stepped.struck and not raised:
        raise _SwallowedError


async def _shut_down(world: World, scene: str, at: int, struck: list[bool]) -> None:
    """The event loop itself ends at that await, as `asyncio.run` does when its main task is done."""
    now = asyncio.Event()

    async def strike(stepped: Stepped) -> bool:
        stepped.strike = now.set
        await stepped
        return True

    play = asyncio.ensure_future(SCENES[scene](world, strike, {"at": at}))
    await asyncio.wait({play, waiting := asyncio.ensure_future(now.wait())}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    struck.append(now.is_set())
    if play.done():
        play.result()


def at_one_await(folder: Path, *, scene: str, kind: str, at: int, durable: bool) -> bool:
    """Play a scene in a world of its own. Whether it had so many awaits; raises AssertionError for what is wrong."""
    world = World(folder, durable=durable)
    struck: list[bool] = []
    if kind == "shutdown":
        world.clock.run(_shut_down(world, scene, at, struck))
    else:

        async def play() -> None:
            stepped = await SCENES[scene](world, KINDS[kind], {"at": at, "twice": kind == "cancel twice"})
            struck.append(stepped.struck)

        world.clock.run(play())
    world.clock.run(check_the_rest(world))
    return struck[0]


ALL_KINDS: Final = (*KINDS, "shutdown")


def campaign(
    *,
    scenes: Iterable[str] = SCENES,
    kinds: Iterable[str] = ALL_KINDS,
    durable: bool = True,
    every: int = 1,
    first: int = 1,
) -> dict[str, CancelTally]:
    """Every await (or every so many) of every scene, in every way."""
    tallies = {}
    with tempfile.TemporaryDirectory(prefix="venice-crash-") as folder:
        for scene in scenes:
            for kind in kinds:
                tally = tallies[f"{scene}, {kind}"] = CancelTally()
                for at in range(first, LAST, every):
                    try:
                        met = at_one_await(
                            Path(folder) / f"{scene} {kind} {at}", scene=scene, kind=kind, at=at, durable=durable
                        )
                    except _SwallowedError:
                        tally.swallowed += 1
                        tally.wrong.append(f"await {at}: the cancellation was swallowed")
                    except Exception as error:  # noqa: BLE001 -- the campaign goes on and tells all of it
                        tally.wrong.append(f"await {at}: {type(error).__name__}: {error}")
                    else:
                        if not met:
                            break
                    tally.awaits += 1
    return tallies
