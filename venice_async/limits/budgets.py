"""What the server allows, kept on our side: so that it never has to refuse.

Pure bookkeeping. `now` is always monotonic seconds of the caller's clock.
"""

import math
from collections import deque
from typing import Any, Final

from attrs import Attribute, field, frozen

from venice_async.limits.headers import RateHeaders
from venice_async.limits.other_users import WINDOW_MARGIN, OtherUsers

RECHECK: Final = 0.25
"""Seconds until it is worth asking again where nobody can know the instant: answers are outstanding."""


def _positive(_limits: object, attribute: "Attribute[Any]", value: float) -> None:
    if not 0 < value < math.inf:
        message = f"{attribute.name} must be positive and finite, not {value!r}"
        raise ValueError(message)


@frozen(kw_only=True)
class RateLimits:
    """The account's limits: requests a minute by endpoint, and failed requests per `failure_window` seconds."""

    queue_per_minute: int = field(default=40, validator=_positive)
    retrieve_per_minute: int = field(default=120, validator=_positive)
    failures: int = field(default=20, validator=_positive)
    failure_window: float = field(default=30.0, validator=_positive)


class Permit:
    """The right to send one request. It counts until a full window after its answer's head arrived."""

    __slots__ = ("settled", "taken")

    def __init__(self, taken: float) -> None:
        self.taken = taken
        self.settled = False


class RequestBudget:
    """Our own view of one endpoint's `per_minute` limit, never more generous than the server's.

    The server counts a request at some instant between our sending it and its answer's arrival. So
    a permit counts from the moment it is taken until `window` seconds after `settle`: then no
    sliding window of the server, hence no fixed one either, ever holds more than `per_minute` of
    our requests, whatever the network's latency. A token bucket of `burst` paces them evenly on
    top, because a window alone sends everything at once and then is silent for a minute.
    """

    def __init__(self, per_minute: int, *, window: float = 60.0, burst: int, start: float = 1.0) -> None:
        """`start` is how many tokens are there at first: few, because an earlier process may have used the limit."""
        if per_minute < 1 or burst < 1 or not 0 < window < math.inf:
            raise ValueError("per_minute and burst must be at least 1 and window positive and finite")
        self._limit = per_minute
        self._window = window
        self._bucket = _Bucket(size=float(burst), tokens=min(max(start, 0.0), float(burst)))
        self._outstanding = 0
        self._settled: deque[float] = deque()
        self._blocked_until = -math.inf
        self._others = OtherUsers(window)
        self._processes = 1

    def __repr__(self) -> str:
        return f"<RequestBudget {self._outstanding + len(self._settled)}/{self._limit}>"

    @property
    def limit(self) -> int:
        """Requests a minute in force: the configured one until the server says another."""
        return self._limit

    def used(self, now: float) -> int:
        """How many permits count at the instant `now`."""
        self._forget(now)
        return self._outstanding + len(self._settled)

    def available(self, now: float) -> float:
        """Requests a minute that are left for us, after what other users of the same key take."""
        return max(1.0, min(self._limit / self._processes, self._limit - self._others.claim(now)))

    def share(self, processes: int) -> None:
        """So many processes, this one included, divide the limit among them."""
        self._processes = max(1, processes)

    def wait(self, now: float) -> float:
        """0.0 where a permit is free, else the seconds after which asking again is worth it.

        Where that depends on answers that are still outstanding it is a short while: ask again
        after each `settle` too.
        """
        if now < self._blocked_until:
            return self._blocked_until - now
        window = self._window_wait(now)
        return max(window, self._bucket.wait(now, self._rate(now)), self._others.wait(now))

    def take(self, now: float) -> Permit:
        """Take a permit, to be settled whatever comes of the request. Take one only when `wait` says 0.0."""
        self._bucket.take(now, self._rate(now))
        self._outstanding += 1
        self._others.sent(now)
        return Permit(now)

    def recall(self, at: float, now: float) -> None:
        """Count a request that an earlier process sent at the instant `at`; tell the oldest first."""
        if at + self._window + WINDOW_MARGIN > now:
            self._bucket.take(now, self._rate(now))
            self._settled.append(at + self._window + WINDOW_MARGIN)

    def settle(self, permit: Permit, now: float) -> None:
        """The answer's head arrived, or it is certain that none will come. Settling twice does nothing."""
        if permit.settled:
            return
        permit.settled = True
        self._outstanding -= 1
        self._settled.append(now + self._window + WINDOW_MARGIN)

    def learn(self, headers: RateHeaders, now: float) -> None:
        """Take over what an answer says: the limit itself, and how much of it others have used."""
        if headers.limit is not None:
            self._limit = headers.limit
        self._forget(now)
        self._others.learn(headers, now, limit=self._limit, outstanding=self._outstanding)

    def block(self, until: float) -> None:
        """Send nothing before the instant `until`; an earlier block that ends later stands."""
        self._blocked_until = max(self._blocked_until, until)

    def _rate(self, now: float) -> float:
        return self.available(now) / self._window

    def _forget(self, now: float) -> None:
        before = len(self._settled)
        while self._settled and self._settled[0] <= now:
            self._settled.popleft()
        if len(self._settled) != before:
            self._others.left_window(before - len(self._settled))

    def _window_wait(self, now: float) -> float:
        if self.used(now) < math.floor(self.available(now)):
            return 0.0
        return self._settled[0] - now if self._settled else RECHECK


