"""Jobs found at a start, and what a person decides about them."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
from harness import INLINE, HeldLedger, World, job_record, video_request, virtual

from venice_async.emulator.faults import StatusFault
from venice_async.errors import BudgetExceededError, Charge, DestinationExistsError
from venice_async.governor import Kind
from venice_async.jobs import Cleanup, JobState, PaidAnswer
from venice_async.ledger import MemoryLedger, SqliteLedger
from venice_async.models import VideoRequest
from venice_async.wire.stored import request_to_text

PRICE = Decimal("0.10")


async def waiting(world: World, count: int) -> MemoryLedger:
    """A ledger that a crash left with jobs that were not sent yet."""
    ledger = MemoryLedger()
    for number in range(count):
        await ledger.add(
            job_record(
                number,
                request=request_to_text(video_request(number)),
                output=str(world.output / f"{number}.mp4"),
                price_usd=PRICE,
            )
        )
    return ledger


@virtual()
async def test_a_smaller_budget_holds_what_was_not_sent_yet(world: World) -> None:
    """The cap is over the whole ledger: jobs of an earlier run do not slip under it."""
    ledger = await waiting(world, 5)
    async with world.manager(ledger=ledger, budget_usd="0.25") as jobs:
        oldest, second, *others = jobs.jobs()
        await oldest
        await second
        assert [job.record.held_for for job in others] == ["budget"] * 3
        assert jobs.totals.spent_usd + jobs.totals.reserved_usd <= Decimal("0.25")
        with pytest.raises(BudgetExceededError):
            await jobs.release(others[0])
    assert len(world.emulator.charges) == 2
    async with world.manager(ledger=ledger, budget_usd="1") as jobs:
        for job in jobs.jobs():
            await jobs.release(job)
            await job
    assert len(world.emulator.charges) == 5


@virtual()
async def test_a_restart_remembers_what_the_server_still_counts(world: World) -> None:
    """Forty paid calls of the process before leave none for the first minute of this one."""
    ledger = MemoryLedger()
    for number in range(40):
        await ledger.add(
            job_record(number, state=JobState.COMPLETED, queueing_at=world.clock.wall() - 20.0, cleanup=Cleanup.DONE)
        )
    client = world.client()
    async with world.manager(client=client, ledger=ledger):
        assert 40.0 <= client.governor.wait(Kind.QUEUE) <= 41.0


@virtual()
async def test_the_same_program_again_pays_nothing_again(world: World) -> None:
    """Without keys of their own, requests are known by their content; the second of two alike is a job of its own."""

    def batch() -> Iterator[VideoRequest]:
        return (video_request(number) for number in (1, 2, 1))

    for _ in range(2):
        async with world.manager() as jobs:
            done = [job async for job in jobs.as_completed(batch())]
        assert len({job.id for job in done}) == 3
        assert all(job.state is JobState.COMPLETED for job in done)
    assert len(world.emulator.charges) == 3


@virtual()
async def test_a_mapping_names_the_jobs(world: World) -> None:
    """The caller's own keys, and files of that name."""
    async with world.manager() as jobs:
        named = {"dawn": video_request(1), "dusk": video_request(2)}
        assert {job.key async for job in jobs.as_completed(named)} == {"dawn", "dusk"}
    assert {path.name for path in world.output.iterdir()} == {"dawn.mp4", "dusk.mp4"}


@virtual(execution_time=lambda *_: 8.0)
async def test_failing_jobs_leave_room_for_healthy_ones(world: World) -> None:
    """Jobs whose every answer is an error get half of the failures that the key may make."""
    lost = tuple(range(1, 31))
    world.emulator.faults.append(StatusFault(status=404, endpoints=("retrieve",), jobs=lost))
    async with world.manager() as jobs:
        all_jobs = [await jobs.submit(video_request(number)) for number in range(50)]
        for job in all_jobs[30:]:
            await job
    lags = [job.lag for job in world.emulator.jobs[30:]]
    assert world.count("retrieve", status=429) == 0
    assert sum(lag for lag in lags if lag is not None) / len(lags) < 20.0


@virtual()
async def test_two_releases_at_once_do_not_both_fit(world: World) -> None:
    """The price is reserved in the same breath as it is checked."""
    ledger = await waiting(world, 2)
    async with world.manager(ledger=ledger, budget_usd="0.05"):
        pass
    async with world.manager(ledger=ledger, budget_usd="0.10") as jobs:
        results = await asyncio.gather(*(jobs.release(job) for job in jobs.jobs()), return_exceptions=True)
        assert [type(result) for result in results].count(BudgetExceededError) == 1
        await next(job for job in jobs.jobs() if job.state is not JobState.HELD)
        assert jobs.totals.spent_usd + jobs.totals.reserved_usd <= PRICE
    assert len(world.emulator.charges) == 1


@virtual()
async def test_a_job_whose_price_nobody_knows_waits_under_a_budget(world: World) -> None:
    """It counts as nothing, and would slip under any cap."""
    ledger = MemoryLedger()
    await ledger.add(job_record(request=request_to_text(video_request()), output=str(world.output / "a.mp4")))
    async with world.manager(ledger=ledger, budget_usd="100") as jobs:
        assert jobs.jobs()[0].record.held_for == "budget"
    assert not world.emulator.charges


@virtual()
async def test_a_place_that_is_taken_stops_the_whole_batch(world: World) -> None:
    """Before anything is paid, also where it is the last one's."""
    world.output.mkdir()
    (world.output / "dusk.mp4").write_bytes(b"precious")
    async with world.manager() as jobs:
        with pytest.raises(DestinationExistsError):
            [job async for job in jobs.as_completed({"dawn": video_request(1), "dusk": video_request(2)})]
    assert not world.emulator.charges


@pytest.mark.parametrize("recorded", [False, True])
@virtual()
async def test_a_kept_answer_is_taken_over_at_the_next_start(world: World, *, recorded: bool) -> None:
    """Also one that the ledger has already: it was kept while its record was being written after all."""
    async with world.manager(ledger=world.sqlite()) as jobs:
        paid = await jobs.submit(video_request(), key="paid")
        await world.clock.sleep(1.0)
        queue_id = paid.queue_id
        assert queue_id is not None
    facts: dict[str, Any] = {"charge": Charge.CHARGED} if recorded else {}
    ledger = SqliteLedger(world.folder / "another.sqlite3")
    with world.clock.hold():  # type: ignore[attr-defined]
        await ledger.open()
        await ledger.join()
        state = JobState.QUEUED if recorded else JobState.UNKNOWN
        await ledger.add(
            attrs.evolve(
                paid.record,
                id="id-1",
                version=0,
                attempt=1,
                state=state,
                queue_id=queue_id if recorded else None,
                **facts,
            )
        )
        answer = PaidAnswer(
            job_id="id-1", attempt=1, model=INLINE, queue_id=queue_id, download_url=None, queued_at=world.clock.wall()
        )
        ledger.keep(answer)
        await ledger.aclose()
    async with world.manager(ledger=HeldLedger(SqliteLedger(ledger.path), world.clock)) as jobs:  # type: ignore[arg-type]
        (job,) = jobs.jobs()
        assert (job.state, job.queue_id) == (JobState.QUEUED, queue_id)
        await job
        assert await jobs._ledger.kept() == []
    assert len(world.emulator.charges) == 1
