"""The steps of one job's life, each from its record alone."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import attrs
import pytest
from harness import INLINE, PRIVATE, World, job_record, video_request, virtual

from venice_async.client import VeniceClient
from venice_async.disk import DiskPool
from venice_async.download import DEFAULT_MAX_SIZE, Overwrite
from venice_async.emulator.faults import CutFault, DropFault, SlowFault, Stage, StatusFault
from venice_async.errors import AuthenticationError, Charge, LedgerError, SignerError, UnexpectedReplyError, VeniceError
from venice_async.governor import Kind
from venice_async.jobs import Cleanup, JobEvent, JobRecord, JobState, JobStateChanged
from venice_async.ledger import MemoryLedger
from venice_async.naming import part_path
from venice_async.outlet import Outlets
from venice_async.recorder import Recorder
from venice_async.recovery import Recovery
from venice_async.runner import Outcome, Runner, Step
from venice_async.signin import WalletAuth
from venice_async.transfers import Transfers
from venice_async.wire.stored import request_to_text

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


class Bench:
    """A runner with everything it needs, and what it reported."""

    def __init__(self, world: World, *, client: VeniceClient | None = None) -> None:
        self.world = world
        self.client = client or world.client()
        self.disk = DiskPool()
        self.events: list[JobEvent] = []
        self.ready: list[bool] = []
        recorder = Recorder(ledger=world.ledger, clock=world.clock, report=self._report)
        self.recovery = Recovery(recorder=recorder, disk=self.disk, overwrite=Overwrite.REFUSE)
        transfers = Transfers(
            client=self.client,
            recorder=recorder,
            recovery=self.recovery,
            disk=self.disk,
            outlets=Outlets(),
            overwrite=Overwrite.REFUSE,
            max_size=DEFAULT_MAX_SIZE,
        )
        self.runner = Runner(
            client=self.client,
            recorder=recorder,
            recovery=self.recovery,
            transfers=transfers,
            disk=self.disk,
            rng=random.Random(1),
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


class Signing:
    """A credential that asks a person: `sign` answers."""

    def __init__(self, sign: Callable[[], Awaitable[None]]) -> None:
        self._sign = sign

    async def headers(self) -> Mapping[str, str]:
        await self._sign()
        return {"authorization": "Bearer any-key"}

    def secrets(self) -> tuple[str, ...]:
        return ()


def signing(world: World, sign: Callable[[], Awaitable[None]]) -> VeniceClient:
    door = world.emulator.transport(world.clock)
    return VeniceClient(
        auth=Signing(sign), base_url=world.emulator.memory_url, transport=door, clock=world.clock, rng=random.Random(1)
    )


@virtual()
async def test_what_the_signer_refused_was_never_sent(world: World) -> None:
    """A device said no: the job waits for a person, and nobody has to look whether it was charged."""

    async def no() -> None:
        raise SignerError("The device said no.")

    with Bench(world, client=signing(world, no)) as bench:
        outcome = await bench.submit(await bench.new())
    assert (outcome.step, outcome.record.state, outcome.record.held_for) == (Step.ACCOUNT, JobState.HELD, "key")
    assert outcome.record.charge is Charge.NONE
    assert isinstance(outcome.error, SignerError)
    assert world.count("queue") == 0


@virtual(faults=[SlowFault(endpoints=("queue",), delay=60.0)])
async def test_a_submit_that_is_cut_off_before_its_signature_was_not_sent(world: World) -> None:
    """Only after it may bytes have left: then the outcome is unknown."""

    async def slowly() -> None:
        await world.clock.sleep(60.0)

    with Bench(world, client=signing(world, slowly)) as bench:
        step = asyncio.create_task(bench.submit(await bench.new()))
        await world.clock.sleep(30.0)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        record = (await world.ledger.records())[0]
        assert (record.state, record.charge) == (JobState.PENDING, Charge.NONE)
        assert record.proof == "given up before it was signed"
        step = asyncio.create_task(bench.submit(record))
        await world.clock.sleep(90.0)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
    assert (await world.ledger.records())[0].state is JobState.UNKNOWN


@virtual(wallets={ADDRESS: 100})
async def test_a_submit_that_is_cut_off_before_its_second_signature_was_not_taken(world: World) -> None:
    """The first one was refused as out of date, so nothing was charged, and nobody has to look."""
    pytest.importorskip("eth_account")

    class Device(WalletAuth):
        asked = 0

        async def headers(self) -> Mapping[str, str]:
            self.asked += 1
            if self.asked == 2:
                await world.clock.sleep(3600.0)  # nobody is there any more
            return await super().headers()

    device = Device(KEY, wall=lambda: world.clock.wall() - 1000.0)
    door = world.emulator.transport(world.clock)
    client = VeniceClient(
        auth=device, base_url=world.emulator.memory_url, transport=door, clock=world.clock, rng=random.Random(1)
    )
    with Bench(world, client=client) as bench:
        step = asyncio.create_task(bench.submit(await bench.new()))
        await world.clock.sleep(30.0)
        assert (device.asked, world.count("queue", status=401)) == (2, 1)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        record = (await world.ledger.records())[0]
        assert (record.state, record.charge) == (JobState.PENDING, Charge.NONE)
        outcome = await bench.submit(record)
    assert outcome.record.state is JobState.QUEUED
    assert len(world.emulator.charges) == 1


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
async def test_a_video_that_stands_there_already_is_not_in_its_own_way(world: World) -> None:
    """A try that put it there and failed only after that has done its work; any other file is never touched."""
    with Bench(world) as bench:
        queued = (await bench.submit(await bench.new())).record
        done = (await bench.poll(queued)).record
        again = await world.ledger.add(
            attrs.evolve(queued, id="id-2", key="key-2", queue_id=None, download_url=None, version=0)
        )
        again = attrs.evolve(again, queue_id=queued.queue_id)
        outcome = await bench.poll(again)
        assert (outcome.record.state, outcome.record.sha256) == (JobState.COMPLETED, done.sha256)
        Path(done.output).write_bytes(b"precious")
        other = await world.ledger.add(attrs.evolve(again, id="id-3", key="key-3", queue_id=None))
        outcome = await bench.poll(attrs.evolve(other, queue_id=queued.queue_id))
        assert (outcome.record.state, outcome.record.held_for) == (JobState.HELD, "destination")
    assert Path(done.output).read_bytes() == b"precious"


class FullDisk(MemoryLedger):
    """A ledger that does not take a queue_id, as on a disk that has just become full."""

    async def move(self, record: JobRecord, **changes: Any) -> JobRecord:
        if changes.get("state") is JobState.QUEUED:
            raise LedgerError("The disk is full.")
        return await super().move(record, **changes)


@virtual()
async def test_a_paid_answer_is_kept_when_the_ledger_does_not_take_it(world: World) -> None:
    """In the file beside the ledger, and in the error's text."""
    world.ledger = FullDisk()
    await world.ledger.join()
    with Bench(world) as bench:
        with pytest.raises(LedgerError, match="It is kept in a file beside the ledger") as caught:
            await bench.submit(await bench.new())
        queue_id = world.emulator.jobs[0].queue_id
        assert queue_id in str(caught.value)
        assert caught.value.charge is Charge.CHARGED
        (answer,) = await world.ledger.kept()
        assert (answer.queue_id, answer.job_id, answer.attempt) == (queue_id, "id-1", 1)


class Slow(MemoryLedger):
    """A ledger whose disk has stopped just when the answer came."""

    async def move(self, record: JobRecord, **changes: Any) -> JobRecord:
        if changes.get("state") is JobState.QUEUED:
            await asyncio.Event().wait()
        return await super().move(record, **changes)


@virtual()
async def test_a_paid_answer_is_kept_when_everything_is_cancelled(world: World) -> None:
    """As a second Ctrl-C does it, between the answer and its record."""
    world.ledger = Slow()
    await world.ledger.join()
    with Bench(world) as bench:
        step = asyncio.create_task(bench.submit(await bench.new()))
        await world.clock.sleep(5.0)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
    assert [answer.queue_id for answer in await world.ledger.kept()] == [world.emulator.jobs[0].queue_id]


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


@virtual()
async def test_cancelling_removes_the_part(world: World) -> None:
    """Whatever an earlier process left of it."""
    world.output.mkdir()
    with Bench(world) as bench:
        part = part_path(world.output / "scene.mp4", "id-1")
        part.write_bytes(b"half a video")
        record = await bench.new(state=JobState.HELD, part=str(part))
        assert (await bench.runner.cancel(record)).state is JobState.CANCELLED
    assert world.leftovers() == []


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
