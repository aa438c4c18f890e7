"""Moves a job's record in the ledger, and tells of it: the one way by which a job changes."""

from collections.abc import Callable
from typing import Any

from venice_async.clock import Clock
from venice_async.errors import VeniceError
from venice_async.jobs import JobEvent, JobRecord, JobStateChanged, error_text
from venice_async.ledger.protocol import Ledger

Report = Callable[[JobRecord, JobEvent | None], None]


class Recorder:
    """`report` is called with each new record, and the event where something happened."""

    def __init__(self, *, ledger: Ledger, clock: Clock, report: Report) -> None:
        self.ledger = ledger
        self.clock = clock
        self.report = report

    async def move(self, record: JobRecord, error: VeniceError | None = None, **changes: Any) -> JobRecord:
        """Change a record, durably. `error` is why; without one, a change of state forgets the last error.

        Raises LedgerError where that cannot be written, or the record is not current any more.
        """
        if error is not None:
            changes["error"] = error_text(error)
        elif "state" in changes:
            changes["error"] = None
        after = await self.ledger.move(record, **changes)
        event = None
        if after.state is not record.state:
            event = JobStateChanged(
                **self.about(after), state=after.state, previous=record.state, charge=after.charge, error=error
            )
        self.report(after, event)
        return after

    async def current(self, record: JobRecord) -> JobRecord:
        """The record as it is now: a step that broke may have moved it on the way."""
        return await self.ledger.get(record.id) or record

    def about(self, record: JobRecord) -> dict[str, Any]:
        """What every event of a job says."""
        return {"job_id": record.id, "key": record.key, "model": record.model, "at": self.clock.wall()}
