"""The SQLite ledger's own ways: which files it takes, how it writes, what it says when it cannot."""

import asyncio
import gc
import os
import resource
import signal
import sqlite3
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from canaries import LINK, assert_nothing_secret
from harness import job_record

from venice_async.errors import BudgetExceededError, LedgerError, StaleRecordError, VeniceError
from venice_async.jobs import JobRecord, JobState, PaidAnswer
from venice_async.ledger import SqliteLedger, store
from venice_async.ledger.place import Place, found_or_made
from venice_async.ledger.schema import APPLICATION_ID, VERSION

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite3"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[SqliteLedger]:
    """Open, and an owner."""
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.join()
    yield ledger
    await ledger.aclose()


async def refused(path: Path) -> str:
    """The sentence with which a file is refused."""
    ledger = SqliteLedger(path)
    with pytest.raises(LedgerError) as error:
        await ledger.open()
    assert error.value.__cause__ is None
    assert error.value.__context__ is None
    with pytest.raises(LedgerError, match="is not open"):
        await ledger.records()
    return str(error.value)


async def on_thread(ledger: SqliteLedger, call: Callable[[sqlite3.Connection], Any]) -> Any:
    """What a call with the ledger's own connection gives."""
    assert ledger._groups is not None
    assert ledger._store is not None
    connection = ledger._store._connection
    return await ledger._groups.alone(lambda: call(connection))


async def test_another_program_s_file_is_refused_and_left_alone(path: Path) -> None:
    """Even an old one that nobody marked."""
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("CREATE TABLE things (name TEXT)")
    path.chmod(0o600)
    before = path.read_bytes()
    assert "another program" in await refused(path)
    assert path.read_bytes() == before


async def test_a_newer_version_s_file_is_refused(path: Path, ledger: SqliteLedger) -> None:
    """Rather than half understood."""
    await ledger.aclose()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    assert "newer version" in await refused(path)
    assert path.read_bytes() == before


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A text, a folder, a place where no file can be, a file that others can read."""
    text = tmp_path / "notes.txt"
    text.write_text("These are notes, and rather long ones, so that nobody takes them for an empty database. " * 20)
    text.chmod(0o600)
    assert "cannot be used as a ledger: file is not a database" in await refused(text)
    assert "cannot be opened" in await refused(tmp_path)
    assert "cannot be opened" in await refused(text / "jobs.sqlite3")
    text.chmod(0o644)
    assert "chmod 600" in await refused(text)


async def filled(path: Path, jobs: int = 200) -> None:
    """A ledger of some pages."""
    ledger = SqliteLedger(path)
    await ledger.open()
    await asyncio.gather(*(ledger.add(job_record(number, request="x" * 500)) for number in range(jobs)))
    await ledger.aclose()


async def test_a_damaged_page_is_noticed_at_the_start(path: Path) -> None:
    """And not when a paid answer is to be recorded; the advice says how to save the rest."""
    await filled(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    sentence = await refused(path)
    assert "is damaged" in sentence
    assert ".recover" in sentence


async def test_a_cut_file_is_noticed(path: Path) -> None:
    """Half a ledger is not taken for a small one."""
    await filled(path)
    os.truncate(path, path.stat().st_size // 2)
    assert "is damaged" in await refused(path)


async def test_a_file_that_vanishes_while_it_is_opened_is_not_made_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would make one that others can read, and without a single job."""

    def vanishing(found: Path) -> Place:
        place = found_or_made(found)
        found.unlink()
        return place

    monkeypatch.setattr(store, "found_or_made", vanishing)
    assert "cannot be used as a ledger" in await refused(path)
    assert list(path.parent.iterdir()) == []


async def test_the_file_says_what_it_is(path: Path, ledger: SqliteLedger) -> None:
    """So that this and later versions know it."""
    await ledger.aclose()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert file.execute("PRAGMA user_version").fetchone() == (VERSION,)


