"""Money: spent and reserved never exceed the cap, whatever happens in whatever order."""

import copy
from decimal import Decimal

import pytest
from harness import job_record
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import BudgetExceededError, Charge
from venice_async.jobs import MOVES, JobRecord, JobState
from venice_async.manager.budget import Budget
from venice_async.money import Totals, totals_of

PRICE = Decimal("0.35")
NOTHING = Totals()
SPENT, RESERVED, REFUNDED = Totals(spent_usd=PRICE), Totals(reserved_usd=PRICE), Totals(refunded_usd=PRICE)


@pytest.mark.parametrize(
    ("state", "charge", "held"),
    [
        (JobState.PENDING, Charge.NONE, RESERVED),
        (JobState.QUEUEING, Charge.NONE, RESERVED),
        (JobState.QUEUED, Charge.CHARGED, SPENT),
        (JobState.DOWNLOADING, Charge.CHARGED, SPENT),
        (JobState.COMPLETED, Charge.CHARGED, SPENT),
        (JobState.HELD, Charge.NONE, RESERVED),
        (JobState.HELD, Charge.CHARGED, SPENT),
        (JobState.UNKNOWN, Charge.UNVERIFIED, RESERVED),
        (JobState.FAILED, Charge.NONE, NOTHING),
        (JobState.FAILED, Charge.REFUNDED, REFUNDED),
        (JobState.FAILED, Charge.CHARGED, SPENT),
        (JobState.FAILED, Charge.UNVERIFIED, SPENT),
        (JobState.CANCELLED, Charge.NONE, NOTHING),
        (JobState.CANCELLED, Charge.CHARGED, SPENT),
        (JobState.CANCELLED, Charge.UNVERIFIED, SPENT),
    ],
)
def test_what_a_record_holds(state: JobState, charge: Charge, held: Totals) -> None:
    """Money that may be gone counts as gone, and what may still be charged stays reserved."""
    assert totals_of(job_record(state=state, charge=charge, price_usd=PRICE)) == held


def test_a_price_above_the_rest_is_refused_and_reserves_nothing() -> None:
    """The error says how much was needed and how much was left."""
    budget = Budget(Decimal(1))
    budget.reserve("a", Decimal("0.80"))
    with pytest.raises(BudgetExceededError) as refused:
        budget.reserve("b", Decimal("0.30"))
    assert (refused.value.needed_usd, refused.value.available_usd) == (Decimal("0.30"), Decimal("0.20"))
    budget.reserve("c", Decimal("0.20"))
    assert budget.available_usd == 0


def test_an_unknown_price_needs_a_budget_without_a_cap() -> None:
    """Nobody can promise to stay below a cap at prices that nobody knows."""
    Budget().reserve("a", None)
    with pytest.raises(BudgetExceededError):
        Budget(Decimal(1000)).reserve("a", None)


def test_what_came_to_nothing_is_given_back() -> None:
    """Forgetting a job frees what it had reserved."""
    budget = Budget(Decimal(1))
    budget.reserve("a", Decimal(1))
    budget.forget("a")
    assert budget.totals == NOTHING


_CHARGES = {
    JobState.QUEUED: (Charge.CHARGED,),
    JobState.FAILED: (Charge.NONE, Charge.REFUNDED, Charge.CHARGED, Charge.UNVERIFIED),
    JobState.UNKNOWN: (Charge.UNVERIFIED,),
}


@given(st.data())
def test_spent_and_reserved_stay_below_the_cap(data: st.DataObject) -> None:
    """Jobs are taken on, refused, moved and forgotten at random: the sums are those of the records, within the cap."""
    budget = Budget(cap := Decimal(2))
    records: dict[str, JobRecord] = {}
    for number in range(data.draw(st.integers(1, 30))):
        if data.draw(st.booleans()) or not records:
            record = job_record(number, price_usd=Decimal(data.draw(st.integers(0, 90))) / 100)
            before = copy.copy(budget.totals)
            try:
                budget.reserve(record.id, record.price_usd)
            except BudgetExceededError:
                assert budget.totals == before
                continue
        else:
            record = records[data.draw(st.sampled_from(sorted(records)))]
            moves = sorted(MOVES[record.state], key=str)
            if not moves:
                continue
            state = data.draw(st.sampled_from(moves))
            charge = data.draw(st.sampled_from(_CHARGES.get(state, (record.charge,))))
            record = job_record(int(record.id[3:]), price_usd=record.price_usd, state=state, charge=charge)
            budget.follow(record)
        records[record.id] = record
        assert budget.totals.spent_usd + budget.totals.reserved_usd <= cap
        held = [totals_of(record) for record in records.values()]
        assert budget.totals.spent_usd == sum(each.spent_usd for each in held)
        assert budget.totals.reserved_usd == sum(each.reserved_usd for each in held)


def test_a_ledger_is_taken_over_whole() -> None:
    """At start the budget knows what earlier processes have spent and hold."""
    budget = Budget(Decimal(1))
    queued = job_record(1, state=JobState.QUEUED, charge=Charge.CHARGED, price_usd=PRICE)
    budget.follow_all([queued, job_record(2, price_usd=PRICE)])
    assert budget.totals == Totals(spent_usd=PRICE, reserved_usd=PRICE)
    assert repr(budget) == "<Budget $0.35 spent, $0.35 reserved of 1>"
