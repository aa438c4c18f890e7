"""What every ledger promises."""

import asyncio
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from harness import job_record

from venice_async.errors import BudgetExceededError, Charge, DuplicateQueueIdError, LedgerError, StaleRecordError
from venice_async.jobs import ACTIVE, MOVES, Cleanup, JobRecord, JobState, PaidAnswer
from venice_async.ledger import Ledger, MemoryLedger, SqliteLedger

pytestmark = pytest.mark.anyio

FULL = job_record(
    9,
    variant="5s/720p",
    state=JobState.COMPLETED,
    version=6,
    attempt=2,
    queueing_at=1.5,
    queued_at=2.5,
    finished_at=3.5,
    queue_id="q-9",
    download_url="https://media/9",
    price_usd=Decimal("0.350"),
    charge=Charge.CHARGED,
    size=5_000_000_000,
    sha256="ab" * 32,
    proof="refused with 429",
    held_for="key",
    error='{"a":"é\u2028"}',
    cleanup=Cleanup.PENDING,
    part="/videos/.9.part",
    decision="resend, on 1 May",
    doubtful_usd=Decimal("0.10"),
)


@pytest.fixture(params=["memory", "sqlite"])
def make_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Ledger]:
    """Makes the ledger as a process that has just started would."""
    if request.param == "sqlite":
        return lambda: SqliteLedger(tmp_path / "jobs.sqlite3")
    only = MemoryLedger()  # it lives as long as its object
    return lambda: only


async def test_a_new_record_is_kept_whole(make_ledger: Callable[[], Ledger]) -> None:
    """Every field comes back as it was, also in the next process."""
    ledger = make_ledger()
    await ledger.open()
    assert await ledger.add(FULL) == FULL
    assert await ledger.add(job_record(1)) == job_record(1)
    await ledger.aclose()
    again = make_ledger()
    await again.open()
    assert await again.get("id-9") == FULL
    assert await again.get("id-1") == job_record(1)
    assert await again.get("nobody") is None
    await again.aclose()


async def test_a_known_key_gives_the_known_record(make_ledger: Callable[[], Ledger]) -> None:
    """Whatever the new record says; nothing of it is kept."""
    ledger = make_ledger()
    await ledger.open()
    first = job_record(1)
    await ledger.add(first)
    second = job_record(2, key="key-1")
    assert await ledger.add(second) == first
    assert await ledger.get("id-2") is None
    await ledger.aclose()


async def test_a_key_is_added_once_though_many_try(make_ledger: Callable[[], Ledger]) -> None:
    """All get the same record."""
    ledger = make_ledger()
    await ledger.open()
    tries = [job_record(number, key="same") for number in range(20)]
    kept = await asyncio.gather(*(ledger.add(record) for record in tries))
    assert len({record.id for record in kept}) == 1
    assert len(await ledger.records()) == 1
    await ledger.aclose()


async def test_a_move_changes_a_record(make_ledger: Callable[[], Ledger]) -> None:
    """The new record has one version more."""
    ledger = make_ledger()
    await ledger.open()
    before = await ledger.add(job_record(1))
    after = await ledger.move(before, state=JobState.QUEUEING, attempt=1)
    assert after == attrs.evolve(before, state=JobState.QUEUEING, attempt=1, version=1)
    assert await ledger.get("id-1") == after
    await ledger.aclose()


async def test_a_move_of_an_old_record_is_refused(make_ledger: Callable[[], Ledger]) -> None:
    """Who did not see the latest change may not make one: so two claims of one job cannot both succeed."""
    ledger = make_ledger()
    await ledger.open()
    before = await ledger.add(job_record(1))
    claims = await asyncio.gather(
        *(ledger.move(before, state=JobState.QUEUEING) for _ in range(5)), return_exceptions=True
    )
    assert [type(claim) for claim in claims].count(JobRecord) == 1
    assert [type(claim) for claim in claims].count(StaleRecordError) == 4
    with pytest.raises(LedgerError, match="changed by somebody else"):
        await ledger.move(job_record(2), state=JobState.QUEUEING)
    await ledger.aclose()


