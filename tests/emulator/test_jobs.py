"""How long jobs take, and what they cost."""

import math
from collections.abc import Callable
from decimal import Decimal

import pytest

from venice_async.emulator.jobs import EmulatedJob, JobBook
from venice_async.emulator.sheets import DEFAULT_SHEETS

SHEET = next(sheet for sheet in DEFAULT_SHEETS if sheet.id == "wan-2.6-text-to-video")


def book(
    *,
    cv: float = 0.3,
    execution_time: Callable[[str, int], float] | None = None,
    parallel: int | None = None,
    announced: dict[str, float] | None = None,
) -> JobBook:
    return JobBook(
        seed=1, cv=cv, execution_time=execution_time, announced=announced or {}, parallel=parallel, balance_usd=None
    )


def accept(jobs: JobBook, *, now: float = 0.0) -> EmulatedJob:
    return jobs.accept(SHEET, prompt="", aspect_ratio=None, usd=Decimal(1), request_hash="", failure=None, now=now)


@pytest.mark.parametrize("cv", [0.15, 0.3, 0.6])
def test_durations_follow_their_law(cv: float) -> None:
    """4 jobs in 5 end within the P80 that is announced, and the spread is the one asked for."""
    jobs = book(cv=cv)
    seconds = [accept(jobs).ready_at for _ in range(4000)]
    assert sum(second <= SHEET.p80 for second in seconds) / 4000 == pytest.approx(0.8, abs=0.02)
    mean = sum(seconds) / 4000
    deviation = math.sqrt(sum((second - mean) ** 2 for second in seconds) / 4000)
    assert deviation / mean == pytest.approx(cv, rel=0.08)


def test_durations_can_be_told() -> None:
    """A law of one's own gets the model and the job's number; what is announced can differ from it."""
    jobs = book(execution_time=lambda model, number: 10.0 * number + len(model), announced={SHEET.id: 33.0})
    first, second = accept(jobs), accept(jobs)
    assert second.ready_at - first.ready_at == 10.0
    assert first.announced == 33.0


def test_a_server_with_few_places() -> None:
    """Where so many run at a time, the others start in order as places come free."""
    jobs = book(execution_time=lambda _, __: 10.0, parallel=2)
    started = [accept(jobs, now=float(at)).started_at for at in range(5)]
    assert started == [0.0, 1.0, 10.0, 11.0, 20.0]


def test_money_given_back() -> None:
    """A refund is noted once, and what was spent is the rest."""
    jobs = book()
    first, _ = accept(jobs), accept(jobs)
    jobs.refund(first, 5.0)
    jobs.refund(first, 9.0)
    assert [charge.refunded_at for charge in jobs.charges] == [5.0, None]
    assert jobs.spent_usd == 1
