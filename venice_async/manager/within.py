"""A bound on how long something is waited for that has none of its own."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from venice_async.clock import Clock

T = TypeVar("T")

_LAST_WORDS: Final = 5.0
"""Seconds of the clock for what is cancelled to end."""


async def within(seconds: float, work: Coroutine[Any, Any, T], *, clock: Clock) -> T | None:
    """What `work` gives, or None where it has not ended after `seconds` of the clock: then it is cancelled.

    Raises what `work` raises. A cancelled caller cancels it as well, and waits for its end.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_looked_at)
    try:
        await _either(task, seconds, clock)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    if not task.done():
        task.cancel()
        await _either(task, _LAST_WORDS, clock)  # what does not even heed that is left to itself
        return task.result() if task.done() and not task.cancelled() else None
    return task.result()


async def _either(task: "asyncio.Task[Any]", seconds: float, clock: Clock) -> None:
    timer = asyncio.create_task(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()


def _looked_at(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()
