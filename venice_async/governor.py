"""When the next request may leave: the account's budgets behind one interface that client and manager share."""

import asyncio
import contextlib
import enum
from collections.abc import Collection

from attrs import define

from venice_async.alarm import Alarm
from venice_async.clock import Clock
from venice_async.errors import FailureBlockError, RateLimitError, VeniceError, WalletConcurrencyError
from venice_async.lane import Lane
from venice_async.limits import FailureBudget, Permit, RateHeaders, RateLimits, RequestBudget, RetryBudget
from venice_async.models import AccountLimits
from venice_async.wire.exchange import ReplyHead

QUEUE_BURST = 10
RETRIEVE_BURST = 6
"""Requests that may leave at once after a pause; more would be followed by a silence as long as what was saved."""
COOLING = 1.0
"""Seconds for which a wallet's place stays taken where an exchange was broken off: the server learns of that later."""
_CROWDED = 0.25
"""Seconds until it is worth asking again where a wallet's places are taken; who gives one back rings as well."""


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
    signed: bool = False
    """Its request has its credential: from here on bytes may leave. A signer that asks a person may take long."""
    long: bool = False
    aboard: bool = False
    sending: bool = False
    """The last three are of wallets: its stay may be long, it has a place in the lane, its exchange has begun."""


class Governor:
    """Keeps one API key or wallet inside its limits. Decides without I/O; only `acquire` and `board` wait.

    `lane` has the places of a wallet's requests, bodies included; an API key has no such limit. Other governors of
    the same wallet may have the same lane.
    """

    def __init__(self, limits: RateLimits, clock: Clock, *, lane: Lane | None = None) -> None:
        self._clock = clock
        self.lane = lane
        self._cooling: dict[asyncio.Task[None], Ticket] = {}
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
        wait = max(budget.wait(now) if budget else 0.0, self.failures.wait(now, self._in_flight))
        # A retrieve that would only stand in line behind downloads is not worth a right to send yet.
        if self.lane is None or kind is not Kind.RETRIEVE:
            return wait
        self._thaw()
        return wait if self.lane.takes_long else max(wait, _CROWDED)

    def take(self, kind: Kind) -> Ticket:
        """Take the right to send one request; only when `wait` says 0.0."""
        self._in_flight += 1
        budget = self.budgets.get(kind)
        ticket = Ticket(kind, budget.take(self._clock.monotonic()) if budget else None)
        if self.lane is not None and kind is Kind.RETRIEVE:
            self.lane.begin_long()
            ticket.long = True
        return ticket

    async def acquire(self, kind: Kind) -> Ticket:
        """Wait for the right to send one request, first come, first served."""
        turn = self._turns[kind]
        if not turn.locked() and self.wait(kind) <= 0:
            return self.take(kind)
        async with turn:
            while (seconds := self.wait(kind)) > 0:
                await self._alarms[kind].wait(seconds)
            return self.take(kind)

    async def board(self, kind: Kind, ticket: Ticket | None = None) -> Ticket:
        """Wait for a place in the wallet's lane: with a right to send that was taken before, else with a new one.

        Without a lane only the right to send is waited for. A new one is taken when the place is there: none is
        spent on standing in line. `leave` gives the place back; so does `settle` where nothing was sent.
        """
        if self.lane is None:
            return ticket or await self.acquire(kind)
        self._thaw()
        if ticket is not None:
            if not ticket.aboard:
                await self.lane.enter()
                ticket.aboard = True
            return ticket
        async with self._turns[kind]:
            while True:
                while (seconds := self.wait(kind)) > 0:
                    await self._alarms[kind].wait(seconds)
                await self.lane.enter()
                if self.wait(kind) <= 0:
                    ticket = self.take(kind)
                    ticket.aboard = True
                    return ticket
                self.lane.leave()

    def leave(self, ticket: Ticket, *, broken_off: bool = False) -> None:
        """The whole exchange is over, its body included: give the place in the lane back. Twice is once.

        One that was `broken_off` keeps it for a moment: the server may still be at it.
        """
        loop = None
        with contextlib.suppress(RuntimeError):  # what was left behind is thrown away after the loop's end
            loop = asyncio.get_running_loop()
        if broken_off and ticket.aboard and loop is not None:
            task = loop.create_task(self._cool())
            self._cooling[task] = ticket
            task.add_done_callback(self._cooled)
        else:
            self._get_off(ticket)

    async def _cool(self) -> None:
        await self._clock.sleep(COOLING)

    def _cooled(self, task: "asyncio.Task[None]") -> None:
        if (ticket := self._cooling.pop(task, None)) is not None:
            self._get_off(ticket)

    def _thaw(self) -> None:
        """A moment that an event loop was closed in never ends by itself."""
        for task in [task for task in self._cooling if task.get_loop().is_closed()]:
            self._cooled(task)

    def _get_off(self, ticket: Ticket) -> None:
        if self.lane is None:
            return
        if ticket.long:
            ticket.long = False
            self.lane.end_long()
        if ticket.aboard:
            ticket.aboard = False
            self.lane.leave()
        self._ring()

    def close(self) -> None:
        """Nothing more will be sent: wait for no server any more."""
        for task in list(self._cooling):
            if not task.get_loop().is_closed():
                task.cancel()
            self._cooled(task)  # now: the loop may have no turn left for it

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
            if self.lane is not None and not ticket.sending:
                self._get_off(ticket)
            self._ring()
        if head is None:
            return
        said = RateHeaders.parse(head.headers, wall=self._clock.wall())
        if budget:
            budget.learn(said, now)
        self._judge(head.status, error, said, budget, now)

    def _ring(self) -> None:
        for kind, turn in self._turns.items():
            if turn.locked():
                self._alarms[kind].ring()

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
        if self.lane is not None:
            self.lane.share(processes)

    def _judge(
        self, status: int, error: VeniceError | None, said: RateHeaders, budget: RequestBudget | None, now: float
    ) -> None:
        if isinstance(error, FailureBlockError):
            self.failures.blocked(now)
        elif isinstance(error, RateLimitError):
            # The window's reset says nothing of how many are in flight.
            reset = None if isinstance(error, WalletConcurrencyError) else said.reset_in
            if budget:
                # A little late on purpose: the announced instant is rounded, and ours is not the server's clock.
                budget.block(now + (said.retry_after or reset or 1.0) + 0.25)
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
            f"{self._in_flight} in flight{'' if self.lane is None else f', {self.lane!r}'}>"
        )
