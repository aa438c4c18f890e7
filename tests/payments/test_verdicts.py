"""What an answer to a payment means."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

from venice_async.errors import ConnectError, UnexpectedReplyError, VeniceError
from venice_async.models import TopUpReceipt, WalletTransaction
from venice_async.payments.payment import Payment, PaymentState
from venice_async.payments.verdicts import (
    MARGIN,
    MARGIN_UNDATED,
    Verdict,
    altered_credit_of,
    credit_of,
    is_over,
    verdict_on_error,
    verdict_on_receipt,
)
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.failures import failure_of

OURS = Payment(
    number=1, origin="o", wallet="0xab", units=10_000_000, pay_to="p", automatic=False, state=PaymentState.SIGNED,
    created_at=1000.0, since=1000.0, expires_at=1300,
)  # fmt: skip


def line(at: float, **changes: Any) -> WalletTransaction:
    """A credit of $10."""
    facts: dict[str, Any] = {"id": f"at {at}", "usd": Decimal(10), "balance_after_usd": Decimal(10), "kind": "TOP_UP"}
    return WalletTransaction(**{**facts, "created_at": datetime.fromtimestamp(at, UTC), **changes})


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(400, Verdict.REFUSED), (401, Verdict.REFUSED), (402, Verdict.REFUSED), (403, Verdict.REFUSED),
     (404, Verdict.REFUSED), (405, Verdict.REFUSED), (409, Verdict.IN_PROGRESS), (415, Verdict.REFUSED),
     (429, Verdict.DOUBT), (500, Verdict.DOUBT), (502, Verdict.DOUBT), (503, Verdict.DOUBT), (504, Verdict.DOUBT),
     (301, Verdict.DOUBT), (307, Verdict.DOUBT), (408, Verdict.DOUBT), (418, Verdict.DOUBT), (524, Verdict.DOUBT)],
)  # fmt: skip
def test_statuses(status: int, verdict: Verdict) -> None:
    """Only what is surely a no counts as one."""
    assert verdict_on_error(failure_of("top_up", ReplyHead(status=status), b'{"error":"X","message":"y"}')) is verdict


@pytest.mark.parametrize("error", [ConnectError("x"), UnexpectedReplyError("x", status=200), VeniceError("x")])
def test_everything_else_is_doubt(error: VeniceError) -> None:
    """Trouble on the way proves nothing about a payment that may have been posted before."""
    assert verdict_on_error(error) is Verdict.DOUBT


@pytest.mark.parametrize(
    ("wallet", "credited", "verdict"),
    [("0xAB", "10", Verdict.SETTLED), ("0xab", "10.000000", Verdict.SETTLED), ("0xac", "10", Verdict.DOUBT),
     ("0xab", "9.999999", Verdict.SETTLED), ("0xab", "100", Verdict.SETTLED), ("0xab", "0", Verdict.SETTLED)],
)  # fmt: skip
def test_receipts(wallet: str, credited: str, verdict: Verdict) -> None:
    """Of this wallet, whatever the amount: a fee or a bonus makes no second payment of it."""
    usd = Decimal(credited)
    receipt = TopUpReceipt(wallet_address=wallet, credited_usd=usd, balance_usd=usd, payment_id="p")
    assert verdict_on_receipt(receipt, OURS) is verdict


def test_a_payment_is_over_by_both_clocks() -> None:
    """And with a margin."""
    end = 1300 + MARGIN
    assert not is_over(OURS, wall=end + 1, server_wall=end)
    assert not is_over(OURS, wall=end, server_wall=end + 1000)
    assert is_over(OURS, wall=end + 1, server_wall=end + 1)
    assert not is_over(attrs.evolve(OURS, expires_at=None), wall=1e12, server_wall=1e12)


@pytest.mark.parametrize("margin", [MARGIN, 3600])
def test_our_clock_alone_ends_a_payment_after_a_day(margin: float) -> None:
    """It may have been set ahead by hours."""
    end = 1300 + MARGIN_UNDATED
    assert not is_over(OURS, wall=end, server_wall=None, margin=margin)
    assert is_over(OURS, wall=end + 1, server_wall=None, margin=margin)


@pytest.mark.parametrize(
    ("lines", "found"),
    [([], None), ([line(999)], None), ([line(1000)], 1000), ([line(1005), line(1001)], 1001),
     ([line(1001, kind="REFUND")], None), ([line(1001, usd=Decimal(-10))], None),
     ([line(1001, usd=Decimal("9.98"))], None),
     ([line(1001, usd=Decimal("10.004"))], 1001), ([line(1001, kind="CHARGE"), line(2000)], 2000)],
)  # fmt: skip
def test_the_credit_of_a_payment(lines: list[WalletTransaction], found: float | None) -> None:
    """A top-up of its amount, to the cent, that is not older than it."""
    credit = credit_of(OURS, lines, [])
    assert (None if credit is None else credit.created_at.timestamp()) == found


def test_others_keep_their_own_credits() -> None:
    """By the line's name, or by the balance that their receipt told; one that is over has none."""
    before = attrs.evolve(OURS, number=0, state=PaymentState.SETTLED, since=900.0, closed_at=1100.0)
    one, two = line(1050), line(1060, balance_after_usd=Decimal(20))
    by_name = attrs.evolve(before, line=one.id)
    by_balance = attrs.evolve(before, balance_usd=Decimal(20))
    assert credit_of(OURS, [two, one], [by_name]) == two
    assert credit_of(OURS, [two, one], [by_balance]) == one
    assert credit_of(OURS, [one], [by_name]) is None
    assert credit_of(OURS, [two], [by_balance]) is None
    assert credit_of(OURS, [one], [before]) is None
    assert credit_of(OURS, [one], [attrs.evolve(before, closed_at=None)]) is None
    assert credit_of(OURS, [one], [attrs.evolve(before, state=PaymentState.EXPIRED)]) == one
    assert credit_of(OURS, [one], [attrs.evolve(before, units=5_000_000)]) == one