@pytest.mark.parametrize("start", JobState)
async def test_illegal_moves_are_refused(make_ledger: Callable[[], Ledger], start: JobState) -> None:
    """By the table, and the record stays as it was."""
    ledger = make_ledger()
    await ledger.open()
    record = await ledger.add(job_record(1, state=start))
    for state in set(JobState) - MOVES[start] - {start}:
        with pytest.raises(LedgerError, match=f"from {start.value} to {state.value}"):
            await ledger.move(record, state=state)
    assert await ledger.get("id-1") == record
    await ledger.aclose()


async def test_one_caller_s_mistake_spoils_nothing_for_others(make_ledger: Callable[[], Ledger]) -> None:
    """Writes that happen together succeed or fail each by itself."""
    ledger = make_ledger()
    await ledger.open()
    stale = await ledger.add(job_record(1))
    await ledger.move(stale, state=JobState.QUEUEING)
    answers = await asyncio.gather(
        ledger.add(job_record(2)),
        ledger.move(stale, state=JobState.CANCELLED),
        ledger.add(job_record(3)),
        return_exceptions=True,
    )
    assert isinstance(answers[1], LedgerError)
    assert {record.id for record in await ledger.records()} == {"id-1", "id-2", "id-3"}
    await ledger.aclose()


async def test_records_are_listed_oldest_first(make_ledger: Callable[[], Ledger]) -> None:
    """All of them, or those in some states."""
    ledger = make_ledger()
    await ledger.open()
    for number in (3, 1, 2):
        await ledger.add(job_record(number, state=JobState.HELD if number == 1 else JobState.PENDING))
    assert [record.id for record in await ledger.records()] == ["id-1", "id-2", "id-3"]
    assert [record.id for record in await ledger.records([JobState.PENDING])] == ["id-2", "id-3"]
    assert await ledger.records([JobState.FAILED]) == []
    assert await ledger.records([]) == []
    await ledger.aclose()


async def test_what_was_learned_is_kept(make_ledger: Callable[[], Ledger]) -> None:
    """Empty at first, then what was saved last."""
    ledger = make_ledger()
    await ledger.open()
    assert await ledger.learned() == {}
    await ledger.save_learned({"models": {"a": [1.5, 2]}})
    await ledger.save_learned({"models": {"b": [3]}})
    await ledger.aclose()
    again = make_ledger()
    await again.open()
    assert await again.learned() == {"models": {"b": [3]}}
    await again.aclose()


async def test_the_same_ledger_can_be_opened_again(make_ledger: Callable[[], Ledger]) -> None:
    """Closing is no end for the object either, and closing twice is no mistake."""
    ledger = make_ledger()
    await ledger.open()
    await ledger.add(job_record(1))
    await ledger.aclose()
    await ledger.aclose()
    await ledger.open()
    assert await ledger.get("id-1") == job_record(1)
    assert await ledger.add(job_record(2)) == job_record(2)
    await ledger.aclose()


async def test_a_cancelled_caller_s_write_is_still_written(make_ledger: Callable[[], Ledger]) -> None:
    """What was handed to the ledger happens, and harms nobody else's."""
    ledger = make_ledger()
    await ledger.open()
    adding = asyncio.create_task(ledger.add(job_record(1)))
    other = asyncio.create_task(ledger.add(job_record(2)))
    await asyncio.sleep(0)
    adding.cancel()
    assert await other == job_record(2)
    assert await ledger.get("id-1") == job_record(1)
    await ledger.aclose()


async def joined(make_ledger: Callable[[], Ledger]) -> Ledger:
    """A ledger that is open, and an owner of jobs."""
    ledger = make_ledger()
    await ledger.open()
    await ledger.join()
    return ledger


def paid(number: int = 1, **changes: Any) -> PaidAnswer:
    """The server's answer to a paid call."""
    facts: dict[str, Any] = {
        "job_id": f"id-{number}",
        "attempt": 1,
        "model": "model",
        "queue_id": f"q-{number}",
        "download_url": f"https://media/{number}",
        "queued_at": 12.25,
    }
    return PaidAnswer(**{**facts, **changes})


