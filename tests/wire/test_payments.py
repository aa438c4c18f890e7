"""A 402 in its three shapes, by body and by header."""

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async import errors
from venice_async.errors import Charge, PaymentOption, SignInChallenge, TopUpInstructions
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.failures import failure_of
from venice_async.wire.payments import header_tree, options_of

USDC, PAYEE = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", "0x1111111111111111111111111111111111111111"
SOLANA_USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
BASE = {
    "scheme": "exact", "network": "eip155:8453", "asset": USDC, "amount": "10000000", "payTo": PAYEE,
    "maxTimeoutSeconds": 300, "extra": {"name": "USD Coin", "version": "2"},
}  # fmt: skip
SOLANA = {**BASE, "network": "solana", "asset": SOLANA_USDC, "extra": {"feePayer": "BFK9"}}
OPTIONS = tuple(
    PaymentOption(
        scheme="exact",
        network=str(entry["network"]),
        asset=str(entry["asset"]),
        amount="10000000",
        pay_to=PAYEE,
        max_timeout_seconds=300,
        extra=entry["extra"],  # type: ignore[arg-type]
    )
    for entry in (BASE, SOLANA)
)
INFO = {
    "domain": "api.venice.ai", "uri": "https://api.venice.ai/api/v1/video/queue", "version": "1",
    "nonce": "0123456789abcdef", "issuedAt": "2026-04-09T12:00:00.000Z", "expirationTime": "2026-04-09T12:05:00.000Z",
    "statement": "Sign in to Venice AI",
}  # fmt: skip
CHAINS = [{"chainId": "eip155:8453", "type": "eip191"}, {"chainId": "solana:5eyk", "type": "ed25519"}]
CHALLENGE = {"info": INFO, "supportedChains": CHAINS}
RESOURCE = {"url": "https://api.venice.ai/x", "description": "Venice API", "mimeType": "application/json"}
AUTH = {
    "apiKey": {"header": "Authorization: Bearer YOUR_API_KEY", "getKey": "https://g", "docs": "https://d"},
    "x402Wallet": {
        "header": "SIGN-IN-WITH-X",
        "legacyHeader": "X-Sign-In-With-X",
        "topUp": "POST /x",
        "docs": "https://d",
    },
}
DISCOVERY: dict[str, Any] = {
    "x402Version": 2, "error": "Authentication required", "resource": RESOURCE, "accepts": [BASE, SOLANA],
    "extensions": {"sign-in-with-x": CHALLENGE}, "authOptions": AUTH,
}  # fmt: skip
WALLET: dict[str, Any] = {
    "error": "Payment required", "code": "PAYMENT_REQUIRED", "reason": "insufficient_balance",
    "message": "Insufficient x402 balance", "currentBalanceUsd": 0.01, "minimumBalanceUsd": 0.1,
    "description": "Venice API", "suggestedTopUpUsd": 10, "minimumTopUpUsd": 5, "supportedTokens": ["USDC"],
    "supportedChains": ["base", "solana"], "siwxChallenge": CHALLENGE,
    "topUpInstructions": {
        "step1": "Ask", "step2": "Sign", "step3": "Post", "receiverWallet": PAYEE, "tokenAddress": USDC,
        "tokenDecimals": 6, "network": "eip155:8453", "minimumAmountUsd": 5,
    },
}  # fmt: skip
WALLET_HEADER = {name: item for name, item in DISCOVERY.items() if name != "authOptions"} | {
    "error": "Payment required"
}
PLAIN = {"error": "Insufficient USD or Diem balance to complete request", "code": "INSUFFICIENT_BALANCE"}
NOTHING = [b"", b"<html><h1>402</h1></html>", b"[1]", b"{}", b"null", b'{"error": "Paym', b"\xff\xfe"]
ENDPOINTS = ("queue", "quote", "retrieve", "wallet_balance", "download")


def encoded(tree: Any) -> str:
    return base64.b64encode(json.dumps(tree).encode()).decode()


def refused(status: int, tree: Any = b"", header: str | None = None, *, endpoint: str = "queue") -> Any:
    """The error of an answer with this body (a tree, or bytes) and PAYMENT-REQUIRED header."""
    body = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    headers = {} if header is None else {"payment-required": header}
    return failure_of(endpoint, ReplyHead(status=status, headers=headers), body)


