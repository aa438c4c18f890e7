"""`batch`: every video of a manifest, from its check and its price to the files and the gallery."""

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

from attrs import frozen

from venice_async.cli.batch_events import Commands, EventFile, Told, command_of, telling
from venice_async.cli.batch_plan import Plan, Planned, Standing, plan_of
from venice_async.cli.batch_report import refuse, show_end, show_plan, tell_dry_run
from venice_async.cli.batch_view import BatchLines
from venice_async.cli.board import Board
from venice_async.cli.funds import funds_of, tell_funds, tell_payer
from venice_async.cli.held import missing_usd
from venice_async.cli.live import Outlook, watching
from venice_async.cli.manifests.files import read_manifest
from venice_async.cli.options import ServerOptions
from venice_async.cli.resume import go_on, unfinished
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal
from venice_async.clock import SystemClock
from venice_async.errors import ConfigurationError, VeniceError
from venice_async.jobs import JobRecord
from venice_async.ledger import SqliteLedger
from venice_async.manager import JobManager
from venice_async.manager.job import Job

_FIRST, _AT_ONCE = 20, 250
"""Rows that are handed over together: their intents share one write, and the first paid calls wait for few."""


@frozen(kw_only=True)
class BatchOrder:
    """A manifest, and under which conditions it is to be made."""

    manifest: Path
    output_dir: Path
    ledger: Path
    server: ServerOptions
    budget_usd: Decimal | None = None
    allowed: tuple[Path, ...] = ()
    approved: bool = False
    dry_run: bool = False
    on_complete: str | None = None
    events: Path | None = None

    def command(self) -> str:
        """What to type to go on."""
        words = ["venice-async", "batch", str(self.manifest), "--output-dir", str(self.output_dir)]
        words += ["--ledger", str(self.ledger)]
        for folder in self.allowed:
            words += ["--allow-path", str(folder)]
        if self.budget_usd is not None:
            words += ["--budget", str(self.budget_usd)]
        if self.on_complete is not None:
            words += ["--on-complete", self.on_complete]
        if self.events is not None:
            words += ["--events", str(self.events)]
        return shlex.join(words) + self.server.arguments() + (" --yes" if self.approved else "")


def batch(order: BatchOrder, terminal: Terminal) -> int:
    """Read, check, price, ask, make; 0 when every row's video is there.

    Raises ConfigurationError for what is typed wrong, BudgetExceededError where it is too dear, and VeniceError.
    """
    command = None if order.on_complete is None else command_of(order.on_complete)
    _check_approval(order, terminal)
    order.server.client(needs_key=not order.dry_run)
    tell_payer(terminal)
    plan = run(_plan(order))
    if plan.mistakes:
        refuse(plan, terminal)
        return 1
    show_plan(plan, order.ledger, terminal)
    pays = plan.of(Standing.NEW) or plan.unsent
    funds = run(tell_funds(order.server, plan.price_usd, terminal)) if pays else None
    plan.check_budget(order.budget_usd)
    if order.dry_run:
        tell_dry_run(plan, terminal, funds)
        return 0
    if not _agreed(plan, order, terminal):
        terminal.note("Not sent; nothing was charged.")
        return 1
    ends, troubles = run(_make(plan, order, terminal, command))
    records = [record for record in ends.values() if record is not None]
    page = _gallery(order, records, terminal)
    funds = None if missing_usd(records) is None else run(funds_of(order.server))
    return show_end(plan, ends, troubles, terminal, ledger=order.ledger, page=page, again=order.command(), funds=funds)


def _check_approval(order: BatchOrder, terminal: Terminal) -> None:
    if not (order.dry_run or order.approved or terminal.can_ask or order.budget_usd is not None):
        raise ConfigurationError(
            "There is no terminal to ask at whether the price is all right.",
            advice="See the price with --dry-run; then approve it with --yes, or give a limit with --budget USD.",
        )


async def _plan(order: BatchOrder) -> Plan:
    manifest = read_manifest(order.manifest, allowed=order.allowed)
    records = await _records(order.ledger)
    async with order.server.client() as client:
        return await plan_of(manifest, records, client, output_dir=order.output_dir)


async def _records(path: Path) -> list[JobRecord]:
    if not path.exists():  # noqa: ASYNC240 -- before anything runs
        return []
    ledger = SqliteLedger(path)
    await ledger.open()
    try:
        return await ledger.records()
    finally:
        await ledger.aclose()


