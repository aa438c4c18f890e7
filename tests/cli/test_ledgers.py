"""`jobs` and `resume`: what a ledger holds, and what goes on."""

import time
from pathlib import Path

import pytest

from venice_async.emulator import Emulator
from venice_async.errors import AuthenticationError, Charge, NotFoundError, ReplyLostError
from venice_async.jobs import Delivery, JobState, error_text

from .conftest import SCALE, Command
from .ledger_files import keep, record

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    """A ledger with a job of each interesting kind."""
    lost = error_text(ReplyLostError("The answer was lost", charge=Charge.UNVERIFIED))
    refused = error_text(AuthenticationError("The key was refused", status=401))
    path = tmp_path / "kept.sqlite3"
    done = record(
        "done", tmp_path, state=JobState.COMPLETED, charge=Charge.CHARGED, size=7, finished_at=1_800_000_000.0
    )
    unknown = record("lost", tmp_path, state=JobState.UNKNOWN, charge=Charge.UNVERIFIED, error=lost)
    held = record("held", tmp_path, state=JobState.HELD, held_for="key", error=refused)
    pending = record("waiting", tmp_path)
    await keep(path, done, unknown, held, pending)
    return path


async def test_jobs(venice: Command, emulator: Emulator, ledger: Path) -> None:
    """Every job with its state, time, money, and path or reason with what to do; no server is asked."""
    ran = await venice("jobs", "--ledger", str(ledger), VENICE_API_KEY="", TZ="UTC")
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].split() == ["job", "model", "state", "time", "price", "charge", "path", "or", "reason"]
    assert lines[1].split()[2:] == ["completed", "2027-01-15", "08:00", "$0.39", "charged", "videos/done.mp4"]
    assert lines[2].endswith("The answer was lost. Whether it was charged is not known. See: venice-async unknown")
    assert " waits for a person (key): The key was refused. Nothing was charged. Check the API key" in lines[3]
    command = f"venice-async release held --ledger {ledger}"
    assert ran.err == f"1 waits for a person (key); once the cause is gone: {command}\n"
    assert lines[4].split()[2:] == ["pending", "-", "$0.39", "none"]
    assert lines[-1] == "4 jobs: $0.39 spent, $1.17 reserved, $0.00 refunded"
    assert not emulator.requests


async def test_jobs_as_json(venice: Command, ledger: Path, tmp_path: Path) -> None:
    """The same for scripts, from the ledger that the environment names."""
    ran = await venice("jobs", "--json", VENICE_LEDGER=str(ledger))
    done, lost, held, pending = ran.json["jobs"]
    assert [job["state"] for job in (done, lost, held, pending)] == ["completed", "unknown", "held", "pending"]
    assert done["path"] == str(tmp_path / "videos" / "done.mp4")
    assert lost["path"] is None
    assert (done["finished_at"], lost["attempt"], len(lost["request_hash"])) == (1_800_000_000.0, 0, 16)
    assert held["error"]["advice"].startswith("Check the API key")
    assert ran.json["totals"] == {"spent_usd": 0.39, "reserved_usd": 1.17, "refunded_usd": 0.0}


async def test_jobs_of_a_state(venice: Command, ledger: Path) -> None:
    """Only those, and their money; a state that there is not is refused."""
    ran = await venice("jobs", "--ledger", str(ledger), "--state", "held", "--state", "pending", "--json")
    assert [job["key"] for job in ran.json["jobs"]] == ["held", "waiting"]
    assert ran.json["totals"]["reserved_usd"] == 0.78
    assert (await venice("jobs", "--ledger", str(ledger), "--state", "lost")).code == 2


@pytest.mark.parametrize("command", ["jobs", "unknown", "resume", "reconcile", "resolve x --charged", "release --all"])
async def test_a_missing_ledger_is_not_made(venice: Command, tmp_path: Path, command: str) -> None:
    """A mistyped name is told, and leaves no empty ledger behind."""
    ran = await venice(*command.split(), "--ledger", "typo.sqlite3")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("venice-async: There is no ledger at typo.sqlite3.")
    assert not (tmp_path / "typo.sqlite3").exists()


async def test_a_file_that_is_no_ledger(venice: Command, tmp_path: Path) -> None:
    """A foreign file is refused in one sentence and stays as it was."""
    (tmp_path / "notes.txt").write_text("no database " * 100)
    (tmp_path / "notes.txt").chmod(0o600)
    ran = await venice("jobs", "--ledger", "notes.txt")
    assert ran.code == 1
    assert "cannot be used as a ledger" in ran.err
    assert (tmp_path / "notes.txt").read_text() == "no database " * 100


async def test_resume_tells_what_it_leaves(venice: Command, emulator: Emulator, ledger: Path, tmp_path: Path) -> None:
    """What can go on is brought home; what waits for a person is told, and keeps the exit code from being 0."""
    ran = await venice("resume", "--ledger", str(ledger), "--yes", "--time-scale", f"{SCALE:g}", "--json")
    assert ran.code == 1
    assert {job["key"]: job["state"] for job in ran.json["jobs"]} == {
        "waiting": "completed",
        "lost": "unknown",
        "held": "held",
    }
    assert (tmp_path / "videos" / "waiting.mp4").is_file()
    assert "venice-async resume --held" in ran.err
    assert len(emulator.charges) == 1


