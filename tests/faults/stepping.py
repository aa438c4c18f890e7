"""Cancels a coroutine at exactly its k-th await."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any


class CancelledAt:
    """Awaits a coroutine and cancels the task that does so when the coroutine waits for the `at`-th time."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], *, at: int) -> None:
        self._coroutine = coroutine
        self._at = at
        self.struck = False

    def __await__(self) -> Generator[Any, Any, Any]:
        resume: Callable[[Any], Any] = self._coroutine.send
        value: Any = None
        for step in range(1, 1_000_000):
            try:
                future = resume(value)
            except StopIteration as stop:
                return stop.value
            if step == self._at:
                self.struck = True
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                value = yield future
                resume = self._coroutine.send
            except BaseException as error:  # noqa: BLE001 -- whatever it is belongs to the coroutine
                value = error
                resume = self._coroutine.throw
        raise AssertionError("this coroutine never ends")

    async def run(self) -> bool:
        """Whether the coroutine came to an await number `at`; its end, good or bad, is swallowed."""
        task = asyncio.ensure_future(self._awaited())
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        return self.struck

    async def _awaited(self) -> Any:
        return await self
