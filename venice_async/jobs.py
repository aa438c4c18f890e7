"""A job as we keep it: its state and the legal moves, its record, and what happens to it as events."""

import enum
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from attrs import asdict, field, frozen

from venice_async.errors import Charge, LedgerError, VeniceError, stored


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

ACTIVE = frozenset({JobState.PENDING, JobState.QUEUEING, JobState.QUEUED, JobState.DOWNLOADING})
"""The states in which a process works on a job; in the others it rests or is done."""


class Cleanup(enum.Enum):
    """Whether what lies at the server was deleted. Never a reason for a job to fail."""

    NONE = "none"
    """Nothing to delete: no file yet, or one that came without a sign of its end, so that a cut would not show."""
    PENDING = "pending"
    """To be deleted once the file is safe here; where that does not succeed it is tried again at the next start."""
    DONE = "done"
    """Deleted, or gone already."""


class Delivery(enum.Enum):
    """Where a job's video goes."""

    DISK = "disk"
    """To a file in the manager's folder."""
    CALLER = "caller"
    """To whoever opens the job's stream; until then it waits at the server, for 24 hours."""


@frozen(kw_only=True)
class JobRecord:
    """All that is known of a job; what the ledger keeps. A job can be continued from this alone.

    Instants are Unix seconds. `output` is the destination's path. `request` is the stored form of
    the request: it names local files and does not hold their bytes. `variant` is what changes the
    execution time within a model, and `version` counts the moves. `owner` is the fencing token of the process
    that works on the job (0: nobody), and `part` the path of the file that its bytes go to. `decision` is what a
    person decided about an unknown outcome, and when. `doubtful_usd` is the price in US dollars of earlier
    attempts that were sent again knowingly: it may have been charged on top of `price_usd`.
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
    owner: int = 0
    part: str | None = None
    decision: str | None = None
    doubtful_usd: Decimal | None = None
    delivery: Delivery = Delivery.DISK
    link_requests: int = 0
    warning: str | None = None

    @property
    def adopted(self) -> bool:
        """Whether its queue_id is a person's word and not the server's: the latest decision says so."""
        return (self.decision or "").rpartition("; ")[2].startswith("adopt ")

    @property
    def request_hash(self) -> str:
        """Tells requests apart without showing them: 16 hex digits of the stored request's SHA-256."""
        import hashlib

        return hashlib.sha256(self.request.encode("utf-8", "surrogatepass")).hexdigest()[:16]

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
            warning=self.warning,
        )


@frozen(kw_only=True)
class PaidAnswer:
    """What the server said when it took a job: it is paid for from here on, and says this only once.

    `queued_at` is Unix time in seconds.
    """

    job_id: str
    attempt: int
    model: str
    queue_id: str
    download_url: str | None = field(repr=False)
    queued_at: float

    def to_text(self) -> str:
        """As one line of JSON. It holds the private link."""
        import json

        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str | bytes) -> "PaidAnswer":
        """The answer that `to_text` wrote. Raises LedgerError for anything else."""
        import json

        try:
            tree = json.loads(text)
        except (ValueError, RecursionError):
            tree = None
        if not isinstance(tree, dict) or tree.keys() != _ANSWER_TYPES.keys():
            raise LedgerError("What was kept of a paid answer cannot be read.")
        if not all(isinstance(tree[name], kinds) for name, kinds in _ANSWER_TYPES.items()):
            raise LedgerError("What was kept of a paid answer cannot be read.")
        return cls(**tree)


_ANSWER_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "job_id": str,
    "attempt": int,
    "model": str,
    "queue_id": str,
    "download_url": (str, type(None)),
    "queued_at": (int, float),
}


@frozen(kw_only=True)
class VideoFile:
    """A finished video on disk.

    `size` is in bytes, `sha256` in hex, `cost_usd` the quoted price (None where no quote could be had).
    `warning` says, where it does, why the file is suspected to stand in for a video that was silently refused.
    """

    path: Path
    size: int
    sha256: str
    cost_usd: Decimal | None
    model: str
    job_id: str
    key: str
    queue_id: str
    warning: str | None = None


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


@frozen(kw_only=True)
class JobWarning(JobEvent):
    """The video is whole and kept, but looks like a stand-in for one that was silently refused: look at it."""

    warning: str


@frozen(kw_only=True)
class WalletToppedUp(JobEvent):
    """The wallet was topped up by itself, because this job's request was refused for its balance. US dollars.

    `balance_usd` is the credit afterwards, None where it was not said. `resumed` says that this finished an earlier
    payment.
    """

    usd: Decimal
    balance_usd: Decimal | None = None
    resumed: bool = False


error_text = stored.error_text
error_from_text = stored.error_from_text
"""How a record keeps the error that ended or stopped the job, with every fact, and how it is read."""


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
