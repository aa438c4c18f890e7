"""RateHeaders: what an answer's headers say about limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.limits.headers import LONGEST_RESET, RateHeaders

WALL = 1_790_000_000.0


def test_all_headers_are_read() -> None:
    """Limit, remaining, reset, failure budget and Retry-After each land in their field."""
    headers = {
        "x-ratelimit-limit-requests": "120",
        "x-ratelimit-remaining-requests": "7",
        "x-ratelimit-reset-requests": "1790000030",
        "x-ratelimit-remaining": "19",
        "retry-after": "4",
    }
    assert RateHeaders.parse(headers, wall=WALL) == RateHeaders(
        limit=120, remaining=7, reset_in=30.0, failures_remaining=19, retry_after=4.0
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1790000030", 30.0),
        ("1790000030000", 30.0),
        ("1790000030500.0", 30.5),
        ("30", 30.0),
        ("1789999000", 0.0),
        ("1799999999", LONGEST_RESET),
        ("9e99", LONGEST_RESET),
        ("-5", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("1_0", None),
        ("٣٠", None),
    ],
)
def test_the_unit_of_a_reset_is_told_by_its_magnitude(text: str, seconds: float | None) -> None:
    """Unix seconds, Unix milliseconds and seconds from now are told apart; the result stays within two minutes."""
    assert RateHeaders.parse({"x-ratelimit-reset-requests": text}, wall=WALL).reset_in == seconds


def test_retry_after_may_be_a_date() -> None:
    """An HTTP date counts from the given wall time."""
    headers = {"retry-after": "Mon, 21 Sep 2026 14:13:40 GMT"}
    parsed = RateHeaders.parse(headers, wall=1_790_000_000.0).retry_after
    assert parsed == 20.0


def test_a_limit_of_zero_counts_as_absent() -> None:
    """One broken answer must not stop the client for good."""
    assert RateHeaders.parse({"x-ratelimit-limit-requests": "0"}, wall=WALL).limit is None


@given(st.text(), st.text(), st.text(), st.text(), st.text())
def test_garbage_never_raises(limit: str, remaining: str, reset: str, failures: str, retry: str) -> None:
    """Whatever stands in the headers, the result is numbers in range or None."""
    headers = {
        "x-ratelimit-limit-requests": limit,
        "x-ratelimit-remaining-requests": remaining,
        "x-ratelimit-reset-requests": reset,
        "x-ratelimit-remaining": failures,
        "retry-after": retry,
    }
    parsed = RateHeaders.parse(headers, wall=WALL)
    assert parsed.limit is None or parsed.limit >= 1
    assert parsed.reset_in is None or 0.0 <= parsed.reset_in <= LONGEST_RESET
    assert parsed.retry_after is None or 0.0 <= parsed.retry_after <= LONGEST_RESET
