"""What every clock promises."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from venice_async.clock import Clock, SystemClock
from venice_async.emulator.manual_clock import ManualClock

Run = Callable[[Callable[[Clock], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=["system", "fast", "manual"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine function with a clock, on the event loop that the clock needs."""
    if request.param == "manual":
        clock = ManualClock()
        return lambda work: clock.run(work(clock))
    system = SystemClock(speed=1.0 if request.param == "system" else 1000.0)
    return lambda work: asyncio.run(work(system))


def test_a_sleep_takes_at_least_its_time(run: Run) -> None:
    """In the clock's own seconds."""

    async def work(clock: Clock) -> None:
        before = clock.monotonic()
        await clock.sleep(0.02)
        assert clock.monotonic() - before >= 0.0199

    run(work)


def test_sleepers_wake_in_order(run: Run) -> None:
    """The shorter first, whoever began first."""

    async def work(clock: Clock) -> None:
        woken: list[float] = []

        async def sleeper(seconds: float) -> None:
            await clock.sleep(seconds * clock_speed(clock))
            woken.append(seconds)

        await asyncio.gather(sleeper(0.06), sleeper(0.0), sleeper(0.03))
        assert woken == [0.0, 0.03, 0.06]

    run(work)


def clock_speed(clock: Clock) -> float:
    return getattr(clock, "speed", 1.0)


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_no_time_lets_others_go_on(run: Run, seconds: float) -> None:
    """Zero or less yields to the event loop once."""

    async def work(clock: Clock) -> None:
        went: list[str] = []

        async def other() -> None:
            went.append("other")

        task = asyncio.create_task(other())
        await clock.sleep(seconds)
        assert went == ["other"]
        await task

    run(work)


def test_a_sleep_can_be_cancelled(run: Run) -> None:
    """At once, however long it was to be."""

    async def work(clock: Clock) -> None:
        asleep = asyncio.create_task(clock.sleep(1e9))
        await clock.sleep(0)
        asleep.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asleep

    run(work)


def test_time_never_goes_back(run: Run) -> None:
    """And wall time is a Unix time of this century."""

    async def work(clock: Clock) -> None:
        seen = [clock.monotonic()]
        for _ in range(20):
            await clock.sleep(0.001)
            seen.append(clock.monotonic())
        assert seen == sorted(seen)
        assert 1.6e9 < clock.wall() < 4.2e9

    run(work)
