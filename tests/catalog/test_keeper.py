"""One catalogue for many checks: fetched seldom, refreshed, and never in the way when the server is away."""

import asyncio

import attrs
import pytest

from venice_async.catalog import CatalogKeeper
from venice_async.errors import ConfigurationError, ConnectError, InvalidRequestError, VeniceError
from venice_async.models import VideoConstraints, VideoModel, VideoRequest

pytestmark = pytest.mark.anyio

MODEL = VideoModel(id="wan-2.6-text-to-video", constraints=VideoConstraints(durations=("5s",)))
LATER = attrs.evolve(MODEL, constraints=VideoConstraints(durations=("5s", "20s")))
GOOD = VideoRequest(model=MODEL.id, prompt="a quay", duration="5s")
NEW = attrs.evolve(GOOD, duration="20s")


class Server:
    """What is on offer, or the error that asking for it meets."""

    def __init__(self) -> None:
        self.offer: tuple[VideoModel, ...] = (MODEL,)
        self.error: VeniceError | None = None
        self.asked = 0

    async def models(self) -> tuple[VideoModel, ...]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.offer


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def keeper(server: Server, time: Time) -> CatalogKeeper:
    return CatalogKeeper(server.models, clock=time)


async def test_it_is_fetched_once_for_all(keeper: CatalogKeeper, server: Server) -> None:
    """Also when many ask at the same time."""
    found = await asyncio.gather(*(keeper.catalog() for _ in range(20)))
    assert server.asked == 1
    assert {catalog.as_of for catalog in found} == {None}


async def test_it_is_fetched_anew_after_an_hour(keeper: CatalogKeeper, server: Server, time: Time) -> None:
    """Models come and go."""
    await keeper.catalog()
    time.now += 3601
    server.offer = (LATER,)
    assert (await keeper.catalog()).get(MODEL.id) == LATER


async def test_a_refusal_by_an_older_catalogue_is_looked_up(keeper: CatalogKeeper, server: Server, time: Time) -> None:
    """The value may be new: one fresh look, then it is believed for a minute."""
    assert (await keeper.review(NEW)).problems
    assert server.asked == 1, "fresh enough"
    time.now += 61
    server.offer = (LATER,)
    assert (await keeper.review(NEW)).problems == ()
    assert server.asked == 2


async def test_without_a_server_the_last_one_serves(keeper: CatalogKeeper, server: Server, time: Time) -> None:
    """And the server is asked again after a minute, not for every check."""
    await keeper.catalog()
    time.now += 3601
    server.error = ConnectError("nobody there")
    for _ in range(5):
        assert (await keeper.catalog()).get(MODEL.id) == MODEL
    assert server.asked == 2
    time.now += 61
    server.error = None
    assert (await keeper.catalog()).as_of is None
    assert server.asked == 3


async def test_without_any_the_snapshot_serves(keeper: CatalogKeeper, server: Server) -> None:
    """Its review says the date."""
    server.error = ConnectError("nobody there")
    assert (await keeper.check(GOOD)).as_of == "2026-08-21"
    with pytest.raises(InvalidRequestError) as caught:
        await keeper.check(attrs.evolve(GOOD, prompt=""))
    assert [problem.field for problem in caught.value.located] == ["prompt"]


async def test_a_wrong_setting_is_not_hidden(keeper: CatalogKeeper, server: Server) -> None:
    """It would stop the paid call as well."""
    server.error = ConfigurationError("base_url must be https")
    with pytest.raises(ConfigurationError):
        await keeper.catalog()
