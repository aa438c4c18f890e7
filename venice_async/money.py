"""How much money jobs hold, and whether more of it fits under a cap. US dollars, exact."""

from collections.abc import Callable
from decimal import Decimal

from attrs import frozen

from venice_async.errors import BudgetExceededError, Charge
from venice_async.jobs import JobRecord, JobState

ZERO = Decimal(0)
_ANY = Decimal(1)


@frozen(kw_only=True)
class Totals:
    """US dollars: spent for good, reserved for jobs that may still be charged, and given back by the server."""

    spent_usd: Decimal = ZERO
    reserved_usd: Decimal = ZERO
    refunded_usd: Decimal = ZERO

    @property
    def held_usd(self) -> Decimal:
        """What counts against a cap: spent and reserved."""
        return self.spent_usd + self.reserved_usd

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            spent_usd=self.spent_usd + other.spent_usd,
            reserved_usd=self.reserved_usd + other.reserved_usd,
            refunded_usd=self.refunded_usd + other.refunded_usd,
        )

    def __sub__(self, other: "Totals") -> "Totals":
        return Totals(
            spent_usd=self.spent_usd - other.spent_usd,
            reserved_usd=self.reserved_usd - other.reserved_usd,
            refunded_usd=self.refunded_usd - other.refunded_usd,
        )


def totals_of(record: JobRecord) -> Totals:
    """What one job holds of a budget. A price that is not known counts as nothing.

    Earlier attempts that were sent again knowingly count as spent, whatever becomes of the last one.
    """
    totals = _of_last_attempt(record, record.price_usd or ZERO)
    return totals + Totals(spent_usd=record.doubtful_usd) if record.doubtful_usd else totals


def increase(before: JobRecord | None, after: JobRecord) -> Decimal | None:
    """By how much a change raises what a job holds; `before` is None for a new job.

    None where it begins to hold a price that nobody knows; below zero where it gives money back.
    """
    if after.price_usd is None and _holds_a_price(after) and (before is None or not _holds_a_price(before)):
        return None
    return totals_of(after).held_usd - (totals_of(before).held_usd if before is not None else ZERO)


def check_fits(price_usd: Decimal | None, *, held_usd: Decimal, cap_usd: Decimal) -> None:
    """Raises BudgetExceededError where a price does not fit beside what is held; None is one that nobody knows."""
    if price_usd is None:
        raise BudgetExceededError("There is a budget, and the price of this job is not known.")
    available = cap_usd - held_usd
    if price_usd > available:
        left = f"${max(available, ZERO):.2f} of the budget of ${cap_usd:.2f}"
        message = f"This costs ${price_usd:.2f} and {left} is left."
        raise BudgetExceededError(message, needed_usd=price_usd, available_usd=available)


def check_change(
    before: JobRecord | None, after: JobRecord, *, held_usd: Callable[[], Decimal], cap_usd: Decimal | None
) -> None:
    """Raises BudgetExceededError where a change raises what all jobs hold (`held_usd`) above the cap.

    One that raises nothing is never refused, even where too much is held already.
    """
    if cap_usd is None:
        return
    needed = increase(before, after)
    if needed is None or needed > 0:
        check_fits(needed, held_usd=held_usd(), cap_usd=cap_usd)


def _of_last_attempt(record: JobRecord, price: Decimal) -> Totals:
    if record.charge is Charge.REFUNDED:
        return Totals(refunded_usd=price)
    if record.charge is Charge.CHARGED:
        return Totals(spent_usd=price)
    if record.charge is Charge.UNVERIFIED:
        # Until somebody knows better the money counts as gone; for UNKNOWN it is only held back.
        return Totals(reserved_usd=price) if record.state is JobState.UNKNOWN else Totals(spent_usd=price)
    if record.state.terminal or record.held_for == "budget":
        return Totals()
    return Totals(reserved_usd=price)


def _holds_a_price(record: JobRecord) -> bool:
    return _of_last_attempt(record, _ANY).held_usd > 0
