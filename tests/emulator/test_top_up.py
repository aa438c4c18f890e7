"""Top-ups: what is offered, what is taken, every refusal, and that a payment moves money once."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venice_async.emulator.brain import Brain
from venice_async.emulator.faults import DropFault, GarbageFault, Stage, StatusFault
from venice_async.emulator.messages import EmulatedRequest
from venice_async.emulator.wallets import Wallets
from venice_async.emulator.x402 import Shop
from venice_async.limits import RateLimits

from .conftest import WALL
from .purse import PAY_TO, USDC, Purse, packed, unpacked

PURSE, OTHER = Purse(1), Purse(2)


def post(api: Any, payment: Any = None, name: str = "payment_signature", **headers: Any) -> Any:
    value = payment if payment is None or isinstance(payment, str) else packed(payment)
    return api.send(
        "POST", "/api/v1/x402/top-up", authorization=None, content_type=None, **{name: value}, **headers
    )  # fmt: skip


def credit(api: Any, purse: Purse = PURSE) -> Decimal:
    return api.brain.wallets[purse.address].credit_usd  # type: ignore[no-any-return]


def moved(api: Any) -> list[Decimal]:
    return [transfer.usd for transfer in api.brain.settlement.transfers]


def flat(payment: dict[str, Any], version: int = 1, network: str = "base") -> dict[str, Any]:
    """The same payment in the form of version 1."""
    return {"x402Version": version, "scheme": "exact", "network": network, "payload": payment["payload"]}


def test_what_is_offered(make_api: Any) -> None:
    """Base and Solana, at the least amount; body and header say the same; also to whoever sends a key and a body."""
    api = make_api()
    answer = post(api)
    assert answer.status == 402
    base, solana = answer.json["accepts"]
    assert base == {
        "scheme": "exact", "network": "eip155:8453", "amount": "5000000", "asset": USDC, "payTo": PAY_TO,
        "maxTimeoutSeconds": 300, "extra": {"name": "USD Coin", "version": "2"},
    }  # fmt: skip
    assert (solana["network"], "feePayer" in solana["extra"]) == ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", True)
    assert unpacked(answer.headers["payment-required"]) == answer.json
    assert api.send("POST", "/api/v1/x402/top-up", body=b"{}").json == answer.json


@pytest.mark.parametrize("name", ["payment_signature", "x_402_payment", "x_payment"])
@pytest.mark.parametrize("shape", [
    lambda payment: payment, flat, lambda payment: flat(payment, 2), lambda payment: flat(payment, 2, "eip155:8453"),
])  # fmt: skip
def test_a_payment_is_credited(make_api: Any, name: str, shape: Callable[[Any], Any]) -> None:
    """Under each header name and in each form: USDC moves, credit comes, and the answer says so twice."""
    api = make_api()
    answer = post(api, shape(PURSE.payment(value="7250000")), name)
    assert answer.status == 200
    data = answer.json["data"]
    assert (data["walletAddress"], data["amountCredited"], data["newBalance"]) == (PURSE.wallet, 7.25, 7.25)
    settled = unpacked(answer.headers["payment-response"])
    (transfer,) = api.brain.settlement.transfers
    assert settled == {
        "success": True, "network": "eip155:8453", "payer": PURSE.wallet, "transaction": transfer.transaction,
    }  # fmt: skip
    assert (transfer.payer, transfer.pay_to, transfer.usd) == (PURSE.wallet, PAY_TO, Decimal("7.25"))
    wallet = api.brain.wallets[PURSE.address]
    assert (wallet.credit_usd, wallet.usdc) == (Decimal("7.25"), Decimal("9992.75"))
    (row,) = wallet.transactions
    assert (row.kind, row.usd, row.balance_after_usd) == ("TOP_UP", Decimal("7.25"), Decimal("7.25"))


def test_the_canonical_payment_header_wins(make_api: Any) -> None:
    """Of several the first name in the order of the vendor's notes is read."""
    api = make_api()
    assert post(api, PURSE.payment(), x_payment="nonsense").status == 200


