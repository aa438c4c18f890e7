"""Tasks that outlive whoever caused them."""

import asyncio

import pytest

from venice_async.manager.chores import Chores, to_its_end

pytestmark = pytest.mark.anyio


async def test_a_cancelled_caller_does_not_end_the_task() -> None:
    """Under `shield` it goes on, and finishing waits for it."""
    chores, done, go = Chores(), [], asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.append(True)

    caller = asyncio.ensure_future(asyncio.shield(chores.start(work())))
    await asyncio.sleep(0)
    caller.cancel()
    go.set()
    await chores.finish()
    assert done == [True]


async def test_a_named_task_is_under_way_once() -> None:
    """Whoever asks for it again gets the same one, until it is done."""
    chores, count = Chores(), []

    async def work() -> int:
        count.append(1)
        await asyncio.sleep(0)
        return len(count)

    tasks = {chores.start_once("a", work), chores.start_once("a", work)}
    assert len(tasks) == 1
    assert chores.under_way("a") in tasks
    await chores.finish()
    assert chores.under_way("a") is None
    assert await chores.start_once("a", work) == 2


async def test_a_failure_that_nobody_waits_for_is_no_warning() -> None:
    """Whoever does wait for it gets it."""
    chores = Chores()

    async def fails() -> None:
        raise ValueError

    task = chores.start(fails())
    await chores.finish()
    with pytest.raises(ValueError, match=r"^$"):
        await task


async def test_all_can_be_ended() -> None:
    """At once, and waited for."""
    chores = Chores()
    task = chores.start(asyncio.sleep(1000))
    await chores.cancel()
    assert task.cancelled()


async def test_to_its_end_waits_though_cancelled() -> None:
    """The task is told to hurry, ends, and only then is the caller cancelled."""
    hurry = asyncio.Event()
    task = asyncio.create_task(hurry.wait())
    caller = asyncio.create_task(to_its_end(task, on_cancel=hurry.set))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert task.result() is True


async def test_to_its_end_gives_what_the_task_gives() -> None:
    """A result, or its error."""
    assert await to_its_end(asyncio.create_task(asyncio.sleep(0, 5)), on_cancel=lambda: None) == 5
