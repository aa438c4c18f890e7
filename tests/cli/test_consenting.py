"""The face consent at the command line: read by a person, made by a person, and never by the program."""

import asyncio
import io
import os
import pty
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from venice_async.cli.consenting import QUESTIONS, Answer, consent
from venice_async.cli.terminal import Terminal
from venice_async.emulator import ConsentFault, Emulator
from venice_async.errors import ConfigurationError, ConsentRequiredError, InvalidRequestError
from venice_async.jobs import JobRecord, JobState, error_text
from venice_async.wire.stored import request_from_text

from .conftest import SCALE, Command, clean_environment
from .ledger_files import MODEL, keep, kept, record
from .test_generate import _own_terminal, _read_until

pytestmark = pytest.mark.anyio

POLICY = "I. Faces\nare \x1b[31mpersonal\x1b[0m.\n\nII. Ask\u202e first."
ASKED = ConsentRequiredError(
    "A person must confirm", policy_text=POLICY, consent_version="v 7", face_media_roles=("reference_image",),
    docs_url="https://venice.invalid/docs",
)  # fmt: skip
FLAGS = ("--confirm-terms-and-privacy", "--confirm-legal-right", "--confirm-screening")


def waiting(key: str, tmp_path: Path, **changes: Any) -> JobRecord:
    facts = {"state": JobState.HELD, "held_for": "consent", "error": error_text(ASKED)}
    return record(key, tmp_path, **{**facts, **changes})


class Person(Terminal):
    """A terminal with somebody at it, who confirms the first so many sentences."""

    def __init__(self, *, confirms: int) -> None:
        super().__init__(out=io.StringIO(), err=io.StringIO())
        self.confirms = confirms
        self.read: list[str] = []

    @property
    def can_ask(self) -> bool:
        return True

    def confirm(self, sentence: str) -> bool:
        self.read.append(sentence)
        return len(self.read) <= self.confirms

    @property
    def shown(self) -> str:
        return self._err.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """One job that waits for consent, and one that waits for money."""
    path = tmp_path / "kept.sqlite3"
    poor = record("poor", tmp_path, state=JobState.HELD, held_for="balance")
    mute = waiting("mute", tmp_path, error=error_text(without_a_text()))
    asyncio.run(keep(path, waiting("face", tmp_path), poor, mute))
    return path


def without_a_text() -> ConsentRequiredError:
    """What a server says that forgot the text."""
    return ConsentRequiredError("A person must confirm", consent_version="v 7")


def after(ledger: Path, key: str = "face") -> JobRecord:
    return asyncio.run(kept(ledger))[key]


def test_a_person_reads_the_policy_and_makes_each_confirmation(ledger: Path) -> None:
    """The text is shown as it was written, without what could play tricks on a terminal; then the job goes on."""
    person = Person(confirms=3)
    assert consent(Answer(job="face", ledger=ledger), person) == 0
    assert person.read == list(QUESTIONS.values())
    assert "I. Faces\nare  [31mpersonal [0m.\n\nII. Ask  first." in person.shown
    assert "\x1b" not in person.shown
    for fact in ("reference_image", "Version: v 7", "https://venice.invalid/docs", f"resume --ledger {ledger}"):
        assert fact in person.shown
    done = after(ledger)
    assert (done.state, done.held_for) == (JobState.PENDING, None)
    given = request_from_text(done.request).consent
    assert given is not None
    assert attrs.asdict(given) == dict.fromkeys(QUESTIONS, True)
    assert "consent" in (done.decision or "")


@pytest.mark.parametrize("confirms", [0, 1, 2])
def test_two_confirmations_are_none(ledger: Path, confirms: int) -> None:
    """Whoever stops half way has agreed to nothing, and is not asked on."""
    person = Person(confirms=confirms)
    assert consent(Answer(job="face", ledger=ledger), person) == 1
    assert len(person.read) == confirms + 1
    assert after(ledger).state is JobState.HELD
    assert request_from_text(after(ledger).request).consent is None


def test_without_a_text_nobody_is_asked(ledger: Path) -> None:
    """There is nothing that a person could have read."""
    person = Person(confirms=3)
    assert consent(Answer(job="mute", ledger=ledger), person) == 1
    assert (person.read, after(ledger, "mute").state) == ([], JobState.HELD)


