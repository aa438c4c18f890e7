"""Tasks that belong to an object and not to whoever caused them."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Chores:
    """Holds its tasks, which asyncio itself does not, until they are done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._named: dict[str, asyncio.Task[Any]] = {}

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a task; await it under `asyncio.shield`, so that a cancelled caller does not end it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def start_once(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """The task of that name that is under way, else a new one."""
        if (task := self.under_way(name)) is None:
            task = self._named[name] = self.start(work())
            task.add_done_callback(functools.partial(self._forget, name))
        return task

    def under_way(self, name: str) -> asyncio.Task[Any] | None:
        """The task of that name, until it is done."""
        task = self._named.get(name)
        return None if task is None or task.done() else task  # the loop tells of its end a turn later

    def _forget(self, name: str, task: asyncio.Task[Any]) -> None:
        if self._named.get(name) is task:
            del self._named[name]

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: who waited for it may have been cancelled

    async def finish(self) -> None:
        """Wait until all are done."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """End them."""
        for task in self._tasks:
            task.cancel()
        await self.finish()


async def to_its_end(task: asyncio.Task[T], *, on_cancel: Callable[[], None]) -> T:
    """What the task gives. A cancelled caller calls `on_cancel`, waits all the same, and is then cancelled."""
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
            on_cancel()
    if cancelled is not None:
        raise cancelled
    return task.result()
