"""What every ledger promises."""

import asyncio
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from harness import job_record

from venice_async.errors import Charge, LedgerError
from venice_async.jobs import MOVES, Cleanup, JobRecord, JobState
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
    assert [type(claim) for claim in claims].count(LedgerError) == 4
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
    assert sorted(type(claim).__name__ for claim in claims) == ["JobRecord", "LedgerError"]
    assert await theirs.add(job_record(2, key="key-1")) == await ours.get("id-1")
    await ours.aclose()
    await theirs.aclose()


@pytest.fixture(params=[0o000, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Files are made under this umask."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It holds private links; so does its journal, while there is one."""
    folder = tmp_path / "new" / "folder"
    ledger = SqliteLedger(folder / "jobs.sqlite3")
    await ledger.open()
    await ledger.add(FULL)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == dict.fromkeys(modes, 0o600)
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
