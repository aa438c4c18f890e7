"""Records as rows of a table, and back."""

from decimal import Decimal

import pytest
from harness import job_record
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import Charge, LedgerError
from venice_async.jobs import Cleanup, JobRecord, JobState
from venice_async.ledger.rows import COLUMNS, from_row, partly, to_row

TEXT = st.text(max_size=20)
RECORDS = st.builds(
    JobRecord,
    id=TEXT,
    key=TEXT,
    model=TEXT,
    request=TEXT,
    output=TEXT,
    state=st.sampled_from(JobState),
    charge=st.sampled_from(Charge),
    cleanup=st.sampled_from(Cleanup),
    price_usd=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    doubtful_usd=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    owner=st.integers(0, 2**62),
    part=st.none() | TEXT,
    size=st.none() | st.integers(0, 2**62),
    created_at=st.floats(0, 1e12),
    queued_at=st.none() | st.floats(0, 1e12),
    download_url=st.none() | TEXT,
    error=st.none() | TEXT,
)


@given(RECORDS)
def test_a_row_gives_the_record_back(record: JobRecord) -> None:
    """Exactly, whatever it holds; and a row holds nothing but what SQLite knows."""
    row = to_row(record)
    assert from_row(row) == record
    assert {type(value) for value in row} <= {str, int, float, type(None)}


def test_money_is_not_rounded() -> None:
    """It is kept as text: a float would be another price."""
    row = to_row(job_record(price_usd=Decimal("0.1000")))
    assert row[COLUMNS.index("price_usd")] == "0.1000"


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", "x"), ("state", 5), ("price_usd", "NaN"), ("doubtful_usd", "Infinity"), ("price_usd", "")],
)
def test_a_tampered_row_is_refused(name: str, value: object) -> None:
    """With the job's name; money that is no number could never be compared with a cap."""
    row = to_row(job_record(3))
    row[COLUMNS.index(name)] = value
    with pytest.raises(LedgerError, match="job id-3 is damaged") as error:
        from_row(row)
    assert error.value.__context__ is None


def test_some_columns_make_a_record() -> None:
    """Enough to count its money."""
    record = partly({"id": "i", "state": "queued", "charge": "charged", "price_usd": "0.10", "held_for": None})
    assert (record.id, record.state, record.price_usd) == ("i", JobState.QUEUED, Decimal("0.10"))
