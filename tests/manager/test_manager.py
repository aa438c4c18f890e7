"""Many jobs through one manager, in virtual time, against a server that keeps the books."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from harness import INLINE, PRIVATE, HeldLedger, World, video_request, virtual

from venice_async.download import Overwrite
from venice_async.emulator.faults import (
    ConsentFault,
    CutFault,
    DropFault,
    GarbageFault,
    JobFault,
    RejectFault,
    SlowFault,
    Stage,
    StatusFault,
)
from venice_async.emulator.manual_clock import ManualClock
from venice_async.errors import (
    BudgetExceededError,
    Charge,
    ConfigurationError,
    ContentRejectedError,
    DestinationExistsError,
    InvalidRequestError,
    JobCancelledError,
    JobHeldError,
    LedgerError,
    ManagerClosedError,
    UnknownOutcomeError,
    VeniceError,
)
from venice_async.jobs import Cleanup, JobEvent, JobProgress, JobRecord, JobState, JobStateChanged, VideoFile
from venice_async.ledger import MemoryLedger, SqliteLedger
from venice_async.manager import JobManager
from venice_async.manager.job import Job
from venice_async.models import SeedanceConsent
from venice_async.money import Totals
from venice_async.transport import Reply, Transport
from venice_async.wire.exchange import Call, ReplyHead

FIVE_MINUTES = 300.0
PRICE = Decimal("0.10")


async def result(job: Job) -> VideoFile:
    return await job


async def until(job: Job, state: JobState) -> None:
    """Wait until a job is in this state; a job that is in it already is enough."""
    stream = job.events()
    async for event in stream:
        if isinstance(event, JobStateChanged) and event.state is state:
            break
    stream.close()


async def states_of(stream: AsyncIterator[JobEvent]) -> list[JobState]:
    return [event.state async for event in stream if isinstance(event, JobStateChanged)]


# -- the way of a job ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual()
async def test_a_job_becomes_a_file(world: World, model: str) -> None:
    """Whole, where it was wanted, and paid for once."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(model=model), output="deep/folder/scene.mp4")
        video = await job
        assert video.path == (world.output / "deep/folder/scene.mp4").resolve()
        assert world.is_whole(job)
        assert video.cost_usd == world.emulator.spent_usd
    assert len(world.emulator.charges) == 1
    assert world.leftovers() == []
    assert world.emulator.violations == ()


@virtual()
async def test_the_intent_is_durable_before_submit_returns(world: World) -> None:
    """Another process that opens the ledger at that moment sees the job."""
    async with world.manager(ledger=world.sqlite()) as jobs:
        job = await jobs.submit(video_request(), key="scene")
        other = world.sqlite()
        await other.open()
        assert [record.key for record in await other.records()] == ["scene"]
        await other.aclose()
        await job


@virtual()
async def test_the_intent_is_durable_before_the_paid_call(world: World) -> None:
    """The ledger says QUEUEING before the server has seen anything."""
    seen: list[tuple[JobState, int]] = []

    class Watched(MemoryLedger):
        async def move(self, record: JobRecord, **changes: object) -> JobRecord:
            after = await super().move(record, **changes)
            seen.append((after.state, world.count("queue")))
            return after

    async with world.manager(ledger=Watched()) as jobs:
        await (await jobs.submit(video_request()))
    assert seen[:3] == [(JobState.QUEUEING, 0), (JobState.QUEUED, 1), (JobState.DOWNLOADING, 1)]


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual()
async def test_nothing_is_deleted_at_the_server_before_the_file_is_durable(world: World, model: str) -> None:
    """When the clean-up call comes, the file stands whole and the ledger says so."""
    seen: list[tuple[bool, JobState]] = []
    client = world.client()
    clean_up = {INLINE: client.complete, PRIVATE: client.revoke}[model]

    async def watched(video: object) -> object:
        records = await world.ledger.records()
        seen.append((Path(records[0].output).stat().st_size == 5000, records[0].state))
        return await clean_up(video)  # type: ignore[arg-type]

    client.complete = client.revoke = watched  # type: ignore[assignment,method-assign]
    async with world.manager(client=client) as jobs:
        job = await jobs.submit(video_request(model=model))
        await job
    assert seen == [(True, JobState.COMPLETED)]
    assert world.emulator.jobs[0].deleted_at is not None
    assert (await world.ledger.records())[0].cleanup is Cleanup.DONE
    assert (await world.ledger.records())[0].download_url is None


@virtual()
async def test_a_private_video_is_fetched_without_a_credential(world: World) -> None:
    """Once, then revoked; the link's host never sees the key."""
    async with world.manager() as jobs:
        await (await jobs.submit(video_request(model=PRIVATE)))
    media = [record for record in world.emulator.requests if record.endpoint == "media"]
    assert [record.method for record in media] == ["GET", "DELETE"]
    assert not any(record.had_authorization or record.had_cookie for record in media)


@virtual()
async def test_remote_clean_up_can_be_left_off(world: World) -> None:
    """Then the video stays at the server until it expires there."""
    async with world.manager(remote_cleanup=False) as jobs:
        await (await jobs.submit(video_request()))
    assert world.count("complete") == 0
    assert (await world.ledger.records())[0].cleanup is Cleanup.PENDING