def test_the_same_payment_again(make_api: Any) -> None:
    """It is credited once; the answer is the same each time, also after it has run out."""
    api = make_api()
    payment = PURSE.payment()
    first = post(api, payment)
    again = post(api, flat(payment))
    api.now = 3600.0
    late = post(api, payment)
    assert first.content == again.content == late.content
    assert (credit(api), moved(api)) == (Decimal(5), [Decimal(5)])


def test_a_nonce_pays_once(make_api: Any) -> None:
    """Another amount under the same nonce is refused; another payer may have the same nonce."""
    api = make_api()
    nonce = "0x" + "ab" * 32
    assert post(api, PURSE.payment(nonce=nonce)).status == 200
    assert refusal(post(api, PURSE.payment(nonce=nonce, value="6000000"))) == "PAYMENT_VERIFICATION_FAILED"
    assert post(api, OTHER.payment(nonce=nonce)).status == 200
    assert moved(api) == [Decimal(5), Decimal(5)]


def test_settling_takes_time(make_api: Any) -> None:
    """USDC moves at once; until the credit is there the same payment is a 409, and afterwards the same 200."""
    api = make_api(settle_delay=30.0)
    payment = PURSE.payment()
    first = post(api, payment)
    assert (first.status, first.raw.delay) == (200, 30.0)
    api.now = 29.0
    busy = post(api, payment)
    assert (busy.status, busy.json["error"]) == (409, "PAYMENT_IN_PROGRESS")
    assert (credit(api), moved(api)) == (0, [Decimal(5)])
    api.now = 30.0
    done = post(api, payment)
    assert (done.status, done.content, done.raw.delay) == (200, first.content, 0.0)
    assert credit(api) == 5


@pytest.mark.parametrize("delay", [0.0, 30.0])
def test_a_repeated_payment_may_be_a_conflict(make_api: Any, delay: float) -> None:
    """Where that is asked for, what was credited is a 409 for good, and is credited once as ever."""
    api = make_api(settle_delay=delay, repeat_conflicts=True)
    payment = PURSE.payment()
    assert post(api, payment).status == 200
    for api.now in (delay, delay + 1.0, 5000.0):
        again = post(api, payment)
        assert (again.status, again.json["error"]) == (409, "PAYMENT_IN_PROGRESS")
    assert (credit(api), moved(api)) == (Decimal(5), [Decimal(5)])


def refusal(answer: Any) -> str:
    assert set(answer.json) <= {"error", "message", "details"}
    assert answer.json["message"]
    return str(answer.json["error"]) if answer.status == 400 else f"{answer.status} {answer.json['error']}"


def spoilt(**changes: Any) -> Callable[[], Any]:
    return lambda: PURSE.payment(**changes)


def accepting(**changes: Any) -> Callable[[], Any]:
    return lambda: PURSE.payment(accepted=changes)


def payload(**changes: Any) -> Callable[[], Any]:
    def make() -> Any:
        payment = PURSE.payment()
        return {**payment, "payload": {**payment["payload"], **changes}}

    return make


def authorized(**changes: Any) -> Callable[[], Any]:
    """A payment whose authorization was changed after it was signed."""

    def make() -> Any:
        payment = PURSE.payment()
        payment["payload"]["authorization"] |= changes
        return payment

    return make


def resealed(**domain: Any) -> Any:
    authorization = PURSE.authorization()
    seal = PURSE.seal(authorization, **domain)
    return {**PURSE.payment(), "payload": {"signature": seal, "authorization": authorization}}


