"""How long to wait before the *same call* is tried again."""

import math
import random

from attrs import field, frozen, validators

LONGEST_RETRY_AFTER = 120.0
"""Seconds at most that a server's word is believed: a garbled header must not put a job to sleep for a day."""

RETRY_AFTER_JITTER = 1.0
"""Seconds over which clients that were told the same `Retry-After` are spread."""


@frozen(kw_only=True)
class Backoff:
    """Full jitter: before attempt n + 1 wait a random time from 0 to `min(cap, base * 2**(n - 1))` seconds.

    Jitter over the whole interval, rather than around its end, is what keeps jobs that failed
    together from coming back together. `max_attempts` counts calls, the first one included, and
    `max_elapsed` is in seconds since the first call; None means no such limit.
    """

    base: float = field(default=1.0, validator=[validators.gt(0), validators.lt(math.inf)])
    cap: float = field(default=60.0, validator=[validators.gt(0), validators.lt(math.inf)])
    max_attempts: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    max_elapsed: float | None = field(default=None, validator=validators.optional(validators.gt(0)))

    def delay(self, attempt: int, *, rng: random.Random, retry_after: float | None = None) -> float:
        """Seconds to wait after the failed `attempt` (1-based), and never less than the server asked for."""
        # Beyond 2**64 every cap has long been reached; the float would overflow at 2**1024.
        ceiling = min(self.cap, self.base * 2.0 ** min(max(attempt, 1) - 1, 64))
        delay = rng.uniform(0.0, ceiling)
        if retry_after is None or not math.isfinite(retry_after):
            return delay
        asked = min(max(retry_after, 0.0), LONGEST_RETRY_AFTER)
        return max(delay, asked + rng.uniform(0.0, RETRY_AFTER_JITTER))

    def gives_up(self, attempt: int, elapsed: float) -> bool:
        """Whether the failed `attempt` (1-based), `elapsed` seconds after the first began, was the last one."""
        if self.max_attempts is not None and attempt >= self.max_attempts:
            return True
        return self.max_elapsed is not None and elapsed >= self.max_elapsed
