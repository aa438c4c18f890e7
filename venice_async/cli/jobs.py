"""`jobs`: what a ledger holds, and how those go on that wait for a person. No server is asked."""

from collections.abc import Collection
from pathlib import Path

from venice_async.cli.held import release_lines
from venice_async.cli.ledgers import opened
from venice_async.cli.records import show_records
from venice_async.cli.terminal import Terminal
from venice_async.jobs import JobState


async def list_jobs(ledger: Path, terminal: Terminal, *, states: Collection[JobState] | None = None) -> int:
    """Show the jobs in these states (None: all) with their totals. Raises what `opened` raises."""
    async with opened(ledger) as kept:
        records = await kept.records(states)
    show_records(terminal, records)
    for line in release_lines(records, ledger):
        terminal.note(line)
    return 0
