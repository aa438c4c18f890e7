"""`generate`: checked, priced, asked for, made; and each way in which that fails is told in a sentence."""

import asyncio
import contextlib
import inspect
import json
import os
import pty
import signal
import sys
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from venice_async.cli.generate import _question, request_of
from venice_async.cli.options import RequestOptions
from venice_async.cli.unsent import Unsent
from venice_async.emulator import Emulator, RejectFault
from venice_async.jobs import JobState
from venice_async.manager import JobManager
from venice_async.models import SeedanceConsent, VideoRequest
from venice_async.wire.stored import request_to_text

from .conftest import SCALE, Command, clean_environment
from .ledger_files import keep, record

pytestmark = pytest.mark.anyio

FAST = "ltx-2-v2-3-fast-text-to-video"
SLOW = "longcat-text-to-video"
GOOD = ("--duration", "6s", "--aspect-ratio", "16:9", "--time-scale", f"{SCALE:g}")
SLOW_GOOD = ("--duration", "5s", "--aspect-ratio", "16:9", "--time-scale", f"{SCALE:g}")


async def test_prints_only_the_path_on_stdout(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """A script that captures stdout has the file's path and nothing else."""
    ran = await venice("generate", FAST, "A lighthouse", *GOOD, "--yes", "--output", "sea/light.mp4")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'sea' / 'light.mp4'}\n")
    assert (tmp_path / "sea" / "light.mp4").stat().st_size > 0
    assert len(emulator.charges) == 1


async def test_json_is_one_document(venice: Command, tmp_path: Path) -> None:
    """With --json stdout is the job as one document, and progress goes to stderr."""
    ran = await venice("generate", FAST, "A lighthouse", *GOOD, "--yes", "--json", "--key", "light")
    assert ran.code == 0
    assert ran.json["state"] == "completed"
    assert ran.json["key"] == "light"
    assert ran.json["price_usd"] == 0.39
    assert Path(ran.json["path"]) == tmp_path / "videos" / "light.mp4"
    assert "downloading" in ran.err


async def test_the_same_key_never_pays_twice(venice: Command, emulator: Emulator) -> None:
    """A second call with a known key gives the same file and no second charge."""
    first = await venice("generate", FAST, "A lighthouse", *GOOD, "--yes", "--key", "light")
    second = await venice("generate", FAST, "A lighthouse", *GOOD, "--yes", "--key", "light")
    assert (second.code, second.out) == (0, first.out)
    assert "not paid twice" in second.err
    assert len(emulator.charges) == 1


async def test_a_request_file_is_made(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """The API's fields in a file; the model and the prompt may be in it as well."""
    body = {"model": FAST, "prompt": "A lighthouse", "duration": "6s", "aspect_ratio": "16:9"}
    (tmp_path / "request.json").write_text(json.dumps(body))
    scale = ("--time-scale", f"{SCALE:g}")
    ran = await venice("generate", "--request", "request.json", "--duration", "8s", *scale, "--yes", "-o", "a.mp4")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'a.mp4'}\n")
    assert emulator.spent_usd == Decimal("0.52")


async def test_what_the_check_would_refuse_is_sent_anyway(venice: Command, emulator: Emulator) -> None:
    """Then the server decides, and its refusal costs nothing."""
    if "check" not in inspect.signature(JobManager.submit).parameters:
        pytest.skip("JobManager.submit checks everything")
    wrong = ("generate", FAST, "x", "--duration", "7s", "--aspect-ratio", "16:9", "--time-scale", f"{SCALE:g}", "--yes")
    assert "is not one of this model's" in (await venice(*wrong)).err
    queued = [request for request in emulator.requests if request.endpoint == "queue"]
    assert queued == []
    ran = await venice(*wrong, "--send-anyway")
    assert (ran.code, len(emulator.charges)) == (1, 0)
    assert [request.status for request in emulator.requests if request.endpoint == "queue"] == [400]


async def test_a_script_must_approve_the_price(venice: Command, emulator: Emulator) -> None:
    """Without a terminal, --yes or --budget, it neither asks nor pays nor hangs."""
    ran = await venice("generate", FAST, "A lighthouse", *GOOD)
    assert ran.code == 2
    assert "--yes" in ran.err
    assert not emulator.requests


