"""Reading the account's books: against the emulator's, and against what servers may answer instead."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import canaries
import pytest
from canaries import assert_nothing_secret
from scripted import Played, ScriptedTransport

from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.emulator.emulator import Emulator
from venice_async.emulator.faults import JobFault
from venice_async.emulator.manual_clock import ManualClock
from venice_async.errors import (
    AuthenticationError,
    Charge,
    ConfigurationError,
    InvalidRequestError,
    PermissionDeniedError,
    UnexpectedReplyError,
    VeniceError,
)
from venice_async.models import UsageRow, VideoRequest

SPEED = 200.0
START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=1)
REQUEST = VideoRequest(model="longcat-distilled-text-to-video", prompt="A cat", duration="5s", aspect_ratio="16:9")
LINE = {"timestamp": "2026-01-01T10:00:00.000Z", "sku": "m-video", "amount": -0.4, "currency": "USD"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key or address of the machine that the tests run on."""
    monkeypatch.delenv("VENICE_API_KEY", raising=False)
    monkeypatch.delenv("VENICE_BASE_URL", raising=False)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """A server on a real socket; jobs with the word bad fail at once and are refunded."""
    faults = [JobFault(prompt="bad", refunded=True)]
    async with Emulator(time_scale=SPEED, clips="plain", execution_time=lambda *_: 0.0, faults=faults) as made:
        yield made


@pytest.fixture
async def venice(emulator: Emulator) -> AsyncIterator[VeniceClient]:
    async with VeniceClient("any-key", base_url=emulator.url, clock=SystemClock(speed=SPEED)) as made:
        yield made


def around_now() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - timedelta(minutes=5), now + timedelta(minutes=5)


def read(*script: Played | VeniceError, start: datetime = START, end: datetime = END, **options: Any) -> Any:
    """What reading one day of scripted books gives, and the queries that were sent for it."""
    transport, clock = ScriptedTransport(script), ManualClock()
    client = VeniceClient(canaries.KEY, transport=transport, clock=clock)
    rows = clock.run(client.usage_history(start, end, **options))
    return rows, [parse_qs(urlsplit(call.url).query) for call in transport.calls]


def refused(*script: Played | VeniceError, **options: Any) -> VeniceError:
    with pytest.raises(VeniceError) as caught:
        read(*script, **options)
    return caught.value


@pytest.mark.anyio
async def test_every_charge_and_refund_is_a_row(venice: VeniceClient, emulator: Emulator) -> None:
    """With the instant, the name and the exact amount of each."""
    await venice.queue(REQUEST)
    bad = await venice.queue(VideoRequest(model=REQUEST.model, prompt="bad", duration="5s", aspect_ratio="16:9"))
    with pytest.raises(VeniceError):
        async with venice.retrieve(bad):
            raise AssertionError
    rows = await venice.usage_history(*around_now(), admin_key="admin-key")
    (first, second) = emulator.charges
    assert [row.amount for row in rows] == [-first.usd, -second.usd, second.usd]
    assert {row.sku for row in rows} == {f"{REQUEST.model}-video"}
    assert all(row.usd == first.usd and row.timestamp.tzinfo is not None for row in rows)


@pytest.mark.anyio
async def test_a_key_that_makes_videos_may_not_read(venice: VeniceClient) -> None:
    """The 401 says that an admin key is needed, not that the key is wrong."""
    with pytest.raises(AuthenticationError, match="admin key") as caught:
        await venice.usage_history(*around_now())
    assert caught.value.charge is Charge.NONE


@pytest.mark.anyio
async def test_the_admin_key_is_for_that_call_alone(venice: VeniceClient, emulator: Emulator) -> None:
    """Everything else goes on under the client's own key, whose failures are counted apart."""
    await venice.usage_history(*around_now(), admin_key="admin-key")
    await venice.queue(REQUEST)
    books, queue = emulator.requests
    assert books.key != queue.key
    assert "admin-key" not in repr(vars(venice))


