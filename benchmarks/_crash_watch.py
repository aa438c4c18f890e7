"""Faults that strike by chance, and faults that only watch: how the campaign looks into the server."""

import random
from collections.abc import Callable

from attrs import field, frozen

from venice_async.emulator.faults import (
    CutFault,
    DropFault,
    Fault,
    GarbageFault,
    Occasion,
    SlowFault,
    Stage,
    StatusFault,
)

Watcher = Callable[[Occasion], None]


@frozen(kw_only=True)
class SeenArriving(DropFault):
    """Never strikes; tells when a request was read and nothing is done with it yet."""

    tell: Watcher = field(repr=False)

    def fits(self, occasion: Occasion) -> bool:
        if super().fits(occasion):
            self.tell(occasion)
        return False


@frozen(kw_only=True)
class SeenProcessed(SlowFault):
    """Never strikes; tells when a request was processed (and charged) and its answer is still to be sent."""

    tell: Watcher = field(repr=False)

    def fits(self, occasion: Occasion) -> bool:
        if super().fits(occasion):
            self.tell(occasion)
        return False


@frozen(kw_only=True)
class Rare503(StatusFault):
    """A capacity answer for one request in so many."""

    chance: float
    rng: random.Random = field(repr=False)

    def fits(self, occasion: Occasion) -> bool:
        return super().fits(occasion) and self.rng.random() < self.chance


@frozen(kw_only=True)
class RareCut(CutFault):
    """A transfer that breaks off, now and then."""

    chance: float
    rng: random.Random = field(repr=False)

    def fits(self, occasion: Occasion) -> bool:
        return super().fits(occasion) and self.rng.random() < self.chance


@frozen(kw_only=True)
class RareDrop(DropFault):
    """A connection that breaks at its stage, now and then."""

    chance: float
    rng: random.Random = field(repr=False)

    def fits(self, occasion: Occasion) -> bool:
        return super().fits(occasion) and self.rng.random() < self.chance


@frozen(kw_only=True)
class RareGarbage(GarbageFault):
    """An answer that nobody documented, now and then."""

    chance: float
    rng: random.Random = field(repr=False)

    def fits(self, occasion: Occasion) -> bool:
        return super().fits(occasion) and self.rng.random() < self.chance


def weather(rng: random.Random) -> list[Fault]:
    """What goes wrong in the campaign besides the kills, and how slow the server is."""
    return [
        Rare503(chance=0.02, rng=rng, endpoints=("queue", "retrieve")),
        RareCut(chance=0.03, rng=rng),
        RareDrop(chance=0.005, rng=rng, stage=Stage.REPLY),
        RareDrop(chance=0.01, rng=rng, stage=Stage.UNPROCESSED, endpoints=("retrieve",)),
        RareGarbage(chance=0.01, rng=rng, endpoints=("retrieve",), kind="truncated"),
        SlowFault(endpoints=("queue",), delay=0.6),
        SlowFault(endpoints=("retrieve", "media"), pace=150_000.0),
    ]
