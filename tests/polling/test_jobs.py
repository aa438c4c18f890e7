"""The records of the poll scheduler."""

from venice_async.polling.durations import DurationLaw, Experience
from venice_async.polling.jobs import PolledJob, PolledModel


def a_job(model: PolledModel, job_id: str = "a") -> PolledJob:
    return PolledJob(job_id=job_id, model=model, queued=0.0, began=0.0, not_before=0.0)


def test_a_suspended_model_admits_its_probe_only() -> None:
    """After three busy answers the first job that wants to be asked is the probe, the others wait."""
    model = PolledModel(law=DurationLaw(Experience()))
    first, second = a_job(model, "a"), a_job(model, "b")
    assert model.admits(first)
    assert model.admits(second)
    model.busy_in_a_row = 3
    assert model.admits(second)
    assert not model.admits(first)


def test_parked_jobs_come_back_in_order_and_without_the_gone() -> None:
    """Jobs that left meanwhile are passed over."""
    model = PolledModel(law=DurationLaw(Experience()))
    jobs = [a_job(model, name) for name in "abc"]
    for job in jobs:
        model.park(job)
    jobs[1].leave()
    assert [model.unpark(), model.unpark(), model.unpark()] == [jobs[0], jobs[2], None]
    assert not jobs[0].parked


def test_the_seen_hazard_follows_job_and_law() -> None:
    """The cached figure is computed anew when the job is seen again or the law changes."""
    model = PolledModel(law=DurationLaw(Experience()))
    model.law.learn_hint(10.0)
    job = a_job(model)
    assert job.seen_hazard() == 0.0
    job.saw_running(12.0)
    before = job.seen_hazard()
    assert before == model.law.hazard.until(12.0)
    model.law.learn_hint(100.0)
    assert job.seen_hazard() < before
