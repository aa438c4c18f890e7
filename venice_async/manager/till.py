"""Tops the wallet up by itself when the account's balance is short: one payment at a time, within the user's policy."""

import asyncio
import contextlib
import copy
import functools
import math
import random
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from venice_async.alarm import Alarm
from venice_async.client import VeniceClient
from venice_async.clock import Clock
from venice_async.errors import (
    Charge,
    ConfigurationError,
    TopUpError,
    TopUpPendingError,
    TopUpRefusedError,
    VeniceError,
)
from venice_async.governor import Kind
from venice_async.jobs import JobDelayed, JobEvent, WalletToppedUp
from venice_async.manager.gates import Gates, Refusal
from venice_async.manager.needs import Act, Need, Plan, Tried, plan_for
from venice_async.manager.patience import Patience
from venice_async.manager.within import within
from venice_async.models import TopUp, WalletBalance
from venice_async.verdicts import is_mended_by_money

if TYPE_CHECKING:
    from venice_async.payments import TopUpPolicy
    from venice_async.signin import Chain

_PROBE = 60.0
"""Seconds until retrieves are tried again while the wallet stays empty."""
_LOOKS_WITHIN = 600.0
"""Seconds in which the balance must be there."""
_PAYS_WITHIN = 1800.0
"""Seconds in which a top-up must have ended: a signature, sendings again, and its own looks at the account."""


class Purse(Protocol):
    """What a till needs of a wallet."""

    @property
    def chain(self) -> "Chain": ...

    async def balance(self) -> WalletBalance: ...

    async def top_up_within(self, policy: "TopUpPolicy") -> TopUp: ...


class Line(Protocol):
    """What a till needs of the pump."""

    gates: Gates

    @property
    def counts(self) -> tuple[int, int, int]: ...

    def wake(self) -> None: ...

    def run(self, errand: Coroutine[Any, Any, None]) -> None: ...


