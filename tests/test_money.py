"""What jobs hold of a budget, and what fits under a cap."""

from decimal import Decimal

import pytest
from harness import job_record
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import BudgetExceededError, Charge
from venice_async.jobs import JobRecord, JobState
from venice_async.money import ZERO, Totals, check_change, check_fits, increase, totals_of

PRICE = Decimal("0.35")
NOTHING = Totals()
SPENT, RESERVED, REFUNDED = Totals(spent_usd=PRICE), Totals(reserved_usd=PRICE), Totals(refunded_usd=PRICE)
PRICES = st.none() | st.integers(0, 500).map(lambda cents: Decimal(cents) / 100)
RECORDS = st.builds(
    job_record,
    state=st.sampled_from(JobState),
    charge=st.sampled_from(Charge),
    price_usd=PRICES,
    doubtful_usd=PRICES,
    held_for=st.sampled_from([None, "budget", "key"]),
)


@pytest.mark.parametrize(
    ("state", "charge", "held_for", "held"),
    [
        (JobState.PENDING, Charge.NONE, None, RESERVED),
        (JobState.QUEUEING, Charge.NONE, None, RESERVED),
        (JobState.QUEUED, Charge.CHARGED, None, SPENT),
        (JobState.COMPLETED, Charge.CHARGED, None, SPENT),
        (JobState.HELD, Charge.NONE, "key", RESERVED),
        (JobState.HELD, Charge.NONE, "budget", NOTHING),
        (JobState.HELD, Charge.CHARGED, "budget", SPENT),
        (JobState.UNKNOWN, Charge.UNVERIFIED, None, RESERVED),
        (JobState.FAILED, Charge.NONE, None, NOTHING),
        (JobState.FAILED, Charge.REFUNDED, None, REFUNDED),
        (JobState.FAILED, Charge.CHARGED, None, SPENT),
        (JobState.FAILED, Charge.UNVERIFIED, None, SPENT),
        (JobState.CANCELLED, Charge.NONE, None, NOTHING),
        (JobState.CANCELLED, Charge.UNVERIFIED, None, SPENT),
    ],
)
def test_what_a_record_holds(state: JobState, charge: Charge, held_for: str | None, held: Totals) -> None:
    """Money that may be gone counts as gone, and what may still be charged stays reserved."""
    record = job_record(state=state, charge=charge, held_for=held_for, price_usd=PRICE)
    assert totals_of(record) == held
    doubtful = job_record(state=state, charge=charge, held_for=held_for, price_usd=PRICE, doubtful_usd=Decimal(2))
    assert totals_of(doubtful) == held + Totals(spent_usd=Decimal(2))
    assert totals_of(job_record(state=state, charge=charge, held_for=held_for)) == NOTHING


def test_totals_add_up() -> None:
    """Each kind of money by itself; what counts against a cap is spent and reserved."""
    both = SPENT + RESERVED + REFUNDED
    assert both == Totals(spent_usd=PRICE, reserved_usd=PRICE, refunded_usd=PRICE)
    assert both.held_usd == 2 * PRICE
    assert both - REFUNDED - SPENT == RESERVED


@given(RECORDS, RECORDS)
def test_an_increase_is_the_difference(before: JobRecord, after: JobRecord) -> None:
    """Unless a price that nobody knows begins to count."""
    difference = totals_of(after).held_usd - totals_of(before).held_usd
    assert increase(before, after) in {None, difference}
    if after.price_usd is not None:
        assert increase(before, after) == difference
        assert increase(None, after) == totals_of(after).held_usd


@pytest.mark.parametrize(
    ("before", "after", "unknown"),
    [
        (None, job_record(), True),
        (None, job_record(state=JobState.HELD, held_for="budget"), False),
        (None, job_record(state=JobState.FAILED), False),
        (job_record(), job_record(state=JobState.QUEUEING), False),
        (job_record(state=JobState.QUEUEING), job_record(state=JobState.QUEUED, charge=Charge.CHARGED), False),
        (job_record(state=JobState.HELD, held_for="budget"), job_record(), True),
        (job_record(state=JobState.HELD, held_for="key"), job_record(), False),
    ],
)
def test_when_a_price_that_nobody_knows_begins_to_count(
    before: JobRecord | None, after: JobRecord, *, unknown: bool
) -> None:
    """When a job begins to hold it, and not at each of its later moves."""
    assert (increase(before, after) is None) == unknown


def test_what_fits() -> None:
    """To the last cent and not beyond; the error says how much was needed and how much was left."""
    check_fits(Decimal("0.20"), held_usd=Decimal("0.80"), cap_usd=Decimal(1))
    with pytest.raises(BudgetExceededError, match=r"costs \$0.21 and \$0.20 of the budget of \$1.00 is left") as error:
        check_fits(Decimal("0.21"), held_usd=Decimal("0.80"), cap_usd=Decimal(1))
    assert (error.value.needed_usd, error.value.available_usd) == (Decimal("0.21"), Decimal("0.20"))
    with pytest.raises(BudgetExceededError, match=r"and \$0.00 of the budget"):
        check_fits(Decimal("0.01"), held_usd=Decimal(5), cap_usd=Decimal(1))
    with pytest.raises(BudgetExceededError, match="price of this job is not known"):
        check_fits(None, held_usd=ZERO, cap_usd=Decimal(1000))


@given(st.none() | RECORDS, RECORDS, PRICES, PRICES)
def test_a_change_never_leads_above_the_cap(
    before: JobRecord | None, after: JobRecord, cap: Decimal | None, others: Decimal | None
) -> None:
    """Unless it was above already and the change does not raise it; without a cap nothing is refused."""
    held = (others or ZERO) + (totals_of(before).held_usd if before else ZERO)
    added = totals_of(after).held_usd - (totals_of(before).held_usd if before else ZERO)
    try:
        check_change(before, after, held_usd=lambda: held, cap_usd=cap)
    except BudgetExceededError:
        assert cap is not None
        assert increase(before, after) is None or (added > 0 and held + added > cap)
    else:
        assert cap is None or added <= 0 or held + added <= cap


def test_the_sum_is_only_asked_for_when_it_matters() -> None:
    """It costs a look at the ledger."""

    def asked() -> Decimal:
        raise ZeroDivisionError

    record = job_record(price_usd=PRICE)
    check_change(None, record, held_usd=asked, cap_usd=None)
    check_change(record, job_record(price_usd=PRICE, state=JobState.QUEUEING), held_usd=asked, cap_usd=ZERO)
    check_change(record, job_record(price_usd=PRICE, state=JobState.CANCELLED), held_usd=asked, cap_usd=ZERO)