class TestShapes:
    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_plain(self, endpoint: str) -> None:
        """No balance, and nothing to choose from."""
        error = refused(402, PLAIN, endpoint=endpoint)
        assert type(error) is errors.PaymentRequiredError
        assert (error.code, error.payment, error.options, error.payment_required) == (
            "INSUFFICIENT_BALANCE",
            {},
            (),
            None,
        )

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_discovery(self, endpoint: str) -> None:
        """No credential was sent: what it says about paying and signing in is there as values."""
        error = refused(402, DISCOVERY, encoded(DISCOVERY), endpoint=endpoint)
        assert type(error) is errors.DiscoveryError
        assert (error.options, error.auth_options, error.payment_required) == (OPTIONS, AUTH, DISCOVERY)
        assert error.payment["payment_required"] is error.payment_required
        assert error.payment["x402Version"] == 2
        assert "Authentication required" in str(error)

    def test_discovery_where_nothing_is_on_offer(self) -> None:
        """As balance and transactions answer."""
        error = refused(402, {**DISCOVERY, "accepts": []}, endpoint="wallet_balance")
        assert (type(error), error.options) == (errors.DiscoveryError, ())

    def test_the_form_for_wallets(self) -> None:
        """Amounts exact; the ways to pay come from the header."""
        error = refused(402, WALLET, encoded(WALLET_HEADER))
        assert type(error) is errors.WalletBalanceError
        told = (error.balance_usd, error.minimum_balance_usd, error.minimum_top_up_usd, error.suggested_top_up_usd)
        assert told == (Decimal("0.01"), Decimal("0.1"), Decimal(5), Decimal(10))
        assert (error.tokens, error.chains, error.options) == (("USDC",), ("base", "solana"), OPTIONS)
        assert error.instructions == TopUpInstructions(
            steps=("Ask", "Sign", "Post"), receiver_wallet=PAYEE, token_address=USDC, token_decimals=6,
            network="eip155:8453", minimum_usd=Decimal(5),
        )  # fmt: skip
        assert error.challenge == SignInChallenge(
            domain="api.venice.ai", uri=INFO["uri"], nonce=INFO["nonce"], issued_at=INFO["issuedAt"],
            expires_at=INFO["expirationTime"], statement=INFO["statement"], chains=("eip155:8453", "solana:5eyk"),
        )  # fmt: skip

    @pytest.mark.parametrize("body", NOTHING)
    def test_the_header_alone_tells_which_it_is(self, body: bytes) -> None:
        """A page of something in between stands in the place of the body; or there is none."""
        discovery, wallet = refused(402, body, encoded(DISCOVERY)), refused(402, body, encoded(WALLET_HEADER))
        assert (type(discovery), discovery.options) == (errors.DiscoveryError, OPTIONS)
        assert (discovery.auth_options, discovery.payment_required) == (AUTH, DISCOVERY)
        assert "Authentication required" in str(discovery)
        assert (type(wallet), wallet.options) == (errors.WalletBalanceError, OPTIONS)
        assert (wallet.balance_usd, wallet.instructions) == (None, None)
        assert wallet.challenge.nonce == INFO["nonce"]
        assert type(refused(402, body)) is errors.PaymentRequiredError
        assert type(refused(402, body, encoded({"x": 1}))) is errors.PaymentRequiredError

    def test_a_body_is_believed_before_the_header(self) -> None:
        """It is the documented place; the header helps where it says nothing."""
        dearer = {**DISCOVERY, "accepts": [{**BASE, "amount": "99"}]}
        assert refused(402, DISCOVERY, encoded(dearer)).options == OPTIONS
        assert refused(402, {"error": "x"}, encoded(dearer)).options[0].amount == "99"
        assert type(refused(402, {"error": "x"}, encoded(dearer))) is errors.PaymentRequiredError

    def test_who_is_told_a_balance_had_a_credential(self) -> None:
        """Also where the form for wallets says its version of x402."""
        assert type(refused(402, {**WALLET, "x402Version": 2})) is errors.WalletBalanceError

    def test_on_a_top_up_no_credential_is_missing(self) -> None:
        """The offer comes as an answer to a payment that was not taken for one."""
        error = refused(402, {"x402Version": 2, "accepts": [BASE]}, endpoint="top_up")
        assert (type(error), error.options, error.charge) == (errors.PaymentRequiredError, OPTIONS[:1], Charge.NONE)

    def test_what_the_document_shows_is_understood(self, openapi_path: Path) -> None:
        """Each of our shapes is one of the vendor's, and has no field that the vendor's lacks."""
        import jsonschema  # type: ignore[import-untyped]

        document = json.loads(openapi_path.read_text())
        schema = document["components"]["schemas"]["X402InferencePaymentRequired"]
        for tree in (DISCOVERY, WALLET):
            jsonschema.Draft7Validator(schema).validate(tree)
        offer = document["paths"]["/x402/top-up"]["post"]["responses"]["402"]["content"]["application/json"]["schema"]
        jsonschema.Draft7Validator(offer).validate({"x402Version": 2, "accepts": [BASE, SOLANA]})