async def test_resume_held(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """With --held a job whose cause is gone goes on, and all being done is exit code 0."""
    path = tmp_path / "held.sqlite3"
    await keep(path, record("held", tmp_path, state=JobState.HELD, held_for="balance"))
    ran = await venice("resume", "--ledger", str(path), "--held", "--yes", "--time-scale", f"{SCALE:g}")
    assert ran.code == 0
    assert (tmp_path / "videos" / "held.mp4").is_file()
    assert len(emulator.charges) == 1


async def test_resume_with_nothing_to_do(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """A ledger where all is done is exit code 0 and costs no request for a paid call."""
    path = tmp_path / "done.sqlite3"
    await keep(path, record("done", tmp_path, state=JobState.FAILED, charge=Charge.REFUNDED))
    ran = await venice("resume", "--ledger", str(path))
    assert ran.code == 0
    assert "Nothing in this ledger is unfinished." in ran.err
    assert not emulator.charges


async def test_resume_pays_only_what_is_agreed_to(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """A job that was not sent yet is named with its price; without a terminal it takes --yes or a budget that fits."""
    path = tmp_path / "l.sqlite3"
    await keep(path, record("a", tmp_path), record("held", tmp_path, state=JobState.HELD, held_for="balance"))
    resume = ("resume", "--ledger", str(path), "--time-scale", f"{SCALE:g}")
    refused = await venice(*resume)
    assert (refused.code, refused.out) == (2, "")
    assert "would pay $0.39 for 1 job of this ledger that was not sent yet" in refused.err
    assert "would pay $0.78 for 2 jobs of this ledger that were not" in (await venice(*resume, "--held")).err
    dear = await venice(*resume, "--budget", "0.38")
    assert (dear.code, "budget of $0.38" in dear.err) == (1, True)
    assert not emulator.requests
    # The held one is reserved as well, and stays so.
    assert "budget of $0.77" in (await venice(*resume, "--budget", "0.77")).err
    await venice(*resume, "--budget", "0.78")
    assert len(emulator.charges) == 1


async def test_resume_asks_nothing_about_what_is_paid(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """A job whose bytes go to a program is neither waited for nor counted as left over."""
    path = tmp_path / "l.sqlite3"
    streamed = record(
        "s", tmp_path, state=JobState.QUEUED, delivery=Delivery.CALLER, queue_id="q", queued_at=time.time(), output="",
        charge=Charge.CHARGED,
    )  # fmt: skip
    await keep(path, streamed)
    ran = await venice("resume", "--ledger", str(path), "--time-scale", f"{SCALE:g}")
    assert ran.code == 0, ran.err
    words = "its bytes wait at the server, until "
    assert words in ran.out
    for told in (await venice("show", "s", "--ledger", str(path)), await venice("jobs", "--ledger", str(path))):
        assert words in told.out
        assert "job.open_stream() in a Python program" in told.out


async def test_a_job_without_a_key_is_named_by_its_id(venice: Command, tmp_path: Path) -> None:
    """By as much of it as a command takes; where several begin so, more must be said."""
    path = tmp_path / "l.sqlite3"
    ids = ("0123456789abcdef", "0123456799abcdef", "fedcba9876543210")
    await keep(path, *(record(one, tmp_path, id=one, output=str(tmp_path / one)) for one in ids))
    ran = await venice("jobs", "--ledger", str(path))
    assert ran.out.splitlines()[3].startswith("fedcba98 About fedcba")
    assert ids[2] in (await venice("show", "fedcba98", "--ledger", str(path))).out
    several = await venice("show", "01234567", "--ledger", str(path))
    assert (several.code, "The ids of 2 jobs begin with '01234567'" in several.err) == (2, True)
    assert (await venice("show", "fedc", "--ledger", str(path))).code == 2


async def test_a_wrong_queue_id_is_resolved_once_more(venice: Command, tmp_path: Path) -> None:
    """Not released: the same id would be asked for again. What is charged is not claimed to be known."""
    path = tmp_path / "l.sqlite3"
    unfound = error_text(NotFoundError("Not found", status=404, charge=Charge.NONE))
    slip = record(
        "slip", tmp_path, state=JobState.HELD, held_for="queue_id", queue_id="wrong", error=unfound,
        decision="adopt (attempt 1, 2026-01-01T00:00:00+00:00)", charge=Charge.CHARGED,
    )  # fmt: skip
    await keep(path, slip)
    shown = (await venice("show", "slip", "--ledger", str(path))).out
    listed = (await venice("jobs", "--ledger", str(path))).out
    assert f"venice-async resolve slip --ledger {path} --queue-id ID" in shown
    for told in (shown, listed):
        assert "charged is as open as before" in told
        assert "Nothing was charged" not in told
        assert "release" not in told
