"""A bound on waiting."""

import asyncio

import pytest
from harness import World, virtual

from venice_async.errors import ConnectError
from venice_async.manager.within import within


@virtual()
async def test_what_ends_in_time_is_what_it_was(world: World) -> None:
    """A value, or what it raises."""

    async def work(error: Exception | None = None) -> int:
        await world.clock.sleep(5.0)
        if error is not None:
            raise error
        return 7

    assert await within(10.0, work(), clock=world.clock) == 7
    with pytest.raises(ConnectError):
        await within(10.0, work(ConnectError("No.")), clock=world.clock)


@virtual()
async def test_what_does_not_is_cancelled(world: World) -> None:
    """It may still say what it leaves behind; what does not heed it is left."""
    heard: list[str] = []

    async def endless(last: Exception | None = None, *, deaf: bool = False) -> int:
        try:
            await world.clock.sleep(1e6)
        except asyncio.CancelledError:
            heard.append("cancelled")
            if deaf:
                await world.clock.sleep(100.0)
            if last is not None:
                raise last from None
            raise
        return 7

    assert await within(10.0, endless(), clock=world.clock) is None
    assert world.clock.monotonic() == 10.0
    with pytest.raises(ConnectError):
        await within(10.0, endless(ConnectError("No.")), clock=world.clock)
    began = world.clock.monotonic()
    assert await within(10.0, endless(deaf=True), clock=world.clock) is None
    assert world.clock.monotonic() - began < 20.0
    assert len(heard) == 3
    await world.clock.sleep(200.0)


@virtual()
async def test_a_cancelled_caller_waits_for_its_end(world: World) -> None:
    """What is under way is not left behind alone."""
    ended: list[float] = []

    async def slow_to_end() -> int:
        try:
            await world.clock.sleep(1e6)
        finally:
            await world.clock.sleep(3.0)
            ended.append(world.clock.monotonic())
        return 7

    caller = asyncio.create_task(within(10.0, slow_to_end(), clock=world.clock))
    await world.clock.sleep(1.0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended == [4.0]
