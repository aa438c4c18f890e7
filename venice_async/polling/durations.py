"""How long jobs of one kind take: a law that begins with the server's hint and learns from every answer."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from operator import mul
from typing import Any, Final, TypeGuard

from venice_async.polling import lognormals
from venice_async.polling.lognormals import BINS, BLIND_P80, EDGES, FIRST_EDGE, STEP, WIDTHS

SHORTEST_HINT: Final = 0.5
LONGEST_HINT: Final = 20_000.0

FORGETTING: Final = 0.99
"""Weight that what was seen keeps per completion, so that a model whose speed drifts is followed."""

FORGET_AFTER: Final = 20.0
"""Completions that are all kept in full: with few, chance outweighs drift."""

FREE_FORM_PRIOR: Final = 6.0
"""Jobs' worth of trust that the free-form law puts in the lognormal one before it goes its own way."""

FREE_FORM_DOUBT: Final = -1.5
"""Log odds of the free-form law at first: most models' jobs are lognormal enough."""

TAIL_RATE: Final = 0.6
"""Past the hint the rate is at least this over the age: a job that is late is never given up."""

MOST_ODDS: Final = 6.0


LOWEST_RATE: Final = 1e-9
FULL_WEIGHING_EVERY: Final = 8
"""Weighings after which hypotheses that had dropped out get a new chance."""


def bin_of(age: float) -> int:
    """The number of the bin that holds `age` (seconds)."""
    if age < FIRST_EDGE:
        return 0
    return min(BINS - 1, 1 + int(math.log(age / FIRST_EDGE) / STEP))


class Hazard:
    """A law as cumulative hazard: constant rate within each bin of `EDGES`."""

    __slots__ = ("at_edge", "rate")

    def __init__(self) -> None:
        self.rate = [LOWEST_RATE] * BINS
        self.at_edge = [LOWEST_RATE * edge for edge in EDGES]

    def replace(self, rates: list[float]) -> None:
        """Give every bin its rate."""
        self.rate = rates
        self.at_edge = list(accumulate(map(mul, rates, WIDTHS), initial=0.0))

    def until(self, age: float) -> float:
        """Cumulative hazard from 0 to `age`."""
        number = bin_of(age)
        return self.at_edge[number] + (age - EDGES[number]) * self.rate[number]

    def age_at(self, cumulative: float) -> float:
        """The age by which the cumulative hazard is `cumulative`."""
        low, high = 0, BINS - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.at_edge[middle] <= cumulative else (low, middle - 1)
        return EDGES[low] + (cumulative - self.at_edge[low]) / self.rate[low]


class Experience:
    """What the laws of all models teach a new one: how wrong this server's hints are, and how wide its laws.

    A new law draws its hypothesis from those that the others came to, each as weighty as what it
    has seen, or afresh from the prior (a Polya urn with one fresh ball).
    """

    def __init__(self) -> None:
        self._fresh = lognormals.prior(told=True)
        self._blind = lognormals.prior(told=False)
        self._shared: dict[int, tuple[float, list[float]]] = {}

    def prior_for(self, law: "DurationLaw") -> list[float]:
        """Weights of the hypotheses for `law`, from everything but itself."""
        if law.hint is None:
            return self._blind
        weights = self._fresh
        for owner, (mass, posterior) in self._shared.items():
            if owner != id(law):
                weights = [weight + mass * other for weight, other in zip(weights, posterior, strict=True)]
        return weights

    def share(self, law: "DurationLaw", posterior: list[float]) -> None:
        """Take over what `law` came to."""
        self._shared[id(law)] = (law.completions / (law.completions + 3.0), posterior)


