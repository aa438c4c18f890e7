"""The ledger's file as its own thread sees it: one connection, and what happens within one transaction."""

import contextlib
import copy
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import attrs

from venice_async.errors import LedgerError
from venice_async.jobs import JobRecord, JobState, PaidAnswer
from venice_async.ledger import rows, schema
from venice_async.ledger.groups import Change
from venice_async.ledger.leases import Leases, Owner
from venice_async.ledger.place import Place, found_or_made
from venice_async.ledger.protocol import News, check_queue_id, moved_by, renamed, stale
from venice_async.ledger.tally import Tally
from venice_async.money import check_change

_T = TypeVar("_T")

BUSY_TIMEOUT = 60.0
"""Seconds for which a neighbour that holds the file is waited for. Only the ledger's own thread waits."""


class Store:
    """Every method but `leases.owner` and `leases.valid` is called on the ledger's thread alone."""

    def __init__(self, path: Path, *, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._given = path
        self._place = found_or_made(path)
        self._tally = Tally()
        self._writer = secrets.randbits(62)
        self._seq: int | None = None
        self._seen = 0
        self._neighbours: tuple[int, list[Owner]] | None = None
        self.leases = Leases(self._place.path, wall=wall, monotonic=monotonic)
        self._connection = _connected(self._place)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA trusted_schema = OFF")
        schema.check_ours(connection, self._given)
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA secure_delete = ON")
        if schema.is_old(connection):
            with self._transaction():
                schema.migrate(connection)

    def write_group(self, changes: Sequence[Change]) -> list[Any]:
        """Make changes in one transaction; an outcome is what a change gives, or the error it ends with.

        What one caller got wrong is that caller's error; what the file or the disk got wrong is everybody's.
        """
        try:
            with self._transaction(write=any(change.writes for change in changes)):
                return [self._outcome(change.call) for change in changes]
        except (sqlite3.Error, OSError) as foreign:
            error = _mapped(foreign, self._given, "cannot be written")
        except LedgerError as ours:
            error = ours.with_traceback(None)
        return [copy.copy(error) for _ in changes]

    def guarded(self, call: Callable[["Store"], _T]) -> _T:
        """What a call gives that makes its own transaction; foreign errors become ours."""
        try:
            return call(self)
        except (sqlite3.Error, OSError) as foreign:
            error = _mapped(foreign, self._given, "cannot be written")
        raise error

    def add(self, record: JobRecord, cap_usd: Decimal | None) -> JobRecord:
        """Keep a record as ours, or give the one that has its key."""
        known = self._one("key", record.key)
        if known is not None:
            return known
        if self._one("id", record.id) is not None:
            raise stale(record)
        after = attrs.evolve(record, owner=self.leases.owner)
        self._check(None, after, cap_usd)
        self._connection.execute(rows.INSERT, (*rows.to_row(after), *self._marks()))
        self._tally.note(after)
        return after

    def move(self, record: JobRecord, cap_usd: Decimal | None, changes: Mapping[str, Any]) -> JobRecord:
        """Change a record under the rules of `moved_by`."""
        current = self._one("id", record.id)
        after = moved_by(self.leases.owner, current, record, changes)
        self._check(current, after, cap_usd)
        self._connection.execute(rows.UPDATE, (*rows.to_row(after), *self._marks(), after.id))
        self._tally.note(after)
        return after

    def replace(self, old: JobRecord, new: JobRecord, cap_usd: Decimal | None) -> tuple[JobRecord, JobRecord]:
        """Rename a record under the rules of `renamed`, and keep the new one under its key."""
        freed = renamed(self._one("id", old.id), old, new, taken=lambda key: self._one("key", key) is not None)
        with self._whole():
            self._connection.execute(rows.UPDATE, (*rows.to_row(freed), *self._marks(), freed.id))
            after = self.add(new, cap_usd)
        return freed, after

    def get(self, job_id: str) -> JobRecord | None:
        return self._one("id", job_id)

    def by_key(self, key: str) -> JobRecord | None:
        return self._one("key", key)

    def records(self, states: Collection[JobState]) -> list[JobRecord]:
        """Those in these states, oldest first."""
        query = f"{rows.SELECT} WHERE state IN ({', '.join('?' * len(states))}) ORDER BY created_at, rowid"
        found = self._connection.execute(query, [state.value for state in states]).fetchall()
        return [rows.from_row(row) for row in found]

    def learned(self) -> Mapping[str, Any]:
        found = self._connection.execute("SELECT data FROM learned").fetchone()
        tree = None
        with contextlib.suppress(ValueError, RecursionError):
            tree = json.loads(found[0]) if found else None
        return tree if isinstance(tree, dict) else {}

    def save_learned(self, data: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO learned (id, data) VALUES (1, ?)", (data,))

    def join(self) -> None:
        """Become an owner; once is enough."""
        if self.leases.owner:
            return
        try:
            with self._transaction() as connection:
                self.leases.join(connection)
                self._seen = self._last_seq()
        except BaseException:
            self.leases.abandon()
            raise

    def look(self) -> News:
        """Renew the lease, take over what no living owner has, and read what others have changed."""
        if not self.leases.owner:
            raise LedgerError("Only an owner looks at the ledger: join it first.")
        with self._transaction() as connection:
            renewed = self.leases.renew(connection)
            version, owners, fresh = self._other_owners()
            living = [owner for owner in owners if self.leases.lives(owner)]
            changed: list[JobRecord] = []
            if fresh or len(living) < len(owners):
                changed = self.leases.claim(connection, [owner.token for owner in living], self._marks)
                changed += self._news()
            busy = sum(self.leases.is_busy(connection, owner) for owner in living)
            seen = self._last_seq()
        self.leases.renewed(renewed)
        self._neighbours, self._seen = (version, owners), seen
        return News(changed=tuple(changed), owners=1 + busy)

    def kept(self) -> list[PaidAnswer]:
        with self._transaction() as connection:
            return self.leases.kept(connection)

    def drop_kept(self, answers: Collection[PaidAnswer]) -> None:
        with self._transaction() as connection:
            self.leases.drop(connection, answers)

    def close(self) -> None:
        """Leave, and close the file."""
        token = self.leases.leave()
        try:
            if token:
                with contextlib.suppress(sqlite3.Error, LedgerError), self._transaction() as connection:
                    self.leases.forget(connection, token)
        finally:
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        self._place.check()
        self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        self._tally.begin()
        self._seq = None
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            self._tally.forget()
            with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself, or the connection is gone
                self._connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Several statements of one change: the group that it is in commits all of them or none."""
        self._connection.execute("SAVEPOINT whole")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite has rolled everything back by itself
                self._connection.execute("ROLLBACK TO whole")
            raise
        self._connection.execute("RELEASE whole")

    def _outcome(self, change: Callable[[], Any]) -> Any:
        try:
            return change()
        except sqlite3.Error as error:
            if not isinstance(error, _ONE_S_OWN):
                raise  # the file or the disk, and so everybody's trouble
            return LedgerError(f"This cannot be recorded: {error}.")
        except (UnicodeError, OverflowError) as error:
            return LedgerError(f"This cannot be recorded: {type(error).__name__}.")
        except Exception as error:  # noqa: BLE001 -- handed to the caller who waits for it
            return error.with_traceback(None)

    def _one(self, column: str, value: str) -> JobRecord | None:
        found = self._connection.execute(f"{rows.SELECT} WHERE {column} = ?", (value,)).fetchone()
        return None if found is None else rows.from_row(found)

    def _check(self, before: JobRecord | None, after: JobRecord, cap_usd: Decimal | None) -> None:
        check_queue_id(before, after, taken=lambda queue_id: self._is_taken(queue_id, after.id))
        check_change(before, after, held_usd=lambda: self._tally.held_usd(self._connection), cap_usd=cap_usd)

    def _is_taken(self, queue_id: str, job_id: str) -> bool:
        query = "SELECT 1 FROM jobs WHERE queue_id = ? AND id != ? LIMIT 1"
        return self._connection.execute(query, (queue_id, job_id)).fetchone() is not None

    def _marks(self) -> tuple[int, int]:
        """Who writes, and in which transaction: its number is above that of every one before."""
        if self._seq is None:
            self._seq = self._last_seq() + 1
        return self._seq, self._writer

    def _last_seq(self) -> int:
        return int(self._connection.execute("SELECT max(seq) FROM jobs").fetchone()[0] or 0)

    def _other_owners(self) -> tuple[int, list[Owner], bool]:
        """The number of the last change by another connection, the other owners, and whether either is news."""
        version = int(schema.pragma(self._connection, "data_version"))
        if self._neighbours is not None and self._neighbours[0] == version:
            return version, self._neighbours[1], False
        return version, self.leases.others(self._connection), True

    def _news(self) -> list[JobRecord]:
        query = f"{rows.SELECT} WHERE seq > ? AND writer != ?"
        return [rows.from_row(row) for row in self._connection.execute(query, (self._seen, self._writer)).fetchall()]


_ONE_S_OWN = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


def opened(path: Path, *, wall: Callable[[], float], monotonic: Callable[[], float]) -> Store:
    """The ledger at a path, made where there is none. Raises LedgerError where it cannot be used."""
    try:
        return Store(path, wall=wall, monotonic=monotonic)
    except (sqlite3.Error, OSError) as foreign:
        error = _mapped(foreign, path, "cannot be used as a ledger")
    raise error


def _connected(place: Place) -> sqlite3.Connection:
    # mode=rw: where the file has just been deleted, SQLite must not make a new one that others could read.
    return sqlite3.connect(
        f"file:{quote(os.fspath(place.path))}?mode=rw", uri=True, timeout=BUSY_TIMEOUT, isolation_level=None
    )


def _mapped(foreign: Exception, path: Path, trouble: str) -> LedgerError:
    """Our error for SQLite's or the system's, to be raised outside of its `except`."""
    if getattr(foreign, "sqlite_errorname", "").startswith("SQLITE_CORRUPT"):
        return schema.damaged(path)
    reason = (foreign.strerror if isinstance(foreign, OSError) else str(foreign)) or type(foreign).__name__
    return LedgerError(f"{path} {trouble}: {reason}.", advice=_advice(foreign))


def _advice(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        return "Free some space on its disk."
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "Another program holds it: end that one."
    return "Check the file, its folder and its disk." if name.startswith(("SQLITE_IOERR", "SQLITE_READONLY")) else ""
