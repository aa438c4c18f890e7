"""`resume`: everything unfinished in a ledger goes on; and what any interrupted command says."""

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

from venice_async.cli.consenting import consent_command, waits_for_consent
from venice_async.cli.ledgers import check_ledger
from venice_async.cli.live import watching
from venice_async.cli.options import DEFAULT_OUTPUT_DIR, ServerOptions
from venice_async.cli.records import show_records
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import name_of
from venice_async.errors import VeniceError
from venice_async.jobs import JobState
from venice_async.manager import JobManager
from venice_async.manager.job import Job

_STUCK = {JobState.HELD, JobState.UNKNOWN}


async def resume(ledger: Path, server: ServerOptions, terminal: Terminal, *, release: bool) -> int:
    """Bring home what can be brought home; 0 where nothing is left over.

    With `release`, jobs that are HELD go on as well. Raises ConfigurationError where there is no ledger.
    """
    check_ledger(ledger)
    async with interruptible(terminal, ledger, server), server.client(needs_key=True) as client:
        manager = JobManager(client, ledger=ledger, output_dir=DEFAULT_OUTPUT_DIR)
        async with manager as jobs, watching(jobs, client, terminal):
            if release:
                await _release(jobs)
            going = [job for job in jobs.jobs() if not job.at_rest]
            await asyncio.gather(*(at_rest(job) for job in going))
        stuck = [job for job in jobs.jobs() if job.state in _STUCK]
        records = [job.record for job in going] + [job.record for job in stuck if job not in going]
        show_records(terminal, records)
        if not records:
            terminal.note("Nothing in this ledger is unfinished.")
        _explain(stuck, ledger, terminal)
        return int(any(record.state is not JobState.COMPLETED for record in records))


async def _release(jobs: JobManager) -> None:
    for job in jobs.jobs():
        await jobs.release(job)


def _explain(stuck: list[Job], ledger: Path, terminal: Terminal) -> None:
    held = sum(job.state is JobState.HELD for job in stuck)
    asking = [job.record for job in stuck if waits_for_consent(job.record)]
    for record in asking:
        terminal.note(f"{name_of(record)} waits for consent: {consent_command(record, ledger)}")
    if held > len(asking):
        terminal.note(f"{held - len(asking)} wait for a person; once the cause is gone: venice-async resume --held")
        terminal.note("To let single ones go on: venice-async release JOB")
    if len(stuck) > held:
        terminal.note(f"Of {len(stuck) - held} nobody can tell whether they were taken: venice-async unknown")


async def at_rest(job: Job) -> None:
    """Return when the job comes to rest, or the manager can do no more for it: its record tells which."""
    with contextlib.suppress(VeniceError):
        await job


def unfinished(jobs: JobManager) -> int:
    """How many jobs would go on at the next start."""
    return sum(not job.at_rest for job in jobs.jobs())


def resume_command(ledger: Path, server: ServerOptions) -> str:
    """What to type to go on."""
    return f"venice-async resume --ledger {shlex.quote(str(ledger))}{server.arguments()}"


@contextlib.asynccontextmanager
async def interruptible(terminal: Terminal, ledger: Path, server: ServerOptions) -> AsyncIterator[None]:
    """When the work inside is stopped by a signal, say how to go on, once everything is put away."""
    try:
        yield
    except asyncio.CancelledError:
        terminal.note(
            f"Stopped. What was sent is being made and stays paid; to bring it home: {resume_command(ledger, server)}"
        )
        terminal.note("A paid call that was cut off is of unknown outcome: venice-async unknown")
        raise
