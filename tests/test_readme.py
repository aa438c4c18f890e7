"""The README keeps its word: its program runs as it is written."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import venice_async
from venice_async import JobManager, VeniceClient, VideoRequest
from venice_async.emulator import Emulator, RejectFault, in_background
from venice_async.errors import ContentRejectedError

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_program_works_and_pays_once_however_often_it_is_run(tmp_path: Path) -> None:
    """Pasted into a file, with a key in the environment, against a server whose videos take a second."""
    programs = [text for text in EXAMPLES if "async def main()" in text]
    assert len(programs) == 1
    (tmp_path / "program.py").write_text(programs[0])
    with in_background(Emulator(clips="plain", execution_time=lambda *_: 1.0)) as emulator:
        environment = {**os.environ, "VENICE_API_KEY": "any-key", "VENICE_BASE_URL": emulator.url}
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "program.py"],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60,
            )  # fmt: skip
            assert done.stdout.count("completed") == 3, done.stdout + done.stderr
        assert len(emulator.charges) == 3
    assert {path.name for path in (tmp_path / "videos").iterdir()} == {
        "lisbon-at-dawn.mp4",
        "kyoto-at-dawn.mp4",
        "cusco-at-dawn.mp4",
    }


def test_every_example_is_run_by_one_of_these_tests() -> None:
    """A new one has to be given its test here."""
    kinds = [sum(mark in text for mark in MARKS) for text in EXAMPLES]
    assert kinds == [1] * len(MARKS)


MARKS = ("async def main()", "def test_", "text_to_video(", "venice.retrieve(", "job.error.suggested_prompt")


async def run_example(mark: str, **names: Any) -> dict[str, Any]:
    """Run the example with this in it, with the package's public names and those given."""
    (text,) = [text for text in EXAMPLES if mark in text]
    code = compile(text, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    known = {name: getattr(venice_async, name) for name in venice_async.__all__} | names
    result = eval(code, known)  # noqa: S307 -- our own README
    if result is not None:
        await result
    return known


BOAT = VideoRequest(
    model="wan-2.6-text-to-video", prompt="a brawl on a boat", duration="5s", aspect_ratio="16:9", resolution="720p"
)


@pytest.mark.anyio
async def test_the_ways_to_make_a_request_are_called_as_they_are() -> None:
    """Every name and option in the example exists."""
    await run_example("text_to_video(", model="seedance-2-0-reference-to-video-basic")


@pytest.mark.anyio
async def test_the_client_alone_asks_pays_and_retrieves(monkeypatch: pytest.MonkeyPatch) -> None:
    """One price, one charge, one answer."""
    monkeypatch.setenv("VENICE_API_KEY", "any-key")
    async with Emulator(clips="plain") as emulator:
        monkeypatch.setenv("VENICE_BASE_URL", emulator.url)
        await run_example("venice.retrieve(", request=BOAT)
        assert [seen.endpoint for seen in emulator.requests] == ["quote", "queue", "retrieve"]


@pytest.mark.anyio
async def test_a_proposal_is_taken_up_as_a_new_job(tmp_path: Path) -> None:
    """After the refusal of the first."""
    faults = [RejectFault(prompt="brawl", suggested_prompt="a picnic on a boat")]
    async with Emulator(clips="plain", execution_time=lambda *_: 1.0, faults=faults) as emulator:
        client = VeniceClient("any-key", base_url=emulator.url)
        async with client, JobManager(client, ledger=tmp_path / "jobs.sqlite3", output_dir=tmp_path) as jobs:
            job = await jobs.submit(BOAT, key="opening-shot")
            with pytest.raises(ContentRejectedError):
                await job
            names = await run_example("job.error.suggested_prompt", job=job, jobs=jobs)
            assert (await names["job"]).path.exists()
        assert [job.prompt for job in emulator.jobs] == ["a picnic on a boat"]


def test_the_fixture_example_passes_in_plain_pytest(tmp_path: Path) -> None:
    """No plugin, no asyncio mode: pasted into a file."""
    examples = [text for text in EXAMPLES if "def test_" in text]
    assert len(examples) == 1
    (tmp_path / "test_my_app.py").write_text(examples[0])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_app.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
