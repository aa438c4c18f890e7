"""Every job that a manager knows, and the one place where news of a job is told to all whom it concerns."""

from collections.abc import Callable, Iterator

from venice_async.errors import VeniceError
from venice_async.jobs import JobEvent, JobRecord, JobState, present_state
from venice_async.manager.events import EventHub, EventStream
from venice_async.manager.job import Job, JobOwner


class Roster:
    """Jobs by id and by key, in the order in which they were taken on.

    `on_record` is called with each new record and `on_completed` with that of a job whose video has just
    become safe on disk.
    """

    def __init__(
        self, owner: JobOwner, *, on_record: Callable[[JobRecord], None], on_completed: Callable[[JobRecord], None]
    ) -> None:
        self._owner = owner
        self._on_record = on_record
        self._on_completed = on_completed
        self._jobs: dict[str, Job] = {}
        self._by_key: dict[str, Job] = {}
        self.hub = EventHub()

    def __getitem__(self, job_id: str) -> Job:
        return self._jobs[job_id]

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        """The job of an id, or None."""
        return self._jobs.get(job_id)

    def of_key(self, key: str) -> Job | None:
        """The job of a caller's own name for the work, or None."""
        return self._by_key.get(key)

    def adopt(self, record: JobRecord) -> Job:
        """A job for a record."""
        job = Job(record, self._owner)
        self._jobs[record.id] = self._by_key[record.key] = job
        return job

    def forget(self, job: Job) -> None:
        """A job that came to nothing before it was recorded."""
        self._jobs.pop(job.id, None)
        if self._by_key.get(job.key) is job:
            del self._by_key[job.key]

    def report(self, record: JobRecord, event: JobEvent | None) -> None:
        """The latest record of a job, and what happened to it."""
        job = self._jobs.get(record.id)
        if job is None:  # one of another process on this ledger
            job = self.adopt(record)
            self._on_record(record)
        if record.version < job.record.version:
            return  # somebody knows better by now
        moved = job.state is not record.state
        if job.record is not record:
            self._on_record(record)
            self._rename(job, record.key)
            job.update(record)
        if event is not None:
            self.hub.emit(event)
        if moved and record.state is JobState.COMPLETED:
            self._on_completed(record)
        if job.at_rest:
            self.hub.end_job(job.id)

    def _rename(self, job: Job, key: str) -> None:
        """A retried job has given up its key, perhaps to one that is known here already."""
        if job.key != key:
            if self._by_key.get(job.key) is job:
                del self._by_key[job.key]
            self._by_key[key] = job

    def close(self, error: VeniceError | None = None) -> None:
        """The manager goes no further: whoever awaits a job is told so, with `error` where that is why."""
        for job in self:
            job.close(error)

    def reopen(self) -> None:
        """The manager goes on after all: jobs can be awaited again."""
        for job in self:
            job.reopen()

    def listen(self, job: Job) -> EventStream:
        """The events of one job, beginning with where it stands."""
        stream = self.hub.listen(job.id)
        stream.put(present_state(job.record, error=job.error))
        if job.at_rest:
            self.hub.end_job(job.id)
        return stream
