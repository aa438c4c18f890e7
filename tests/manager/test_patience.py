"""How long trouble on the way to money is waited for."""

import random
from decimal import Decimal

import pytest

from venice_async.errors import (
    ConnectError,
    RateLimitError,
    SpendingCapError,
    TopUpPendingError,
    TopUpRefusedError,
    VeniceError,
)
from venice_async.manager.patience import CROWDED, LONGEST, MARGIN, Patience

WALL = 1_800_000_000.0
CAP = Decimal(5)


def pauses(error: VeniceError, *, seed: int = 1, wall: float = WALL) -> list[float]:
    """One after the other, until it has had enough; each look itself takes a second."""
    patience, now, made = Patience(random.Random(seed), at_once_usd=CAP), 50.0, list[float]()
    while (pause := patience.pause(error, now=now, wall=wall + now - 50.0)) is not None:
        made.append(pause)
        now += pause + 1.0
        assert len(made) < 1000
    return made


@pytest.mark.parametrize("error", [SpendingCapError("x"), TopUpRefusedError("x", expires_at=WALL + 300), VeniceError()])
def test_what_does_not_pass_is_told_at_once(error: VeniceError) -> None:
    """Somebody has to do something."""
    assert pauses(error) == []


@pytest.mark.parametrize("seed", range(20))
def test_what_may_pass_is_waited_for_an_hour(seed: int) -> None:
    """Soon again at first, later about once a minute or oftener."""
    made = pauses(ConnectError("No way there."), seed=seed)
    assert made[0] <= 10.0
    assert 5.0 <= min(made) <= max(made) <= 65.0
    assert LONGEST - 70.0 <= sum(made) + len(made) <= LONGEST + 1.0


def test_the_server_s_word_is_kept() -> None:
    """Where it says when to come again."""
    assert min(pauses(RateLimitError("Slowly.", retry_after=90.0))) >= 90.0


@pytest.mark.parametrize("seed", range(20))
def test_an_open_payment_is_waited_for_until_it_is_over(seed: int) -> None:
    """It is asked for only while it is good; the last look comes when its credit must be there."""
    made = pauses(TopUpPendingError("Nobody can tell.", expires_at=WALL + 300.0), seed=seed)
    before_last = sum(made[:-1]) + len(made) - 1
    assert 200.0 < before_last <= 301.0  # a look that began in time may end too late
    assert before_last + made[-1] == pytest.approx(300.0 + MARGIN)


@pytest.mark.parametrize("expires_at", [None, WALL - 1e9, WALL - MARGIN, WALL - MARGIN + 9.0, WALL + 1e9, float("inf")])
def test_a_payment_that_is_over_or_says_nothing_of_it(expires_at: float | None) -> None:
    """Nobody knows how long it would be, or it is too long; an hour is the longest anyhow."""
    made = pauses(TopUpPendingError("Nobody can tell.", expires_at=expires_at))
    assert sum(made) <= LONGEST
    assert bool(made) is (expires_at is not None and expires_at + MARGIN > WALL)


def test_trouble_of_several_kinds_is_one_trouble() -> None:
    """The hour runs from the first of them."""
    patience = Patience(random.Random(1), at_once_usd=CAP)
    assert patience.pause(ConnectError("x"), now=0.0, wall=WALL) is not None
    pending = TopUpPendingError("x", expires_at=WALL + LONGEST + 200.0)
    assert patience.pause(pending, now=LONGEST - 1.0, wall=WALL + LONGEST - 1.0) is None


@pytest.mark.parametrize("seed", range(20))
def test_what_others_pay_at_the_same_time_is_waited_for(seed: int) -> None:
    """A few minutes: then they are through. Any other cap is a person's, and so is one that still does not allow it."""
    at_once = SpendingCapError("Others are at it.", cap_usd=CAP)
    made = pauses(at_once, seed=seed)
    assert CROWDED - 70.0 <= sum(made) + len(made) <= CROWDED + 1.0
    assert pauses(SpendingCapError("The day's cap is reached.", cap_usd=Decimal(20)), seed=seed) == []
    patience = Patience(random.Random(seed), at_once_usd=CAP)
    assert patience.pause(ConnectError("x"), now=0.0, wall=WALL) is not None
    assert patience.pause(at_once, now=2000.0, wall=WALL + 2000.0) is not None, "its own time runs from its own start"
