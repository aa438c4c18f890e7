"""`batch` as people run it: in a process of its own, killed on the way, run again."""

import asyncio
import json
import re
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.emulator import Emulator, RejectFault
from venice_async.jobs import JobState

from .conftest import SCALE, Command, Ran, clean_environment
from .ledger_files import keep, kept, record

pytestmark = pytest.mark.anyio

MODEL = "ltx-2-v2-3-fast-text-to-video"
DEFAULTS = {"model": MODEL, "duration": "6s", "aspect_ratio": "16:9"}
SCALED = ("--time-scale", f"{SCALE:g}")
LEDGER = "venice-jobs.sqlite3"


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulated Venice whose videos take a fifth of a real second."""
    faults = [RejectFault(prompt="forbidden")]
    made = Emulator(time_scale=SCALE, seed=3, faults=faults, clips="plain", execution_time=lambda *_: SCALE / 5)
    async with made as running:
        yield running


def write(folder: Path, *rows: dict[str, Any]) -> str:
    """A manifest with the defaults above."""
    lines = [{"defaults": DEFAULTS}, *rows]
    (folder / "shots.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return "shots.jsonl"


def rows(count: int) -> list[dict[str, Any]]:
    return [{"key": f"shot-{number:02}", "prompt": f"Wave {number}"} for number in range(count)]


async def test_every_row_becomes_a_file(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """With the gallery beside them, and one charge each; run again, nothing is left to do."""
    manifest = write(tmp_path, {"key": "a", "prompt": "One"}, {"prompt": "Two", "output": "sub/two.mp4"})
    ran = await venice("batch", manifest, *SCALED, "--yes")
    assert (ran.code, ran.out) == (0, "2 jobs: $0.78 spent, $0.00 reserved, $0.00 refunded\nvideos/index.html\n")
    assert "2 rows: 2 new; the new ones cost $0.78." in ran.err
    assert {path.name for path in (tmp_path / "videos").rglob("*.mp4")} == {"a.mp4", "two.mp4"}
    assert "a.mp4" in (tmp_path / "videos" / "index.html").read_text()
    asked = len(emulator.requests)
    again = await venice("batch", manifest, *SCALED, "--yes", "--json")
    assert again.code == 0
    assert [job["state"] for job in again.json["jobs"]] == ["completed"] * 2
    assert "2 rows: 2 done before." in again.err
    assert {request.endpoint for request in emulator.requests[asked:]} == {"models"}
    assert len(emulator.charges) == 2


async def test_killed_twice_it_pays_once_for_each_and_brings_all_home(
    venice: Command, emulator: Emulator, tmp_path: Path
) -> None:
    """By SIGKILL, at any instant. What nobody can tell then is asked, and when it is answered everything is there."""
    manifest = write(tmp_path, *rows(30))
    for until in ("shot-", "completed "):
        killed = await venice("batch", manifest, *SCALED, "--yes", until=until, send=signal.SIGKILL)
        assert killed.code == -signal.SIGKILL
    ran = await venice("batch", manifest, *SCALED, "--yes")
    ran = await _answered(venice, emulator, tmp_path, manifest, ran)
    assert ran.code == 0, ran.err
    assert len(list((tmp_path / "videos").glob("*.mp4"))) == 30
    assert len({charge.queue_id for charge in emulator.charges}) == len(emulator.charges) == 30
    page = (tmp_path / "videos" / "index.html").read_text()
    assert all(row["key"] in page for row in rows(30))


async def _answered(venice: Command, emulator: Emulator, folder: Path, manifest: str, ran: Ran) -> Ran:
    """What a person does about jobs of unknown outcome, who can see the account."""
    unknown = [one for one in (await kept(folder / LEDGER)).values() if one.state is JobState.UNKNOWN]
    for doubtful in unknown:
        assert f"venice-async show {doubtful.key}" in ran.err
        prompt = json.loads(doubtful.request)["prompt"]
        taken = [job.queue_id for job in emulator.jobs if job.prompt == prompt]
        answer = ("--queue-id", taken[0]) if taken else ("--resubmit", "--yes")
        assert (await venice("resolve", doubtful.key, *answer)).code == 0
    return await venice("batch", manifest, *SCALED, "--yes") if unknown else ran


async def test_ctrl_c_says_how_to_go_on(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """The command that it says is the one that was typed, and it brings home the rest."""
    manifest = write(tmp_path, *rows(4))
    options = (*SCALED, "--yes", "--budget", "9", "--events", "my events.jsonl")
    stopped = await venice("batch", manifest, *options, until="shot-", send=signal.SIGINT)
    assert (stopped.code, stopped.out) == (130, "")
    assert "Traceback" not in stopped.err
    (command,) = re.findall(r"^  venice-async (batch .*)$", stopped.err, re.MULTILINE)
    assert command == (
        f"batch shots.jsonl --output-dir videos --ledger {LEDGER} --budget 9 --events 'my events.jsonl' "
        f"--base-url {emulator.url} --time-scale 50 --yes"
    )
    assert (await venice("batch", manifest, *options)).code == 0
    assert len(emulator.charges) == 4


async def test_a_second_ctrl_c_leaves_now(emulator: Emulator, tmp_path: Path) -> None:
    """In order all the same: the next start goes on, and pays for nothing twice."""
    write(tmp_path, *rows(6))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "venice_async", "batch", "shots.jsonl", *SCALED, "--yes", cwd=tmp_path,
        env=clean_environment(VENICE_API_KEY="emulated", VENICE_BASE_URL=emulator.url),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    seen = b""
    for text in (b"shot-", b"Stopping"):
        while text not in seen:
            seen += await process.stderr.readline()
        process.send_signal(signal.SIGINT)
    seen += await process.stderr.read()
    assert await process.wait() == 130
    assert b"Traceback" not in seen
    assert b"To go on:" in seen
    assert len({charge.queue_id for charge in emulator.charges}) == len(emulator.charges)


async def test_twenty_mistakes_are_told_before_anything_is_paid(
    venice: Command, emulator: Emulator, tmp_path: Path
) -> None:
    """Each with its line and field: what the file says wrong, what the catalogue forbids, what stands in the way."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "there.mp4").touch()
    good: dict[str, Any] = {"model": MODEL, "duration": "6s", "aspect_ratio": "16:9", "prompt": "x"}
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("aspect_ratio", {"aspect_ratio": "16x9"}), ("aspect_ratio", {"aspect_ratio": 969}),
        ("aspect_ratio", {"aspect_ratio": None}), ("duration", {"duration": "7s"}), ("duration", {"duration": 6}),
        ("model", {"model": "ltx-3"}), ("model", {"model": None}), ("prompt", {"prompt": ""}),
        ("prompt", {"prompt": "x" * 6000}), ("resolution", {"resolution": "99p"}), ("promt", {"promt": "y"}),
        ("title", {"title": "y"}), ("image_url", {"image_url": "no.png"}), ("image_url", {"image_url": "/etc/passwd"}),
        ("key", {"key": 5}), ("key", {"key": ""}), ("output", {"output": "../up.mp4"}), ("output", {"key": "there"}),
        ("reference_image_urls", {"reference_image_urls": "a.png"}), ("keyframes[0]", {"keyframes": [{"frame": 1}]}),
    ]  # fmt: skip
    lines = [json.dumps({**good, "prompt": f"x{number}", **change}) for number, (_, change) in enumerate(wrong)]
    (tmp_path / "bad.jsonl").write_text("\n".join(lines))
    ran = await venice("batch", "bad.jsonl", *SCALED, "--yes")
    assert ran.code == 1
    told = ran.out.splitlines()
    for number, (name, _) in enumerate(wrong, start=1):
        pattern = rf"bad\.jsonl:{number}( \(.*\))?: {re.escape(name)}: "
        assert any(re.match(pattern, line) for line in told), (number, ran.out)
    assert re.search(r"^\d+ mistakes. Nothing was sent, nothing was charged.$", ran.err, re.MULTILINE)
    assert {request.endpoint for request in emulator.requests} <= {"models"}
    assert not (tmp_path / LEDGER).exists()
    document = (await venice("batch", "bad.jsonl", *SCALED, "--yes", "--json")).json
    assert len(document["mistakes"]) == len(told)
    assert document["mistakes"][0]["place"] == "bad.jsonl:1"


