"""The face: balance, lines, and what is open."""

from decimal import Decimal
from typing import Any

import pytest
from scripted import Played

from payments.bank import ADDRESS, World, virtual
from venice_async.errors import ConfigurationError, InvalidRequestError, TopUpPendingError, UnexpectedReplyError
from venice_async.payments import Wallet


def books(number: int) -> list[dict[str, Any]]:
    """Lines of an account, newest first."""
    line = {"amount": -0.1, "balanceAfter": 5, "type": "CHARGE", "requestId": "r", "modelId": "m"}
    return [{**line, "id": f"line-{each}", "createdAt": "2027-01-15T08:00:00.000Z"} for each in range(number, 0, -1)]


@virtual
async def test_lines_come_newest_first_and_once(world: World) -> None:
    """Also where a line is written while the pages are read."""
    world.bank.lines = books(25)
    seen = []
    async for line in world.wallet().transactions(page_size=10):
        seen.append(line.id)
        if len(seen) == 5:
            world.bank.lines.insert(0, {**world.bank.lines[0], "id": "new"})
    assert seen == [f"line-{number}" for number in range(25, 0, -1)]


@virtual
async def test_an_account_without_end_is_not_read_for_ever(world: World) -> None:
    """A server that repeats itself is found out."""
    world.bank.books = Played(
        200,
        {"success": True, "data": {
            "walletAddress": ADDRESS, "currentBalance": 1, "transactions": books(1),
            "pagination": {"limit": 1, "offset": 0, "hasMore": True},
        }},
    )  # fmt: skip
    with pytest.raises(UnexpectedReplyError, match="does not come to an end"):
        _ = [line async for line in world.wallet().transactions()]


@pytest.mark.parametrize("page_size", [0, 101, -1, True, "10", 1.5])
def test_a_page_has_its_size(page_size: Any, tmp_path: Any) -> None:
    """From 1 to 100 lines."""

    @virtual
    async def attempt(world: World) -> None:
        with pytest.raises(InvalidRequestError, match="page_size"):
            _ = [line async for line in world.wallet().transactions(page_size=page_size)]
        assert not world.bank.calls

    attempt(tmp_path)


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.lower(), "0x1111111111111111111111111111111111111111"])
def test_a_balance_is_of_this_wallet(address: str, tmp_path: Any) -> None:
    """Another one's is not told."""
    data = {
        "walletAddress": address,
        "balanceUsd": 4.25,
        "canConsume": True,
        "minimumTopUpUsd": 5,
        "suggestedTopUpUsd": 10,
    }

    @virtual
    async def attempt(world: World) -> None:
        world.bank._answer = lambda call: Played(200, {"success": True, "data": data})  # type: ignore[method-assign]
        if address.lower() != ADDRESS.lower():
            with pytest.raises(UnexpectedReplyError, match="another wallet"):
                await world.wallet().balance()
        else:
            assert (await world.wallet().balance()).usd == Decimal("4.25")

    attempt(tmp_path)


@virtual
async def test_what_is_open_is_told_from_the_record_alone(world: World) -> None:
    """Nothing is asked for it, and no file is made for it."""
    assert not await world.wallet().open_payments()
    assert not world.path.exists()
    world.bank.script = ["busy"]
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    asked = len(world.bank.calls)
    wallet = world.wallet()
    (payment,) = await wallet.open_payments()
    assert (payment.usd, payment.wallet, payment.is_open) == (10, ADDRESS.lower(), True)
    assert payment.nonce is not None
    assert payment.header is None
    assert len(world.bank.calls) == asked
    assert wallet.address == ADDRESS
    assert wallet.remaining_usd is None
    assert repr(wallet).endswith("at https://api.venice.ai:443>")


@virtual
async def test_a_place_that_was_not_found_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a home folder and without a file there is no top-up."""

    def homeless() -> None:
        raise ConfigurationError("There is no home folder to keep the payments in.")

    monkeypatch.setattr("venice_async.payments.book.default_path", homeless)
    wallet = world.wallet()
    with pytest.raises(ConfigurationError, match="home folder"):
        await Wallet(wallet._client, world.signer, store=None).top_up(10, cap_usd=10)
    assert not world.signer.asked
