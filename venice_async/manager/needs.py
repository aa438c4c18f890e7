"""What to do about an empty wallet. Pure: balances and refusals in, a plan out."""

import enum
import math
from decimal import Decimal
from typing import Self

from attrs import evolve, frozen

from venice_async.errors import WalletBalanceError
from venice_async.governor import Kind
from venice_async.manager.gates import Refusal
from venice_async.models import WalletBalance
from venice_async.money import ZERO

_MINIMUM = Decimal("0.10")
"""The least credit in US dollars with which a wallet's requests are taken, by the vendor's guide."""
LOOK_PAUSES = (0.0, 2.0, 8.0)
"""Seconds before a request is tried again because the balance is said to be enough; after the last of them no more."""


class Act(enum.Enum):
    """What follows from a look at the balance."""

    TOP_UP = "top up"
    GO_ON = "go on"
    """There is enough, by whomever: let requests out again."""
    HOLD = "hold"
    """Money would not help, or did not: a person decides."""


@frozen(kw_only=True)
class Plan:
    """`pause` is in seconds; `sentence` tells a person why."""

    act: Act
    pause: float = 0.0
    sentence: str = ""


@frozen(kw_only=True)
class Need:
    """What the refused requests take, in US dollars: of a retrieve nothing; None where the price is not known.

    `had_usd` is what the wallet had when it was refused, where the server said so.
    """

    minimum_usd: Decimal
    price_usd: Decimal | None
    had_usd: Decimal | None = None

    @classmethod
    def of(cls, refusal: Refusal, *, believe_usd: Decimal) -> Self:
        """From a refusal. The server's word on its minimum is believed up to an amount."""
        error, price = refusal.error, ZERO if refusal.kind is Kind.RETRIEVE else refusal.job.record.price_usd
        if not isinstance(error, WalletBalanceError):
            return cls(minimum_usd=_MINIMUM, price_usd=price)
        said = error.minimum_balance_usd
        minimum = said if said is not None and ZERO <= said <= believe_usd else _MINIMUM
        return cls(minimum_usd=minimum, price_usd=price, had_usd=error.balance_usd)

    def together_with(self, other: "Need") -> "Need":
        """What is enough for the dearest of both."""
        return Need(
            minimum_usd=max(self.minimum_usd, other.minimum_usd),
            price_usd=_larger(self.price_usd, other.price_usd),
            had_usd=_larger(self.had_usd, other.had_usd),
        )

    def after(self, usd: Decimal) -> "Need":
        """The same, when the wallet was seen to have this much."""
        return evolve(self, had_usd=_larger(self.had_usd, usd))

    def is_met_by(self, usd: Decimal) -> bool:
        """Whether a credit is enough; where no price is known, whether it has grown since."""
        if usd < self.minimum_usd:
            return False
        if self.price_usd is not None:
            return usd >= self.price_usd
        return self.had_usd is not None and usd > self.had_usd


def _larger(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    known = [each for each in (one, other) if each is not None]
    return max(known, default=None)


@frozen(kw_only=True)
class Tried:
    """What was done for a kind of request since one of them went well.

    `paid_at_usd` is the credit that the wallet had before the last top-up, `open_until` (Unix seconds) says how long
    that is the one payment which every call finishes, and `looks` how often the credit was found enough after it.
    """

    paid_at_usd: Decimal | None = None
    open_until: float = -math.inf
    looks: int = 0

    def paid(self, usd: Decimal, *, open_until: float = -math.inf) -> "Tried":
        """A payment was signed at that credit."""
        return Tried(paid_at_usd=usd, open_until=open_until)

    def looked(self) -> "Tried":
        """It was found enough once more."""
        return evolve(self, looks=self.looks + 1)

    def together_with(self, other: "Tried") -> "Tried":
        """The more of both."""
        return Tried(
            paid_at_usd=_larger(self.paid_at_usd, other.paid_at_usd),
            open_until=max(self.open_until, other.open_until),
            looks=max(self.looks, other.looks),
        )


def plan_for(need: Need, balance: WalletBalance, tried: Tried, *, most_usd: Decimal, wall: float) -> Plan:
    """What to do, when the wallet has this much. `most_usd` is what may be added in a day, `wall` Unix seconds.

    Without a request that went well in between, each top-up must have raised the credit before another is made. One
    whose outcome is open is finished as long as it is good, and nothing is signed beside it.
    """
    usd = balance.usd
    if balance.diem_usd is not None and balance.diem_usd > 0:
        return _hold(f"The wallet spends its DIEM first, of which {balance.diem_usd} are left: a top-up does not help.")
    if need.is_met_by(usd):
        if tried.looks < len(LOOK_PAUSES):
            return Plan(act=Act.GO_ON, pause=LOOK_PAUSES[tried.looks])
        return _hold(f"The wallet has ${usd:.2f} by the server's word, which is enough, and is refused all the same.")
    if need.price_usd is not None and need.price_usd > usd + most_usd:
        words = f"The price is ${need.price_usd:.2f}: more than the wallet's ${usd:.2f}"
        return _hold(f"{words} and the ${most_usd:.2f} that may be added in a day.")
    helped = tried.paid_at_usd is None or (need.price_usd is not None and usd > tried.paid_at_usd)
    if not helped and wall >= tried.open_until:
        return _hold(f"The last top-up did not help: the wallet has ${usd:.2f}, and is refused as before.")
    return Plan(act=Act.TOP_UP)


def _hold(sentence: str) -> Plan:
    return Plan(act=Act.HOLD, sentence=sentence)
