"""Jobs of a ledger that were recorded and not sent yet. Whichever program opens it next pays for them: say so first."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from attrs import frozen

from venice_async.cli.words import money
from venice_async.jobs import JobRecord, JobState
from venice_async.money import ZERO, check_fits, totals_of


@frozen(kw_only=True)
class Unsent:
    """Jobs whose paid call is still to come."""

    records: tuple[JobRecord, ...] = ()

    @classmethod
    def of(cls, records: Iterable[JobRecord], *, released: bool = False) -> "Unsent":
        """Those of a ledger; with `released` also the held ones that would be sent (again) once they are let go."""
        return cls(records=tuple(record for record in records if _to_be_paid(record, released=released)))

    def __len__(self) -> int:
        return len(self.records)

    def without(self, key: str | None) -> "Unsent":
        """The others than the job of this key."""
        return Unsent(records=tuple(record for record in self.records if record.key != key))

    @property
    def price_usd(self) -> Decimal:
        """US dollars, as far as their prices are known."""
        return sum((record.price_usd or ZERO for record in self.records), ZERO)

    @property
    def unpriced(self) -> int:
        """How many have a price that nobody knows."""
        return sum(record.price_usd is None for record in self.records)

    @property
    def noun(self) -> str:
        """`1 job of this ledger that was not sent yet`."""
        if len(self) == 1:
            return "1 job of this ledger that was not sent yet"
        return f"{len(self):,} jobs of this ledger that were not sent yet"

    def sentence(self, more: str = "") -> str:
        """How many they are, and what they cost."""
        verb = "job of this ledger was not sent yet and goes" if len(self) == 1 else (
            "jobs of this ledger were not sent yet and go"
        )  # fmt: skip
        return f"{len(self):,} {verb} on as well: {amount(self.price_usd, self.unpriced)}{more}."


def check_budget(records: Sequence[JobRecord], unsent: Unsent, *, new_usd: Decimal | None, cap_usd: Decimal) -> None:
    """Raises BudgetExceededError where what is to be paid is not known, or does not fit beside the other jobs.

    `new_usd` is for what has no record yet: 0 where there is nothing, None for a price that nobody knows.
    """
    ids = {record.id for record in unsent.records}
    others = sum((totals_of(record).held_usd for record in records if record.id not in ids), ZERO)
    unknown = new_usd is None or unsent.unpriced
    check_fits(None if unknown else (new_usd or ZERO) + unsent.price_usd, held_usd=others, cap_usd=cap_usd)


def amount(usd: Decimal, unpriced: int) -> str:
    """A sum of which some parts may not be known: `$0.78 and 2 times what nobody knows`."""
    return money(usd) + (f" and {unpriced} times what nobody knows" if unpriced else "")


def _to_be_paid(record: JobRecord, *, released: bool) -> bool:
    if record.state is JobState.PENDING:
        return True
    return released and record.state is JobState.HELD and not record.queue_id
