"""The tutorial's server: an emulated Venice on this machine, a hundred times as fast as the real one."""

from collections.abc import AsyncIterator

import pytest

from venice_async import Emulator, SystemClock, VeniceClient, VideoRequest

SPEED = 100


@pytest.fixture
async def venice_server() -> AsyncIterator[Emulator]:
    """No key, no money, no network: what it charges is in `charges`."""
    async with Emulator(time_scale=SPEED, clips="plain") as server:
        yield server


@pytest.fixture
async def venice(venice_server: Emulator) -> AsyncIterator[VeniceClient]:
    """A client of that server. Towards the real one it is just `VeniceClient()`."""
    async with VeniceClient("any-key", base_url=venice_server.url, clock=SystemClock(speed=SPEED)) as client:
        yield client


@pytest.fixture
def request_() -> VideoRequest:
    """What this tutorial wants to see."""
    return VideoRequest(
        model="longcat-distilled-text-to-video", prompt="a lighthouse at dusk", duration="5s", aspect_ratio="16:9"
    )