STRANGER = "0x" + "12" * 20
REFUSED: dict[str, list[Callable[[], Any]]] = {
    "INVALID_PAYMENT_FORMAT": [lambda: "%%%", lambda: "", lambda: packed([]), lambda: json.dumps(PURSE.payment())],
    "INVALID_PAYMENT": [
        dict, lambda: {**PURSE.payment(), "x402Version": 3}, lambda: {**PURSE.payment(), "x402Version": True},
        lambda: {**PURSE.payment(), "x402Version": [1]}, lambda: {**PURSE.payment(), "payload": "x"},
        lambda: {**PURSE.payment(), "accepted": None}, payload(signature=None), payload(authorization=[]),
        payload(authorization={}),
    ],
    "UNSUPPORTED_NETWORK": [
        accepting(network="eip155:1"), accepting(network="base-sepolia"), accepting(network=None),
        accepting(network="solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"), accepting(network=["base"]),
    ],
    "UNSUPPORTED_SCHEME": [accepting(scheme="upto"), accepting(scheme=None)],
    "UNSUPPORTED_TOKEN": [accepting(asset=STRANGER), accepting(asset=5)],
    "INVALID_PAYMENT_RECIPIENT": [spoilt(to=STRANGER), accepting(payTo=STRANGER), authorized(to=5)],
    "INVALID_PAYMENT_PAYER": [authorized(**{"from": "0x12"}), authorized(**{"from": None})],
    "INVALID_AMOUNT": [
        authorized(value="5e6"), authorized(value="-5000000"), authorized(value="05000000"), authorized(value=5e6),
        authorized(value=None), authorized(value="5" * 90), accepting(amount="6000000"), accepting(amount="x"),
    ],
    "AMOUNT_TOO_LOW": [spoilt(value="4999999", accepted={"amount": "1"}), spoilt(value="0", accepted={"amount": "0"})],
    "AMOUNT_TOO_HIGH": [spoilt(value="10000000001")],
    "PAYMENT_VERIFICATION_FAILED": [
        spoilt(validBefore=str(int(WALL))), spoilt(validAfter=str(int(WALL) + 1)), authorized(value="5000001"),
        authorized(nonce="0x12"), authorized(nonce=None), authorized(validAfter="soon"), authorized(validBefore="-1"),
        authorized(**{"from": OTHER.address}), payload(signature="0x"), payload(signature="x"),
        payload(signature="0x" + "00" * 65), payload(signature="0x" + "ab" * 300), lambda: resealed(chainId=1),
        lambda: resealed(name="USDC"), lambda: resealed(version="1"), lambda: resealed(verifyingContract=STRANGER),
    ],
}  # fmt: skip
CASES = [(name, number) for name, spoils in REFUSED.items() for number in range(len(spoils))]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_each_refusal_has_its_code(make_api: Any, name: str, number: int) -> None:
    """What is wrong with a payment is told, and nothing moves."""
    api = make_api()
    assert refusal(post(api, REFUSED[name][number]())) == name
    assert (credit(api), moved(api)) == (0, [])


def test_solana_is_told_apart(make_api: Any) -> None:
    """A payment on Solana may be well signed: the words say that it is the emulator that cannot settle it."""
    answer = post(make_api(), REFUSED["UNSUPPORTED_NETWORK"][3]())
    assert answer.json["message"] == "The emulator settles payments on Base only"


def test_the_bounds_are_inside(make_api: Any) -> None:
    """$5 and $10,000 themselves may be paid."""
    api = make_api(wallets=Wallets(usdc=20_000))
    assert [post(api, PURSE.payment(value=value)).status for value in ("5000000", "10000000000")] == [200, 200]


def test_too_little_usdc(make_api: Any) -> None:
    """The transfer fails, nothing moves, and the same payment is good once there is enough."""
    api = make_api(wallets=Wallets(usdc=4))
    payment = PURSE.payment()
    assert refusal(post(api, payment)) == "402 SETTLEMENT_FAILED"
    assert moved(api) == []
    api.brain.wallets[PURSE.address].usdc = Decimal(6)
    assert post(api, payment).status == 200
    assert refusal(post(api, PURSE.payment())) == "402 SETTLEMENT_FAILED"


def test_asking_what_can_be_paid_is_no_failure(make_api: Any) -> None:
    """However small the budget of failed requests is, offers can be asked for."""
    api = make_api(limits=RateLimits(failures=1))
    assert [post(api).status for _ in range(5)] == [402] * 5


def test_ten_a_minute(make_api: Any) -> None:
    """Whoever asks: this machine is one address, with a key or without."""
    api = make_api()
    answers = [post(api) for _ in range(9)] + [api.send("POST", "/api/v1/x402/top-up"), post(api, PURSE.payment())]
    assert [answer.status for answer in answers] == [402] * 10 + [429]
    assert answers[-1].json == {"error": "Rate limit exceeded. Please try again later."}
    api.now = 60.0
    assert post(api, PURSE.payment(validBefore=str(int(WALL) + 300))).status == 200


