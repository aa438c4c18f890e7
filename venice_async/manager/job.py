"""`Job`: what a caller holds of a job. The work itself goes on in the manager, whatever becomes of the caller."""

import asyncio
import copy
from collections.abc import Callable, Generator
from typing import Any, Protocol

from venice_async.errors import (
    Charge,
    InvalidRequestError,
    JobCancelledError,
    JobHeldError,
    ManagerClosedError,
    UnknownOutcomeError,
    VeniceError,
)
from venice_async.jobs import Delivery, JobRecord, JobState, VideoFile, error_from_text
from venice_async.manager.events import EventStream
from venice_async.manager.reasons import kept_apart
from venice_async.manager.streaming import JobStream
from venice_async.models import SeedanceConsent, VideoRequest
from venice_async.polling import Estimate
from venice_async.wire.stored import request_from_text

RESTING = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.UNKNOWN, JobState.HELD})
"""States in which nothing more happens by itself: awaiting ends there."""


class JobOwner(Protocol):
    """What a job asks of its manager."""

    def eta_of(self, job_id: str) -> Estimate | None: ...

    def events_of(self, job: "Job") -> EventStream: ...

    async def cancel(self, job: "Job") -> None: ...

    async def give_consent(self, job: "Job", consent: SeedanceConsent) -> None: ...

    def open_stream(self, job: "Job") -> JobStream: ...