@virtual(faults=[StatusFault(endpoints=("complete",), status=400, times=1)])
async def test_a_clean_up_that_fails_is_tried_at_the_next_start(world: World) -> None:
    """And never fails the job."""
    async with world.manager() as jobs:
        await (await jobs.submit(video_request()))
    assert world.emulator.jobs[0].deleted_at is None
    async with world.manager():
        pass
    assert world.emulator.jobs[0].deleted_at is not None


@virtual()
async def test_a_finished_job_is_cleaned_up_once(world: World) -> None:
    """Also one that was found finished on disk at the start."""
    async with world.manager(remote_cleanup=False) as jobs:
        job = await jobs.submit(video_request())
        await job
    half_way = _with_state(job.record, JobState.DOWNLOADING)
    await (ledger := MemoryLedger()).add(half_way)
    async with world.manager(ledger=ledger):
        pass
    assert world.count("complete") == 1
    assert world.count("retrieve", status=200) == world.count("retrieve")


def _with_state(record: JobRecord, state: JobState, **changes: Any) -> JobRecord:
    cleanup = Cleanup.PENDING if state is JobState.DOWNLOADING else Cleanup.NONE
    return attrs.evolve(record, state=state, **{"cleanup": cleanup, **changes})


# -- keys ---------------------------------------------------------------------------------------------------------


@virtual()
async def test_a_known_key_gives_the_known_job(world: World) -> None:
    """Running or finished, whatever the request says."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(1), key="scene")
        assert await jobs.submit(video_request(2), key="scene") is job
        await job
        assert await jobs.submit(video_request(3), key="scene") is job
        assert jobs.get("scene") is jobs.get(job.id) is job
    assert len(world.emulator.charges) == 1


@virtual()
async def test_a_known_key_survives_a_restart(world: World) -> None:
    """The next process gives the finished video and pays nothing."""
    async with world.manager() as jobs:
        first = await (await jobs.submit(video_request(), key="scene"))
    async with world.manager() as jobs:
        assert await (await jobs.submit(video_request(), key="scene")) == first
    assert len(world.emulator.charges) == 1


@virtual()
async def test_concurrent_submits_of_one_key_are_one_job(world: World) -> None:
    """All get it, and only when it is durable."""
    async with world.manager(ledger=world.sqlite()) as jobs:
        found = await asyncio.gather(*(jobs.submit(video_request(number), key="scene") for number in range(5)))
        assert len(set(found)) == 1
        await found[0]
    assert len(world.emulator.charges) == 1


@virtual()
async def test_a_key_whose_record_could_not_be_kept_is_free_again(world: World) -> None:
    """Whoever waited for it hears why, its money and file name are given back, and the next try succeeds."""

    class Full(MemoryLedger):
        full = True

        async def add(self, record: JobRecord, **options: Any) -> JobRecord:
            await world.clock.sleep(1.0)
            if self.full:
                raise LedgerError("The disk is full.")
            return await super().add(record, **options)

    ledger = Full()
    async with world.manager(ledger=ledger, budget_usd=PRICE) as jobs:
        answers = await asyncio.gather(
            *(jobs.submit(video_request(), key="scene") for _ in range(3)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [LedgerError] * 3
        assert jobs.jobs() == []
        ledger.full = False
        await (await jobs.submit(video_request(), key="scene"))


@virtual()
async def test_two_managers_on_one_ledger_pay_once(world: World) -> None:
    """The same key in both is one job; both give the file."""
    async with world.manager(ledger=world.sqlite()) as ours, world.manager(ledger=world.sqlite()) as theirs:
        mine, yours = await asyncio.gather(
            ours.submit(video_request(), key="scene"), theirs.submit(video_request(), key="scene")
        )
        videos = await asyncio.gather(result(mine), result(yours))
        assert videos[0] == videos[1]
    assert len(world.emulator.charges) == 1


@virtual(faults=[SlowFault(endpoints=("queue",), delay=60.0)])
async def test_two_managers_on_one_ledger_never_work_on_the_same_job(world: World) -> None:
    """The second sees the first one's job, also by its key, and awaits it; the first brings it home."""
    async with world.manager(ledger=world.sqlite()) as ours:
        job = await ours.submit(video_request(), key="scene")
        await until(job, JobState.QUEUEING)
        async with world.manager(ledger=world.sqlite()) as theirs:
            assert theirs.unknown() == []
            same = await theirs.submit(video_request(), key="scene")
            assert same.id == job.id
            await same
            assert same.record == job.record
        assert world.is_whole(job)
    assert len(world.emulator.charges) == 1
    assert len({record.queue_id for record in await _records(world)}) == 1


async def _records(world: World) -> list[JobRecord]:
    ledger = world.sqlite()
    await ledger.open()
    records = await ledger.records()
    await ledger.aclose()
    return records


# -- awaiting -----------------------------------------------------------------------------------------------------


