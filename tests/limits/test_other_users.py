"""OtherUsers: how much of a shared limit is not ours to use."""

import pytest

from venice_async.limits.headers import RateHeaders
from venice_async.limits.other_users import BLIND_RECHECK, OtherUsers


def test_use_is_what_is_neither_ours_nor_left() -> None:
    """Limit 120, 50 left, 10 of ours: 60 by others, with room for their fluctuation."""
    others = OtherUsers(60.0)
    for _ in range(10):
        others.sent(0.0)
    others.learn(RateHeaders(remaining=50), 1.0, limit=120, outstanding=0)
    assert others.estimate(1.0) == 60.0
    assert others.claim(1.0) > 60.0


def test_alone_nothing_is_set_aside() -> None:
    """Where all that is used is ours, the whole limit is ours."""
    others = OtherUsers(60.0)
    for _ in range(100):
        others.sent(0.0)
    others.learn(RateHeaders(remaining=20), 1.0, limit=120, outstanding=0)
    assert others.claim(1.0) == 0.0
    assert others.wait(1.0) == 0.0


def test_others_are_believed_at_once_and_forgotten_slowly() -> None:
    """More use shows at once; less only bit by bit while answers come, and after a silent minute."""
    others = OtherUsers(60.0)
    others.learn(RateHeaders(remaining=60), 0.0, limit=120, outstanding=0)
    assert others.estimate(0.0) == 60.0
    others.learn(RateHeaders(remaining=120), 1.0, limit=120, outstanding=0)
    assert 40.0 < others.estimate(1.0) < 60.0
    assert others.estimate(61.0) == 0.0


def test_hope_goes_out_one_at_a_time() -> None:
    """With nothing left, each request waits for the one before to bring news, or a while."""
    others = OtherUsers(60.0)
    others.learn(RateHeaders(remaining=0), 0.0, limit=120, outstanding=0)
    assert others.wait(0.0) == BLIND_RECHECK
    assert others.wait(BLIND_RECHECK) == 0.0
    others.sent(BLIND_RECHECK)
    assert others.wait(BLIND_RECHECK) == BLIND_RECHECK


def test_a_reset_that_stands_still_is_believed() -> None:
    """A fixed window that is used up is waited out to its announced end."""
    others = OtherUsers(60.0)
    for now in (0.0, 3.0, 6.0):
        others.learn(RateHeaders(remaining=0, reset_in=40.0 - now), now, limit=120, outstanding=0)
    assert others.wait(6.0) == pytest.approx(34.25)


def test_our_own_requests_that_leave_the_window_make_room() -> None:
    """What remained in the last answer grows by our requests that no longer count."""
    others = OtherUsers(60.0)
    others.sent(0.0)
    others.learn(RateHeaders(remaining=0), 0.0, limit=1, outstanding=0)
    assert others.wait(0.0) > 0.0
    others.left_window(1)
    assert others.wait(0.0) == 0.0
