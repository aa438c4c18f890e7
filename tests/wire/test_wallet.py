"""The endpoints of a wallet's account: what is sent, and what is made of the answers."""

import json
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import Charge, UnexpectedReplyError, VeniceError
from venice_async.models import TopUpReceipt, WalletBalance, WalletPage, WalletTransaction
from venice_async.wire import wallet
from venice_async.wire.exchange import Channel, ReplyHead
from wire.test_payments import BASE, PAYEE, SOLANA, USDC, encoded

URL = "https://api.venice.ai/api/v1"
OK = ReplyHead(status=200, headers={"content-type": "application/json", "cf-ray": "8f-VIE"})
BALANCE: dict[str, Any] = {
    "walletAddress": PAYEE, "balanceUsd": 12.5, "canConsume": True, "minimumTopUpUsd": 5, "suggestedTopUpUsd": 10,
    "diemBalanceUsd": 5.25,
}  # fmt: skip
LINE: dict[str, Any] = {
    "id": "ledger_1", "amount": -0.15, "balanceAfter": 12.35, "type": "CHARGE", "createdAt": "2026-04-03T12:34:56.000Z",
    "requestId": "r-1", "modelId": "m",
}  # fmt: skip
TOP_UP = {
    **LINE,
    "id": "ledger_0",
    "amount": 12.5,
    "balanceAfter": 12.5,
    "type": "TOP_UP",
    "requestId": None,
    "modelId": None,
}
PAGE: dict[str, Any] = {
    "walletAddress": PAYEE, "currentBalance": 12.35, "transactions": [LINE, TOP_UP],
    "pagination": {"limit": 50, "offset": 0, "hasMore": False},
}  # fmt: skip
RECEIPT: dict[str, Any] = {"walletAddress": PAYEE, "amountCredited": 10, "newBalance": 22.5, "paymentId": "payment_1"}
SETTLED = {"success": True, "network": "eip155:8453", "payer": USDC, "transaction": "0xabc"}

READERS: dict[str, Any] = {
    "wallet_balance": (wallet.balance_of, BALANCE),
    "wallet_transactions": (wallet.page_of, PAGE),
    "top_up": (wallet.receipt_of, RECEIPT),
}
every_reader = pytest.mark.parametrize("endpoint", READERS)


def body(data: Any, **changes: Any) -> bytes:
    return json.dumps({"success": True, "data": data, **changes}).encode()


def settled(**changes: Any) -> ReplyHead:
    return ReplyHead(status=200, headers={"payment-response": encoded({**SETTLED, **changes})})


class TestCalls:
    def test_balance_and_transactions(self) -> None:
        """As the document has them; what stands in the path cannot leave it."""
        balance, lines = wallet.balance_call(URL, PAYEE), wallet.transactions_call(URL, PAYEE, limit=100, offset=200)
        assert (balance.name, balance.method, balance.url) == ("wallet_balance", "GET", f"{URL}/x402/balance/{PAYEE}")
        assert (lines.name, lines.method) == ("wallet_transactions", "GET")
        assert lines.url == f"{URL}/x402/transactions/{PAYEE}?limit=100&offset=200"
        assert wallet.balance_call(URL, "../a?b#c").url == f"{URL}/x402/balance/..%2Fa%3Fb%23c"
        assert {balance.channel, lines.channel} == {Channel.CONTROL}

    def test_a_top_up_asks_or_pays(self) -> None:
        """The same post without a body; only the header tells the two apart."""
        ask, pay = wallet.top_up_call(URL, payment=None), wallet.top_up_call(URL, payment="c2lnbmVk")
        for call in (ask, pay):
            assert (call.name, call.method, call.url, call.body) == ("top_up", "POST", f"{URL}/x402/top-up", ())
        assert ask.headers == {"accept": "application/json"}
        assert pay.headers == {"accept": "application/json", "PAYMENT-SIGNATURE": "c2lnbmVk"}

    def test_a_payment_is_not_shown(self) -> None:
        """It works as a text and shows nothing where things are printed."""
        call = wallet.top_up_call(URL, payment="c2lnbmVk")
        shown = [repr(call), repr(call.headers), f"{call.headers!r}", repr(list(call.headers.values()))]
        shown += traceback.TracebackException(
            ValueError, ValueError("x"), None, capture_locals=True
        ).format_exception_only()
        assert "c2lnbmVk" not in "".join(shown)
        assert str(call.headers["PAYMENT-SIGNATURE"]) == "c2lnbmVk"


