"""The embedded default: one SQLite file, owner-only, every change durable before it is acted on."""

import asyncio
import contextlib
import json
import os
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from venice_async.errors import LedgerError
from venice_async.jobs import JobRecord, JobState
from venice_async.ledger import rows
from venice_async.ledger.protocol import moved, stale

if TYPE_CHECKING:
    import aiosqlite

APPLICATION_ID = 0x56454E49  # "VENI"
SCHEMA_VERSION = 1

_Change = Callable[["aiosqlite.Connection"], Awaitable[Any]]


class SqliteLedger:
    """`Ledger` in a SQLite file.

    Rollback journal with EXTRA synchronisation: a commit is the journal's disappearance, and FULL
    would leave that to the folder's next sync, so that a power failure could undo an intent.

    One task owns the connection and every transaction: whatever waits goes into one transaction
    together, and each caller continues when that one is durable. So a thousand intents cost a few
    disk writes, and no caller's rollback drops another's.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._connection: aiosqlite.Connection | None = None
        self._waiting: list[tuple[_Change, asyncio.Future[Any]]] = []
        self._work = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def open(self) -> None:
        if self._connection is not None:
            raise LedgerError(f"The ledger {self.path} is open already.")
        _create_owner_only(self.path)
        connection = await self._connect()
        try:
            await self._prepare(connection)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        self._closing = False
        self._writer = asyncio.create_task(self._write_groups(connection), name="venice-ledger")

    async def _connect(self) -> "aiosqlite.Connection":
        import aiosqlite

        async def connect() -> "aiosqlite.Connection":
            return await aiosqlite.connect(self.path, isolation_level=None)

        connecting = asyncio.create_task(connect())
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # Its thread opens the file all the same: who is cancelled meanwhile closes it.
            await asyncio.wait({connecting})
            if connecting.exception() is None:
                await connecting.result().close()
            raise
        except sqlite3.Error as error:
            reason = str(error)
        raise LedgerError(f"{self.path} cannot be used as a ledger: {reason}.")

    async def _prepare(self, connection: "aiosqlite.Connection") -> None:
        try:
            await connection.execute("PRAGMA busy_timeout = 10000")
            await connection.execute("PRAGMA synchronous = EXTRA")
            await connection.execute("PRAGMA secure_delete = ON")
            await connection.execute("BEGIN IMMEDIATE")
            await self._migrate(connection)
            await connection.execute("COMMIT")
            return
        except sqlite3.Error as error:
            reason = str(error)
        raise LedgerError(f"{self.path} cannot be used as a ledger: {reason}.")

    async def _migrate(self, connection: "aiosqlite.Connection") -> None:
        version = await _pragma(connection, "user_version")
        application = await _pragma(connection, "application_id")
        tables = await (await connection.execute("SELECT count(*) FROM sqlite_master")).fetchone()
        empty = tables is not None and tables[0] == 0
        if application != APPLICATION_ID and not empty:
            raise LedgerError(f"{self.path} is a SQLite file of another program.")
        if version > SCHEMA_VERSION:
            raise LedgerError(f"{self.path} was written by a newer version of venice-async.", advice="Upgrade it.")
        if empty:
            await connection.execute(rows.CREATE)
            await connection.execute("CREATE TABLE learned (id INTEGER PRIMARY KEY CHECK (id = 1), data TEXT) STRICT")
            await connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            await connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    async def add(self, record: JobRecord) -> JobRecord:
        async def change(connection: "aiosqlite.Connection") -> JobRecord:
            cursor = await connection.execute(rows.INSERT, rows.to_row(record))
            if cursor.rowcount == 1:
                return record
            found = await (await connection.execute(f"{rows.SELECT} WHERE key = ?", (record.key,))).fetchone()
            if found is None:
                raise stale(record)
            return rows.from_row(tuple(found))

        return await self._durably(change)  # type: ignore[no-any-return]

    async def move(self, record: JobRecord, **changes: Any) -> JobRecord:
        after = moved(record, changes)

        async def change(connection: "aiosqlite.Connection") -> JobRecord:
            values = rows.Row((*rows.to_row(after), record.id, record.version))
            if (await connection.execute(rows.UPDATE, values)).rowcount != 1:
                raise stale(record)
            return after

        return await self._durably(change)  # type: ignore[no-any-return]

    async def get(self, job_id: str) -> JobRecord | None:
        found = await self._fetched(f"{rows.SELECT} WHERE id = ?", (job_id,))
        return rows.from_row(found[0]) if found else None

    async def records(self, states: Collection[JobState] | None = None) -> list[JobRecord]:
        wanted = [state.value for state in (JobState if states is None else states)]
        query = f"{rows.SELECT} WHERE state IN ({', '.join('?' * len(wanted))}) ORDER BY created_at, rowid"
        return [rows.from_row(row) for row in await self._fetched(query, wanted)]

    async def learned(self) -> Mapping[str, Any]:
        found = await self._fetched("SELECT data FROM learned")
        tree = json.loads(found[0][0]) if found else {}
        return tree if isinstance(tree, dict) else {}

    async def save_learned(self, learned: Mapping[str, Any]) -> None:
        data = json.dumps(learned)

        async def change(connection: "aiosqlite.Connection") -> None:
            await connection.execute("INSERT OR REPLACE INTO learned (id, data) VALUES (1, ?)", (data,))

        await self._durably(change)

    async def _fetched(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        # In turn with the writes: a read between two writes of one group would see what may yet be rolled back.
        async def read(connection: "aiosqlite.Connection") -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await (await connection.execute(query, values)).fetchall()]

        return await self._durably(read)  # type: ignore[no-any-return]

    async def _durably(self, change: _Change) -> Any:
        self._open_connection()
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, done))
        self._work.set()
        return await done

    async def _write_groups(self, connection: "aiosqlite.Connection") -> None:
        group: list[tuple[_Change, asyncio.Future[Any]]] = []
        try:
            while self._waiting or not self._closing:
                await self._work.wait()
                self._work.clear()
                group, self._waiting = self._waiting, []
                if group:
                    await self._write_group(connection, group)
        finally:
            # Where this task itself is cancelled, as asyncio.run does to all, nobody may wait for it for ever.
            for _, done in (*group, *self._waiting):
                if not done.done():
                    done.set_exception(LedgerError(f"The ledger {self.path} was closed before it was written."))
            self._waiting = []

    async def _write_group(
        self, connection: "aiosqlite.Connection", group: list[tuple[_Change, asyncio.Future[Any]]]
    ) -> None:
        outcomes: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            await connection.execute("BEGIN IMMEDIATE")
            for change, done in group:
                outcomes.append((done, await _outcome(change, connection)))
            await connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 -- whoever waits must be told, or would wait for ever
            reason = LedgerError(f"{self.path} cannot be written: {error}.")
            outcomes = [(done, reason) for _, done in group]
            with contextlib.suppress(sqlite3.Error, ValueError):  # ValueError: the connection is gone
                await connection.execute("ROLLBACK")
        for done, outcome in outcomes:
            if done.cancelled():
                continue
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)

    def _open_connection(self) -> "aiosqlite.Connection":
        if self._connection is None or self._writer is None or self._writer.done():
            raise LedgerError(f"The ledger {self.path} is not open.")
        return self._connection

    async def aclose(self) -> None:
        """Write what still waits, and close the file."""
        if self._connection is None or self._writer is None:
            return
        self._closing = True
        self._work.set()
        await asyncio.wait({self._writer})
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def __repr__(self) -> str:
        return f"<SqliteLedger {self.path}{'' if self._connection else ' closed'}>"


async def _outcome(change: _Change, connection: "aiosqlite.Connection") -> Any:
    # What one caller got wrong is that caller's error; it does not spoil the transaction of the others.
    try:
        return await change(connection)
    except sqlite3.OperationalError:
        raise  # the file or the disk, and so everybody's trouble
    except Exception as error:  # noqa: BLE001 -- handed to the caller who waits for it
        return error


async def _pragma(connection: "aiosqlite.Connection", name: str) -> int:
    found = await (await connection.execute(f"PRAGMA {name}")).fetchone()
    return int(found[0]) if found else 0


def _create_owner_only(path: Path) -> None:
    """Make the file ourselves, so that it is owner-only from its first instant: it will hold private links."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return
    except FileExistsError:
        reason = "there is something else, or a file that is not ours to write"
    except OSError as error:
        reason = os.strerror(error.errno or 0)
    # Looked at and not opened: closing a second handle would drop the locks of every connection of this process.
    if not path.is_file() or not os.access(path, os.R_OK | os.W_OK):
        raise LedgerError(f"The ledger {path} cannot be opened: {reason}.")
