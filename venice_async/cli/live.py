"""Jobs while they run: drawn in place where a person watches, else one line for each change."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Protocol

from venice_async.cli.board import Board, Line
from venice_async.cli.terminal import ROOMY, Terminal
from venice_async.cli.words import STATE_STYLES, brief, money, name_of, near, size, span
from venice_async.client import VeniceClient
from venice_async.errors import APIStatusError, VeniceError, WalletBalanceError
from venice_async.governor import Kind
from venice_async.jobs import JobDelayed, JobEvent, JobState, JobStateChanged, present_state
from venice_async.manager import JobManager
from venice_async.manager.events import EventStream
from venice_async.manager.job import RESTING
from venice_async.money import Totals
from venice_async.polling import Estimate

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

_REDRAW = 0.125
"""Seconds between two pictures."""
_CHROME = 6
"""Lines of the terminal that are not for jobs: heading, totals, and room for the shell."""


class Outlook(Protocol):
    """What a view asks beside the events."""

    def job_eta(self, job_id: str) -> float | None:
        """Seconds until a job's video is ready, as likely earlier as later."""
        ...

    def eta(self) -> Estimate | None:
        """Seconds until the last of the queued jobs is ready."""
        ...

    def queue_per_minute(self) -> float:
        """How many paid calls the account may make."""
        ...

    def totals(self) -> Totals: ...

    def requests(self) -> str:
        """How much of the account's requests a minute is in use."""
        ...

    def outcome(self, job_id: str) -> str:
        """What a finished job came to: size, price and path."""
        ...


class ManagerOutlook:
    """The outlook on a real manager."""

    def __init__(self, jobs: JobManager, client: VeniceClient) -> None:
        self._jobs = jobs
        self._client = client

    def name(self, job_id: str) -> str:
        """What a person calls the job."""
        job = self._jobs.get(job_id)
        return name_of(job.record) if job else job_id

    def job_eta(self, job_id: str) -> float | None:
        estimate = self._jobs.eta_of(job_id)
        return None if estimate is None else estimate.p50

    def eta(self) -> Estimate | None:
        return self._jobs.eta

    def queue_per_minute(self) -> float:
        return self._client.governor.budgets[Kind.QUEUE].limit

    def totals(self) -> Totals:
        return self._jobs.totals

    def requests(self) -> str:
        now = self._client.clock.monotonic()
        retrieves, queues = (self._client.governor.budgets[kind] for kind in (Kind.RETRIEVE, Kind.QUEUE))
        return f"{retrieves.used(now)}/{retrieves.limit} retrieves, {queues.used(now)}/{queues.limit} queues"

    def outcome(self, job_id: str) -> str:
        job = self._jobs.get(job_id)
        if job is None:
            return ""
        record = job.record
        return f"{size(record.size)}  {money(record.price_usd)}  {near(record.output)}"


class View(Protocol):
    """What shows events."""

    def show(self, event: JobEvent, line: Line) -> None: ...

    def refresh(self) -> None: ...


class PlainView:
    """One line for each change of state, and one where a new kind of trouble begins."""

    def __init__(self, outlook: Outlook, terminal: Terminal) -> None:
        self._outlook = outlook
        self._terminal = terminal
        self._told: dict[str, str] = {}

    def show(self, event: JobEvent, line: Line) -> None:
        """Tell an event, unless it is progress or trouble that was told before."""
        if isinstance(event, JobStateChanged):
            self._terminal.note(f"{line.state.value:<11} {line.name}  {line.model}  {self._detail(line)}".rstrip())
        elif isinstance(event, JobDelayed) and self._told.get(line.job_id) != (kind := type(event.error).__name__):
            self._told[line.job_id] = kind
            self._terminal.note(f"{'delayed':<11} {line.name}  {line.model}  {trouble_words(event.error)}")

    def _detail(self, line: Line) -> str:
        return self._outlook.outcome(line.job_id) if line.state is JobState.COMPLETED else brief(line.trouble)

    def refresh(self) -> None:
        """Lines need no redrawing."""


