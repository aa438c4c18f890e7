"""The rules that every ledger shares."""

import pytest
from harness import job_record

from venice_async.errors import LedgerError
from venice_async.jobs import JobState
from venice_async.ledger.protocol import moved, stale


def test_a_change_counts_as_a_move() -> None:
    """Also one that leaves the state as it is: whoever saw the record before it must look again."""
    after = moved(job_record(version=4), {"size": 7})
    assert (after.version, after.size, after.state) == (5, 7, JobState.PENDING)


def test_an_illegal_move_names_both_states() -> None:
    """So that the mistake can be found."""
    with pytest.raises(LedgerError, match="from completed to pending"):
        moved(job_record(state=JobState.COMPLETED), {"state": JobState.PENDING})


def test_a_stale_record_s_error_names_the_job() -> None:
    """And says why."""
    assert str(stale(job_record(3))).startswith("Job id-3 was changed by somebody else")
