"""`jobs` and `unknown`: what a ledger holds, without asking any server."""

from collections.abc import Collection
from pathlib import Path

from venice_async.cli.records import show_records
from venice_async.cli.resume import check_ledger
from venice_async.cli.terminal import Terminal
from venice_async.jobs import JobRecord, JobState
from venice_async.ledger import SqliteLedger

UNKNOWN_MEANS = """\
These jobs were sent, and the answer never came: nobody can tell whether they were taken and charged.
They are never sent again by themselves, and their prices stay reserved. Look at the account's usage near the
time of each, then decide. One that is still "queueing" is in doubt only if no program works on this ledger now."""


async def list_jobs(ledger: Path, terminal: Terminal) -> int:
    """Show the jobs with their totals. Raises ConfigurationError where there is no ledger."""
    show_records(terminal, await _records(ledger, None))
    return 0


async def list_unknown(ledger: Path, terminal: Terminal) -> int:
    """Show the jobs of unknown outcome, and what that means. Raises ConfigurationError where there is no ledger."""
    # A process that died while it paid left its job QUEUEING: whether that one was taken is not known either.
    records = await _records(ledger, {JobState.UNKNOWN, JobState.QUEUEING})
    show_records(terminal, records)
    terminal.note(UNKNOWN_MEANS if records else "There is no job whose outcome is unknown.")
    return 0


async def _records(path: Path, states: Collection[JobState] | None) -> list[JobRecord]:
    check_ledger(path)
    ledger = SqliteLedger(path)
    await ledger.open()
    try:
        return await ledger.records(states)
    finally:
        await ledger.aclose()
