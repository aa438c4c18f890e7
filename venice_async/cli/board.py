"""What a live view shows, kept from the events alone: no terminal in here."""

import itertools
from collections import Counter, deque
from collections.abc import Callable

from attrs import define, field

from venice_async.cli.forecast import forecast, usual
from venice_async.clock import Clock
from venice_async.errors import RateLimitError, VeniceError
from venice_async.jobs import JobDelayed, JobEvent, JobPolled, JobProgress, JobState, JobStateChanged
from venice_async.manager.job import RESTING
from venice_async.polling import Estimate

_ALMOST = 0.99
"""An estimate that has run out does not say that the job is done."""


@define(kw_only=True)
class Line:
    """One job as it is shown. Instants are monotonic seconds of the client's clock."""

    job_id: str
    name: str
    model: str
    order: int = 0
    state: JobState = JobState.PENDING
    since: float
    started: float | None = None
    expected: float | None = None
    received: int = 0
    total: int | None = None
    trouble: VeniceError | None = None

    def fraction(self, now: float) -> float | None:
        """How much is done, from 0 to 1: bytes while they come in, else time against the model's usual time."""
        if self.state is JobState.DOWNLOADING:
            return self.received / self.total if self.total else None
        if self.state is not JobState.QUEUED or self.started is None or not self.expected:
            return None
        return max(0.0, min(_ALMOST, (now - self.started) / self.expected))


@define
class Board:
    """Every job that something happened to while the board was there.

    `name_of` gives the name to show for a job id.
    """

    clock: Clock
    name_of: Callable[[str], str]
    lines: dict[str, Line] = field(factory=dict)
    limited: int = 0
    """429 answers met."""
    before: Counter[str] = field(factory=Counter)
    """Jobs that were at rest before, and count all the same."""
    took: deque[float] = field(factory=lambda: deque(maxlen=200))
    """Seconds of the latest jobs from being queued to being here."""
    _counts: Counter[str] = field(factory=Counter, init=False)
    _running: dict[str, Line] = field(factory=dict, init=False)
    _waiting: dict[str, Line] = field(factory=dict, init=False)

    def take(self, event: JobEvent) -> Line:
        """Note what happened; gives the job's line."""
        now = self.clock.monotonic()
        line = self.lines.get(event.job_id)
        if line is None:
            name = self.name_of(event.job_id)
            line = Line(job_id=event.job_id, name=name, model=event.model, order=len(self.lines), since=now)
            self.lines[event.job_id] = line
            self._sort(line, 1)
        self._sort(line, -1)
        self._note(line, event, now)
        self._sort(line, 1)
        return line

    def _sort(self, line: Line, step: int) -> None:
        """Put a line where its state belongs, or (-1) take it out: a picture must not cost a look at every job."""
        self._counts[_GROUPS[line.state]] += step
        if line.state in RESTING:
            return
        place = self._waiting if line.state is JobState.PENDING else self._running
        if step > 0:
            place[line.job_id] = line
        else:
            del place[line.job_id]

    def _note(self, line: Line, event: JobEvent, now: float) -> None:
        match event:
            case JobStateChanged():
                line.state, line.trouble = event.state, event.error
                if event.state is JobState.QUEUED and line.started is None:
                    line.started = now
                if event.state is JobState.COMPLETED and line.started is not None:
                    self.took.append(now - line.started)
            case JobPolled():
                line.trouble = None
                line.expected = event.average_execution_time or line.expected
                if event.execution_duration is not None:
                    line.started = now - event.execution_duration
            case JobProgress():
                line.received, line.total = event.received, event.total
            case JobDelayed():
                line.trouble = event.error
                self.limited += isinstance(event.error, RateLimitError)

    def active(self, *, at_most: int) -> list[Line]:
        """The lines to show, in the order of submission; where there are too many, those nearest to their end."""
        running = sorted(self._running.values(), key=lambda line: (_NEARNESS[line.state], line.order))[:at_most]
        waiting = itertools.islice(self._waiting.values(), at_most - len(running))
        return sorted([*running, *waiting], key=lambda line: line.order)

    def counts(self) -> Counter[str]:
        """How many are done, running, waiting, failed, held, unknown and cancelled."""
        return self.before + self._counts

    def note_before(self, state: JobState) -> None:
        """A job that nothing will happen to: it came to rest earlier."""
        self.before[_GROUPS[state]] += 1

    def forecast(self, running: Estimate | None, *, queue_per_minute: float) -> Estimate | None:
        """Seconds until everything is done, what waits included; `running` is for the jobs that are queued."""
        waiting = len(self._waiting)
        announced = [line.expected for line in self._running.values() if line.expected]
        return forecast(running, usual(self.took, announced), waiting=waiting, queue_per_minute=queue_per_minute)


_NEARNESS = {JobState.DOWNLOADING: 0, JobState.QUEUED: 1, JobState.QUEUEING: 2}
_GROUPS = {
    JobState.PENDING: "waiting",
    JobState.QUEUEING: "running",
    JobState.QUEUED: "running",
    JobState.DOWNLOADING: "running",
    JobState.COMPLETED: "done",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
    JobState.UNKNOWN: "unknown",
    JobState.HELD: "held",
}
