"""`demo`: run once as a whole, and looked at from all sides."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from attrs import frozen

from venice_async.cli.demo import fresh_folder
from venice_async.cli.demo_jobs import REJECTED, demo_jobs, gradient_png

from .conftest import clean_environment


@frozen
class Demo:
    """One demo, ended."""

    folder: Path
    code: int
    err: str
    document: dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo with --json, with a real account's settings around it that it must leave alone."""
    folder = tmp_path_factory.mktemp("demo")
    environment = clean_environment(VENICE_API_KEY="mine", VENICE_BASE_URL="http://127.0.0.1:9/api/v1")
    command = [sys.executable, "-m", "venice_async", "demo", "--json", "--output-dir", "shown"]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False)
    return Demo(folder / "shown", ran.returncode, ran.stderr, json.loads(ran.stdout))


def test_it_goes_as_planned(demo: Demo) -> None:
    """Twelve jobs: eleven videos, one rejection that was refunded, no 429, within a minute, and exit code 0."""
    totals = demo.document["totals"]
    states = {job["key"]: job["state"] for job in demo.document["jobs"]}
    assert demo.code == 0, demo.err
    assert states == {job.key: "failed" if job.key == REJECTED else "completed" for job in demo_jobs()}
    assert (len(states), totals["files"], totals["rate_limited"]) == (12, 11, 0)
    assert totals["refunded_usd"] > 0
    assert totals["seconds"] < 60


def test_the_files_are_playable_and_different(demo: Demo) -> None:
    """Every file decodes to frames, and no two are the same."""
    paths = [Path(job["path"]) for job in demo.document["jobs"] if job["path"]]
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert len(hashes) == len(paths) == 11
    assert hashes == {job["sha256"] for job in demo.document["jobs"] if job["path"]}
    for path in paths:
        with av.open(path) as container:
            assert sum(1 for _ in container.decode(video=0)) > 20


def test_nothing_else_is_left(demo: Demo) -> None:
    """The folder holds the videos and the ledger; no parts of files."""
    names = {path.name for path in demo.folder.iterdir()}
    assert names == {f"{job.key}.mp4" for job in demo_jobs() if job.key != REJECTED} | {"jobs.sqlite3"}


def test_in_a_pipe_it_tells_each_change_once(demo: Demo) -> None:
    """Progress is plain lines on stderr: one for each change of state, the 503 spell once for each job."""
    lines = demo.err.splitlines()
    assert "\x1b" not in demo.err
    assert sum(line.startswith("completed ") for line in lines) == 11
    assert any(line.startswith("delayed ") and "503" in line for line in lines)
    assert len(lines) <= 1 + 12 * 7


def test_a_second_run_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    """Nothing of an earlier run is touched: the next folder has a number."""
    wanted = tmp_path / "venice-demo"
    names = [fresh_folder(wanted).name for _ in range(3)]
    assert names == ["venice-demo", "venice-demo-2", "venice-demo-3"]


def test_the_picture_is_a_picture(tmp_path: Path) -> None:
    """The image made on the fly decodes to its size."""
    path = tmp_path / "gradient.png"
    path.write_bytes(gradient_png(64, 36))
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (64, 36)