class LiveView:
    """Running jobs redrawn in place under those that are done, with totals at the foot."""

    def __init__(self, board: Board, outlook: Outlook, live: "Live", *, heading: str = "") -> None:
        self._board = board
        self._outlook = outlook
        self._live = live
        self._heading = heading

    def show(self, event: JobEvent, line: Line) -> None:
        """A job that has come to rest moves up, out of the part that is redrawn."""
        if isinstance(event, JobStateChanged) and line.state in RESTING:
            self._live.console.print(self._last_word(line))

    def refresh(self) -> None:
        """Draw the present."""
        self._live.update(self.picture(), refresh=True)

    def picture(self) -> "RenderableType":
        """Heading, running jobs and totals."""
        from rich.console import Group
        from rich.text import Text

        heading = [Text(self._heading, style="bold", no_wrap=True, overflow="ellipsis")] if self._heading else []
        return Group(*heading, self._table(), self._counts(), self._sums())

    def _table(self) -> "Table":
        from rich.table import Table

        console = self._live.console
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=11)
        table.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
        table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
        table.add_column(width=max(12, console.width // 5), no_wrap=True, overflow="ellipsis")
        table.add_column(width=11, justify="right", no_wrap=True)
        for line in self._board.active(at_most=max(1, console.height - _CHROME)):
            table.add_row(*self._row(line))
        return table

    def _row(self, line: Line) -> "list[RenderableType]":
        from rich.text import Text

        state = Text(line.state.value, style=STATE_STYLES[line.state])
        return [state, Text(line.name), Text(line.model, style="dim"), self._bar(line), Text(self._remaining(line))]

    def _bar(self, line: Line) -> "RenderableType":
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        if line.trouble is not None:
            return Text(trouble_words(line.trouble), style="yellow")
        fraction = line.fraction(self._board.clock.monotonic())
        if fraction is None:
            return Text("")
        colour = STATE_STYLES[line.state]
        return ProgressBar(total=1.0, completed=fraction, complete_style=colour, finished_style=colour)

    def _remaining(self, line: Line) -> str:
        if line.state is JobState.DOWNLOADING and line.total:
            return f"{line.received / 1e6:.1f}/{line.total / 1e6:.1f} MB"
        eta = self._outlook.job_eta(line.job_id) if line.state is JobState.QUEUED else None
        return "" if eta is None else f"~{span(eta)}"

    def _counts(self) -> "Text":
        words = count_words(self._board)
        return _foot("   ".join(words) + ready_words(self._board, self._outlook), style="bold")

    def _sums(self) -> "Text":
        limited = f"   {self._board.limited} x 429" if self._board.limited else ""
        return _foot(f"{money_words(self._outlook)}   {self._outlook.requests()}{limited}", style="dim")

    def _last_word(self, line: Line) -> "Text":
        from rich.text import Text

        if line.state is JobState.COMPLETED:
            mark, rest = "done", self._outlook.outcome(line.job_id)
        else:
            mark, rest = line.state.value, brief(line.trouble)
        model = f"{line.model}  " if self._live.console.width >= ROOMY else ""
        return Text.assemble((f"{mark:<11} ", STATE_STYLES[line.state]), f"{line.name}  ", (model, "dim"), rest)


def trouble_words(error: VeniceError) -> str:
    """Passing trouble in a few words."""
    if isinstance(error, WalletBalanceError):  # passes only when somebody sees to it
        return "402, too little credit to fetch it: within 24 h, venice-async wallet top-up USD --cap USD"
    what = str(error.status) if isinstance(error, APIStatusError) and error.status else "no answer"
    return f"{what}, again soon"


def count_words(board: Board) -> list[str]:
    """How many jobs are where."""
    counts = board.counts()
    words = [f"{counts[word]} {word}" for word in ("done", "running", "waiting", "failed")]
    return words + [f"{counts[word]} {word}" for word in ("held", "unknown", "cancelled") if counts[word]]


def ready_words(board: Board, outlook: Outlook) -> str:
    """When everything will be done, as an interval: as likely earlier as later, and what nine in ten stay below."""
    eta = board.forecast(outlook.eta(), queue_per_minute=outlook.queue_per_minute())
    return "" if eta is None else f"    all in {span(eta.p50)} to {span(eta.p90)}"


def money_words(outlook: Outlook) -> str:
    """What was spent, is reserved and came back."""
    totals = outlook.totals()
    refunded = f"   {money(totals.refunded_usd)} refunded" if totals.refunded_usd else ""
    return f"{money(totals.spent_usd)} spent   {money(totals.reserved_usd)} reserved{refunded}"


def _foot(text: str, *, style: str) -> "Text":
    from rich.text import Text

    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


@contextlib.asynccontextmanager
async def watching(
    jobs: JobManager,
    client: VeniceClient,
    terminal: Terminal,
    *,
    heading: str = "",
    plain: Callable[[Board, Outlook, Terminal], View] | None = None,
) -> AsyncIterator[Board]:
    """Show what happens to a manager's jobs for as long as this is open. `plain` makes the view for a pipe."""
    outlook = ManagerOutlook(jobs, client)
    board = Board(client.clock, outlook.name)
    try:
        with contextlib.ExitStack() as stack:
            view: View = PlainView(outlook, terminal) if plain is None else plain(board, outlook, terminal)
            if terminal.live:
                view = LiveView(board, outlook, stack.enter_context(_live(terminal)), heading=heading)
            elif heading:
                terminal.note(heading)
            async with _fed(jobs, board, view):
                yield board
    except asyncio.CancelledError:
        terminal.note("Stopping: what is on its way gets a moment to end; once more, and it is cut short.")
        raise


@contextlib.asynccontextmanager
async def _fed(jobs: JobManager, board: Board, view: View) -> AsyncIterator[None]:
    """Keep the view true to the events, beginning with where each job stands."""
    stream = jobs.events()
    for job in jobs.jobs():
        if not job.at_rest:
            stream.put(present_state(job.record))
    follower, painter = asyncio.create_task(_follow(stream, board, view)), asyncio.create_task(_redraw(view))
    try:
        yield
    finally:
        stream.end()
        await asyncio.wait({follower})  # what has happened is still shown
        painter.cancel()
        await asyncio.wait({painter})
        stream.close()
    follower.result()
    view.refresh()


async def _follow(events: EventStream, board: Board, view: View) -> None:
    async for event in events:
        view.show(event, board.take(event))


async def _redraw(view: View) -> None:
    while True:
        view.refresh()
        await asyncio.sleep(_REDRAW)


def _live(terminal: Terminal) -> "Live":
    from rich.live import Live

    # Drawn by our own task: rich's thread would read the board while an event changes it.
    return Live(console=terminal.err_console(), auto_refresh=False, vertical_overflow="crop", redirect_stdout=False)
