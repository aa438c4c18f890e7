"""The family of lognormal hypotheses."""

import itertools
import math
import random

import pytest

from venice_async.polling import lognormals
from venice_async.polling.lognormals import BINS, EDGES


def test_the_family_fits_its_weights() -> None:
    """There is one prior weight per hypothesis, and weights sum to one."""
    for told in (True, False):
        weights = lognormals.prior(told=told)
        assert len(weights) == len(lognormals.family())
        assert math.fsum(weights) == pytest.approx(1.0)


@pytest.mark.parametrize("p80", [4.0, 60.0, 900.0])
def test_before_anything_was_seen_the_told_p80_is_about_right(p80: float) -> None:
    """About four new jobs in five are expected to end by the P80 that the server tells."""
    survival = lognormals.survival(lognormals.prior(told=True), p80=p80)
    nearest = min(range(BINS), key=lambda number: abs(EDGES[number] - p80))
    assert 0.12 < survival[nearest] < 0.30


def test_survival_falls_from_one() -> None:
    """A law of survival begins at one and never rises."""
    survival = lognormals.survival(lognormals.prior(told=True), p80=100.0)
    assert len(survival) == len(EDGES)
    assert survival[0] == 1.0
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(survival))


def test_the_posterior_finds_the_width_and_the_error_of_the_hint() -> None:
    """Two hundred exact completions of a law twice as slow as told leave weight only near that law."""
    rng = random.Random(3)
    median, sigma = 200.0 * math.exp(-lognormals.P80_Z * 0.3), 0.3
    deaths, exposure = [0.0] * (BINS - 1), [0.0] * (BINS - 1)
    for _ in range(200):
        age = median * math.exp(rng.gauss(0.0, sigma))
        number = next(k for k in range(1, BINS) if EDGES[k + 1] > age)
        deaths[number - 1] += 1.0
        for survived in range(1, number):
            exposure[survived - 1] += 1.0
    family = lognormals.family()
    weights = lognormals.posterior(
        lognormals.prior(told=True), range(len(family)), p80=100.0, deaths=deaths, exposure=exposure
    )
    shift = math.fsum(weight * hypothesis.shift for weight, hypothesis in zip(weights, family, strict=True))
    width = math.fsum(weight * hypothesis.sigma for weight, hypothesis in zip(weights, family, strict=True))
    assert shift == pytest.approx(math.log(2.0), abs=0.1)
    assert width == pytest.approx(0.3, abs=0.06)


def test_hypotheses_left_out_get_no_weight() -> None:
    """Only the active ones are weighed."""
    prior = lognormals.prior(told=True)
    weights = lognormals.posterior(prior, [5, 9], p80=100.0, deaths=[0.0], exposure=[0.0])
    assert {number for number, weight in enumerate(weights) if weight} == {5, 9}
    assert weights[5] / weights[9] == pytest.approx(prior[5] / prior[9])
