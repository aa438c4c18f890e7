"""What a person decides about jobs that cannot go on by themselves."""

from decimal import Decimal
from typing import Any

import attrs
import pytest
from harness import PRIVATE, World, job_record, video_request, virtual

from venice_async.emulator.faults import DropFault, RejectFault, Stage, StatusFault
from venice_async.errors import (
    BudgetExceededError,
    Charge,
    ContentRejectedError,
    DestinationExistsError,
    DuplicateQueueIdError,
    InvalidRequestError,
    JobError,
    JobHeldError,
)
from venice_async.jobs import JobRecord, JobState
from venice_async.ledger import MemoryLedger
from venice_async.manager.decisions import Resolution, again, decide, decided, let_go, released, retry
from venice_async.money import totals_of

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000.0
PRICE = Decimal("0.10")


def unknown(**changes: Any) -> JobRecord:
    """A job whose paid call got no answer."""
    facts = {"state": JobState.UNKNOWN, "charge": Charge.UNVERIFIED, "attempt": 1, "price_usd": PRICE}
    return job_record(1, **{**facts, "queueing_at": NOW - 60.0, **changes})


@pytest.mark.parametrize(
    ("resolution", "state", "charge", "spent", "reserved"),
    [
        ("adopt", JobState.QUEUED, Charge.CHARGED, PRICE, 0),
        ("not_charged", JobState.FAILED, Charge.NONE, 0, 0),
        ("charged", JobState.FAILED, Charge.CHARGED, PRICE, 0),
        ("resubmit", JobState.PENDING, Charge.NONE, PRICE, PRICE),
    ],
)
async def test_each_decision_says_where_the_money_is(
    resolution: str, state: JobState, charge: Charge, spent: Decimal, reserved: Decimal
) -> None:
    """Before it, the price was reserved and no more."""
    ledger = MemoryLedger()
    record = await ledger.add(unknown())
    assert (totals_of(record).spent_usd, totals_of(record).reserved_usd) == (0, PRICE)
    queue_id = "q-1" if resolution == "adopt" else None
    after = await decide(ledger, record, resolution, queue_id=queue_id, now=NOW)
    assert (after.state, after.charge) == (state, charge)
    assert (totals_of(after).spent_usd, totals_of(after).reserved_usd) == (spent, reserved)
    assert after.decision == f"{resolution} (attempt 1, 2023-11-14T22:13:20+00:00)"
    assert (after.error is None) is (after.state is not JobState.FAILED)


def test_what_was_decided_before_is_kept() -> None:
    """A job that was sent again twice has been doubtful twice."""
    again = unknown(doubtful_usd=PRICE, decision="resubmit (attempt 1, 2023)", attempt=2)
    changes = decided(again, Resolution.RESUBMIT, now=NOW)
    assert changes["doubtful_usd"] == 2 * PRICE
    assert changes["decision"].startswith("resubmit (attempt 1, 2023); resubmit (attempt 2")