async def test_a_dry_run_prices_and_pays_nothing(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Without a key, without a ledger; each price is asked once."""
    manifest = write(tmp_path, *rows(5), {"key": "long", "prompt": "x", "duration": "8s"})
    ran = await venice("batch", manifest, *SCALED, "--dry-run", VENICE_API_KEY="")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "To be paid: $2.47. Nothing was sent."
    assert re.search(r"^shots.jsonl:7 +long +\S+ +new +\$0.52$", ran.out, re.MULTILINE)
    assert [request.endpoint for request in emulator.requests] == ["models", "quote", "quote"]
    assert not (tmp_path / LEDGER).exists()
    ran = await venice("batch", manifest, *SCALED, "--dry-run", "--json", VENICE_API_KEY="")
    assert [job["price_usd"] for job in ran.json["jobs"]] == [0.39] * 5 + [0.52]


async def test_a_script_must_approve_the_price(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """With --yes, or with a budget that it fits under: all of it, together with what was spent before."""
    manifest = write(tmp_path, *rows(2))
    assert (await venice("batch", manifest, *SCALED)).code == 2
    assert not emulator.requests
    dear = await venice("batch", manifest, *SCALED, "--budget", "0.77")
    assert (dear.code, len(emulator.charges)) == (1, 0)
    assert "budget of $0.77" in dear.err
    assert (await venice("batch", manifest, *SCALED, "--budget", "0.78")).code == 0
    manifest = write(tmp_path, *rows(3))
    assert (await venice("batch", manifest, *SCALED, "--budget", "1.16")).code == 1
    assert emulator.spent_usd == Decimal("0.78")


async def test_a_changed_row_is_named_and_not_paid(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Its key has a video already, of something else. The others are made."""
    await venice("batch", write(tmp_path, {"key": "a", "prompt": "One"}), *SCALED, "--yes")
    changed = write(tmp_path, {"key": "a", "prompt": "Another"}, {"key": "b", "prompt": "Two"})
    ran = await venice("batch", changed, *SCALED, "--yes")
    assert ran.code == 1
    assert "2 rows: 1 new, 1 changed; the new ones cost $0.39." in ran.err
    assert "shots.jsonl:2: a" in ran.err
    assert len(emulator.charges) == 2


async def test_what_was_not_sent_yet_is_in_the_price(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Whoever opens the ledger pays for it: a leftover, a row, and one whose row says something else now."""
    await keep(tmp_path / LEDGER, record("other", tmp_path), record("h", tmp_path))
    manifest = write(tmp_path, {"key": "a", "prompt": "One"}, {"key": "h", "prompt": "Edited"})
    ran = await venice("batch", manifest, *SCALED, "--dry-run")
    assert ran.out.splitlines()[-1] == "To be paid: $1.17. Nothing was sent."
    assert (
        "2 jobs of this ledger were not sent yet and go on as well: $0.78 "
        "(one with an earlier request than its row: h)." in ran.err
    )
    assert "shots.jsonl:3: h (not sent yet: it is made and paid with its earlier request)" in ran.err
    document = (await venice("batch", manifest, *SCALED, "--dry-run", "--json")).json
    assert (document["price_usd"], document["new_usd"], document["unsent_usd"]) == (1.17, 0.39, 0.78)
    assert [job["key"] for job in document["unsent"]] == ["other", "h"]
    dear = await venice("batch", manifest, *SCALED, "--budget", "1.16")
    assert (dear.code, len(emulator.charges)) == (1, 0)
    manifest = write(tmp_path, {"key": "h", "prompt": "About h"})
    assert (await venice("batch", manifest, *SCALED, "--budget", "0.77")).code == 1
    assert not emulator.charges
    assert (await venice("batch", manifest, *SCALED, "--budget", "0.78")).code == 0


async def test_what_failed_is_told_and_made_again_by_retry_alone(
    venice: Command, emulator: Emulator, tmp_path: Path
) -> None:
    """The batch says the command; after it the same batch goes on."""
    manifest = write(tmp_path, {"key": "good", "prompt": "One"}, {"key": "bad one", "prompt": "forbidden"})
    for _ in range(2):
        ran = await venice("batch", manifest, *SCALED, "--yes")
        assert ran.code == 1
        assert "bad one: " in ran.err
        assert "Correct its row and give it another key" in ran.err
        assert "venice-async retry" not in ran.err
    assert len([request for request in emulator.requests if request.endpoint == "queue"]) == 2
    emulator.faults.clear()
    assert (await venice("retry", "bad one", "--yes")).code == 0
    assert (await venice("batch", manifest, *SCALED, "--yes")).code == 0
    assert (tmp_path / "videos" / "bad one.mp4").exists()


async def test_others_are_told(venice: Command, tmp_path: Path) -> None:
    """A command for each job that ends, and a file of events; neither knows the key or a private link."""
    program = tmp_path / "note.py"
    program.write_text(
        "import os, pathlib\n"
        "facts = {n: v for n, v in os.environ.items() if n.startswith('VENICE')}\n"
        "pathlib.Path(facts['VENICE_JOB_KEY'] + '.txt').write_text(repr(facts))\n"
    )
    manifest = write(tmp_path, {"key": "a", "prompt": "One"}, {"key": "b", "prompt": "forbidden"})
    command = f"{sys.executable} {program}"
    ran = await venice("batch", manifest, *SCALED, "--yes", "--on-complete", command, "--events", "e.jsonl",
                       VENICE_API_KEY="so-secret")  # fmt: skip
    assert ran.code == 1
    done, failed = ((tmp_path / f"{key}.txt").read_text() for key in "ab")
    assert "'VENICE_JOB_STATE': 'completed'" in done
    assert str(tmp_path / "videos" / "a.mp4") in done
    assert "'VENICE_JOB_STATE': 'failed'" in failed
    events = (tmp_path / "e.jsonl").read_text()
    assert {(event["key"], event["state"]) for event in map(json.loads, events.splitlines()) if "state" in event} >= {
        ("a", "pending"), ("a", "queueing"), ("a", "queued"), ("a", "completed"), ("b", "failed"),
    }  # fmt: skip
    assert "so-secret" not in done + failed + events + ran.err


async def test_files_that_were_moved_away_are_told(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """They were made and are not made again: whoever moved them has them."""
    manifest = write(tmp_path, *rows(1))
    await venice("batch", manifest, *SCALED, "--yes")
    (tmp_path / "videos" / "shot-00.mp4").unlink()
    ran = await venice("batch", manifest, *SCALED, "--yes")
    assert ran.code == 1
    assert "their files are not there any more:\n  videos/shot-00.mp4" in ran.err
    assert "To make one anew, and pay for it again, give its row another key." in ran.err
    assert len(emulator.charges) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("no.jsonl",), "no.jsonl cannot be read: No such file"),
        (("shots.txt",), "its name must end in one of .jsonl"),
        (("shots.jsonl", "--on-complete", "'"), "--on-complete takes a command"),
        (("shots.jsonl", "--budget", "lots"), "--budget takes US dollars"),
        (("shots.jsonl", "--events", "no/folder"), "cannot be written"),
        ((), "requires an argument"),
    ],
)
async def test_a_wrong_command_line_is_exit_code_2(
    venice: Command, emulator: Emulator, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    """Nothing is paid."""
    write(tmp_path, *rows(1))
    ran = await venice("batch", *arguments, *SCALED, "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert not emulator.charges


@pytest.mark.parametrize("source", ["README.md", "venice_async/cli/batch_commands.py"])
async def test_the_examples_are_right(venice: Command, emulator: Emulator, tmp_path: Path, source: str) -> None:
    """What the README and the help show is taken as it is."""
    pytest.importorskip("yaml")
    text = (Path(__file__).parents[2] / source).read_text(encoding="utf-8")
    (example,) = re.findall(r"```(?:yaml)?\n((?: *#[^\n]*\n)? *defaults:[^\n]*\n.*?)```", text, re.DOTALL)
    (tmp_path / "shots.yaml").write_text(textwrap.dedent(example.rstrip(" ")), encoding="utf-8")
    ran = await venice("batch", "shots.yaml", *SCALED, "--dry-run")
    assert ran.code == 0, ran.out + ran.err
    assert "storm" in ran.out
    assert not emulator.charges
