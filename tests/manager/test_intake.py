"""From a request to a record: everything wrong is found before money is spent."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from harness import PRIVATE, World, video_request, virtual

from venice_async.client import VeniceClient
from venice_async.disk import DiskPool
from venice_async.download import Overwrite
from venice_async.emulator.faults import StatusFault
from venice_async.errors import (
    BadRequestError,
    BudgetExceededError,
    Charge,
    ConfigurationError,
    DestinationExistsError,
    DownloadError,
    InvalidRequestError,
    ServerError,
)
from venice_async.jobs import Delivery, JobRecord, JobState
from venice_async.ledger.protocol import moved
from venice_async.manager.budget import Budget
from venice_async.manager.intake import Intake
from venice_async.manager.places import Places
from venice_async.models import MediaFile, VideoRequest
from venice_async.wire.stored import request_from_text, request_to_text


@pytest.fixture(scope="module")
def pool() -> Iterator[DiskPool]:
    """Threads for all tests of this module."""
    pool = DiskPool()
    yield pool
    pool.close()


@pytest.fixture(autouse=True)
def _pool(pool: DiskPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rig, "pool", pool, raising=False)


class Rig:
    """What an intake needs, with the module's threads."""

    pool: DiskPool

    @classmethod
    def intake(
        cls,
        client: VeniceClient,
        folder: Path,
        *,
        budget: Budget | None = None,
        overwrite: Overwrite = Overwrite.REFUSE,
        template: str | None = None,
    ) -> Intake:
        places = Places(folder, template=template, overwrite=overwrite, pool=cls.pool, at_once=1)
        return Intake(client, places=places, budget=budget or Budget(), pool=cls.pool)


def intake(world: World, **options: Any) -> Intake:
    return Rig.intake(world.client(), world.output, **options)


async def prepared(door: Intake, request: VideoRequest, **options: Any) -> JobRecord:
    facts: dict[str, Any] = {"key": None, "output": None, "delivery": Delivery.DISK, "check": True}
    return await door.prepare(request, **{**facts, **options})


@virtual()
async def test_a_record_holds_all_that_the_job_needs(world: World) -> None:
    """Its own id, the key, the price, where the file goes, and what changes its execution time."""
    record = await prepared(intake(world), video_request(model=PRIVATE), key="scene 1/2")
    assert (record.key, record.model, record.state) == ("scene 1/2", PRIVATE, JobState.PENDING)
    assert record.price_usd is not None
    assert record.price_usd > 0
    assert record.variant == "5s/480p"
    assert record.created_at == world.clock.wall()
    assert record.output.startswith(f"{world.output.resolve()}/scene 1_2-")
    assert world.emulator.charges == ()


@virtual()
async def test_without_a_key_the_id_is_the_key(world: World) -> None:
    """And the file is named after the model and the id."""
    record = await prepared(intake(world), video_request())
    assert record.key == record.id
    assert record.output.endswith(f"/{record.model}-{record.id}.mp4")


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"model": "longcat-destilled-text-to-video"}, {}),
        ({"duration": "7s"}, {}),
        ({"prompt": "  "}, {}),
        ({}, {"output": "../outside.mp4"}),
        ({}, {"output": "/etc/passwd"}),
        ({}, {"key": "half a \ud83d character"}),
    ],
)
@virtual()
async def test_mistakes_are_refused(world: World, changes: dict[str, Any], names: dict[str, Any]) -> None:
    """With an error that lists them."""
    with pytest.raises(InvalidRequestError) as refused:
        await prepared(intake(world), video_request(**changes), **names)
    assert refused.value.problems