class TestDocument:
    @pytest.mark.parametrize(
        ("path", "method", "data"),
        [("/x402/balance/{walletAddress}", "get", BALANCE), ("/x402/transactions/{walletAddress}", "get", PAGE),
         ("/x402/top-up", "post", RECEIPT)],
    )  # fmt: skip
    def test_what_is_read_here_is_what_the_document_has(
        self, openapi_path: Path, path: str, method: str, data: Any
    ) -> None:
        """The answers of these tests are the vendor's."""
        import jsonschema  # type: ignore[import-untyped]

        answers = json.loads(openapi_path.read_text())["paths"][path][method]["responses"]
        schema = json.loads(
            json.dumps(answers["200"]["content"]["application/json"]["schema"]).replace(
                '"type": "string", "nullable": true', '"type": ["string", "null"]'
            )
        )
        jsonschema.Draft7Validator(schema).validate({"success": True, "data": data})


class TestValues:
    def test_a_balance(self) -> None:
        """Exact, with DIEM only where there is any."""
        found = wallet.balance_of(OK, body(BALANCE))
        assert found == WalletBalance(
            wallet_address=PAYEE, usd=Decimal("12.5"), can_consume=True, minimum_top_up_usd=Decimal(5),
            suggested_top_up_usd=Decimal(10), diem_usd=Decimal("5.25"),
        )  # fmt: skip
        bare = {name: item for name, item in BALANCE.items() if name != "diemBalanceUsd"}
        for tree in (bare, {**bare, "diemBalanceUsd": None, "newer": 1}):
            assert wallet.balance_of(OK, body(tree)).diem_usd is None

    def test_a_page(self) -> None:
        """Newest first as it came; instants with their zone; null where a line has no request or model."""
        at = datetime(2026, 4, 3, 12, 34, 56, tzinfo=UTC)
        assert wallet.page_of(OK, body(PAGE)) == WalletPage(
            transactions=(
                WalletTransaction(
                    id="ledger_1", usd=Decimal("-0.15"), balance_after_usd=Decimal("12.35"), kind="CHARGE",
                    created_at=at, request_id="r-1", model="m",
                ),
                WalletTransaction(
                    id="ledger_0", usd=Decimal("12.5"), balance_after_usd=Decimal("12.5"), kind="TOP_UP", created_at=at
                ),
            ),
            balance_usd=Decimal("12.35"), has_more=False, offset=0,
        )  # fmt: skip

    def test_instants_are_in_utc(self) -> None:
        """Whatever zone the server writes them in, and where it writes none."""
        for text in ("2026-04-03T14:34:56+02:00", "2026-04-03T12:34:56"):
            (line,) = wallet.page_of(OK, body({**PAGE, "transactions": [{**LINE, "createdAt": text}]})).transactions
            assert line.created_at.isoformat() == "2026-04-03T12:34:56+00:00"

    def test_a_receipt(self) -> None:
        """What was credited, and the hash from the header."""
        assert wallet.receipt_of(settled(), body(RECEIPT)) == TopUpReceipt(
            wallet_address=PAYEE, credited_usd=Decimal(10), balance_usd=Decimal("22.5"), payment_id="payment_1",
            transaction="0xabc", payer=USDC,
        )  # fmt: skip

    @pytest.mark.parametrize("header", [None, "", "garbage!", encoded([1]), encoded({"transaction": 7, "payer": ""})])
    def test_a_receipt_whose_header_tells_nothing(self, header: str | None) -> None:
        """The body is enough."""
        head = ReplyHead(status=200, headers={} if header is None else {"payment-response": header})
        found = wallet.receipt_of(head, body(RECEIPT))
        assert (found.payment_id, found.transaction, found.payer) == ("payment_1", None, None)

    @pytest.mark.parametrize("said", [False, None, "true", 1])
    def test_a_receipt_whose_header_denies_it_is_none(self, said: Any) -> None:
        """Two words that contradict each other are not taken for a success."""
        with pytest.raises(UnexpectedReplyError, match="not settled") as caught:
            wallet.receipt_of(settled(success=said), body(RECEIPT))
        assert caught.value.charge is Charge.UNVERIFIED


def fits(name: str, odd: Any) -> bool:
    """Whether a field may hold it."""
    if name in {"walletAddress", "paymentId"}:
        return bool(odd == "5")
    if name == "canConsume":
        return odd is True
    if name in {"transactions", "pagination"}:
        return name == "transactions" and bool(odd == [])
    return isinstance(odd, float) or (name == "diemBalanceUsd" and odd is None)


