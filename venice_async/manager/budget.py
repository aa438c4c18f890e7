"""How much money is spent and how much is spoken for."""

from collections.abc import Iterable
from decimal import Decimal

from venice_async.errors import BudgetExceededError
from venice_async.jobs import JobRecord
from venice_async.money import ZERO, Totals, totals_of

__all__ = ["ZERO", "Budget", "Totals", "totals_of"]


class Budget:
    """Keeps spent + reserved at or below `cap_usd`, over all jobs of a ledger. Without a cap it only counts."""

    def __init__(self, cap_usd: Decimal | None = None) -> None:
        self.cap_usd = cap_usd
        self._held: dict[str, Totals] = {}
        self._sum = Totals()

    @property
    def totals(self) -> Totals:
        """The sums over all jobs."""
        return self._sum

    @property
    def available_usd(self) -> Decimal | None:
        """What is left under the cap; None where there is no cap."""
        return None if self.cap_usd is None else self.cap_usd - self._sum.spent_usd - self._sum.reserved_usd

    def reserve(self, job_id: str, price_usd: Decimal | None) -> None:
        """Hold back the price of a new job. Raises BudgetExceededError, and holds nothing, where it does not fit."""
        self.check(price_usd)
        self._set(job_id, Totals(reserved_usd=price_usd or ZERO))

    def check(self, price_usd: Decimal | None) -> None:
        """Raises BudgetExceededError where a price does not fit; None is one that nobody knows."""
        available = self.available_usd
        if available is None:
            return
        if price_usd is None:
            raise BudgetExceededError("There is a budget, and the price of this job is not known.")
        if price_usd > available:
            left = f"${max(available, ZERO):.2f} of the budget of ${self.cap_usd:.2f}"
            message = f"This costs ${price_usd:.2f} and {left} is left."
            raise BudgetExceededError(message, needed_usd=price_usd, available_usd=available)

    def forget(self, job_id: str) -> None:
        """Give back what a job that came to nothing before it was recorded had reserved."""
        self._set(job_id, Totals())
        del self._held[job_id]

    def follow(self, record: JobRecord) -> None:
        """Take over what a job's record says now."""
        self._set(record.id, totals_of(record))

    def follow_all(self, records: Iterable[JobRecord]) -> None:
        """Take over many records, such as a whole ledger at start."""
        for record in records:
            self.follow(record)

    def _set(self, job_id: str, totals: Totals) -> None:
        before = self._held.get(job_id, Totals())
        self._held[job_id] = totals
        self._sum = Totals(
            spent_usd=self._sum.spent_usd + totals.spent_usd - before.spent_usd,
            reserved_usd=self._sum.reserved_usd + totals.reserved_usd - before.reserved_usd,
            refunded_usd=self._sum.refunded_usd + totals.refunded_usd - before.refunded_usd,
        )

    def __repr__(self) -> str:
        return (
            f"<Budget ${self._sum.spent_usd} spent, ${self._sum.reserved_usd} reserved of {self.cap_usd or 'no cap'}>"
        )
