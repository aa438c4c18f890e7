"""What the scheduler has learned, kept in the ledger: the next start begins with it, even after a crash."""

import contextlib
import math

from venice_async.clock import Clock
from venice_async.errors import LedgerError
from venice_async.ledger import Ledger
from venice_async.manager.chores import Chores
from venice_async.polling import PollScheduler

INTERVAL = 60.0
"""Seconds between two writes: a crash loses a minute's learning, which is no more than a few requests' worth."""


class Learned:
    """A help and no more: no failure here is a reason for anything else to fail."""

    def __init__(self, *, ledger: Ledger, scheduler: PollScheduler, clock: Clock, chores: Chores) -> None:
        self._ledger = ledger
        self._scheduler = scheduler
        self._clock = clock
        self._chores = chores
        self._saved_at = -math.inf

    async def load(self) -> None:
        """Give the scheduler what an earlier process learned."""
        self._scheduler.load(await self._ledger.learned())

    def soon(self) -> None:
        """Something was learned: write it, unless that was done a moment ago."""
        now = self._clock.monotonic()
        if now - self._saved_at >= INTERVAL:
            self._saved_at = now
            self._chores.start(self.save())

    async def save(self) -> None:
        """Write it now."""
        with contextlib.suppress(LedgerError):
            await self._ledger.save_learned(self._scheduler.export())
