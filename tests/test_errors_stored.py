"""Errors in the ledger: what a person or a program needs of them is there after a restart."""

import base64
import json
from decimal import Decimal
from typing import Any

import attrs
import canaries
import pytest
from test_errors import EVERY, FACTS, OPTION, each, known

from venice_async import errors
from venice_async.auth import ApiKeyAuth
from venice_async.errors import Charge, VeniceError
from venice_async.errors.problems import Problem
from venice_async.errors.stored import error_from_text, error_text
from venice_async.exchanger import Exchanger
from venice_async.wire.exchange import Call, Channel, ReplyHead
from venice_async.wire.failures import failure_of


def same(one: object, other: object) -> bool:
    """Whether two facts are the same; errors are so by type, words and facts."""
    if isinstance(one, VeniceError) and isinstance(other, VeniceError):
        facts, others = vars(one), vars(other)
        alike = facts.keys() == others.keys() and all(same(facts[name], others[name]) for name in facts)
        return type(one) is type(other) and one.args == other.args and alike
    return type(one) is type(other) and one == other


@each
def test_every_fact_of_every_class_comes_back(kind: type[VeniceError]) -> None:
    """As the same value of the same type: alone, and all together."""
    for name, value in known(kind).items():
        error = kind("What happened.", **{name: value})
        assert same(error_from_text(error_text(error)), error), name
    whole = kind("What happened", **known(kind))
    back = error_from_text(error_text(whole))
    assert same(back, whole)
    assert str(back) == str(whole)


def test_what_is_inside_of_a_fact_comes_back() -> None:
    """Exact numbers, problems with all their parts, and an error with facts of its own inside of another."""
    problem = Problem(
        field="keyframes[1].frame_index", message="is above 240.", value=999, allowed=("1", "2"), nearest="2"
    )
    inner = errors.ContentRejectedError("No", suggested_prompt="A cat", credits_refunded=False, charge=Charge.CHARGED)
    payment = {"accepts": [{"amount": Decimal("0.10"), "n": 3, "yes": True, "none": None}], "x402Version": 1}
    for error in (
        errors.InvalidRequestError("Wrong.", problems=(str(problem),), located=(problem,)),
        errors.PaymentRequiredError("Pay.", payment=payment),
        errors.BadRequestError("Bad.", details="said", issues=({"path": ["a", 0]}, "text", Decimal("1.5"))),
        errors.JobHeldError("Wait.", reason="consent", problem=inner),
        errors.UnknownOutcomeError("Lost.", problem=errors.JobHeldError("x", problem=inner)),
    ):
        assert same(error_from_text(error_text(error)), error)