class TestStrictness:
    @every_reader
    @pytest.mark.parametrize("odd", [None, [], {}, "5", "", " ", True, 1.5, "a\ud800", "x" * 600])
    def test_each_field_is_of_its_kind(self, endpoint: str, odd: Any) -> None:
        """What is taken is right; all else is refused with its place and without its value."""
        read, data = READERS[endpoint]
        for name in data:
            if name == "walletAddress" and endpoint == "wallet_transactions":
                continue  # the page's own is not used
            if fits(name, odd):
                read(OK, body({**data, name: odd}))
                continue
            with pytest.raises(UnexpectedReplyError, match=rf"data\.{name}(\.\w+)? is not") as caught:
                read(OK, body({**data, name: odd}))
            assert "xxx" not in str(caught.value)
            assert caught.value.__context__ is None

    @pytest.mark.parametrize("name", [*LINE])
    @pytest.mark.parametrize("odd", [[], {}, "", " ", True, "a\ud800", "x" * 600])
    def test_one_odd_line_spoils_the_page(self, name: str, odd: Any) -> None:
        """With a line left out nobody could prove anything by it."""
        with pytest.raises(UnexpectedReplyError, match=rf"data\.transactions\[1\]\.{name} is not"):
            wallet.page_of(OK, body({**PAGE, "transactions": [TOP_UP, {**LINE, name: odd}]}))

    @pytest.mark.parametrize("line", [None, 1, "x", []])
    def test_a_line_is_an_object(self, line: Any) -> None:
        """Whatever stands in its place is refused with its place."""
        with pytest.raises(UnexpectedReplyError, match=r"data\.transactions\[0\] is not an object"):
            wallet.page_of(OK, body({**PAGE, "transactions": [line]}))

    @pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "yesterday", "2026", 5])
    def test_an_instant_beyond_all_calendars(self, at: Any) -> None:
        """It would break whoever compares it; a year alone is none either."""
        if at == "2026":
            at = "2026-13-01"
        with pytest.raises(UnexpectedReplyError, match="createdAt is not an instant"):
            wallet.page_of(OK, body({**PAGE, "transactions": [{**LINE, "createdAt": at}]}))

    @pytest.mark.parametrize("page", [{"offset": -1}, {"offset": 1.0}, {"offset": True}, {"hasMore": None}, None])
    def test_a_page_knows_its_place(self, page: Any) -> None:
        """Offset and whether there is more: whoever reads on needs both."""
        inner = None if page is None else {**PAGE["pagination"], **page}
        with pytest.raises(UnexpectedReplyError, match=r"data\.pagination"):
            wallet.page_of(OK, body({**PAGE, "pagination": inner}))

    @every_reader
    @pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999999999", "-1e999999999", "9" * 4000, "1000000000"])
    @pytest.mark.timeout(10)
    def test_monstrous_amounts_are_refused_and_cost_no_time(self, endpoint: str, number: str) -> None:
        """Nobody has that much."""
        read, data = READERS[endpoint]
        (name,) = {"balanceUsd", "currentBalance", "amountCredited"} & data.keys()
        text = body({**data, name: "@"}).decode().replace('"@"', number)
        with pytest.raises(UnexpectedReplyError):
            read(OK, text.encode())

    @every_reader
    @pytest.mark.parametrize("said", [False, None, "true", 1])
    def test_a_success_that_is_none(self, endpoint: str, said: Any) -> None:
        """Only true is true."""
        with pytest.raises(UnexpectedReplyError, match="success"):
            READERS[endpoint][0](OK, body(READERS[endpoint][1], success=said))

    @every_reader
    @given(st.binary(max_size=80), st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([LINE, PAGE]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*BALANCE, *PAGE, *LINE, *RECEIPT,
            "success", "data", "offset", "hasMore", "x402Version", "accepts"]), inner, max_size=6),
        max_leaves=15), st.text(max_size=20))  # fmt: skip
    def test_nothing_foreign_is_raised(self, endpoint: str, data: bytes, tree: Any, header: str) -> None:
        """Whatever comes, a value or one of our errors comes out; on a top-up it never says that nothing was moved."""
        for content in (data, body(tree), json.dumps(tree).encode()):
            for status in (200, 402):
                head = ReplyHead(status=status, headers={"payment-response": header, "payment-required": header})
                for read in (READERS[endpoint][0], wallet.offer_of):
                    raised: VeniceError | None = None
                    try:
                        read(head, content)
                    except VeniceError as error:
                        raised = error
                    assert raised is None or raised.__context__ is None
                    if raised is not None and read is wallet.receipt_of:
                        assert raised.charge is Charge.UNVERIFIED
                        assert "before anything new is signed" in raised.advice


