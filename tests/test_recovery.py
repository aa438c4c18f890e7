"""From half-way to a state from which work goes on; and answers that come late."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from harness import job_record

from venice_async.clock import SystemClock
from venice_async.disk import DiskPool
from venice_async.download import Overwrite
from venice_async.errors import Charge, LedgerError
from venice_async.jobs import JobEvent, JobRecord, JobState, JobStateChanged, PaidAnswer
from venice_async.ledger import MemoryLedger
from venice_async.recorder import Recorder
from venice_async.recovery import Recovery

pytestmark = pytest.mark.anyio

DATA = b"a whole video"


class Bench:
    """A recovery on an empty ledger, and what it told."""

    def __init__(self, folder: Path, overwrite: Overwrite = Overwrite.REFUSE) -> None:
        self.folder = folder
        self.disk = DiskPool()
        self.ledger = MemoryLedger()
        self.events: list[JobEvent] = []
        recorder = Recorder(ledger=self.ledger, clock=SystemClock(), report=self._report)
        self.recovery = Recovery(recorder=recorder, disk=self.disk, overwrite=overwrite)

    def _report(self, record: JobRecord, event: JobEvent | None) -> None:
        del record
        if event is not None:
            self.events.append(event)

    async def new(self, **changes: Any) -> JobRecord:
        return await self.ledger.add(job_record(1, **{"output": str(self.folder / "scene.mp4"), **changes}))

    async def arrived(self) -> JobRecord:
        """A job whose video is whole, and maybe has its name already."""
        part = self.folder / ".scene.part"
        part.write_bytes(DATA)
        return await self.new(
            state=JobState.DOWNLOADING, size=len(DATA), sha256=hashlib.sha256(DATA).hexdigest(), part=str(part)
        )

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A recovery in a folder of its own."""
    bench = Bench(tmp_path)
    yield bench
    bench.disk.close()


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
async def test_half_way_states_go_on(bench: Bench, before: JobState, after: JobState) -> None:
    """A state that a crash left half-way becomes one from which work goes on, or an open question."""
    record = await bench.recovery.recover(await bench.new(state=before, size=5, sha256="ab"))
    assert record.state is after
    assert record.charge is (Charge.UNVERIFIED if before is JobState.QUEUEING else Charge.NONE)


async def test_a_video_that_has_its_name_is_completed(bench: Bench) -> None:
    """By size and hash; the second name that the crash left on it goes."""
    record = await bench.arrived()
    Path(record.output).hardlink_to(record.part or "")
    assert (await bench.recovery.recover(record)).state is JobState.COMPLETED
    assert bench.files() == ["scene.mp4"]


async def test_any_other_file_is_not_taken_for_the_video(bench: Bench) -> None:
    """It is fetched again, and the file stays untouched."""
    record = await bench.arrived()
    Path(record.output).write_bytes(b"something else")
    after = await bench.recovery.recover(record)
    assert (after.state, after.size, after.sha256, after.part) == (JobState.QUEUED, None, None, None)
    assert bench.files() == ["scene.mp4"]


async def test_nothing_of_a_try_stays_in_the_folder(bench: Bench) -> None:
    """Neither its bytes nor the file on which the folder's permissions were looked up."""
    record = await bench.arrived()
    (bench.folder / ".scene.mode").touch()
    assert (await bench.recovery.recover(record)).state is JobState.QUEUED
    assert bench.files() == []


async def test_a_video_that_was_renamed_is_found(tmp_path: Path) -> None:
    """The name that `publish` chose was not recorded any more."""
    bench = Bench(tmp_path, Overwrite.RENAME)
    record = await bench.arrived()
    Path(record.output).write_bytes(b"something else")
    (tmp_path / "scene (2).mp4").write_bytes(DATA)
    after = await bench.recovery.recover(record)
    assert (after.state, after.output) == (JobState.COMPLETED, str(tmp_path / "scene (2).mp4"))
    bench.disk.close()


def answer(**changes: Any) -> PaidAnswer:
    """What the server said to the first attempt."""
    facts = {"job_id": "id-1", "attempt": 1, "model": "m", "queue_id": "q-1", "download_url": None, "queued_at": 5.0}
    return PaidAnswer(**{**facts, **changes})


@pytest.mark.parametrize("state", [JobState.QUEUEING, JobState.UNKNOWN])
async def test_a_late_answer_heals_the_job(bench: Bench, state: JobState) -> None:
    """Whoever took the call for lost was wrong: the token of the attempt proves it."""
    await bench.new(state=state, attempt=1, charge=Charge.UNVERIFIED)
    record = await bench.recovery.take_answer(answer(download_url="https://video.venice.ai/x"))
    assert (record.state, record.queue_id, record.charge) == (JobState.QUEUED, "q-1", Charge.CHARGED)
    assert record.download_url == "https://video.venice.ai/x"
    assert await bench.recovery.take_answer(answer()) == record


async def test_a_cancelled_job_is_known_to_be_paid(bench: Bench) -> None:
    """It stays cancelled, and its money is counted."""
    await bench.new(state=JobState.CANCELLED, attempt=1)
    record = await bench.recovery.take_answer(answer())
    assert (record.state, record.queue_id, record.charge) == (JobState.CANCELLED, "q-1", Charge.CHARGED)


@pytest.mark.parametrize(
    ("state", "attempt"), [(JobState.UNKNOWN, 2), (JobState.PENDING, 1), (JobState.FAILED, 1), (JobState.QUEUED, 2)]
)
async def test_an_answer_to_a_call_that_was_given_up_is_a_job_of_its_own(
    bench: Bench, state: JobState, attempt: int
) -> None:
    """A person had it sent again, or took it for not charged: two videos are paid for, and both come home."""
    record = await bench.new(state=state, attempt=attempt, queue_id="q-2" if state is JobState.QUEUED else None)
    sibling = await bench.recovery.take_answer(answer())
    assert (sibling.key, sibling.state, sibling.queue_id) == ("key-1~late", JobState.QUEUED, "q-1")
    assert Path(sibling.output).name == f"scene~{sibling.id}.mp4"
    assert await bench.ledger.get("id-1") == record
    assert await bench.recovery.take_answer(answer()) == sibling


async def test_a_repeated_queue_id_leaves_the_outcome_unknown(bench: Bench) -> None:
    """The server named another job's: which of the two it made, nobody can tell."""
    await bench.ledger.add(job_record(2, state=JobState.QUEUED, queue_id="q-1"))
    await bench.new(state=JobState.QUEUEING, attempt=1)
    record = await bench.recovery.take_answer(answer())
    assert (record.state, record.queue_id, record.charge) == (JobState.UNKNOWN, None, Charge.UNVERIFIED)
    assert "'q-1', which another job has already" in (record.error or "")
    changed = [event for event in bench.events if isinstance(event, JobStateChanged)]
    assert [event.state for event in changed] == [JobState.UNKNOWN]


async def test_an_answer_for_a_job_that_nobody_knows_is_refused(bench: Bench) -> None:
    """It stays kept, so that a person can look."""
    with pytest.raises(LedgerError, match="does not know job nobody"):
        await bench.recovery.take_answer(attrs.evolve(answer(), job_id="nobody"))
