"""The rules that every ledger shares."""

import itertools
from decimal import Decimal

import attrs
import pytest
from harness import job_record

from venice_async.errors import Charge, DuplicateQueueIdError, LedgerError, StaleRecordError
from venice_async.jobs import ACTIVE, MOVES, Cleanup, JobState, PaidAnswer
from venice_async.ledger.protocol import check_queue_id, is_claimable, moved, moved_by, not_kept, not_ours, stale


def test_a_change_counts_as_a_move() -> None:
    """Also one that leaves the state as it is: whoever saw the record before it must look again."""
    after = moved(job_record(version=4), {"size": 7})
    assert (after.version, after.size, after.state) == (5, 7, JobState.PENDING)


def test_an_illegal_move_names_both_states() -> None:
    """So that the mistake can be found."""
    with pytest.raises(LedgerError, match="from completed to pending"):
        moved(job_record(state=JobState.COMPLETED), {"state": JobState.PENDING})


@pytest.mark.parametrize(("owner", "current_owner"), list(itertools.product((0, 1, 2), repeat=2)))
@pytest.mark.parametrize("start", JobState)
def test_who_may_move_what(start: JobState, owner: int, current_owner: int) -> None:
    """Every legal move of every state, by the owner and by others, with the owner that the job has afterwards."""
    record = job_record(state=start, owner=current_owner, price_usd=Decimal(1))
    for state in {start, *MOVES[start]}:
        cancels = state is JobState.CANCELLED and start is not JobState.QUEUEING
        if start in ACTIVE and owner != current_owner and not cancels:
            with pytest.raises(StaleRecordError, match="worked on by somebody else"):
                moved_by(owner, record, record, {"state": state})
            continue
        after = moved_by(owner, record, record, {"state": state, "owner": 99})
        woken = start not in ACTIVE and state in ACTIVE
        expected = owner if woken else current_owner
        assert after == attrs.evolve(record, state=state, owner=expected, version=1)


def test_the_ledger_s_record_decides_and_not_the_caller_s() -> None:
    """Who claims to own a job, or to have seen its latest version, is not believed."""
    record = job_record(owner=1, version=3)
    with pytest.raises(StaleRecordError, match="somebody else"):
        moved_by(2, record, attrs.evolve(record, owner=2), {"size": 1})
    for seen in (attrs.evolve(record, version=2), attrs.evolve(record, version=4)):
        with pytest.raises(StaleRecordError, match="changed by somebody else"):
            moved_by(1, record, seen, {"size": 1})
    with pytest.raises(StaleRecordError):
        moved_by(1, None, record, {"size": 1})
    assert moved_by(1, record, attrs.evolve(record, state=JobState.HELD), {"size": 1}).state is JobState.PENDING


def test_what_waits_for_somebody() -> None:
    """Active jobs, and files that are safe here but not deleted there."""
    assert {state for state in JobState if is_claimable(job_record(state=state))} == ACTIVE
    cleaning = {state for state in JobState if is_claimable(job_record(state=state, cleanup=Cleanup.PENDING))}
    assert cleaning == ACTIVE | {JobState.COMPLETED}


def test_a_queue_id_is_asked_about_when_it_is_new() -> None:
    """A job keeps the one it has, even where an old ledger has it twice."""
    asked: list[str] = []

    def taken(queue_id: str) -> bool:
        asked.append(queue_id)
        return queue_id == "taken"

    has = job_record(queue_id="taken")
    check_queue_id(None, job_record(), taken=taken)
    check_queue_id(has, attrs.evolve(has, size=1), taken=taken)
    assert asked == []
    check_queue_id(has, job_record(queue_id="free"), taken=taken)
    for before in (None, job_record(), job_record(queue_id="free")):
        with pytest.raises(DuplicateQueueIdError, match="'taken' already") as error:
            check_queue_id(before, attrs.evolve(has, charge=Charge.CHARGED), taken=taken)
        assert (error.value.queue_id, error.value.charge) == ("taken", Charge.CHARGED)


def test_errors_say_which_job_and_what_of_the_money() -> None:
    """And why nothing was done."""
    record = job_record(3, charge=Charge.CHARGED)
    assert str(stale(record)).startswith("Job id-3 was changed by somebody else in the meantime. It was charged.")
    assert str(not_ours(record)).startswith("Job id-3 is worked on by somebody else. It was charged.")
    answer = PaidAnswer(job_id="i", attempt=1, model="m", queue_id="q-7", download_url="https://secret", queued_at=1.0)
    assert str(not_kept(answer, "the owner file is full")) == (
        "A paid answer could not be kept: the owner file is full. It was charged. "
        "The server took the job under the queue_id 'q-7': keep it, no file does."
    )


@pytest.mark.parametrize("state", sorted(JobState, key=lambda state: state.value))
def test_a_paid_call_begins_only_from_pending(state: JobState) -> None:
    """Whoever would count another attempt from anywhere else would pay again."""
    record = job_record(state=state, attempt=1)
    changes = {"state": JobState.QUEUEING, "attempt": 2}
    if state is JobState.PENDING:
        assert moved(record, changes).attempt == 2
        return
    with pytest.raises(LedgerError):
        moved(record, changes)
