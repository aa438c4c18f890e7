"""DurationLaw: how long jobs take, learned from answers."""

import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venice_async.polling.durations import DurationLaw, Experience, Hazard, bin_of
from venice_async.polling.lognormals import BINS, EDGES


def taught(law: DurationLaw, draw: Callable[[random.Random], float], *, jobs: int, seed: int = 1) -> DurationLaw:
    """The law after `jobs` jobs, each looked at about ten times on the way."""
    rng = random.Random(seed)
    for _ in range(jobs):
        duration, seen = draw(rng), 0.0
        while True:
            age = seen + duration * rng.uniform(0.05, 0.15)
            if age >= duration:
                law.completed(seen, age)
                break
            law.survived(seen, age)
            seen = age
    return law


def lognormal(median: float, sigma: float) -> Callable[[random.Random], float]:
    return lambda rng: median * math.exp(rng.gauss(0.0, sigma))


def quantile(law: DurationLaw, share: float) -> float:
    return law.hazard.age_at(-math.log(1.0 - share))


@given(age=st.floats(0.0, 90_000.0))
def test_each_age_lies_in_its_bin(age: float) -> None:
    """Bins cover every age of a job; rounding at an edge may shift it by a hair."""
    number = bin_of(age)
    assert EDGES[number] <= age * (1 + 1e-9)
    assert age <= EDGES[number + 1] * (1 + 1e-9)


@given(rates=st.lists(st.floats(1e-9, 5.0), min_size=BINS, max_size=BINS), age=st.floats(0.0, 5000.0))
@settings(max_examples=50)
def test_age_at_is_the_inverse_of_until(rates: list[float], age: float) -> None:
    """Going to the cumulative hazard and back gives a point of equal hazard."""
    hazard = Hazard()
    hazard.replace(rates)
    assert hazard.until(hazard.age_at(hazard.until(age))) == pytest.approx(hazard.until(age), rel=1e-6, abs=1e-9)


def test_a_hint_alone_places_the_law() -> None:
    """Before any completion about four jobs in five are expected to end by the hint."""
    law = DurationLaw(Experience())
    law.learn_hint(145.0)
    assert quantile(law, 0.8) == pytest.approx(145.0, rel=0.15)


@pytest.mark.parametrize("told", [72.5, 145.0, 290.0])
def test_it_finds_the_truth_under_a_wrong_hint(told: float) -> None:
    """Forty jobs correct a hint that is off by a factor of two either way."""
    law = DurationLaw(Experience())
    law.learn_hint(told)
    taught(law, lognormal(113.0, 0.3), jobs=40)
    assert quantile(law, 0.5) == pytest.approx(113.0, rel=0.12)
    assert quantile(law, 0.8) == pytest.approx(145.0, rel=0.15)


def test_it_follows_a_law_of_two_humps() -> None:
    """Where jobs end at 40 or at 100 s and never between, the rate between is low and at the humps high."""
    law = DurationLaw(Experience())
    law.learn_hint(100.0)
    taught(law, lambda rng: rng.choice((40.0, 100.0)) * math.exp(rng.gauss(0.0, 0.03)), jobs=80)
    rate = [law.hazard.rate[bin_of(age)] for age in (40.0, 65.0, 100.0)]
    assert rate[1] < 0.3 * rate[0]
    assert rate[1] < 0.3 * rate[2]


def test_it_follows_a_model_that_becomes_slower() -> None:
    """What was seen long ago fades: after the speed halves, two hundred jobs move the median."""
    law = taught(DurationLaw(Experience()), lognormal(50.0, 0.2), jobs=100)
    taught(law, lognormal(100.0, 0.2), jobs=200, seed=2)
    assert quantile(law, 0.5) > 80.0


def test_survivors_alone_move_the_law() -> None:
    """Ten jobs that still run at three times the hint say that the hint is too short."""
    law = DurationLaw(Experience())
    law.learn_hint(20.0)
    before = quantile(law, 0.5)
    for _ in range(10):
        law.survived(0.0, 60.0)
    assert quantile(law, 0.5) > 1.5 * before


def test_a_late_job_is_never_given_up() -> None:
    """However late, the rate stays worth asking for."""
    law = taught(DurationLaw(Experience()), lognormal(10.0, 0.1), jobs=50)
    assert all(law.hazard.rate[number] * EDGES[number + 1] > 0.5 for number in range(bin_of(400.0), BINS))


def test_models_teach_each_other_how_wrong_hints_are() -> None:
    """After one model took twice as long as told, another one is expected to as well."""
    experience = Experience()
    known = DurationLaw(experience)
    known.learn_hint(50.0)
    taught(known, lognormal(80.0, 0.3), jobs=40)
    new = DurationLaw(experience)
    new.learn_hint(100.0)
    alone = DurationLaw(Experience())
    alone.learn_hint(100.0)
    assert quantile(new, 0.5) > 1.2 * quantile(alone, 0.5)


def test_export_and_load_carry_the_law_over() -> None:
    """What was learned survives JSON and a new process."""
    law = DurationLaw(Experience())
    law.learn_hint(60.0)
    taught(law, lognormal(100.0, 0.3), jobs=60)
    again = DurationLaw(Experience())
    again.load(json.loads(json.dumps(law.export())))
    assert again.hint == 60.0
    assert again.completions == pytest.approx(law.completions, rel=0.01)
    for share in (0.1, 0.5, 0.9):
        assert quantile(again, share) == pytest.approx(quantile(law, share), rel=0.05)


@pytest.mark.parametrize(
    "garbage",
    [
        {},
        {"deaths": "many", "exposure": [1.0]},
        {"deaths": [1.0], "exposure": [math.nan]},
        {"deaths": [-1.0], "exposure": [1.0]},
        {"deaths": [True], "exposure": [1.0]},
        {"deaths": [0.0] * 10_000, "exposure": [1.0]},
    ],
)
def test_garbage_is_not_learned(garbage: dict[str, Any]) -> None:
    """What is not an export leaves the law as it was."""
    law = DurationLaw(Experience())
    law.load(garbage)
    assert law.completions == 0.0
    assert law.version == 1


@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.floats(0.0, 100_000.0), st.floats(0.0, 100_000.0)), min_size=1, max_size=12
    ),
    hint=st.none() | st.floats(1e-3, 1e9),
)
@settings(max_examples=60, deadline=None)
def test_any_answers_leave_a_usable_law(steps: list[tuple[bool, float, float]], hint: float | None) -> None:
    """Whatever is told, in whatever order: rates stay positive and finite, hazard grows."""
    law = DurationLaw(Experience())
    if hint is not None:
        law.learn_hint(hint)
    for done, since, age in steps:
        if done:
            law.completed(since, max(since, age))
        else:
            law.survived(since, age)
    assert all(0.0 < rate < math.inf for rate in law.hazard.rate)
    assert all(math.isfinite(value) for value in law.hazard.at_edge)


def test_repr_says_what_it_knows() -> None:
    """Hint and completions in one line."""
    law = DurationLaw(Experience())
    assert repr(law) == "<DurationLaw no hint, 0 completions>"
    law.learn_hint(45.0)
    law.completed(30.0, 33.0)
    assert repr(law) == "<DurationLaw hint 45 s, 1 completions>"
