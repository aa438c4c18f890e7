"""Estimates: when jobs will be done."""

import math

import pytest

from venice_async.polling.durations import Hazard
from venice_async.polling.estimates import last_of, one_of
from venice_async.polling.lognormals import BINS


def constant(rate: float) -> Hazard:
    hazard = Hazard()
    hazard.replace([rate] * BINS)
    return hazard


@pytest.mark.parametrize("age", [0.0, 7.0, 300.0])
def test_a_job_without_memory_has_the_same_rest_at_any_age(age: float) -> None:
    """With a constant rate the median rest is log 2 over the rate, conditional on still running."""
    estimate = one_of(constant(0.1), age)
    assert estimate.p50 == pytest.approx(math.log(2.0) / 0.1, rel=1e-6)
    assert estimate.p90 == pytest.approx(math.log(10.0) / 0.1, rel=1e-6)


def test_the_last_of_one_is_that_one() -> None:
    """A set of one job is estimated like the job."""
    one, last = one_of(constant(0.05), 12.0), last_of([(constant(0.05), 12.0)])
    assert last is not None
    assert last.p50 == pytest.approx(one.p50, rel=1e-6)
    assert last.p90 == pytest.approx(one.p90, rel=1e-6)


def test_the_last_of_many_takes_longer() -> None:
    """For n jobs without memory the median of the maximum is -log(1 - 0.5**(1/n)) over the rate."""
    hazard = constant(0.1)
    last = last_of((hazard, 3.0) for _ in range(1000))
    assert last is not None
    assert last.p50 == pytest.approx(-math.log(1.0 - 0.5**0.001) / 0.1, rel=1e-3)
    assert last.p90 > last.p50


def test_nothing_has_no_end() -> None:
    """Without jobs there is no estimate."""
    assert last_of([]) is None
