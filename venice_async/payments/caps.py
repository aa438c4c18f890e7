"""Amounts and caps: what may be paid at all, checked before anything is asked or signed."""

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation, localcontext

from attrs import field, frozen

from venice_async.errors import InvalidRequestError, SpendingCapError
from venice_async.payments.payment import UNITS, usd_of

MOST_USD = 10_000
"""US dollars of one top-up at most, as the vendor's notes have it. No cap of a user's lifts it."""
DAY = 86_400.0
_MOST_TEXT = 40

Usd = Decimal | int | float | str
"""An amount in US dollars; a float means what it prints as."""


def units_of(usd: Usd, name: str = "usd") -> int:
    """An amount in units of USDC. Raises InvalidRequestError unless it is above zero with six decimals at most."""
    amount = _decimal(usd)
    if amount is None or not amount.is_finite() or amount <= 0:
        raise _wrong(f"{name} must be an amount of US dollars above zero.")
    if amount > MOST_USD * 1000:
        raise _wrong(f"{name} is far above what can be paid.")
    with localcontext() as exact:
        exact.prec = 60
        units = amount * UNITS
    if units != int(units):
        raise _wrong(f"{name} has more than six decimals: USDC has no smaller part.")
    return int(units)


def _decimal(usd: Usd) -> Decimal | None:
    if isinstance(usd, bool):
        return None
    if isinstance(usd, float):
        usd = repr(usd) if math.isfinite(usd) else "NaN"
    if isinstance(usd, str):
        usd = usd.strip()
        if len(usd) > _MOST_TEXT or not usd.isascii() or "_" in usd:
            return None
    try:
        return Decimal(usd)
    except (InvalidOperation, ValueError, TypeError):
        return None


def _wrong(sentence: str) -> InvalidRequestError:
    return InvalidRequestError(sentence, problems=(sentence,))


def approved(usd: Usd, cap_usd: Usd) -> tuple[int, int]:
    """Amount and cap in units. Raises InvalidRequestError, and SpendingCapError for an amount above the cap."""
    units, cap = units_of(usd), units_of(cap_usd, "cap_usd")
    if units > MOST_USD * UNITS:
        raise _wrong(f"One top-up is at most ${MOST_USD}.")
    if units > cap:
        raise SpendingCapError(
            f"${usd_of(units)} is above the cap of ${usd_of(cap)}: nothing was signed.",
            usd=usd_of(units),
            cap_usd=usd_of(cap),
            available_usd=usd_of(cap),
        )
    return units, cap


def _usd(usd: Usd) -> Decimal:
    return usd_of(units_of(usd, "each amount of a TopUpPolicy"))


@frozen(kw_only=True)
class TopUpPolicy:
    """What may be paid without asking anybody: `usd` at a time, and the three caps above it. US dollars, all required.

    `per_payment_usd` bounds one payment (and all that run at the same time), `per_day_usd` those of the last 24
    hours, `total_usd` all that were ever made: of this wallet, at this server, on this machine's record. Whatever
    was signed and sent counts for good, also what was refused and never credited, for want of USDC say: that it
    moved nothing is only the server's word. So leave room in `total_usd` for those, or raise it. Raises
    InvalidRequestError unless usd <= per_payment_usd <= per_day_usd <= total_usd.
    """

    usd: Decimal = field(converter=_usd)
    per_payment_usd: Decimal = field(converter=_usd)
    per_day_usd: Decimal = field(converter=_usd)
    total_usd: Decimal = field(converter=_usd)

    def __attrs_post_init__(self) -> None:
        if self.usd > MOST_USD:
            raise _wrong(f"One top-up is at most ${MOST_USD}.")
        if not self.usd <= self.per_payment_usd <= self.per_day_usd <= self.total_usd:
            raise _wrong("The caps of a TopUpPolicy must rise: usd, per_payment_usd, per_day_usd, total_usd.")


@frozen(kw_only=True)
class Limits:
    """What one payment has to fit under, in units; without a `policy` a person asked for it."""

    cap: int
    policy: TopUpPolicy | None = None

    def check(self, units: int, *, at_once: "Taken", of_day: "Takes", ever: "Takes") -> None:
        """Raises SpendingCapError where the payment does not fit beside what counts already.

        `at_once` is what other top-ups took while the call ran, the other two what was signed automatically.
        """
        _fits(units, at_once, self.cap, "what other top-ups take that run at the same time")
        if self.policy is None:
            return
        _fits(units, of_day(), units_of(self.policy.per_day_usd), "the automatic top-ups of the last 24 hours")
        _fits(units, ever(), units_of(self.policy.total_usd), "all automatic top-ups so far")


@frozen
class Taken:
    """What counts under a cap already, in units; `lost` is the part of it that was never credited."""

    units: int
    lost: int = 0


Takes = Callable[[], Taken]


@frozen(kw_only=True)
class Mark:
    """When a call began, by the record: payments above the number `last` were made since.

    Those in `beside` were made before and were not over: one of them that moves money does so while the call runs.
    Numbers and not instants: a clock can be set.
    """

    last: int
    beside: frozenset[int] = frozenset()


@frozen(kw_only=True)
class Wish:
    """A payment that somebody wants to make.

    `pay_to` and `since` are known when the server has made its offer.
    """

    units: int
    limits: Limits
    mark: Mark
    pay_to: str = ""
    since: float = 0.0


def _fits(units: int, taken: Taken, cap: int, what: str) -> None:
    if taken.units + units > cap:
        lost = f", of which ${usd_of(taken.lost)} were never credited" if taken.lost else ""
        raise SpendingCapError(
            f"${usd_of(units)} and ${usd_of(taken.units)} ({what}{lost}) are above the cap of ${usd_of(cap)}: "
            "nothing was signed.",
            usd=usd_of(units),
            cap_usd=usd_of(cap),
            available_usd=usd_of(max(0, cap - taken.units)),
        )
