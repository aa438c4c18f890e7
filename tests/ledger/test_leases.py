"""Owners of one ledger: who lives, who is dead, and whose jobs are taken over."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import attrs
import pytest
from harness import job_record

from ledger.neighbours import neighbour
from venice_async.errors import LedgerError, StaleRecordError
from venice_async.jobs import JobRecord, JobState, PaidAnswer
from venice_async.ledger import SqliteLedger, owner_file, store
from venice_async.ledger.leases import LEASE, MARGIN, RENEWAL

pytestmark = pytest.mark.anyio

ANSWER = PaidAnswer(job_id="id-1", attempt=1, model="m", queue_id="q-1", download_url="https://canary", queued_at=1.0)


class Time:
    """Both clocks of a process, moved by hand."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.monotonic = 50.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite3"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def pair(path: Path, time: Time) -> AsyncIterator[tuple[SqliteLedger, SqliteLedger]]:
    """Two owners of one ledger, with the same time."""
    both = [SqliteLedger(path, wall=lambda: time.wall, monotonic=lambda: time.monotonic) for _ in range(2)]
    for ledger in both:
        await ledger.open()
        await ledger.join()
        await ledger.look()
    yield both[0], both[1]
    for ledger in both:
        await ledger.aclose()


def owner_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.owner-*"))


def owner_rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as file:
        return [token for (token,) in file.execute("SELECT token FROM owners")]


async def test_tokens_are_never_given_out_again(path: Path) -> None:
    """Or a late write of somebody long gone could pass for another's."""
    tokens = []
    for _ in range(3):
        ledger = SqliteLedger(path)
        await ledger.open()
        await ledger.join()
        tokens.append(ledger.owner)
        await ledger.aclose()
    assert tokens == [1, 2, 3]
    assert owner_files(path) == owner_rows(path) == []


async def test_a_living_neighbour_keeps_its_jobs(pair: tuple[SqliteLedger, SqliteLedger]) -> None:
    """And each hears what the other has done, once."""
    ours, theirs = pair
    record = await theirs.add(job_record(1))
    news = await ours.look()
    assert (news.changed, news.owners) == ((record,), 2)
    assert (await ours.look()).changed == ()
    with pytest.raises(StaleRecordError):
        await ours.move(record, state=JobState.QUEUEING)
    moved = await theirs.move(record, state=JobState.QUEUEING)
    assert (await ours.look()).changed == (moved,)
    assert (await theirs.look()).changed == ()


async def test_owners_without_work_share_no_limits(pair: tuple[SqliteLedger, SqliteLedger]) -> None:
    """Only living owners with active jobs are counted, and this one always."""
    ours, theirs = pair
    assert (await ours.look()).owners == 1
    record = await theirs.add(job_record(1))
    assert (await ours.look()).owners == 2
    assert (await theirs.look()).owners == 1
    await theirs.move(record, state=JobState.CANCELLED)
    assert (await ours.look()).owners == 1


async def test_what_happened_between_join_and_the_first_look_is_news(path: Path) -> None:
    """Whoever reads the records right after joining misses nothing; what happened before is no news."""
    ours, theirs = SqliteLedger(path), SqliteLedger(path)
    await theirs.open()
    await theirs.join()
    await theirs.add(job_record(7))
    await ours.open()
    await ours.join()
    record = await theirs.add(job_record(1))
    assert (await ours.look()).changed == (record,)
    await ours.aclose()
    await theirs.aclose()


async def test_an_owner_that_left_leaves_its_jobs(pair: tuple[SqliteLedger, SqliteLedger]) -> None:
    """The next look of another takes them on, with a new version: what the first one knew is stale."""
    ours, theirs = pair
    record = await theirs.add(job_record(1))
    await theirs.aclose()
    (claimed,) = (await ours.look()).changed
    assert claimed == attrs.evolve(record, owner=ours.owner, version=1)
    assert (await ours.look()).changed == ()


