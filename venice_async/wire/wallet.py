"""The endpoints of a wallet's account: balance, transactions, top-up. Shapes as the vendor's OpenAPI document has them.

A top-up is two posts to one address: without a payment it is answered 402 with the offer, with one it moves money.
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from attrs import evolve, field, frozen

from venice_async.errors import Charge, PaymentOption, UnexpectedReplyError
from venice_async.models import TopUpReceipt, WalletBalance, WalletPage, WalletTransaction
from venice_async.wire.exchange import Call, ReplyHead
from venice_async.wire.payments import header_tree, options_of
from venice_async.wire.reading import is_name, moment, unexpected
from venice_async.wire.text import as_written, clean, parse_json

_HIGHEST_USD = 10**9
_MOST_LINES = 10**12
_X402_VERSION = 2
TOP_UP = "TOP_UP"
"""The kind of an account's line that credits a payment."""
_AMOUNT = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,18})?")


class PaymentText(str):
    """A signed payment: whoever has it can have it settled, so no repr, debugger or traceback shows it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def balance_call(base_url: str, address: str) -> Call:
    """`GET /x402/balance/{wallet}`: its credit. The call signs in as that same wallet."""
    return _get("wallet_balance", f"{base_url}/x402/balance/{quote(address, safe='')}")


def transactions_call(base_url: str, address: str, *, limit: int, offset: int) -> Call:
    """`GET /x402/transactions/{wallet}`: `limit` (1 to 100) lines, newest first, after the first `offset`."""
    filters = urlencode({"limit": limit, "offset": offset})
    return _get("wallet_transactions", f"{base_url}/x402/transactions/{quote(address, safe='')}?{filters}")


def top_up_call(base_url: str, *, payment: str | None) -> Call:
    """`POST /x402/top-up`: with None it asks for the offer and costs nothing; with a signed payment it moves money."""
    headers = {"accept": "application/json"}
    if payment is not None:
        headers["PAYMENT-SIGNATURE"] = PaymentText(payment)
    return Call(name="top_up", method="POST", url=f"{base_url}/x402/top-up", headers=headers)


def _get(name: str, url: str) -> Call:
    return Call(name=name, method="GET", url=url, headers={"accept": "application/json"})


def balance_of(head: ReplyHead, body: bytes) -> WalletBalance:
    """`{"success": true, "data": {"walletAddress", "balanceUsd", "canConsume", ...}}`."""
    data = _data("wallet_balance", head, body)
    return WalletBalance(
        wallet_address=data.name("walletAddress"),
        usd=data.usd("balanceUsd"),
        can_consume=data.flag("canConsume"),
        minimum_top_up_usd=data.usd("minimumTopUpUsd"),
        suggested_top_up_usd=data.usd("suggestedTopUpUsd"),
        diem_usd=None if data.fields.get("diemBalanceUsd") is None else data.usd("diemBalanceUsd"),
    )


def page_of(head: ReplyHead, body: bytes) -> WalletPage:
    """`{"success": true, "data": {"currentBalance", "transactions": [...], "pagination": {...}}}`.

    One line that is not understood spoils the page: an account with a line left out proves nothing.
    """
    return _page(head, body, may_lack=lambda _fields: False)


def credits_of(head: ReplyHead, body: bytes) -> WalletPage:
    """The same page for whoever looks for a top-up: lines of another kind that are not understood are left out."""
    return _page(head, body, may_lack=_is_surely_no_top_up)


def _is_surely_no_top_up(fields: Mapping[str, Any]) -> bool:
    kind = fields.get("type")
    return is_name(kind) and kind.strip().upper() != TOP_UP


def _page(head: ReplyHead, body: bytes, *, may_lack: Callable[[Mapping[str, Any]], bool]) -> WalletPage:
    data = _data("wallet_transactions", head, body)
    lines, pagination = data.fields.get("transactions"), data.fields.get("pagination")
    if not isinstance(lines, list):
        raise data.unexpected("the field data.transactions is not a list")
    place = data.inner("data.pagination", pagination)
    parts = [data.inner(f"data.transactions[{index}]", line) for index, line in enumerate(lines)]
    read: list[WalletTransaction] = []
    for part in parts:
        problem = None
        try:
            read.append(_transaction(part))
        except UnexpectedReplyError as error:
            problem = error
        if problem is not None and not may_lack(part.fields):
            raise problem
    return WalletPage(
        transactions=tuple(read),
        balance_usd=data.usd("currentBalance"),
        has_more=place.flag("hasMore"),
        offset=place.count("offset"),
        left_out=len(parts) - len(read),
    )


def _transaction(line: "_Part") -> WalletTransaction:
    return WalletTransaction(
        id=line.name("id"),
        usd=line.usd("amount"),
        balance_after_usd=line.usd("balanceAfter"),
        kind=clean(line.name("type"), limit=40),
        created_at=line.instant("createdAt"),
        request_id=None if line.fields.get("requestId") is None else line.name("requestId"),
        model=None if line.fields.get("modelId") is None else line.name("modelId"),
    )


def receipt_of(head: ReplyHead, body: bytes) -> TopUpReceipt:
    """The 200 of a top-up, with the transaction's hash from the PAYMENT-RESPONSE header where it can be read.

    Raises UnexpectedReplyError with `charge` UNVERIFIED for anything else, and where the header denies the success.
    """
    data = _data("top_up", head, body, charge=Charge.UNVERIFIED)
    settled = header_tree(head.headers.get("payment-response", ""))
    if settled.get("success", True) is not True:
        raise data.unexpected("its header says that the payment was not settled")
    return TopUpReceipt(
        wallet_address=as_written(data.name("walletAddress")),
        credited_usd=data.usd("amountCredited"),
        balance_usd=data.usd("newBalance"),
        payment_id=as_written(data.name("paymentId")),
        transaction=_shown_name(settled.get("transaction")),
        payer=_shown_name(settled.get("payer")),
    )


def offer_of(head: ReplyHead, body: bytes) -> tuple[PaymentOption, ...]:
    """The ways to pay in the 402 to a top-up without payment: those of the body, or else of its header.

    Raises UnexpectedReplyError where neither is an offer of x402 version 2. An entry that is not built as
    documented is left out; what is left is the server's claim, and nothing of it is checked here.
    """
    tree = parse_json(body)
    told = header_tree(head.headers.get("payment-required", ""))
    for fields in (tree if isinstance(tree, dict) else {}, told):
        version = fields.get("x402Version")
        if head.status == 402 and type(version) is int and version == _X402_VERSION and "accepts" in fields:
            return options_of(fields)
    raise unexpected("top_up", head, "it is not an offer")


def remaining_of(headers: Mapping[str, str]) -> Decimal | None:
    """The wallet's credit in US dollars after a request, from `X-Balance-Remaining`; None where that is not said."""
    text = headers.get("x-balance-remaining", "")
    return Decimal(text) if text and _AMOUNT.fullmatch(text) else None


