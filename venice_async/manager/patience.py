"""How long trouble on the way to money is waited for before a person has to know. Pure."""

import random
from decimal import Decimal
from typing import Final

from venice_async.backoff import Backoff
from venice_async.errors import SpendingCapError, TopUpPendingError, VeniceError

LONGEST: Final = 3600.0
"""Seconds after the first trouble that may pass by itself."""
CROWDED: Final = 180.0
"""Seconds in which top-ups that run at the same time elsewhere come to their end."""
MARGIN: Final = 120.0
"""Seconds after a payment's last instant in which what it paid may still be credited."""
_LEAST = 5.0
_PAUSES = Backoff(base=5.0, cap=60.0)


class Patience:
    """Of one errand. `now` is monotonic seconds of the caller's clock, `wall` its Unix seconds.

    `at_once_usd` is the cap on what top-ups sign at the same time: above that one another program may be faster, and
    what it paid will be there for all.
    """

    def __init__(self, rng: random.Random, *, at_once_usd: Decimal) -> None:
        self._rng = rng
        self._at_once_usd = at_once_usd
        self._began: dict[float, float] = {}
        self._attempt = 0

    def pause(self, error: VeniceError, *, now: float, wall: float) -> float | None:
        """Seconds until it is worth looking again; None where waiting does not mend it, or has not.

        A payment whose outcome is open is asked for as long as it is good, when nothing is signed beside it. After
        that comes one last look, at a time when it is either credited or over.
        """
        self._attempt += 1
        longest = self._longest(error)
        began = self._began.setdefault(longest, now)
        pause = _LEAST + _PAUSES.delay(self._attempt, rng=self._rng, retry_after=getattr(error, "retry_after", None))
        if isinstance(error, TopUpPendingError):
            if error.expires_at is None or wall >= error.expires_at + MARGIN:
                return None
            if wall + pause >= error.expires_at:
                pause = error.expires_at + MARGIN - wall
        return pause if now + pause - began <= longest else None

    def _longest(self, error: VeniceError) -> float:
        if isinstance(error, SpendingCapError):
            return CROWDED if error.cap_usd == self._at_once_usd else 0.0
        return LONGEST if error.transient else 0.0
