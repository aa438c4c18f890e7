"""The embedded default: one SQLite file, owner-only, every change durable before it is acted on."""

import json
import os
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from venice_async.errors import LedgerError
from venice_async.jobs import JobRecord, JobState, PaidAnswer
from venice_async.ledger.groups import Change, Groups
from venice_async.ledger.protocol import News, not_kept

if TYPE_CHECKING:
    from venice_async.ledger.store import Store

_T = TypeVar("_T")


class SqliteLedger:
    """`Ledger` in a SQLite file, for any number of processes on one machine. Not for network file systems.

    Rollback journal with EXTRA synchronisation: a commit is the journal's disappearance, and FULL
    would leave that to the folder's next sync, so that a power failure could undo an intent.
    secure_delete: a private link that is erased is overwritten, and not only forgotten.

    One thread owns the connection and every transaction: whatever waits goes into one transaction
    together, and each caller continues when that one is durable. So a thousand intents cost a few
    disk writes, and no caller's mistake drops another's change.

    `wall` and `monotonic` give the real seconds by which the lease is measured.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = Path(path)
        self._wall = wall
        self._monotonic = monotonic
        self._groups: Groups | None = None
        self._store: Store | None = None
        self._closing = False

    @property
    def owner(self) -> int:
        """The fencing token of this process; 0 until `join`."""
        return 0 if self._store is None else self._store.leases.owner

    @property
    def lease_valid(self) -> bool:
        """Whether nobody else can have claimed this owner's jobs."""
        return self._store is not None and self._store.leases.valid

    async def open(self) -> None:
        """Open the file, or make it. Raises LedgerError where it cannot be used; a foreign file is left as it was."""
        if self._groups is not None:
            raise LedgerError(f"The ledger {self.path} is open already.")
        self._groups = groups = Groups()
        self._closing = False
        try:
            await groups.alone(self._open, groups)
        except BaseException:
            if self._store is not None:  # the caller was cancelled, and the thread was not
                await groups.alone(self._store.close)
            groups.close()
            self._groups = self._store = None
            raise

    def _open(self, groups: Groups) -> None:
        from venice_async.ledger.store import opened  # SQLite is loaded by whoever needs it

        self._store = opened(self.path, wall=self._wall, monotonic=self._monotonic)
        groups.write_group = self._store.write_group

    async def join(self) -> None:
        """Become an owner: with a token that nobody ever had, and a file that shows others that we live."""
        await self._alone(lambda store: store.join())

    async def add(self, record: JobRecord, *, cap_usd: Decimal | None = None) -> JobRecord:
        return await self._call(lambda store: store.add(record, cap_usd), writes=True)

    async def move(self, record: JobRecord, *, cap_usd: Decimal | None = None, **changes: Any) -> JobRecord:
        return await self._call(lambda store: store.move(record, cap_usd, changes), writes=True)

    async def replace(
        self, old: JobRecord, new: JobRecord, *, cap_usd: Decimal | None = None
    ) -> tuple[JobRecord, JobRecord]:
        return await self._call(lambda store: store.replace(old, new, cap_usd), writes=True)

    async def get(self, job_id: str) -> JobRecord | None:
        return await self._call(lambda store: store.get(job_id))

    async def by_key(self, key: str) -> JobRecord | None:
        return await self._call(lambda store: store.by_key(key))

    async def records(self, states: Collection[JobState] | None = None) -> list[JobRecord]:
        wanted = tuple(JobState if states is None else states)
        return await self._call(lambda store: store.records(wanted))

    async def look(self) -> News:
        """Renew the lease, claim the jobs that no living owner has, and tell what others have changed."""
        return await self._alone(lambda store: store.look())

    def keep(self, answer: PaidAnswer) -> None:
        """Write an answer to the owner file. Blocks for the length of a disk write, wherever it is called."""
        file = None if self._store is None else self._store.leases.file
        if file is None:
            raise not_kept(answer, "nobody has joined the ledger")
        if self._groups is None or self._groups.is_forked:
            raise not_kept(answer, "the ledger was opened before this process was forked")
        try:
            file.keep(answer)
            return
        except OSError as error:
            reason = error.strerror or type(error).__name__
        raise not_kept(answer, reason)

    async def kept(self) -> list[PaidAnswer]:
        return await self._alone(lambda store: store.kept())

    async def drop_kept(self, answers: Collection[PaidAnswer]) -> None:
        wiped = tuple(answers)
        await self._alone(lambda store: store.drop_kept(wiped))

    async def learned(self) -> Mapping[str, Any]:
        return await self._call(lambda store: store.learned())

    async def save_learned(self, learned: Mapping[str, Any]) -> None:
        data = json.dumps(learned)
        await self._call(lambda store: store.save_learned(data), writes=True)

    async def aclose(self) -> None:
        """Write what still waits, give up the ownership, and close the file."""
        if (groups := self._groups) is None:
            return
        self._closing = True
        await groups.drain()
        store, self._store = self._store, None
        if store is None:
            return  # it is being opened, or somebody else closed it meanwhile
        try:
            await groups.alone(store.close)
        finally:
            groups.close()
            self._groups = None

    async def _call(self, call: Callable[["Store"], _T], *, writes: bool = False) -> _T:
        # Reads go in turn with the writes: one between two writes of a group would see what may yet be rolled back.
        store, groups = self._opened()
        result: _T = await groups.call(Change(lambda: call(store), writes=writes))
        return result

    async def _alone(self, call: Callable[["Store"], _T]) -> _T:
        store, groups = self._opened()
        groups.check()
        return await groups.alone(store.guarded, call)

    def _opened(self) -> tuple["Store", Groups]:
        if self._store is None or self._groups is None or self._closing:
            raise LedgerError(f"The ledger {self.path} is not open.")
        return self._store, self._groups

    def __del__(self) -> None:
        if getattr(self, "_store", None) is not None:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        return f"<SqliteLedger {self.path}{'' if self._store else ' closed'}>"