class Till:
    """While it works no paid call goes out. Then the line goes on, or `hold` is called with what a person should know.

    All refusals of one time are one errand. How often it pays is bounded by the policy; that it stops at all, whatever
    the server says, by `needs.plan_for`, and by `Patience` with trouble that may pass. A payment that is cut off is
    finished by the next one: the wallet's own store has it.
    """

    def __init__(
        self,
        *,
        wallet: Purse,
        policy: "TopUpPolicy",
        clock: Clock,
        line: Line,
        emit: Callable[[JobEvent], None],
        hold: Callable[[VeniceError], None],
        rng: random.Random,
    ) -> None:
        self._wallet = wallet
        self._policy = policy
        self._clock = clock
        self._line = line
        self._emit = emit
        self._hold = hold
        self._rng = rng
        self._bell = Alarm(clock)
        self._tried: dict[Kind, Tried] = {}
        self._need: Need | None = None
        self._kinds: set[Kind] = set()
        self._closed = False
        self._payments = 0
        self._given_up: dict[str, int] = {}

    def sees_to(self, refusal: Refusal) -> bool:
        """Whether it sees to a refusal; otherwise somebody else has to."""
        if not is_mended_by_money(refusal.error):
            return False
        if self._closed:
            return True  # the job waits for the next start
        need = Need.of(refusal, believe_usd=self._policy.usd)
        busy, self._need = self._need, need if self._need is None else self._need.together_with(need)
        self._kinds.add(refusal.kind)
        if busy is None:
            self._line.gates.pause()
            self._line.run(self._see_to(refusal))
        return True

    def went_well(self, kind: Kind) -> None:
        """A request of this kind was taken: what was done before has helped."""
        self._tried.pop(kind, None)

    def gave_up(self, job_ids: Iterable[str]) -> None:
        """These jobs wait for a person from now on."""
        self._given_up.update(dict.fromkeys(job_ids, self._payments))

    def forget(self, job_id: str) -> None:
        """A person says of a job that waited for him that the balance is well: begin anew.

        A batch is released job by job, which is one word and good for one more payment at most: where one was made
        since this job was given up, the word is older than what is known.
        """
        if self._given_up.pop(job_id, 0) == self._payments:
            self._tried.clear()
        self._bell.ring()

    def close(self) -> None:
        """Begin no more payments, and wait for none."""
        self._closed = True
        self._bell.ring()

    async def _see_to(self, refusal: Refusal) -> None:
        broken: VeniceError | None = None
        try:
            broken = await self._patiently(refusal)
        except Exception as error:  # noqa: BLE001 -- nobody awaits this task, and the line would stand still for ever
            broken = VeniceError(f"The top-up broke: {type(error).__name__}.")
            told = {"message": f"{self!r} broke", "exception": error}
            asyncio.get_running_loop().call_exception_handler(told)
        self._conclude(refusal, broken)

    async def _patiently(self, refusal: Refusal) -> VeniceError | None:
        """What a person should know, or None where the line may go on. What may pass by itself is waited for."""
        patience, trouble = Patience(self._rng, at_once_usd=self._policy.per_payment_usd), VeniceError()
        while not self._closed:
            try:
                held = await self._mended(refusal)
            except VeniceError as error:
                trouble = error
            else:
                # Where a payment was left open, that matters more than what the balance shows.
                return trouble if held is not None and isinstance(trouble, TopUpPendingError) else held
            pause = patience.pause(trouble, now=self._clock.monotonic(), wall=self._clock.wall())
            if pause is None:
                return trouble
            if not self._is_wanted():
                break
            self._emit(JobDelayed(**self._about(refusal), error=trouble, delay=pause))
            await self._bell.wait(pause)
        return None

    async def _mended(self, refusal: Refusal) -> VeniceError | None:
        """Do what the balance calls for: None, or why nothing can be done. Raises what hindered it."""
        balance = await self._balance()
        plan = self._plan(refusal, balance)
        match plan.act:
            case Act.HOLD:
                return _with(refusal.error, plan)
            case Act.GO_ON:
                await self._go_on(plan)
            case Act.TOP_UP if self._is_wanted():
                await self._top_up(refusal, balance)
        return None

    async def _top_up(self, refusal: Refusal, balance: WalletBalance) -> None:
        try:
            self._tell(refusal, await self._paid(balance.usd))
        except TopUpError as error:
            failure = error
        else:
            return
        # Another program may have been faster and taken what the caps allow at once, or the payment has landed after
        # all: then there is enough now, and nobody has to do anything.
        with contextlib.suppress(VeniceError):
            plan = self._plan(refusal, await self._balance(), had_usd=balance.usd)
            if plan.act is Act.GO_ON:
                await self._go_on(plan)
                return
        raise failure

    async def _go_on(self, plan: Plan) -> None:
        self._note(Tried.looked)
        await self._clock.sleep(plan.pause)

    async def _paid(self, credit: Decimal) -> TopUp:
        try:
            top_up = await within(_PAYS_WITHIN, self._wallet.top_up_within(self._policy), clock=self._clock)
        except (TopUpPendingError, TopUpRefusedError) as error:
            self._note_payment(credit, open_until=error.expires_at)
            raise
        self._note_payment(credit, open_until=-math.inf if top_up else None)
        if top_up is None:
            raise TopUpError(
                f"The top-up did not end within {_PAYS_WITHIN / 60:.0f} minutes. It may have been signed and sent.",
                usd=self._policy.usd,
                charge=Charge.UNVERIFIED,
            )
        return top_up

    def _note_payment(self, credit: Decimal, *, open_until: float | None) -> None:
        self._payments += 1
        until = self._clock.wall() if open_until is None else open_until
        self._note(lambda tried: tried.paid(credit, open_until=until))

    async def _balance(self) -> WalletBalance:
        balance = await within(_LOOKS_WITHIN, self._wallet.balance(), clock=self._clock)
        if balance is None:
            raise VeniceError(
                f"The wallet's balance did not come within {_LOOKS_WITHIN / 60:.0f} minutes, so nothing was paid.",
                advice="Look whether the wallet's signer waits for somebody, and at the network.",
            )
        return balance

    def _plan(self, refusal: Refusal, balance: WalletBalance, *, had_usd: Decimal | None = None) -> Plan:
        # By now others may have been refused as well.
        need = self._need or Need.of(refusal, believe_usd=self._policy.usd)
        tried = functools.reduce(Tried.together_with, (self._tried.get(kind, Tried()) for kind in self._kinds))
        return plan_for(
            need if had_usd is None else need.after(had_usd),
            balance,
            tried,
            most_usd=self._policy.per_day_usd,
            wall=self._clock.wall(),
        )

    def _is_wanted(self) -> bool:
        """Nothing is paid for jobs that were all cancelled meanwhile."""
        return Kind.RETRIEVE in self._kinds or self._line.counts[0] > 0

    def _note(self, done: Callable[[Tried], Tried]) -> None:
        for kind in (Kind.QUEUE, Kind.RETRIEVE):
            self._tried[kind] = done(self._tried.get(kind, Tried()))

    def _tell(self, refusal: Refusal, top_up: TopUp) -> None:
        self._emit(
            WalletToppedUp(
                **self._about(refusal), usd=top_up.usd, balance_usd=top_up.balance_usd, resumed=top_up.resumed
            )
        )

    def _about(self, refusal: Refusal) -> dict[str, Any]:
        job = refusal.job
        return {"job_id": job.id, "key": job.key, "model": job.record.model, "at": self._clock.wall()}

    def _conclude(self, refusal: Refusal, error: VeniceError | None) -> None:
        asks = Kind.RETRIEVE in self._kinds
        self._need = None
        self._kinds.clear()
        if error is not None:
            self._hold(error)
            if asks:  # what is paid for is not held: it is asked for again, and somebody should know why it waits
                self._emit(JobDelayed(**self._about(refusal), error=error, delay=_PROBE))
        else:
            self._line.gates.open()
        self._line.gates.end_pause()
        self._line.wake()

    def __repr__(self) -> str:
        return f"<Till {'idle' if self._need is None else 'at work'}>"


def purse_of(client: VeniceClient, policy: "TopUpPolicy") -> Purse:
    """The wallet that a client pays by. Raises ConfigurationError where it has none, or none that can pay by policy."""
    from venice_async.payments import TopUpPolicy
    from venice_async.signin import Chain

    if not isinstance(policy, TopUpPolicy):
        raise ConfigurationError("top_up takes a TopUpPolicy: what is paid at a time, and the caps above it.")
    wallet: Purse = client.wallet  # raises it for an API key
    if wallet.chain is not Chain.BASE:
        raise ConfigurationError(
            "A top-up by itself is paid in USDC on Base, and this wallet is on another chain.",
            advice="Use a wallet on Base, or leave out top_up and see to this wallet's balance yourself.",
        )
    return wallet


def _with(refusal: VeniceError, plan: Plan) -> VeniceError:
    """The server's refusal, and why nothing was paid about it."""
    error = copy.copy(refusal)
    said = refusal.message
    error.args = (f"{said}{'' if said[-1:] in '.!?' else '.'} {plan.sentence}".strip(),)
    return error
