"""Deletes at the server what is safe on disk: one at a time, in the background, and never a job's failure."""

import asyncio

from venice_async.errors import VeniceError
from venice_async.jobs import JobRecord
from venice_async.runner import Runner

_BELIEVE_AFTER = 3
"""Refusals in a row after which this run asks no more: each failed request counts against the key's failure budget."""


class Cleaner:
    """What it cannot delete stays marked in the ledger and is tried again at the next start."""

    def __init__(self, runner: Runner, *, enabled: bool = True) -> None:
        self._runner = runner
        self._enabled = enabled
        self._waiting: dict[str, JobRecord] = {}
        self._work = asyncio.Event()
        self._closing = False
        self._refusals = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, where it is enabled."""
        if not self._enabled:
            return
        self._task = asyncio.create_task(self._run(), name="venice-cleaner")

    def add(self, record: JobRecord) -> None:
        """A completed job whose media at the server may be deleted. Adding it twice deletes it once."""
        if self._enabled:
            self._waiting[record.id] = record
        self._work.set()

    async def _run(self) -> None:
        while not self._closing or self._waiting:
            if not self._waiting:
                self._work.clear()
                await self._work.wait()
                continue
            await self._clean(self._waiting.pop(next(iter(self._waiting))))

    async def _clean(self, record: JobRecord) -> None:
        by_link = record.download_url is not None
        if not by_link and self._refusals >= _BELIEVE_AFTER:
            return
        try:
            await self._runner.clean_up(record)
        except VeniceError:
            self._refusals += not by_link
        except Exception as error:  # noqa: BLE001 -- a fault of ours under one video is no reason to leave all others
            context = {"message": f"Cleaning up after {record.key!r} broke", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
        else:
            self._refusals = 0

    async def aclose(self, *, patience: float = 5.0) -> None:
        """Give what waits a few real seconds, then stop."""
        if self._task is None:
            return
        self._closing = True
        self._work.set()
        await asyncio.wait({self._task}, timeout=patience)
        self._task.cancel()
        # Waited for and not awaited: what broke here is no reason for a shutdown to fail.
        await asyncio.wait({self._task})