@virtual()
async def test_a_job_outlives_whoever_awaits_it(world: World) -> None:
    """A timeout ends the waiting, not the job; and many may wait."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        waiting = [asyncio.create_task(result(job)) for _ in range(3)]
        await world.clock.sleep(1.0)
        waiting[0].cancel()
        videos = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(videos[0], asyncio.CancelledError)
        assert videos[1] == videos[2] == await job


@virtual()
async def test_a_submit_that_is_cancelled_half_way_is_no_lost_job(world: World) -> None:
    """What the ledger has, the manager has: it goes on, and its key gives it."""

    class Slow(MemoryLedger):
        async def add(self, record: JobRecord, **options: Any) -> JobRecord:
            await world.clock.sleep(5.0)
            return await super().add(record, **options)

    async with world.manager(ledger=Slow()) as jobs:
        submitting = asyncio.create_task(jobs.submit(video_request(), key="scene"))
        await world.clock.sleep(1.0)
        submitting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await submitting
        job = await jobs.submit(video_request(), key="scene")
        await job
        assert jobs.jobs() == [job]
    assert len(world.emulator.charges) == 1


@virtual()
async def test_jobs_come_as_they_are_completed(world: World) -> None:
    """Each once, the failed ones too."""
    world.emulator.faults.append(JobFault(prompt="scene 3"))
    async with world.manager() as jobs:
        came = [job async for job in jobs.as_completed(video_request(number) for number in range(1, 7))]
        assert sorted(job.state.value for job in came) == ["completed"] * 5 + ["failed"]
        finished = [job.record.finished_at for job in came]
        assert finished == sorted(finished)  # type: ignore[type-var]
    assert len(world.emulator.charges) == 6


@virtual()
async def test_a_mistake_in_the_last_request_costs_nothing(world: World) -> None:
    """All are checked before the first is submitted."""
    async with world.manager() as jobs:
        with pytest.raises(InvalidRequestError):
            async for _ in jobs.as_completed([video_request(), video_request(duration="4711s")]):
                pass
        assert jobs.jobs() == []


@virtual()
async def test_a_batch_that_does_not_fit_the_budget_costs_nothing(world: World) -> None:
    """It is refused whole, before its first job is sent."""
    async with world.manager(budget_usd="0.35") as jobs:
        with pytest.raises(BudgetExceededError):
            async for _ in jobs.as_completed(video_request(number) for number in range(4)):
                pass
        await world.clock.sleep(FIVE_MINUTES)
        assert len([job async for job in jobs.as_completed(video_request(number) for number in range(3))]) == 3
    assert len(world.emulator.charges) == 3


# -- events -------------------------------------------------------------------------------------------------------


@virtual()
async def test_a_job_s_events_begin_with_its_state_and_end_with_it(world: World) -> None:
    """In the order of the table; a finished job gives its last state alone."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        stands = job.state
        heard = await states_of(job.events())
        way = [JobState.PENDING, JobState.QUEUEING, JobState.QUEUED, JobState.DOWNLOADING, JobState.COMPLETED]
        assert heard == way[way.index(stands) :]
        assert await states_of(job.events()) == [JobState.COMPLETED]


@virtual()
async def test_all_events_until_the_manager_is_closed(world: World) -> None:
    """Of every job, with progress in bytes; a stream made afterwards is at its end."""
    async with world.manager() as jobs:
        stream = jobs.events()
        for number in (1, 2):
            await jobs.submit(video_request(number))
        await asyncio.gather(*(result(job) for job in jobs.jobs()))
    heard = [event async for event in stream]
    assert {event.key for event in heard} == {job.key for job in jobs.jobs()}
    progress = [event for event in heard if isinstance(event, JobProgress)]
    assert (progress[-1].received, progress[-1].total) == (5000, 5000)
    assert [event async for event in jobs.events()] == []


@virtual()
async def test_events_of_a_failure_carry_the_error(world: World) -> None:
    """So that a listener needs nothing else."""
    world.emulator.faults.append(RejectFault(suggested_prompt="something kinder"))
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        last = [event async for event in job.events()][-1]
    assert isinstance(last, JobStateChanged)
    assert isinstance(last.error, ContentRejectedError)
    assert last.error.suggested_prompt == "something kinder"


# -- cancel -------------------------------------------------------------------------------------------------------


@virtual(faults=[DropFault(stage=Stage.CONNECT, endpoints=("queue",))])
async def test_cancel_before_the_paid_call_costs_nothing(world: World) -> None:
    """A job that waits for its turn is never sent."""
    async with world.manager(budget_usd=PRICE) as jobs:
        job = await jobs.submit(video_request())
        await world.clock.sleep(10.0)
        await job.cancel()
        world.emulator.faults.clear()
        await world.clock.sleep(FIVE_MINUTES)
        with pytest.raises(JobCancelledError) as cancelled:
            await job
        assert cancelled.value.charge is Charge.NONE
        assert jobs.totals == Totals()
    assert world.emulator.charges == ()


@virtual(faults=[SlowFault(endpoints=("queue",), delay=20.0)])
async def test_cancel_in_the_middle_of_the_paid_call_keeps_its_queue_id(world: World) -> None:
    """The call is let to its end: what was charged is known, and no retrieve follows."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await until(job, JobState.QUEUEING)
        await job.cancel()
        await world.clock.sleep(FIVE_MINUTES)
    assert job.state is JobState.CANCELLED
    assert job.queue_id == world.emulator.jobs[0].queue_id
    assert job.record.charge is Charge.CHARGED
    assert jobs.totals.spent_usd == world.emulator.spent_usd
    assert world.count("retrieve") == 0


@virtual()
async def test_cancel_of_a_queued_job_ends_the_polling(world: World) -> None:
    """The money is spent: there is no refund."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await until(job, JobState.QUEUED)
        await world.clock.sleep(10.0)
        await job.cancel()
        asked = world.count("retrieve")
        await world.clock.sleep(FIVE_MINUTES)
        assert world.count("retrieve") == asked
        with pytest.raises(JobCancelledError, match="It was charged"):
            await job
        await job.cancel()


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual(faults=[SlowFault(endpoints=("retrieve", "media"), pace=100.0)])
async def test_cancel_of_a_download_leaves_no_part(world: World, model: str) -> None:
    """And frees the slot for others."""
    async with world.manager(downloads=1) as jobs:
        job = await jobs.submit(video_request(model=model))
        async for event in job.events():
            if isinstance(event, JobProgress):
                break
        await job.cancel()
        assert job.state is JobState.CANCELLED
        assert list(world.output.iterdir()) == []
        world.emulator.faults.clear()
        await (await jobs.submit(video_request(2)))


