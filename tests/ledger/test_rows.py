"""Records as rows of a table, and back."""

from decimal import Decimal

from harness import job_record
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import Charge
from venice_async.jobs import Cleanup, JobRecord, JobState
from venice_async.ledger.rows import COLUMNS, from_row, to_row

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
