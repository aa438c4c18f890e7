"""Backoff: how long before the same call is tried again."""

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.backoff import LONGEST_RETRY_AFTER, RETRY_AFTER_JITTER, Backoff


@given(attempt=st.integers(-5, 100_000), seed=st.integers(0, 2**32))
def test_delay_stays_under_the_doubling_ceiling_and_the_cap(attempt: int, seed: int) -> None:
    """Whatever the attempt, the delay is between zero and min(cap, base * 2**(n - 1))."""
    delay = Backoff(base=2.0, cap=60.0).delay(attempt, rng=random.Random(seed))
    assert 0.0 <= delay <= min(60.0, 2.0 * 2.0 ** min(max(attempt, 1) - 1, 64))


def test_jitter_fills_the_whole_interval() -> None:
    """Full jitter: delays of jobs that failed together lie all over the interval, not around its end."""
    rng = random.Random(7)
    delays = [Backoff(base=8.0, cap=8.0).delay(1, rng=rng) for _ in range(400)]
    assert min(delays) < 0.4
    assert max(delays) > 7.6
    assert abs(sum(delays) / len(delays) - 4.0) < 0.5


@given(asked=st.floats(allow_nan=True, allow_infinity=True), seed=st.integers(0, 2**32))
def test_retry_after_is_honoured_within_reason(asked: float, seed: int) -> None:
    """The server's word is a lower bound, clamped to two minutes; what is not a number is ignored."""
    delay = Backoff(base=1.0, cap=1.0).delay(1, rng=random.Random(seed), retry_after=asked)
    least = min(max(asked, 0.0), LONGEST_RETRY_AFTER) if math.isfinite(asked) else 0.0
    assert least <= delay <= max(1.0, least + RETRY_AFTER_JITTER)


def test_the_same_seed_gives_the_same_delay() -> None:
    """Chance is an argument."""
    assert Backoff().delay(3, rng=random.Random(1)) == Backoff().delay(3, rng=random.Random(1))


def test_gives_up_by_attempts_counting_the_first() -> None:
    """With max_attempts=3 the third failed call is the last."""
    backoff = Backoff(max_attempts=3)
    assert [backoff.gives_up(attempt, 0.0) for attempt in (1, 2, 3, 4)] == [False, False, True, True]


def test_gives_up_by_elapsed_time() -> None:
    """With max_elapsed=10 a call that failed ten seconds after the first began was the last."""
    backoff = Backoff(max_elapsed=10.0)
    assert [backoff.gives_up(1, elapsed) for elapsed in (0.0, 9.9, 10.0)] == [False, False, True]


def test_without_limits_it_never_gives_up() -> None:
    """No limit set is no limit."""
    assert not Backoff().gives_up(10**6, 10.0**9)


@pytest.mark.parametrize(
    "wrong",
    [{"base": 0.0}, {"base": math.inf}, {"cap": 0.0}, {"cap": math.inf}, {"max_attempts": 0}, {"max_elapsed": 0.0}],
)
def test_senseless_settings_are_refused(wrong: dict[str, Any]) -> None:
    """Each validator refuses."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Backoff(**wrong)