@virtual(faults=[JobFault(kind="content")])
async def test_cancel_of_a_finished_job_changes_nothing(world: World) -> None:
    """It keeps its end and its error."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await until(job, JobState.FAILED)
        await job.cancel()
        assert job.state is JobState.FAILED


@virtual()
async def test_cancel_while_the_last_write_is_under_way(world: World) -> None:
    """Either the video is there and the job says so, or it is cancelled: nobody waits for ever."""

    class Slow(MemoryLedger):
        async def move(self, record: JobRecord, **changes: object) -> JobRecord:
            after = await super().move(record, **changes)
            if after.state is JobState.COMPLETED:
                await world.clock.sleep(5.0)
            return after

    async with world.manager(ledger=Slow()) as jobs:
        job = await jobs.submit(video_request())
        while not any(world.output.glob("*.mp4")):
            await world.clock.sleep(0.5)
        await world.clock.sleep(0.5)
        await job.cancel()
        assert (await job).size == 5000


@virtual()
async def test_many_may_cancel_one_job(world: World) -> None:
    """It is cancelled once."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await until(job, JobState.QUEUED)
        await asyncio.gather(*(job.cancel() for _ in range(4)))
        assert job.state is JobState.CANCELLED


# -- closing and starting again -----------------------------------------------------------------------------------


@virtual(faults=[SlowFault(endpoints=("queue",), delay=10.0)])
async def test_closing_lets_a_paid_call_end(world: World) -> None:
    """Its queue_id is kept, and the next start brings the video home."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(), key="scene")
        waiting = asyncio.create_task(result(job))
        await until(job, JobState.QUEUEING)
    with pytest.raises(ManagerClosedError):
        await waiting
    assert job.state is JobState.QUEUED
    async with world.manager() as jobs:
        await (await jobs.submit(video_request(), key="scene"))
    assert len(world.emulator.charges) == 1


@virtual(faults=[SlowFault(endpoints=("queue",), delay=500.0)])
async def test_a_paid_call_that_outlasts_the_drain_is_unknown(world: World) -> None:
    """And is not sent again: its price stays reserved until a person decides."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await until(job, JobState.QUEUEING)
    assert (await world.ledger.records())[0].state is JobState.UNKNOWN
    async with world.manager() as jobs:
        await world.clock.sleep(FIVE_MINUTES)
        assert len(jobs.unknown()) == 1
        assert jobs.totals == Totals(reserved_usd=PRICE)
    assert len(world.emulator.charges) == 1


@virtual(faults=[SlowFault(endpoints=("queue",), delay=15.0)])
async def test_a_cancelled_close_is_in_a_hurry_but_complete(world: World) -> None:
    """It waits no longer for the server, and still closes the ledger and tells whoever waits."""
    ledger = SqliteLedger(world.folder / "jobs.sqlite3")
    jobs = await world.manager(ledger=ledger).__aenter__()
    job = await jobs.submit(video_request())
    await until(job, JobState.QUEUEING)
    closing = asyncio.create_task(jobs.aclose())
    await asyncio.sleep(0)
    began = world.clock.monotonic()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert world.clock.monotonic() - began < 15.0
    with pytest.raises(VeniceError):
        await job
    assert "closed" in repr(ledger)
    await jobs.aclose()


@virtual()
async def test_a_closed_manager_takes_nothing(world: World) -> None:
    """Neither before it was entered, nor twice, nor after its end."""
    jobs = world.manager()
    with pytest.raises(ManagerClosedError):
        await jobs.submit(video_request())
    async with jobs:
        job = await jobs.submit(video_request())
    with pytest.raises(ManagerClosedError):
        await jobs.submit(video_request())
    with pytest.raises(ManagerClosedError):
        await job.cancel()
    with pytest.raises(RuntimeError):
        await jobs.__aenter__()
    assert repr(jobs).startswith("<JobManager closed: ")


@virtual()
async def test_a_manager_whose_ledger_cannot_be_used_leaves_nothing_open(world: World) -> None:
    """The error is the ledger's, and no thread or warning stays behind."""
    (world.folder / "jobs.sqlite3").write_bytes(b"not a database, and long enough to be told from an empty one" * 20)
    jobs = world.manager(ledger=world.folder / "jobs.sqlite3")
    with pytest.raises(LedgerError):
        await jobs.__aenter__()
    assert jobs._rooms.disk._closed


