"""`resolve` and `release`: what a person decided, in the ledger."""

import asyncio
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.cli.resolving import Decision, resolve
from venice_async.cli.terminal import Terminal
from venice_async.emulator import Emulator
from venice_async.errors import Charge, ConfigurationError, ReplyLostError
from venice_async.jobs import JobRecord, JobState, error_text

from .conftest import SCALE, Command
from .ledger_files import keep, kept, record

pytestmark = pytest.mark.anyio

LOST = error_text(ReplyLostError("The answer was lost", charge=Charge.UNVERIFIED))
LINK = "https://media.example.com/secret"


def doubted(key: str, tmp_path: Path, **changes: Any) -> JobRecord:
    facts = {"state": JobState.UNKNOWN, "charge": Charge.UNVERIFIED, "queueing_at": 1000.0, "attempt": 1, "error": LOST}
    return record(key, tmp_path, **{**facts, **changes})


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    """One job in doubt, two that are held, and one that is done."""
    path = tmp_path / "kept.sqlite3"
    held = [record(f"held-{n}", tmp_path, state=JobState.HELD, held_for="balance") for n in (1, 2)]
    done = record("done", tmp_path, state=JobState.COMPLETED, charge=Charge.CHARGED)
    await keep(path, doubted("scene", tmp_path), *held, done)
    return path


@pytest.mark.parametrize(
    ("options", "state", "charge"),
    [
        (["--not-charged"], JobState.FAILED, Charge.NONE),
        (["--charged"], JobState.FAILED, Charge.CHARGED),
        (["--resubmit", "--yes"], JobState.PENDING, Charge.NONE),
        (["--queue-id", "q-7"], JobState.QUEUED, Charge.CHARGED),
    ],
)
async def test_each_decision(
    venice: Command, ledger: Path, options: list[str], state: JobState, charge: Charge
) -> None:
    """It is written down with its time, without a key and without any server."""
    offline = {"VENICE_API_KEY": "", "VENICE_BASE_URL": "http://127.0.0.1:9/api/v1"}
    ran = await venice("resolve", "scene", *options, "--ledger", str(ledger), **offline)
    assert (ran.code, ran.out.startswith(f"scene is {state.value}. ")) == (0, True), ran
    after = (await kept(ledger))["scene"]
    assert (after.state, after.charge) == (state, charge)
    assert (after.error is not None) is (state is JobState.FAILED)  # whoever awaits it is told what was decided
    assert after.decision is not None
    assert (f"venice-async resume --ledger {ledger}" in ran.err) is not state.terminal


async def test_what_was_sent_again_counts_twice(venice: Command, ledger: Path) -> None:
    """The first price as spent, the second as reserved."""
    ran = await venice("resolve", "id-scene", "--resubmit", "-y", "--ledger", str(ledger), "--json")
    assert ran.json["doubtful_usd"] == 0.39
    ran = await venice("jobs", "--state", "pending", "--ledger", str(ledger), "--json")
    assert ran.json["totals"] == {"spent_usd": 0.39, "reserved_usd": 0.39, "refunded_usd": 0.0}


async def test_an_adopted_job_comes_home(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """The video that was paid for, found under its queue_id, and paid for once."""
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("scene", tmp_path, model="grok-imagine-text-to-video-private"))
    made = await venice(
        "generate", "grok-imagine-text-to-video-private", "a quay", "--duration", "5s", "--aspect-ratio", "16:9",
        "--resolution", "480p", "--yes", "--time-scale", f"{SCALE:g}", "--ledger", str(tmp_path / "other.sqlite3"),
    )  # fmt: skip
    assert made.code == 0
    (job,) = emulator.jobs
    link = f"{emulator.url.removesuffix('/api/v1')}/media/{job.token}"
    job.deleted_at = None
    ran = await venice(
        "resolve", "scene", "--queue-id", job.queue_id, "--download-url", link, "--ledger", str(path)
    )  # fmt: skip
    assert (ran.code, str(job.token) in ran.out + ran.err) == (0, False)
    ran = await venice("resume", "--ledger", str(path), "--time-scale", f"{SCALE:g}")
    assert ran.code == 0, ran
    assert (tmp_path / "videos" / "scene.mp4").is_file()
    assert len(emulator.charges) == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "Say one of --queue-id ID, --not-charged, --charged and --resubmit."),
        (["--charged", "--not-charged"], "Say one of"),
        (["--charged", "--download-url", LINK], "--download-url goes with --queue-id."),
        (["--resubmit"], "no terminal to ask at"),
    ],
)
async def test_what_is_typed_wrong(venice: Command, ledger: Path, options: list[str], problem: str) -> None:
    """Exit code 2, and the ledger stays as it was."""
    ran = await venice("resolve", "scene", *options, "--ledger", str(ledger))
    assert (ran.code, ran.out, problem in ran.err) == (2, "", True), ran
    assert LINK not in ran.err
    assert (await kept(ledger))["scene"].state is JobState.UNKNOWN


