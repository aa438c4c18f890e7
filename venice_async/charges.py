"""Movements of money on an account, whatever page of the API tells of them, and which of them could be for a job."""

import enum
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from attrs import frozen

from venice_async.jobs import JobRecord
from venice_async.models import UsageRow, WalletTransaction

SKEW = 120.0
"""Seconds by which the server's clock may be behind ours."""
TOLERANCE = Decimal("0.01")
"""How far from the quoted price a charge may be, as a part of it."""
NAMELESS = "something without a name"
"""Stands where the books do not say what a movement was for: then the price alone has to tell."""
_CENT = Decimal("0.01")


class ChargeKind(enum.Enum):
    """Which way the money went."""

    CHARGE = "charge"
    REFUND = "refund"


_WALLET_KINDS = {"CHARGE": ChargeKind.CHARGE, "REFUND": ChargeKind.REFUND}


@frozen(kw_only=True)
class ChargeRow:
    """One movement of money in the account's books, whatever page of the API it comes from.

    `at` is Unix seconds. `amount_usd` is never below nothing; None where the books do not tell dollars.
    """

    id: str
    at: float
    amount_usd: Decimal | None
    kind: ChargeKind = ChargeKind.CHARGE
    model: str | None = None
    sku: str | None = None
    request_id: str | None = None


def rows_of_usage(usage: Iterable[UsageRow]) -> list[ChargeRow]:
    """The lines of a usage history as rows. They have no id of their own: theirs is their place."""
    return [
        ChargeRow(
            id=f"usage-{number}",
            at=line.timestamp.timestamp(),
            amount_usd=line.usd,
            kind=ChargeKind.REFUND if line.amount > 0 else ChargeKind.CHARGE,
            sku=line.sku or None,
            request_id=line.request_id,
        )
        for number, line in enumerate(usage, start=1)
        if line.amount != 0
    ]


def rows_of_transactions(lines: Iterable[WalletTransaction], *, models: Collection[str]) -> list[ChargeRow]:
    """The charges and refunds of a wallet as rows; top-ups are left out.

    What one request was charged in several lines is one row: their sum, under the name that is of `models` if one
    is. A refund without a name has that of its request. The last of the credit pays for what it does not cover,
    so a charge that leaves nothing does not tell the price.
    """
    requests: dict[tuple[ChargeKind, str], list[WalletTransaction]] = defaultdict(list)
    names: dict[str | None, str] = {}
    for line in lines:
        if (kind := _WALLET_KINDS.get(line.kind)) is None:
            continue
        requests[kind, line.request_id or f"line {line.id}"].append(line)
        if line.model is not None and (line.model in models or line.request_id not in names):
            names[line.request_id] = line.model
    names.pop(None, None)
    return [_row_of(kind, group, names) for (kind, _), group in requests.items()]


def _row_of(kind: ChargeKind, lines: Sequence[WalletTransaction], names: dict[str | None, str]) -> ChargeRow:
    first = min(lines, key=lambda line: line.created_at)
    cut = kind is ChargeKind.CHARGE and any(line.balance_after_usd <= 0 for line in lines)
    model = names.get(first.request_id, first.model)
    return ChargeRow(
        id=first.id,
        at=first.created_at.timestamp(),
        amount_usd=None if cut else sum((abs(line.usd) for line in lines), Decimal(0)),
        kind=kind,
        model=model,
        sku=NAMELESS if model is None else None,
        request_id=first.request_id,
    )


def gap_in(lines: Sequence[WalletTransaction]) -> str:
    """Why a wallet's lines, the newest first, may not tell all, as the end of a sentence; empty where nothing is amiss.

    Each line leaves what the one before it had left and its own amount; else one is missing between them.
    """
    if not all(_leads_to(older, newer) for newer, older in pairwise(lines)):
        return "the wallet's transactions do not add up, so some are missing or cut"
    if any(line.kind == "CHARGE" and line.model is None and line.balance_after_usd <= 0 for line in lines):
        return "one of the wallet's charges tells neither a name nor a price"
    return ""


def _leads_to(older: WalletTransaction, newer: WalletTransaction) -> bool:
    left = older.balance_after_usd + newer.usd
    return abs(newer.balance_after_usd - max(left, Decimal(0))) < _CENT


