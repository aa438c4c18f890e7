"""What requests cost is asked once and remembered for a while."""

import asyncio

import pytest
from harness import World, video_request, virtual

from venice_async.emulator.faults import StatusFault
from venice_async.errors import BadRequestError
from venice_async.manager.prices import KEEP, PriceList


@virtual()
async def test_alike_requests_ask_once(world: World) -> None:
    """The prompt has no price; the duration has."""
    prices = PriceList(world.client())
    same = await asyncio.gather(*(prices.quote(video_request(number)) for number in range(10)))
    longer = await prices.quote(video_request(1, duration="10s"))
    assert len(set(same)) == 1
    assert longer.usd > same[0].usd
    assert world.count("quote") == 2


@virtual()
async def test_a_price_is_believed_for_ten_minutes(world: World) -> None:
    """Then it is asked again."""
    prices = PriceList(world.client())
    await prices.quote(video_request())
    await world.clock.sleep(KEEP - 1)
    await prices.quote(video_request())
    assert world.count("quote") == 1
    await world.clock.sleep(2)
    await prices.quote(video_request())
    assert world.count("quote") == 2


@virtual(faults=[StatusFault(endpoints=("quote",), status=400, times=1)])
async def test_a_failure_is_not_remembered(world: World) -> None:
    """The next one asks again."""
    prices = PriceList(world.client())
    with pytest.raises(BadRequestError):
        await prices.quote(video_request())
    assert (await prices.quote(video_request())).usd > 0