async def test_writes_survive_a_power_failure(ledger: SqliteLedger) -> None:
    """Rollback journal with EXTRA synchronisation: no commit returns before the disk has it, the folder included."""
    wanted = {
        "synchronous": 3,
        "journal_mode": "delete",
        "secure_delete": 1,
        "busy_timeout": 60_000,
        "trusted_schema": 0,
    }
    for pragma, value in wanted.items():
        found = await on_thread(ledger, lambda file, name=pragma: file.execute(f"PRAGMA {name}").fetchone())
        assert found == (value,)


async def test_a_file_in_another_journal_mode_is_turned_back(path: Path) -> None:
    """Somebody's WAL mode would stay with the file, and its last commits might not survive."""
    await filled(path, 1)
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode = WAL")
    ledger = SqliteLedger(path)
    await ledger.open()
    assert await on_thread(ledger, lambda file: file.execute("PRAGMA journal_mode").fetchone()) == ("delete",)
    await ledger.aclose()


async def test_waiting_writes_share_a_commit(ledger: SqliteLedger) -> None:
    """A thousand intents cost a few disk writes."""
    statements: list[str] = []
    await on_thread(ledger, lambda file: file.set_trace_callback(statements.append))
    await asyncio.gather(*(ledger.add(job_record(number)) for number in range(1000)))
    assert statements.count("COMMIT") <= 3
    assert len(await ledger.records()) == 1000


async def test_a_closed_ledger_refuses(path: Path) -> None:
    """With a sentence; and so does one that was never opened, or that is opened twice."""
    ledger = SqliteLedger(path)
    with pytest.raises(LedgerError, match="is not open"):
        await ledger.records()
    await ledger.open()
    with pytest.raises(LedgerError, match="is open already"):
        await ledger.open()
    await ledger.aclose()
    for call in (ledger.add(job_record(1)), ledger.look(), ledger.kept(), ledger.join(), ledger.learned()):
        with pytest.raises(LedgerError, match="is not open"):
            await call
    assert repr(ledger) == f"<SqliteLedger {path} closed>"


async def test_closing_writes_what_still_waits(path: Path, ledger: SqliteLedger) -> None:
    """Nothing that was handed over is dropped."""
    adding = [asyncio.create_task(ledger.add(job_record(number))) for number in range(50)]
    await asyncio.sleep(0)
    await ledger.aclose()
    await asyncio.gather(*adding)
    again = SqliteLedger(path)
    await again.open()
    assert len(await again.records()) == 50
    await again.aclose()


async def test_a_dropped_ledger_warns(path: Path) -> None:
    """Whoever opens closes."""
    ledger = SqliteLedger(path)
    await ledger.open()
    store, groups = ledger._store, ledger._groups
    circle: list[object] = [ledger]
    circle.append(circle)  # so that it goes when it is looked for, and not before
    del ledger, circle
    with pytest.warns(ResourceWarning, match="was not closed"):
        gc.collect()
    assert store is not None
    assert groups is not None
    await groups.alone(store.close)
    groups.close()


async def test_many_may_close_at_once(ledger: SqliteLedger) -> None:
    """One of them does it; no thread is left."""
    await asyncio.gather(*(ledger.aclose() for _ in range(3)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("venice-ledger")]


async def test_a_cancelled_opening_leaves_nothing_open(path: Path) -> None:
    """Its thread goes on for a moment; what it opened is closed, and it can be opened again."""
    ledger = SqliteLedger(path)
    for _ in range(5):
        opening = asyncio.create_task(ledger.open())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("venice-ledger")]
    await ledger.open()
    await ledger.aclose()


