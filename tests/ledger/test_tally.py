"""What all jobs hold: always the sum of the records, though only what changed is read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest
from harness import job_record

from venice_async.errors import Charge
from venice_async.jobs import JobRecord, JobState
from venice_async.ledger import rows, schema
from venice_async.ledger.tally import Tally


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """An empty ledger."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        yield connection


def put(connection: sqlite3.Connection, seq: int, *records: JobRecord) -> None:
    for record in records:
        connection.execute("DELETE FROM jobs WHERE id = ?", (record.id,))
        connection.execute(rows.INSERT, (*rows.to_row(record), seq, 1))


def test_it_follows_what_anybody_wrote(connection: sqlite3.Connection) -> None:
    """In each transaction anew, with later rows of a job in the place of earlier ones."""
    tally = Tally()
    put(connection, 0, job_record(1, price_usd=Decimal("0.10")))
    put(connection, 1, job_record(2, price_usd=Decimal("0.20")), job_record(3))
    tally.begin()
    assert tally.held_usd(connection) == Decimal("0.30")
    put(connection, 2, job_record(2, price_usd=Decimal("0.20"), state=JobState.CANCELLED))
    assert tally.held_usd(connection) == Decimal("0.30")  # the same transaction
    tally.begin()
    assert tally.held_usd(connection) == Decimal("0.10")


def test_what_this_transaction_wrote_is_noted(connection: sqlite3.Connection) -> None:
    """Before it has looked too; and counted once."""
    tally = Tally()
    tally.begin()
    for number, price in enumerate(("0.10", "0.20")):
        record = job_record(number, price_usd=Decimal(price))
        put(connection, 1, record)
        tally.note(record)
    assert tally.held_usd(connection) == Decimal("0.30")
    record = job_record(1, price_usd=Decimal("0.50"), state=JobState.FAILED, charge=Charge.CHARGED)
    put(connection, 1, record)
    tally.note(record)
    assert tally.held_usd(connection) == Decimal("0.60")
    tally.begin()
    assert tally.held_usd(connection) == Decimal("0.60")


def test_what_was_undone_is_forgotten(connection: sqlite3.Connection) -> None:
    """Its number is given out again, so all is read anew."""
    tally = Tally()
    tally.begin()
    put(connection, 1, job_record(1, price_usd=Decimal("0.10")))
    tally.held_usd(connection)
    connection.execute("BEGIN")
    tally.begin()
    record = job_record(2, price_usd=Decimal("0.20"))
    put(connection, 2, record)
    assert tally.held_usd(connection) == Decimal("0.30")
    connection.execute("ROLLBACK")
    tally.forget()
    tally.begin()
    assert tally.held_usd(connection) == Decimal("0.10")