async def test_two_claim_at_once_and_one_gets_it(pair: tuple[SqliteLedger, SqliteLedger], path: Path) -> None:
    """Each orphan has one new owner."""
    third = SqliteLedger(path)
    await third.open()
    for number in range(20):
        await third.add(job_record(number))
    looks = await asyncio.gather(*(ledger.look() for ledger in pair))
    mine = [
        [record.id for record in news.changed if record.owner == ledger.owner]
        for news, ledger in zip(looks, pair, strict=True)
    ]
    assert sorted(map(len, mine)) == [0, 20]
    await third.aclose()


def test_the_clocks() -> None:
    """An owner doubts itself before others do, and gives several signs of life in the time that they wait."""
    assert RENEWAL * 4 < LEASE - MARGIN < LEASE


async def test_a_killed_neighbour_is_noticed_at_once(path: Path) -> None:
    """The kernel frees the lock of a process that dies: nobody waits for a lease to run out."""
    ours = SqliteLedger(path)
    await ours.open()
    await ours.join()
    with neighbour(path) as other:
        other.tell("add theirs")
        assert [record.id for record in (await ours.look()).changed] == ["theirs"]
        other.kill()
        news = await ours.look()
    assert [(record.id, record.owner) for record in news.changed] == [("theirs", ours.owner)]
    assert news.owners == 1
    await ours.aclose()


async def test_a_stopped_neighbour_loses_its_jobs_after_a_while(path: Path, time: Time) -> None:
    """And when it wakes up it may write nothing of theirs, whatever it believes."""
    import time as real

    time.wall = real.time()  # the other process has the real one
    ours = SqliteLedger(path, wall=lambda: time.wall, monotonic=lambda: time.monotonic)
    await ours.open()
    await ours.join()
    with neighbour(path) as other:
        other.tell("add theirs")
        other.stop()
        assert [record.owner != ours.owner for record in (await ours.look()).changed] == [True]
        time.pass_(LEASE + 5)
        (claimed,) = (await ours.look()).changed
        assert claimed.owner == ours.owner
        other.go_on()
        assert other.tell("move theirs") == "StaleRecordError"
        assert other.tell("fresh theirs") == "StaleRecordError"
        assert other.tell("look") == "theirs"
        assert other.tell("lease") == "True"
    assert await ours.get("theirs") == claimed
    await ours.aclose()


async def test_an_owner_that_was_stopped_knows_it(pair: tuple[SqliteLedger, SqliteLedger], time: Time) -> None:
    """By either clock, until its next look; then it hears what it has lost."""
    ours, theirs = pair
    record = await theirs.add(job_record(1))
    assert theirs.lease_valid
    time.wall += LEASE + 1
    assert not theirs.lease_valid
    (claimed,) = (await ours.look()).changed
    assert claimed.owner == ours.owner
    assert (await theirs.look()).changed == (claimed,)
    assert theirs.lease_valid
    with pytest.raises(StaleRecordError):
        await theirs.move(record, state=JobState.QUEUEING)
    time.monotonic += LEASE
    assert not ours.lease_valid
    assert not theirs.lease_valid


async def test_a_clock_that_is_put_back_is_no_death(pair: tuple[SqliteLedger, SqliteLedger], time: Time) -> None:
    """Each look mends what the clock has changed."""
    ours, theirs = pair
    await theirs.add(job_record(1))
    await ours.look()
    time.wall -= 3600
    for _ in range(3):
        await theirs.look()
        assert (await ours.look()).changed == ()
        assert ours.lease_valid
        time.pass_(RENEWAL + 1)
    time.pass_(LEASE + 1)
    assert (await ours.look()).changed != ()


async def test_looks_renew_the_lease_when_that_is_due(pair: tuple[SqliteLedger, SqliteLedger], time: Time) -> None:
    """Not at each look: one costs a disk write."""
    ours, theirs = pair
    await theirs.add(job_record(1))
    await ours.look()
    for _ in range(30):
        time.pass_(3.0)
        await theirs.look()
        news = await ours.look()
        assert (news.changed, news.owners) == ((), 2)
        assert ours.lease_valid


