"""`gallery`: from a ledger to a page beside the videos."""

import shutil
import sys
from pathlib import Path

import pytest
from mp4_layouts import faststart

from venice_async.cli.gallery import make
from venice_async.cli.terminal import Terminal
from venice_async.errors import Charge
from venice_async.jobs import JobState

from .conftest import Command
from .ledger_files import keep, record

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    """One video in `videos`, one job that failed there, and one video elsewhere."""
    path = tmp_path / "kept.sqlite3"
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "done.mp4").write_bytes(faststart())
    done = record("done", tmp_path, state=JobState.COMPLETED, charge=Charge.CHARGED, finished_at=1_800_000_000.0)
    failed = record("bad", tmp_path, state=JobState.FAILED, charge=Charge.REFUNDED)
    other = record("other", tmp_path, state=JobState.COMPLETED, output=str(tmp_path / "else" / "other.mp4"))
    await keep(path, done, failed, other)
    return path


async def test_gallery(venice: Command, ledger: Path, tmp_path: Path) -> None:
    """The page's path is the result; no server is asked and no key is needed."""
    ran = await venice(
        "gallery", "--ledger", str(ledger), "--output-dir", "videos", "--title", "Mine", VENICE_API_KEY=""
    )
    page = tmp_path / "videos" / "index.html"
    assert (ran.code, ran.out) == (0, f"{page.resolve()}\n"), ran.err
    assert "1 of the ledger's 3 jobs have their place in another folder." in ran.err
    text = page.read_text()
    assert '<h1 dir="auto">Mine</h1>' in text
    assert ('href="./done.mp4"' in text, ">bad</h2>" in text, ">other</h2>" in text) == (True, True, False)


async def test_gallery_as_json(venice: Command, ledger: Path, tmp_path: Path) -> None:
    """For scripts, in the folder that the environment names."""
    folder = tmp_path.resolve() / "videos"
    ran = await venice("gallery", "--json", VENICE_LEDGER=str(ledger), VENICE_OUTPUT_DIR="videos")
    assert ran.code == 0
    page, sheet = str(folder / "index.html"), str(folder / "contact-sheet.png")
    assert ran.json == {"page": page, "contact_sheet": sheet, "jobs": 2, "elsewhere": 1}
    assert (folder / "contact-sheet.png").is_file()


@pytest.mark.parametrize("trouble", ["ledger", "folder", "page"])
async def test_what_is_in_the_way(venice: Command, ledger: Path, tmp_path: Path, trouble: str) -> None:
    """No ledger, no folder, somebody's own page: one sentence, and nothing is made."""
    page = tmp_path / "videos" / "index.html"
    if trouble == "ledger":
        ledger = tmp_path / "typo.sqlite3"
    elif trouble == "folder":
        shutil.rmtree(tmp_path / "videos")
    else:
        page.write_text("my own")
    ran = await venice("gallery", "--ledger", str(ledger), "--output-dir", "videos")
    assert ran.code == (1 if trouble == "page" else 2)
    said = {"ledger": "There is no ledger", "folder": "There is no folder videos.", "page": "not written by a gallery"}
    assert said[trouble] in ran.err
    assert page.exists() == (trouble == "page")


async def test_without_the_extra(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what is missing, and how to get it."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert await make(ledger, tmp_path / "videos", Terminal(), title="T") == 0
    assert "pip install 'venice-async[gallery]'" in capsys.readouterr().err
    assert not (tmp_path / "videos" / "contact-sheet.png").exists()
