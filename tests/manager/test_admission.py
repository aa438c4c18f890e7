"""The line of jobs that wait for their paid call."""

import math

from venice_async.manager.admission import MAX_PAID_IN_FLIGHT, Admission


def test_jobs_leave_in_the_order_they_came() -> None:
    """First come, first served."""
    line = Admission()
    for name in "abc":
        line.add(name)
    assert [line.pick(0.0) for _ in range(3)] == ["a", "b", "c"]


def test_few_paid_calls_are_in_flight_at_once() -> None:
    """A crash leaves no more outcomes unknown than that; each end lets the next one go."""
    line = Admission()
    for number in range(MAX_PAID_IN_FLIGHT + 1):
        line.add(str(number))
    for _ in range(MAX_PAID_IN_FLIGHT):
        assert line.wait(0.0) == 0.0
        assert line.pick(0.0) is not None
    assert line.wait(0.0) == math.inf
    assert line.pick(0.0) is None
    line.done()
    assert line.pick(0.0) == str(MAX_PAID_IN_FLIGHT)


def test_a_job_put_back_waits_and_then_goes_first() -> None:
    """Its call was certainly not processed, so it keeps its turn once its delay is over."""
    line = Admission()
    line.put_back("again", now=0.0, delay=5.0)
    assert line.wait(0.0) == 5.0
    line.add("new")
    assert line.pick(1.0) == "new"
    line.add("newer")
    assert line.pick(5.0) == "again"


def test_a_discarded_job_is_not_picked() -> None:
    """Neither from the line nor from those that wait for their delay."""
    line = Admission()
    line.add("a")
    line.add("b")
    line.put_back("c", now=0.0, delay=0.0)
    line.discard("a")
    line.discard("c")
    assert len(line) == 1
    assert line.pick(1.0) == "b"
    assert line.wait(1.0) == math.inf


def test_discarding_a_job_that_does_not_wait_changes_nothing() -> None:
    """A job whose paid call is in flight can be cancelled, and may come back into the line afterwards."""
    line = Admission()
    line.add("a")
    assert line.pick(0.0) == "a"
    line.discard("a")
    assert len(line) == 0
    line.put_back("a", now=0.0, delay=0.0)
    assert line.pick(0.0) == "a"


def test_clearing_gives_everything_that_waited() -> None:
    """Those with a delay first, none that was discarded, and nothing is left."""
    line = Admission()
    for name in "abc":
        line.add(name)
    line.put_back("d", now=0.0, delay=9.0)
    line.discard("b")
    assert line.clear() == ["d", "a", "c"]
    assert len(line) == 0
    assert line.pick(100.0) is None
