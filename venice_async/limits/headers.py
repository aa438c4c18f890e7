"""What an answer's headers say about rate limits."""

import email.utils
import math
from collections.abc import Mapping
from typing import Final

from attrs import frozen

LONGEST_RESET: Final = 120.0
"""Seconds; limits are per minute, so an announced reset further away is a fault of the header."""


@frozen(kw_only=True)
class RateHeaders:
    """What one answer's headers say about limits; None where they say nothing (usable).

    `limit` and `remaining` are requests a minute of the endpoint asked, `reset_in` and
    `retry_after` seconds from now, `failures_remaining` failed requests before the key is blocked.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_in: float | None = None
    failures_remaining: int | None = None
    retry_after: float | None = None

    @classmethod
    def parse(cls, headers: Mapping[str, str], *, wall: float) -> "RateHeaders":
        """Read `headers` (names in lower case) that arrived at Unix time `wall`; garbage counts as absent."""
        limit = _count(headers.get("x-ratelimit-limit-requests"))
        return cls(
            limit=limit or None,  # a limit of zero would stop us for good on one broken answer
            remaining=_count(headers.get("x-ratelimit-remaining-requests")),
            reset_in=_seconds_until(headers.get("x-ratelimit-reset-requests"), wall),
            failures_remaining=_count(headers.get("x-ratelimit-remaining")),
            retry_after=_retry_after(headers.get("retry-after"), wall),
        )


def _number(text: str | None) -> float | None:
    # float() also takes "1_000", "nan" and other scripts' digits, which no server means.
    if text is None or len(text) > 32 or "_" in text or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _count(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and 0 <= number <= 1e9 else None


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_RESET)


def _seconds_until(text: str | None, wall: float) -> float | None:
    """Seconds until an announced instant, whose unit is told by its magnitude: Unix ms, Unix s, or seconds from now."""
    number = _number(text)
    if number is None or number < 0:
        return None
    if number >= 1e11:
        return _clamped(number / 1000 - wall)
    return _clamped(number - wall) if number >= 1e8 else _clamped(number)


def _retry_after(text: str | None, wall: float) -> float | None:
    number = _number(text)
    if number is not None:
        return _clamped(number) if number >= 0 else None
    try:
        instant = email.utils.parsedate_to_datetime(text or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return _clamped(instant - wall)
