"""The account's books as the API shows them: every charge and refund as a line, page by page."""

import base64
import binascii
import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from attrs import define, field, frozen

from venice_async.emulator.messages import Refused

PAGE: Final = 1000
_LEAST: Final = 10
_FILTERS: Final = ("startTimestamp", "endTimestamp", "pageSize", "currency")
_CURRENCIES: Final = ("USD", "DIEM", "BUNDLED_CREDITS")


@frozen(kw_only=True)
class UsageEntry:
    """One line: `usd` is signed, below nothing for a charge. `at` is job seconds, `wall` Unix seconds."""

    model: str
    queue_id: str
    usd: Decimal
    at: float
    wall: float
    notes: str


@define
class UsageBook:
    """Everything that was charged and given back, in order.

    With a `delay` a line appears so many job seconds after the money moved. `request_ids` puts each
    job's queue_id into its lines; whether the real API does is not known.
    """

    delay: float = 0.0
    request_ids: bool = False
    _entries: list[UsageEntry] = field(factory=list)
    _refunded: set[str] = field(factory=set)

    def charge(self, model: str, queue_id: str, usd: Decimal, *, at: float, wall: float) -> None:
        """Note money taken for a job."""
        note = UsageEntry(model=model, queue_id=queue_id, usd=-usd, at=at, wall=_told(wall), notes="API Inference")
        self._entries.append(note)

    def refund(self, model: str, queue_id: str, usd: Decimal, *, at: float, wall: float) -> None:
        """Note money given back for a job, once."""
        if queue_id in self._refunded:
            return
        self._refunded.add(queue_id)
        note = UsageEntry(model=model, queue_id=queue_id, usd=usd, at=at, wall=_told(wall), notes="Refund")
        self._entries.append(note)

    def page(self, query: Mapping[str, str], *, now: float) -> dict[str, Any]:
        """The answer to one request. Raises Refused with 400 for what cannot be asked."""
        walk = _continued(query) if "cursor" in query else _begun(query)
        shown: list[dict[str, Any]] = []
        for index, entry in enumerate(self._visible(now)):
            if index < walk.index or not walk.covers(entry):
                continue
            if len(shown) == walk.size:
                return {"data": shown, "nextCursor": walk.cursor(index)}
            shown.append(self._line(entry))
        return {"data": shown}

    def _visible(self, now: float) -> Iterator[UsageEntry]:
        return (entry for entry in self._entries if entry.at + self.delay <= now)

    def _line(self, entry: UsageEntry) -> dict[str, Any]:
        details = {"requestId": entry.queue_id, "inferenceExecutionTime": None} if self.request_ids else None
        return {
            "timestamp": _text(entry.wall),
            "sku": f"{entry.model}-video",
            "pricePerUnitUsd": float(abs(entry.usd)),
            "units": 1,
            "amount": float(entry.usd),
            "currency": "USD",
            "notes": entry.notes,
            "inferenceDetails": details,
        }


@frozen(kw_only=True)
class _Walk:
    """One walk through the book: its filters, and the place that it has come to."""

    start: float = float("-inf")
    end: float = float("inf")
    size: int = PAGE
    index: int = 0
    dollars: bool = True

    def covers(self, entry: UsageEntry) -> bool:
        return self.dollars and self.start <= entry.wall < self.end

    def cursor(self, index: int) -> str:
        tree = [self.start, self.end, self.size, index]
        return base64.urlsafe_b64encode(json.dumps(tree).encode()).decode().rstrip("=")


def _begun(query: Mapping[str, str]) -> _Walk:
    size, currency = query.get("pageSize", str(PAGE)), query.get("currency", "USD")
    if not (size.isascii() and size.isdigit() and len(size) < 5 and _LEAST <= int(size) <= PAGE):
        raise Refused(400, f"pageSize must be a number from {_LEAST} to {PAGE}")
    if currency not in _CURRENCIES:
        raise Refused(400, f"currency must be one of {', '.join(_CURRENCIES)}")
    start = _instant(query["startTimestamp"]) if "startTimestamp" in query else float("-inf")
    end = _instant(query["endTimestamp"]) if "endTimestamp" in query else float("inf")
    if end <= start:
        raise Refused(400, "endTimestamp must be later than startTimestamp")
    return _Walk(start=start, end=end, size=int(size), dollars=currency == "USD")


def _continued(query: Mapping[str, str]) -> _Walk:
    if any(name in query for name in _FILTERS):
        raise Refused(400, "No filter may be sent beside a cursor")
    text = query["cursor"]
    try:
        tree = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        start, end, size, index = (float(part) for part in tree)
    except (ValueError, TypeError, binascii.Error, RecursionError, OverflowError):
        raise Refused(400, "The cursor is not valid: begin again") from None
    if not (_LEAST <= size <= PAGE and 0 <= index < 1e9):
        raise Refused(400, "The cursor is not valid: begin again")
    return _Walk(start=start, end=end, size=int(size), index=int(index))


def _instant(text: str) -> float:
    try:
        if len(text) <= 40 and text.endswith("Z"):
            return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        pass
    raise Refused(400, 'An instant must be ISO 8601 in UTC and end with "Z"')


def _told(wall: float) -> float:
    """To the millisecond, as lines tell it: or a period that begins at a told instant would leave that line out."""
    return math.floor(wall * 1000) / 1000


def _text(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
