"""What a view knows, from events alone."""

import pytest

from venice_async.cli.board import Board, Line
from venice_async.errors import RateLimitError, VeniceError
from venice_async.jobs import JobDelayed, JobPolled, JobProgress, JobState, JobStateChanged
from venice_async.polling import Estimate


class HandClock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1e9 + self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def board(clock: HandClock) -> Board:
    return Board(clock, lambda job_id: f"name of {job_id}")


def moved(board: Board, job_id: str, state: JobState, error: VeniceError | None = None) -> Line:
    """The job moves."""
    return board.take(JobStateChanged(job_id=job_id, key=job_id, model="m", at=0.0, state=state, error=error))


def test_time_counts_against_the_usual_time(board: Board, clock: HandClock) -> None:
    """A queued job's progress is its age by the server's word over the model's usual time, and never all of it."""
    line = moved(board, "a", JobState.QUEUED)
    assert line.fraction(clock.now) is None
    board.take(JobPolled(job_id="a", key="a", model="m", at=0.0, average_execution_time=80.0, execution_duration=20.0))
    assert line.fraction(clock.now) == 0.25
    assert line.fraction(clock.now + 20) == 0.5
    assert line.fraction(clock.now + 500) == 0.99


def test_bytes_count_while_they_come_in(board: Board, clock: HandClock) -> None:
    """A download's progress is its bytes, and may go back; without a total it is not known."""
    line = moved(board, "a", JobState.DOWNLOADING)
    board.take(JobProgress(job_id="a", key="a", model="m", at=0.0, received=30, total=40))
    assert line.fraction(clock.now) == 0.75
    board.take(JobProgress(job_id="a", key="a", model="m", at=0.0, received=10, total=40))
    assert line.fraction(clock.now) == 0.25
    board.take(JobProgress(job_id="a", key="a", model="m", at=0.0, received=10))
    assert line.fraction(clock.now) is None


def test_trouble_stands_until_a_good_answer(board: Board) -> None:
    """A delay shows until the next poll; 429s are counted."""
    line = moved(board, "a", JobState.QUEUED)
    board.take(JobDelayed(job_id="a", key="a", model="m", at=0.0, error=RateLimitError("slow down"), delay=1.0))
    assert isinstance(line.trouble, RateLimitError)
    assert board.limited == 1
    board.take(JobPolled(job_id="a", key="a", model="m", at=0.0))
    assert line.trouble is None


def test_the_lines_that_do_not_fit_are_those_farthest_from_their_end(board: Board) -> None:
    """Lines keep the order of submission; what waits gives way to what runs, and what is at rest is gone."""
    for job_id, state in (
        ("a", JobState.PENDING),
        ("b", JobState.QUEUED),
        ("c", JobState.COMPLETED),
        ("d", JobState.DOWNLOADING),
        ("e", JobState.HELD),
    ):
        moved(board, job_id, state)
    assert [line.job_id for line in board.active(at_most=9)] == ["a", "b", "d"]
    assert [line.job_id for line in board.active(at_most=2)] == ["b", "d"]
    assert board.counts() == {"waiting": 1, "running": 2, "done": 1, "held": 1}


def test_what_was_at_rest_before_counts(board: Board) -> None:
    """Beside what happens now."""
    board.note_before(JobState.COMPLETED)
    moved(board, "a", JobState.COMPLETED)
    moved(board, "b", JobState.PENDING)
    assert board.counts() == {"done": 2, "waiting": 1}


def test_the_forecast_learns_from_what_came_home(board: Board, clock: HandClock) -> None:
    """What waits is taken to need as long as what has been made; without anything to go by nothing is told."""
    for number in range(6):
        moved(board, f"job-{number}", JobState.QUEUED)
    moved(board, "late", JobState.PENDING)
    assert board.forecast(None, queue_per_minute=40.0) is None
    clock.now += 30.0
    for number in range(6):
        moved(board, f"job-{number}", JobState.COMPLETED)
    assert board.forecast(None, queue_per_minute=40.0) == Estimate(p50=31.5, p90=31.5)