@pytest.mark.parametrize(
    ("record", "resolution", "queue_id", "said"),
    [
        (job_record(state=JobState.QUEUED), "not_charged", None, "is queued"),
        (unknown(), "adopt", None, "a queue_id is needed"),
        (unknown(), "resubmit", "q-1", "a queue_id is needed"),
        (unknown(), "forget", None, "'forget' is none of them"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(
    record: JobRecord, resolution: str, queue_id: str | None, said: str
) -> None:
    """And changes nothing."""
    with pytest.raises(InvalidRequestError, match=said):
        decided(record, resolution, queue_id=queue_id, now=NOW)


async def test_only_held_jobs_are_let_go() -> None:
    """To where they were stopped: before the paid call, or after it."""
    ledger = MemoryLedger()
    unpaid = await ledger.add(job_record(1, state=JobState.HELD, held_for="consent"))
    paid = await ledger.add(job_record(2, state=JobState.HELD, held_for="link", queue_id="q"))
    assert (await let_go(ledger, unpaid)).state is JobState.PENDING
    assert (await let_go(ledger, paid)).state is JobState.QUEUED
    with pytest.raises(InvalidRequestError, match="is pending"):
        released(job_record(3))


@virtual(faults=[DropFault(stage=Stage.REPLY, endpoints=("queue",), times=1)])
async def test_an_adopted_job_comes_home(world: World) -> None:
    """The server had taken it: with the queue_id from the account's books it is one of ours again."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(), key="scene")
        await world.clock.sleep(200.0)
        assert jobs.unknown() == [job]
        with pytest.raises(InvalidRequestError, match="There is no job"):
            await jobs.resolve("another", "not_charged")
        await jobs.resolve("scene", "adopt", queue_id=world.emulator.jobs[0].queue_id)
        video = await job
        assert video.path.exists()
        assert (jobs.unknown(), jobs.totals.spent_usd, jobs.totals.reserved_usd) == ([], PRICE, 0)
    assert len(world.emulator.charges) == 1


@virtual(faults=[StatusFault(endpoints=("queue",), status=500, times=1)])
async def test_resubmitting_knowingly_counts_both_prices(world: World) -> None:
    """The first may have been charged: the budget has room for both, or the decision is refused."""
    async with world.manager(budget_usd="0.15") as jobs:
        job = await jobs.submit(video_request(), key="scene")
        await world.clock.sleep(1.0)
        with pytest.raises(BudgetExceededError):
            await jobs.resolve(job, "resubmit")
        assert jobs.unknown() == [job]
    async with world.manager(budget_usd="0.20") as jobs:
        job = await jobs.resolve("scene", Resolution.RESUBMIT)
        await job
        assert jobs.totals.spent_usd == 2 * PRICE
    assert len(world.emulator.charges) == 1


@virtual(faults=[StatusFault(endpoints=("queue",), status=500, times=1)])
async def test_a_queue_id_belongs_to_one_job(world: World) -> None:
    """Two jobs cannot both be the one that the server made."""
    async with world.manager() as jobs:
        doubtful = await jobs.submit(video_request(1))
        await world.clock.sleep(1.0)
        healthy = await jobs.submit(video_request(2))
        await healthy
        with pytest.raises(DuplicateQueueIdError):
            await jobs.resolve(doubtful, "adopt", queue_id=healthy.queue_id)
        assert jobs.unknown() == [doubtful]


@virtual()
async def test_models_with_private_links_can_be_adopted_too(world: World) -> None:
    """The link is part of what was found."""
    async with world.manager(ledger=MemoryLedger()) as jobs:
        other = await jobs.submit(video_request(model=PRIVATE), key="other")
        await world.clock.sleep(1.0)
        queue_id, link = other.record.queue_id, other.record.download_url
    assert link is not None
    fresh = MemoryLedger()
    lost = unknown(model=PRIVATE, request=other.record.request, output=str(world.output / "found.mp4"))
    lost = attrs.evolve(lost, queueing_at=world.clock.wall())
    await fresh.add(lost)
    async with world.manager(ledger=fresh) as jobs:
        job = await jobs.resolve(lost.key, "adopt", queue_id=queue_id, download_url=link)
        assert (await job).path.name == "found.mp4"


FAILED = job_record(
    1, state=JobState.FAILED, version=4, attempt=2, queueing_at=1.0, queued_at=2.0, finished_at=3.0, queue_id="q-1",
    error="{}", charge=Charge.REFUNDED, price_usd=PRICE, variant="5s/720p",
)  # fmt: skip


async def test_a_retried_job_begins_from_nothing() -> None:
    """What was asked for, its place and its price are the same; nothing of its past is."""
    ledger = MemoryLedger()
    old, new = await retry(ledger, await ledger.add(FAILED), job_id="new", now=NOW, pay_again=False)
    facts = {"id": "new", "key": "key-1", "variant": "5s/720p", "price_usd": PRICE, "created_at": NOW}
    assert new == job_record(1, **facts)
    assert old == attrs.evolve(FAILED, key="key-1~1", version=5)


@pytest.mark.parametrize("charge", [Charge.CHARGED, Charge.UNVERIFIED])
def test_what_was_charged_is_made_again_only_knowingly(charge: Charge) -> None:
    """The refusal says so, and how to agree."""
    charged = attrs.evolve(FAILED, charge=charge)
    with pytest.raises(InvalidRequestError, match=r"costs again.*pay_again=True"):
        again(charged, job_id="new", now=NOW, pay_again=False)
    assert again(charged, job_id="new", now=NOW, pay_again=True).price_usd == PRICE


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.PENDING, JobState.UNKNOWN, JobState.HELD])
def test_what_may_come_to_something_is_not_retried(state: JobState) -> None:
    """Whatever the caller agrees to."""
    with pytest.raises(InvalidRequestError, match=f"is {state.value}: only one that failed"):
        again(job_record(state=state), job_id="new", now=NOW, pay_again=True)


@virtual(faults=[RejectFault(prompt="scene", times=1)])
async def test_a_retried_job_is_paid_for_and_comes_home(world: World) -> None:
    """The key gives the new job from then on, also after a restart; the old one is there under its new name."""
    async with world.manager() as jobs:
        failed = await jobs.submit(video_request(), key="scene")
        with pytest.raises(ContentRejectedError):
            await failed
        made = await jobs.retry("scene", pay_again=True)
        assert await jobs.submit(video_request(), key="scene") is made
        assert (await made).path == world.output / "scene.mp4"
        assert (jobs.get("scene"), jobs.get("scene~1")) == (made, failed)
        assert (failed.key, failed.state) == ("scene~1", JobState.FAILED)
        with pytest.raises(InvalidRequestError, match="is completed"):
            await jobs.retry(made)
        with pytest.raises(InvalidRequestError, match="There is no job"):
            await jobs.retry("another")
    async with world.manager() as jobs:
        assert (await (await jobs.submit(video_request(), key="scene"))).path.exists()


@virtual()
async def test_a_retry_that_does_not_fit_changes_nothing(world: World) -> None:
    """Neither the budget nor the place nor the key; a file in the way is no reason to pay either."""
    async with world.manager(budget_usd="0.15") as jobs:
        first = await jobs.submit(video_request(), key="scene")
        await first.cancel()
        with pytest.raises(BudgetExceededError):
            await jobs.retry(first, pay_again=True)
        assert (jobs.get("scene"), jobs.get("scene~1")) == (first, None)
    (world.output / "scene.mp4").parent.mkdir(exist_ok=True)
    (world.output / "scene.mp4").write_text("mine")
    async with world.manager(budget_usd="0.20") as jobs:
        with pytest.raises(DestinationExistsError):
            await jobs.retry("scene", pay_again=True)
        assert (jobs.get("scene~1"), jobs.totals.reserved_usd) == (None, 0)
        (world.output / "scene.mp4").unlink()
        made = await jobs.retry("scene", pay_again=True)
        assert (await made).path.exists()
        assert (jobs.totals.spent_usd, jobs.totals.reserved_usd) == (2 * PRICE, 0)
    assert len(world.emulator.charges) == 2


@virtual(faults=[StatusFault(endpoints=("queue",), status=500, times=1)])
async def test_a_mistyped_queue_id_is_found_out_and_can_be_decided_again(world: World) -> None:
    """The server does not know it: the job waits for a person, and the evidence is not lost."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request())
        await world.clock.sleep(1.0)
        for slip in ("", "  ", "a b", "x" * 5000, "\x1b[31m", "é"):
            with pytest.raises(InvalidRequestError, match="one word"):
                await jobs.resolve(job, "adopt", queue_id=slip)
        await jobs.resolve(job, "adopt", queue_id="no-such-id")
        with pytest.raises(JobHeldError):
            await job
        assert job.record.held_for == "queue_id"
        await jobs.resolve(job, "not_charged")
        with pytest.raises(JobError, match="A person decided: it was not taken"):
            await job
        assert jobs.totals.held_usd == 0
    assert world.emulator.charges == ()