async def test_what_else_is_paid_is_said(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Another job of the ledger that was not sent yet; the budget looks at both, before anything is sent."""
    await keep(tmp_path / "venice-jobs.sqlite3", record("other", tmp_path))
    ran = await venice("generate", FAST, "A lighthouse", *GOOD, "--budget", "0.77")
    assert (ran.code, len(emulator.charges)) == (1, 0)
    assert "1 job of this ledger was not sent yet and goes on as well: $0.39." in ran.err


@pytest.mark.parametrize(
    ("known", "others", "question"),
    [
        (None, 0, "Pay $0.50 for this video?"),
        (None, 2, "Pay $1.28 for this video and 2 jobs of this ledger that were not sent yet?"),
        (JobState.PENDING, 0, "Pay $0.50 for this video?"),
        (JobState.QUEUED, 0, None),
        (JobState.QUEUED, 1, "Pay $0.39 for 1 job of this ledger that was not sent yet?"),
    ],
)
def test_the_question_names_all_that_is_paid(
    tmp_path: Path, known: JobState | None, others: int, question: str | None
) -> None:
    """And nothing is asked where nothing is to be paid."""
    found = None if known is None else record("mine", tmp_path, state=known)
    waiting = Unsent(records=tuple(record(str(number), tmp_path) for number in range(others)))
    assert _question(Decimal("0.50"), found, waiting) == question


async def test_another_jobs_request_with_another_prompt(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """--prompt says it where no model goes before; not twice."""
    await keep(tmp_path / "venice-jobs.sqlite3", record("old", tmp_path, state=JobState.FAILED))
    scale = ("--time-scale", f"{SCALE:g}")
    twice = await venice("generate", "--like", "old", FAST, "A", "--prompt", "B", *scale, "--yes")
    assert (twice.code, "given twice" in twice.err) == (2, True)
    ran = await venice("generate", "--like", "old", "--prompt", "A new one", *scale, "--yes")
    assert ran.code == 0, ran.err
    assert [job.prompt for job in emulator.jobs] == ["A new one"]


async def test_a_budget_approves_what_fits(venice: Command, emulator: Emulator) -> None:
    """--budget pays for what fits under it and refuses what does not."""
    dear = await venice("generate", FAST, "A lighthouse", *GOOD, "--budget", "0.38")
    assert (dear.code, len(emulator.charges)) == (1, 0)
    assert "budget of $0.38" in dear.err
    cheap = await venice("generate", FAST, "A lighthouse", *GOOD, "--budget", "0.39")
    assert (cheap.code, len(emulator.charges)) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((FAST, "x", "--duration", "6s"), "aspect_ratio: is required by this model. Allowed: 16:9, 9:16."),
        ((FAST, "x", "--duration", "7s", "--aspect-ratio", "16:9"), "duration: '7s' is not one of this model's."),
        ((FAST + "er", "x"), f"Did you mean {FAST!r}?"),
        ((FAST, "x" * 5001, "--duration", "6s", "--aspect-ratio", "16:9"), "this model takes 5000"),
        (("sora-2-text-to-video", "x", "--duration", "4s", "--aspect-ratio", "16:9"), "is offline at the moment"),
    ],
)
async def test_a_wrong_request_is_refused_before_it_is_paid(
    venice: Command, emulator: Emulator, arguments: tuple[str, ...], sentence: str
) -> None:
    """What the catalogue forbids ends with exit code 1 and a sentence that says what is allowed."""
    ran = await venice("generate", *arguments, "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert not emulator.charges


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--image", "nowhere.png"), "There is no file 'nowhere.png'"),
        (("--extra", "seed"), "--extra takes NAME=VALUE"),
        (("--extra", "seed={"), "--extra seed is not JSON"),
        (("--keyframe", "x=a.png"), "--keyframe takes FRAME=FILE_OR_URL"),
        (("--element", "[]"), "--element takes a JSON object"),
        (("--confirm-legal-right",), "needs all three confirmations"),
        (("--budget", "lots"), "--budget takes US dollars"),
        (("--time-scale", "0"), "--time-scale must be a positive number"),
        (("--base-url", "http://example.com/api/v1"), "base_url must be https"),
        (("--base-url", "https://example.com/api/v1", "--time-scale", "9"), "only for an emulator"),
        (("--no-such-option",), "Unknown option"),
    ],
)
async def test_a_wrong_command_line_is_exit_code_2(
    venice: Command, emulator: Emulator, arguments: tuple[str, ...], sentence: str
) -> None:
    """What cannot be asked so is told before anything is sent."""
    ran = await venice("generate", FAST, "x", "--yes", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert not emulator.requests


async def test_no_key(venice: Command, emulator: Emulator) -> None:
    """Without VENICE_API_KEY nothing is sent, and the sentence names the variable."""
    ran = await venice("generate", FAST, "x", *GOOD, "--yes", VENICE_API_KEY="")
    assert (ran.code, ran.out) == (2, "")
    assert "VENICE_API_KEY" in ran.err
    assert not emulator.requests


async def test_a_key_that_is_refused(venice: Command, emulator: Emulator) -> None:
    """A key that the server refuses leaves the job held, unpaid, and says so."""
    real = "VENICE-INFERENCE-KEY-" + "a" * 40  # the emulator refuses whatever looks real
    ran = await venice("generate", FAST, "x", *GOOD, "--yes", VENICE_API_KEY=real)
    assert ran.code == 1
    assert "Nothing was charged" in ran.err
    assert real not in ran.err
    assert not emulator.charges


async def test_a_rejected_prompt(venice: Command, emulator: Emulator) -> None:
    """A content rejection is exit code 1, the server's words, and the job in the document."""
    ran = await venice("generate", FAST, "forbidden", *GOOD, "--yes", "--json")
    assert ran.code == 1
    assert ran.json["state"] == "failed"
    assert ran.json["error"]["type"] == "ContentRejectedError"
    assert "content policy" in ran.err


async def test_what_a_refusal_proposes_is_one_command_away(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """The proposal is told with the command that takes it up, also after a restart; that is a new job."""
    emulator.faults.append(RejectFault(prompt="brawl", suggested_prompt="a quiet bar"))
    ran = await venice("generate", FAST, "a brawl in a bar", *GOOD, "--yes", "--key", "bar")
    assert (ran.code, len(emulator.charges)) == (1, 0)
    assert "Suggested prompt: a quiet bar" in ran.err
    assert ran.err.endswith("Next: venice-async generate --like bar --suggested\n")
    shown = await venice("show", "bar", "--json")
    assert shown.json["error"]["facts"]["suggested_prompt"] == "a quiet bar"
    assert "Suggested prompt: a quiet bar." in (await venice("jobs")).out
    scale = ("--time-scale", f"{SCALE:g}")
    ran = await venice("generate", "--like", "bar", "--suggested", *scale, "--yes", "-o", "a.mp4")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'a.mp4'}\n")
    assert [job.prompt for job in emulator.jobs] == ["a quiet bar"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--like", "nobody"), "There is no job 'nobody'"),
        (("--suggested",), "--suggested goes with --like JOB."),
        (("--like", "done", "--suggested"), "The server proposes nothing for job 'done'."),
        (("--like", "done", "--request", "a.json"), "say one of them"),
    ],
)
async def test_what_no_request_can_be_taken_from(
    venice: Command, emulator: Emulator, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    """Exit code 2, and nothing is sent."""
    await keep(tmp_path / "venice-jobs.sqlite3", record("done", tmp_path, state=JobState.COMPLETED))
    ran = await venice("generate", *arguments, "--yes")
    assert (ran.code, sentence in ran.err) == (2, True), ran
    assert not emulator.requests


def test_another_jobs_consent_is_not_taken_over(tmp_path: Path) -> None:
    """A person gave it to that job; options go above what the job had asked for."""
    agreed = SeedanceConsent(
        confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
    )
    asked = VideoRequest(model="m", prompt="p", duration="5s", consent=agreed, extra={"seed": 1, "new": 2})
    asyncio.run(keep(tmp_path / "a.sqlite3", record("face", tmp_path, request=request_to_text(asked))))
    base = request_of("face", tmp_path / "a.sqlite3", suggested=False)
    assert base == attrs.evolve(asked, consent=None)
    found = RequestOptions(duration="8s", extra=("seed=7",)).request(None, "q", base=base)
    assert found == VideoRequest(model="m", prompt="q", duration="8s", extra={"seed": 7, "new": 2})


async def test_an_existing_file_is_not_overwritten(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """A file at the destination stops the job before it is paid, and stays as it was."""
    (tmp_path / "light.mp4").write_text("mine")
    ran = await venice("generate", FAST, "x", *GOOD, "--yes", "--output", "light.mp4")
    assert ran.code == 1
    assert "already stands" in ran.err
    assert (tmp_path / "light.mp4").read_text() == "mine"
    assert not emulator.charges


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_it_in_order_and_resume_goes_on(
    venice: Command, emulator: Emulator, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Ctrl-C and SIGTERM leave a job that `resume` brings home without a second charge."""
    stopped = await venice("generate", SLOW, "x", *SLOW_GOOD, "--yes", "--key", "x", until="queued ", send=number)
    assert (stopped.code, stopped.out) == (code, "")
    assert f"venice-async resume --ledger venice-jobs.sqlite3 --base-url {emulator.url}" in stopped.err
    assert "Traceback" not in stopped.err
    resumed = await venice("resume", "--time-scale", f"{SCALE:g}")
    assert resumed.code == 0
    assert (tmp_path / "videos" / "x.mp4").is_file()
    assert len(emulator.charges) == 1


@pytest.mark.parametrize(("reply", "code", "charges"), [("y\n", 0, 1), ("n\n", 1, 0), ("\n", 1, 0), ("\x03", 130, 0)])
async def test_a_person_is_asked_for_the_price(
    emulator: Emulator, tmp_path: Path, reply: str, code: int, charges: int
) -> None:
    """At a terminal the price is shown, and only a yes pays."""
    ours, theirs = pty.openpty()
    environment = clean_environment(VENICE_API_KEY="emulated", VENICE_BASE_URL=emulator.url, TERM="xterm")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "venice_async", "generate", FAST, "A lighthouse", *GOOD,
        cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: _own_terminal(theirs),
    )  # fmt: skip
    os.close(theirs)
    seen = await asyncio.to_thread(_read_until, ours, b"[y/N] ")
    assert b"Pay $0.39 for this video?" in seen
    os.write(ours, reply.encode())
    rest = asyncio.create_task(asyncio.to_thread(_read_until, ours, None))
    assert await process.wait() == code
    await rest
    os.close(ours)
    assert len(emulator.charges) == charges


def _own_terminal(terminal: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)  # so that the Ctrl-C character becomes SIGINT


def _read_until(terminal: int, text: bytes | None) -> bytes:
    seen = b""
    with contextlib.suppress(OSError):  # the other end was closed
        while text is None or text not in seen:
            piece = os.read(terminal, 4096)
            if not piece:
                break
            seen += piece
    return seen