class Job:
    """One video to be made. Await it for the `VideoFile`, or for the error that ended it.

    Awaiting may be cancelled, given a timeout, or done by many at once: the job goes on in the
    manager, and can be awaited again.
    """

    __slots__ = ("__weakref__", "_broken", "_closed", "_owner", "_rest", "_watchers", "record")

    def __init__(self, record: JobRecord, owner: JobOwner) -> None:
        self.record = record
        self._owner = owner
        self._rest: asyncio.Event | None = None
        self._watchers: list[Callable[[Job], None]] = []
        self._closed = False
        self._broken: VeniceError | None = None

    @property
    def id(self) -> str:
        """Our name for the job, made before anything was sent."""
        return self.record.id

    @property
    def key(self) -> str:
        """The caller's own name for the work; equals `id` where none was given."""
        return self.record.key

    @property
    def request(self) -> VideoRequest:
        """What was asked for, read from the record: also for a job of an earlier process. Local files are by name.

        What a refusal proposes is submitted as a new job, with a key of its own and a price of its own:
        `await jobs.submit(job.request.with_suggestion(job.error), key=...)`.
        """
        return request_from_text(self.record.request)

    @property
    def state(self) -> JobState:
        """Where the job stands with us."""
        return self.record.state

    @property
    def queue_id(self) -> str | None:
        """The server's name for the job, once it was taken."""
        return self.record.queue_id

    @property
    def eta(self) -> Estimate | None:
        """Seconds from now until the video is ready: p50 and p90; None while that cannot be told."""
        return self._owner.eta_of(self.id)

    @property
    def at_rest(self) -> bool:
        """Whether nothing more happens by itself: completed, failed, cancelled, unknown or held."""
        return self.state in RESTING

    @property
    def error(self) -> VeniceError | None:
        """What ended or stopped the job, or made the manager give it up; None where nothing did."""
        if self.at_rest or self._broken is None:
            return _error_of(self.record)
        error = copy.copy(self._broken)
        if error.charge is Charge.NONE:
            error.charge = Charge.UNVERIFIED if self.state is JobState.QUEUEING else self.record.charge
        return error

    def events(self) -> EventStream:
        """What happens to this job, beginning with its present state and ending when it comes to rest."""
        return self._owner.events_of(self)

    async def cancel(self) -> None:
        """Stop waiting for this video.

        **There is no refund and no cancel at the server**: what was queued has been charged and is
        made all the same. A paid call that is on its way is let to its end first, so that its queue_id
        is not lost. Cancelling a job at rest does nothing, except that one held or unknown becomes cancelled.

        Raises StaleRecordError where another process has its paid call on the way, and LedgerError where it
        cannot be recorded: the job then goes on.
        """
        await self._owner.cancel(self)

    async def give_consent(self, consent: SeedanceConsent) -> None:
        """Go on with a job that is HELD for consent: the same body is sent again, with these confirmations.

        **A person must have read the policy text** (`job.error.problem.policy_text`) and agree to each of
        them; no program can do that. The refusal that asked for it charged nothing; what is sent now is an
        ordinary paid call. Raises InvalidRequestError for any other job.
        """
        await self._owner.give_consent(self, consent)

    def open_stream(self) -> JobStream:
        """The video's bytes, as an async context manager: to pass on to a web response, or to store elsewhere.

        A job submitted with `delivery=Delivery.CALLER` waits at the server until this is opened: the bytes come
        as they arrive, one reader at a time, and with the same checks as a file. They never touch the disk, and
        nothing is deleted at the server unless `delete_remote` is called. Of any other job the finished file is read.

        Entering waits until the video is ready, and raises the job's error where there will be none;
        iterating raises IncompleteDownloadError or InvalidVideoError, and then the video can be opened again.
        """
        return self._owner.open_stream(self)

    def __await__(self) -> Generator[Any, None, VideoFile]:
        return self._result().__await__()

    async def _result(self) -> VideoFile:
        if self.record.delivery is Delivery.CALLER and not self.at_rest:
            sentence = "This job's bytes go to its caller: use open_stream() instead of awaiting it."
            raise InvalidRequestError(sentence, problems=(sentence,), charge=self.record.charge)
        while not self.at_rest and not self._closed:
            self._rest = self._rest or asyncio.Event()
            await self._rest.wait()
        if self.state is JobState.COMPLETED:
            return self.record.video()
        raise self.stopped_by()

    def stopped_by(self) -> VeniceError:
        """Why nothing more happens to a job that is not completed; each caller gets an error of his own."""
        if (error := self.error) is not None:
            return copy.copy(error)  # or the tracebacks of all who raise it would pile up on one
        message = "The JobManager was closed; the ledger keeps this job and the next start goes on."
        return ManagerClosedError(message, charge=self.record.charge)

    def unwatch(self, watcher: Callable[["Job"], None]) -> None:
        """Forget a watcher that has not been called."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def watch(self, watcher: Callable[["Job"], None]) -> None:
        """Have `watcher` called once when the job comes to rest; at once where it is at rest already."""
        if self.at_rest or self._closed:
            watcher(self)
        else:
            self._watchers.append(watcher)

    def update(self, record: JobRecord) -> None:
        """The manager's word about a new state of the job."""
        self.record = record
        if self.at_rest:
            self._wake()
        elif self._rest is not None:
            self._rest.clear()

    def close(self, error: VeniceError | None = None) -> None:
        """The manager goes no further, because it is closing or because of `error`: whoever still waits is told so."""
        self._closed = True
        self._broken = error or self._broken  # the first cause tells more than the closing
        self._wake()

    def reopen(self) -> None:
        """The manager goes on with the job after all: it can be awaited again."""
        self._closed = False
        self._broken = None
        if self._rest is not None and not self.at_rest:
            self._rest.clear()

    def _wake(self) -> None:
        if self._rest is not None:
            self._rest.set()
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher(self)

    def __repr__(self) -> str:
        return f"<Job {self.key!r} {self.state.value} {self.record.model}>"


class JobTable(Protocol):
    """The jobs by id, as the manager keeps them."""

    def __getitem__(self, job_id: str) -> Job: ...

    def get(self, job_id: str) -> Job | None: ...


def _error_of(record: JobRecord) -> VeniceError | None:
    cause = error_from_text(record.error) if record.error else None
    if record.state is JobState.CANCELLED:
        return JobCancelledError("The job was cancelled.", job_id=record.id, charge=record.charge)
    if record.state is JobState.HELD:
        said = cause.message if cause else "It was stopped."
        message = f"The job waits for a person ({record.held_for}): {said}"
        if cause and (apart := kept_apart(cause, record.charge)):
            message = f"{message}{'' if message[-1:] in '.!?' else '.'} {apart}"
        go_on = "" if record.held_for == "consent" else JobHeldError.advice
        advice = " ".join(part for part in (cause.advice if cause else "", go_on) if part)
        return JobHeldError(
            message, reason=record.held_for or "", job_id=record.id, charge=record.charge, advice=advice, problem=cause
        )
    if record.state is JobState.UNKNOWN:
        said = cause.message if cause else ""
        message = f"Nobody can tell whether the job was taken. {said}".strip()
        return UnknownOutcomeError(message, job_id=record.id, problem=cause)
    return cause if record.state is JobState.FAILED else None
