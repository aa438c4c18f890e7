"""PollQueue: jobs in the order in which they deserve a request."""

import math

from venice_async.polling.durations import DurationLaw, Experience
from venice_async.polling.jobs import PolledJob, PolledModel
from venice_async.polling.queue import KNOWN_PRICE, PollQueue


def a_model(hint: float, experience: Experience) -> PolledModel:
    law = DurationLaw(experience)
    law.learn_hint(hint)
    return PolledModel(law=law)


def a_job(model: PolledModel, job_id: str, *, began: float = 0.0) -> PolledJob:
    return PolledJob(job_id=job_id, model=model, queued=began, began=began, not_before=began)


def test_an_empty_queue_is_never_due() -> None:
    """Nothing to ask about: no job, and no instant to wake up for."""
    queue = PollQueue()
    assert queue.take(0.0) is None
    assert queue.next_due(0.0) == math.inf


def test_nothing_is_taken_before_it_is_due_and_something_when_it_is() -> None:
    """`next_due` is the truth about `take`."""
    queue, model = PollQueue(), a_model(100.0, Experience())
    queue.add(a_job(model, "a"), 0.0)
    due = queue.next_due(0.0)
    assert due > 1.0
    assert queue.take(0.9 * due) is None
    taken = queue.take(due)
    assert taken is not None
    assert queue.next_due(due) == math.inf


def test_the_job_of_greatest_index_goes_first() -> None:
    """Of two due jobs the one whose asking saves more waiting is taken."""
    queue, experience = PollQueue(), Experience()
    long, short = a_job(a_model(2000.0, experience), "long"), a_job(a_model(20.0, experience), "short")
    queue.add(long, 0.0)
    queue.add(short, 0.0)
    queue.enter(long, 30.0)
    queue.enter(short, 30.0)
    assert queue.take(30.0) is short


def test_the_price_rises_with_demand_and_falls_when_permits_are_idle() -> None:
    """Many jobs that are worth a lot make requests dear; free permits make them cheap again."""
    queue, model = PollQueue(), a_model(50.0, Experience())
    for number in range(200):
        queue.add(a_job(model, f"job-{number}"), 0.0)
    for number in range(100):
        assert queue.take(60.0 + 0.5 * number) is not None
    dear = queue.price
    assert dear > 10 * KNOWN_PRICE
    for number in range(400):
        queue.take(120.0 + number)
    assert queue.price < dear


def test_gone_and_asked_jobs_are_not_taken_again() -> None:
    """A job that left while it was ready is passed over."""
    queue, model = PollQueue(), a_model(10.0, Experience())
    jobs = [a_job(model, name) for name in "ab"]
    for job in jobs:
        queue.add(job, 0.0)
    taken = queue.take(50.0)
    assert taken is not None
    taken.in_flight = True
    other = jobs[0] if taken is jobs[1] else jobs[1]
    other.leave()
    assert queue.take(60.0) is None
    assert queue.next_due(60.0) == math.inf


def test_dues_that_were_replaced_do_not_pile_up() -> None:
    """The heap stays in proportion to the jobs however often they are planned anew."""
    queue, model = PollQueue(), a_model(10.0, Experience())
    job = a_job(model, "a")
    queue.add(job, 0.0)
    for number in range(10_000):
        queue.enter(job, float(number))
    assert len(queue._heap) < 100
    assert queue.next_due(0.0) == 9_999.0
