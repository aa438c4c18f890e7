"""Time as an argument: what the package asks about time, it asks a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where seconds come from. One of the package's three seams."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""
        ...

    def wall(self) -> float:
        """Unix time in seconds, as the server's announcements and the ledger use it."""
        ...

    def since(self, wall: float) -> float:
        """Seconds of this clock that have passed since an instant of its wall time; never negative."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; zero or less yields to the event loop once."""
        ...


class SystemClock:
    """The machine's clock.

    With `speed` S its monotonic time and sleeps run S times as fast, and wall time stays real: a
    client on such a clock lives in the same job seconds as an emulator with `time_scale` S, so that
    every limit, hint and interval means what it means in production. Only for emulators.
    """

    def __init__(self, *, speed: float = 1.0) -> None:
        if not 0 < speed < float("inf"):
            raise ValueError("speed must be a positive, finite number")
        self.speed = speed

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    def wall(self) -> float:
        return time.time()

    def since(self, wall: float) -> float:
        return max(0.0, time.time() - wall) * self.speed

    async def sleep(self, seconds: float) -> None:
        import anyio

        await anyio.sleep(max(0.0, seconds) / self.speed)

    def __repr__(self) -> str:
        return f"SystemClock(speed={self.speed:g})"