class DurationLaw:
    """The law of one model (and variant) in seconds of job age, and what was seen of it.

    Answers are kept as counts per bin: completions spread over the interval in which they must have
    happened, and exposure, the jobs that were seen to survive the bin. They weigh the lognormal
    hypotheses, and they shape a free-form law that follows any shape at all; the two bet on each
    answer before they see it, and are mixed by how well they do.
    """

    def __init__(self, experience: Experience) -> None:
        self.hint: float | None = None
        self.completions = 0.0
        self.version = 0
        """Changes whenever the tables do."""
        self.hazard = Hazard()
        self._experience = experience
        self._deaths = [0.0] * BINS
        self._exposure = [0.0] * BINS
        self._last_bin = 1
        self._news = 0.0
        self._foreseen = 0.0  # completions expected of jobs that then survived: by a true law, as many as came
        self._weighings = 0
        self._weights: list[float] = []
        self._odds = FREE_FORM_DOUBT
        self._lognormal = Hazard()
        self._free_form = Hazard()
        self._rebuild()

    def __repr__(self) -> str:
        hint = "no hint" if self.hint is None else f"hint {self.hint:g} s"
        return f"<DurationLaw {hint}, {self.completions:.0f} completions>"

    def learn_hint(self, p80: float) -> None:
        """The server's P80, seconds."""
        p80 = min(max(p80, SHORTEST_HINT), LONGEST_HINT)
        if self.hint is None or abs(p80 - self.hint) > 0.01 * self.hint:
            self.hint = p80
            self._weights = []
            self._rebuild()

    def survived(self, since: float, age: float) -> None:
        """A job seen running at age `since` (0: never) still runs at `age`."""
        if age <= since:
            return
        expected = self.hazard.until(age) - self.hazard.until(since)
        self._bet(self._survival_gain(since, age))
        self._expose(since, age, 1.0)
        # However wrong the law is about one job, it is one job's worth of news.
        news = min(expected, 1.0)
        self._foreseen += news
        self._note(news)

    def completed(self, since: float, age: float) -> None:
        """A job seen running at `since` is found complete at `age`."""
        age = max(age, since + 0.05)
        self._bet(self._completion_gain(since, age))
        self._forget()
        self._spread(since, age)
        self.completions += 1.0
        self._note(1.0)

    def export(self) -> dict[str, Any]:
        """What was seen, as plain JSON data."""
        end = self._last_bin + 1
        return {
            "hint": self.hint,
            "completions": round(self.completions, 3),
            "odds": round(self._odds, 3),
            "deaths": [round(value, 4) for value in self._deaths[:end]],
            "exposure": [round(value, 4) for value in self._exposure[:end]],
        }

    def load(self, learned: Mapping[str, Any]) -> None:
        """Take over what `export` gave; anything that is not such data leaves the law as it is."""
        deaths, exposure = _bins(learned.get("deaths")), _bins(learned.get("exposure"))
        if not deaths or not exposure:
            return
        self._deaths = deaths + [0.0] * (BINS - len(deaths))
        self._exposure = exposure + [0.0] * (BINS - len(exposure))
        self._last_bin = max(1, min(BINS - 1, max(len(deaths), len(exposure)) - 1))
        self.completions = math.fsum(deaths)
        odds = learned.get("odds")
        self._odds = min(max(float(odds), -MOST_ODDS), MOST_ODDS) if _is_number(odds) else FREE_FORM_DOUBT
        hint = learned.get("hint")
        self.hint = min(max(float(hint), SHORTEST_HINT), LONGEST_HINT) if _is_number(hint) else None
        self._weights = []
        self._rebuild()

    def _expose(self, since: float, age: float, weight: float) -> None:
        """Count `weight` jobs as surviving from `since` to `age`, in fractions of bins."""
        first, last = bin_of(since), bin_of(age)
        self._last_bin = max(self._last_bin, last)
        exposure = self._exposure
        if first == last:
            exposure[first] += weight * (age - since) / WIDTHS[first]
            return
        exposure[first] += weight * (EDGES[first + 1] - since) / WIDTHS[first]
        for number in range(first + 1, last):
            exposure[number] += weight
        exposure[last] += weight * (age - EDGES[last]) / WIDTHS[last]

    def _spread(self, since: float, age: float) -> None:
        """Count one completion over the bins of the interval, as likely as the law as it is now has it there."""
        first, last = bin_of(since), bin_of(age)
        self._last_bin = max(self._last_bin, last)
        hazard, deaths, exposure = self.hazard, self._deaths, self._exposure
        start = hazard.until(since)
        total = -math.expm1(start - hazard.until(age))
        begin, before, alive = since, 1.0, 1.0
        for number in range(first, last + 1):
            end = age if number == last else EDGES[number + 1]
            after = math.exp(start - hazard.at_edge[number] - (end - EDGES[number]) * hazard.rate[number])
            mass = (before - after) / total
            deaths[number] += mass
            alive = max(0.0, alive - mass)
            exposure[number] += alive * (end - begin) / WIDTHS[number]
            begin, before = end, after

    def _forget(self) -> None:
        if self.completions <= FORGET_AFTER:
            return
        self.completions *= FORGETTING
        self._foreseen *= FORGETTING
        self._odds *= FORGETTING
        self._deaths = [value * FORGETTING for value in self._deaths]
        self._exposure = [value * FORGETTING for value in self._exposure]

    def _survival_gain(self, since: float, age: float) -> float:
        """By how much (log) the free-form law foresaw the survival better than the lognormal one."""
        lognormal = self._lognormal.until(age) - self._lognormal.until(since)
        return lognormal - (self._free_form.until(age) - self._free_form.until(since))

    def _completion_gain(self, since: float, age: float) -> float:
        """The same for a completion within the interval."""
        lognormal = self._lognormal.until(age) - self._lognormal.until(since)
        free_form = self._free_form.until(age) - self._free_form.until(since)
        return math.log(max(-math.expm1(-free_form), 1e-9) / max(-math.expm1(-lognormal), 1e-9))

    def _bet(self, gain: float) -> None:
        self._odds = min(max(self._odds + gain, -MOST_ODDS), MOST_ODDS)

    def _note(self, news: float) -> None:
        """Rebuild the tables once what was seen since, completions that came or were due, may matter."""
        self._news += news
        seen = max(self.completions, self._foreseen)
        if self._news >= 0.4 + 0.08 * seen * (1.0 + 0.01 * seen):
            self._rebuild()

    def _rebuild(self) -> None:
        self._news = 0.0
        self.version += 1
        p80 = self.hint or BLIND_P80
        self._weigh(p80)
        survival = lognormals.survival(self._weights, p80=p80)
        self._shape(survival, floor_from=p80)

    def _weigh(self, p80: float) -> None:
        prior = self._experience.prior_for(self)
        everything = not self._weights or self._weighings % FULL_WEIGHING_EVERY == 0
        self._weighings += 1
        active = [number for number in range(len(prior)) if everything or self._weights[number] > 1e-6]
        seen = slice(1, self._last_bin + 1)
        self._weights = lognormals.posterior(
            prior, active, p80=p80, deaths=self._deaths[seen], exposure=self._exposure[seen]
        )
        if self.hint is not None and self.completions:
            self._experience.share(self, self._weights)

    def _shape(self, survival: Sequence[float], *, floor_from: float) -> None:
        expected = [math.log(now / max(later, 1e-9)) if now > 1e-6 else 0.0 for now, later in pairwise(survival)]
        free = [
            (hazard * trust + deaths) / (trust + exposure + 0.5 * deaths)
            for hazard, trust, deaths, exposure in zip(
                expected,
                [FREE_FORM_PRIOR * max(reached, 0.02) for reached in survival[:BINS]],
                _smoothed(self._deaths),
                _smoothed(self._exposure),
                strict=True,
            )
        ]
        least = [TAIL_RATE / edge if edge > floor_from else LOWEST_RATE for edge in EDGES[1:]]
        lognormal = [max(hazard / width, low) for hazard, width, low in zip(expected, WIDTHS, least, strict=True)]
        free_form = [max(hazard / width, low) for hazard, width, low in zip(free, WIDTHS, least, strict=True)]
        share = 1.0 / (1.0 + math.exp(-self._odds))
        self._lognormal.replace(lognormal)
        self._free_form.replace(free_form)
        self.hazard.replace([(1.0 - share) * a + share * b for a, b in zip(lognormal, free_form, strict=True)])


def _smoothed(values: Sequence[float]) -> list[float]:
    """Each bin's value with its neighbours': single completions would make a comb of spikes."""
    inner = [0.25 * a + 0.5 * b + 0.25 * c for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return [values[0], *inner, values[-1]]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _bins(values: object) -> list[float]:
    """The list if it is one of plausible counts per bin, else an empty one."""
    if not isinstance(values, list) or len(values) > BINS:
        return []
    if not all(_is_number(value) and 0 <= value <= 1e9 for value in values):
        return []
    return [float(value) for value in values]
