"""What the poll scheduler keeps about each job, and about each model's jobs together."""

import math
from collections import deque
from typing import Final

from attrs import Factory, define

from venice_async.polling.durations import DurationLaw

SUSPEND_AFTER: Final = 3
"""Busy answers in a row after which a model is asked by one probe at a time."""

FIRST_PROBE_GAP: Final = 1.0


@define(eq=False)
class PolledModel:
    """What the jobs of one model (and variant) have in common."""

    law: DurationLaw
    scout: "PolledJob | None" = None
    """The first job of an unknown model: asked early, for the hint."""
    busy_in_a_row: int = 0
    probe_gap: float = FIRST_PROBE_GAP
    probe: "PolledJob | None" = None
    """The one job that is asked while the model is suspended."""
    parked: "deque[PolledJob]" = Factory(deque)
    """Jobs that wait for the probe's good answer; entries whose job is not `parked` any more are void."""

    @property
    def suspended(self) -> bool:
        """Whether the model answered nothing but "busy" lately."""
        return self.busy_in_a_row >= SUSPEND_AFTER

    def admits(self, job: "PolledJob") -> bool:
        """Whether `job` may be asked; while suspended the first that wants to be becomes the probe."""
        if not self.suspended:
            return True
        if self.probe is None:
            self.probe = job
        return self.probe is job

    def park(self, job: "PolledJob") -> None:
        """Let `job` wait until the model answers again."""
        job.parked = True
        job.ticket = 0
        self.parked.append(job)

    def unpark(self) -> "PolledJob | None":
        """The job parked longest, or None."""
        while self.parked:
            job = self.parked.popleft()
            if job.parked:
                job.parked = False
                return job
        return None


@define(eq=False)
class PolledJob:
    """One job at the server, from its queue answer until it is done or given up."""

    job_id: str
    model: PolledModel
    queued: float
    began: float
    """The instant of age zero."""
    not_before: float
    ask_by: float = math.inf
    """The instant from which it is asked whatever the law says."""
    seen: float = 0.0
    """Age at which it was last seen running."""
    busy_in_a_row: int = 0
    in_flight: bool = False
    parked: bool = False
    gone: bool = False
    due: float = math.inf
    ticket: int = 0
    """Number of its valid entry among the dues, 0 for none."""
    _seen_hazard: float = 0.0
    _law_version: int = -1

    def seen_hazard(self) -> float:
        """Cumulative hazard at the age last seen, computed once per state of the law."""
        law = self.model.law
        if self._law_version != law.version:
            self._law_version = law.version
            self._seen_hazard = law.hazard.until(self.seen)
        return self._seen_hazard

    def saw_running(self, age: float) -> None:
        """It was seen running at `age`; less than before where the server began it anew."""
        self.seen = age
        self._law_version = -1

    def leave(self) -> None:
        """It is done or given up: whatever still refers to it is void."""
        self.gone = True
        self.ticket = 0
        self.in_flight = self.parked = False