@virtual()
async def test_a_start_continues_jobs_of_every_state(world: World) -> None:
    """Nothing is sent twice, nothing is lost, and what needs a person waits for one."""
    async with world.manager() as jobs:
        made = {}
        for number, state in enumerate(JobState):
            made[state] = job = await jobs.submit(video_request(number), key=state.value)
            if state not in {JobState.PENDING, JobState.QUEUEING, JobState.UNKNOWN}:
                await until(job, JobState.QUEUED)
        await made[JobState.COMPLETED]
    charged = len(world.emulator.charges)
    ledger = MemoryLedger()
    for state, job in made.items():
        unsent = state in {JobState.PENDING, JobState.QUEUEING, JobState.UNKNOWN}
        facts = {"queue_id": None, "charge": Charge.NONE} if unsent else {}
        await ledger.add(_with_state(job.record, state, **facts))
    async with world.manager(ledger=ledger) as jobs:
        assert {job.key: job.state for job in jobs.jobs() if job.at_rest} == {
            "queueing": JobState.UNKNOWN,
            "unknown": JobState.UNKNOWN,
            "held": JobState.HELD,
            "completed": JobState.COMPLETED,
            "failed": JobState.FAILED,
            "cancelled": JobState.CANCELLED,
        }
        for key in ("queued", "downloading", "pending"):
            found = jobs.get(key)
            assert found is not None
            await found
            assert world.is_whole(found)
    assert len(world.emulator.charges) == charged + 1


@virtual()
async def test_a_video_that_was_published_before_a_crash_is_not_fetched_again(world: World) -> None:
    """Its size and hash are in the ledger before it gets its name, so the next start knows it."""
    async with world.manager(remote_cleanup=False) as jobs:
        job = await jobs.submit(video_request())
        await job
    asked = world.count("retrieve")
    ledger = MemoryLedger()
    await ledger.add(_with_state(job.record, JobState.DOWNLOADING))
    async with world.manager(ledger=ledger, remote_cleanup=False) as jobs:
        assert (await jobs.jobs()[0]).sha256 == job.record.sha256
    assert world.count("retrieve") == asked


@virtual()
async def test_what_was_learned_helps_the_next_start(world: World) -> None:
    """The scheduler's knowledge is saved at the end."""
    async with world.manager() as jobs:
        await (await jobs.submit(video_request()))
    assert INLINE in str(await world.ledger.learned())


@virtual()
async def test_what_was_learned_survives_a_crash(world: World) -> None:
    """It is saved on the way, at most a minute old, and not only at the end."""
    async with world.manager() as jobs:
        await (await jobs.submit(video_request()))
        await world.clock.sleep(1.0)
        assert INLINE in str(await world.ledger.learned())


@virtual()
async def test_a_dropped_manager_warns(world: World) -> None:
    """Who opens, closes."""
    jobs = await world.manager().__aenter__()
    with pytest.warns(ResourceWarning, match="was not closed"):
        jobs.__del__()
    await jobs.aclose()


# -- money and names ----------------------------------------------------------------------------------------------


@virtual()
async def test_the_budget_is_never_exceeded(world: World) -> None:
    """Of ten jobs at 10 cents only three fit under 35, also when they come at once and across a restart."""
    async with world.manager(budget_usd="0.35") as jobs:
        answers = await asyncio.gather(
            *(jobs.submit(video_request(number)) for number in range(10)), return_exceptions=True
        )
        assert sum(isinstance(answer, BudgetExceededError) for answer in answers) == 7
        await asyncio.gather(*(result(job) for job in jobs.jobs()))
    async with world.manager(budget_usd="0.35") as jobs:
        assert jobs.totals == Totals(spent_usd=3 * PRICE)
        with pytest.raises(BudgetExceededError):
            await jobs.submit(video_request(11))
    assert world.emulator.spent_usd == 3 * PRICE


@virtual(faults=[JobFault(refunded=True)])
async def test_a_refund_is_money_again(world: World) -> None:
    """What the server gave back can be spent."""
    async with world.manager(budget_usd=PRICE) as jobs:
        with pytest.raises(ContentRejectedError):
            await (await jobs.submit(video_request(1)))
        assert jobs.totals == Totals(refunded_usd=PRICE)
        world.emulator.faults.clear()
        await (await jobs.submit(video_request(2)))


@virtual()
async def test_nothing_that_stands_at_the_destination_is_touched(world: World) -> None:
    """A file that is there is refused before money is spent, and so is one that another job will write."""
    world.output.mkdir()
    (world.output / "a.mp4").write_text("mine")
    async with world.manager() as jobs:
        with pytest.raises(DestinationExistsError):
            await jobs.submit(video_request(1), output="a.mp4")
        await jobs.submit(video_request(2), output="b.mp4")
        with pytest.raises(InvalidRequestError):
            await jobs.submit(video_request(3), output="b.mp4")
    assert (world.output / "a.mp4").read_text() == "mine"


