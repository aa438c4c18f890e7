"""`unknown`: the jobs of which nobody can tell whether they were taken, and what a person can do about each."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from venice_async.cli.ledgers import handle, of_ledger, opened
from venice_async.cli.records import record_document, totals_document, totals_line, totals_of
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import ago, brief, moment, money, name_of
from venice_async.jobs import JobRecord, JobState, error_from_text
from venice_async.wire.text import clean

UNKNOWN_MEANS = """\
These jobs were sent, and the answer never came: nobody can tell whether they were taken and charged.
They are never sent again by themselves, and their prices stay reserved. Look at the account's usage near the
time of each (venice-async reconcile compares it), then decide:"""
STILL_QUEUEING = """\
One that is still "queueing" is in doubt only if no program works on this ledger now; then make it certain first: \
venice-async resume"""


async def list_unknown(ledger: Path, terminal: Terminal) -> int:
    """Show the jobs of unknown outcome, and what can be done. Raises ConfigurationError where there is no ledger."""
    async with opened(ledger) as kept:
        # A process that died while it paid left its job QUEUEING: whether that one was taken is not known either.
        records = await kept.records({JobState.UNKNOWN, JobState.QUEUEING})
    show_unknown(records, ledger, terminal, now=time.time())
    return 0


def show_unknown(records: Sequence[JobRecord], ledger: Path, terminal: Terminal, *, now: float) -> None:
    """The jobs, and on stderr the ways out of each."""
    terminal.tell(
        {
            "jobs": [_document(record, ledger) for record in records],
            "totals": totals_document(totals_of(records)),
        }
    )
    for record in records:
        for line in _lines(record, now):
            terminal.result(line)
    terminal.result(totals_line(records))
    if not records:
        terminal.note("There is no job whose outcome is unknown.")
        return
    terminal.note(UNKNOWN_MEANS)
    for record in records:
        if record.state is JobState.UNKNOWN:
            terminal.note(f"\n{name_of(record)}")
            for command, meaning in ways_out(record, ledger).values():
                terminal.note(f"  {command}\n      {meaning}")
    if any(record.state is JobState.QUEUEING for record in records):
        terminal.note(f"\n{STILL_QUEUEING}{of_ledger(ledger)}")


def ways_out(record: JobRecord, ledger: Path) -> dict[str, tuple[str, str]]:
    """The decisions that a person can make about a job: each with its command, and what it means."""
    command = f"venice-async resolve {handle(record)}{of_ledger(ledger)}"
    price = money(record.price_usd)
    return {
        "adopt": (f"{command} --queue-id ID", "It was taken, and you know its queue_id: the video is brought home."),
        "not_charged": (f"{command} --not-charged", f"It was not taken: the job ends, and {price} is free again."),
        "charged": (f"{command} --charged", f"It was charged and is lost: the job ends, and {price} counts as spent."),
        "resubmit": (f"{command} --resubmit", f"Send it again: it may be paid twice, {price} each time."),
    }


def _document(record: JobRecord, ledger: Path) -> dict[str, Any]:
    ways = ways_out(record, ledger) if record.state is JobState.UNKNOWN else {}
    return {**record_document(record), "resolve": {name: command for name, (command, _) in ways.items()}}


def _lines(record: JobRecord, now: float) -> list[str]:
    error = error_from_text(record.error) if record.error else None
    sent = record.queueing_at
    facts = {
        "job": record.id,
        "sent": "not known" if sent is None else f"{moment(sent)}, {ago(now - sent)} (attempt {record.attempt})",
        "model": record.model,
        "price": money(record.price_usd),
        "request": record.request_hash,
        "CF-RAY": getattr(error, "ray", None) or "-",
        "what": brief(error) or ("It is on its way, or was when its program ended." if sent else ""),
    }
    told = (f"  {name:8}{clean(text)}" for name, text in facts.items())
    return [f"{name_of(record)} ({record.state.value})", *told, ""]