def test_what_is_nested_too_deep_to_be_written_loses_its_depth_and_not_its_words() -> None:
    """A server's answer never keeps a job from being recorded."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    circle: dict[str, Any] = {}
    circle["x"] = circle
    for payment in ({"x": deep}, circle):
        error = errors.PaymentRequiredError("Pay.", payment=payment, code="PAY", charge=Charge.NONE)
        back = error_from_text(error_text(error))
        assert (type(back), str(back), vars(back)["code"]) == (type(error), str(error), "PAY")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("ContentRejectedError", {"suggested_prompt": 5, "credits_refunded": "yes", "recommended_model": ["m"]}),
        ("InvalidRequestError", {"problems": "text", "located": [{"field": 1, "message": "x"}]}),
        ("InvalidRequestError", {"problems": [1], "located": ["text"]}),
        ("RateLimitError", {"retry_after": "soon", "status": True}),
        ("PaymentRequiredError", {"payment": [1]}),
        ("BudgetExceededError", {"needed_usd": "much", "available_usd": {"$decimal": "x"}}),
        ("JobHeldError", {"problem": "text", "reason": None}),
        ("DiscoveryError", {"options": [{"scheme": "exact"}], "auth_options": [1], "payment_required": "text"}),
        ("WalletBalanceError", {"balance_usd": "much", "instructions": {"steps": "text"}, "challenge": 5}),
        ("WalletBalanceError", {"tokens": [1], "chains": "base", "options": "text"}),
        ("UntrustedOfferError", {"options": [{**attrs.asdict(OPTION), "amount": 5000000}]}),
        ("TopUpPendingError", {"expires_at": "soon", "usd": [1]}),
        ("VeniceError", {"charge": "some", "advice": 1, "transient": "no", "nonsense": 1}),
    ],
)
def test_facts_of_the_wrong_kind_are_dropped(kind: str, facts: dict[str, Any]) -> None:
    """Whoever reads a fact may rely on its type, whoever wrote to the file."""
    back = error_from_text(json.dumps({"type": kind, "message": "m", "facts": facts}))
    assert (type(back).__name__, vars(back)) == (kind, {})


def test_a_chain_without_end_is_told_as_unreadable() -> None:
    """Errors inside errors, as nobody writes them."""
    chain = '{"type":"JobHeldError","facts":{"problem":' * 300 + "{}" + "}}" * 300
    assert "cannot be read" in str(error_from_text(chain))


def test_a_402_of_an_earlier_version_is_read() -> None:
    """It knew neither options nor the header as a fact of its own."""
    text = (
        '{"type":"PaymentRequiredError","message":"m","facts":{"status":402,"payment":{"accepts":[{"payTo":"0x1"}]}}}'
    )
    back = error_from_text(text)
    assert isinstance(back, errors.PaymentRequiredError)
    assert (back.payment, back.options, back.payment_required) == ({"accepts": [{"payTo": "0x1"}]}, (), None)


def test_what_a_wallet_is_told_comes_back() -> None:
    """With exact amounts inside of values, and timeouts of either kind."""
    option = attrs.evolve(OPTION, max_timeout_seconds=300.5, extra={"fee": Decimal("0.10"), "deep": [{"a": None}]})
    for error in (
        errors.UntrustedOfferError("No.", options=(option, OPTION), usd=Decimal("5.000001")),
        errors.JobHeldError("Wait.", problem=errors.TopUpPendingError("x", usd=Decimal(5), expires_at=1.5)),
        errors.SignInError("No.", code="X402_SIGN_IN_EXPIRED"),
    ):
        assert same(error_from_text(error_text(error)), error)


def test_prices_of_earlier_versions_are_read() -> None:
    """They were written as texts."""
    back = error_from_text('{"type":"BudgetExceededError","message":"m","facts":{"needed_usd":"0.10"}}')
    assert vars(back) == {"needed_usd": Decimal("0.10")}


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 410, 413, 415, 422, 429, 500, 503])
@pytest.mark.parametrize("endpoint", ["queue", "top_up", "wallet_balance"])
def test_a_key_that_the_server_repeats_is_in_no_fact(status: int, endpoint: str) -> None:
    """Neither in the error nor in what the ledger keeps of it."""
    said = f"your key is {canaries.KEY}"
    option = dict.fromkeys(("scheme", "network", "asset", "amount", "payTo"), said) | {"extra": {said: [said]}}
    challenge = {"info": dict.fromkeys(("domain", "uri", "nonce", "statement"), said)}
    tree = {
        "error": {"message": said, "code": canaries.KEY, "recommended_model": said}, "details": {said: said},
        "issues": [said], "hint": said, "suggested_prompt": said, "docs_url": said, "face_media_roles": [said],
        "consent": {"policy_text": said, "consent_version": said}, "accepts": [option],
        "authOptions": {"apiKey": {said: said}}, "siwxChallenge": challenge, "supportedChains": [said],
        "topUpInstructions": {"step1": said, "receiverWallet": said, "network": said},
    }  # fmt: skip
    told = {"accepts": [option], "x402Version": 2, "extensions": {"sign-in-with-x": challenge}, "error": said}
    hidden = base64.b64encode(json.dumps(told).encode()).decode()
    escaped = json.dumps(tree).replace("canary", "\\u0063anary")
    head = ReplyHead(
        status=status,
        headers={"payment-required": hidden, "link": f'<{said}>; rel="successor-version"', "cf-ray": canaries.KEY},
    )
    call = Call(name=endpoint, method="POST", url="https://a.example/x", channel=Channel.QUEUE)
    exchanger = Exchanger(transport=None, governor=None, auth=ApiKeyAuth(canaries.KEY))  # type: ignore[arg-type]
    bodies = [json.dumps(tree), escaped, "", json.dumps({**tree, "x402Version": 2})]
    for body in (*bodies, json.dumps({**tree, "code": "PAYMENT_REQUIRED"})):
        error = exchanger.failure(call, head, body.encode())
        canaries.assert_nothing_secret(error, error_text(error), error_from_text(error_text(error)))


@pytest.mark.parametrize("status", [400, 402, 409, 422, 429, 503])
def test_what_the_wire_makes_of_an_answer_comes_back(status: int) -> None:
    """Not only facts that a test thought of."""
    tree = {
        "error": {"message": "No", "code": "needs_consent", "credits_refunded": True, "recommended_model": "m-2"},
        "suggested_prompt": "a cat", "hint": "softer", "issues": [{"price": 1.25}], "details": {"a": [1.5]},
        "consent": {"policy_text": "Read\nthis", "consent_version": "3"}, "face_media_roles": ["reference_image"],
        "accepts": [{"amount": 0.10}], "currentBalanceUsd": 0.05,
    }  # fmt: skip
    error = failure_of("queue", ReplyHead(status=status, headers={"retry-after": "7"}), json.dumps(tree).encode())
    assert same(error_from_text(error_text(error)), error)


def test_every_class_is_tried() -> None:
    """The list is not empty by mistake."""
    assert len(EVERY) > 35
    assert FACTS