async def test_a_record_is_found_by_its_key(make_ledger: Callable[[], Ledger]) -> None:
    """The user's own name for the work; None where nobody used it."""
    ledger = make_ledger()
    await ledger.open()
    record = await ledger.add(job_record(1))
    assert await ledger.by_key("key-1") == record
    assert await ledger.by_key("id-1") is None
    await ledger.aclose()


async def test_owning_begins_with_join_and_ends_with_aclose(make_ledger: Callable[[], Ledger]) -> None:
    """Before and after it nobody may rely on a lease; joining twice changes nothing."""
    ledger = make_ledger()
    await ledger.open()
    assert (ledger.owner, ledger.lease_valid) == (0, False)
    await ledger.join()
    token = ledger.owner
    assert token > 0
    assert ledger.lease_valid
    await ledger.join()
    assert ledger.owner == token
    assert (await ledger.add(job_record(1))).owner == token
    assert (await ledger.add(job_record(2, owner=77))).owner == token
    await ledger.aclose()
    assert (ledger.owner, ledger.lease_valid) == (0, False)


async def test_a_look_without_neighbours_finds_nothing(make_ledger: Callable[[], Ledger]) -> None:
    """What this owner did itself is no news to it, and it is counted as the one that works."""
    ledger = await joined(make_ledger)
    record = await ledger.add(job_record(1))
    await ledger.move(record, state=JobState.QUEUEING)
    for _ in range(2):
        news = await ledger.look()
        assert (news.changed, news.owners) == ((), 1)
    await ledger.aclose()


async def test_what_nobody_owns_is_claimed(make_ledger: Callable[[], Ledger]) -> None:
    """Active jobs and files still to be deleted at the server; what rests or is done stays as it is."""
    ledger = make_ledger()
    await ledger.open()
    for number, state in enumerate(JobState):
        await ledger.add(job_record(number, state=state))
    cleaning = await ledger.add(job_record(90, state=JobState.COMPLETED, cleanup=Cleanup.PENDING))
    await ledger.add(job_record(91, state=JobState.COMPLETED, cleanup=Cleanup.DONE))
    await ledger.join()
    claimed = {record.id: record for record in (await ledger.look()).changed}
    assert {record.state for record in claimed.values()} == ACTIVE | {JobState.COMPLETED}
    assert len(claimed) == len(ACTIVE) + 1
    assert claimed[cleaning.id] == attrs.evolve(cleaning, owner=ledger.owner, version=1)
    for record in await ledger.records():
        assert record == claimed.get(record.id, record)
        assert (record.owner == ledger.owner) == (record.id in claimed)
    assert (await ledger.look()).changed == ()
    await ledger.aclose()


async def test_an_active_job_is_moved_by_its_owner_alone(make_ledger: Callable[[], Ledger]) -> None:
    """Who has joined may not touch what it has not claimed, but anybody may cancel unless a paid call is on its way."""
    ledger = make_ledger()
    await ledger.open()
    records = [await ledger.add(job_record(number, state=state)) for number, state in enumerate(ACTIVE)]
    await ledger.join()
    for record in records:
        for state in (*MOVES[record.state], record.state):
            if state is JobState.CANCELLED and record.state is not JobState.QUEUEING:
                continue
            with pytest.raises(StaleRecordError, match="worked on by somebody else"):
                await ledger.move(record, state=state)
        assert await ledger.get(record.id) == record
    for record in records:
        if record.state is not JobState.QUEUEING:
            assert (await ledger.move(record, state=JobState.CANCELLED)).owner == 0
    await ledger.aclose()


@pytest.mark.parametrize("start", [JobState.HELD, JobState.UNKNOWN])
async def test_whoever_wakes_a_job_owns_it(make_ledger: Callable[[], Ledger], start: JobState) -> None:
    """And one that rests again, or comes to its end, keeps the owner it had."""
    ledger = make_ledger()
    await ledger.open()
    resting = [await ledger.add(job_record(number, state=start)) for number in range(3)]
    woken = await ledger.move(resting[0], state=JobState.QUEUED)
    assert woken.owner == 0
    await ledger.join()
    assert (await ledger.move(resting[1], state=JobState.FAILED)).owner == 0
    awake = await ledger.move(resting[2], state=JobState.PENDING, owner=99)
    assert awake.owner == ledger.owner
    assert (await ledger.move(awake, state=JobState.HELD)).owner == ledger.owner
    assert [record.id for record in (await ledger.look()).changed] == [woken.id]
    await ledger.aclose()


