"""The account's books: what is in them, who may read them, and how."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from venice_async.emulator.billing import UsageBook
from venice_async.emulator.faults import JobFault, StatusFault
from venice_async.emulator.messages import Refused

from .conftest import WALL

PATH = "/billing/usage-history"
ADMIN = "Bearer some-admin-key"


def books(api: Any, **query: str) -> Any:
    return api.get(PATH, query=query, authorization=ADMIN)


def full(lines: int) -> UsageBook:
    """A book with a charge each second."""
    book = UsageBook()
    for number in range(lines):
        book.charge("m", f"q-{number}", Decimal("0.10"), at=float(number), wall=WALL + number)
    return book


def text(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refusal(query: dict[str, str]) -> int:
    with pytest.raises(Refused) as caught:
        full(3).page(query, now=100.0)
    return caught.value.answer.status


def test_a_charge_is_a_line(api: Any) -> None:
    """Its amount is below nothing, its name begins with the model's, and its instant is that of the queue call."""
    api.now = 5.0
    api.queued()
    (line,) = books(api).json["data"]
    (charge,) = api.brain.book.charges
    assert Decimal(str(line["amount"])) == -charge.usd
    assert (line["sku"], line["currency"]) == ("wan-2.6-text-to-video-video", "USD")
    assert line["inferenceDetails"] is None
    assert datetime.fromisoformat(line["timestamp"]).timestamp() == WALL + 5.0


def test_what_costs_nothing_is_no_line(make_api: Any) -> None:
    """Quotes and refused calls leave the books empty."""
    api = make_api(faults=[StatusFault(status=503, endpoints=("queue",))])
    api.post("/video/quote", {"model": "wan-2.6-text-to-video", "duration": "5s"})
    api.queue()
    assert books(api).json == {"data": []}


def test_a_refund_is_a_line_once(make_api: Any) -> None:
    """However often the failed job is asked about."""
    api = make_api(faults=[JobFault(refunded=True)])
    job = api.queued()
    api.finish()
    api.retrieve(job)
    api.retrieve(job)
    charge, refund = books(api).json["data"]
    assert charge["amount"] == -refund["amount"] < 0
    assert refund["notes"] == "Refund"


def test_only_admin_keys_read_the_books(api: Any) -> None:
    """The keys that make videos get 401, and so does nobody."""
    assert api.get(PATH).status == 401
    assert api.get(PATH, authorization=None).status == 401
    assert books(api).status == 200


def test_books_can_be_late(make_api: Any) -> None:
    """With a delay a charge appears that much later, under the instant at which it was made."""
    api = make_api(usage_delay=60.0)
    api.queued()
    api.now = 59.9
    assert books(api).json["data"] == []
    api.now = 60.0
    (line,) = books(api).json["data"]
    assert datetime.fromisoformat(line["timestamp"]).timestamp() == WALL


def test_request_ids_on_demand(make_api: Any) -> None:
    """They are the queue_ids then."""
    api = make_api(usage_request_ids=True)
    job = api.queued()
    assert books(api).json["data"][0]["inferenceDetails"]["requestId"] == job["queue_id"]


def test_pages_hold_every_line_once() -> None:
    """In the order of their instants; the filters travel in the cursor, and new lines do not move the pages."""
    book, seen, query = full(25), [], {"pageSize": "10", "startTimestamp": text(WALL + 2)}
    while True:
        page = book.page(query, now=100.0)
        seen += [line["timestamp"] for line in page["data"]]
        book.charge("m", "late", Decimal(1), at=50.0, wall=WALL + 50)
        if "nextCursor" not in page:
            break
        query = {"cursor": page["nextCursor"]}
    assert seen[:23] == [text(WALL + number) for number in range(2, 25)]
    assert set(seen[23:]) == {text(WALL + 50)}


def test_a_period_includes_its_start_and_not_its_end() -> None:
    """So that periods that meet hold every line once."""
    page = full(5).page({"startTimestamp": text(WALL + 1), "endTimestamp": text(WALL + 3)}, now=100.0)
    assert [line["timestamp"] for line in page["data"]] == [text(WALL + 1), text(WALL + 2)]


def test_other_currencies_are_empty() -> None:
    """Everything here is paid in dollars."""
    assert full(3).page({"currency": "DIEM"}, now=100.0) == {"data": []}


@pytest.mark.parametrize(
    "query",
    [
        {"pageSize": "9"},
        {"pageSize": "1001"},
        {"pageSize": "ten"},
        {"currency": "GOLD"},
        {"startTimestamp": "yesterday"},
        {"startTimestamp": "2026-01-01T00:00:00+00:00"},
        {"startTimestamp": text(WALL), "endTimestamp": text(WALL)},
        {"cursor": "W10"},
        {"cursor": "not base64"},
        {"cursor": "WzAsMSwxMDAwLCJ4Il0"},
        {"cursor": "x", "pageSize": "10"},
    ],
)
def test_what_cannot_be_asked(query: dict[str, str]) -> None:
    """A filter that is wrong, or sent beside a cursor, is a 400."""
    assert refusal(query) == 400


@pytest.mark.parametrize("size", ["5", "1e400", "NaN"])
def test_a_tampered_cursor(size: str) -> None:
    """Is a 400 as well, whatever numbers it holds."""
    cursor = base64.urlsafe_b64encode(f"[0, 9e99, {size}, 0]".encode()).decode().rstrip("=")
    assert refusal({"cursor": cursor}) == 400
