"""Lines of the account's books as movements of money."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from venice_async.charges import NAMELESS, ChargeKind, ChargeRow, gap_in, rows_of_transactions, rows_of_usage
from venice_async.models import UsageRow, WalletTransaction

AT = 1_800_000_000.0


def usage(amount: str, **changes: Any) -> UsageRow:
    facts: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(AT, UTC),
        "sku": "m-video",
        "amount": Decimal(amount),
    }
    return UsageRow(**{**facts, **changes})


def test_lines_of_a_usage_history() -> None:
    """Below nothing is a charge, above it a refund, and nothing is neither; other currencies go by their unit price."""
    diem = {"currency": "DIEM", "units": Decimal(2), "price_per_unit_usd": Decimal("0.05")}
    lines = [usage("-0.40", request_id="r"), usage("0.40"), usage("0"), usage("-9", **diem)]
    spent, back, other = rows_of_usage(lines)
    assert (spent.kind, spent.amount_usd, spent.at, spent.request_id) == (ChargeKind.CHARGE, Decimal("0.40"), AT, "r")
    assert (back.kind, back.amount_usd) == (ChargeKind.REFUND, Decimal("0.40"))
    assert other.amount_usd == Decimal("0.10")
    assert rows_of_usage([usage("-9", currency="DIEM", sku="")])[0] == ChargeRow(id="usage-1", at=AT, amount_usd=None)


START = datetime.fromtimestamp(AT, UTC)
MODELS = ("m", "n")


def line(number: int, usd: str, left: str, kind: str = "CHARGE", **changes: Any) -> WalletTransaction:
    """A line of a wallet's account; a higher number is a later one."""
    facts: dict[str, Any] = {
        "id": f"tx-{number}",
        "usd": Decimal(usd),
        "balance_after_usd": Decimal(left),
        "kind": kind,
        "created_at": START + timedelta(seconds=number),
        "model": "m",
    }
    return WalletTransaction(**{**facts, **changes})


def told(*lines: WalletTransaction) -> list[tuple[str, str, Decimal | None, str | None]]:
    """Each row's id, kind, amount and name."""
    rows = rows_of_transactions(lines, models=MODELS)
    return [(row.id, row.kind.value, row.amount_usd, row.model or row.sku) for row in rows]


class TestTransactions:
    def test_lines_as_rows(self) -> None:
        """A charge is below nothing, a refund above; top-ups and what has no known kind are neither."""
        rows = rows_of_transactions(
            [line(4, "0.40", "5", "REFUND", request_id="r"), line(3, "-0.40", "4.6", request_id="r"),
             line(2, "5", "5", "TOP_UP", model=None), line(1, "-1", "0.5", "BONUS")],
            models=MODELS,
        )  # fmt: skip
        back, spent = rows
        facts: dict[str, Any] = {"amount_usd": Decimal("0.40"), "model": "m", "request_id": "r"}
        assert spent == ChargeRow(id="tx-3", at=AT + 3, **facts)
        assert back == ChargeRow(id="tx-4", at=AT + 4, kind=ChargeKind.REFUND, **facts)

    def test_one_request_is_one_row(self) -> None:
        """Its charges are summed, under the name that is ours; lines without a request stand for themselves."""
        lines = [
            line(4, "-0.02", "4.4", model="upscaler", request_id="r"),
            line(3, "-0.40", "4.42", model="n", request_id="r"),
            line(2, "-0.40", "4.82", request_id=None),
            line(1, "-0.40", "5.22", request_id=None),
        ]
        assert told(*lines) == [
            ("tx-3", "charge", Decimal("0.42"), "n"),
            ("tx-2", "charge", Decimal("0.40"), "m"),
            ("tx-1", "charge", Decimal("0.40"), "m"),
        ]
        assert told(*reversed(lines[:2])) == told(*lines[:2])

    def test_a_refund_without_a_name_has_its_request_s(self) -> None:
        """One that has neither goes by its price alone."""
        lines = [
            line(3, "0.42", "5", "REFUND", model=None, request_id="r"),
            line(2, "-0.42", "4.58", request_id="r"),
            line(1, "0.42", "5", "REFUND", model=None),
        ]
        assert [row[3] for row in told(*lines)] == ["m", "m", NAMELESS]

    def test_what_took_the_last_of_the_credit_does_not_tell_its_price(self) -> None:
        """A charge is cut down to what is there; a sum with such a part tells nothing either."""
        assert told(line(1, "-0.13", "0")) == [("tx-1", "charge", None, "m")]
        assert told(line(1, "0", "0")) == [("tx-1", "charge", None, "m")]
        cut = [line(2, "-0.01", "0.000000", request_id="r"), line(1, "-0.40", "0.01", request_id="r")]
        assert told(*cut) == [("tx-1", "charge", None, "m")]
        assert told(line(1, "0.13", "0", "REFUND")) == [("tx-1", "refund", Decimal("0.13"), "m")]

    @pytest.mark.parametrize(
        "lines",
        [[], [line(1, "-0.4", "3")], [line(2, "-0.4", "2.6"), line(1, "-0.4", "3")],
         [line(2, "-0.400001", "2.6"), line(1, "-0.4", "3")],
         [line(3, "0.4", "3", "REFUND"), line(2, "-0.4", "2.6"), line(1, "5", "3", "TOP_UP")],
         [line(2, "-0.40", "0"), line(1, "-0.4", "0.2")]],
        ids=["nothing", "one", "two", "a rounded amount", "all kinds", "cut at nothing"],
    )  # fmt: skip
    def test_lines_that_add_up(self, lines: list[WalletTransaction]) -> None:
        """Each leaves what was left before and its own amount; never less than nothing."""
        assert gap_in(lines) == ""

    @pytest.mark.parametrize(
        ("lines", "why"),
        [([line(3, "-0.4", "2.2"), line(1, "-0.4", "3")], "do not add up"),
         ([line(2, "-0.39", "2.6"), line(1, "-0.4", "3")], "do not add up"),
         ([line(2, "-0.4", "2.6", model=None), line(1, "-3", "0", model=None)], "do not add up"),
         ([line(1, "-3", "0", model=None)], "neither a name nor a price")],
    )  # fmt: skip
    def test_lines_that_do_not(self, lines: list[WalletTransaction], why: str) -> None:
        """One is missing, or one tells nothing."""
        assert why in gap_in(lines)
