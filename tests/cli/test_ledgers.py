"""`jobs`, `unknown` and `resume`: what a ledger holds, and what goes on."""

from decimal import Decimal
from pathlib import Path

import pytest

from venice_async.emulator import Emulator
from venice_async.errors import AuthenticationError, Charge, ReplyLostError
from venice_async.jobs import JobRecord, JobState, error_text
from venice_async.ledger import SqliteLedger
from venice_async.models import VideoRequest
from venice_async.wire.stored import request_to_text

from .conftest import SCALE, Command

pytestmark = pytest.mark.anyio

MODEL = "ltx-2-v2-3-fast-text-to-video"


def record(key: str, tmp_path: Path, **facts: object) -> JobRecord:
    request = VideoRequest(model=MODEL, prompt=f"About {key}", duration="6s", aspect_ratio="16:9")
    values: dict[str, object] = {
        "id": f"id-{key}", "key": key, "model": MODEL, "request": request_to_text(request),
        "output": str(tmp_path / "videos" / f"{key}.mp4"), "price_usd": Decimal("0.39"), **facts,
    }  # fmt: skip
    return JobRecord(**values)  # type: ignore[arg-type]


async def keep(path: Path, *records: JobRecord) -> None:
    ledger = SqliteLedger(path)
    await ledger.open()
    for one in records:
        await ledger.add(one)
    await ledger.aclose()


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    """A ledger with a job of each interesting kind."""
    lost = error_text(ReplyLostError("The answer was lost", charge=Charge.UNVERIFIED))
    refused = error_text(AuthenticationError("The key was refused", status=401))
    path = tmp_path / "kept.sqlite3"
    done = record("done", tmp_path, state=JobState.COMPLETED, charge=Charge.CHARGED, size=7)
    unknown = record("lost", tmp_path, state=JobState.UNKNOWN, charge=Charge.UNVERIFIED, error=lost)
    held = record("held", tmp_path, state=JobState.HELD, held_for="key", error=refused)
    pending = record("waiting", tmp_path)
    await keep(path, done, unknown, held, pending)
    return path


async def test_jobs(venice: Command, emulator: Emulator, ledger: Path) -> None:
    """Every job with its state, money, and path or reason; no server is asked."""
    ran = await venice("jobs", "--ledger", str(ledger), VENICE_API_KEY="")
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].split() == ["job", "model", "state", "price", "charge", "path", "or", "reason"]
    assert lines[1].split()[2:] == ["completed", "$0.39", "charged", "videos/done.mp4"]
    assert lines[2].endswith("The answer was lost. Whether it was charged is not known.")
    assert lines[3].endswith("waits for a person (key): The key was refused. Nothing was charged.")
    assert lines[-1] == "4 jobs: $0.39 spent, $1.17 reserved, $0.00 refunded"
    assert not emulator.requests


async def test_jobs_as_json(venice: Command, ledger: Path, tmp_path: Path) -> None:
    """The same for scripts, from the ledger that the environment names."""
    ran = await venice("jobs", "--json", VENICE_LEDGER=str(ledger))
    assert [job["state"] for job in ran.json["jobs"]] == ["completed", "unknown", "held", "pending"]
    assert ran.json["jobs"][0]["path"] == str(tmp_path / "videos" / "done.mp4")
    assert ran.json["jobs"][1]["path"] is None
    assert ran.json["totals"] == {"spent_usd": 0.39, "reserved_usd": 1.17, "refunded_usd": 0.0}


async def test_unknown(venice: Command, ledger: Path) -> None:
    """Only the jobs in doubt, with what that means."""
    ran = await venice("unknown", "--ledger", str(ledger))
    assert ran.code == 0
    assert ran.out.splitlines()[-1].startswith("1 job: $0.00 spent, $0.39 reserved")
    assert "Look at the account's usage" in ran.err


@pytest.mark.parametrize("command", ["jobs", "unknown", "resume"])
async def test_a_missing_ledger_is_not_made(venice: Command, tmp_path: Path, command: str) -> None:
    """A mistyped name is told, and leaves no empty ledger behind."""
    ran = await venice(command, "--ledger", "typo.sqlite3")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("venice-async: There is no ledger at typo.sqlite3.")
    assert not (tmp_path / "typo.sqlite3").exists()


async def test_a_file_that_is_no_ledger(venice: Command, tmp_path: Path) -> None:
    """A foreign file is refused in one sentence and stays as it was."""
    (tmp_path / "notes.txt").write_text("no database " * 100)
    ran = await venice("jobs", "--ledger", "notes.txt")
    assert ran.code == 1
    assert "cannot be used as a ledger" in ran.err
    assert (tmp_path / "notes.txt").read_text() == "no database " * 100


async def test_resume_tells_what_it_leaves(venice: Command, emulator: Emulator, ledger: Path, tmp_path: Path) -> None:
    """What can go on is brought home; what waits for a person is told, and keeps the exit code from being 0."""
    ran = await venice("resume", "--ledger", str(ledger), "--time-scale", f"{SCALE:g}", "--json")
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
    ran = await venice("resume", "--ledger", str(path), "--held", "--time-scale", f"{SCALE:g}")
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