class _Bucket:
    """Tokens refilled at a rate that may change: for even pacing."""

    def __init__(self, *, size: float, tokens: float) -> None:
        self._size = size
        self._tokens = tokens
        self._at: float | None = None

    def wait(self, now: float, rate: float) -> float:
        self._refill(now, rate)
        # A token that lacks only a rounding error is whole: else the wait could be too short to move the clock.
        return 0.0 if self._tokens >= 1.0 - 1e-6 else (1.0 - self._tokens) / rate

    def take(self, now: float, rate: float) -> None:
        self._refill(now, rate)
        self._tokens = max(0.0, self._tokens - 1.0)

    def _refill(self, now: float, rate: float) -> None:
        if self._at is not None and now > self._at:
            self._tokens = min(self._size, self._tokens + (now - self._at) * rate)
        self._at = now if self._at is None else max(self._at, now)


class FailureBudget:
    """Keeps us clear of the block that more than `failures` failed requests in `window` seconds bring.

    Every 4xx and 5xx counts except 429. Requests in flight count as failures to come, three are
    left in reserve, and after six failures in a row only one probe at a time goes out, so that an
    outage costs a trickle.
    """

    RESERVE: Final = 3
    PROBE_AFTER: Final = 6
    PROBE_INTERVAL: Final = 2.5
    BLOCK: Final = 30.5

    def __init__(self, failures: int = 20, window: float = 30.0) -> None:
        if failures < 1 or not 0 < window < math.inf:
            raise ValueError("failures must be at least 1 and window positive and finite")
        self._cap = max(1, failures - self.RESERVE)
        self._window = window + 1.0
        self._failures: deque[float] = deque()
        self._in_a_row = 0
        self._blocked_until = -math.inf

    def __repr__(self) -> str:
        return f"<FailureBudget {len(self._failures)}/{self._cap}, {self._in_a_row} in a row>"

    def may_send(self, now: float, in_flight: int) -> bool:
        """Whether one more request may go out while `in_flight` wait for their answer's head."""
        return self.wait(now, in_flight) <= 0

    def wait(self, now: float, in_flight: int) -> float:
        """0.0 where a request may go out, else the seconds after which asking again is worth it (or at any answer)."""
        while self._failures and self._failures[0] <= now - self._window:
            self._failures.popleft()
        return max(0.0, self._blocked_until - now, self._room_wait(now, in_flight), self._probe_wait(now, in_flight))

    def suspect_wait(self, now: float) -> float:
        """Seconds until a request that will likely fail again may go out: such ones get half, the others never wait."""
        most = self._cap // 2
        if len(self._failures) < max(1, most):
            return 0.0
        return max(0.0, self._failures[len(self._failures) - max(1, most)] + self._window - now)

    def failed(self, now: float) -> None:
        """A request ended with a 4xx or 5xx other than 429."""
        self._failures.append(now)
        self._in_a_row += 1

    def succeeded(self, now: float) -> None:
        """A request was answered well."""
        self._in_a_row = 0

    def blocked(self, now: float) -> None:
        """The server says "too many failed attempts": the key is locked, and asking only lengthens that."""
        self._blocked_until = max(self._blocked_until, now + self.BLOCK)

    def _room_wait(self, now: float, in_flight: int) -> float:
        if len(self._failures) + in_flight < self._cap:
            return 0.0
        return self._failures[0] + self._window - now if self._failures else RECHECK

    def _probe_wait(self, now: float, in_flight: int) -> float:
        if self._in_a_row < self.PROBE_AFTER:
            return 0.0
        if in_flight:
            return RECHECK
        return self._failures[-1] + self.PROBE_INTERVAL - now if self._failures else 0.0


class RetryBudget:
    """A bucket of tokens that retries spend and successes refill: in an outage new work still goes, retries stop."""

    SIZE: Final = 100
    RETRY_COST: Final = 5
    TIMEOUT_COST: Final = 10
    SUCCESS_GAIN: Final = 1

    def __init__(self) -> None:
        self._tokens = self.SIZE

    def __repr__(self) -> str:
        return f"<RetryBudget {self._tokens}/{self.SIZE}>"

    def spend(self, *, timed_out: bool = False) -> bool:
        """Pay for one retry; False, and nothing paid, where the tokens do not suffice."""
        cost = self.TIMEOUT_COST if timed_out else self.RETRY_COST
        if cost > self._tokens:
            return False
        self._tokens -= cost
        return True

    def succeeded(self) -> None:
        """A request was answered well."""
        self._tokens = min(self.SIZE, self._tokens + self.SUCCESS_GAIN)


class AccountGate:
    """Closed for everybody by an answer about the account itself: 401, 402, or access disabled.

    Hundreds of jobs that each collect the same refusal would block the key. While it is closed one
    probe passes every `probe_interval` seconds, and a success opens it.
    """

    def __init__(self, *, probe_interval: float = 60.0) -> None:
        if not 0 < probe_interval < math.inf:
            raise ValueError("probe_interval must be positive and finite")
        self._interval = probe_interval
        self._next_probe = -math.inf
        self._reason: str | None = None

    def __repr__(self) -> str:
        return f"<AccountGate {'open' if self._reason is None else f'closed: {self._reason}'}>"

    @property
    def reason(self) -> str | None:
        """Why it is closed, or None while it is open."""
        return self._reason

    def allows(self, now: float) -> bool:
        """Whether a request may go out. While closed, True uses up the one probe of the interval."""
        if self._reason is None:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + self._interval
        return True

    def wait(self, now: float) -> float:
        """Seconds until `allows` may say yes."""
        return 0.0 if self._reason is None else max(0.0, self._next_probe - now)

    def close(self, now: float, reason: str) -> None:
        """An account-level refusal came."""
        self._reason = reason
        self._next_probe = now + self._interval

    def open(self) -> None:
        """A request was answered well, or a person says that the cause is gone."""
        self._reason = None
