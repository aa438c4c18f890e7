"""A wait that ends when its time is up or when somebody rings, whichever comes first."""

import asyncio
import math

from venice_async.clock import Clock


class Alarm:
    """For one waiting task. A ring while nobody waits is kept for the next wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the wait, or the next one."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return after `seconds` of the clock (infinity: never by itself) or at a ring."""
        timer = asyncio.create_task(self._ring_after(seconds)) if seconds < math.inf else None
        try:
            await self._rung.wait()
        finally:
            self._rung.clear()
            if timer is not None:
                timer.cancel()

    async def _ring_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._rung.set()
