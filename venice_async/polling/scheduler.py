"""Which job to ask about next, and when: the scarce retrieve requests go where they end the most waiting.

A job last seen running at age s and now at age t has, by its model's law with cumulative hazard H
and rate r, the index ``(exp(dH) - 1 - dH) / r`` with ``dH = H(t) - H(s)``: the price of a request, in
seconds of waiting, at which asking right now is exactly worth it (the Whittle index of a job whose
rate is constant). A shadow price is tracked from what requests turn out to be worth; a job is due
when its index reaches the price, and every free permit goes to the due job of greatest index.
"""

import math
import random
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from venice_async.polling.durations import DurationLaw, Experience
from venice_async.polling.estimates import Estimate, last_of, one_of
from venice_async.polling.jobs import FIRST_PROBE_GAP, PolledJob, PolledModel
from venice_async.polling.queue import PollQueue

FIRST_LOOK: Final = 2.0
"""Seconds until the first job of an unknown model is asked: the answer brings the server's hint."""

SHORTEST_GAP: Final = 0.5
"""Seconds between two requests about one job."""

LONGEST_SILENCE: Final = 30.0
"""Seconds (or half the job's age if that is more) after which a job is asked again whatever the law says."""

LONGEST_PROBE_GAP: Final = 5.0
FIRST_BUSY_GAP: Final = 0.5
LONGEST_BUSY_GAP: Final = 30.0
LONGEST_RETRY_AFTER: Final = 120.0


