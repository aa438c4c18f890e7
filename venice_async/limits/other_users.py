"""How much of a shared limit others use: other programs with the same key, or our own previous process."""

import math
from collections import deque
from typing import Final

from venice_async.limits.headers import RateHeaders

WINDOW_MARGIN: Final = 0.25
"""Seconds that requests are counted longer than needed, against clocks that run at slightly different speeds."""

BLIND_RECHECK: Final = 2.5
"""Seconds for which "nothing remains" is believed when the server does not say reliably until when."""

FIXED_WINDOW_PROOF: Final = 5.0
"""Seconds over which an announced reset must stand still before it is believed to be a fixed window's end."""

SAME_RESET: Final = 1.5
"""Seconds within which two announcements mean the same instant: they are rounded, and travel."""

SMOOTHING_DOWN: Final = 0.1
KEPT_FREE: Final = 3
"""Requests that are left to others of what the server says remains: they may come between its answer and our next."""


class OtherUsers:
    """Learned from each answer: others' use = limit - remaining - our own requests.

    What an answer says fades over one window: by then every request it counted has left it.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._level = 0.0
        self._learned_at = -math.inf
        self._sent: deque[float] = deque()
        self._remaining = math.inf
        self._reset_at = math.inf
        self._reset_since = math.inf

    def estimate(self, now: float) -> float:
        """Requests of others that the server counts at `now`."""
        fade = 1.0 - (now - self._learned_at) / self._window
        return self._level * min(1.0, fade) if fade > 0 else 0.0

    def claim(self, now: float) -> float:
        """What to leave to others: their use and its likely fluctuation, so that they are not crowded out unseen."""
        use = self.estimate(now)
        return use + math.sqrt(use)

    def sent(self, now: float) -> None:
        """A request of ours leaves."""
        self._sent.append(now)
        self._remaining -= 1.0

    def left_window(self, count: int) -> None:
        """So many of our requests no longer count at the server."""
        self._remaining += count

    def wait(self, now: float) -> float:
        """Seconds until there may be room again by the server's own count; 0.0 while there is."""
        kept = KEPT_FREE if self.estimate(now) >= 1.0 else 0
        # Since that answer others went on as before; that some of their older requests left the window is a bonus.
        room = self._remaining - self._level * (now - self._learned_at) / self._window if kept else self._remaining
        if room - kept >= 1.0:
            return 0.0
        # One at a time goes out on no more than hope: each waits for the one before to bring news.
        until = max(self._learned_at, self._sent[-1] if self._sent else -math.inf) + BLIND_RECHECK
        if self._is_fixed(now) and self._reset_at > now and room < 1.0:
            until = self._reset_at + WINDOW_MARGIN
        return max(0.0, until - now)

    def learn(self, headers: RateHeaders, now: float, *, limit: int, outstanding: int) -> None:
        """Take over an answer's figures; `outstanding` of our requests are not answered yet."""
        self._watch_reset(headers.reset_in, now)
        if headers.remaining is None:
            return
        level = min(float(limit), max(0.0, limit - headers.remaining - self._own(now)))
        known = self.estimate(now)
        # Others' requests are believed at once, their absence slowly: the first may cost a refusal, the second time.
        self._level = level if level > known else known + SMOOTHING_DOWN * (level - known)
        self._remaining = float(headers.remaining - outstanding)
        self._learned_at = now

    def _watch_reset(self, reset_in: float | None, now: float) -> None:
        if reset_in is not None and abs(now + reset_in - self._reset_at) > SAME_RESET:
            self._reset_at = now + reset_in
            self._reset_since = now

    def _is_fixed(self, now: float) -> bool:
        return now - self._reset_since >= FIXED_WINDOW_PROOF

    def _own(self, now: float) -> int:
        """Our requests that the server counts at `now`: of its fixed window if it has one, else of the last minute."""
        start = now - self._window - WINDOW_MARGIN
        if self._is_fixed(now):
            start = max(start, self._reset_at - self._window - SAME_RESET)
        while self._sent and self._sent[0] < start:
            self._sent.popleft()
        return len(self._sent)