@pytest.mark.anyio
async def test_books_of_several_pages(venice: VeniceClient, emulator: Emulator) -> None:
    """They are read to their end, each row once."""
    usage = emulator._brain._endpoints.usage
    for number in range(2345):
        usage.charge("m", f"q-{number}", Decimal("0.01"), at=0.0, wall=START.timestamp() + number)
    rows = await venice.usage_history(START, END, admin_key="admin-key")
    assert [row.timestamp.timestamp() - START.timestamp() for row in rows] == [*range(2345)]
    assert [request.status for request in emulator.requests] == [200, 200, 200]


def test_what_is_sent() -> None:
    """The period in UTC and milliseconds, without losing any of it; a cursor travels alone."""
    start = datetime(2026, 1, 1, 2, 0, 0, 500, tzinfo=timezone(timedelta(hours=2)))
    end = datetime(2026, 1, 2, 0, 0, 0, 1, tzinfo=UTC)
    _, queries = read(Played(200, {"data": [], "nextCursor": "more"}), Played(200, {"data": []}), start=start, end=end)
    assert queries == [
        {
            "startTimestamp": ["2026-01-01T00:00:00.000Z"],
            "endTimestamp": ["2026-01-02T00:00:00.001Z"],
            "pageSize": ["1000"],
        },
        {"cursor": ["more"]},
    ]


def test_a_cursor_in_another_place() -> None:
    """It may also stand in a pagination object."""
    first = Played(200, {"data": [LINE], "pagination": {"nextCursor": "more"}})
    rows, queries = read(first, Played(200, {"data": [LINE], "nextCursor": None}))
    assert (len(rows), queries[1]) == (2, {"cursor": ["more"]})


def test_trouble_that_passes() -> None:
    """Reading costs nothing, so that it is tried again."""
    rows, queries = read(Played(503, {"error": "busy"}), Played(200, {"data": [LINE]}))
    assert rows == (
        UsageRow(timestamp=datetime(2026, 1, 1, 10, tzinfo=UTC), sku="m-video", amount=Decimal("-0.4"), currency="USD"),
    )
    assert len(queries) == 2


def test_a_walk_in_a_circle_ends() -> None:
    """A server that names the same cursor again is not followed for ever."""
    page = Played(200, {"data": [], "nextCursor": "more"})
    assert isinstance(refused(page), UnexpectedReplyError)


def test_refusals() -> None:
    """401 and 403 are our errors, each with what to do."""
    for status, kind in ((401, AuthenticationError), (403, PermissionDeniedError)):
        error = refused(Played(status, {"error": f"not with {canaries.KEY}"}))
        assert isinstance(error, kind)
        assert "admin key" in str(error)
        assert_nothing_secret(error)


def test_no_key_is_told() -> None:
    """Nor does a refusal repeat the admin key, which is another one than the client's."""
    error = refused(Played(401, {"error": f"not with {canaries.LINK}"}), admin_key=canaries.LINK)
    assert_nothing_secret(error)


@pytest.mark.parametrize(
    ("start", "end"),
    [(START, START), (END, START), (START.replace(tzinfo=None), END), (START, END.replace(tzinfo=None))],
)
def test_a_period_that_is_none(start: datetime, end: datetime) -> None:
    """It is refused here, before anything is sent."""
    assert isinstance(refused(Played(200, {"data": []}), start=start, end=end), InvalidRequestError)


@pytest.mark.anyio
async def test_without_any_key(emulator: Emulator) -> None:
    """The client's own is needed only where no admin key is given."""
    async with VeniceClient(base_url=emulator.url) as client:
        assert await client.usage_history(START, END, admin_key="admin-key") == ()
        with pytest.raises(ConfigurationError):
            await client.usage_history(START, END)
        with pytest.raises(ConfigurationError):
            await client.usage_history(START, END, admin_key="two words")
