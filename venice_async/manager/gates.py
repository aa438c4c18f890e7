"""Whether requests may go out at all: shut by a refusal of the whole account, and while its wallet is topped up."""

import math

from attrs import frozen

from venice_async.errors import VeniceError
from venice_async.governor import Kind
from venice_async.limits import AccountGate
from venice_async.manager.job import Job


@frozen(kw_only=True)
class Refusal:
    """The account was refused: on which job's request, of which kind, why ("key", "balance"), in whose words."""

    job: Job
    kind: Kind
    reason: str
    error: VeniceError


class Gates:
    """One for paid calls and one for retrieves. Pure: `now` is monotonic seconds of the caller's clock.

    `turn` counts what was done about an empty balance: a refusal of a request that left in an earlier turn says
    nothing about this one.
    """

    def __init__(self) -> None:
        self._gates = {Kind.QUEUE: AccountGate(), Kind.RETRIEVE: AccountGate()}
        self._paused = False
        self.turn = 0

    def wait(self, kind: Kind, now: float) -> float:
        """Seconds until a request may go out; infinity: not before something changes."""
        return math.inf if self._paused and kind is Kind.QUEUE else self._gates[kind].wait(now)

    def allows(self, kind: Kind, now: float) -> bool:
        """Whether a request may go out. While shut, True uses up the one probe of the interval."""
        return not (self._paused and kind is Kind.QUEUE) and self._gates[kind].allows(now)

    def is_stale(self, reason: str, *, turn: int) -> bool:
        """Whether a refusal of a request that left in `turn` was answered already."""
        return reason == "balance" and turn != self.turn

    def refuse(self, kind: Kind, reason: str, now: float) -> bool:
        """Shut what a refusal concerns; whether it is sure that it is about the account and not one request."""
        # An empty balance stops what costs money; what is paid for already is still brought home.
        kinds = (Kind.QUEUE,) if kind is Kind.QUEUE and reason == "balance" else tuple(self._gates)
        # One 401 may be about this model alone (Pro only); the next probe tells. No balance is no balance.
        sure = reason == "balance" or any(self._gates[closed].reason is not None for closed in kinds)
        for closed in kinds:
            self._gates[closed].close(now, reason)
        return sure

    def went_well(self, kind: Kind) -> None:
        """A request was answered well."""
        self._gates[Kind.RETRIEVE].open()
        if kind is Kind.QUEUE or self._gates[Kind.QUEUE].reason != "balance":
            self._gates[Kind.QUEUE].open()

    def pause(self) -> None:
        """Let no paid call out, not even a probe, before `end_pause`."""
        self._paused = True

    def end_pause(self) -> None:
        """Something was done about the balance, or nothing could be."""
        self._paused = False
        self.turn += 1

    def open(self) -> None:
        """The account is well again, or a person says so."""
        for gate in self._gates.values():
            gate.open()