@virtual()
async def test_a_file_that_appears_meanwhile_is_not_overwritten(world: World) -> None:
    """The job waits for a person, and goes on when the file is moved away."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(), output="a.mp4")
        world.output.mkdir(exist_ok=True)
        (world.output / "a.mp4").write_text("mine")
        with pytest.raises(JobHeldError) as held:
            await job
        assert held.value.reason == "destination"
        assert (world.output / "a.mp4").read_text() == "mine"
        (world.output / "a.mp4").unlink()
        await jobs.release(job)
        await job
        assert world.is_whole(job)
    assert world.leftovers() == []
    assert len(world.emulator.charges) == 1


@virtual()
async def test_a_taken_name_can_be_changed_instead(world: World) -> None:
    """With `Overwrite.RENAME` the video gets the next free name, and the record says which."""
    world.output.mkdir()
    (world.output / "a.mp4").write_text("mine")
    async with world.manager(overwrite=Overwrite.RENAME) as jobs:
        video = await (await jobs.submit(video_request(), output="a.mp4"))
    assert video.path.name == "a (2).mp4"


@pytest.mark.parametrize("output", ["../a.mp4", "/srv/a.mp4", "a/../../b.mp4", "a\\b.mp4", "CON.mp4"])
@virtual()
async def test_a_name_cannot_lead_out(world: World, output: str) -> None:
    """Refused before anything is sent that could cost."""
    async with world.manager() as jobs:
        with pytest.raises(InvalidRequestError):
            await jobs.submit(video_request(), output=output)
        job = await jobs.submit(video_request(), key="../../etc/passwd")
        assert Path(job.record.output).parent == world.output.resolve()
        await job.cancel()


@pytest.mark.parametrize("changes", [{"model": "no-such-model"}, {"aspect_ratio": "5:3"}, {"resolution": "8k"}])
@virtual()
async def test_what_the_model_would_refuse_is_refused_here(world: World, changes: dict[str, Any]) -> None:
    """Before any request that costs."""
    async with world.manager() as jobs:
        with pytest.raises(InvalidRequestError):
            await jobs.submit(video_request(**changes))
        assert jobs.jobs() == []
    assert world.emulator.charges == ()
    assert world.count("queue") == 0


def test_settings_are_checked() -> None:
    """A manager that could download nothing is refused."""
    from venice_async.client import VeniceClient

    with pytest.raises(ConfigurationError):
        JobManager(VeniceClient("any-key"), ledger=MemoryLedger(), output_dir="x", downloads=0)


# -- what waits for a person --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "reason"), [(401, "key"), (402, "balance")])
@virtual()
async def test_account_trouble_holds_every_job_that_is_not_paid(world: World, status: int, reason: str) -> None:
    """A few refusals, not one for each job; released they all go on."""
    world.emulator.faults.append(StatusFault(endpoints=("queue",), status=status))
    async with world.manager() as jobs:
        held = [job async for job in jobs.as_completed(video_request(number) for number in range(20))]
        assert {(job.state, job.record.held_for) for job in held} == {(JobState.HELD, reason)}
        assert world.count("queue") <= 5
        with pytest.raises(JobHeldError) as waits:
            await held[0]
        assert waits.value.reason == reason
        world.emulator.faults.clear()
        await asyncio.gather(*(jobs.release(job) for job in held))
        await asyncio.gather(*(result(job) for job in held))
    assert len(world.emulator.charges) == 20


@virtual()
async def test_an_empty_balance_does_not_stop_what_is_paid(world: World) -> None:
    """New jobs wait for money; videos that are ready come home without a pause."""
    async with world.manager() as jobs:
        paid = [await jobs.submit(video_request(number)) for number in range(5)]
        await until(paid[-1], JobState.QUEUED)
        world.emulator.faults.append(StatusFault(endpoints=("queue",), status=402))
        for number in range(5, 30):
            with pytest.raises(JobHeldError):
                await (await jobs.submit(video_request(number)))
            await world.clock.sleep(10.0)
        assert all(job.state is JobState.COMPLETED for job in paid)
        assert max(each.lag or 0.0 for each in world.emulator.jobs) < 20.0


@virtual(faults=[StatusFault(endpoints=("retrieve",), status=401, start=30.0, end=400.0)])
async def test_a_key_refused_on_retrieve_loses_no_paid_video(world: World) -> None:
    """The jobs stay QUEUED, one probe a minute goes out, and when the key works again all come home."""
    async with world.manager() as jobs:
        waiting = [await jobs.submit(video_request(number)) for number in range(10)]
        await asyncio.gather(*(result(job) for job in waiting))
    assert world.count("retrieve", status=401) <= 10
    assert len(world.emulator.charges) == 10


@virtual(faults=[ConsentFault(times=1)])
async def test_a_consent_waits_for_a_person(world: World) -> None:
    """One job only, with the text that has to be read; nothing was charged."""
    async with world.manager() as jobs:
        asked, other = [await jobs.submit(video_request(number)) for number in range(2)]
        with pytest.raises(JobHeldError) as held:
            await asked
        assert held.value.reason == "consent"
        assert held.value.charge is Charge.NONE
        assert "policy" in held.value.problem.policy_text  # type: ignore[union-attr]
        await other
        await jobs.release(asked)
        await asked


@virtual(faults=[ConsentFault()])
async def test_consent_is_given_by_a_person_and_only_for_this_request(world: World) -> None:
    """The same body goes out again with the three confirmations; nothing else is changed and nothing is paid twice."""
    request = video_request(model="seedance-2-0-text-to-video-basic", resolution="480p")
    yes = SeedanceConsent(
        confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
    )
    async with world.manager() as jobs:
        asked, other = [await jobs.submit(request, key=key) for key in ("asked", "other")]
        for job in (asked, other):
            with pytest.raises(JobHeldError):
                await job
        with pytest.raises(InvalidRequestError, match="three confirmations"):
            await asked.give_consent(attrs.evolve(yes, confirmed_legal_right=False))
        await asked.give_consent(yes)
        await asked
        assert (asked.record.attempt, other.state) == (2, JobState.HELD)
        assert "consent (attempt 1" in (asked.record.decision or "")
        with pytest.raises(InvalidRequestError, match="does not wait for consent"):
            await asked.give_consent(yes)
    assert len(world.emulator.charges) == 1


@virtual()
async def test_releasing_what_is_not_held_does_nothing(world: World) -> None:
    """A finished job stays finished."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await job
        await jobs.release(job)
        assert job.state is JobState.COMPLETED


