"""A job as we keep it: its state and the legal moves, its record, and what happens to it as events."""

import enum
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import field, frozen

from venice_async import errors
from venice_async.errors import Charge, VeniceError


class JobState(enum.Enum):
    """Where a job stands with us. The server's own word is called its status."""

    PENDING = "pending"
    """Recorded, nothing sent yet."""
    QUEUEING = "queueing"
    """The paid call may be on its way: found in a ledger at start, its outcome is UNKNOWN."""
    QUEUED = "queued"
    """The server has taken the job, charged it and named its queue_id."""
    DOWNLOADING = "downloading"
    """The video is ready and its bytes are coming in."""
    COMPLETED = "completed"
    """The video is whole and durable at its destination."""
    FAILED = "failed"
    """It will not come to anything; `charge` says what became of the money."""
    CANCELLED = "cancelled"
    """cancel() was called; the server has no cancel and gives no refund."""
    UNKNOWN = "unknown"
    """Sent, and nobody can tell whether it was taken: never sent again by itself, its price stays reserved."""
    HELD = "held"
    """Waits for a person: consent, balance, key, or a missing link."""

    @property
    def terminal(self) -> bool:
        """Whether nothing can follow."""
        return not MOVES[self]


MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.PENDING: frozenset({JobState.QUEUEING, JobState.FAILED, JobState.HELD, JobState.CANCELLED}),
    JobState.QUEUEING: frozenset(
        {JobState.QUEUED, JobState.PENDING, JobState.FAILED, JobState.HELD, JobState.UNKNOWN, JobState.CANCELLED}
    ),
    JobState.QUEUED: frozenset({JobState.DOWNLOADING, JobState.FAILED, JobState.HELD, JobState.CANCELLED}),
    JobState.DOWNLOADING: frozenset(
        {JobState.COMPLETED, JobState.QUEUED, JobState.FAILED, JobState.HELD, JobState.CANCELLED}
    ),
    JobState.UNKNOWN: frozenset({JobState.QUEUED, JobState.PENDING, JobState.FAILED, JobState.CANCELLED}),
    JobState.HELD: frozenset({JobState.PENDING, JobState.QUEUED, JobState.FAILED, JobState.CANCELLED}),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""Every legal move; a state without any is terminal."""


class Cleanup(enum.Enum):
    """Whether what lies at the server was deleted. Never a reason for a job to fail."""

    NONE = "none"
    """Nothing to delete: no file yet, or one that came without a sign of its end, so that a cut would not show."""
    PENDING = "pending"
    """To be deleted once the file is safe here; where that does not succeed it is tried again at the next start."""
    DONE = "done"
    """Deleted, or gone already."""


@frozen(kw_only=True)
class JobRecord:
    """All that is known of a job; what the ledger keeps. A job can be continued from this alone.

    Instants are Unix seconds. `output` is the destination's path. `request` is the stored form of
    the request: it names local files and does not hold their bytes. `variant` is what changes the
    execution time within a model, and `version` counts the moves.
    """

    id: str
    key: str
    model: str
    request: str = field(repr=False)
    output: str
    variant: str = ""
    state: JobState = JobState.PENDING
    version: int = 0
    attempt: int = 0
    created_at: float = 0.0
    queueing_at: float | None = None
    queued_at: float | None = None
    finished_at: float | None = None
    queue_id: str | None = None
    download_url: str | None = field(default=None, repr=False)
    price_usd: Decimal | None = None
    charge: Charge = Charge.NONE
    size: int | None = None
    sha256: str | None = None
    proof: str | None = None
    held_for: str | None = None
    error: str | None = field(default=None, repr=False)
    cleanup: Cleanup = Cleanup.NONE

    def video(self) -> "VideoFile":
        """The finished video. Only for COMPLETED records."""
        return VideoFile(
            path=Path(self.output),
            size=self.size or 0,
            sha256=self.sha256 or "",
            cost_usd=self.price_usd,
            model=self.model,
            job_id=self.id,
            key=self.key,
            queue_id=self.queue_id or "",
        )


@frozen(kw_only=True)
class VideoFile:
    """A finished video on disk.

    `size` is in bytes, `sha256` in hex, `cost_usd` the quoted price (None where no quote could be had).
    """

    path: Path
    size: int
    sha256: str
    cost_usd: Decimal | None
    model: str
    job_id: str
    key: str
    queue_id: str


@frozen(kw_only=True)
class JobEvent:
    """Something happened to a job. `at` is Unix time in seconds."""

    job_id: str
    key: str
    model: str
    at: float


@frozen(kw_only=True)
class JobStateChanged(JobEvent):
    """The job moved; what it moved to is already in the ledger. `error` explains FAILED, HELD and UNKNOWN."""

    state: JobState
    previous: JobState | None = None
    charge: Charge = Charge.NONE
    error: VeniceError | None = None


@frozen(kw_only=True)
class JobPolled(JobEvent):
    """The server said that the video is not ready. Seconds, None where it did not say."""

    average_execution_time: float | None = None
    execution_duration: float | None = None


@frozen(kw_only=True)
class JobProgress(JobEvent):
    """Bytes of the video that have come in. May go back: a cut transfer starts again."""

    received: int
    total: int | None = None


@frozen(kw_only=True)
class JobDelayed(JobEvent):
    """Something passing went wrong; the same step is tried again in `delay` seconds."""

    error: VeniceError
    delay: float


def present_state(record: JobRecord, *, error: VeniceError | None = None) -> JobStateChanged:
    """The event that tells a new listener where a job stands."""
    return JobStateChanged(
        job_id=record.id,
        key=record.key,
        model=record.model,
        at=record.created_at,
        state=record.state,
        charge=record.charge,
        error=error,
    )


def error_text(error: VeniceError) -> str:
    """An error as JSON, for the ledger."""
    import json

    facts = {name: value for name, value in vars(error).items() if not name.startswith("__")}
    tree = {"type": type(error).__name__, "message": error.message, "facts": facts}
    return json.dumps(tree, default=_plain, ensure_ascii=True)


def error_from_text(text: str) -> VeniceError:
    """The error that `error_text` wrote; a plain VeniceError where this version does not know its type."""
    import json

    tree = json.loads(text)
    kind = getattr(errors, str(tree.get("type")), VeniceError)
    if not (isinstance(kind, type) and issubclass(kind, VeniceError)):
        kind = VeniceError
    facts = {name: _restored(name, value) for name, value in tree["facts"].items() if hasattr(kind, name)}
    return kind(tree["message"], **facts)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else str(value)


def _restored(name: str, value: Any) -> Any:
    if name == "charge":
        return Charge(value)
    if name.endswith("_usd") and value is not None:
        return Decimal(value)
    return tuple(value) if isinstance(value, list) else value
