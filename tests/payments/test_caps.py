"""Amounts and caps before anything is asked."""

import inspect
from decimal import Decimal
from typing import Any

import pytest

from payments.bank import World, virtual
from venice_async.errors import InvalidRequestError, SpendingCapError
from venice_async.payments import Wallet
from venice_async.payments.caps import Limits, Taken, TopUpPolicy, units_of


@pytest.mark.parametrize(
    ("usd", "units"),
    [(10, 10_000_000), ("7.5", 7_500_000), (0.1, 100_000), (Decimal("0.000001"), 1), ("10000", 10**10),
     (" 5 ", 5_000_000), (1e3, 10**9), (Decimal("5.0000000"), 5 * 10**6)],
)  # fmt: skip
def test_amounts_are_exact(usd: Any, units: int) -> None:
    """A float means what it prints as."""
    assert units_of(usd) == units


@pytest.mark.parametrize(
    "usd",
    [0, -1, "", "x", "NaN", float("nan"), float("inf"), "Infinity", "-Infinity", "sNaN", Decimal("NaN"), "1_000",
     "\u0665", True, None, [], "0.0000001", "1e-7", "1e999999", "1" * 100, Decimal("1e50"), b"10", "10 USD", "0x10"],
)  # fmt: skip
def test_what_is_no_amount_is_refused(usd: Any) -> None:
    """With a sentence, whatever it is."""
    with pytest.raises(InvalidRequestError, match="usd"):
        units_of(usd)


@pytest.mark.parametrize(
    ("usd", "cap_usd", "error"),
    [(10, 9, SpendingCapError), (10_000.01, 20_000, InvalidRequestError), (5, 0, InvalidRequestError),
     (5, float("inf"), InvalidRequestError), (5, None, InvalidRequestError), (0, 5, InvalidRequestError),
     ("5.0000001", 10, InvalidRequestError), ("10.000001", 10, SpendingCapError)],
)  # fmt: skip
def test_the_cap_comes_before_the_network(usd: Any, cap_usd: Any, error: type[Exception], tmp_path: Any) -> None:
    """Nothing is asked, and no file made."""

    @virtual
    async def attempt(world: World) -> None:
        with pytest.raises(error):
            await world.wallet().top_up(usd, cap_usd=cap_usd)
        assert not world.bank.calls
        assert not world.path.exists()

    attempt(tmp_path)


def test_there_is_no_call_without_a_cap() -> None:
    """Both are mandatory, and the cap has to be named."""
    parameters = inspect.signature(Wallet.top_up).parameters
    assert parameters["usd"].default is parameters["cap_usd"].default is inspect.Parameter.empty
    assert parameters["cap_usd"].kind is inspect.Parameter.KEYWORD_ONLY


def test_a_policy_needs_all_its_caps() -> None:
    """There is no default for how much may be paid unasked."""
    with pytest.raises(TypeError):
        TopUpPolicy(usd=5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "caps",
    [(10, 5, 20, 30), (5, 10, 9, 30), (5, 10, 20, 19), (0, 10, 20, 30), (5, "x", 20, 30), (5, 10, 20, float("inf")),
     (20_000, 20_000, 20_000, 20_000)],
)  # fmt: skip
def test_a_policys_caps_rise(caps: tuple[Any, ...]) -> None:
    """What contradicts itself is refused where it is made."""
    usd, per_payment, per_day, total = caps
    with pytest.raises(InvalidRequestError):
        TopUpPolicy(usd=usd, per_payment_usd=per_payment, per_day_usd=per_day, total_usd=total)


def test_each_cap_of_a_policy_holds() -> None:
    """The three sums are looked at one by one."""
    policy = TopUpPolicy(usd=5, per_payment_usd=10, per_day_usd="20", total_usd=30.0)
    limits = Limits(cap=units_of(policy.per_payment_usd), policy=policy)
    five = units_of(5)
    limits.check(five, at_once=Taken(five), of_day=lambda: Taken(3 * five), ever=lambda: Taken(5 * five))
    for sums in ((five + 1, 0, 0), (0, 3 * five + 1, 0), (0, 0, 5 * five + 1)):
        at_once, of_day, ever = map(Taken, sums)
        with pytest.raises(SpendingCapError) as caught:
            limits.check(five, at_once=at_once, of_day=lambda: of_day, ever=lambda: ever)  # noqa: B023 -- at once
        assert caught.value.available_usd is not None
        assert caught.value.available_usd < 5


def test_what_was_never_credited_is_told_apart() -> None:
    """It counts, and a person should know why a cap is used up though little was credited."""
    limits = Limits(cap=units_of(10), policy=TopUpPolicy(usd=5, per_payment_usd=10, per_day_usd=20, total_usd=30))
    of_day, ever = Taken(units_of(10)), Taken(units_of(30), units_of(20))
    with pytest.raises(
        SpendingCapError, match=r"so far, of which \$20 were never credited\) are above the cap of \$30"
    ):
        limits.check(units_of(5), at_once=Taken(0), of_day=lambda: of_day, ever=lambda: ever)
    with pytest.raises(SpendingCapError, match=r"\$10 \(the automatic top-ups of the last 24 hours\)") as caught:
        limits.check(units_of(10.5), at_once=Taken(-units_of(1)), of_day=lambda: of_day, ever=lambda: ever)
    assert "never credited" not in str(caught.value)
