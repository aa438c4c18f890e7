"""Wallets' money: credit, ledger, DIEM, the 402s, and how many requests may be there at the same time."""

from decimal import Decimal
from typing import Any

import pytest

from venice_async.emulator.faults import JobFault, StatusFault
from venice_async.emulator.messages import EmulatedRequest
from venice_async.emulator.wallets import EmulatedWallet, Wallets
from venice_async.emulator.x402 import Shop
from venice_async.errors import ConfigurationError
from venice_async.limits import RateLimits

from .conftest import WALL
from .purse import PAY_TO, Purse, packed, unpacked

PURSE, OTHER = Purse(1), Purse(2)
PRICE = Decimal("0.50")


def opened(make_api: Any, usd: Any = 25, **options: Any) -> Any:
    return make_api(video_size=5_000, wallets=Wallets({PURSE.address: usd}, **options.pop("with_", {})), **options)


def queue(api: Any, purse: Purse = PURSE, **changes: Any) -> Any:
    return api.post("/video/queue", api.body(**changes), **purse.credentials(issued=WALL + api.now, expires=None))


def ask(api: Any, page: str, purse: Purse = PURSE, **query: Any) -> Any:
    credentials = purse.credentials(issued=WALL + api.now, expires=None)
    return api.get(f"/x402/{page}/{PURSE.address}", query=query, **credentials)


def retrieve(api: Any, job: Any) -> Any:
    body = {"model": job["model"], "queue_id": job["queue_id"]}
    return api.post("/video/retrieve", body, **PURSE.credentials(issued=WALL + api.now, expires=None))


def wallet(api: Any) -> EmulatedWallet:
    return api.brain.wallets[PURSE.address]  # type: ignore[no-any-return]


def test_a_job_is_paid_from_the_credit(make_api: Any) -> None:
    """Charged when it is queued; every good answer says what is left, and so do balance and ledger."""
    api = opened(make_api, usage_request_ids=True)
    answer = queue(api)
    assert (answer.status, answer.headers["x-balance-remaining"]) == (200, "24.500000")
    assert retrieve(api, answer.json).headers["x-balance-remaining"] == "24.500000"
    assert ask(api, "balance").json == {"success": True, "data": {
        "walletAddress": PURSE.wallet, "balanceUsd": 24.5, "canConsume": True, "minimumTopUpUsd": 5,
        "suggestedTopUpUsd": 10,
    }}  # fmt: skip
    (row,) = ask(api, "transactions").json["data"]["transactions"]
    assert row["id"].startswith("ledger_")
    del row["id"]
    assert row == {
        "amount": -0.5, "balanceAfter": 24.5, "type": "CHARGE", "createdAt": "2027-01-15T08:00:00.000Z",
        "requestId": answer.json["queue_id"], "modelId": "wan-2.6-text-to-video",
    }  # fmt: skip


def test_the_accounts_books_know_nothing_of_wallets(make_api: Any) -> None:
    """The account behind the keys does not pay for a wallet's jobs, nor the other way round."""
    api = opened(make_api, balance_usd=Decimal("0.50"))
    queue(api)
    assert api.queue().status == 200
    assert api.queue().status == 402
    history = api.get("/billing/usage-history", authorization="Bearer admin")
    assert len(history.json["data"]) == 1
    assert [charge.wallet for charge in api.brain.book.charges] == [PURSE.wallet, None]
    assert wallet(api).credit_usd == Decimal("24.50")


@pytest.mark.parametrize("refunded", [True, False])
def test_a_failed_job(make_api: Any, *, refunded: bool) -> None:
    """A refund is one row, once, however often the failure is asked for."""
    api = opened(make_api, faults=[JobFault(refunded=refunded)])
    job = queue(api).json
    api.finish()
    assert [retrieve(api, job).status for _ in range(3)] == [422, 422, 422]
    kinds = [row.kind for row in wallet(api).transactions]
    assert kinds == (["CHARGE", "REFUND"] if refunded else ["CHARGE"])
    assert wallet(api).credit_usd == (25 if refunded else Decimal("24.50"))
    assert wallet(api).transactions[-1].balance_after_usd == wallet(api).credit_usd


