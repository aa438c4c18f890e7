"""Strikes at exactly the k-th await of a coroutine, in each of the ways in which Python cancels things."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from typing import Any, Final

import anyio


class Stepped:
    """Awaits a coroutine, and calls `strike` when it waits for the `at`-th time (and for the next, where `twice`)."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], *, at: int, twice: bool = False) -> None:
        self._coroutine = coroutine
        self._at = {at, at + 1} if twice else {at}
        self.struck = False
        self.strike: Callable[[], object] = lambda: None

    def __await__(self) -> Generator[Any, Any, Any]:
        resume: Callable[[Any], Any] = self._coroutine.send
        value: Any = None
        for step in range(1, 1_000_000):
            try:
                future = resume(value)
            except StopIteration as stop:
                return stop.value
            if step in self._at:
                self.struck = True
                self.strike()
            try:
                value = yield future
                resume = self._coroutine.send
            except BaseException as error:  # noqa: BLE001 -- whatever it is belongs to the coroutine
                value = error
                resume = self._coroutine.throw
        raise AssertionError("this coroutine never ends")


async def _awaited(stepped: Stepped) -> None:
    await stepped


async def _native(stepped: Stepped) -> bool:
    task = asyncio.create_task(_awaited(stepped))
    stepped.strike = task.cancel
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
    return task.cancelled()


async def _timeout(stepped: Stepped) -> bool:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    try:
        async with asyncio.timeout(None) as limit:
            stepped.strike = lambda: limit.reschedule(loop.time())
            await stepped
    except TimeoutError:
        assert task.cancelling() == 0, "a cancellation was left over"
        return True
    return False


async def _scope(stepped: Stepped) -> bool:
    with anyio.CancelScope() as scope:
        stepped.strike = scope.cancel
        await stepped
    return scope.cancelled_caught


class _SiblingFailedError(Exception):
    pass


async def _sibling(stepped: Stepped) -> bool:
    fail, done = asyncio.Event(), False
    stepped.strike = fail.set

    async def failing() -> None:
        await fail.wait()
        raise _SiblingFailedError

    async def mine() -> None:
        nonlocal done
        await stepped
        done = True
        if not stepped.struck:
            sibling.cancel()

    try:
        async with asyncio.TaskGroup() as group:
            sibling = group.create_task(failing())
            group.create_task(mine())
    except* _SiblingFailedError:
        pass
    return not done


KINDS: Final[Mapping[str, Callable[[Stepped], Awaitable[bool]]]] = {
    "cancel": _native,
    "cancel twice": _native,
    "timeout": _timeout,
    "scope": _scope,
    "sibling": _sibling,
}
"""How to strike; each says whether the cancellation came out again, as it must."""
