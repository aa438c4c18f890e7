"""When jobs will be done, as the laws of their models see it."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from venice_async.polling.durations import Hazard, bin_of

HALVINGS: Final = 40
LONGEST: Final = 86_400.0


@frozen(kw_only=True)
class Estimate:
    """Seconds from now until the video is there: the median, and what nine cases in ten stay below."""

    p50: float
    p90: float


def one_of(hazard: Hazard, age: float) -> Estimate:
    """For one job that still runs at `age`."""
    reached = hazard.until(age)
    p50, p90 = (max(0.0, hazard.age_at(reached - math.log(1.0 - share)) - age) for share in (0.5, 0.9))
    return Estimate(p50=p50, p90=p90)


def last_of(jobs: Iterable[tuple[Hazard, float]]) -> Estimate | None:
    """For the last of many jobs, each given by its law and age; None for no jobs.

    Jobs of one law whose ages share a bin are taken together: thousands of jobs are a few hundred groups.
    """
    groups: Counter[tuple[int, int]] = Counter()
    example: dict[tuple[int, int], tuple[Hazard, float]] = {}
    for hazard, age in jobs:
        key = (id(hazard), bin_of(age))
        groups[key] += 1
        example.setdefault(key, (hazard, age))
    if not groups:
        return None
    counted = [(*example[key], count) for key, count in groups.items()]
    return Estimate(p50=_all_done_by(counted, 0.5), p90=_all_done_by(counted, 0.9))


def _all_done_by(groups: list[tuple[Hazard, float, int]], share: float) -> float:
    low, high = 0.0, LONGEST
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if _log_all_done(groups, middle) >= math.log(share):
            high = middle
        else:
            low = middle
    return high


def _log_all_done(groups: list[tuple[Hazard, float, int]], seconds: float) -> float:
    """Log of the probability that every job is done `seconds` from now."""
    total = 0.0
    for hazard, age, count in groups:
        done = -math.expm1(hazard.until(age) - hazard.until(age + seconds))
        total += count * math.log(max(done, 1e-300))
    return total
