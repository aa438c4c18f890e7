"""Lines of the account's books as movements of money."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from venice_async.charges import ChargeKind, ChargeRow, rows_of_usage
from venice_async.models import UsageRow

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