async def test_a_queue_id_belongs_to_one_job(make_ledger: Callable[[], Ledger]) -> None:
    """A second job with the same one is refused, whether it is added or moved, and keeps what it was."""
    ledger = await joined(make_ledger)
    first = await ledger.add(job_record(1, state=JobState.QUEUED, queue_id="q"))
    second = await ledger.add(job_record(2, state=JobState.QUEUEING))
    with pytest.raises(DuplicateQueueIdError) as moving:
        await ledger.move(second, state=JobState.QUEUED, queue_id="q", charge=Charge.CHARGED)
    with pytest.raises(DuplicateQueueIdError):
        await ledger.add(job_record(3, queue_id="q"))
    assert (moving.value.queue_id, moving.value.charge) == ("q", Charge.CHARGED)
    assert await ledger.records() == [first, second]
    await ledger.move(first, state=JobState.DOWNLOADING)
    await ledger.move(second, state=JobState.QUEUED, queue_id="q2")
    await ledger.aclose()


async def test_the_cap_holds_over_all_jobs(make_ledger: Callable[[], Ledger]) -> None:
    """Whatever fits is taken; the first that does not is refused with what is left, and nothing of it is kept."""
    ledger = await joined(make_ledger)
    cap = Decimal("1.00")
    await ledger.add(job_record(1, price_usd=Decimal("0.90")))  # before anybody set a cap
    with pytest.raises(BudgetExceededError) as refused:
        await ledger.add(job_record(2, price_usd=Decimal("0.11")), cap_usd=cap)
    assert (refused.value.needed_usd, refused.value.available_usd) == (Decimal("0.11"), Decimal("0.10"))
    assert await ledger.get("id-2") is None
    with pytest.raises(BudgetExceededError, match="not known"):
        await ledger.add(job_record(2), cap_usd=cap)
    await ledger.add(job_record(2, price_usd=Decimal("0.10")), cap_usd=cap)
    again = job_record(3, key="key-2", price_usd=Decimal(50))
    assert (await ledger.add(again, cap_usd=cap)).id == "id-2"  # a known key costs nothing
    await ledger.aclose()


async def test_only_what_raises_the_sum_meets_the_cap(make_ledger: Callable[[], Ledger]) -> None:
    """A job that was let in goes its way under whatever cap; giving money back makes room; waking one needs room."""
    ledger = await joined(make_ledger)
    price = Decimal("0.60")
    record = await ledger.add(job_record(1, price_usd=price))
    held = await ledger.add(job_record(2, price_usd=price, state=JobState.HELD, held_for="budget"))
    cap = Decimal("0.10")
    record = await ledger.move(record, cap_usd=cap, state=JobState.QUEUEING)
    record = await ledger.move(record, cap_usd=cap, state=JobState.QUEUED, charge=Charge.CHARGED)
    with pytest.raises(BudgetExceededError):
        await ledger.move(held, cap_usd=Decimal(1), state=JobState.PENDING, held_for=None)
    await ledger.move(record, cap_usd=cap, state=JobState.FAILED, charge=Charge.REFUNDED)
    await ledger.move(held, cap_usd=Decimal(1), state=JobState.PENDING, held_for=None)
    await ledger.aclose()


async def test_an_attempt_that_was_sent_again_counts_twice(make_ledger: Callable[[], Ledger]) -> None:
    """Who decides to send an unknown outcome again needs room for both."""
    ledger = await joined(make_ledger)
    price = Decimal("0.60")
    unknown = await ledger.add(job_record(1, price_usd=price, state=JobState.UNKNOWN, charge=Charge.UNVERIFIED))
    again: dict[str, Any] = {"state": JobState.PENDING, "charge": Charge.NONE, "doubtful_usd": price}
    with pytest.raises(BudgetExceededError):
        await ledger.move(unknown, cap_usd=Decimal("1.19"), **again)
    await ledger.move(unknown, cap_usd=Decimal("1.20"), **again)
    await ledger.aclose()


