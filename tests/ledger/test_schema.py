"""Tables, and the way from an older file to today's."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from harness import job_record

from venice_async.errors import Charge, DuplicateQueueIdError
from venice_async.jobs import JobRecord, JobState
from venice_async.ledger import SqliteLedger, schema
from venice_async.ledger.rows import COLUMNS, MARKS

pytestmark = pytest.mark.anyio

# As version 1 wrote them.
CREATE_1 = """CREATE TABLE jobs (id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, model TEXT, request TEXT, output TEXT,
variant TEXT, state TEXT, version INTEGER NOT NULL, attempt INTEGER NOT NULL, created_at REAL NOT NULL, queueing_at
REAL, queued_at REAL, finished_at REAL, queue_id TEXT, download_url TEXT, price_usd TEXT, charge TEXT, size INTEGER,
sha256 TEXT, proof TEXT, held_for TEXT, error TEXT, cleanup TEXT) STRICT"""
COLUMNS_1 = (
    *("id", "key", "model", "request", "output", "variant", "state", "version", "attempt", "created_at"),
    *("queueing_at", "queued_at", "finished_at", "queue_id", "download_url", "price_usd", "charge", "size"),
    *("sha256", "proof", "held_for", "error", "cleanup"),
)


def values_1(record: JobRecord) -> list[object]:
    """What version 1 wrote of a record."""
    values = [getattr(record, name) for name in COLUMNS_1]
    return [str(each) if isinstance(each, Decimal) else getattr(each, "value", each) for each in values]


def make_1(path: Path, *records: JobRecord) -> None:
    """A ledger as version 1 left it."""
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as file:
        file.execute(CREATE_1)
        file.execute("CREATE TABLE learned (id INTEGER PRIMARY KEY CHECK (id = 1), data TEXT) STRICT")
        file.execute("INSERT INTO learned VALUES (1, '{\"a\": 1}')")
        file.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        file.execute("PRAGMA user_version = 1")
        insert = f"INSERT INTO jobs ({', '.join(COLUMNS_1)}) VALUES ({', '.join('?' * len(COLUMNS_1))})"
        file.executemany(insert, [values_1(record) for record in records])
        file.commit()


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """An empty database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


async def test_a_file_of_version_1_goes_on(tmp_path: Path) -> None:
    """Every record is there as it was, nobody owns it, and it can be worked on."""
    path = tmp_path / "jobs.sqlite3"
    old = [
        job_record(1),
        job_record(2, state=JobState.QUEUED, queue_id="q", price_usd=Decimal("0.10"), charge=Charge.CHARGED),
        job_record(3, state=JobState.FAILED, error='{"a":1}', download_url="https://media"),
    ]
    make_1(path, *old)
    ledger = SqliteLedger(path)
    await ledger.open()
    assert await ledger.records() == old
    assert await ledger.learned() == {"a": 1}
    await ledger.join()
    claimed = (await ledger.look()).changed
    assert {record.id for record in claimed} == {"id-1", "id-2"}
    await ledger.move(claimed[0], state=JobState.CANCELLED, decision="a person's")
    await ledger.aclose()
    await ledger.open()
    await ledger.aclose()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


async def test_a_queue_id_that_an_old_file_holds_twice_makes_it_not_useless(tmp_path: Path) -> None:
    """Both jobs can still be worked on; only a new third one is refused."""
    path = tmp_path / "jobs.sqlite3"
    make_1(path, *(job_record(number, state=JobState.QUEUED, queue_id="q") for number in (1, 2)))
    ledger = SqliteLedger(path)
    await ledger.open()
    for record in await ledger.records():
        await ledger.move(record, state=JobState.DOWNLOADING)
    with pytest.raises(DuplicateQueueIdError):
        await ledger.add(job_record(3, queue_id="q"))
    await ledger.aclose()


async def test_a_migration_that_breaks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It happens in one transaction: the older version can still use the file."""
    path = tmp_path / "jobs.sqlite3"
    make_1(path, job_record(1))
    before = path.read_bytes()
    broken = (schema.MIGRATIONS[0], (*schema.MIGRATIONS[1], "CREATE TABLE jobs (id)"))
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(Exception, match="already exists"):
        await SqliteLedger(path).open()
    assert path.read_bytes() == before
    monkeypatch.undo()
    ledger = SqliteLedger(path)
    await ledger.open()
    assert await ledger.records() == [job_record(1)]
    await ledger.aclose()


def test_the_tables_hold_every_field(connection: sqlite3.Connection) -> None:
    """A field that a record gained needs a migration."""
    assert schema.is_old(connection)
    schema.migrate(connection)
    assert not schema.is_old(connection)
    found = {row[1] for row in connection.execute("PRAGMA table_info(jobs)")}
    assert found == {*COLUMNS, *MARKS} == {each.name for each in attrs.fields(JobRecord)} | set(MARKS)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT 1 FROM jobs WHERE queue_id = 'q' AND id != 'i'", "jobs_queue_id"),
        ("SELECT max(seq) FROM jobs", "jobs_seq"),
        ("SELECT * FROM jobs WHERE seq > 5 AND writer != 1", "jobs_seq"),
        ("SELECT * FROM jobs WHERE state IN ('queued', 'pending') AND owner NOT IN (1, 2)", "jobs_state"),
        ("SELECT 1 FROM jobs WHERE state IN ('queued', 'pending') AND owner = 2 LIMIT 1", "jobs_state"),
        ("SELECT * FROM jobs WHERE cleanup = 'pending' AND +state = 'completed' AND owner NOT IN (1)", "jobs_cleanup"),
    ],
)
def test_what_is_asked_often_has_an_index(connection: sqlite3.Connection, query: str, index: str) -> None:
    """A ledger grows for years; a look must not read all of it."""
    schema.migrate(connection)
    (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert index in plan[3]