def test_a_ledger_in_pages(make_api: Any) -> None:
    """Newest first; each balance is the one before it and its amount; hasMore says whether to go on."""
    api = opened(make_api)
    for _ in range(5):
        queue(api)
        api.now += 1
    pages = [ask(api, "transactions", limit="2", offset=str(offset)).json["data"] for offset in (0, 2, 4, 6)]
    assert [page["pagination"] for page in pages] == [
        {"limit": 2, "offset": offset, "hasMore": offset < 4} for offset in (0, 2, 4, 6)
    ]
    rows = [row for page in pages for row in page["transactions"]]
    assert [row["balanceAfter"] for row in rows] == [22.5, 23.0, 23.5, 24.0, 24.5]
    assert len({row["id"] for row in rows}) == 5
    assert {row["requestId"] for row in rows} == {None}


@pytest.mark.parametrize("query", [
    {"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"limit": "1.5"}, {"limit": ""}, {"offset": "-1"},
    {"offset": "٣"}, {"limit": "9" * 30},
])  # fmt: skip
def test_pages_that_cannot_be(make_api: Any, query: dict[str, str]) -> None:
    """A 400 names the field."""
    answer = ask(opened(make_api), "transactions", **query)
    assert (answer.status, set(answer.json["details"])) == (400, set(query))


def test_rows_that_come_late(make_api: Any) -> None:
    """With a delay of the books a row appears that much later, and the balance is right at once."""
    api = opened(make_api, usage_delay=60.0)
    queue(api)
    assert ask(api, "transactions").json["data"]["transactions"] == []
    assert ask(api, "transactions").json["data"]["currentBalance"] == 24.5
    api.now = 60.0
    assert len(ask(api, "transactions").json["data"]["transactions"]) == 1


@pytest.mark.parametrize(("page", "what"), [("balance", "balance"), ("transactions", "transaction history")])
def test_who_may_see_a_wallets_pages(make_api: Any, page: str, what: str) -> None:
    """Its owner alone. Bad sign-ins have no code here, and who shows nothing is told the ways in, without an offer."""
    api = opened(make_api)
    path = f"/x402/{page}/{PURSE.address}"
    assert api.get(f"/x402/{page}/{PURSE.wallet}", **PURSE.credentials()).status == 200
    other = api.get(path, **OTHER.credentials())
    assert (other.status, other.json) == (403, {"error": f"You can only access {what} for your own wallet"})
    header = PURSE.header()
    wrong = [
        api.get(path, authorization=None, sign_in_with_x="nonsense"), api.get(path),
        api.get(path, authorization=None, sign_in_with_x=PURSE.header(domain="evil.com")),
        *(api.get(path, authorization=None, sign_in_with_x=header) for _ in range(2)),
    ]  # fmt: skip
    assert [answer.status for answer in wrong] == [401, 401, 401, 200, 401]
    assert {answer.content for answer in wrong if answer.status == 401} == {
        b'{"error":"Invalid Sign-in-with-x signature"}'
    }
    nobody = api.get(path, authorization=None)
    assert (nobody.status, nobody.json["accepts"]) == (402, [])
    assert api.get(f"/x402/{page}/nonsense", **PURSE.credentials()).status == 400


def test_what_one_may_ask_of_the_pages(make_api: Any) -> None:
    """30 balances and 20 ledgers a minute and wallet; the answers do not speak of the limits for videos."""
    api = opened(make_api)
    balances = [ask(api, "balance") for _ in range(31)]
    ledgers = [ask(api, "transactions") for _ in range(21)]
    for answers in (balances, ledgers):
        assert {answer.status for answer in answers[:-1]} == {200}
        assert answers[-1].status == 429
        assert answers[-1].json == {"error": "Rate limit exceeded. Please try again later."}
    assert "x-ratelimit-limit-requests" not in balances[0].headers
    assert api.get(f"/x402/balance/{OTHER.address}", **OTHER.credentials()).status == 200
    api.now = 60.0
    assert ask(api, "balance").status == 200


def test_next_to_no_credit(make_api: Any) -> None:
    """Below $0.10 nothing is served, not even polls: the 402 says how to top up, in its body and in a header."""
    api = opened(make_api, "0.59")
    job = queue(api).json
    answer = retrieve(api, job)
    assert answer.status == 402
    tree = answer.json
    assert (tree["code"], tree["reason"], tree["currentBalanceUsd"]) == (
        "PAYMENT_REQUIRED",
        "insufficient_balance",
        0.09,
    )
    assert tree["topUpInstructions"]["receiverWallet"] == PAY_TO
    required = unpacked(answer.headers["payment-required"])
    assert [entry["amount"] for entry in required["accepts"]] == ["10000000", "10000000"]
    assert [entry["network"] for entry in required["accepts"]] == ["eip155:8453", "solana"]
    assert required["extensions"]["sign-in-with-x"] == tree["siwxChallenge"]
    assert ask(api, "balance").json["data"]["canConsume"] is False
    assert "x-balance-remaining" not in answer.headers


def test_some_credit_but_not_enough(make_api: Any) -> None:
    """From $0.10 up to the price the 402 has a sentence only."""
    api = opened(make_api, "0.10")
    answer = queue(api)
    assert (answer.status, set(answer.json)) == (402, {"error"})
    assert answer.json["error"].startswith("Insufficient USD or Diem balance to complete request")
    assert (api.brain.book.charges, wallet(api).transactions) == ([], [])


def test_the_challenge_can_be_signed(make_api: Any) -> None:
    """What a 402 proposes to sign is taken."""
    api = opened(make_api)
    answer = api.post("/video/queue", api.body(), authorization=None)
    info = answer.json["extensions"]["sign-in-with-x"]["info"]
    tree = PURSE.credentials(domain=info["domain"], uri=info["uri"], nonce=info["nonce"], statement=info["statement"])
    assert api.post("/video/queue", api.body(), **tree).status == 200
    again = api.post("/video/queue", api.body(), authorization=None)
    assert again.json["extensions"]["sign-in-with-x"]["info"]["nonce"] != info["nonce"]


def test_diem_comes_first(make_api: Any) -> None:
    """DIEM pays while it lasts, without a row; what it cannot pay no credit pays either, until it is gone."""
    api = opened(make_api, with_={"diem": {PURSE.address: "1.20"}}, faults=[JobFault(jobs=(1,))])
    job = queue(api).json
    assert wallet(api).diem_usd == Decimal("0.70")
    assert ask(api, "balance").json["data"]["diemBalanceUsd"] == 0.7
    api.finish()
    retrieve(api, job)
    assert wallet(api).diem_usd == Decimal("1.20")
    assert [queue(api).status for _ in range(3)] == [200, 200, 402]
    wallet(api).diem_usd = Decimal(0)
    assert queue(api).status == 200
    assert wallet(api).credit_usd == Decimal("24.50")


def test_a_wallet_may_ask_for_its_video_without_the_model(make_api: Any) -> None:
    """As the vendor's own client does. With a key the document's word stands, and a wrong model is wrong for all."""
    api = make_api(wallets=Wallets({PURSE.address: 10}))
    queue_id = queue(api).json["queue_id"]
    signed = lambda: PURSE.credentials(issued=WALL + api.now, expires=None)  # noqa: E731
    assert api.post("/video/retrieve", {"queue_id": queue_id}, **signed()).status == 200
    assert api.post("/video/retrieve", {"queue_id": queue_id, "model": "another"}, **signed()).status == 400
    assert api.post("/video/retrieve", {"queue_id": queue_id}).status == 400


def test_limits_are_kept_per_wallet(make_api: Any) -> None:
    """One wallet's requests and failures do not count for another, nor for a key."""
    api = make_api(
        wallets=Wallets({PURSE.address: 9, OTHER.address: 9}), limits=RateLimits(queue_per_minute=2, failures=2)
    )
    assert [queue(api).status for _ in range(3)] == [200, 200, 429]
    assert [queue(api, OTHER).status, api.queue().status] == [200, 200]
    forged = {**PURSE.tree(), "signature": "0x"}
    for _ in range(3):
        api.post("/video/queue", api.body(), authorization=None, sign_in_with_x=packed(forged))
    blocked = ask(api, "balance")
    assert (blocked.status, "retry-after" in blocked.headers) == (429, True)
    assert queue(api, OTHER).status == 200


def test_a_payment_elsewhere(make_api: Any) -> None:
    """Whatever else is right, a payment header is for the top-up only; no nonce is used."""
    api = opened(make_api)
    credentials = PURSE.credentials()
    for name in ("payment_signature", "x_402_payment", "x_payment"):
        answer = api.post("/video/queue", api.body(), **credentials, **{name: "x"})
        assert (answer.status, answer.json["code"]) == (400, "PAYMENT_HEADER_NOT_ACCEPTED")
    assert api.post("/video/queue", api.body(), **credentials).status == 200


def test_room_for_five(make_api: Any) -> None:
    """The sixth request of a wallet is a 429 and takes no room; its nonce is used."""
    api = opened(make_api)
    headers = [PURSE.credentials() for _ in range(6)]

    def arrive(which: dict[str, Any]) -> Any:
        return api.brain.arrive("/api/v1/video/queue", {"sign-in-with-x": which["sign_in_with_x"]})

    def answered(which: dict[str, Any], *, crowded: bool) -> int:
        request = EmulatedRequest(
            method="POST", path="/api/v1/video/queue", body=b"{}", crowded=crowded,
            headers={"sign-in-with-x": which["sign_in_with_x"], "content-type": "application/json"},
        )  # fmt: skip
        answer = api.brain.answer(request, now=0.0, wall=WALL)
        return int(answer.status)

    stays = [arrive(each) for each in headers]
    assert [stay.refused for stay in stays] == [False] * 5 + [True]
    assert (wallet(api).in_flight, wallet(api).most_in_flight) == (5, 6)
    assert [answered(headers[0], crowded=False), answered(headers[5], crowded=True)] == [400, 429]
    assert answered(headers[5], crowded=False) == 401
    for stay in [*stays, *stays]:
        stay.leave()
    assert wallet(api).in_flight == 0
    for path in ("/api/v1/models", "/api/v1/nothing", "/media/x"):
        api.brain.arrive(path, {"sign-in-with-x": headers[0]["sign_in_with_x"]})
    api.brain.arrive("/api/v1/video/queue", {"sign-in-with-x": "nonsense"})
    assert wallet(api).in_flight == 0


def test_a_status_that_hides_what_was_done(make_api: Any) -> None:
    """An error after the work: the job is there and paid, only the answer says otherwise."""
    api = opened(make_api, faults=[StatusFault(status=503, processed=True, endpoints=("queue",))])
    assert queue(api).status == 503
    assert (len(api.brain.book.charges), wallet(api).credit_usd) == (1, Decimal("24.50"))


@pytest.mark.parametrize(
    "options",
    [
        {"credit": {"nonsense": 1}}, {"credit": {PURSE.address: -1}}, {"credit": {PURSE.address: "NaN"}},
        {"credit": {PURSE.address: "much"}}, {"usdc": "Infinity"}, {"diem": {"0x1": 1}},
    ],
)  # fmt: skip
def test_wallets_that_cannot_be(options: dict[str, Any]) -> None:
    """An address that is none and an amount that is none are told at once."""
    with pytest.raises(ConfigurationError):
        Wallets(**options)


def test_an_offer_that_cannot_be() -> None:
    """It is a mapping or a function."""
    with pytest.raises(ConfigurationError):
        Shop(offer="cheap")  # type: ignore[arg-type]


def test_wallets_by_any_spelling() -> None:
    """One wallet, whatever the case of its address; a new one has USDC and no credit."""
    wallets = Wallets({PURSE.address: "3"}, usdc=7)
    assert wallets[PURSE.address] is wallets["0x" + PURSE.wallet[2:].upper()] is wallets[PURSE.wallet]
    assert (wallets[OTHER.address].credit_usd, wallets[OTHER.address].usdc) == (0, 7)
    assert list(wallets) == [PURSE.wallet, OTHER.wallet]
    assert repr(wallets) == "<Wallets 2 known>"
    with pytest.raises(KeyError):
        wallets["nobody"]