async def test_a_file_that_cannot_be_written_is_told_to_everybody(ledger: SqliteLedger) -> None:
    """All who wait for one transaction hear that it failed, nothing of it is kept, and later writes work again."""
    record = await ledger.add(job_record(1))
    await on_thread(ledger, lambda file: file.execute("PRAGMA query_only = ON"))
    answers = await asyncio.gather(
        ledger.move(record, state=JobState.QUEUEING), ledger.add(job_record(2)), return_exceptions=True
    )
    assert all(isinstance(answer, LedgerError) and "cannot be written" in str(answer) for answer in answers)
    assert answers[0] is not answers[1]
    await on_thread(ledger, lambda file: file.execute("PRAGMA query_only = OFF"))
    assert await ledger.records() == [record]
    await ledger.move(record, state=JobState.QUEUEING)


async def test_what_one_caller_got_wrong_is_its_own(ledger: SqliteLedger) -> None:
    """Text that is no text, numbers without end, a field of the wrong kind or with no such name: the rest is kept."""
    record = await ledger.add(job_record(1))
    wrong = [
        ledger.add(job_record(2, model="\ud800")),
        ledger.add(job_record(3, size=2**70)),
        ledger.add(job_record(4, version=None)),
        ledger.add(job_record(5, size="many")),
        ledger.add(job_record(6, output=Path("/videos"))),
        ledger.move(record, no_such_field=1),
    ]
    answers = await asyncio.gather(*wrong, ledger.add(job_record(7)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LedgerError] * 5 + [TypeError, JobRecord]
    for answer in answers[:5]:
        assert "cannot be recorded" in str(answer)
        assert_nothing_secret(answer)
    assert {each.id for each in await ledger.records()} == {"id-1", "id-7"}


async def test_a_lost_connection_leaves_nobody_waiting(ledger: SqliteLedger) -> None:
    """Trouble that SQLite has no word for is told as well."""
    await on_thread(ledger, lambda file: file.close())
    for call in (ledger.add(job_record(1)), ledger.records(), ledger.look()):
        with pytest.raises(LedgerError, match="cannot be written"):
            await call


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_ledger_that_was_deleted_takes_nothing_more(
    path: Path, ledger: SqliteLedger, *, replaced: bool
) -> None:
    """SQLite would go on writing to a file without a name, and every record would be lost at the end."""
    record = await ledger.add(job_record(1))
    path.rename(path.with_name("moved"))
    if replaced:
        await filled(path, 1)
    for call in (ledger.move(record, state=JobState.QUEUEING), ledger.get("id-1"), ledger.look(), ledger.kept()):
        with pytest.raises(LedgerError, match="deleted or replaced while it was open"):
            await call
    path.with_name("moved").replace(path)
    await ledger.move(record, state=JobState.QUEUEING)


async def test_a_neighbour_that_writes_is_waited_for(path: Path, ledger: SqliteLedger) -> None:
    """In the ledger's thread, while the event loop goes on."""
    holding, free = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            holding.set()
            free.wait(30)
            other.execute("ROLLBACK")

    holder = asyncio.create_task(asyncio.to_thread(hold))
    await asyncio.to_thread(holding.wait)
    adding = asyncio.create_task(ledger.add(job_record(1)))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not adding.done()
    free.set()
    assert (await adding).id == "id-1"
    await holder


async def test_a_neighbour_that_never_ends_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute; here at once."""
    await filled(path, 1)
    monkeypatch.setattr(store, "BUSY_TIMEOUT", 0.0)
    ledger = SqliteLedger(path)
    await ledger.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"locked\. .*Another program holds it"):
            await ledger.add(job_record(5))
        assert len(await ledger.records()) == 1  # who only reads need not wait
        other.execute("ROLLBACK")
    await ledger.add(job_record(5))
    await ledger.aclose()


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file may grow beyond this: the kernel refuses as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def paid(number: int) -> PaidAnswer:
    return PaidAnswer(
        job_id=f"id-{number}", attempt=1, model="m", queue_id=f"q-{number}", download_url=LINK, queued_at=1.0
    )


async def test_a_full_disk_loses_no_paid_answer(path: Path, ledger: SqliteLedger) -> None:
    """The ledger cannot take it, the owner file can: its room was taken at the start. With space all is well again."""
    record = await ledger.add(job_record(1, state=JobState.QUEUEING))
    before = path.read_bytes()
    with file_size_limit(1):
        with pytest.raises(LedgerError) as error:
            await ledger.move(record, state=JobState.QUEUED, queue_id="q-1", download_url=LINK)
        assert_nothing_secret(error.value)
        # The file exists, and so is not meant by the limit as long as it does not grow past it: nothing grows.
    with file_size_limit(64 * 1024):
        ledger.keep(paid(1))
    assert path.read_bytes() == before
    assert await ledger.kept() == [paid(1)]
    await ledger.move(record, state=JobState.QUEUED, queue_id="q-1")
    await ledger.drop_kept([paid(1)])


async def test_a_ledger_that_may_not_grow_tells_everybody(ledger: SqliteLedger) -> None:
    """A disk that fills up in the middle of a group undoes the group, and each of its callers hears it."""
    kept = await ledger.add(job_record(1))
    await on_thread(ledger, lambda file: file.execute("PRAGMA max_page_count = 20"))
    adding = [ledger.add(job_record(number, request="x" * 3000)) for number in range(2, 40)]
    answers = await asyncio.gather(*adding, return_exceptions=True)
    assert all(isinstance(answer, LedgerError) and "full" in str(answer) for answer in answers)
    assert "Free some space" in str(answers[0])
    assert await ledger.records() == [kept]


async def test_no_link_is_left_when_it_was_erased(path: Path, ledger: SqliteLedger) -> None:
    """Neither in the ledger nor in the owner file, nor in anything beside them."""
    records = [await ledger.add(job_record(number, state=JobState.QUEUED, download_url=LINK)) for number in range(30)]
    ledger.keep(paid(1))
    assert [each for each in path.parent.iterdir() if LINK.encode() in each.read_bytes()] != []
    await asyncio.gather(*(ledger.move(record, download_url=None) for record in records))
    await ledger.drop_kept([paid(1)])
    assert [each for each in path.parent.iterdir() if LINK.encode() in each.read_bytes()] == []


async def test_a_fork_may_not_use_it(ledger: SqliteLedger) -> None:
    """Neither SQLite nor its locks survive a fork: the child is told, and the parent goes on."""
    record = await ledger.add(job_record(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads: that is the point
        child = os.fork()
    if child == 0:
        os._exit(_answers_in_child(ledger, record))
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert await ledger.move(record, state=JobState.QUEUEING)


def _answers_in_child(ledger: SqliteLedger, record: JobRecord) -> int:
    """How many calls were not refused."""
    calls: list[Callable[[], Any]] = [
        lambda: ledger.add(job_record(2)),
        lambda: ledger.move(record, state=JobState.CANCELLED),
        ledger.records,
        ledger.look,
        ledger.kept,
        ledger.aclose,
    ]
    wrong = 0
    for call in calls:
        running = call()
        try:
            running.send(None)
            wrong += 1
        except LedgerError as error:
            wrong += "forked" not in str(error)
        except BaseException:  # noqa: BLE001 -- counted, and told by the exit code
            wrong += 1
    try:
        ledger.keep(paid(1))
        wrong += 1
    except LedgerError:
        pass
    return wrong


async def test_two_processes_stay_below_the_cap_together(path: Path) -> None:
    """Two hundred jobs from two ledgers at once: as many are taken as fit, and not one more."""
    both = [SqliteLedger(path) for _ in range(2)]
    for ledger in both:
        await ledger.open()
        await ledger.join()
    cap, price = Decimal("7.00"), Decimal("0.35")
    answers = await asyncio.gather(
        *(both[number % 2].add(job_record(number, price_usd=price), cap_usd=cap) for number in range(200)),
        return_exceptions=True,
    )
    kinds = [type(answer) for answer in answers]
    assert (kinds.count(JobRecord), kinds.count(BudgetExceededError)) == (20, 180)
    taken = {each.id: each for each in await both[0].records()}
    assert len(taken) == 20
    for number, record in enumerate(list(taken.values())[:2]):
        await both[number].move(record, state=JobState.CANCELLED)
    await both[1].add(job_record(300, price_usd=2 * price), cap_usd=cap)
    with pytest.raises(BudgetExceededError):
        await both[0].add(job_record(301, price_usd=Decimal("0.01")), cap_usd=cap)
    for ledger in both:
        await ledger.aclose()


async def test_a_group_that_failed_does_not_count(path: Path, ledger: SqliteLedger) -> None:
    """What was undone holds no money, and a neighbour that used its place in the order is seen."""
    cap, price = Decimal("1.00"), Decimal("0.60")
    await ledger.add(job_record(1, price_usd=Decimal("0.10")), cap_usd=cap)
    await on_thread(ledger, lambda file: file.execute("PRAGMA max_page_count = 1"))
    group = (job_record(2, price_usd=price), job_record(6, price_usd=Decimal(0), request="x" * 100_000))
    answers = await asyncio.gather(*(ledger.add(each, cap_usd=cap) for each in group), return_exceptions=True)
    assert ["full" in str(answer) for answer in answers] == [True, True]
    await on_thread(ledger, lambda file: file.execute("PRAGMA max_page_count = 100000"))
    other = SqliteLedger(path)
    await other.open()
    await other.add(job_record(3, price_usd=price))
    await other.aclose()
    with pytest.raises(BudgetExceededError) as refused:
        await ledger.add(job_record(4, price_usd=price), cap_usd=cap)
    assert refused.value.available_usd == Decimal("0.30")
    await ledger.add(job_record(5, price_usd=Decimal("0.30")), cap_usd=cap)


@pytest.mark.parametrize(
    ("column", "value"),
    [("state", "gone"), ("price_usd", "NaN"), ("price_usd", "a lot"), ("charge", ""), ("cleanup", "x")],
)
async def test_a_tampered_row_is_told(path: Path, ledger: SqliteLedger, column: str, value: str) -> None:
    """With the job's name, and without what the row says."""
    record = await ledger.add(job_record(1, price_usd=Decimal(1)))
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"UPDATE jobs SET {column} = ?", (value,))
        file.commit()
    for call in (ledger.get("id-1"), ledger.move(record, state=JobState.QUEUEING)):
        with pytest.raises(LedgerError, match="row of job id-1 is damaged") as error:
            await call
        assert error.value.__context__ is None
    await ledger.add(job_record(2))


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000])
async def test_what_was_learned_may_be_lost(path: Path, ledger: SqliteLedger, text: str) -> None:
    """It is worth no error."""
    await ledger.save_learned({"a": 1})
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE learned SET data = ?", (text,))
        file.commit()
    assert await ledger.learned() == {}


async def test_errors_carry_no_links(ledger: SqliteLedger) -> None:
    """Not even in the frames of their tracebacks that the thread has seen."""
    record = await ledger.add(job_record(1, state=JobState.QUEUED, download_url=LINK))
    await ledger.move(record, size=1)
    with pytest.raises(StaleRecordError) as error:
        await ledger.move(record, size=2)
    frame = error.value.__traceback__
    assert frame is not None
    names = []
    while frame is not None:
        names.append(Path(frame.tb_frame.f_code.co_filename).name)
        frame = frame.tb_next
    assert "store.py" not in names
    assert_nothing_secret(error.value)


async def test_a_ledger_can_be_closed_from_another_loop(path: Path) -> None:
    """A program that calls asyncio.run twice can still give it back."""
    ledger = SqliteLedger(path)

    def elsewhere() -> None:
        async def begin() -> None:
            await ledger.open()
            await ledger.join()
            await ledger.add(job_record(1))

        asyncio.run(begin())

    await asyncio.to_thread(elsewhere)
    with pytest.raises(VeniceError, match="another event loop"):
        await ledger.records()
    await ledger.aclose()
    await ledger.open()
    assert len(await ledger.records()) == 1
    await ledger.aclose()