def _shown_name(value: Any) -> str | None:
    return clean(value, limit=200) if is_name(value) else None


@frozen(kw_only=True)
class _Part:
    """An object of an answer: each field is of its kind, or refused with its place. The values are never repeated."""

    endpoint: str
    head: ReplyHead
    charge: Charge
    place: str = ""
    fields: Mapping[str, Any] = field(factory=dict, repr=False)

    def unexpected(self, reason: str) -> UnexpectedReplyError:
        error = unexpected(self.endpoint, self.head, reason, charge=self.charge)
        if self.charge is Charge.UNVERIFIED:
            error.advice = "Look at the wallet's balance and transactions before anything new is signed."
        return error

    def inner(self, place: str, tree: Any) -> "_Part":
        if not isinstance(tree, dict):
            raise self.unexpected(f"the field {place} is not an object")
        return evolve(self, place=place, fields=tree)

    def name(self, name: str) -> str:
        value = self.fields.get(name)
        if not is_name(value):
            raise self._wrong(name, "a text")
        return value

    def usd(self, name: str) -> Decimal:
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not -_HIGHEST_USD < value < _HIGHEST_USD:
            raise self._wrong(name, "an amount")
        return Decimal(value)

    def flag(self, name: str) -> bool:
        value = self.fields.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def count(self, name: str) -> int:
        value = self.fields.get(name)
        if type(value) is not int or not 0 <= value < _MOST_LINES:
            raise self._wrong(name, "a count")
        return value

    def instant(self, name: str) -> datetime:
        at = moment(self.fields.get(name))
        with contextlib.suppress(OverflowError):  # within a day of the first or the last instant that can be told
            if at is not None:
                return at.astimezone(UTC)
        raise self._wrong(name, "an instant")

    def _wrong(self, name: str, wanted: str) -> UnexpectedReplyError:
        return self.unexpected(f"the field {self.place}.{name} is not {wanted}")


def _data(endpoint: str, head: ReplyHead, body: bytes, *, charge: Charge = Charge.NONE) -> _Part:
    answer = _Part(endpoint=endpoint, head=head, charge=charge)
    tree = parse_json(body)
    if not isinstance(tree, dict):
        raise answer.unexpected("it is not a JSON object")
    if tree.get("success") is not True:
        raise answer.unexpected("the field success is not true")
    return answer.inner("data", tree.get("data"))
