"""When the next request may leave: the account's budgets behind one interface that client and manager share."""

import asyncio
import enum
from collections.abc import Collection

from attrs import define

from venice_async.alarm import Alarm
from venice_async.clock import Clock
from venice_async.errors import FailureBlockError, RateLimitError, VeniceError
from venice_async.limits import FailureBudget, Permit, RateHeaders, RateLimits, RequestBudget, RetryBudget
from venice_async.models import AccountLimits
from venice_async.wire.exchange import ReplyHead

QUEUE_BURST = 10
RETRIEVE_BURST = 6
"""Requests that may leave at once after a pause; more would be followed by a silence as long as what was saved."""


class Kind(enum.Enum):
    """The groups of requests that the server limits."""

    QUEUE = "queue"
    RETRIEVE = "retrieve"
    OTHER = "other"
    """Not limited by number; their failures count all the same."""


@define
class Ticket:
    """The right to send one request; hand it back with `Governor.settle` whatever comes of it."""

    kind: Kind
    permit: Permit | None
    settled: bool = False


class Governor:
    """Keeps one API key inside its limits. Decides without I/O; only `acquire` waits."""

    def __init__(self, limits: RateLimits, clock: Clock) -> None:
        self._clock = clock
        self.budgets = {
            Kind.QUEUE: RequestBudget(limits.queue_per_minute, burst=QUEUE_BURST, start=QUEUE_BURST),
            Kind.RETRIEVE: RequestBudget(limits.retrieve_per_minute, burst=RETRIEVE_BURST),
        }
        self.failures = FailureBudget(limits.failures, limits.failure_window)
        self.retries = RetryBudget()
        self._in_flight = 0
        self._turns = {kind: asyncio.Lock() for kind in Kind}
        self._alarms = {kind: Alarm(clock) for kind in Kind}

    def wait(self, kind: Kind) -> float:
        """Seconds until a request of this kind may leave; 0.0 means now."""
        now = self._clock.monotonic()
        budget = self.budgets.get(kind)
        return max(budget.wait(now) if budget else 0.0, self.failures.wait(now, self._in_flight))

    def take(self, kind: Kind) -> Ticket:
        """Take the right to send one request; only when `wait` says 0.0."""
        self._in_flight += 1
        budget = self.budgets.get(kind)
        return Ticket(kind, budget.take(self._clock.monotonic()) if budget else None)

    async def acquire(self, kind: Kind) -> Ticket:
        """Wait for the right to send one request, first come, first served."""
        turn = self._turns[kind]
        if not turn.locked() and self.wait(kind) <= 0:
            return self.take(kind)
        async with turn:
            while (seconds := self.wait(kind)) > 0:
                await self._alarms[kind].wait(seconds)
            return self.take(kind)

    def settle(self, ticket: Ticket, head: ReplyHead | None = None, error: VeniceError | None = None) -> None:
        """The answer's head is here (or none will come): give the right back and learn from the headers."""
        if ticket.settled and head is None:
            return
        now = self._clock.monotonic()
        budget = self.budgets.get(ticket.kind)
        if not ticket.settled:
            ticket.settled = True
            self._in_flight -= 1
            if budget and ticket.permit:
                budget.settle(ticket.permit, now)
            for kind, turn in self._turns.items():
                if turn.locked():
                    self._alarms[kind].ring()
        if head is None:
            return
        said = RateHeaders.parse(head.headers, wall=self._clock.wall())
        if budget:
            budget.learn(said, now)
        self._judge(head.status, error, said, budget, now)

    def learn_account(self, account: AccountLimits, *, models: Collection[str]) -> None:
        """Queue no faster than the account's own figures allow the slowest of these models."""
        amounts = [limit.amount for limit in account.limits if limit.type == "RPM" and limit.model in models]
        budget = self.budgets[Kind.QUEUE]
        if amounts and 0 < min(amounts) < budget.limit:
            budget.learn(RateHeaders(limit=min(amounts)), self._clock.monotonic())

    def share(self, processes: int) -> None:
        """So many processes, this one included, use the account's limits at once: take an equal part of them."""
        for budget in self.budgets.values():
            budget.share(processes)

    def _judge(
        self, status: int, error: VeniceError | None, said: RateHeaders, budget: RequestBudget | None, now: float
    ) -> None:
        if isinstance(error, FailureBlockError):
            self.failures.blocked(now)
        elif isinstance(error, RateLimitError):
            if budget:
                # A little late on purpose: the announced instant is rounded, and ours is not the server's clock.
                budget.block(now + (said.retry_after or said.reset_in or 1.0) + 0.25)
        elif status >= 400:  # also one that the caller is content with, such as the 404 of a clean-up
            self.failures.failed(now)
        elif error is None:
            self.failures.succeeded(now)
            self.retries.succeeded()

    def __repr__(self) -> str:
        queue, retrieve = self.budgets[Kind.QUEUE], self.budgets[Kind.RETRIEVE]
        now = self._clock.monotonic()
        return (
            f"<Governor {queue.used(now)}/{queue.limit} queues, {retrieve.used(now)}/{retrieve.limit} retrieves, "
            f"{self._in_flight} in flight>"
        )
