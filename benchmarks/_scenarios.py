"""The loads and server behaviours that polling policies are compared under."""

import math
import random
from collections.abc import Callable

from benchmarks._simulation import Draw, Model, Scenario

P80_Z = 0.8416212
P80S = (8.0, 45.0, 145.0, 400.0)


def lognormal(p80: float, *, cv: float = 0.3) -> Draw:
    """Execution times of which 80 % stay below `p80` seconds, with coefficient of variation `cv`."""
    sigma = math.sqrt(math.log(1.0 + cv * cv))
    mu = math.log(p80) - P80_Z * sigma
    return lambda rng: math.exp(rng.gauss(mu, sigma))


def bimodal(p80: float) -> Draw:
    """Six jobs in ten take 0.4 of the P80, the others about all of it; both humps are narrow."""

    def draw(rng: random.Random) -> float:
        centre = 0.4 * p80 if rng.random() < 0.6 else p80
        return centre * math.exp(rng.gauss(0.0, 0.1))

    return draw


def heavy_tail(p80: float) -> Draw:
    """Lognormal, but one job in twenty takes two to six times as long."""
    usual = lognormal(0.95 * p80)

    def draw(rng: random.Random) -> float:
        return usual(rng) * (rng.uniform(2.0, 6.0) if rng.random() < 0.05 else 1.0)

    return draw


def _mix(draw_for: Callable[[float], Draw], *, told: float = 1.0) -> tuple[Model, ...]:
    return tuple(Model(name=f"model-{p80:g}", draw=draw_for(p80), told_p80=told * p80) for p80 in P80S)


def scenarios(*, quick: bool) -> tuple[Scenario, ...]:
    """All scenarios, in the table's order; `quick` leaves out the long ones."""
    mixed = _mix(lognormal)
    counts = (1, 10, 100) if quick else (1, 10, 100, 600, 1000)
    loads = tuple(Scenario(name=f"{count} mixed", jobs=count, models=mixed) for count in counts)
    return (
        *loads,
        Scenario(name="100 bimodal", jobs=100, models=_mix(bimodal)),
        Scenario(name="100 heavy tail", jobs=100, models=_mix(heavy_tail)),
        Scenario(name="100, hint half the truth", jobs=100, models=_mix(lognormal, told=0.5)),
        Scenario(name="100, hint twice the truth", jobs=100, models=_mix(lognormal, told=2.0)),
        Scenario(name="100, 503 for 45 s", jobs=100, models=mixed, spell=(120.0, 165.0)),
        Scenario(name="100, 5 % stray 503", jobs=100, models=mixed, stray_503=0.05),
        Scenario(name="100, key shared (60/min)", jobs=100, models=mixed, foreign_per_minute=60.0),
    )
