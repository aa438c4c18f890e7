"""Events in a file, and a command for each job that ends."""

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from venice_async.cli.batch_events import AT_ONCE, Commands, EventFile, command_of, environment, event_document
from venice_async.cli.terminal import Terminal
from venice_async.errors import CapacityError, Charge, ConfigurationError
from venice_async.jobs import (
    JobDelayed,
    JobEvent,
    JobPolled,
    JobProgress,
    JobRecord,
    JobState,
    JobStateChanged,
    JobWarning,
)

from .ledger_files import record

pytestmark = pytest.mark.anyio

ABOUT: dict[str, Any] = {"job_id": "j", "key": "k", "model": "m", "at": 5.0}
DONE = JobStateChanged(**ABOUT, state=JobState.COMPLETED, previous=JobState.DOWNLOADING, charge=Charge.CHARGED)


class Errors:
    """A terminal and what it was told."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.terminal = Terminal(out=io.StringIO(), err=self._stream)

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()


@pytest.fixture
def errors() -> Errors:
    return Errors()


def test_every_kind_of_event_is_an_object() -> None:
    """Which kind it is, it says itself."""
    trouble = CapacityError("full", charge=Charge.REFUNDED)
    assert event_document(DONE) == {
        "at": 5.0, "event": "state", "key": "k", "job": "j", "model": "m", "state": "completed",
        "previous": "downloading", "charge": "charged", "error": None,
    }  # fmt: skip
    assert event_document(JobPolled(**ABOUT, execution_duration=2.5))["execution_duration"] == 2.5
    assert event_document(JobProgress(**ABOUT, received=1, total=2))["total"] == 2
    delayed = event_document(JobDelayed(**ABOUT, error=trouble, delay=3.0))
    assert (delayed["event"], delayed["delay"], delayed["error"]["charge"]) == ("delayed", 3.0, "refunded")
    assert event_document(JobWarning(**ABOUT, warning="tiny"))["warning"] == "tiny"
    assert event_document(JobEvent(**ABOUT))["event"] == "event"


async def test_the_file_gets_a_line_for_each_event(tmp_path: Path, errors: Errors) -> None:
    """What earlier runs wrote stays; of progress only what is some."""
    (tmp_path / "e.jsonl").write_text('{"old": 1}\n')
    events = EventFile(tmp_path / "e.jsonl", errors.terminal)
    for received in (*range(100), 100, 0):
        events.tell(JobProgress(**ABOUT, received=received, total=100))
    events.tell(DONE)
    await events.aclose(patience=0.0)
    lines = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert [line.get("received", line.get("state")) for line in lines] == [None, *range(0, 100, 5), 100, 0, "completed"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
async def test_a_full_disk_is_told_once(errors: Errors) -> None:
    """And harms nothing else."""
    events = EventFile(Path("/dev/full"), errors.terminal)
    events.tell(DONE)
    events.tell(DONE)
    await events.aclose(patience=0.0)
    assert errors.lines == ["/dev/full cannot be written any more: No space left on device."]


def test_a_file_that_cannot_be_made_is_told_before_anything_is_paid(tmp_path: Path, errors: Errors) -> None:
    """As a wrong setting."""
    with pytest.raises(ConfigurationError, match="cannot be written"):
        EventFile(tmp_path / "no" / "folder", errors.terminal)


def test_a_command_gets_facts_and_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The path only where there is a file."""
    monkeypatch.setenv("VENICE_API_KEY", "secret")
    monkeypatch.setenv("VENICE_ADMIN_KEY", "secret")
    monkeypatch.setenv("LANG", "C")
    done = environment(record("a", tmp_path, state=JobState.COMPLETED, size=5, sha256="ab", download_url="https://x/y"))
    assert "secret" not in done.values()
    assert "https://x/y" not in done.values()
    facts = {name.removeprefix("VENICE_JOB_"): value for name, value in done.items() if name.startswith("VENICE_JOB_")}
    assert facts == {
        "KEY": "a", "ID": "id-a", "STATE": "completed", "MODEL": "ltx-2-v2-3-fast-text-to-video", "SHA256": "ab",
        "PATH": str(tmp_path / "videos" / "a.mp4"), "SIZE": "5", "PRICE_USD": "0.39", "CHARGE": "none", "QUEUE_ID": "",
    }  # fmt: skip
    assert done["LANG"] == "C"
    assert environment(record("b\0c", tmp_path, state=JobState.FAILED))["VENICE_JOB_KEY"] == "bc"
    assert environment(record("b", tmp_path, state=JobState.FAILED))["VENICE_JOB_PATH"] == ""


@pytest.mark.parametrize("text", ["", "  ", "'open"])
def test_what_is_no_command(text: str) -> None:
    """It is told before anything is paid."""
    with pytest.raises(ConfigurationError, match="--on-complete takes a command"):
        command_of(text)


def ends(number: int) -> JobStateChanged:
    return JobStateChanged(**{**ABOUT, "job_id": f"j{number}"}, state=JobState.COMPLETED)


def runs(errors: Errors, tmp_path: Path, code: str) -> Commands:
    """Commands that run a Python program."""
    command = [sys.executable, "-c", code]
    record_of: Callable[[str], JobRecord | None] = lambda job_id: record(  # noqa: E731
        job_id, tmp_path, state=JobState.COMPLETED
    )
    return Commands(command=command, record_of=record_of, terminal=errors.terminal)


async def test_a_few_run_at_once(tmp_path: Path, errors: Errors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ended job has its turn; one that is not ended has none, nor has a stranger's."""
    going, most, gate = 0, 0, asyncio.Event()

    async def run(self: Commands, job: JobRecord) -> None:
        nonlocal going, most
        del self
        (tmp_path / job.key).touch()
        going += 1
        most = max(most, going)
        await gate.wait()
        going -= 1

    monkeypatch.setattr(Commands, "_run", run)
    commands = runs(errors, tmp_path, "")
    for number in range(11):
        commands.tell(ends(number))
    commands.tell(JobStateChanged(**ABOUT, state=JobState.QUEUED))
    commands.record_of = lambda _: None
    commands.tell(ends(99))
    await asyncio.sleep(0)
    gate.set()
    await commands.aclose(patience=10.0)
    assert most == AT_ONCE
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"j{number}" for number in range(11))


async def test_a_command_that_fails_is_told(tmp_path: Path, errors: Errors) -> None:
    """With the end of what it said; also one that is not there."""
    commands = runs(errors, tmp_path, "import sys; sys.exit('no\\x1b[31m room')")
    commands.tell(ends(1))
    await commands.aclose(patience=30.0)
    commands.command = [str(tmp_path / "nothing")]
    commands.tell(ends(2))
    await commands.aclose(patience=30.0)
    assert errors.lines == [
        "--on-complete for j1: ended with 1. no [31m room",
        "--on-complete for j2: No such file or directory",
    ]


async def test_a_command_that_hangs_holds_nothing_up(tmp_path: Path, errors: Errors) -> None:
    """It is ended, and that is said."""
    commands = runs(errors, tmp_path, "import time; time.sleep(600)")
    commands.tell(ends(1))
    await commands.aclose(patience=0.5)
    assert errors.lines == ["--on-complete: 1 commands were not waited for any longer."]
