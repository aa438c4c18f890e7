"""The steps of one job's life, each from its record alone."""

import asyncio
import random
from pathlib import Path
from typing import Any, Self

import attrs
import pytest
from harness import INLINE, PRIVATE, World, job_record, video_request, virtual

from venice_async.disk import DiskPool
from venice_async.emulator.faults import CutFault, DropFault, SlowFault, Stage, StatusFault
from venice_async.errors import AuthenticationError, Charge, UnexpectedReplyError, VeniceError
from venice_async.governor import Kind
from venice_async.jobs import Cleanup, JobEvent, JobRecord, JobState, JobStateChanged
from venice_async.naming import part_path
from venice_async.runner import Outcome, Runner, Step
from venice_async.wire.stored import request_to_text


class Bench:
    """A runner with everything it needs, and what it reported."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.client()
        self.disk = DiskPool()
        self.events: list[JobEvent] = []
        self.ready: list[bool] = []
        self.runner = Runner(
            client=self.client, ledger=world.ledger, disk=self.disk, report=self._report, rng=random.Random(1)
        )

    def _report(self, record: JobRecord, event: JobEvent | None) -> None:
        del record
        if event is not None:
            self.events.append(event)

    async def new(self, model: str = INLINE, **changes: Any) -> JobRecord:
        facts = {
            "model": model,
            "request": request_to_text(video_request(1, model=model)),
            "output": str(self.world.output / "scene.mp4"),
        }
        return await self.world.ledger.add(job_record(1, **{**facts, **changes}))

    async def submit(self, record: JobRecord) -> Outcome:
        return await self.runner.submit_once(record, self.client.governor.take(Kind.QUEUE))

    async def poll(self, record: JobRecord) -> Outcome:
        ticket = self.client.governor.take(Kind.RETRIEVE)
        return await self.runner.poll_once(record, ticket, on_ready=lambda: self.ready.append(True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.client.governor._in_flight == 0
        self.disk.close()


@pytest.mark.parametrize("model", [INLINE, PRIVATE])
@virtual(execution_time=lambda _, __: 30.0)
async def test_a_job_step_by_step(world: World, model: str) -> None:
    """Submit, ask, ask again when it is ready, clean up: each step leaves a record from which the next one works."""
    with Bench(world) as bench:
        outcome = await bench.submit(await bench.new(model))
        assert (outcome.step, outcome.record.state) == (Step.MOVED, JobState.QUEUED)
        assert outcome.record.charge is Charge.CHARGED
        outcome = await bench.poll(outcome.record)
        assert (outcome.step, outcome.record.state, bench.ready) == (Step.PROCESSING, JobState.QUEUED, [])
        await world.clock.sleep(30.0)
        outcome = await bench.poll(outcome.record)
        assert (outcome.step, outcome.record.state, bench.ready) == (Step.MOVED, JobState.COMPLETED, [True])
        assert outcome.record.cleanup is Cleanup.PENDING
        assert Path(outcome.record.output).stat().st_size == outcome.record.size
        cleaned = await bench.runner.clean_up(outcome.record)
        assert (cleaned.cleanup, cleaned.download_url) == (Cleanup.DONE, None)
    states = [event.state for event in bench.events if isinstance(event, JobStateChanged)]
    assert states == [JobState.QUEUEING, JobState.QUEUED, JobState.DOWNLOADING, JobState.COMPLETED]


@virtual(faults=[SlowFault(endpoints=("queue",), delay=60.0)])
async def test_a_submit_that_is_cut_off_says_unknown(world: World) -> None:
    """The ledger has it before the cancellation goes on."""
    with Bench(world) as bench:
        step = asyncio.create_task(bench.submit(await bench.new()))
        await world.clock.sleep(10.0)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
    record = (await world.ledger.records())[0]
    assert (record.state, record.charge) == (JobState.UNKNOWN, Charge.UNVERIFIED)


@virtual(faults=[StatusFault(endpoints=("queue",), status=401)])
async def test_a_refused_account_is_told_apart(world: World) -> None:
    """So that no other job asks for the same answer."""
    with Bench(world) as bench:
        outcome = await bench.submit(await bench.new())
    assert (outcome.step, outcome.record.state, outcome.record.held_for) == (Step.ACCOUNT, JobState.HELD, "key")
    assert isinstance(outcome.error, AuthenticationError)


@virtual(faults=[DropFault(stage=Stage.SEND, endpoints=("queue",))])
async def test_a_repetition_keeps_its_proof(world: World) -> None:
    """The ledger tells why the call may be made again, and how often it was."""
    with Bench(world) as bench:
        outcome = await bench.submit(await bench.new())
        assert (outcome.step, outcome.record.state) == (Step.AGAIN, JobState.PENDING)
        assert outcome.record.proof == "the last byte of the body was withheld"
        assert (await bench.submit(outcome.record)).record.attempt == 2


@virtual(execution_time=lambda _, __: 0.0, faults=[CutFault(times=1)])
async def test_a_cut_body_leaves_nothing_behind(world: World) -> None:
    """Neither a part nor facts of a file that is not there."""
    with Bench(world) as bench:
        queued = (await bench.submit(await bench.new())).record
        outcome = await bench.poll(queued)
        assert (outcome.step, outcome.record.state) == (Step.AGAIN, JobState.QUEUED)
        assert (outcome.record.size, outcome.record.sha256) == (None, None)
        assert world.leftovers() == []
        assert (await bench.poll(outcome.record)).record.state is JobState.COMPLETED


@virtual(execution_time=lambda _, __: 0.0)
async def test_a_link_that_nobody_kept_waits_for_a_person(world: World) -> None:
    """After a few more looks, for the server may yet send the file itself."""
    with Bench(world) as bench:
        record = (await bench.submit(await bench.new(PRIVATE))).record
        record = await world.ledger.move(record, download_url=None)
        delays = []
        while (outcome := await bench.poll(record)).record.state is JobState.QUEUED:
            delays.append(outcome.delay)
    assert delays == [20.0, 20.0, 20.0]
    assert outcome.record.held_for == "link"
    assert isinstance(outcome.error, UnexpectedReplyError)


@virtual(execution_time=lambda _, __: 1e9)
async def test_processing_for_more_than_a_day_waits_for_a_person(world: World) -> None:
    """It is not asked for ever; and it is not failed, for the video may still come."""
    with Bench(world) as bench:
        record = (await bench.submit(await bench.new())).record
        late = await world.ledger.move(record, queued_at=world.clock.wall() - 24 * 3600.0 - 1.0)
        outcome = await bench.poll(late)
    assert (outcome.record.state, outcome.record.held_for) == (JobState.HELD, "overdue")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (JobState.PENDING, JobState.PENDING),
        (JobState.QUEUEING, JobState.UNKNOWN),
        (JobState.QUEUED, JobState.QUEUED),
        (JobState.DOWNLOADING, JobState.QUEUED),
        (JobState.HELD, JobState.HELD),
        (JobState.UNKNOWN, JobState.UNKNOWN),
    ],
)
@virtual()
async def test_recovery(world: World, before: JobState, after: JobState) -> None:
    """A state that a crash left half-way becomes one from which work goes on, or an open question."""
    with Bench(world) as bench:
        record = await bench.runner.recover(await bench.new(state=before, size=5, sha256="ab"))
    assert record.state is after
    assert record.charge is (Charge.UNVERIFIED if before is JobState.QUEUEING else Charge.NONE)


@virtual()
async def test_recovery_knows_a_finished_file(world: World) -> None:
    """By size and hash; the second name that a crash left on it goes. Any other file is not taken for the video."""
    import hashlib

    world.output.mkdir()
    data = b"a whole video"
    facts: dict[str, Any] = {
        "state": JobState.DOWNLOADING,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    with Bench(world) as bench:
        record = await bench.new(**facts)
        path = Path(record.output)
        path.write_bytes(data)
        part_path(path, record.id).hardlink_to(path)
        other = await world.ledger.add(attrs.evolve(record, id="id-2", key="key-2", sha256="00"))
        assert (await bench.runner.recover(other)).state is JobState.QUEUED
        assert (await bench.runner.recover(record)).state is JobState.COMPLETED
    assert [each.name for each in world.output.iterdir()] == ["scene.mp4"]


@virtual()
async def test_cancelling_removes_the_part(world: World) -> None:
    """Whatever an earlier process left of it."""
    world.output.mkdir()
    with Bench(world) as bench:
        record = await bench.new(state=JobState.HELD)
        part_path(Path(record.output), record.id).write_bytes(b"half a video")
        assert (await bench.runner.cancel(record)).state is JobState.CANCELLED
    assert world.leftovers() == []


@pytest.mark.parametrize(("queue_id", "state"), [(None, JobState.PENDING), ("q", JobState.QUEUED)])
@virtual()
async def test_release_goes_on_where_the_job_was(world: World, queue_id: str | None, state: JobState) -> None:
    """What is paid for is fetched, what is not is submitted."""
    with Bench(world) as bench:
        record = await bench.runner.release(await bench.new(state=JobState.HELD, queue_id=queue_id, held_for="key"))
    assert (record.state, record.held_for) == (state, None)


@virtual()
async def test_old_media_are_not_asked_to_be_deleted(world: World) -> None:
    """After a day the server has deleted them itself."""
    with Bench(world) as bench:
        record = await bench.new(state=JobState.COMPLETED, cleanup=Cleanup.PENDING, queue_id="q", queued_at=1.0)
        assert (await bench.runner.clean_up(record)).cleanup is Cleanup.DONE
    assert world.emulator.requests == ()


@virtual(faults=[StatusFault(endpoints=("complete",), status=400)])
async def test_a_clean_up_that_fails_says_so(world: World) -> None:
    """And the record stays marked."""
    with Bench(world) as bench:
        now = world.clock.wall()
        record = await bench.new(state=JobState.COMPLETED, cleanup=Cleanup.PENDING, queue_id="q", queued_at=now)
        with pytest.raises(VeniceError):
            await bench.runner.clean_up(record)
    assert (await world.ledger.records())[0].cleanup is Cleanup.PENDING
