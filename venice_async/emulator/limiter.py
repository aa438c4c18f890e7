"""Request windows and the failure budget, per API key, as the server keeps them."""

import math
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Final

from attrs import define, field

from venice_async.limits import RateLimits

WINDOW: Final = 60.0
"""Seconds over which requests are counted."""
BLOCK: Final = 30.0
"""Seconds for which too many failed requests block a key."""
WINDOWS: Final = ("sliding", "fixed")
OWN_LIMITS: Final = {"top_up": 10, "wallet_balance": 30, "wallet_transactions": 20}
"""Requests a minute to the endpoints for wallets. Their answers do not tell how many are left."""
RESET_UNITS: Final = ("seconds", "milliseconds")


@define
class _Window:
    """Requests of one key to one group of endpoints."""

    limit: int
    fixed: bool
    _taken: deque[float] = field(factory=deque)

    def remaining(self, now: float) -> int:
        self._forget(now)
        return max(0, self.limit - len(self._taken))

    def take(self, now: float) -> bool:
        if not self.remaining(now):
            return False
        self._taken.append(now)
        return True

    def reset(self, now: float) -> float:
        """The instant at which the window has more room; `now` where it is empty."""
        self._forget(now)
        if not self._taken:
            return now
        return (math.floor(now / WINDOW) + 1) * WINDOW if self.fixed else self._taken[0] + WINDOW

    def _forget(self, now: float) -> None:
        horizon = math.floor(now / WINDOW) * WINDOW if self.fixed else now - WINDOW
        taken = self._taken
        while taken and (taken[0] < horizon if self.fixed else taken[0] <= horizon):
            taken.popleft()


@define
class _Failures:
    """Failed requests of one key, and the block that too many of them bring."""

    limit: int
    span: float
    blocked_until: float = -math.inf
    _at: deque[float] = field(factory=deque)

    def note(self, now: float) -> None:
        self._forget(now)
        self._at.append(now)
        if len(self._at) > self.limit:
            self.blocked_until = now + BLOCK
            self._at.clear()

    def remaining(self, now: float) -> int:
        self._forget(now)
        return 0 if now < self.blocked_until else self.limit - len(self._at)

    def reset(self, now: float) -> float:
        if now < self.blocked_until:
            return self.blocked_until
        return self._at[0] + self.span if self._at else now

    def _forget(self, now: float) -> None:
        while self._at and self._at[0] <= now - self.span:
            self._at.popleft()


class Limiter:
    """All keys' windows and budgets. `now` is in job seconds."""

    def __init__(self, limits: RateLimits, *, windows: str = "sliding", reset_unit: str = "seconds") -> None:
        if windows not in WINDOWS or reset_unit not in RESET_UNITS:
            raise ValueError(f"windows must be one of {WINDOWS}, reset_unit one of {RESET_UNITS}")
        self.limits = limits
        self._factor = 1000 if reset_unit == "milliseconds" else 1
        self._told = {"queue": limits.queue_per_minute, "retrieve": limits.retrieve_per_minute}
        sizes = {**self._told, **OWN_LIMITS}
        self._windows: Mapping[str, defaultdict[str, _Window]] = {
            group: defaultdict(lambda size=size: _Window(size, windows == "fixed"))  # type: ignore[misc]
            for group, size in sizes.items()
        }
        self._failures: defaultdict[str, _Failures] = defaultdict(
            lambda: _Failures(limits.failures, limits.failure_window)
        )

    def admit(self, key: str, group: str, now: float) -> float | None:
        """Count a request. None where it is let in, else the seconds until one would be; refused ones do not count."""
        if group not in self._windows:
            return None
        window = self._windows[group][key]
        return None if window.take(now) else window.reset(now) - now

    def block(self, key: str, now: float) -> float:
        """Seconds for which the key is still blocked because of failed requests; 0.0 where it is not."""
        return max(0.0, self._failures[key].blocked_until - now)

    def note_status(self, key: str, status: int, now: float) -> None:
        """Count an answer's status: 4xx other than 429, and 5xx, are failed requests."""
        if status >= 400 and status != 429:
            self._failures[key].note(now)

    def headers(self, key: str, group: str, *, now: float, wall: float) -> dict[str, str]:
        """The documented headers, as they stand after this request."""
        failures = self._failures[key]
        headers = {
            "x-ratelimit-remaining": str(failures.remaining(now)),
            "x-ratelimit-resets": self._instant(failures.reset(now), now, wall),
        }
        if group in self._told:
            window = self._windows[group][key]
            headers["x-ratelimit-limit-requests"] = str(window.limit)
            headers["x-ratelimit-remaining-requests"] = str(window.remaining(now))
            headers["x-ratelimit-reset-requests"] = self._instant(window.reset(now), now, wall)
        return headers

    def _instant(self, at: float, now: float, wall: float) -> str:
        return str(math.ceil((wall + at - now) * self._factor))