class Books:
    """Rows, and which of them could be for a job: by the model that they name, the price, and the time.

    `models` are the models of all jobs of the ledger; `settle` is how many seconds after its sending a
    job's charge may be stamped.
    """

    def __init__(self, rows: Iterable[ChargeRow], *, models: Iterable[str], settle: float) -> None:
        self.settle = settle
        self._models = sorted(models, key=len, reverse=True)
        self._named: dict[str, str | None] = {}
        self._by_name: dict[tuple[ChargeKind, str | None], list[ChargeRow]] = defaultdict(list)
        # Some pages of the API repeat rows while new ones come in.
        for row in sorted({row.id: row for row in rows}.values(), key=_at):
            name = self._named[row.id] = self._model_of(row)
            self._by_name[row.kind, name].append(row)

    def _model_of(self, row: ChargeRow) -> str | None:
        """Which of our models a row is for; None where its name tells none of them."""
        if row.model is not None:
            return row.model if row.model in self._models else None
        sku = (row.sku or "").casefold()
        # The longest name first: "wan-2.6-fast-video" is not of the model "wan-2.6" where there is a "wan-2.6-fast".
        return next((model for model in self._models if _begins_with(sku, model.casefold())), None)

    def names(self, row_id: str) -> bool:
        """Whether a row tells which model it is for."""
        return self._named[row_id] is not None

    def charges_for(self, record: JobRecord) -> Iterator[ChargeRow]:
        """The charges that could be for a job, those that name its model first, then the nearest in time."""
        near = sent_at(record) if record.queued_at is None else record.queued_at
        return self._alike(ChargeKind.CHARGE, record, near, *self.time_of(record))

    def time_of(self, record: JobRecord) -> tuple[float, float]:
        """From when to when a job's charge may be stamped."""
        return sent_at(record) - SKEW, sent_at(record) + self.settle

    def charges_like(self, record: JobRecord) -> Iterator[ChargeRow]:
        """The charges of a job's model and price, whatever their time."""
        return self._alike(ChargeKind.CHARGE, record, sent_at(record), float("-inf"), float("inf"))

    def refunds_for(self, record: JobRecord) -> Iterator[ChargeRow]:
        """The refunds that could be for a job, those that name its model first, then the nearest to its end."""
        sent = sent_at(record)
        return self._alike(ChargeKind.REFUND, record, record.finished_at or sent, sent - SKEW, float("inf"))

    def _alike(
        self, kind: ChargeKind, record: JobRecord, near: float, first: float, last: float
    ) -> Iterator[ChargeRow]:
        price = record.price_usd
        for row in _outward(self._by_name[kind, record.model], near, first, last):
            # Where either amount is not known it cannot speak against the other.
            if price is None or row.amount_usd is None or _same(price, row.amount_usd):
                yield row
        # A name that we cannot read is no proof that the charge is not ours; the price has to tell then.
        for row in _outward(self._by_name[kind, None], near, first, last):
            if (row.model or row.sku) and price and row.amount_usd is not None and _same(price, row.amount_usd):
                yield row


def sent_at(record: JobRecord) -> float:
    """When a job's paid call was sent, as far as that is known; Unix seconds."""
    return record.created_at if record.queueing_at is None else record.queueing_at


def _at(row: ChargeRow) -> float:
    return row.at


def _same(price: Decimal, amount: Decimal) -> bool:
    return abs(amount - price) <= price * TOLERANCE


def _outward(rows: Sequence[ChargeRow], at: float, first: float, last: float) -> Iterator[ChargeRow]:
    """The rows from `first` to `last`, the nearest to `at` first; they are in the order of time."""
    after = bisect_left(rows, at, key=_at)
    before = after - 1
    while True:
        back = before >= 0 and rows[before].at >= first
        on = after < len(rows) and rows[after].at <= last
        if back and (not on or at - rows[before].at <= rows[after].at - at):
            yield rows[before]
            before -= 1
        elif on:
            yield rows[after]
            after += 1
        else:
            return


def _begins_with(sku: str, model: str) -> bool:
    return sku.startswith(model) and not sku[len(model) : len(model) + 1].isalnum()
