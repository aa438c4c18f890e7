"""What a person is told before anything is signed."""

import pytest

from venice_async.errors import Charge, ConflictError, ReplyLostError, TopUpError, VeniceError
from venice_async.payments.outcomes import check_clock, unsigned

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("ahead", "seconds", "fine"),
    [(0, 300, True), (60, 300, True), (-60, 300, True), (61, 300, False), (-61, 300, False), (-40, 60, False),
     (40, 60, False), (-30, 60, True), (0, 1, True), (-5, 20, True), (10_800, 300, False)],
)  # fmt: skip
def test_clocks_have_to_agree(ahead: float, seconds: int, fine: bool) -> None:
    """To a minute, and so well that a payment lives for half a minute by both, unless it was offered for less."""
    if fine:
        check_clock(wall=NOW + ahead, server_wall=NOW, seconds=seconds)
        return
    with pytest.raises(
        TopUpError, match=f"clock is {abs(ahead)} seconds {'ahead of' if ahead > 0 else 'behind'}"
    ) as caught:
        check_clock(wall=NOW + ahead, server_wall=NOW, seconds=seconds)
    assert caught.value.charge is Charge.NONE
    assert "nothing was signed" in str(caught.value)
    assert "NTP" in caught.value.advice


def test_a_server_without_a_date_changes_nothing() -> None:
    """There is nothing to compare with."""
    check_clock(wall=0, server_wall=None, seconds=300)


@pytest.mark.parametrize(
    "error",
    [
        ConflictError("Busy", status=409, charge=Charge.UNVERIFIED),
        ReplyLostError("The answer was lost."),
        VeniceError(),
    ],
)
def test_what_fails_before_the_signature_says_so(error: VeniceError) -> None:
    """Nothing of it is about a payment."""
    told = unsigned(error)
    assert told.charge is Charge.NONE
    assert "Nothing was signed." in str(told)
    assert "paid" not in told.advice