class TestHeader:
    TREE: ClassVar[dict[str, Any]] = {"x402Version": 2, "accepts": [BASE], "note": "???>>>~~~ÿ"}

    @pytest.mark.parametrize("pad", [True, False])
    @pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
    @pytest.mark.parametrize("tail", ["", "x", "xx"])
    def test_every_common_spelling_of_base64(self, pad: bool, encode: Any, tail: str) -> None:
        """Padded or not, in either alphabet."""
        tree = {**self.TREE, "tail": tail}
        text = encode(json.dumps(tree, ensure_ascii=False).encode()).decode()
        assert header_tree(text if pad else text.rstrip("=")) == tree

    @pytest.mark.parametrize(
        "header",
        ["not base64!", "", "=", "e30", "e", "eyJ", "é", "====", "e3!0", encoded([1]), encoded(None), encoded("x"),
         base64.b64encode(b"{").decode(), base64.b64encode(b'{"a":NaN}').decode(), "\ud800", "e3\n0"],
    )  # fmt: skip
    def test_what_is_not_sound_is_left_out(self, header: str) -> None:
        """It is a help, not a condition."""
        error = refused(402, {"error": "x"}, header)
        assert (type(error), error.payment, error.payment_required) == (errors.PaymentRequiredError, {}, None)

    def test_too_long_is_ignored(self) -> None:
        """64 KiB of it are more than any answer needs."""
        assert header_tree(encoded({"a": "x" * 49_000})) != {}
        assert header_tree(encoded({"a": "x" * 49_200})) == {}

    def test_too_deep_is_ignored(self) -> None:
        """Sixteen levels are enough for anybody; whoever reads it later need not fear for the stack."""
        for depth, kept in ((5, True), (15, True), (17, False), (900, False), (20_000, False)):
            text = base64.b64encode(b'{"a":' + b"[" * depth + b"]" * depth + b"}").decode()
            assert (header_tree(text) != {}) is kept

    @given(st.text(max_size=80) | st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode()),
           st.binary(max_size=40))  # fmt: skip
    def test_no_header_makes_it_stumble(self, header: str, body: bytes) -> None:
        """Whatever stands in it."""
        assert isinstance(header_tree(header), dict)
        assert isinstance(refused(402, body, header), errors.PaymentRequiredError)

    @given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
        | st.sampled_from([BASE, CHALLENGE]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
            [*DISCOVERY, *WALLET, *BASE, *INFO, *AUTH, "info", "sign-in-with-x", "step1", "chainId", "tokenDecimals"]),
             inner, max_size=5),
        max_leaves=15), st.booleans())  # fmt: skip
    def test_no_tree_makes_it_stumble(self, tree: Any, in_header: bool) -> None:
        """Documented names in undocumented places, in the body and in the header."""
        error = refused(402, b"<html>" if in_header else tree, encoded(tree) if in_header else None)
        assert isinstance(error, errors.PaymentRequiredError)
        assert all(option.usd is None or option.usd >= 0 for option in error.options)


