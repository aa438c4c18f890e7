"""What asking about a job is worth, and from which age on it is worth a given price."""

import math
from typing import Final

from venice_async.polling.durations import Hazard, bin_of
from venice_async.polling.lognormals import BINS, EDGES

MOST: Final = 40.0
"""Cumulative hazard beyond which a job is as good as finished, and the exponential only overflows."""


def index(hazard: Hazard, seen_hazard: float, age: float) -> float:
    """Seconds of waiting that one request now is worth, for a job at `age` last seen at cumulative `seen_hazard`."""
    number = bin_of(age)
    rate = hazard.rate[number]
    gained = hazard.at_edge[number] + (age - EDGES[number]) * rate - seen_hazard
    return _excess(gained) / rate if gained > 0 else 0.0


def due_age(hazard: Hazard, seen_hazard: float, *, since: float, until: float, price: float) -> float:
    """The first age in [since, until] at which the index reaches `price`; `until` where it does not."""
    if index(hazard, seen_hazard, since) >= price:
        return since
    number = bin_of(since)
    while number < BINS - 1 and EDGES[number] < until:
        rate = hazard.rate[number]
        # The index jumps where the rate does, so the bin's own rate is asked at both its ends.
        if _excess(hazard.at_edge[number + 1] - seen_hazard) >= price * rate:
            needed = seen_hazard + _inverse_excess(price * rate) - hazard.at_edge[number]
            return min(max(since, EDGES[number], EDGES[number] + needed / rate), until)
        number += 1
    return until


def _excess(hazard: float) -> float:
    """exp(x) - 1 - x; for a small x by its series, where the difference would cancel to noise."""
    if hazard < 1e-3:
        return 0.5 * hazard * hazard if hazard > 0 else 0.0
    hazard = min(hazard, MOST)
    return math.expm1(hazard) - hazard


def _inverse_excess(value: float) -> float:
    """The x with exp(x) - 1 - x = value, by Newton's method from above, where it converges.

    As exp(x) - 1 - x >= x**2 / 2, the solution is at most sqrt(2 value), and so at most the start here.
    """
    x = math.log1p(value + math.sqrt(2.0 * value))
    for _ in range(4):
        slope = math.expm1(x)
        if slope <= 0.0:
            break
        x -= (slope - x - value) / slope
    return x