# -- trouble ------------------------------------------------------------------------------------------------------


@virtual(faults=[StatusFault(endpoints=("queue", "retrieve"), status=503, start=5.0, end=120.0)])
async def test_a_spell_of_503_passes(world: World) -> None:
    """No job is lost or paid twice, and the key is not blocked."""
    async with world.manager() as jobs:
        done = [job async for job in jobs.as_completed(video_request(number) for number in range(15))]
    assert {job.state for job in done} == {JobState.COMPLETED}
    assert len(world.emulator.charges) == 15
    assert world.count("queue", status=429) == world.count("retrieve", status=429) == 0


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.SEND])
@virtual()
async def test_a_call_that_certainly_did_not_arrive_is_sent_again(world: World, stage: Stage) -> None:
    """Once the network works; the ledger keeps the proof of each repetition."""
    world.emulator.faults.append(DropFault(stage=stage, endpoints=("queue",), times=3))
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await job
        assert job.record.attempt == 4
        assert job.record.proof
    assert len(world.emulator.charges) == 1


@pytest.mark.parametrize("stage", [Stage.REPLY, Stage.UNPROCESSED])
@virtual()
async def test_a_call_whose_answer_is_lost_is_never_sent_again(world: World, stage: Stage) -> None:
    """Whether or not it was processed: nobody can tell. Not now, and not at the next start."""
    world.emulator.faults.append(DropFault(stage=stage, endpoints=("queue",), times=1))
    for _ in range(2):
        async with world.manager() as jobs:
            job = await jobs.submit(video_request(), key="scene")
            with pytest.raises(UnknownOutcomeError):
                await job
            await world.clock.sleep(FIVE_MINUTES)
            assert jobs.unknown() == [job]
            assert jobs.totals == Totals(reserved_usd=PRICE)
    assert world.count("queue") == 1
    assert len(world.emulator.charges) == (stage is Stage.REPLY)


@pytest.mark.parametrize("kind", ["html", "truncated", "empty", "no-queue-id"])
@virtual()
async def test_an_answer_without_a_queue_id_is_unknown(world: World, kind: str) -> None:
    """It may have been charged; a cut answer that names the id whole is good enough."""
    world.emulator.faults.append(GarbageFault(kind=kind, endpoints=("queue",), times=1))
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        with pytest.raises(UnknownOutcomeError):
            await job
    assert world.count("queue") == len(world.emulator.charges) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
@virtual()
async def test_a_5xx_of_the_paid_call_is_unknown(world: World, status: int) -> None:
    """Nothing says that it is free to try again."""
    world.emulator.faults.append(StatusFault(endpoints=("queue",), status=status, times=1))
    async with world.manager() as jobs:
        with pytest.raises(UnknownOutcomeError):
            await (await jobs.submit(video_request()))
    assert world.count("queue") == 1


@virtual(faults=[RejectFault(times=1)])
async def test_a_prompt_refused_at_once(world: World) -> None:
    """The job fails; what it cost, only the account's page tells, for some models bill refusals."""
    async with world.manager() as jobs:
        with pytest.raises(ContentRejectedError) as refused:
            await (await jobs.submit(video_request()))
        assert refused.value.charge is Charge.UNVERIFIED
    assert world.emulator.charges == ()


@pytest.mark.parametrize(("refunded", "charge"), [(True, Charge.REFUNDED), (False, Charge.CHARGED)])
@virtual()
async def test_a_video_refused_by_the_provider(world: World, *, refunded: bool, charge: Charge) -> None:
    """The job fails with the server's word about the money."""
    world.emulator.faults.append(JobFault(refunded=refunded))
    async with world.manager() as jobs:
        with pytest.raises(ContentRejectedError) as refused:
            await (await jobs.submit(video_request()))
        assert refused.value.charge is charge
        assert jobs.totals.spent_usd == world.emulator.spent_usd


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual(faults=[CutFault(times=2, at=0.6)])
async def test_a_cut_transfer_is_fetched_again(world: World, model: str) -> None:
    """From the start; the file is whole in the end and nothing half-way was ever under its name."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(model=model))
        heard = [event async for event in job.events()]
        states = [event.state for event in heard if isinstance(event, JobStateChanged)]
        assert states.count(JobState.DOWNLOADING) == 3
        assert world.is_whole(job)
    assert world.leftovers() == []
    assert len(world.emulator.charges) == 1


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual(faults=[CutFault(times=1)])
async def test_trouble_before_a_cut_transfer_is_fetched_again(world: World, model: str) -> None:
    """A video that is known to be ready is asked for until it comes, whatever the next answers are."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(model=model))
        await until(job, JobState.DOWNLOADING)
        world.emulator.faults.append(StatusFault(endpoints=("retrieve",), status=502, times=3))
        world.emulator.faults.append(DropFault(endpoints=("retrieve",), times=3))
        await job
        assert world.is_whole(job)