class TestOptions:
    @pytest.mark.parametrize(
        "changes",
        [{"amount": 5000000}, {"amount": None}, {"amount": True}, {"asset": 7}, {"payTo": None}, {"payTo": ["0x"]},
         {"network": {}}, {"scheme": 1}, {"extra": "permit2"}, {"extra": []}, {"extra": True}],
    )  # fmt: skip
    def test_an_entry_of_another_build_is_no_way_to_pay(self, changes: dict[str, Any]) -> None:
        """Nothing is coerced: a number is not the text of it. The others stay."""
        assert options_of({"accepts": [{**BASE, **changes}, SOLANA]}) == OPTIONS[1:]

    @pytest.mark.parametrize("field", ["scheme", "network", "asset", "amount", "payTo"])
    def test_each_of_its_texts_is_needed(self, field: str) -> None:
        """An entry without one is left out."""
        assert options_of({"accepts": [{name: item for name, item in BASE.items() if name != field}]}) == ()

    @pytest.mark.parametrize("accepts", [None, 1, "text", {"0": BASE}, [None, 1, "x", [BASE]], True])
    def test_what_is_no_list_of_entries_offers_nothing(self, accepts: Any) -> None:
        """Whatever stands there."""
        assert options_of({"accepts": accepts}) == ()

    @pytest.mark.parametrize(
        ("said", "seconds"),
        [("300", "300"), ("300.5", "300.5"), ("3e2", "300.0"), ("-1", "-1"), ('"300"', "None"), ("null", "None"),
         ("true", "None"), ("1e999999999", "None"), ("9" * 400, "None"), ("[300]", "None")],
    )  # fmt: skip
    def test_a_timeout_is_a_number_or_none(self, said: str, seconds: str) -> None:
        """A whole one stays whole; whether it is sensible is not judged here."""
        plain = json.dumps({"error": "x", "accepts": [BASE]})
        body = plain.replace('"maxTimeoutSeconds": 300', f'"maxTimeoutSeconds": {said}')
        assert repr(refused(402, body.encode()).options[0].max_timeout_seconds) == seconds

    @pytest.mark.parametrize(
        ("written", "shown"),
        [(" 5000000", " 5000000"), ("5000000\n", "5000000\ufffd"), ("50\u200b00000", "50\ufffd00000"),
         ("\u202e5000000", "\ufffd5000000"), ("\ud8005", "\ufffd5"), ("\u0665", "\u0665"),
         ("5" * 300, "5" * 200 + "…")],
    )  # fmt: skip
    def test_nothing_is_mended(self, written: str, shown: str) -> None:
        """What is compared later must not become right by being made fit to show; nor is it an amount."""
        (option,) = refused(402, {"error": "x", "accepts": [{**BASE, "amount": written}]}).options
        assert (option.amount, option.usd) == (shown, None)

    def test_extra_is_safe_to_show_and_not_bottomless(self) -> None:
        """Names and texts alike; what is nested deeper than anything documented makes the entry none."""
        shown = refused(402, {"accepts": [{**BASE, "extra": {"a\x1b": ["b\u202e", {"c": "\ud800"}, 1.5, None]}}]})
        assert shown.options[0].extra == {"a\ufffd": ["b\ufffd", {"c": "\ufffd"}, Decimal("1.5"), None]}
        for depth in (17, 400, 950):
            deep = b'{"accepts":[' + json.dumps(BASE).encode()[:-1] + b',"more":1,"extra":{"a":' + b"[" * depth
            error = refused(402, deep + b"]" * depth + b"}}]}")
            assert error.options == ()

    def test_no_extra_is_an_empty_one(self) -> None:
        """It is optional for a top-up."""
        bare = {name: item for name, item in BASE.items() if name != "extra"}
        assert [option.extra for option in options_of({"accepts": [bare, {**BASE, "extra": None}]})] == [{}, {}]


@pytest.mark.parametrize("odd", [None, 5, "text", [], [1], {}, {"info": 1}, {"step1": 7, "tokenDecimals": True}, True])
def test_odd_fields_of_the_form_are_left_empty(odd: Any) -> None:
    """One field that is not understood costs that field."""
    names = [name for name in WALLET if name not in {"error", "code"}]
    error = refused(402, {**WALLET, **dict.fromkeys(names, odd)})
    assert type(error) is errors.WalletBalanceError
    assert (error.challenge, error.tokens, error.chains) == (None, (), ())
    assert error.balance_usd == (5 if odd == 5 else None)
    assert error.instructions in (None, TopUpInstructions())
