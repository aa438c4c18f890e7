"""Hypotheses about how long a model's jobs take: lognormal laws around the P80 that the server tells.

One hypothesis says how wide the law is (`sigma`, the standard deviation of the log) and by how much
the server's word is off (`shift`, on the log scale). All of them are read from tables over log age,
so that weighing a hypothesis against everything seen is two dot products.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from operator import mul
from typing import Final

from attrs import frozen

RATIO: Final = 1.06
FIRST_EDGE: Final = 0.5
BINS: Final = 210
STEP: Final = math.log(RATIO)
EDGES: Final = (0.0, *(FIRST_EDGE * RATIO**k for k in range(BINS)))
"""Ages in seconds that bound the bins: finer where time is short, up to more than the day that a queue id lives."""

WIDTHS: Final = tuple(EDGES[k + 1] - EDGES[k] for k in range(BINS))

P80_Z: Final = 0.8416212
"""How many standard deviations the 80th percentile of a normal law lies above its median."""

SIGMAS: Final = (
    (0.1, 0.03),
    (0.16, 0.08),
    (0.23, 0.24),
    (0.3, 0.32),
    (0.4, 0.2),
    (0.55, 0.08),
    (0.8, 0.03),
    (1.2, 0.02),
)
"""Widths with their prior weights: most models' jobs differ by a third or so."""

_HALF: Final = (0.07, 0.15, 0.24, 0.36, 0.5, 0.66, 0.8, 1.0, 1.3, 1.7)
SHIFTS: Final = (*(-shift for shift in reversed(_HALF)), 0.0, *_HALF)

TRUST: Final = 0.94
"""Prior weight of "the server's P80 is about right" against "it is off by anything"."""

RIGHT_WITHIN: Final = 0.08
OFF_BY: Final = 0.8
BLIND_P80: Final = 60.0
BLIND_SPREAD: Final = 1.0

_FINE: Final = 4  # table points per bin: a law's place is rounded to 1.5 %, not to a whole bin
_REACH: Final = _FINE * (BINS + 120)


@frozen(kw_only=True)
class Hypothesis:
    """One lognormal law. The tables run over log age, a quarter of a bin per step, from `-_REACH` of its median."""

    sigma: float
    shift: float
    survival: Sequence[float]
    hazard: Sequence[float]
    """Cumulative hazard over the bin that begins there."""
    log_death: Sequence[float]
    """Log of the probability to end within that bin, for a job that reached it."""

    def start(self, p80: float) -> int:
        """Where in the tables bin 1 begins when the server tells `p80`; bin k is `_FINE * (k - 1)` further."""
        median = math.log(p80) - P80_Z * self.sigma + self.shift
        return _REACH + round((math.log(FIRST_EDGE) - median) / STEP * _FINE)


@functools.cache
def family() -> tuple[Hypothesis, ...]:
    """All hypotheses, in the order of the weights below. Made at first use: importing must stay cheap."""
    return tuple(hypothesis for sigma, _ in SIGMAS for hypothesis in _of_width(sigma))


def _of_width(sigma: float) -> Iterable[Hypothesis]:
    cumulative = [-_log_survival(max(-8.0, step * STEP / _FINE / sigma)) for step in range(-_REACH, _REACH + _FINE)]
    hazard = [max(after - before, 1e-12) for before, after in zip(cumulative, cumulative[_FINE:], strict=False)]
    log_death = [math.log(-math.expm1(-increment)) for increment in hazard]
    survival = [math.exp(-value) for value in cumulative]
    for shift in SHIFTS:
        yield Hypothesis(sigma=sigma, shift=shift, survival=survival, hazard=hazard, log_death=log_death)


def _log_survival(z: float) -> float:
    """Log of the probability that a standard normal variable exceeds `z`; Mills' ratio where erfc underflows."""
    if z < 25.0:
        return math.log(0.5 * math.erfc(z / math.sqrt(2.0)))
    return -0.5 * z * z - math.log(z * math.sqrt(2.0 * math.pi))


def prior(*, told: bool) -> list[float]:
    """Weights before anything was seen; `told` says whether the server has told a P80 at all."""
    weights = [width * _shift_prior(number, told=told) for _, width in SIGMAS for number in range(len(SHIFTS))]
    return normalised(weights)


def _shift_prior(number: int, *, told: bool) -> float:
    shift = SHIFTS[number]
    below = SHIFTS[number - 1] if number else shift - 0.4
    above = SHIFTS[number + 1] if number + 1 < len(SHIFTS) else shift + 0.4
    if not told:
        return (above - below) * _bell(shift, BLIND_SPREAD)
    return (above - below) * (TRUST * _bell(shift, RIGHT_WITHIN) + (1.0 - TRUST) * _bell(shift, OFF_BY))


def _bell(x: float, spread: float) -> float:
    return math.exp(-0.5 * (x / spread) ** 2) / spread


def normalised(weights: Sequence[float]) -> list[float]:
    """The same weights with sum one."""
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def posterior(
    weights: Sequence[float], active: Iterable[int], *, p80: float, deaths: Sequence[float], exposure: Sequence[float]
) -> list[float]:
    """Weights after what was seen: `deaths` and `exposure` per bin from bin 1 on. Only `active` ones are weighed."""
    length = _FINE * len(deaths)
    logs: dict[int, float] = {}
    for number in active:
        hypothesis = family()[number]
        first = hypothesis.start(p80)
        died = sum(map(mul, deaths, hypothesis.log_death[first : first + length : _FINE]))
        lived = sum(map(mul, exposure, hypothesis.hazard[first : first + length : _FINE]))
        logs[number] = math.log(max(weights[number], 1e-300)) + died - lived
    best = max(logs.values())
    result = [0.0] * len(weights)
    for number, log in logs.items():
        result[number] = math.exp(log - best)
    return normalised(result)


def survival(weights: Sequence[float], *, p80: float) -> list[float]:
    """The probability that a new job is still running at each of `EDGES`, by the weighted hypotheses."""
    total = [0.0] * BINS
    for weight, hypothesis in zip(weights, family(), strict=True):
        if weight < 1e-4:
            continue
        first = hypothesis.start(p80)
        table = hypothesis.survival[first : first + _FINE * BINS : _FINE]
        total = [so_far + weight * value for so_far, value in zip(total, table, strict=True)]
    mass = math.fsum(weight for weight in weights if weight >= 1e-4)
    return [1.0, *(value / mass for value in total)]
