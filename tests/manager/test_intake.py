"""From a request to a record: everything wrong is found before money is spent."""

from decimal import Decimal
from typing import Any

import pytest
from harness import PRIVATE, World, video_request, virtual

from venice_async.download import Overwrite
from venice_async.emulator.faults import StatusFault
from venice_async.errors import (
    BudgetExceededError,
    ConfigurationError,
    DestinationExistsError,
    InvalidRequestError,
    ServerError,
)
from venice_async.jobs import JobState
from venice_async.ledger.protocol import moved
from venice_async.manager.budget import Budget
from venice_async.manager.intake import Intake


def intake(world: World, *, budget: Budget | None = None, overwrite: Overwrite = Overwrite.REFUSE) -> Intake:
    return Intake(world.client(), output_dir=world.output, overwrite=overwrite, budget=budget or Budget())


@virtual()
async def test_a_record_holds_all_that_the_job_needs(world: World) -> None:
    """Its own id, the key, the price, where the file goes, and what changes its execution time."""
    record = await intake(world).prepare(video_request(model=PRIVATE), key="scene 1/2", output=None)
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
    record = await intake(world).prepare(video_request(), key=None, output=None)
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
        await intake(world).prepare(video_request(**changes), **{"key": None, "output": None, **names})
    assert refused.value.problems


@virtual()
async def test_without_a_credential_nothing_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes before any request."""
    monkeypatch.delenv("VENICE_API_KEY", raising=False)
    from venice_async.client import VeniceClient

    client = VeniceClient(base_url=world.emulator.memory_url, transport=world.emulator.transport(world.clock))
    bare = Intake(client, output_dir=world.output, overwrite=Overwrite.REFUSE, budget=Budget())
    with pytest.raises(ConfigurationError):
        await bare.prepare(video_request(), key=None, output=None)
    assert world.emulator.requests == ()


@virtual(faults=[StatusFault(endpoints=("quote",), status=500)])
async def test_a_price_is_a_courtesy_unless_there_is_a_budget(world: World) -> None:
    """A quote that cannot be had stops a job only where the price matters."""
    record = await intake(world).prepare(video_request(), key=None, output=None)
    assert record.price_usd is None
    with pytest.raises(ServerError):
        await intake(world, budget=Budget(Decimal(5))).prepare(video_request(), key=None, output=None)


@virtual()
async def test_two_jobs_never_write_to_one_file(world: World) -> None:
    """Until the first has come to an end, and its file is gone."""
    door = intake(world)
    first = await door.prepare(video_request(1), key="a", output="same.mp4")
    second = await door.prepare(video_request(2), key="b", output="same.mp4")
    door.claim(first)
    with pytest.raises(InvalidRequestError, match="Another job"):
        door.claim(second)
    door.follow(moved(first, {"state": JobState.CANCELLED}))
    door.claim(second)


@virtual()
async def test_a_claim_that_fails_takes_nothing(world: World) -> None:
    """Place and budget are taken both or none."""
    door = intake(world, budget=(budget := Budget(Decimal("0.15"))))
    first = await door.prepare(video_request(1), key="a", output="a.mp4")
    second = await door.prepare(video_request(2), key="b", output="b.mp4")
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
    record = await door.prepare(video_request(1), key="a", output=None)
    with pytest.raises(DestinationExistsError):
        door.claim(record)
    intake(world, overwrite=Overwrite.REPLACE).claim(record)


@virtual()
async def test_a_finished_job_frees_the_name_it_had_claimed(world: World) -> None:
    """Also where the video got another name in the end."""
    door = intake(world, overwrite=Overwrite.RENAME)
    record = await door.prepare(video_request(1), key="a", output="a.mp4")
    door.claim(record)
    done = moved(
        moved(moved(record, {"state": JobState.QUEUEING}), {"state": JobState.QUEUED}), {"output": "a (2).mp4"}
    )
    door.follow(moved(moved(done, {"state": JobState.DOWNLOADING}), {"state": JobState.COMPLETED}))
    door.claim(await door.prepare(video_request(2), key="b", output="a.mp4"))


@virtual()
async def test_the_catalogue_is_fetched_once(world: World) -> None:
    """However many ask at the same time."""
    import asyncio

    door = intake(world)
    await asyncio.gather(*(door.prepare(video_request(number), key=None, output=None) for number in range(20)))
    assert world.count("models") == 1
    assert world.count("quote") == 1