class PollScheduler:
    """Decides which of many jobs is worth the next retrieve request. Pure: no I/O, and `now` is an argument.

    `now` is monotonic seconds of one clock throughout. Ask `pick` when a permit is free; the job it
    names is in flight until one of the `saw_*` methods, `put_back` or `discard` is told of it.
    Unknown job ids are ignored there: an answer may arrive after its job was discarded.
    """

    def __init__(self, *, retrieve_per_minute: float = 120.0, rng: random.Random | None = None) -> None:
        """`rng` spreads repeated requests after busy answers; give a seeded one to repeat a run exactly."""
        self._rng = rng if rng is not None else random.Random()
        self._jobs: dict[str, PolledJob] = {}
        self._models: dict[tuple[str, str], PolledModel] = {}
        self._experience = Experience()
        self._queue = PollQueue()
        self.set_rate(retrieve_per_minute)

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    def __repr__(self) -> str:
        in_flight = sum(job.in_flight for job in self._jobs.values())
        suspended = sum(model.suspended for model in self._models.values())
        return (
            f"<PollScheduler {len(self._jobs)} jobs, {in_flight} in flight, "
            f"{suspended}/{len(self._models)} models suspended, price {self._queue.price:.3g} s>"
        )

    def set_rate(self, per_minute: float) -> None:
        """Adopt a new budget of requests a minute.

        Raises ValueError unless it is positive and finite.
        """
        if not 0 < per_minute < math.inf:
            raise ValueError("per_minute must be positive and finite")
        self._queue.fall_interval = 60.0 / per_minute

    def add(self, job_id: str, model: str, *, now: float, age: float = 0.0, variant: str = "") -> None:
        """A job is queued at the server, `age` seconds ago (after a restart). Adding it again changes nothing.

        `variant` names whatever else changes how long a job of this model takes, such as duration
        and resolution.
        """
        if job_id in self._jobs:
            return
        kind = self._model(model, variant)
        queued = now - max(0.0, age)
        job = PolledJob(job_id=job_id, model=kind, queued=queued, began=queued, not_before=now + SHORTEST_GAP)
        if kind.law.hint is None and kind.scout is None:
            kind.scout = job
            job.ask_by = now + FIRST_LOOK
        self._jobs[job_id] = job
        self._queue.add(job, now)

    def pick(self, now: float) -> str | None:
        """The job to ask about with the permit at hand, or None where none is worth it now."""
        job = self._queue.take(now)
        if job is None:
            return None
        job.in_flight = True
        return job.job_id

    def next_due(self, now: float) -> float:
        """The instant from which `pick` may answer other than None: `now` or later, inf where no job waits."""
        return self._queue.next_due(now)

    def saw_processing(
        self, job_id: str, *, now: float, execution_duration: float | None, average_execution_time: float | None
    ) -> None:
        """The job is still being made; the server's figures are in seconds, and ignored where they make no sense."""
        job = self._jobs.get(job_id)
        if job is None:
            return
        self._answered(job, now)
        if _positive(average_execution_time):
            job.model.law.learn_hint(average_execution_time)
        if execution_duration is not None and 0 <= execution_duration < math.inf:
            # A job may wait at the server before it starts; but none runs for longer than it is queued.
            job.began = max(now - execution_duration, job.queued - SHORTEST_GAP)
        age = max(0.0, now - job.began)
        job.model.law.survived(job.seen, age)
        job.saw_running(age)
        job.not_before = now + SHORTEST_GAP
        job.ask_by = now + max(LONGEST_SILENCE, 0.5 * age)
        self._queue.plan(job, now)

    def saw_finished(self, job_id: str, *, now: float) -> None:
        """The video is there: the job leaves, and its model's law learns."""
        job = self._jobs.get(job_id)
        if job is None:
            return
        self._answered(job, now)
        job.model.law.completed(job.seen, max(0.0, now - job.began))
        self._leave(job, now)

    def saw_failed(self, job_id: str, *, now: float) -> None:
        """The job failed for good: it leaves.

        It teaches nothing more: that it ran until it was last seen is known already, and how long
        jobs take to *fail* says nothing of how long the others take to succeed.
        """
        job = self._jobs.get(job_id)
        if job is not None:
            self._answered(job, now)
            self._leave(job, now)

    def saw_busy(self, job_id: str, *, now: float, retry_after: float | None = None) -> None:
        """The server could not say (502, 503, 504, no connection): ask again later.

        After three such answers in a row for a model only one of its jobs at a time is asked, until
        a good answer wakes the others.
        """
        job = self._jobs.get(job_id)
        if job is None:
            return
        job.in_flight = False
        job.busy_in_a_row += 1
        job.model.busy_in_a_row += 1
        asked = min(retry_after, LONGEST_RETRY_AFTER) if _positive(retry_after) else 0.0
        if job.model.suspended:
            self._probe_later(job, now, asked)
            return
        gap = min(LONGEST_BUSY_GAP, FIRST_BUSY_GAP * 2.0 ** min(job.busy_in_a_row - 1, 16))
        self.put_back(job_id, now=now, delay=max(asked, gap * self._rng.uniform(0.75, 1.25)))

    def put_back(self, job_id: str, *, now: float, delay: float) -> None:
        """The request came to nothing (429, a broken transfer): ask again `delay` seconds from now, not before."""
        job = self._jobs.get(job_id)
        if job is not None:
            job.in_flight = False
            self._ask_at(job, now + max(0.0, delay))

    def discard(self, job_id: str) -> None:
        """Forget the job; an answer that still comes is ignored."""
        job = self._jobs.get(job_id)
        if job is not None:
            self._leave(job, job.due)

    def eta(self, job_id: str, *, now: float) -> Estimate | None:
        """When this job will be done, given that it still runs at its age; None for an unknown job."""
        job = self._jobs.get(job_id)
        return None if job is None else one_of(job.model.law.hazard, max(job.seen, now - job.began))

    def eta_all(self, *, now: float) -> Estimate | None:
        """When the last job will be done; None where there is none."""
        return last_of((job.model.law.hazard, max(job.seen, now - job.began)) for job in self._jobs.values())

    def export(self) -> dict[str, Any]:
        """What was learned about models, as plain JSON data."""
        laws = [
            {"model": model, "variant": variant, **kind.law.export()} for (model, variant), kind in self._models.items()
        ]
        return {"version": 1, "laws": laws}

    def load(self, learned: Mapping[str, Any]) -> None:
        """Take up what `export` gave in an earlier process; what is not such data is passed over."""
        laws = learned.get("laws") if learned.get("version") == 1 else None
        for entry in laws if isinstance(laws, list) else ():
            if not isinstance(entry, Mapping):
                continue
            model, variant = entry.get("model"), entry.get("variant")
            if isinstance(model, str) and isinstance(variant, str):
                self._model(model, variant).law.load(entry)

    def _model(self, model: str, variant: str) -> PolledModel:
        kind = self._models.get((model, variant))
        if kind is not None:
            return kind
        law = DurationLaw(self._experience)
        # The server's hint is the whole model's: what it said of one variant is a start for the others.
        for (sibling, _), other in self._models.items():
            if sibling == model and other.law.hint is not None:
                law.learn_hint(other.law.hint)
        kind = self._models[model, variant] = PolledModel(law=law)
        return kind

    def _ask_at(self, job: PolledJob, instant: float) -> None:
        job.not_before = job.ask_by = instant
        self._queue.enter(job, instant)

    def _answered(self, job: PolledJob, now: float) -> None:
        """The server answered for `job`, and so for its model."""
        model = job.model
        job.in_flight = False
        job.busy_in_a_row = 0
        if model.scout is job:
            model.scout = None
        suspended = model.suspended
        model.busy_in_a_row = 0
        if suspended:
            self._resume(model, now)

    def _resume(self, model: PolledModel, now: float) -> None:
        """The model answers again: all its jobs may be asked, and other suspended models deserve a look at once."""
        model.probe = None
        model.probe_gap = FIRST_PROBE_GAP
        while (job := model.unpark()) is not None:
            self._queue.enter(job, now)
        for other in self._models.values():
            if other.suspended and other.probe is not None and other.probe.ticket:
                self._ask_at(other.probe, now)

    def _probe_later(self, job: PolledJob, now: float, asked: float) -> None:
        """One probe per suspended model, and another job each time: the one that failed may be the only bad one."""
        model = job.model
        model.park(job)
        if model.probe is not None and model.probe is not job:
            return
        gap = max(asked, model.probe_gap * self._rng.uniform(0.85, 1.15))
        model.probe_gap = min(LONGEST_PROBE_GAP, 1.6 * model.probe_gap)
        self._choose_probe(model, now + gap)

    def _choose_probe(self, model: PolledModel, instant: float) -> None:
        model.probe = model.unpark()
        if model.probe is not None:
            self._ask_at(model.probe, instant)

    def _leave(self, job: PolledJob, now: float) -> None:
        del self._jobs[job.job_id]
        job.leave()
        if job.model.scout is job:
            job.model.scout = None
        if job.model.probe is job:
            self._choose_probe(job.model, now)


def _positive(seconds: float | None) -> TypeGuard[float]:
    return seconds is not None and 0 < seconds < math.inf
