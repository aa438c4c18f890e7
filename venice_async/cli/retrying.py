"""`retry`: the work of a job that came to nothing is done by a new one. No server is asked."""

import secrets
import time
from pathlib import Path

from attrs import frozen

from venice_async.cli.ledgers import found, of_ledger, opened
from venice_async.cli.records import record_document
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import money, name_of
from venice_async.errors import ConfigurationError
from venice_async.jobs import JobRecord
from venice_async.manager.decisions import PAID, again
from venice_async.manager.decisions import retry as retry_in
from venice_async.wire.text import clean


@frozen(kw_only=True)
class Retry:
    """What was typed."""

    job: str
    ledger: Path
    approved: bool = False


def retry(order: Retry, terminal: Terminal) -> int:
    """Free the job's key for a new one; 1 where the person asked thinks better of it.

    Raises ConfigurationError where there is no such job or nobody agreed, InvalidRequestError for a job that is
    neither failed nor cancelled, and LedgerError.
    """
    record = run(_record(order))
    # Whatever else is wrong with it is said before a question is asked.
    again(record, job_id="", now=0.0, pay_again=True)
    if not _agreed(record, order, terminal):
        terminal.note("Nothing was changed.")
        return 1
    old, new = run(_retry(record, order))
    terminal.tell({"job": record_document(new), "before": record_document(old)})
    terminal.result(f"{name_of(new)} is to be made again, for {money(new.price_usd)}; the first is now {old.key}.")
    terminal.note(
        "A program that works on this ledger goes on with it now; without one, run the batch again, or: "
        f"venice-async resume{of_ledger(order.ledger)}"
    )
    return 0


def _agreed(record: JobRecord, order: Retry, terminal: Terminal) -> bool:
    if order.approved or record.charge not in PAID:
        return True
    words = f"{name_of(record)}: {record.charge.sentence} To make it again costs {money(record.price_usd)} again."
    if not terminal.can_ask:
        raise ConfigurationError(words, advice="Agree with --yes.")
    return terminal.ask(f"{words} Do it?")


async def _record(order: Retry) -> JobRecord:
    async with opened(order.ledger) as ledger:
        record = await found(ledger, order.job)
        name, mark, number = record.key.rpartition("~")
        if mark and number.isdecimal() and any(other.key == name for other in await ledger.records()):
            raise ConfigurationError(
                f"{name_of(record)} is kept as the record of an earlier try.",
                advice=f"Its work is now that of {clean(name, limit=60)}.",
            )
        return record


async def _retry(record: JobRecord, order: Retry) -> tuple[JobRecord, JobRecord]:
    async with opened(order.ledger) as ledger:
        return await retry_in(ledger, record, job_id=secrets.token_hex(8), now=time.time(), pay_again=True)
