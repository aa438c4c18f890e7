"""`resume`: everything unfinished in a ledger goes on; and what any interrupted command says."""

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

from attrs import frozen

from venice_async.cli.consenting import consent_command, waits_for_consent
from venice_async.cli.funds import funds_of, tell_payer
from venice_async.cli.held import missing_usd
from venice_async.cli.ledgers import check_ledger, of_ledger, opened
from venice_async.cli.live import watching
from venice_async.cli.options import DEFAULT_OUTPUT_DIR, ServerOptions
from venice_async.cli.records import mistaken, show_records, waits_for_stream
from venice_async.cli.running import run
from venice_async.cli.show import correction
from venice_async.cli.terminal import Terminal
from venice_async.cli.unsent import Unsent, amount, check_budget
from venice_async.cli.words import name_of
from venice_async.errors import ConfigurationError, VeniceError
from venice_async.jobs import JobRecord, JobState
from venice_async.manager import JobManager
from venice_async.manager.job import Job
from venice_async.money import ZERO

_STUCK = {JobState.HELD, JobState.UNKNOWN}


@frozen(kw_only=True)
class Resume:
    """What was typed. With `release`, jobs that are HELD go on as well."""

    ledger: Path
    server: ServerOptions
    release: bool = False
    budget_usd: Decimal | None = None
    approved: bool = False


def resume(order: Resume, terminal: Terminal) -> int:
    """Bring home what can be brought home; 0 where nothing is left over, 1 also where nobody wants to pay.

    What was paid for goes on as it is; what was not sent yet is paid now, and must be agreed to. Raises
    ConfigurationError where there is no ledger or nobody to ask, and BudgetExceededError, before anything is sent.
    """
    check_ledger(order.ledger)
    order.server.client(needs_key=True)
    tell_payer(terminal)
    records = run(_records(order.ledger))
    if not _agreed(records, order, terminal):
        terminal.note("Nothing was sent.")
        return 1
    return run(_resume(order, terminal))


async def _records(path: Path) -> list[JobRecord]:
    async with opened(path) as ledger:
        return await ledger.records()


def _agreed(records: Sequence[JobRecord], order: Resume, terminal: Terminal) -> bool:
    unsent = Unsent.of(records, released=order.release)
    if not unsent or order.approved:
        return True
    price = amount(unsent.price_usd, unsent.unpriced)
    if order.budget_usd is not None:
        terminal.note(f"To be paid: {price} for {unsent.noun}.")
        check_budget(records, unsent, new_usd=ZERO, cap_usd=order.budget_usd)
        return True
    if not terminal.can_ask:
        raise ConfigurationError(
            f"This would pay {price} for {unsent.noun}, and there is no terminal to ask at.",
            advice="Approve it with --yes, or give a limit with --budget USD.",
        )
    return terminal.ask(f"Pay {price} for {unsent.noun}?")


async def _resume(order: Resume, terminal: Terminal) -> int:
    ledger, server = order.ledger, order.server
    async with interruptible(terminal, ledger, server), server.client(needs_key=True) as client:
        manager = JobManager(client, ledger=ledger, output_dir=DEFAULT_OUTPUT_DIR, budget_usd=order.budget_usd)
        async with manager as jobs, watching(jobs, client, terminal):
            if order.release:
                await _release(jobs)
            going = [job for job in jobs.jobs() if not job.at_rest]
            await asyncio.gather(*(at_rest(job) for job in going if not waits_for_stream(job.record)))
        stuck = [job for job in jobs.jobs() if job.state in _STUCK]
        records = [job.record for job in going] + [job.record for job in stuck if job not in going]
        show_records(terminal, records)
        if not records:
            terminal.note("Nothing in this ledger is unfinished.")
        _explain(stuck, order, terminal)
        await _tell_credit(records, server, terminal)
        return int(any(_left(record) for record in records))


def _left(record: JobRecord) -> bool:
    return record.state is not JobState.COMPLETED and not waits_for_stream(record)


async def _release(jobs: JobManager) -> None:
    for job in jobs.jobs():
        await jobs.release(job)


async def _tell_credit(records: Sequence[JobRecord], server: ServerOptions, terminal: Terminal) -> None:
    """How much a wallet lacks, where jobs wait for that."""
    short = missing_usd(records)
    funds = None if short is None else await funds_of(server)
    if funds is not None and short is not None:
        terminal.note(funds.top_up(short))


def _explain(stuck: list[Job], order: Resume, terminal: Terminal) -> None:
    ledger = order.ledger
    held = sum(job.state is JobState.HELD for job in stuck)
    slips = [job.record for job in stuck if mistaken(job.record)]
    asking = [job.record for job in stuck if waits_for_consent(job.record)]
    for record in asking:
        terminal.note(f"{name_of(record)} waits for consent: {consent_command(record, ledger)}")
    for record in slips:
        terminal.note(f"{name_of(record)} was given a queue_id that is not its own: {correction(record, ledger)}")
    command = f"venice-async resume --held{of_ledger(ledger)}{order.server.arguments()}"
    if (waiting := held - len(asking) - len(slips)) > 0:
        terminal.note(f"{waiting} wait for a person; once the cause is gone: {command}")
        terminal.note(f"To let single ones go on: venice-async release JOB{of_ledger(ledger)}")
    if len(stuck) > held:
        terminal.note(f"Of {len(stuck) - held} nobody can tell whether they were taken: venice-async unknown")


async def at_rest(job: Job) -> None:
    """Return when the job comes to rest, or the manager can do no more for it: its record tells which."""
    with contextlib.suppress(VeniceError):
        await job


def unfinished(jobs: JobManager) -> int:
    """How many jobs would go on at the next start. What waits for a program's stream does not."""
    return sum(not job.at_rest and not waits_for_stream(job.record) for job in jobs.jobs())


def go_on(left: int, ledger: Path, server: ServerOptions) -> str:
    """What becomes of the jobs that this command did not wait for."""
    jobs, verb = ("other job", "goes") if left == 1 else ("other jobs", "go")
    return f"{left} {jobs} of this ledger {verb} on with: {resume_command(ledger, server)}"


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