@pytest.mark.parametrize(
    ("at", "taken"),
    [(1050, True), (1099, True), (1200, False)],
)
def test_a_credit_whose_balance_does_not_fit_goes_to_the_nearest_end(at: float, taken: bool) -> None:
    """Something was charged in between. But what is nearer to the beginning of ours may be ours."""
    ours = attrs.evolve(OURS, created_at=1200.0, since=990.0)
    before = attrs.evolve(
        OURS, number=0, state=PaymentState.SETTLED, since=900.0, closed_at=1055.0, balance_usd=Decimal("9.5")
    )
    assert (credit_of(ours, [line(at)], [before]) is None) is taken


def test_others_keep_the_credit_that_they_were_told_of() -> None:
    """Where it was not what they paid."""
    other = attrs.evolve(
        OURS, number=0, state=PaymentState.SETTLED, closed_at=1005.0, balance_usd=Decimal(10), credited_usd=Decimal(9)
    )
    assert credit_of(OURS, [line(1005)], [other]) == line(1005)
    assert altered_credit_of(OURS, [line(1005, usd=Decimal(9))], [other]) is None
    assert altered_credit_of(OURS, [line(1005, usd=Decimal(9))], []) == line(1005, usd=Decimal(9))


@pytest.mark.parametrize(
    ("usd", "at", "found"),
    [("11", 1005, True), ("9.7", 1005, True), ("5", 1005, True), ("20", 1005, True), ("4.99", 1005, False),
     ("20.01", 1005, False), ("11", 999, False), ("11", 10**6, True)],
)  # fmt: skip
def test_a_credit_after_a_fee_or_a_bonus(usd: str, at: float, found: bool) -> None:
    """Of about the amount, and after the payment."""
    assert (altered_credit_of(OURS, [line(at, usd=Decimal(usd))], []) is not None) is found
