"""What a live view shows, kept from the events alone: no terminal in here."""

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

    def take(self, event: JobEvent) -> Line:
        """Note what happened; gives the job's line."""
        now = self.clock.monotonic()
        line = self.lines.get(event.job_id)
        if line is None:
            name = self.name_of(event.job_id)
            line = Line(job_id=event.job_id, name=name, model=event.model, since=now)
            self.lines[event.job_id] = line
        self._note(line, event, now)
        return line

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
        going = [line for line in self.lines.values() if line.state not in RESTING]
        if len(going) <= at_most:
            return going
        chosen = {line.job_id for line in sorted(going, key=lambda line: _NEARNESS[line.state])[:at_most]}
        return [line for line in going if line.job_id in chosen]

    def counts(self) -> Counter[str]:
        """How many are done, running, waiting, failed, held, unknown and cancelled."""
        return self.before + Counter(_GROUPS[line.state] for line in self.lines.values())

    def note_before(self, state: JobState) -> None:
        """A job that nothing will happen to: it came to rest earlier."""
        self.before[_GROUPS[state]] += 1

    def forecast(self, running: Estimate | None, *, queue_per_minute: float) -> Estimate | None:
        """Seconds until everything is done, what waits included; `running` is for the jobs that are queued."""
        waiting = sum(line.state is JobState.PENDING for line in self.lines.values())
        announced = [line.expected for line in self.lines.values() if line.expected] if waiting else []
        return forecast(running, usual(self.took, announced), waiting=waiting, queue_per_minute=queue_per_minute)


_NEARNESS = {JobState.DOWNLOADING: 0, JobState.QUEUED: 1, JobState.QUEUEING: 2, JobState.PENDING: 3}
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