@virtual(faults=[CutFault()])
async def test_a_transfer_that_never_succeeds_waits_for_a_person(world: World) -> None:
    """What was paid for is not given up: the video still lies at the server."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        with pytest.raises(JobHeldError, match="transfer"):
            await job
        assert world.leftovers() == []
        world.emulator.faults.clear()
        await jobs.release(job)
        assert (await job).size == 5000


@virtual(faults=[CutFault()])
async def test_a_private_link_is_asked_four_times_at_most(world: World) -> None:
    """Then the job waits for a person."""
    async with world.manager() as jobs:
        with pytest.raises(JobHeldError, match="link"):
            await (await jobs.submit(video_request(model=PRIVATE)))
    assert world.count("media", method="GET") == 4
    assert world.count("media", method="DELETE") == 0


@virtual(
    faults=[StatusFault(endpoints=("retrieve",), status=502, times=4), GarbageFault(endpoints=("retrieve",), times=2)]
)
async def test_trouble_on_retrieve_is_waited_out(world: World) -> None:
    """It costs nothing to ask again."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await job
        assert world.is_whole(job)


class FullWhileSending(MemoryLedger):
    """A ledger whose disk is full from the paid call on."""

    full = False

    async def move(self, record: JobRecord, **changes: object) -> JobRecord:
        if self.full:
            raise LedgerError("The disk is full.")
        after = await super().move(record, **changes)
        self.full = after.state is JobState.QUEUEING
        return after


@virtual()
async def test_cancel_of_a_call_that_was_not_recorded_counts_its_money(world: World) -> None:
    """The answer was kept, so it is known to be charged: the budget does not give that back."""
    async with world.manager(ledger=(ledger := FullWhileSending())) as jobs:
        job = await jobs.submit(video_request())
        with pytest.raises(LedgerError):
            await job
        ledger.full = False
        await job.cancel()
        assert (job.state, job.record.charge) == (JobState.CANCELLED, Charge.CHARGED)
        assert jobs.totals == Totals(spent_usd=PRICE)


@virtual()
async def test_a_ledger_that_fails_after_the_paid_call_names_the_queue_id(world: World) -> None:
    """It cannot be asked for again, so the error holds it; the job is never sent twice."""

    async with world.manager(ledger=(ledger := FullWhileSending())) as jobs:
        job = await jobs.submit(video_request())
        with pytest.raises(LedgerError, match="The disk is full") as failed:
            await job
        assert world.emulator.jobs[0].queue_id in str(failed.value)
        assert failed.value.charge is Charge.CHARGED
        ledger.full = False
        await world.clock.sleep(2.0)
        await job  # what was kept is in the ledger now, and the job goes on
        assert world.is_whole(job)
    assert len(world.emulator.charges) == 1


@virtual()
async def test_a_broken_program_leaves_nobody_waiting(world: World) -> None:
    """A fault of our own ends the waiting of all, and is told to the event loop."""
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await until(job, JobState.QUEUED)

        def broken(now: float) -> float:
            del now
            raise ZeroDivisionError

        jobs._rooms.scheduler.next_due = broken  # type: ignore[method-assign]
        with pytest.raises(VeniceError, match="ZeroDivisionError"):
            await job
    assert isinstance(told[0]["exception"], ZeroDivisionError)


@virtual()
async def test_the_repr_is_an_instrument(world: World) -> None:
    """How many jobs are where, and how much of the limit is used."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await until(job, JobState.QUEUED)
        await world.clock.sleep(0.1)
        assert repr(jobs) == (
            "<JobManager open: 0 waiting, 0 queueing, 1 in flight, 0 asking or downloading, 0/120 retrieves>"
        )
        assert jobs.eta is not None
        await job


def test_the_held_ledger_holds_time(tmp_path: Path) -> None:
    """Virtual time stands still while a ledger's thread works, or drains and timeouts would end too early here."""
    clock = ManualClock()

    async def work() -> float:
        ledger = HeldLedger(SqliteLedger(tmp_path / "jobs.sqlite3"), clock)
        asleep = asyncio.create_task(clock.sleep(1000.0))
        await ledger.open()
        await ledger.aclose()
        asleep.cancel()
        return clock.monotonic()

    assert clock.run(work()) == 0.0


class _Unframed:
    """A transport whose answers do not say where they end."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def send(self, call: Call) -> AbstractAsyncContextManager[Reply]:
        return self._send(call)

    @contextlib.asynccontextmanager
    async def _send(self, call: Call) -> AsyncIterator[Reply]:
        async with self._inner.send(call) as reply:
            headers = {name: value for name, value in reply.head.headers.items() if name != "content-length"}
            reply.head = ReplyHead(status=reply.head.status, headers=headers)  # type: ignore[misc]
            yield reply

    async def aclose(self) -> None:
        await self._inner.aclose()


@virtual()
async def test_a_video_without_a_sign_of_its_end_is_not_deleted_at_the_server(world: World) -> None:
    """A cut would not show, so the copy there may be the only whole one."""
    client = world.client(transport=_Unframed(world.emulator.transport(world.clock)))
    async with world.manager(client=client) as jobs:
        job = await jobs.submit(video_request())
        await job
        assert world.is_whole(job)
    assert (job.record.cleanup, world.count("complete")) == (Cleanup.NONE, 0)
