"""The ledger's own thread, and the calls that wait for it: whatever waits is handed over as one group."""

import asyncio
import contextlib
import copy
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple

from attrs import field, frozen

from venice_async.errors import LedgerError

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


@frozen
class Change:
    """What one caller wants to be called on the thread, and whether it writes."""

    call: Callable[[], Any]
    writes: bool = field(kw_only=True)


_Waiting = tuple[Change, "asyncio.Future[Any]"]


class Groups:
    """`write_group` is called on the thread with all that waits, and gives an outcome for each.

    No task does this, but callbacks: `asyncio.run` cancels every task at its end, and whoever waits must be
    answered all the same. A cancelled caller does not take back what it has handed over.
    """

    write_group: Callable[[Sequence[Change]], list[Any]]

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="venice-ledger")
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Future[list[Any]] | None = None
        self._awake = False

    @property
    def is_forked(self) -> bool:
        """Whether this process is a child of the one that opened the ledger: neither thread nor locks came along."""
        return os.getpid() != self._pid

    def check(self) -> None:
        """Raises LedgerError in a process or an event loop that is not the one which opened the ledger."""
        if self.is_forked:
            advice = "Open a ledger of its own in each process."
            raise LedgerError("The ledger was opened before this process was forked.", advice=advice)
        if asyncio.get_running_loop() is not self._loop:
            raise LedgerError("The ledger was opened in another event loop.")

    async def call(self, change: Change) -> Any:
        """Hand over a change, and give its outcome when the group it fell into is durable."""
        self.check()
        done: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((change, done))
        if not self._awake and self._writing is None:
            self._awake = True
            self._loop.call_soon(self._begin)  # not at once: whoever else has something now comes along
        return await done

    async def alone(self, call: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """Call something on the thread, by itself. A cancelled caller waits until it is done."""
        running = self._submit(call, *args)
        cancelled = None
        while not running.done():
            try:
                await asyncio.wait({running})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            running.exception()  # looked at, or asyncio would report that nobody did
            raise cancelled
        return running.result()

    async def drain(self) -> None:
        """Wait until nothing waits; who called from an event loop that has ended waits for nothing any more."""
        if not self.is_forked and asyncio.get_running_loop() is not self._loop:
            return
        self.check()
        self._begin()
        while self._writing is not None:
            await asyncio.wait({self._writing})

    def close(self) -> None:
        """End the thread."""
        self._executor.shutdown()

    def _submit(self, call: Callable[[*_Ts], _T], *args: *_Ts) -> "asyncio.Future[_T]":
        loop = asyncio.get_running_loop()
        running: asyncio.Future[_T] = loop.create_future()

        def tell(work: Future[_T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(_pass_on, work, running)

        with contextlib.suppress(RuntimeError):
            self._executor.submit(call, *args).add_done_callback(tell)
            return running
        raise LedgerError("The interpreter ends: nothing can be recorded any more.")

    def _begin(self) -> None:
        self._awake = False
        if self._writing is not None or not self._waiting:
            return
        group, self._waiting = self._waiting, []
        try:
            self._writing = self._submit(self.write_group, [change for change, _ in group])
        except LedgerError as error:
            self._settle(group, [copy.copy(error) for _ in group])
            return
        self._writing.add_done_callback(lambda writing: self._written(group, writing))

    def _written(self, group: Sequence[_Waiting], writing: "asyncio.Future[list[Any]]") -> None:
        self._writing = None
        broken = writing.exception()
        outcomes = writing.result() if broken is None else [_broken(broken) for _ in group]
        self._settle(group, outcomes)
        self._begin()

    def _settle(self, group: Sequence[_Waiting], outcomes: Sequence[Any]) -> None:
        for (_, done), outcome in zip(group, outcomes, strict=True):
            if done.done():
                continue
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)


def _pass_on(work: Future[_T], running: "asyncio.Future[_T]") -> None:
    error = work.exception()
    if error is None:
        running.set_result(work.result())
    else:
        running.set_exception(error)


def _broken(error: BaseException) -> LedgerError:
    return LedgerError(f"The ledger broke: {type(error).__name__}.")