def _agreed(plan: Plan, order: BatchOrder, terminal: Terminal) -> bool:
    """A limit that all of it fits under is a yes, as --yes is."""
    new = len(plan.of(Standing.NEW))
    if not (new or plan.unsent) or order.approved or order.budget_usd is not None or not terminal.can_ask:
        return True
    videos = [f"{new} {'video' if new == 1 else 'videos'}"] if new else []
    what = " and ".join([*videos, plan.unsent.noun] if plan.unsent else videos)
    return terminal.ask(f"Pay {plan.amount} for {what}?")


Ends = dict[str, JobRecord | None]
"""What became of each row, by its key; None where there is no job for it."""


async def _make(
    plan: Plan, order: BatchOrder, terminal: Terminal, command: list[str] | None
) -> tuple[Ends, dict[str, VeniceError]]:
    events = [] if order.events is None else [EventFile(order.events, terminal)]
    async with (
        _stoppable(order, terminal),
        order.server.client() as client,
        JobManager(client, ledger=order.ledger, output_dir=order.output_dir, budget_usd=order.budget_usd) as jobs,
        telling(jobs, [*events, *_commands(plan, jobs, terminal, command)]),
        watching(jobs, client, terminal, heading=str(order.manifest), plain=_lines) as board,
    ):
        for planned in plan.of(Standing.DONE, Standing.ENDED, Standing.STUCK):
            if planned.record is not None and not _released(jobs, planned):
                board.note_before(planned.record.state)
        taken, troubles = await _submit(plan, jobs)
        await _all_at_rest(list(taken.values()))
        left = unfinished(jobs)
    if left:
        terminal.note(go_on(left, order.ledger, order.server))
    ends: Ends = {planned.row.key: planned.record for planned in plan.rows}
    return ends | {key: job.record for key, job in taken.items()}, troubles


def _released(jobs: JobManager, planned: Planned) -> bool:
    """Whether somebody let a job go on since the plan was made."""
    job = jobs.get(planned.row.key)
    return job is not None and not job.at_rest


def _lines(board: Board, outlook: Outlook, terminal: Terminal) -> BatchLines:
    return BatchLines(board, outlook, terminal, clock=SystemClock())


def _commands(plan: Plan, jobs: JobManager, terminal: Terminal, command: list[str] | None) -> list[Told]:
    if command is None:
        return []
    keys = {planned.row.key for planned in plan.rows}

    def record_of(job_id: str) -> JobRecord | None:
        job = jobs.get(job_id)
        return job.record if job is not None and job.key in keys else None

    return [Commands(command=command, record_of=record_of, terminal=terminal)]


async def _submit(plan: Plan, jobs: JobManager) -> tuple[dict[str, Job], dict[str, VeniceError]]:
    """Hand over what is new, and find what is under way. What one row meets stops no other."""
    taken: dict[str, Job] = {}
    troubles: dict[str, VeniceError] = {}
    wanted = [planned.row for planned in plan.of(Standing.NEW, Standing.OPEN, Standing.STUCK)]
    for start in (0, *range(_FIRST, len(wanted), _AT_ONCE)):
        rows = wanted[start : start + (_AT_ONCE if start else _FIRST)]
        # They were checked together, before the price was approved.
        coming = (jobs.submit(row.request, key=row.key, output=row.output, check=False) for row in rows)
        for row, found in zip(rows, await asyncio.gather(*coming, return_exceptions=True), strict=True):
            if isinstance(found, Job):
                taken[row.key] = found
            elif isinstance(found, VeniceError):
                troubles[row.key] = found
            else:
                raise found
    return taken, troubles


async def _all_at_rest(jobs: Sequence[Job]) -> None:
    arrived: asyncio.Queue[Job] = asyncio.Queue()
    for job in jobs:
        job.watch(arrived.put_nowait)
    for _ in jobs:
        await arrived.get()


@contextlib.asynccontextmanager
async def _stoppable(order: BatchOrder, terminal: Terminal) -> AsyncIterator[None]:
    """When the batch is stopped by a signal, say how to go on, once everything is put away."""
    try:
        yield
    except asyncio.CancelledError:
        terminal.note("Stopped. What was sent is being made and stays paid; nothing is paid twice. To go on:")
        terminal.note(f"  {order.command()}")
        raise


def _gallery(order: BatchOrder, records: list[JobRecord], terminal: Terminal) -> Path | None:
    """The page beside the videos; a batch is done without one too."""
    from venice_async.gallery import write_gallery

    problem = ""
    try:
        return write_gallery(order.output_dir, records, title=order.manifest.stem)
    except VeniceError as error:
        problem = error.message
    except OSError as error:
        problem = error.strerror or type(error).__name__
    terminal.note(f"No gallery was written: {problem}")
    return None
