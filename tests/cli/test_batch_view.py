"""What a log file gets of a batch: little, and enough."""

import io
from typing import Any

import pytest

from venice_async.cli.batch_view import PAUSE, BatchLines
from venice_async.cli.board import Board
from venice_async.cli.terminal import Terminal
from venice_async.errors import CapacityError
from venice_async.jobs import JobDelayed, JobState, JobStateChanged

from .test_board import HandClock
from .test_live import Outlook


class Log:
    """A view, and what it has written."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.board = Board(self.clock, lambda job_id: job_id)
        self._stream = io.StringIO()
        terminal = Terminal(out=io.StringIO(), err=self._stream)
        self.view = BatchLines(self.board, Outlook(), terminal, clock=self.clock)

    def happen(self, kind: Any, number: int, **facts: Any) -> None:
        event = kind(job_id=f"job-{number}", key="k", model="m", at=0.0, **facts)
        self.view.show(event, self.board.take(event))

    def lines(self) -> list[str]:
        """What has been written since the last call."""
        written = self._stream.getvalue().splitlines()
        self._stream.seek(0)
        self._stream.truncate()
        return written


@pytest.fixture
def log() -> Log:
    return Log()


def test_only_ends_are_told(log: Log) -> None:
    """One line for each job, whatever it went through."""
    for state in (JobState.PENDING, JobState.QUEUEING, JobState.QUEUED, JobState.DOWNLOADING, JobState.COMPLETED):
        log.happen(JobStateChanged, 1, state=state)
    log.happen(JobStateChanged, 2, state=JobState.FAILED, error=CapacityError("full"))
    assert log.lines() == [
        "completed   job-1  2.0 MB  $0.35  videos/job-1.mp4",
        "failed      job-2  full. Nothing was charged.",
    ]


def test_the_same_trouble_of_many_jobs_is_told_now_and_then(log: Log) -> None:
    """With how often it was met meanwhile."""
    for number in range(50):
        log.happen(JobDelayed, number, error=CapacityError("full", status=503), delay=1.0)
    log.clock.now += PAUSE
    log.happen(JobDelayed, 7, error=CapacityError("full", status=503), delay=1.0)
    assert log.lines() == [
        "delayed     job-0  503, again soon",
        "delayed     job-7  503, again soon (49 more times before)",
    ]


def test_where_it_stands_is_told_now_and_then(log: Log) -> None:
    """Not at every redrawing, and not when nothing has changed."""
    log.happen(JobStateChanged, 1, state=JobState.QUEUED)
    log.board.note_before(JobState.COMPLETED)
    log.view.refresh()
    assert log.lines() == []
    for _ in range(3):
        log.clock.now += PAUSE
        log.view.refresh()
        log.view.refresh()
    (line,) = log.lines()
    assert line.startswith("1 done   1 running   0 waiting   0 failed   $123.45 spent   $678.90 reserved")
    assert line.endswith("all in 1:01:40 to 1:06:40")
