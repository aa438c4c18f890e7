"""The thread in which a wallet signs, so that the event loop never waits for it."""

import asyncio
import contextvars
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_AHEAD = 4
"""How much is handed to the thread at a time: enough to keep it busy. Handing over costs the event loop more than
waiting does, so that a thousand at once would stop it for a while."""


class Worker:
    """One thread for one wallet: a hardware wallet answers one question at a time, and keys sign fast enough.

    It starts with the first piece of work and belongs to no event loop, so that several may use it in turn. Nobody
    has to close it: the thread ends when its wallet is forgotten, or with the process.
    """

    __slots__ = ("_executor", "_gate", "_process")

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._process = 0
        self._gate: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """What the function returns or raises. Cancelled, it comes back at once; what has begun runs on unheard."""
        call = functools.partial(function, *args, **options)
        run = contextvars.copy_context().run
        loop = asyncio.get_running_loop()
        async with self._gate_of(loop):
            return await loop.run_in_executor(self._ready(), run, call)

    def _gate_of(self, loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
        gate = self._gate
        if gate is None or gate[0] is not loop:  # a semaphore is good for one loop
            gate = self._gate = (loop, asyncio.Semaphore(_AHEAD))
        return gate[1]

    def _ready(self) -> ThreadPoolExecutor:
        if self._executor is None or self._process != os.getpid():  # a fork inherits the pool but not its thread
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="venice-wallet")
            self._process = os.getpid()
        return self._executor