@virtual()
async def test_without_a_credential_nothing_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes before any request."""
    monkeypatch.delenv("VENICE_API_KEY", raising=False)
    client = VeniceClient(base_url=world.emulator.memory_url, transport=world.emulator.transport(world.clock))
    bare = Rig.intake(client, world.output)
    with pytest.raises(ConfigurationError):
        await prepared(bare, video_request())
    assert world.emulator.requests == ()


@virtual(faults=[StatusFault(endpoints=("quote",), status=500)])
async def test_a_price_is_a_courtesy_unless_there_is_a_budget(world: World) -> None:
    """A quote that cannot be had stops a job only where the price matters."""
    record = await prepared(intake(world), video_request())
    assert record.price_usd is None
    with pytest.raises(ServerError):
        await prepared(intake(world, budget=Budget(Decimal(5))), video_request())


@virtual()
async def test_a_price_that_lacks_an_input_is_told_in_our_words(world: World) -> None:
    """Where the budget needs it, before the server is asked; without a budget the job goes on unpriced."""
    model = "seedance-2-5-reference-to-video-basic"
    facts = {"model": model, "prompt": "Extend <Video 1>, generate rain", "duration": "-1", "aspect_ratio": "16:9"}
    request = VideoRequest(**facts, resolution="480p", reference_video_urls=["https://a.example/b.mp4"])
    for many in (False, True):
        door = intake(world, budget=Budget(Decimal(5)))
        with pytest.raises(InvalidRequestError, match="reference_video_seconds in a request"):
            await (door.check_all({"a": request}) if many else prepared(door, request))
    assert not [seen for seen in world.emulator.requests if seen.endpoint == "quote"]
    assert (await prepared(intake(world), request)).price_usd is None
    with pytest.raises(BadRequestError):  # the server decides where the check is off
        await prepared(intake(world, budget=Budget(Decimal(5))), request, check=False)


@virtual()
async def test_a_large_request_is_stored_from_a_thread(world: World) -> None:
    """Bytes that the program holds become part of the record, and the event loop does not wait for it."""
    data = b"\x89PNG\r\n\x1a\n" + bytes(300_000)
    request = VideoRequest(
        model="seedance-2-0-reference-to-video-basic", prompt="<Image 1> moves", duration="5s", aspect_ratio="16:9",
        resolution="480p", reference_image_urls=[MediaFile.from_bytes(data, content_type="image/png")],
    )  # fmt: skip
    ran: list[object] = []

    class Watched(DiskPool):
        async def run(self, func: Any, *args: Any) -> Any:
            ran.append(func)
            return func(*args)

    places = Places(world.output, template=None, overwrite=Overwrite.REFUSE, pool=Rig.pool, at_once=1)
    pool = Watched()
    door = Intake(world.client(), places=places, budget=Budget(), pool=pool)
    record = await prepared(door, request)
    assert request_from_text(record.request) == request
    assert ran == [request_to_text]
    await prepared(door, video_request())
    assert ran == [request_to_text]
    pool.close()


@virtual()
async def test_two_jobs_never_write_to_one_file(world: World) -> None:
    """Until the first has come to an end, and its file is gone."""
    door = intake(world)
    first = await prepared(door, video_request(1), key="a", output="same.mp4")
    second = await prepared(door, video_request(2), key="b", output="same.mp4")
    door.claim(first)
    with pytest.raises(InvalidRequestError, match="Another job"):
        door.claim(second)
    door.follow(moved(first, {"state": JobState.CANCELLED}))
    door.claim(second)


@virtual()
async def test_a_claim_that_fails_takes_nothing(world: World) -> None:
    """Place and budget are taken both or none."""
    door = intake(world, budget=(budget := Budget(Decimal("0.15"))))
    first = await prepared(door, video_request(1), key="a", output="a.mp4")
    second = await prepared(door, video_request(2), key="b", output="b.mp4")
    door.claim(first)
    with pytest.raises(BudgetExceededError):
        door.claim(second)
    door.give_back(first)
    assert budget.totals.reserved_usd == 0
    door.claim(second)


@virtual()
async def test_what_stands_at_the_destination_is_respected(world: World) -> None:
    """Also a link to nowhere; and where files may be replaced, nothing stands in the way."""
    world.output.mkdir()
    (world.output / "a.mp4").symlink_to(world.output / "nowhere")
    door = intake(world)
    record = await prepared(door, video_request(1), key="a")
    with pytest.raises(DestinationExistsError):
        door.claim(record)
    intake(world, overwrite=Overwrite.REPLACE).claim(record)


@virtual()
async def test_a_finished_job_frees_the_name_it_had_claimed(world: World) -> None:
    """Also where the video got another name in the end."""
    door = intake(world, overwrite=Overwrite.RENAME)
    record = await prepared(door, video_request(1), key="a", output="a.mp4")
    door.claim(record)
    done = moved(
        moved(moved(record, {"state": JobState.QUEUEING}), {"state": JobState.QUEUED}), {"output": "a (2).mp4"}
    )
    door.follow(moved(moved(done, {"state": JobState.DOWNLOADING}), {"state": JobState.COMPLETED}))
    door.claim(await prepared(door, video_request(2), key="b", output="a.mp4"))


@virtual()
async def test_the_catalogue_is_fetched_once(world: World) -> None:
    """However many ask at the same time."""
    import asyncio

    door = intake(world)
    await asyncio.gather(*(prepared(door, video_request(number)) for number in range(20)))
    assert world.count("models") == 1
    assert world.count("quote") == 1


@virtual()
async def test_what_we_would_refuse_can_be_sent_anyway(world: World) -> None:
    """The server has the last word; the price is asked for all the same."""
    strange = video_request(duration="7s")
    with pytest.raises(InvalidRequestError, match="duration"):
        await prepared(intake(world), strange)
    assert (await prepared(intake(world), strange, check=False)).price_usd is None


@virtual()
async def test_media_are_looked_at_before_anything_is_paid(world: World) -> None:
    """A file that is not there, beside everything else that is wrong."""
    request = VideoRequest(
        model="wan-2.6-image-to-video",
        prompt="it moves",
        duration="99s",
        image_url=MediaFile.from_path(world.folder / "missing.png"),
    )
    with pytest.raises(InvalidRequestError) as refused:
        await prepared(intake(world), request)
    assert {problem.field for problem in refused.value.located} >= {"duration", "image_url"}


@virtual()
async def test_names_follow_a_template(world: World) -> None:
    """A folder a day, for example; an output that is given comes before it."""
    door = intake(world, template="{date}/{model}-{key}.mp4")
    record = await prepared(door, video_request(), key="a/b")
    day, _, name = str(Path(record.output).relative_to(world.output.resolve())).partition("/")
    assert (len(day), day.count("-")) == (10, 2)
    assert name.startswith("longcat-distilled-text-to-video-a_b")
    assert (await prepared(door, video_request(), output="own.mp4")).output.endswith("/own.mp4")
    with pytest.raises(InvalidRequestError, match="template"):
        intake(world, template="{prompt}.mp4")


@virtual()
async def test_a_full_disk_is_told_before_anything_is_paid(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a job without a file needs no room."""
    monkeypatch.setattr("venice_async.disk.free_bytes", lambda _: 10 * 2**20)
    door = intake(world)
    with pytest.raises(DownloadError, match="10 MiB free") as refused:
        await prepared(door, video_request())
    assert refused.value.charge is Charge.NONE
    assert (await prepared(door, video_request(), delivery=Delivery.CALLER)).output == ""