async def test_a_paid_answer_is_kept_until_it_is_dropped(make_ledger: Callable[[], Ledger]) -> None:
    """Each by itself, in the order in which they came."""
    ledger = await joined(make_ledger)
    answers = [paid(number, download_url=None if number == 2 else f"https://media/{number}") for number in range(4)]
    for answer in answers:
        ledger.keep(answer)
    assert await ledger.kept() == answers
    await ledger.drop_kept([answers[1], answers[3], paid(77)])
    assert await ledger.kept() == [answers[0], answers[2]]
    ledger.keep(answers[3])
    assert await ledger.kept() == [answers[0], answers[2], answers[3]]
    await ledger.drop_kept(answers)
    assert await ledger.kept() == []
    await ledger.aclose()


async def test_who_has_not_joined_keeps_nothing(make_ledger: Callable[[], Ledger]) -> None:
    """The error holds what a person has to write down, but not the private link."""
    ledger = make_ledger()
    await ledger.open()
    with pytest.raises(LedgerError) as error:
        ledger.keep(paid(3))
    assert "'q-3'" in error.value.advice
    assert error.value.charge is Charge.CHARGED
    assert "https://media" not in repr(error.value)
    assert await ledger.kept() == []
    await ledger.aclose()


def _look(path: str, found: "multiprocessing.Queue[list[tuple[str, int]]]") -> None:
    async def look() -> None:
        ledger = SqliteLedger(path)
        await ledger.open()
        found.put([(record.state.value, record.version) for record in await ledger.records()])
        await ledger.aclose()

    asyncio.run(look())


async def test_every_write_is_seen_by_another_process_at_once(tmp_path: Path) -> None:
    """When `add` and `move` have returned, the file holds the change: nothing waits for a later moment."""
    path = tmp_path / "jobs.sqlite3"
    spawn = multiprocessing.get_context("spawn")
    ledger, found = SqliteLedger(path), spawn.Queue()
    await ledger.open()
    record = await ledger.add(job_record(1))
    await ledger.move(record, state=JobState.QUEUEING)
    other = spawn.Process(target=_look, args=(str(path), found))
    other.start()
    assert await asyncio.to_thread(found.get, timeout=30) == [("queueing", 1)]
    await asyncio.to_thread(other.join)
    await ledger.aclose()


async def test_two_connections_share_one_truth(tmp_path: Path) -> None:
    """Of two processes that claim the same job only one gets it."""
    ours, theirs = (SqliteLedger(tmp_path / "jobs.sqlite3") for _ in range(2))
    await ours.open()
    await theirs.open()
    record = await ours.add(job_record(1))
    claims = await asyncio.gather(
        ours.move(record, state=JobState.QUEUEING),
        theirs.move(record, state=JobState.QUEUEING),
        return_exceptions=True,
    )
    assert sorted(type(claim).__name__ for claim in claims) == ["JobRecord", "StaleRecordError"]
    assert await theirs.add(job_record(2, key="key-1")) == await ours.get("id-1")
    await ours.aclose()
    await theirs.aclose()


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Files are made under this umask."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It holds private links; so do the owner file, and the journal while there is one; and the folders we made."""
    folder = tmp_path / "new" / "folder"
    ledger = SqliteLedger(folder / "jobs.sqlite3")
    await ledger.open()
    await ledger.join()
    await ledger.add(FULL)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert len(modes) == 2
    assert modes == dict.fromkeys(modes, 0o600)
    assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent)} == {0o700}
    await ledger.aclose()


