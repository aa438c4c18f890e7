"""How much of a shared limit others use."""

import math
from collections import deque
from typing import Final

from venice_async.rate_headers import RateHeaders

WINDOW_MARGIN: Final = 0.25
"""Seconds that requests are counted longer than needed, against clocks that run at slightly different speeds."""

BLIND_RECHECK: Final = 1.0
"""Seconds for which "nothing remains" is believed when the server does not say reliably until when."""

FIXED_WINDOW_PROOF: Final = 5.0
"""Seconds over which an announced reset must stand still before it is believed to be a fixed window's end."""


class OtherUsers:
    """How much of the limit is used by others: other programs with the same key, or our own previous process.

    From each answer: limit - remaining - our own requests. Knowledge fades over one window, since
    by then every request that was counted has left it.
    """

    SMOOTHING_DOWN: Final = 0.1

    def __init__(self, window: float) -> None:
        self._window = window
        self._level = 0.0
        self._learned_at = -math.inf
        self._sent: deque[float] = deque()
        self._remaining = math.inf
        self._sent_since = 0
        self._reset_at = math.inf
        self._reset_since = math.inf

    def estimate(self, now: float) -> float:
        fade = 1.0 - (now - self._learned_at) / self._window
        return self._level * min(1.0, fade) if fade > 0 else 0.0

    def sent(self, now: float) -> None:
        self._sent.append(now)
        self._sent_since += 1

    def wait(self, now: float, next_expiry: float) -> float:
        """Seconds until the server's own count of what remains may have room again; 0.0 while it has."""
        if self._remaining - self._sent_since >= 1:
            return 0.0
        until = self._learned_at + BLIND_RECHECK
        if self._is_fixed(now) and self._reset_at > now:
            until = self._reset_at + WINDOW_MARGIN
        return max(0.0, min(until, next_expiry) - now)

    def learn(self, headers: RateHeaders, now: float, *, limit: int, outstanding: int) -> None:
        self._watch_reset(headers.reset_in, now)
        if headers.remaining is None:
            return
        own = self._own(now)
        level = min(float(limit), max(0.0, limit - headers.remaining - own))
        known = self.estimate(now)
        # Others' requests are believed at once, their absence only slowly: the first costs a refusal, the second time.
        self._level = level if level > known else known + self.SMOOTHING_DOWN * (level - known)
        self._remaining = float(headers.remaining)
        self._sent_since = max(0, outstanding - 1)
        self._learned_at = now

    def _watch_reset(self, reset_in: float | None, now: float) -> None:
        if reset_in is None:
            return
        if abs(now + reset_in - self._reset_at) > 1.5:
            self._reset_at = now + reset_in
            self._reset_since = now

    def _is_fixed(self, now: float) -> bool:
        return now - self._reset_since >= FIXED_WINDOW_PROOF

    def _own(self, now: float) -> int:
        """Our requests that the server counts at `now`: of its fixed window if it has one, else of the last minute."""
        while self._sent and self._sent[0] <= now - self._window - 1.0:
            self._sent.popleft()
        if not self._is_fixed(now):
            return len(self._sent)
        start = self._reset_at - self._window
        return sum(sent >= start for sent in self._sent)
