"""Time as an argument."""

import asyncio
import time

import pytest

from venice_async.clock import Clock, SystemClock
from venice_async.emulator.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
async def test_a_speed_that_is_no_speed_is_refused(speed: float) -> None:
    """Time that stands still, runs back or is everywhere at once would hang whoever waits."""
    with pytest.raises(ValueError, match="speed"):
        SystemClock(speed=speed)


async def test_monotonic_runs_at_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At speed 50 one real second is fifty of its own, while wall time stays real."""
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    clock = SystemClock(speed=50)
    assert (clock.monotonic(), clock.wall()) == (5000.0, 1_700_000_000.0)


async def test_sleeps_run_at_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour at a fast speed is the fraction of an hour that it should be."""
    import anyio

    asked: list[float] = []

    async def record(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(anyio, "sleep", record)
    await SystemClock(speed=50).sleep(100.0)
    await SystemClock().sleep(0.25)
    await SystemClock(speed=2).sleep(-3.0)
    assert asked == [2.0, 0.25, 0.0]


@pytest.mark.parametrize("make", [SystemClock, ManualClock])
@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_no_time_at_all_lets_others_go_on_once(make: type[Clock], seconds: float) -> None:
    """A loop that waits for nothing does not starve everybody else."""
    order: list[str] = []

    async def other() -> None:
        order.append("other")

    task = asyncio.create_task(other())
    await make().sleep(seconds)
    order.append("sleeper")
    await task
    assert order == ["other", "sleeper"]


async def test_the_repr_tells_the_speed() -> None:
    """So that a fast clock in the wrong place is seen."""
    assert repr(SystemClock(speed=50)) == "SystemClock(speed=50)"