async def test_a_quiet_look_writes_nothing(path: Path, time: Time) -> None:
    """A process alone pays for a look with a hop, and with a small commit when the lease is due."""
    ledger = SqliteLedger(path, wall=lambda: time.wall, monotonic=lambda: time.monotonic)
    await ledger.open()
    await ledger.join()
    await ledger.look()
    statements: list[str] = []
    assert ledger._groups is not None
    assert ledger._store is not None
    store = ledger._store
    await ledger._groups.alone(lambda: store._connection.set_trace_callback(statements.append))
    for _ in range(10):
        await ledger.look()
    assert len(statements) == 10 * 4
    assert not [each for each in statements if each.startswith(("UPDATE", "INSERT", "DELETE"))]
    time.pass_(RENEWAL)
    await ledger.look()
    assert len([each for each in statements if each.startswith("INSERT")]) == 1
    await ledger.aclose()


async def test_only_owners_look(path: Path) -> None:
    """Who only reads claims nothing."""
    ledger = SqliteLedger(path)
    await ledger.open()
    with pytest.raises(LedgerError, match="join it first"):
        await ledger.look()
    await ledger.aclose()


async def test_what_a_killed_process_kept_is_read_until_it_is_dropped(path: Path) -> None:
    """By any later process; then nothing is left of the dead one, and nothing can be read from the disk."""
    with neighbour(path) as other:
        assert other.tell("keep id-1") == "kept"
        other.kill()
    for _ in range(2):
        ledger = SqliteLedger(path)
        await ledger.open()
        await ledger.join()
        await ledger.look()
        (answer,) = await ledger.kept()
        assert (answer.job_id, answer.queue_id) == ("id-1", "q")
        assert len(owner_files(path)) == len(owner_rows(path)) == 2
        await ledger.aclose()
    await ledger.open()
    await ledger.drop_kept([answer])
    assert await ledger.kept() == []
    assert owner_files(path) == owner_rows(path) == []
    await ledger.aclose()


async def test_a_living_neighbour_s_answers_are_its_own(pair: tuple[SqliteLedger, SqliteLedger], time: Time) -> None:
    """Also while it is stopped: it may still be writing there."""
    ours, theirs = pair
    theirs.keep(ANSWER)
    time.pass_(LEASE + 1)
    assert await ours.kept() == []
    await ours.drop_kept([ANSWER])
    assert await theirs.kept() == [ANSWER]


async def test_who_leaves_with_an_answer_leaves_it_to_the_next(path: Path) -> None:
    """Closing does not lose it."""
    first = SqliteLedger(path)
    await first.open()
    await first.join()
    first.keep(ANSWER)
    await first.aclose()
    assert len(owner_files(path)) == len(owner_rows(path)) == 1
    await first.open()
    assert await first.kept() == [ANSWER]
    await first.aclose()


async def test_an_answer_is_found_without_its_owner_s_row(path: Path) -> None:
    """A crash between any two steps, or a ledger from a backup, does not hide what was paid for."""
    with neighbour(path) as other:
        other.tell("keep id-1")
        other.kill()
    with closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM owners")
        file.commit()
    ledger = SqliteLedger(path)
    await ledger.open()
    (answer,) = await ledger.kept()
    await ledger.drop_kept([answer])
    assert owner_files(path) == []
    await ledger.aclose()


async def test_dead_owners_that_kept_nothing_are_forgotten(path: Path) -> None:
    """Their rows too, where the files are gone already."""
    for removed in (False, True):
        with neighbour(path) as other:
            other.tell("add theirs")
            other.kill()
        if removed:
            (left,) = owner_files(path)
            left.unlink()
        ledger = SqliteLedger(path)
        await ledger.open()
        assert await ledger.kept() == []
        assert owner_files(path) == owner_rows(path) == []
        await ledger.aclose()


