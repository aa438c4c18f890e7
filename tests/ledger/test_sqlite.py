"""The SQLite ledger's own ways: which files it takes, how it writes, what it says when it cannot."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from harness import job_record

from venice_async.errors import LedgerError
from venice_async.jobs import JobState
from venice_async.ledger.sqlite import APPLICATION_ID, SCHEMA_VERSION, SqliteLedger

pytestmark = pytest.mark.anyio


async def refused(path: Path) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(LedgerError) as error:
        await SqliteLedger(path).open()
    assert error.value.__cause__ is None
    assert error.value.__context__ is None
    return str(error.value)


async def test_another_program_s_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Even an old one that nobody marked."""
    path = tmp_path / "foreign.sqlite3"
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("CREATE TABLE things (name TEXT)")
    before = path.read_bytes()
    assert "another program" in await refused(path)
    assert path.read_bytes() == before


async def test_a_newer_version_s_file_is_refused(tmp_path: Path) -> None:
    """Rather than half understood."""
    path = tmp_path / "jobs.sqlite3"
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.aclose()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    assert "newer version" in await refused(path)


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A text, a folder, a place where no file can be."""
    text = tmp_path / "notes.txt"
    text.write_text("These are notes, and rather long ones, so that nobody takes them for an empty database. " * 20)
    assert "cannot be used as a ledger" in await refused(text)
    assert "cannot be opened" in await refused(tmp_path)
    assert "cannot be opened" in await refused(text / "jobs.sqlite3")


async def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    """So that this and later versions know it."""
    ledger = SqliteLedger(tmp_path / "jobs.sqlite3")
    await ledger.open()
    await ledger.aclose()
    with closing(sqlite3.connect(ledger.path)) as file:
        assert file.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert file.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


async def test_writes_survive_a_power_failure(tmp_path: Path) -> None:
    """Rollback journal with EXTRA synchronisation: no commit returns before the disk has it, the folder included."""
    ledger = SqliteLedger(tmp_path / "jobs.sqlite3")
    await ledger.open()
    connection = ledger._open_connection()
    for pragma, value in (("synchronous", 3), ("journal_mode", "delete"), ("secure_delete", 1)):
        found = await (await connection.execute(f"PRAGMA {pragma}")).fetchone()
        assert found is not None
        assert found[0] == value
    await ledger.aclose()


async def test_waiting_writes_share_a_commit(tmp_path: Path) -> None:
    """A thousand intents cost a few disk writes."""
    ledger = SqliteLedger(tmp_path / "jobs.sqlite3")
    await ledger.open()
    statements: list[str] = []
    await ledger._open_connection().set_trace_callback(statements.append)
    await asyncio.gather(*(ledger.add(job_record(number)) for number in range(1000)))
    assert statements.count("COMMIT") <= 3
    assert len(await ledger.records()) == 1000
    await ledger.aclose()


async def test_a_closed_ledger_refuses(tmp_path: Path) -> None:
    """With a sentence; and so does one that was never opened, or that is opened twice."""
    ledger = SqliteLedger(tmp_path / "jobs.sqlite3")
    with pytest.raises(LedgerError, match="is not open"):
        await ledger.records()
    await ledger.open()
    with pytest.raises(LedgerError, match="is open already"):
        await ledger.open()
    await ledger.aclose()
    with pytest.raises(LedgerError, match="is not open"):
        await ledger.add(job_record(1))
    assert repr(ledger) == f"<SqliteLedger {ledger.path} closed>"


async def test_closing_writes_what_still_waits(tmp_path: Path) -> None:
    """Nothing that was handed over is dropped."""
    ledger = SqliteLedger(tmp_path / "jobs.sqlite3")
    await ledger.open()
    adding = [asyncio.create_task(ledger.add(job_record(number))) for number in range(50)]
    await asyncio.sleep(0)
    await ledger.aclose()
    await asyncio.gather(*adding)
    await ledger.open()
    assert len(await ledger.records()) == 50
    await ledger.aclose()


async def test_a_file_that_cannot_be_written_is_told_to_everybody(tmp_path: Path) -> None:
    """All who wait for one transaction hear that it failed, nothing of it is kept, and later writes work again."""
    ledger = SqliteLedger(tmp_path / "jobs.sqlite3")
    await ledger.open()
    record = await ledger.add(job_record(1))
    connection = ledger._open_connection()
    await connection.execute("PRAGMA query_only = ON")
    answers = await asyncio.gather(
        ledger.move(record, state=JobState.QUEUEING), ledger.add(job_record(2)), return_exceptions=True
    )
    assert all(isinstance(answer, LedgerError) and "cannot be written" in str(answer) for answer in answers)
    await connection.execute("PRAGMA query_only = OFF")
    assert await ledger.records() == [record]
    await ledger.move(record, state=JobState.QUEUEING)
    await ledger.aclose()


async def test_a_lost_connection_leaves_nobody_waiting(tmp_path: Path) -> None:
    """Trouble that SQLite has no word for is told as well."""
    ledger = SqliteLedger(tmp_path / "jobs.sqlite3")
    await ledger.open()
    await ledger._open_connection().close()
    with pytest.raises(LedgerError):
        await ledger.add(job_record(1))
    await ledger.aclose()


async def test_a_cancelled_writer_leaves_nobody_waiting(tmp_path: Path) -> None:
    """`asyncio.run` cancels every task at its end: whoever waits for a write must be told, or the program hangs."""
    ledger = SqliteLedger(tmp_path / "jobs.sqlite3")
    await ledger.open()
    writer = ledger._writer
    assert writer is not None
    writing = asyncio.create_task(ledger.add(job_record()))
    await asyncio.sleep(0)
    writer.cancel()
    with pytest.raises(LedgerError):
        await writing
    await ledger.aclose()
