"""Who is told what of a job."""

import pytest
from harness import Owner, job_record

from venice_async.jobs import JobPolled, JobRecord, JobState, JobStateChanged
from venice_async.ledger.protocol import moved
from venice_async.manager.roster import Roster

pytestmark = pytest.mark.anyio


def make_roster() -> tuple[Roster, list[JobRecord], list[JobRecord]]:
    """A roster, the records it has told, and those of completed jobs."""
    told: list[JobRecord] = []
    completed: list[JobRecord] = []
    return Roster(Owner(), on_record=told.append, on_completed=completed.append), told, completed


async def test_jobs_are_found_by_id_and_by_key() -> None:
    """In the order in which they came; a forgotten one is gone, and its key free."""
    roster, _, _ = make_roster()
    first, second = roster.adopt(job_record(1)), roster.adopt(job_record(2))
    assert (roster["id-1"], roster.of_key("key-2"), list(roster)) == (first, second, [first, second])
    roster.forget(first)
    assert roster.get("id-1") is roster.of_key("key-1") is None
    newer = roster.adopt(job_record(3, key="key-2"))
    roster.forget(second)
    assert roster.of_key("key-2") is newer


async def test_a_new_record_is_told_once() -> None:
    """To the claims and to the job; an event without a new record changes neither."""
    roster, told, _ = make_roster()
    job = roster.adopt(job_record(1))
    after = moved(job.record, {"state": JobState.QUEUEING})
    roster.report(after, None)
    roster.report(after, JobPolled(job_id="id-1", key="key-1", model="m", at=0.0))
    assert told == [after]
    assert job.record is after


async def test_completion_is_told_once() -> None:
    """Later news of the same job, such as its clean-up, is no second completion."""
    roster, _, completed = make_roster()
    job = roster.adopt(job_record(1, state=JobState.DOWNLOADING))
    done = moved(job.record, {"state": JobState.COMPLETED})
    roster.report(done, None)
    roster.report(moved(done, {"size": 5}), None)
    assert completed == [done]


async def test_listening_begins_with_where_the_job_stands() -> None:
    """And ends where it comes to rest; of a job at rest that is all."""
    roster, _, _ = make_roster()
    job = roster.adopt(job_record(1))
    stream = roster.listen(job)
    roster.report(moved(job.record, {"state": JobState.CANCELLED}), None)
    for listening, state in ((stream, JobState.PENDING), (roster.listen(job), JobState.CANCELLED)):
        heard = [event async for event in listening]
        assert [event.state for event in heard if isinstance(event, JobStateChanged)] == [state]


async def test_a_job_that_gave_up_its_key_is_found_under_its_new_one() -> None:
    """Whichever of the two is told first: the key belongs to the job that has it now."""
    for first in (True, False):
        roster, _, _ = make_roster()
        old = roster.adopt(job_record(1, state=JobState.FAILED))
        renamed = job_record(1, state=JobState.FAILED, key="key-1~1", version=1)
        if first:
            roster.report(renamed, None)
            assert roster.of_key("key-1") is None
        new = roster.adopt(job_record(2, key="key-1"))
        roster.report(renamed, None)
        assert (roster.of_key("key-1"), roster.of_key("key-1~1")) == (new, old)