async def test_an_owner_whose_file_was_deleted_makes_a_new_one(
    pair: tuple[SqliteLedger, SqliteLedger], path: Path, time: Time
) -> None:
    """A tidy person must not make it look dead for longer than a renewal, nor lose what it kept."""
    ours, _ = pair
    ours.keep(ANSWER)
    for file in owner_files(path):
        file.unlink()
    with pytest.raises(LedgerError, match="gone"):
        ours.keep(ANSWER)
    time.pass_(RENEWAL)
    await ours.look()
    assert len(owner_files(path)) == 1
    assert await ours.kept() == [ANSWER]
    ours.keep(attrs.evolve(ANSWER, attempt=2))
    await ours.drop_kept(await ours.kept())


@pytest.mark.parametrize("name", ["../victim", "victim", "/etc/hostname", None, "jobs.sqlite3.owner-0000000g"])
async def test_a_tampered_ledger_leads_to_no_other_file(tmp_path: Path, name: str | None) -> None:
    """The name of an owner file is not believed: nothing else is opened, wiped or deleted."""
    victim = tmp_path / "victim"
    victim.write_text(ANSWER.to_text())
    path = tmp_path / "folder" / "jobs.sqlite3"
    ledger = SqliteLedger(path)
    await ledger.open()
    with closing(sqlite3.connect(path)) as file:
        file.execute("INSERT INTO owners (file, pid, seen_at) VALUES (?, 1, 1e12)", (name,))
        file.commit()
    await ledger.join()
    await ledger.look()
    assert await ledger.kept() == []
    await ledger.drop_kept([ANSWER])
    assert victim.read_text() == ANSWER.to_text()
    await ledger.aclose()


async def test_a_planted_link_is_not_followed(path: Path) -> None:
    """What stands under an owner file's name and is no file of an owner is left alone."""
    victim = path.parent / "victim"
    victim.write_text(ANSWER.to_text())
    path.with_name(f"{path.name}.owner-00000000").symlink_to(victim)
    path.with_name(f"{path.name}.owner-00000001").mkdir()
    ledger = SqliteLedger(path)
    await ledger.open()
    assert await ledger.kept() == []
    await ledger.drop_kept([ANSWER])
    assert victim.read_text() == ANSWER.to_text()
    await ledger.aclose()


async def test_without_locks_the_lease_decides(
    pair: tuple[SqliteLedger, SqliteLedger], time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a platform that has none, death shows after a while, and so does what was kept."""
    monkeypatch.setattr(owner_file, "_flock", None)
    ours, theirs = pair
    record: JobRecord = await theirs.add(job_record(1))
    theirs.keep(ANSWER)
    assert (await ours.look()).changed == (record,)
    assert await ours.kept() == []
    time.pass_(LEASE + 1)
    assert [each.owner for each in (await ours.look()).changed] == [ours.owner]
    assert await ours.kept() == [ANSWER]


async def test_a_join_that_is_not_committed_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A neighbour that reads for too long keeps the commit from happening: neither a file nor a token is left."""
    monkeypatch.setattr(store, "BUSY_TIMEOUT", 0.0)
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.add(job_record(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM jobs").fetchall()
        with pytest.raises(LedgerError, match="locked"):
            await ledger.join()
        assert (ledger.owner, ledger.lease_valid, owner_files(path), owner_rows(path)) == (0, False, [], [])
        reader.execute("ROLLBACK")
    await ledger.join()
    assert len(owner_files(path)) == len(owner_rows(path)) == 1
    await ledger.aclose()


async def test_who_cannot_join_owns_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is told, and leaves neither a file nor a row."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    ledger = SqliteLedger(path)
    await ledger.open()
    monkeypatch.setattr(owner_file, "sync_folder", full)
    with pytest.raises(LedgerError, match="No space left"):
        await ledger.join()
    assert (ledger.owner, owner_files(path), owner_rows(path)) == (0, [], [])
    monkeypatch.undo()
    await ledger.join()
    assert ledger.lease_valid
    await ledger.aclose()
