"""The ledger's tables, and how an older file becomes one of today."""

import sqlite3

from venice_async.errors import LedgerError

APPLICATION_ID = 0x56454E49  # "VENI"

_JOBS_1 = """
CREATE TABLE jobs (id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, model TEXT, request TEXT, output TEXT, variant TEXT,
state TEXT, version INTEGER NOT NULL, attempt INTEGER NOT NULL, created_at REAL NOT NULL, queueing_at REAL,
queued_at REAL, finished_at REAL, queue_id TEXT, download_url TEXT, price_usd TEXT, charge TEXT, size INTEGER,
sha256 TEXT, proof TEXT, held_for TEXT, error TEXT, cleanup TEXT) STRICT
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (_JOBS_1, "CREATE TABLE learned (id INTEGER PRIMARY KEY CHECK (id = 1), data TEXT) STRICT"),
    (
        "ALTER TABLE jobs ADD COLUMN owner INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN part TEXT",
        "ALTER TABLE jobs ADD COLUMN decision TEXT",
        "ALTER TABLE jobs ADD COLUMN doubtful_usd TEXT",
        "ALTER TABLE jobs ADD COLUMN delivery TEXT NOT NULL DEFAULT 'disk'",
        "ALTER TABLE jobs ADD COLUMN link_requests INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN warning TEXT",
        "ALTER TABLE jobs ADD COLUMN seq INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN writer INTEGER NOT NULL DEFAULT 0",
        # AUTOINCREMENT: a token is never given out again, or a late write of a dead owner could pass for another's.
        "CREATE TABLE owners (token INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT, pid INTEGER, seen_at REAL) STRICT",
        # Not unique: an older file may hold the same queue_id twice, and must stay usable. Each write checks it.
        "CREATE INDEX jobs_queue_id ON jobs (queue_id)",
        "CREATE INDEX jobs_seq ON jobs (seq)",
        "CREATE INDEX jobs_state ON jobs (state, owner)",
        "CREATE INDEX jobs_cleanup ON jobs (owner) WHERE cleanup = 'pending'",
    ),
)
"""The statements that lead from each version to the next; the first from an empty file."""
VERSION = len(MIGRATIONS)


def check_ours(connection: sqlite3.Connection, path: object) -> None:
    """Raises LedgerError for another program's file, a newer version's, or a damaged one. Changes nothing."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and pragma(connection, "application_id") != APPLICATION_ID:
        raise LedgerError(f"{path} is a SQLite file of another program.")
    if int(pragma(connection, "user_version")) > VERSION:
        raise LedgerError(f"{path} was written by a newer version of venice-async.", advice="Upgrade it.")
    if pragma(connection, "quick_check") != "ok":
        raise damaged(path)


def damaged(path: object) -> LedgerError:
    """The error of a file whose pages contradict each other."""
    advice = "Restore it from a backup, or save what is left with `sqlite3 FILE .recover`; jobs may be paid for."
    return LedgerError(f"The ledger {path} is damaged.", advice=advice)


def is_old(connection: sqlite3.Connection) -> bool:
    """Whether `migrate` has something to do."""
    return int(pragma(connection, "user_version")) < VERSION


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date, within the caller's transaction: wholly or not at all."""
    for statements in MIGRATIONS[int(pragma(connection, "user_version")) :]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def pragma(connection: sqlite3.Connection, name: str) -> int | str:
    """What SQLite says of one of its settings."""
    value: int | str = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