async def test_a_thousand_random_moves_agree(tmp_path: Path) -> None:
    """Both ledgers answer the same, move by move, and hold the same in the end."""
    chance = random.Random(3)
    both: list[Ledger] = [MemoryLedger(), SqliteLedger(tmp_path / "jobs.sqlite3")]
    for ledger in both:
        await ledger.open()
    for number in range(20):
        for ledger in both:
            await ledger.add(job_record(number))
    records = {record.id: record for record in await both[0].records()}
    plan = [(chance.choice(sorted(records)), chance.choice(list(JobState))) for _ in range(500)]
    for job_id, state in plan:
        answers = await asyncio.gather(
            *(ledger.move(records[job_id], state=state) for ledger in both), return_exceptions=True
        )
        if isinstance(answers[0], JobRecord):
            assert answers[0] == answers[1]
            records[job_id] = answers[0]
        else:
            assert repr(answers[0]) == repr(answers[1])
    assert await both[0].records() == await both[1].records()
    await both[1].aclose()


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
async def test_a_job_that_came_to_nothing_gives_its_key_to_a_new_one(
    make_ledger: Callable[[], Ledger], state: JobState
) -> None:
    """The old record keeps all but its name, which gets the next free number; the new one is its owner's."""
    ledger = make_ledger()
    await ledger.open()
    await ledger.join()
    old = await ledger.add(job_record(1, state=state, charge=Charge.CHARGED, price_usd=Decimal("0.10")))
    await ledger.add(job_record(2, key="key-1~1"))
    freed, new = await ledger.replace(old, job_record(3, key="key-1"))
    assert freed == attrs.evolve(old, key="key-1~2", version=old.version + 1)
    assert new == job_record(3, key="key-1", owner=ledger.owner)
    assert [record.id for record in await ledger.records()] == ["id-1", "id-2", "id-3"]
    assert await ledger.by_key("key-1") == new
    assert await ledger.by_key("key-1~2") == freed == await ledger.get("id-1")
    await ledger.move(new, state=JobState.QUEUEING)
    await ledger.aclose()


@pytest.mark.parametrize("state", sorted(set(JobState) - {JobState.FAILED, JobState.CANCELLED}, key=str))
async def test_any_other_job_keeps_its_key(make_ledger: Callable[[], Ledger], state: JobState) -> None:
    """It may still come to something, or has."""
    ledger = make_ledger()
    await ledger.open()
    old = await ledger.add(job_record(1, state=state))
    with pytest.raises(LedgerError, match="its key cannot be given"):
        await ledger.replace(old, job_record(3, key="key-1"))
    assert await ledger.records() == [old]
    await ledger.aclose()


@pytest.mark.parametrize(
    "new",
    [
        job_record(3, key="another"),
        job_record(1),
        job_record(2, key="key-1"),
        job_record(3, key="key-1", state=JobState.QUEUED),
        job_record(3, key="key-1", price_usd=Decimal(2)),
        job_record(3, key="key-1", queue_id="q-2"),
    ],
)
async def test_what_cannot_take_the_place_changes_nothing(make_ledger: Callable[[], Ledger], new: JobRecord) -> None:
    """Another key, an id that is known, a job that is no new one, a price above the cap, another's queue_id."""
    ledger = make_ledger()
    await ledger.open()
    old = await ledger.add(job_record(1, state=JobState.FAILED))
    other = await ledger.add(job_record(2, queue_id="q-2"))
    with pytest.raises((LedgerError, BudgetExceededError)):
        await ledger.replace(old, new, cap_usd=Decimal(1))
    assert await ledger.records() == [old, other]
    assert await ledger.by_key("key-1") == old
    await ledger.aclose()


async def test_only_one_of_two_takes_the_place(make_ledger: Callable[[], Ledger]) -> None:
    """Whoever has seen the record as it was before comes too late, and nothing of his is kept."""
    ledger = make_ledger()
    await ledger.open()
    old = await ledger.add(job_record(1, state=JobState.FAILED))
    replacing = (ledger.replace(old, job_record(number, key="key-1")) for number in (2, 3))
    first, second = await asyncio.gather(*replacing, return_exceptions=True)
    assert isinstance(first, tuple)
    assert isinstance(second, StaleRecordError)
    assert {record.id: record.key for record in await ledger.records()} == {"id-1": "key-1~1", "id-2": "key-1"}
    await ledger.aclose()