@pytest.mark.parametrize(
    ("facts", "kind", "said"),
    [
        ({"job": "nobody"}, ConfigurationError, "There is no job"),
        ({"job": "poor"}, InvalidRequestError, "does not wait for consent"),
        ({"read_version": "v 6", "confirmed": frozenset(QUESTIONS)}, InvalidRequestError, "is of version 'v 7'"),
        ({"read_version": "v 7"}, ConfigurationError, "missing: --confirm-terms-and-privacy, --confirm-legal"),
        ({"confirmed": frozenset(QUESTIONS)}, ConfigurationError, "--i-have-read VERSION"),
        ({"job": "mute", "read_version": "v 7", "confirmed": frozenset(QUESTIONS)}, ConfigurationError, "no text"),
    ],
)
def test_what_is_no_consent(ledger: Path, facts: dict[str, Any], kind: type[Exception], said: str) -> None:
    """Another job, another version, or a confirmation left out: nothing changes."""
    answer = Answer(**{"job": "face", "ledger": ledger, **facts})
    with pytest.raises(kind, match=said):
        consent(answer, Person(confirms=3))
    assert after(ledger).state is JobState.HELD


async def test_a_script_says_what_a_person_has_read(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Without a terminal the text is shown and nothing changes; the version and all three are a person's word."""
    path = tmp_path / "kept.sqlite3"
    await keep(path, waiting("face", tmp_path))
    there = ("--ledger", str(path))
    ran = await venice("consent", "face", *there, VENICE_API_KEY="")
    assert (ran.code, "II. Ask" in ran.err) == (1, True)
    command = f"venice-async consent face --ledger {path} --i-have-read 'v 7' {' '.join(FLAGS)}"
    assert command in ran.err
    ran = await venice("consent", "face", *there, "--json")
    assert (ran.code, ran.json["policy_text"], ran.json["job"]["state"]) == (1, POLICY, "held")
    assert ran.json["command"] == f"venice-async consent face --ledger {path}"
    ran = await venice("consent", "face", *there, "--i-have-read", "v 7", *FLAGS, VENICE_API_KEY="")
    assert (ran.code, ran.out) == (0, "face is pending: the consent is in the ledger.\n")
    assert not emulator.requests


REFERENCE = (
    "seedance-2-5-reference-to-video-basic", "Refer to <Image 1> to generate a wave", "--duration", "5s",
    "--aspect-ratio", "16:9", "--resolution", "480p", "--reference-image", "https://media.example.com/face.png",
    "--time-scale", f"{SCALE:g}", "--yes", "--key", "face", "-o", "face.mp4",
)  # fmt: skip


async def test_generate_without_a_terminal_says_how_to_go_on(
    venice: Command, emulator: Emulator, tmp_path: Path
) -> None:
    """Exit code 1 and the command; after it `resume` makes the video, which is paid once."""
    ran = await venice("generate", *REFERENCE, "--json")
    assert (ran.code, ran.json["held_for"], ran.json["error"]["facts"]["consent_version"]) == (
        1,
        "consent",
        "emulator-1",
    )
    assert "Next: venice-async consent face\n" in ran.err
    assert "venice-async release" not in ran.err
    ran = await venice("resume", "--time-scale", f"{SCALE:g}")
    assert "face waits for consent: venice-async consent face\n" in ran.err
    assert (await venice("consent", "face", "--i-have-read", "emulator-1", *FLAGS)).code == 0
    assert not emulator.charges
    ran = await venice("resume", "--yes", "--time-scale", f"{SCALE:g}")
    assert (ran.code, len(emulator.charges), (tmp_path / "face.mp4").is_file()) == (0, 1, True)


@pytest.mark.parametrize(("replies", "code", "charges"), [(b"yes", 0, 1), (b"y", 1, 0)])
async def test_generate_at_a_terminal_asks_and_goes_on(tmp_path: Path, replies: bytes, code: int, charges: int) -> None:
    """The text, three questions answered with the whole word, and then the video."""
    ours, theirs = pty.openpty()
    arguments = (
        "generate",
        MODEL,
        "A lighthouse",
        "--duration",
        "6s",
        "--aspect-ratio",
        "16:9",
        "--yes",
        "-o",
        "a.mp4",
    )
    async with Emulator(time_scale=SCALE, clips="plain", faults=[ConsentFault()]) as emulator:
        environment = clean_environment(VENICE_API_KEY="emulated", VENICE_BASE_URL=emulator.url, TERM="xterm")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "venice_async", *arguments, "--time-scale", f"{SCALE:g}", cwd=tmp_path,
            env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: _own_terminal(theirs),
        )  # fmt: skip
        os.close(theirs)
        for number in range(3 if code == 0 else 1):
            seen = await asyncio.to_thread(_read_until, ours, b"Type yes to confirm: ")
            assert number or b"Version: emulator-1" in seen
            os.write(ours, replies + b"\n")
        rest = asyncio.create_task(asyncio.to_thread(_read_until, ours, None))
        assert await process.wait() == code
        await rest
        os.close(ours)
        assert len(emulator.charges) == charges
        assert (tmp_path / "a.mp4").is_file() == bool(charges)
