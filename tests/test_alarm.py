"""A wait that a ring ends."""

import asyncio
import math

from harness import World, virtual

from venice_async.alarm import Alarm


@virtual()
async def test_it_ends_when_its_time_is_up(world: World) -> None:
    """Without a ring the wait is as long as it was asked for."""
    await Alarm(world.clock).wait(7.0)
    assert world.clock.monotonic() == 7.0


@virtual()
async def test_a_ring_ends_the_wait(world: World) -> None:
    """Also one that would never end by itself."""
    alarm = Alarm(world.clock)
    waiting = asyncio.create_task(alarm.wait(math.inf))
    await world.clock.sleep(3.0)
    alarm.ring()
    await waiting
    assert world.clock.monotonic() == 3.0


@virtual()
async def test_a_ring_while_nobody_waits_is_kept_once(world: World) -> None:
    """News between two waits is not missed, and not heard twice."""
    alarm = Alarm(world.clock)
    alarm.ring()
    alarm.ring()
    await alarm.wait(math.inf)
    assert world.clock.monotonic() == 0.0
    await alarm.wait(2.0)
    assert world.clock.monotonic() == 2.0


@virtual()
async def test_an_ended_wait_leaves_no_timer(world: World) -> None:
    """A ring cancels the sleep that would have ended the wait."""
    alarm = Alarm(world.clock)
    alarm.ring()
    await alarm.wait(50.0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
