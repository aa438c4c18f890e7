"""One video with the client: you ask for the price, queue, ask until it is ready, and keep the bytes."""

from decimal import Decimal
from pathlib import Path

import pytest

from venice_async import Emulator, Processing, QuoteRequest, SystemClock, VeniceClient, VideoBody, VideoRequest

pytestmark = pytest.mark.anyio


async def test_ask_for_the_price(venice: VeniceClient, venice_server: Emulator, request_: VideoRequest) -> None:
    """A quote creates nothing and costs nothing."""
    quote = await venice.quote(request_)
    assert quote.usd == Decimal("0.1")
    assert venice_server.charges == ()


async def test_price_without_a_prompt(venice: VeniceClient) -> None:
    """Only what prices the model is needed."""
    short = await venice.quote(QuoteRequest(model="longcat-distilled-text-to-video", duration="5s"))
    long = await venice.quote(QuoteRequest(model="longcat-distilled-text-to-video", duration="15s"))
    assert long.usd == 3 * short.usd


async def test_queueing_is_what_charges(venice: VeniceClient, venice_server: Emulator, request_: VideoRequest) -> None:
    """Keep what it gives: the queue_id cannot be asked for again."""
    queued = await venice.queue(request_)
    assert [charge.queue_id for charge in venice_server.charges] == [queued.queue_id]


async def test_retrieve_until_it_is_there(venice: VeniceClient, request_: VideoRequest, tmp_path: Path) -> None:
    """The same call polls and delivers: first `Processing`, in the end the bytes of the file."""
    queued = await venice.queue(request_)
    target = tmp_path / "lighthouse.mp4"
    clock = SystemClock(speed=100)
    while not target.exists():
        async with venice.retrieve(queued) as answer:
            if isinstance(answer, VideoBody):
                target.write_bytes(b"".join([chunk async for chunk in answer]))
            else:
                assert isinstance(answer, Processing)
                await clock.sleep(5.0)
    assert target.read_bytes()[4:8] == b"ftyp"
    assert await venice.complete(queued)


async def test_models_say_what_they_take(venice: VeniceClient) -> None:
    """Look before you ask: a field that a model does not take is refused."""
    models = {model.id: model for model in await venice.models()}
    assert models["longcat-distilled-text-to-video"].constraints.durations == ("5s", "10s", "15s")