async def test_a_job_that_is_not_there(venice: Command, ledger: Path) -> None:
    """Exit code 2."""
    ran = await venice("resolve", "scen", "--charged", "--ledger", str(ledger))
    assert (ran.code, ran.err.startswith("venice-async: There is no job 'scen'")) == (2, True)


@pytest.mark.parametrize("options", [["--charged"], ["--resubmit"]])
async def test_a_job_that_is_not_in_doubt(venice: Command, ledger: Path, options: list[str]) -> None:
    """What is certain is not decided again: that is said before anything is asked."""
    ran = await venice("resolve", "done", *options, "--ledger", str(ledger))
    assert (ran.code, "is completed: only one that is unknown can be resolved" in ran.err) == (1, True), ran


async def test_a_queue_id_that_another_job_has(venice: Command, ledger: Path, tmp_path: Path) -> None:
    """Two jobs cannot be the same video."""
    await keep(ledger, record("other", tmp_path, state=JobState.HELD, held_for="link", queue_id="q-7"))
    ran = await venice("resolve", "scene", "--queue-id", "q-7", "--ledger", str(ledger))
    assert ran.code == 1
    assert (await kept(ledger))["scene"].state is JobState.UNKNOWN


class Person(Terminal):
    """A terminal with somebody at it."""

    def __init__(self, *, agrees: bool) -> None:
        super().__init__(out=io.StringIO(), err=io.StringIO())
        self.agrees = agrees
        self.asked: list[str] = []

    @property
    def can_ask(self) -> bool:
        return True

    def ask(self, question: str) -> bool:
        self.asked.append(question)
        return self.agrees


@pytest.fixture
def in_a_file(tmp_path: Path) -> Path:
    """A ledger for tests that run the command inside this process."""
    path = tmp_path / "kept.sqlite3"
    asyncio.run(keep(path, doubted("scene", tmp_path, price_usd=Decimal("1.5"))))
    return path


@pytest.mark.parametrize(("agrees", "code", "state"), [(True, 0, JobState.PENDING), (False, 1, JobState.UNKNOWN)])
def test_a_person_is_asked(in_a_file: Path, *, agrees: bool, code: int, state: JobState) -> None:
    """The question names the money; who says no changes nothing."""
    person = Person(agrees=agrees)
    assert resolve(Decision(job="scene", ledger=in_a_file, resubmit=True), person) == code
    assert person.asked == ["scene may have been charged already. Send it again, for $1.50 once more?"]
    assert asyncio.run(kept(in_a_file))["scene"].state is state


def test_the_other_decisions_ask_nothing(in_a_file: Path) -> None:
    """They cost nothing."""
    person = Person(agrees=False)
    assert resolve(Decision(job="scene", ledger=in_a_file, charged=True), person) == 0
    assert person.asked == []


def test_a_link_is_not_shown() -> None:
    """Not even where the decision itself is."""
    assert "secret" not in repr(Decision(job="scene", ledger=Path("x"), queue_id="q", download_url=LINK))
    with pytest.raises(ConfigurationError):
        Decision(job="scene", ledger=Path("x")).resolution  # noqa: B018 -- looking is the test


async def test_release(venice: Command, emulator: Emulator, ledger: Path) -> None:
    """One that is held goes on, the others stay; no server is asked."""
    ran = await venice("release", "held-1", "--ledger", str(ledger), VENICE_API_KEY="")
    assert ran.code == 0, ran
    after = await kept(ledger)
    assert (after["held-1"].state, after["held-1"].held_for) == (JobState.PENDING, None)
    assert after["held-2"].state is JobState.HELD
    assert f"venice-async resume --ledger {ledger}" in ran.err
    assert not emulator.requests


async def test_release_all(venice: Command, ledger: Path) -> None:
    """Every one that is held, whatever for; the next time there is none."""
    ran = await venice("release", "--all", "--ledger", str(ledger), "--json")
    assert [job["key"] for job in ran.json["jobs"]] == ["held-1", "held-2"]
    ran = await venice("release", "--all", "--ledger", str(ledger))
    assert (ran.code, "No job of this ledger is held." in ran.err) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 2), (["held-1", "--all"], 2), (["nobody"], 2), (["held-1", "nobody"], 2), (["done"], 1)],
)
async def test_what_cannot_be_released(venice: Command, ledger: Path, arguments: list[str], code: int) -> None:
    """Neither nothing nor both; neither a job that is not there nor one that is not held. Nothing changes."""
    ran = await venice("release", *arguments, "--ledger", str(ledger))
    assert ran.code == code, ran
    assert (await kept(ledger))["held-1"].state is JobState.HELD
