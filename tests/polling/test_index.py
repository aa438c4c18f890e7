"""What asking is worth, and from when on."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.polling.durations import Hazard
from venice_async.polling.index import due_age, index
from venice_async.polling.lognormals import BINS


def constant(rate: float) -> Hazard:
    hazard = Hazard()
    hazard.replace([rate] * BINS)
    return hazard


@given(rate=st.floats(1e-4, 2.0), price=st.floats(0.01, 50.0), seen=st.floats(0.0, 300.0))
def test_at_the_due_age_the_index_is_the_price(rate: float, price: float, seen: float) -> None:
    """Not before and not after: the index reaches the price at the due age."""
    hazard = constant(rate)
    age = due_age(hazard, hazard.until(seen), since=seen, until=80_000.0, price=price)
    if age < 80_000.0:
        assert index(hazard, hazard.until(seen), age) == pytest.approx(price, rel=1e-3)


def test_a_cheap_request_is_sent_every_root_of_twice_the_price_over_the_rate() -> None:
    """For a small price the known formula holds."""
    hazard = constant(0.01)
    assert due_age(hazard, 0.0, since=0.0, until=1e4, price=0.02) == pytest.approx(math.sqrt(2 * 0.02 / 0.01), rel=0.02)


def test_the_index_grows_with_silence_and_starts_at_zero() -> None:
    """Nothing is won by asking twice at once; ever more by asking after a longer silence."""
    hazard = constant(0.1)
    worths = [index(hazard, hazard.until(10.0), 10.0 + gap) for gap in (0.0, 1.0, 5.0, 20.0, 1000.0)]
    assert worths[0] == 0.0
    assert worths == sorted(worths)
    assert math.isfinite(worths[-1])


def test_due_age_keeps_to_its_limits() -> None:
    """Never before `since`, never after `until`."""
    hazard = constant(0.1)
    assert due_age(hazard, 0.0, since=500.0, until=600.0, price=0.1) == 500.0
    assert due_age(hazard, 0.0, since=0.0, until=3.0, price=1e6) == 3.0


def test_hopeless_ages_are_waited_through() -> None:
    """Where nothing ends before 100 s, a job is not asked before."""
    hazard = Hazard()
    hazard.replace([1e-9 if number < 92 else 0.1 for number in range(BINS)])
    age = due_age(hazard, 0.0, since=0.0, until=1e4, price=0.1)
    assert 99.0 < age < 110.0