@pytest.mark.parametrize("status", [409, 503, 504])
@pytest.mark.parametrize("processed", [True, False])
def test_an_outcome_left_open(make_api: Any, status: int, *, processed: bool) -> None:
    """An error status before or after the money moved looks the same; the same payment again settles it once."""
    fault = StatusFault(status=status, endpoints=("top_up",), after=1, times=1, processed=processed)
    api = make_api(faults=[fault])
    payment = PURSE.payment()
    codes = {409: "PAYMENT_IN_PROGRESS", 503: "X402_NOT_CONFIGURED", 504: "SETTLEMENT_TIMEOUT"}
    assert post(api).status == 402
    answer = post(api, payment)
    assert (answer.status, answer.json["error"]) == (status, codes[status])
    assert len(moved(api)) == processed
    assert post(api, payment).status == 200
    assert (credit(api), moved(api)) == (5, [Decimal(5)])


def test_an_answer_that_is_lost(make_api: Any) -> None:
    """The connection may break before or after the money moved; a garbled answer comes after it did."""
    drops = [DropFault(endpoints=("top_up",), stage=stage, times=1) for stage in (Stage.SEND, Stage.REPLY)]
    api = make_api(faults=[*drops, GarbageFault(endpoints=("top_up",), after=1, times=1)])
    payment = PURSE.payment()
    assert (post(api, payment).raw.drop, moved(api)) == (Stage.SEND, [])
    assert (post(api, payment).raw.drop, moved(api)) == (Stage.REPLY, [Decimal(5)])
    assert [post(api, payment).status, post(api, payment).status] == [502, 200]
    assert (credit(api), moved(api)) == (5, [Decimal(5)])


def test_hostile_fields(make_api: Any) -> None:
    """A mapping replaces fields of the Base entry, in every 402 that has one."""
    api = make_api(shop=Shop(offer={"amount": "1e9", "payTo": STRANGER}))
    base = post(api).json["accepts"][0]
    assert (base["amount"], base["payTo"], base["asset"]) == ("1e9", STRANGER, USDC)
    discovered = api.post("/video/queue", api.body(), authorization=None)
    assert discovered.json["accepts"][0]["payTo"] == STRANGER


def test_hostile_lists(make_api: Any) -> None:
    """A function makes any list of the honest one."""
    api = make_api(shop=Shop(offer=lambda accepts: [{**accepts[0], "network": "eip155:1"}, 5]))
    assert [entry if entry == 5 else entry["network"] for entry in post(api).json["accepts"]] == ["eip155:1", 5]


def test_a_hostile_host_takes_all(make_api: Any) -> None:
    """Whoever signs for it has paid, whatever the amount and the payee: that is the truth a cap is measured by."""
    api = make_api(shop=Shop(offer={"payTo": STRANGER}), wallets=Wallets(usdc=10**6))
    post(api)
    payment = PURSE.payment(to=STRANGER, value="50000000000", accepted={"payTo": STRANGER})
    assert post(api, payment).status == 200
    assert api.brain.settlement.transfers[0].pay_to == STRANGER
    assert moved(api) == [Decimal(50_000)]


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.lists(st.text(), max_size=2)
)
fields = st.sampled_from(["from", "to", "value", "validAfter", "validBefore", "nonce"])
terms = st.sampled_from(["scheme", "network", "amount", "asset", "payTo", "extra"])


@settings(max_examples=150, deadline=None)
@given(
    authorization=st.dictionaries(fields, values, max_size=3),
    accepted=st.dictionaries(terms, values, max_size=2),
    signature=values,
    flattened=st.booleans(),
)
def test_nothing_makes_it_raise(
    authorization: dict[str, Any], accepted: dict[str, Any], signature: Any, *, flattened: bool
) -> None:
    """Whatever a payment holds, an answer goes out."""
    payment = PURSE.payment()
    payment["payload"]["authorization"] |= authorization
    payment["accepted"] |= accepted
    if signature is not None:
        payment["payload"]["signature"] = signature
    tree = flat(payment) if flattened else payment
    request = EmulatedRequest(method="POST", path="/api/v1/x402/top-up", headers={"x-payment": packed(tree)})
    assert Brain().answer(request, now=0.0, wall=WALL).status in {200, 400}
