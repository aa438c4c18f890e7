"""What follows from a look at a wallet's balance, row by row."""

import math
from decimal import Decimal
from typing import Any

import pytest
from harness import Owner, job_record
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import PaymentRequiredError, WalletBalanceError
from venice_async.governor import Kind
from venice_async.manager.gates import Refusal
from venice_async.manager.job import Job
from venice_async.manager.needs import LOOK_PAUSES, Act, Need, Tried, plan_for
from venice_async.models import WalletBalance

NOW = 1000.0
DAILY = Decimal(20)


def balance(usd: str | Decimal, diem: str | None = None) -> WalletBalance:
    return WalletBalance(
        wallet_address="0xF39F",
        usd=Decimal(usd),
        can_consume=False,
        minimum_top_up_usd=Decimal(5),
        suggested_top_up_usd=Decimal(10),
        diem_usd=None if diem is None else Decimal(diem),
    )


def need(price: str | None, *, had: str | None = None) -> Need:
    return Need(
        minimum_usd=Decimal("0.10"),
        price_usd=None if price is None else Decimal(price),
        had_usd=None if had is None else Decimal(had),
    )


NEW = Tried()
PAID = Tried(paid_at_usd=Decimal("1.00"))
OPEN = Tried(paid_at_usd=Decimal("1.00"), open_until=NOW + 1)
OVER = Tried(paid_at_usd=Decimal("1.00"), open_until=NOW)
LOOKED = Tried(looks=len(LOOK_PAUSES))

PLANS = [
    # There is too little, and nothing was tried.
    (need("4"), balance("0"), NEW, Act.TOP_UP),
    (need("4"), balance("3.99"), NEW, Act.TOP_UP),
    (need("0.05"), balance("0.09"), NEW, Act.TOP_UP),
    (need(None), balance("50"), NEW, Act.TOP_UP),
    (need(None, had="2"), balance("2"), NEW, Act.TOP_UP),
    (need(None, had="0.01"), balance("0.02"), NEW, Act.TOP_UP),
    (need("4"), balance("0", diem="0"), NEW, Act.TOP_UP),
    (need("4"), balance("-1"), NEW, Act.TOP_UP),
    # Somebody else has paid.
    (need("4"), balance("4"), NEW, Act.GO_ON),
    (need(None, had="2"), balance("2.01"), NEW, Act.GO_ON),
    (need("4"), balance("4"), PAID, Act.GO_ON),
    (need("4"), balance("4"), Tried(looks=2), Act.GO_ON),
    # Money would not help.
    (need("4"), balance("0", diem="0.01"), NEW, Act.HOLD),
    (need("4"), balance("9", diem="0.01"), NEW, Act.HOLD),
    (need("4"), balance("4"), LOOKED, Act.HOLD),
    (need("20.01"), balance("0"), NEW, Act.HOLD),
    # It has not helped.
    (need("4"), balance("1.00"), PAID, Act.HOLD),
    (need("4"), balance("0.50"), PAID, Act.HOLD),
    (need(None), balance("6.00"), PAID, Act.HOLD),
    # It has helped a little: the price takes several.
    (need("12"), balance("6.00"), PAID, Act.TOP_UP),
    # An open payment is finished as long as it is good.
    (need("4"), balance("1.00"), OPEN, Act.TOP_UP),
    (need(None), balance("1.00"), OPEN, Act.TOP_UP),
    (need("4"), balance("1.00"), OVER, Act.HOLD),
]


@pytest.mark.parametrize(("wanted", "has", "tried", "act"), PLANS)
def test_plans(wanted: Need, has: WalletBalance, tried: Tried, act: Act) -> None:
    """Each row; a person is told why, where nothing is done."""
    plan = plan_for(wanted, has, tried, most_usd=DAILY, wall=NOW)
    assert plan.act is act
    assert bool(plan.sentence) == (act is Act.HOLD)


def test_the_price_is_within_a_day_s_reach() -> None:
    """Just so."""
    assert plan_for(need("20.01"), balance("0.01"), NEW, most_usd=DAILY, wall=NOW).act is Act.TOP_UP


