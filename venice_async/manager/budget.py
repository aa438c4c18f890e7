"""How much money is spent and how much is spoken for."""

from collections.abc import Iterable
from decimal import Decimal

from venice_async.jobs import JobRecord
from venice_async.money import ZERO, Totals, check_fits, totals_of


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
        return None if self.cap_usd is None else self.cap_usd - self._sum.held_usd

    def reserve(self, job_id: str, price_usd: Decimal | None) -> None:
        """Hold back the price of a new job. Raises BudgetExceededError, and holds nothing, where it does not fit."""
        self.check(price_usd)
        self._set(job_id, Totals(reserved_usd=price_usd or ZERO))

    def check(self, price_usd: Decimal | None) -> None:
        """Raises BudgetExceededError where a price does not fit; None is one that nobody knows."""
        if self.cap_usd is not None:
            check_fits(price_usd, held_usd=self._sum.held_usd, cap_usd=self.cap_usd)

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
        self._sum += totals - before

    def __repr__(self) -> str:
        return (
            f"<Budget ${self._sum.spent_usd} spent, ${self._sum.reserved_usd} reserved of {self.cap_usd or 'no cap'}>"
        )
