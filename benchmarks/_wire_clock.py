"""A clock whose sleeps take no time: pauses between attempts are not what is looked at here."""

import asyncio
import time


class SkippingClock:
    """`Clock`: real time, plus everything that was slept."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def wall(self) -> float:
        return time.time() + self._skipped

    def since(self, wall: float) -> float:
        return max(0.0, self.wall() - wall)

    async def sleep(self, seconds: float) -> None:
        self._skipped += max(0.0, seconds)
        await asyncio.sleep(0)