def test_it_is_tried_again_with_patience() -> None:
    """At once, where somebody else has paid; the server's books may then be a moment behind each other."""
    tried, pauses = NEW, []
    while (plan := plan_for(need("4"), balance("9"), tried, most_usd=DAILY, wall=NOW)).act is Act.GO_ON:
        pauses.append(plan.pause)
        tried = tried.looked()
    assert pauses == [0.0, 2.0, 8.0]


amounts = st.decimals(min_value=0, max_value=30, places=2)


@given(st.lists(st.tuples(amounts, st.none() | amounts), min_size=60, max_size=60))
def test_whatever_a_server_says_it_comes_to_an_end(said: list[tuple[Decimal, Decimal | None]]) -> None:
    """Without a request that goes well, at most the day's amount is paid, five dollars each time, then it is held."""
    tried, paid = NEW, Decimal(0)
    for has, price in said:
        wanted = Need(minimum_usd=Decimal("0.10"), price_usd=price)
        plan = plan_for(wanted, balance(has), tried, most_usd=DAILY, wall=NOW)
        if plan.act is Act.TOP_UP:
            assert tried.paid_at_usd is None or has > tried.paid_at_usd
            assert tried.paid_at_usd is None or price is not None
            tried = tried.paid(has)
            paid += 5
        elif plan.act is Act.GO_ON:
            tried = tried.looked()
        else:
            return
        if paid > DAILY:
            return  # the wallet's own caps have refused this one


def refusal(error: PaymentRequiredError, *, kind: Kind = Kind.QUEUE, price: str | None = "4") -> Refusal:
    record = job_record(price_usd=None if price is None else Decimal(price))
    return Refusal(job=Job(record, Owner()), kind=kind, reason="balance", error=error)


def of(error: PaymentRequiredError, **facts: Any) -> Need:
    return Need.of(refusal(error, **facts), believe_usd=Decimal(5))


def test_what_a_refusal_takes() -> None:
    """The job's price and the server's minimum; of a retrieve the minimum alone."""
    assert of(PaymentRequiredError("402")) == need("4")
    assert of(PaymentRequiredError("402"), price=None) == need(None)
    assert of(PaymentRequiredError("402"), kind=Kind.RETRIEVE) == need("0")
    said = WalletBalanceError("402", balance_usd=Decimal("0.02"), minimum_balance_usd=Decimal("0.5"))
    assert of(said) == Need(minimum_usd=Decimal("0.5"), price_usd=Decimal(4), had_usd=Decimal("0.02"))


@pytest.mark.parametrize("minimum", ["5.01", "1000000", "-1"])
def test_a_minimum_that_makes_no_sense_is_not_believed(minimum: str) -> None:
    """A server that could name any minimum could always say that there is too little."""
    said = WalletBalanceError("402", minimum_balance_usd=Decimal(minimum))
    assert of(said).minimum_usd == Decimal("0.10")


def test_credit_that_grew_since_a_look_is_enough_where_no_price_is_known() -> None:
    """Somebody has paid meanwhile."""
    seen = need(None, had="1").after(Decimal(2))
    assert not seen.is_met_by(Decimal(2))
    assert seen.is_met_by(Decimal("2.01"))
    assert not need("5").after(Decimal(2)).is_met_by(Decimal(4))


def test_several_refusals_are_one_need() -> None:
    """That of the dearest."""
    both = need("4", had="1").together_with(need("7"))
    assert both == need("7", had="1")
    assert need(None).together_with(need("2")) == need("2")
    assert need(None).together_with(need(None)) == need(None)


def test_what_was_tried_for_both_kinds_is_the_more_of_both() -> None:
    """Neither hides the other."""
    assert NEW.together_with(PAID) == PAID
    assert PAID.together_with(OPEN).open_until == NOW + 1
    assert LOOKED.together_with(PAID).looks == 3
    assert NEW.open_until == -math.inf
