"""The `Ledger` seam, and the rules that every implementation shares."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import attrs

from venice_async.errors import LedgerError
from venice_async.jobs import MOVES, JobRecord, JobState


class Ledger(Protocol):
    """The record of every job. One of the package's three seams.

    When `add` or `move` has returned, the record survives the death of the process: that is what
    "intent before money" stands on. `move` is guarded: it changes a record only while it is still
    exactly as the caller last saw it.
    """

    async def open(self) -> None:
        """Make ready. Raises LedgerError where the ledger cannot be used."""
        ...

    async def add(self, record: JobRecord) -> JobRecord:
        """Keep a new record; where its key is known already, keep nothing and give the known record."""
        ...

    async def move(self, record: JobRecord, **changes: Any) -> JobRecord:
        """Change a record and give the new one.

        Raises LedgerError for an illegal move, or a record that is not current.
        """
        ...

    async def get(self, job_id: str) -> JobRecord | None: ...

    async def records(self, states: Collection[JobState] | None = None) -> list[JobRecord]:
        """All records in these states (None: in any), oldest first."""
        ...

    async def learned(self) -> Mapping[str, Any]:
        """What the poll scheduler knew when it was last saved; empty at first."""
        ...

    async def save_learned(self, learned: Mapping[str, Any]) -> None: ...

    async def aclose(self) -> None: ...


def moved(record: JobRecord, changes: Mapping[str, Any]) -> JobRecord:
    """The record after the changes. Raises LedgerError where its state may not move so."""
    after = attrs.evolve(record, **changes, version=record.version + 1)
    if after.state is not record.state and after.state not in MOVES[record.state]:
        raise LedgerError(f"A job cannot move from {record.state.value} to {after.state.value}.")
    return after


def stale(record: JobRecord) -> LedgerError:
    """The error of a move whose record is no longer what the ledger holds."""
    return LedgerError(f"Job {record.id} was changed by somebody else in the meantime.", charge=record.charge)
