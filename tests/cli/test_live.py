"""The live view as it is drawn, and the lines of a pipe."""

import io
from decimal import Decimal

import pytest
from rich.console import Console
from rich.live import Live

from venice_async.cli.board import Board
from venice_async.cli.live import LiveView, PlainView
from venice_async.cli.terminal import Terminal
from venice_async.errors import CapacityError, Charge, ContentRejectedError, VeniceError
from venice_async.jobs import JobDelayed, JobEvent, JobPolled, JobProgress, JobState, JobStateChanged
from venice_async.money import Totals
from venice_async.polling import Estimate

from .test_board import HandClock

JOBS = 30


class Outlook:
    """A manager's answers, made up."""

    def job_eta(self, job_id: str) -> float | None:
        return None if job_id == "job-0" else 75.0

    def eta(self) -> Estimate | None:
        return Estimate(p50=3700.0, p90=4000.0)

    def queue_per_minute(self) -> float:
        return 40.0

    def totals(self) -> Totals:
        return Totals(spent_usd=Decimal("123.45"), reserved_usd=Decimal("678.9"), refunded_usd=Decimal("0.35"))

    def requests(self) -> str:
        return "118/120 retrieves, 40/40 queues"

    def outcome(self, job_id: str) -> str:
        return f"2.0 MB  $0.35  videos/{job_id}.mp4"


def changed(number: int, state: JobState, error: VeniceError | None = None) -> JobStateChanged:
    return JobStateChanged(
        job_id=f"job-{number}", key="k", model="seedance-2-0-reference-to-video-basic", at=0.0, state=state, error=error
    )


@pytest.fixture
def board() -> Board:
    return Board(HandClock(), lambda job_id: f"[bold]a rather long name for {job_id}[/]")


def drawn(board: Board, width: int, height: int) -> list[str]:
    """The picture as text."""
    console = Console(file=io.StringIO(), width=width, height=height, markup=False, highlight=False, emoji=False)
    view = LiveView(board, Outlook(), Live(console=console, auto_refresh=False), heading="A heading " * 9)
    with console.capture() as capture:
        console.print(view.picture())
    return capture.get().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 10)])
def test_it_fits_the_terminal(board: Board, width: int, height: int) -> None:
    """Nothing is wider than the terminal, and the whole leaves it room, however many jobs there are."""
    for number in range(JOBS):
        board.take(changed(number, JobState.QUEUED))
        board.take(JobPolled(job_id=f"job-{number}", key="k", model="m", at=0.0, average_execution_time=60.0,
                             execution_duration=30.0))  # fmt: skip
    lines = drawn(board, width, height)
    assert max(map(len, lines)) <= width
    assert len(lines) < height


def test_a_row_tells_all_of_a_job(board: Board) -> None:
    """State, name, model, progress and the time left; names are not taken for markup."""
    board.take(changed(1, JobState.QUEUED))
    board.take(changed(2, JobState.DOWNLOADING))
    board.take(JobProgress(job_id="job-2", key="k", model="m", at=0.0, received=500_000, total=2_000_000))
    _, queued, downloading, counts, sums = drawn(board, 200, 24)
    assert queued.startswith("queued      [bold]a rather long name for job-1[/]")
    assert "seedance-2-0-reference-to-video-basic" in queued
    assert queued.endswith("~1:15")
    assert downloading.endswith("0.5/2.0 MB")
    assert counts.strip() == "0 done   2 running   0 waiting   0 failed    all in 1:01:40 to 1:06:40"
    assert sums.strip() == "$123.45 spent   $678.90 reserved   $0.35 refunded   118/120 retrieves, 40/40 queues"


def test_passing_trouble_stands_in_the_row(board: Board) -> None:
    """A 503 shows where the progress was."""
    board.take(changed(1, JobState.QUEUED))
    board.take(JobDelayed(job_id="job-1", key="k", model="m", at=0.0, error=CapacityError("full"), delay=5.0))
    assert "503, again soon" in drawn(board, 80, 24)[1]


def plain(board: Board, *events: JobEvent) -> list[str]:
    """What a pipe gets."""
    stream = io.StringIO()
    view = PlainView(Outlook(), Terminal(err=stream, out=io.StringIO()))
    for event in events:
        view.show(event, board.take(event))
    return stream.getvalue().splitlines()


def test_a_pipe_gets_one_line_for_each_change() -> None:
    """Polls and progress are no news; the same trouble is told once; an end comes with its outcome."""
    board = Board(HandClock(), lambda _: "light")
    about = {"job_id": "j", "key": "k", "model": "m", "at": 0.0}
    delay = JobDelayed(**about, error=CapacityError("full"), delay=5.0)  # type: ignore[arg-type]
    poll = JobPolled(**about)  # type: ignore[arg-type]
    progress = JobProgress(**about, received=1)  # type: ignore[arg-type]
    queued, done = (JobStateChanged(**about, state=state) for state in (JobState.QUEUED, JobState.COMPLETED))  # type: ignore[arg-type]
    assert plain(board, queued, poll, poll, delay, delay, progress, progress, done) == [
        "queued      light  m",
        "delayed     light  m  503, again soon",
        "completed   light  m  2.0 MB  $0.35  videos/j.mp4",
    ]


def test_a_failure_is_told_with_its_money() -> None:
    """The reason and the charge stand in the line, with the server's control characters gone."""
    board = Board(HandClock(), lambda _: "light")
    error = ContentRejectedError("refused\x1b[31m for its content", charge=Charge.REFUNDED)
    event = JobStateChanged(job_id="j", key="k", model="m", at=0.0, state=JobState.FAILED, error=error)
    assert plain(board, event) == ["failed      light  m  refused [31m for its content. The charge was refunded."]
