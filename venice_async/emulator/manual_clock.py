"""A clock whose time stands still until everything is idle, then jumps to the next sleeper."""

import asyncio
import contextlib
import heapq
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

from attrs import define, field

T = TypeVar("T")

_COMPACT_ABOVE: Final = 64
DEADLOCK_AFTER: Final = 10.0
"""Real seconds after which a program that waits for nothing the clock knows of is called stuck."""


@define(order=True)
class _Sleeper:
    due: float
    number: int
    future: "asyncio.Future[None]" = field(order=False)


class ManualClock:
    """`Clock` in virtual time: hours of waiting pass in milliseconds, and every run is the same.

    `run` drives a coroutine on an event loop of its own. Whenever no task can go on and no work is in
    flight elsewhere, the clock jumps to the earliest instant that somebody sleeps until and wakes all
    who sleep until then, in the order in which they went to sleep. Work handed to
    `loop.run_in_executor` holds the clock still; so does the body of `with clock.hold():`, for work in
    threads that asyncio does not know of.

    Only `clock.sleep` is virtual: asyncio's own timers (`asyncio.sleep`, `asyncio.timeout`) keep real
    time, and virtual time runs on while they wait. Sockets work, but an answer that is still on its way
    counts as idleness: use the in-memory door.
    """

    def __init__(self, start: float = 0.0, *, wall: float = 1_800_000_000.0) -> None:
        """`start` is the first `monotonic()`, `wall` the Unix time at that instant."""
        self._now = start
        self._wall_offset = wall - start
        self._sleepers: list[_Sleeper] = []
        self._count = 0
        self._live = 0
        self._held = 0

    def monotonic(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self._wall_offset

    def since(self, wall: float) -> float:
        return max(0.0, self.wall() - wall)

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has moved by `seconds`; zero or less yields to the event loop once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        self._live += 1
        heapq.heappush(self._sleepers, _Sleeper(self._now + seconds, self._count, future))
        try:
            await future
        finally:
            self._live -= 1
            self._drop_dead()

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Time stands still inside."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def advance(self, seconds: float) -> None:
        """Move the clock by hand and wake whoever is due by then."""
        until = self._now + seconds
        while self._next() is not None and self._sleepers[0].due <= until:
            self._wake_next()
        self._now = until

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end in virtual time.

        Raises RuntimeError where it waits for something that can never come.
        """
        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            return runner.run(main)

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """A fresh event loop that moves this clock, for runners that take a loop factory."""
        return _Loop(self)

    def __repr__(self) -> str:
        return f"<ManualClock at {self._now:g}, {self._live} sleepers>"

    def _jump(self) -> bool:
        """Go to the next sleeper; False where there is none or time is held."""
        if self._held or self._next() is None:
            return False
        self._wake_next()
        return True

    def _next(self) -> _Sleeper | None:
        while self._sleepers and self._sleepers[0].future.done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0] if self._sleepers else None

    def _wake_next(self) -> None:
        self._now = max(self._now, self._sleepers[0].due)
        while (sleeper := self._next()) is not None and sleeper.due <= self._now:
            heapq.heappop(self._sleepers).future.set_result(None)

    def _drop_dead(self) -> None:
        # Cancelled entries far in the future would pile up where sleeps are raced against events.
        if len(self._sleepers) > _COMPACT_ABOVE and len(self._sleepers) > 2 * self._live:
            self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper.future.done()]
            heapq.heapify(self._sleepers)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that moves a manual clock when it would otherwise wait."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        super().__init__(_IdleSelector(clock, self._describe_stuck))

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":  # type: ignore[override]
        future = super().run_in_executor(executor, func, *args)
        held = self._clock.hold()
        held.__enter__()
        # Until the result has been handed to whoever awaits it, the program is not idle.
        future.add_done_callback(lambda _: held.__exit__(None, None, None))
        return future

    def _describe_stuck(self) -> str:
        tasks = sorted(task.get_name() for task in asyncio.all_tasks(self))
        return ", ".join(tasks[:10]) + (" ..." if len(tasks) > 10 else "")


class _IdleSelector(selectors.DefaultSelector):
    """A selector that asks the clock to jump in place of waiting."""

    def __init__(self, clock: ManualClock, describe: Callable[[], str]) -> None:
        super().__init__()
        self._clock = clock
        self._describe = describe

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or (timeout is not None and timeout <= 0) or self._clock._jump():  # noqa: SLF001
            return ready
        if timeout is not None or self._clock._held or self._has_sockets():  # noqa: SLF001
            return super().select(timeout)
        return self._last_chance()

    def _has_sockets(self) -> bool:
        return len(self.get_map()) > 1  # one is the loop's own, through which threads wake it

    def _last_chance(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Nothing sleeps, nothing is in flight: only a thread of somebody else's could still wake the loop."""
        others = threading.active_count() > 1
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(DEADLOCK_AFTER if others else 0)
        if not ready:
            raise RuntimeError(
                f"deadlock in virtual time: nobody sleeps and nothing is in flight; waiting: {self._describe()}"
            )
        return ready