class TestOffer:
    OFFER: ClassVar[dict[str, Any]] = {"x402Version": 2, "accepts": [BASE, SOLANA]}
    HEAD = ReplyHead(status=402)

    def test_body_first_then_header(self) -> None:
        """The header alone will do."""
        dearer = {"x402Version": 2, "accepts": [{**BASE, "amount": "99"}]}
        with_header = ReplyHead(status=402, headers={"payment-required": encoded(dearer)})
        offer = wallet.offer_of(with_header, json.dumps(self.OFFER).encode())
        assert [option.network for option in offer] == ["eip155:8453", "solana"]
        for content in (b"", b"<html>", b"[]", b'{"x402Version":2}', b'{"x402Version":1,"accepts":[]}'):
            assert [option.amount for option in wallet.offer_of(with_header, content)] == ["99"]

    @pytest.mark.parametrize("version", [None, 1, 3, "2", True, 2.5])
    def test_another_version_is_no_offer(self, version: Any) -> None:
        """Its terms would be others."""
        with pytest.raises(UnexpectedReplyError, match="top_up"):
            wallet.offer_of(self.HEAD, json.dumps({**self.OFFER, "x402Version": version}).encode())

    @pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
    def test_only_a_402_is_an_offer(self, status: int) -> None:
        """Whatever else has its form; and nothing was paid yet."""
        with pytest.raises(UnexpectedReplyError) as caught:
            wallet.offer_of(ReplyHead(status=status), json.dumps(self.OFFER).encode())
        assert caught.value.charge is Charge.NONE

    def test_an_offer_of_nothing(self) -> None:
        """It is one all the same: whoever wants to pay finds nothing to choose."""
        assert wallet.offer_of(self.HEAD, b'{"x402Version":2,"accepts":[]}') == ()
        assert wallet.offer_of(self.HEAD, b'{"x402Version":2,"accepts":"all"}') == ()


@pytest.mark.parametrize(
    ("text", "usd"),
    [("4.230000", "4.23"), ("0", "0"), ("-0.5", "-0.5"), ("12", "12"), (None, None), ("", None), ("1e3", None),
     ("+5", None), ("1_0", None), ("\u0665", None), ("NaN", None), ("5.", None), (".5", None), (" 5", None),
     ("9" * 13, None), ("5\n", None)],
)  # fmt: skip
def test_what_is_left_by_the_header(text: str | None, usd: str | None) -> None:
    """Plain digits or nothing."""
    headers = {} if text is None else {"x-balance-remaining": text}
    assert wallet.remaining_of(headers) == (None if usd is None else Decimal(usd))


class TestCredits:
    @pytest.mark.parametrize("odd", [{"balanceAfter": None}, {"createdAt": 5}, {"id": ""}, {"amount": "1"}])
    def test_odd_lines_of_another_kind_are_left_out(self, odd: dict[str, Any]) -> None:
        """And counted, so that the next page begins where this one ends."""
        page = wallet.credits_of(OK, body({**PAGE, "transactions": [{**LINE, **odd}, TOP_UP]}))
        assert ([each.id for each in page.transactions], page.left_out) == (["ledger_0"], 1)

    @pytest.mark.parametrize("line", [{**TOP_UP, "amount": None}, {**TOP_UP, "type": " top_up", "id": 5}, {**LINE,
        "type": None}, {**LINE, "type": ""}, {}, None])  # fmt: skip
    def test_what_may_be_a_top_up_spoils_the_page(self, line: Any) -> None:
        """With one left out nobody could prove anything by it."""
        with pytest.raises(UnexpectedReplyError, match=r"data\.transactions\[1\]"):
            wallet.credits_of(OK, body({**PAGE, "transactions": [LINE, line]}))


def test_a_receipt_is_safe_to_show() -> None:
    """And an address that hides something is not mended into another one."""
    names = {"walletAddress": f"\u202e{PAYEE}", "paymentId": "\x1b]0;x\x07p"}
    receipt = wallet.receipt_of(OK, body({**RECEIPT, **names}))
    assert (receipt.wallet_address, receipt.payment_id) == (f"\ufffd{PAYEE}", "\ufffd]0;x\ufffdp")
