"""Processes that live and die: started in milliseconds, watched, killed, and waited for."""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any

from benchmarks._crash_worker import Life, live

_CONTEXT: ForkServerContext = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["benchmarks._crash_worker"])


class Process:
    """One worker process as its killer sees it."""

    def __init__(self, life: Life, *, target: Callable[[Life, Connection], None] = live) -> None:
        self._here, there = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(target=target, args=(life, there), daemon=True)
        self.began = time.monotonic()
        self._process.start()
        there.close()
        self._words: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._here.fileno(), self._hear)
        loop.add_reader(self._process.sentinel, self._end)

    @property
    def pid(self) -> int:
        """The process to be killed."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """0 for a good end, -9 for a killed one, None while it lives."""
        return self._process.exitcode

    async def word(self, *, patience: float = 60.0) -> tuple[str, str]:
        """The next thing it says; ("end", "") when it is gone and everything it said was heard."""
        async with asyncio.timeout(patience):
            return await self._words.get()

    def kill(self) -> None:
        """SIGKILL, now."""
        self._process.kill()

    async def wait(self, *, patience: float = 60.0) -> int | None:
        """Wait until it is gone, and give its exit code."""
        async with asyncio.timeout(patience):
            await self.ended.wait()
        self._process.join()
        return self._process.exitcode

    def _hear(self) -> None:
        try:
            while self._here.poll():
                self._words.put_nowait(self._here.recv())
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._here.fileno())

    def _end(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._process.sentinel)
        loop.remove_reader(self._here.fileno())
        with contextlib.suppress(EOFError, OSError):
            while self._here.poll():
                self._words.put_nowait(self._here.recv())
        self._words.put_nowait(("end", ""))
        self.ended.set()

    def close(self) -> None:
        """Kill it if it still lives, and let go of what it held."""
        self._process.kill()
        self._process.join()
        if not self.ended.is_set():
            self._end()
        self._here.close()
        self._process.close()


@contextlib.asynccontextmanager
async def process(life: Life, **options: Any) -> AsyncIterator[Process]:
    """A process that is certainly dead at the end of the block."""
    started = Process(life, **options)
    try:
        yield started
    finally:
        started.close()
