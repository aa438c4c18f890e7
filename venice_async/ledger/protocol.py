"""The `Ledger` seam, and the rules that every implementation shares."""

import itertools
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Protocol

import attrs
from attrs import frozen

from venice_async.errors import Charge, DuplicateQueueIdError, LedgerError, StaleRecordError
from venice_async.jobs import ACTIVE, MOVES, Cleanup, JobRecord, JobState, PaidAnswer


@frozen(kw_only=True)
class News:
    """What a look at the ledger found.

    `changed` are the records that another process wrote since the last look (since `join` at the first),
    and those that this look has claimed: their `owner` is the ledger's own. `owners` is how many living
    owners have active jobs, this one included and at least 1: they share one account's limits.
    """

    changed: tuple[JobRecord, ...]
    owners: int


class Ledger(Protocol):
    """The record of every job. One of the package's three seams.

    When `add` or `move` has returned, the record survives the death of the process: that is what
    "intent before money" stands on. `move` is guarded: it changes a record only while it is still
    exactly as the caller last saw it, and an active job only for the process that owns it.

    `cap_usd` is in US dollars: a change that would raise what all jobs of the ledger hold (spent and
    reserved, by all processes) above it is refused with BudgetExceededError in the same transaction.
    """

    @property
    def owner(self) -> int:
        """The fencing token of this process; 0 until `join`."""
        ...

    @property
    def lease_valid(self) -> bool:
        """Whether nobody else can have claimed this owner's jobs: False before `join`, and while this process
        was stopped for so long that others may have taken it for dead (until the next `look`).
        """
        ...

    async def open(self) -> None:
        """Make ready. Raises LedgerError where the ledger cannot be used."""
        ...

    async def join(self) -> None:
        """Become an owner of jobs, whose death others notice. For who works on jobs; who only reads needs it not."""
        ...

    async def add(self, record: JobRecord, *, cap_usd: Decimal | None = None) -> JobRecord:
        """Keep a new record as this owner's; where its key is known already, keep nothing and give the known record.

        Raises LedgerError, DuplicateQueueIdError or BudgetExceededError, and keeps nothing then.
        """
        ...

    async def move(self, record: JobRecord, *, cap_usd: Decimal | None = None, **changes: Any) -> JobRecord:
        """Change a record and give the new one.

        Raises LedgerError for an illegal move, StaleRecordError for a record that is not current or a job that
        somebody else works on, DuplicateQueueIdError, or BudgetExceededError; nothing is changed then.
        """
        ...

    async def replace(
        self, old: JobRecord, new: JobRecord, *, cap_usd: Decimal | None = None
    ) -> tuple[JobRecord, JobRecord]:
        """Give the key of a FAILED or CANCELLED job to a new record, at one stroke; the old one is named `key~N` then.

        Gives both as they are kept now. Raises StaleRecordError where the old record is not current, LedgerError for
        one in any other state and for a new record that is none, and BudgetExceededError; nothing is changed then.
        """
        ...

    async def get(self, job_id: str) -> JobRecord | None: ...

    async def by_key(self, key: str) -> JobRecord | None:
        """The record with the user's own name for the work."""
        ...

    async def records(self, states: Collection[JobState] | None = None) -> list[JobRecord]:
        """All records in these states (None: in any), oldest first."""
        ...

    async def look(self) -> News:
        """Renew the lease, claim the jobs that no living owner has, and tell what others have changed."""
        ...

    def keep(self, answer: PaidAnswer) -> None:
        """Keep a paid answer that could not be recorded, durably and outside of the ledger's own file.

        Blocks for the length of a disk write. Raises LedgerError, whose advice holds the queue_id, where even
        that does not work.
        """
        ...

    async def kept(self) -> list[PaidAnswer]:
        """The answers that are kept: this owner's own, and those of owners that are dead."""
        ...

    async def drop_kept(self, answers: Collection[PaidAnswer]) -> None:
        """These are in the ledger now: wipe what was kept of them."""
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
    if after.attempt != record.attempt and record.state is not JobState.PENDING:
        raise LedgerError(f"No paid call may begin for a job that is {record.state.value}.")
    return after


def moved_by(owner: int, current: JobRecord | None, seen: JobRecord, changes: Mapping[str, Any]) -> JobRecord:
    """The record after the changes that `owner` wants to make to what it has `seen`; `current` is what the ledger has.

    An active job is its owner's alone, but anybody may cancel it unless a paid call is on its way. Whoever wakes a
    resting job owns it. Raises StaleRecordError, and LedgerError for an illegal move.
    """
    if current is None or current.version != seen.version:
        raise stale(seen)
    after = moved(current, changes)
    if current.state in ACTIVE:
        cancels = after.state is JobState.CANCELLED and current.state is not JobState.QUEUEING
        if owner != current.owner and not cancels:
            raise not_ours(current)
        return attrs.evolve(after, owner=current.owner)
    return attrs.evolve(after, owner=owner if after.state in ACTIVE else current.owner)


REPLACEABLE = frozenset({JobState.FAILED, JobState.CANCELLED})
"""The states in which a job's key can be given to a new one: it came to nothing, and nothing follows."""


def renamed(current: JobRecord | None, old: JobRecord, new: JobRecord, *, taken: Callable[[str], bool]) -> JobRecord:
    """The record that gives up its key to `new`; `current` is what the ledger has. Raises as `Ledger.replace` does."""
    if current is None or current.version != old.version:
        raise stale(old)
    if current.state not in REPLACEABLE:
        raise LedgerError(f"Job {current.key!r} is {current.state.value}: its key cannot be given to another.")
    if new.key != current.key or new.id == current.id or new.state is not JobState.PENDING:
        raise LedgerError("Only a new job for the same key can take its place.")
    names = (f"{current.key}~{number}" for number in itertools.count(1))
    return attrs.evolve(current, key=next(name for name in names if not taken(name)), version=current.version + 1)


def is_claimable(record: JobRecord) -> bool:
    """Whether somebody has to work on this: a new owner is found for it where its own is gone."""
    cleans = record.state is JobState.COMPLETED and record.cleanup is Cleanup.PENDING
    return cleans or record.state in ACTIVE


def check_queue_id(before: JobRecord | None, after: JobRecord, *, taken: Callable[[str], bool]) -> None:
    """Raises DuplicateQueueIdError where a change names a queue_id that another job has."""
    queue_id = after.queue_id
    if queue_id is None or (before is not None and before.queue_id == queue_id):
        return
    if taken(queue_id):
        raise DuplicateQueueIdError(
            f"Another job has the queue_id {queue_id!r} already.", queue_id=queue_id, charge=after.charge
        )


def stale(record: JobRecord) -> StaleRecordError:
    """The error of a move whose record is no longer what the ledger holds."""
    return StaleRecordError(f"Job {record.id} was changed by somebody else in the meantime.", charge=record.charge)


def not_ours(record: JobRecord) -> StaleRecordError:
    """The error of a move of an active job that another process owns."""
    return StaleRecordError(f"Job {record.id} is worked on by somebody else.", charge=record.charge)


def not_kept(answer: PaidAnswer, reason: str) -> LedgerError:
    """The error of a paid answer that could not even be kept."""
    advice = f"The server took the job under the queue_id {answer.queue_id!r}: keep it, no file does."
    return LedgerError(f"A paid answer could not be kept: {reason}.", charge=Charge.CHARGED, advice=advice)
