"""Hostile offers: nothing of them is signed, whatever the server writes into its 402."""

import json
from decimal import Decimal
from typing import Any

import pytest
from scripted import Played

from payments.bank import ADDRESS, PAYEE, USDC, World, entry, virtual
from venice_async.errors import InvalidRequestError, TopUpError, UnexpectedReplyError, UntrustedOfferError, VeniceError

OTHER = "0x1111111111111111111111111111111111111111"
DEEP: Any = "x"
for _ in range(300):
    DEEP = [DEEP]

HOSTILE: dict[str, Any] = {
    "amount 1e9": [entry(amount="1e9")],
    "amount negative": [entry(amount="-1")],
    "amount with a sign": [entry(amount="+5000000")],
    "amount with decimals": [entry(amount="5000000.0")],
    "amount with a space": [entry(amount=" 5000000")],
    "amount with a line break": [entry(amount="5000000\n")],
    "amount with underscores": [entry(amount="5_000_000")],
    "amount in other digits": [entry(amount="\u0665")],
    "amount in full-width digits": [entry(amount="\uff15" + "\uff10" * 6)],
    "amount in hex": [entry(amount="0x4c4b40")],
    "amount with a leading zero": [entry(amount="05000000")],
    "amount zero": [entry(amount="0")],
    "amount empty": [entry(amount="")],
    "amount as a number": [entry(amount=5000000)],
    "amount as a float": [entry(amount=5e6)],
    "amount null": [entry(amount=None)],
    "amount as a list": [entry(amount=["5000000"])],
    "amount missing": [entry(amount=...)],
    "amount of v1": [entry(amount=..., maxAmountRequired="5000000")],
    "amount huge": [entry(amount="9" * 20)],
    "amount longer than any": [entry(amount="9" * 5000)],
    "amount above the cap": [entry(amount="10000001")],
    "amount is all there is": [entry(amount="10000000000")],
    "asset of nobody": [entry(asset="0x" + "0" * 40)],
    "asset another token": [entry(asset=OTHER)],
    "asset of Ethereum's main net": [entry(asset="0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48")],
    "asset one digit off": [entry(asset=USDC[:-1] + "4")],
    "asset with a space": [entry(asset=USDC + " ")],
    "asset without 0x": [entry(asset=USDC[2:])],
    "asset a symbol": [entry(asset="USDC")],
    "asset null": [entry(asset=None)],
    "chain by its short name": [entry(network="base")],
    "chain of Ethereum": [entry(network="eip155:1")],
    "chain with a leading zero": [entry(network="eip155:08453")],
    "chain with a sign": [entry(network="eip155:+8453")],
    "chain of the test net": [entry(network="eip155:84532")],
    "chain with a tail": [entry(network="eip155:8453:1")],
    "chain in capitals": [entry(network="EIP155:8453")],
    "chain as a number": [entry(network=8453)],
    "chain of Solana": [entry(network="solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp")],
    "scheme upto": [entry(scheme="upto")],
    "scheme in capitals": [entry(scheme="Exact")],
    "scheme batch": [entry(scheme="batch-settlement")],
    "scheme missing": [entry(scheme=...)],
    "payee of nobody": [entry(payTo="0x" + "0" * 40)],
    "payee the token itself": [entry(payTo=USDC)],
    "payee our own wallet": [entry(payTo=ADDRESS)],
    "payee too short": [entry(payTo="0x1234")],
    "payee too long": [entry(payTo=PAYEE + "00")],
    "payee a name": [entry(payTo="venice.eth")],
    "payee with a line break": [entry(payTo=PAYEE + "\n")],
    "payee in other digits": [entry(payTo="0x" + "\u0665" * 40)],
    "payee without 0x": [entry(payTo=PAYEE[2:])],
    "payee 0X": [entry(payTo="0X" + PAYEE[2:])],
    "payee with a wrong checksum": [entry(payTo="0x2670B922ef37C7Df47158725C0CC407b5382293f")],
    "payee null": [entry(payTo=None)],
    "payee a list": [entry(payTo=[PAYEE])],
    "time zero": [entry(maxTimeoutSeconds=0)],
    "time below zero": [entry(maxTimeoutSeconds=-5)],
    "time one second too long": [entry(maxTimeoutSeconds=301)],
    "time a generation": [entry(maxTimeoutSeconds=1e9)],
    "time as a text": [entry(maxTimeoutSeconds="300")],
    "time with a fraction": [entry(maxTimeoutSeconds=300.5)],
    "time true": [entry(maxTimeoutSeconds=True)],
    "time null": [entry(maxTimeoutSeconds=None)],
    "time missing": [entry(maxTimeoutSeconds=...)],
    "permit2": [entry(extra={"name": "USD Coin", "version": "2", "assetTransferMethod": "permit2"})],
    "permit2 in another case": [entry(extra={"assetTransferMethod": "Permit2"})],
    "transfer method null": [entry(extra={"assetTransferMethod": None})],
    "token's name another": [entry(extra={"name": "USDC", "version": "2"})],
    "token's version another": [entry(extra={"name": "USD Coin", "version": "1"})],
    "token's version a number": [entry(extra={"name": "USD Coin", "version": 2})],
    "token's name a tree": [entry(extra={"name": {"name": "USD Coin"}})],
    "extra a list": [entry(extra=["name"])],
    "extra a text": [entry(extra="USD Coin")],
    "two payees": [entry(), entry(payTo=OTHER)],
    "one of two is wrong": [entry(), entry(amount="1e9")],
    "one of two wants permit2": [entry(), entry(extra={"assetTransferMethod": "permit2"})],
    "ten thousand entries": [entry()] * 10_000,
    "no entries": [],
    "entries null": None,
    "entries a tree": {"0": entry()},
    "entries nested": [[entry()]],
    "entries junk": [1, None, "x", [], {}],
    "an entry without a bottom": [entry(extra=DEEP)],
    "another token only, and another chain only": [entry(asset=OTHER), entry(network="eip155:1")],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_offer_has_nothing_signed(name: str, tmp_path: Any) -> None:
    """Not by body, and nothing is left on record that counts."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.discovery = Played(402, json.dumps({"x402Version": 2, "accepts": HOSTILE[name]}).encode())
        with pytest.raises((TopUpError, UnexpectedReplyError)) as caught:
            await world.wallet().top_up(10, cap_usd=10)
        assert "nothing was signed" in str(caught.value) or isinstance(caught.value, UnexpectedReplyError)
        assert not world.signer.asked
        assert not world.bank.posts
        assert not await world.wallet().open_payments()
        world.bank.discovery = None  # and no cap is used up
        assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10

    attempt(tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        Played(402, b"NaN"),
        Played(402, b'{"x402Version":2,"accepts":[{"maxTimeoutSeconds":NaN}]}'),
        Played(402, b""),
        Played(402, {"x402Version": 1, "accepts": [entry()]}),
        Played(402, {"x402Version": "2", "accepts": [entry()]}),
        Played(402, {"accepts": [entry()]}),
        Played(200, {"x402Version": 2, "accepts": [entry()]}),
        Played(200, {"success": True, "data": {}}),
        Played(302, {"x402Version": 2, "accepts": [entry()]}, location="https://evil.example/x402/top-up"),
        Played(401, {"x402Version": 2, "accepts": [entry()]}),
        Played(404, {"x402Version": 2, "accepts": [entry()]}),
        Played(402, b"[" * 100_000),
    ],
    ids=lambda played: str(played.head.status),
)
def test_what_is_no_offer_has_nothing_signed(answer: Played, tmp_path: Any) -> None:
    """Only a 402 of version 2 is an offer, and no redirect is followed."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.discovery = answer
        with pytest.raises(VeniceError):
            await world.wallet().top_up(10, cap_usd=10)
        assert not world.signer.asked
        assert {call.url for call in world.bank.calls} == {"https://api.venice.ai/api/v1/x402/top-up"}

    attempt(tmp_path)


@virtual
async def test_hostile_terms_in_the_header_are_refused_as_well(world: World) -> None:
    """Where the body is missing the header is the offer, and is checked as much."""
    import base64

    told = base64.b64encode(json.dumps({"x402Version": 2, "accepts": [entry(payTo=ADDRESS)]}).encode()).decode()
    world.bank.discovery = Played(402, b"<html>", payment_required=told)
    with pytest.raises(UntrustedOfferError):
        await world.wallet().top_up(10, cap_usd=10)
    assert not world.signer.asked


@virtual
async def test_an_amount_below_the_least_is_not_raised(world: World) -> None:
    """The server's minimum is named, and nobody pays it unasked."""
    with pytest.raises(InvalidRequestError, match=r"at least \$5.*\$3"):
        await world.wallet().top_up(3, cap_usd=10)
    assert not world.signer.asked
    with pytest.raises(UntrustedOfferError, match=r"at least \$5"):
        await world.wallet().top_up(3, cap_usd=4)


@pytest.mark.parametrize(
    "accepts",
    [
        [entry(extra=...)],
        [entry(extra={})],
        [entry(extra=None)],
        [entry(extra={"assetTransferMethod": "eip3009", "more": [1]})],
        [entry(asset=USDC.upper().replace("0X", "0x"))],
        [entry(maxTimeoutSeconds=300.0)],
        [entry(maxTimeoutSeconds=60)],
        [entry(payTo=PAYEE.upper().replace("0X", "0x"))],
        [entry(), entry(amount="7000000")],
        [entry(network="eip155:1", payTo=OTHER), entry(asset=OTHER, payTo=OTHER), entry()],
        [{**entry(), "unknown": 1}],
    ],
    ids=range(11),
)
def test_harmless_variants_are_paid(accepts: Any, tmp_path: Any) -> None:
    """What says the same in other words, or more than is needed, is no reason to refuse."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.accepts = accepts
        await world.wallet().top_up(5, cap_usd=5)
        (asked,) = world.signer.asked
        assert (asked.usd, asked.pay_to.lower(), asked.asset.lower()) == (Decimal(5), PAYEE, USDC)
        assert asked.typed_data["message"]["value"] == 5_000_000

    attempt(tmp_path)
