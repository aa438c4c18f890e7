"""The guide keeps its word: every block of its pages runs as it is written, and prints what the page says it prints."""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from venice_async.emulator import Emulator, in_background, parse_fault

DOCS = Path(__file__).parent.parent / "docs"
INDEX = (DOCS / "README.md").read_text()
PAGES = re.findall(r"\]\(([a-z-]+\.md)\)", INDEX)
GUIDE = [name for name in PAGES if name != "measurements.md"]
WRITTEN_URL = "http://127.0.0.1:8402/api/v1"
SCALE = 50.0  # as in the pages
# Our own test plugins are left out: a reader need not have them, and loading them takes seconds.
PLAIN_PYTEST = (
    "-m",
    "pytest",
    "-q",
    *(f"-pno:{name}" for name in ("cacheprovider", "hypothesispytest", "timeout", "anyio")),
)
_FENCE = re.compile(r"^```(\w+)[ ]?([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@frozen
class Block:
    """A fenced block: its language, the words behind that, and its text."""

    language: str
    words: tuple[str, ...]
    text: str

    @property
    def runs(self) -> bool:
        return "no-run" not in self.words

    @property
    def code(self) -> int:
        """The exit code that the page announces."""
        return next((int(word.removeprefix("exit-")) for word in self.words if word.startswith("exit-")), 0)


def blocks_of(page: str) -> list[Block]:
    return [Block(name, tuple(words.split()), text) for name, words, text in _FENCE.findall((DOCS / page).read_text())]


def emulator_of(page: str) -> Emulator:
    """The emulator that a page starts, with its faults; each video takes twenty job seconds."""
    commands = [block.text for block in blocks_of(page) if not block.runs]
    words = [word for text in commands for word in shlex.split(text.replace("\\\n", " "))]
    faults = [parse_fault(after) for word, after in itertools.pairwise(words) if word == "--fault"]
    return Emulator(time_scale=SCALE, clips="plain", execution_time=lambda *_: 20.0, faults=faults)


@pytest.fixture
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `venice-async` and `python`: those of this environment, whatever is on the PATH."""
    folder = tmp_path_factory.mktemp("bin")
    for name, what in {"venice-async": "-m venice_async ", "python": ""}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {what}"$@"\n')
        (folder / name).chmod(0o755)
    return folder


class Reader:
    """Somebody who types a page's blocks, one after the other, into an empty folder."""

    def __init__(self, folder: Path, commands: Path, url: str) -> None:
        # With the usual cache of bytecode, or each of some thirty processes would compile the package again.
        left_out = ("VENICE_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        path = f"{commands}{os.pathsep}{kept.get('PATH', '')}"
        self._environment = {
            **kept, "PATH": path, "COLUMNS": "200", "VENICE_BASE_URL": url, "VENICE_API_KEY": "emulated",
        }  # fmt: skip
        self._folder = folder
        self._url = url
        self.said = ""

    def follow(self, block: Block, number: int) -> None:
        text = block.text.replace(WRITTEN_URL, self._url)
        if block.language == "text":
            self._compare(text)
        elif block.language == "sh":
            self._run(block, ["bash", "-e", "-u", "-o", "pipefail", "-c", text])
        elif block.language == "python":
            named = [word for word in block.words if word.endswith(".py")]
            name = self._save(*named or [f"block_{number}.py"], text)
            self._run(block, [sys.executable, *(PLAIN_PYTEST if name.startswith("test_") else ()), name])
        else:
            self._save(block.words[0], text)  # a file that the page names

    def _save(self, name: str, text: str) -> str:
        (self._folder / name).write_text(text)
        return name

    def _run(self, block: Block, command: list[str]) -> None:
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        self.said = done.stdout + done.stderr
        assert done.returncode == block.code, f"{block.text}\n{self.said}"

    def _compare(self, text: str) -> None:
        """What a page shows was said: line by line, however wide the columns are."""
        said = " ".join(self.said.split())
        for line in text.splitlines():
            assert " ".join(line.split()) in said, f"{line!r} is not in:\n{self.said}"


@pytest.fixture
def reader(page: str, tmp_path: Path, commands: Path) -> Iterator[Reader]:
    with in_background(emulator_of(page)) as emulator:
        yield Reader(tmp_path, commands, emulator.url)


@pytest.mark.skipif(shutil.which("bash") is None, reason="the commands of the pages are for bash")
@pytest.mark.parametrize("page", GUIDE)
def test_a_page_can_be_followed_from_top_to_bottom(page: str, reader: Reader) -> None:
    """Each block exits as announced, and what is shown as its output is in its output."""
    for number, block in enumerate(blocks_of(page)):
        if block.runs:
            reader.follow(block, number)


def test_hardly_a_block_is_not_run() -> None:
    """Two at most: the installation, and an emulator that runs until it is stopped."""
    left_out = [block.text for page in GUIDE for block in blocks_of(page) if not block.runs]
    assert len(left_out) <= 2
    assert all("venice-async emulator" in text for text in left_out)


def test_every_fence_is_understood() -> None:
    """None is left open or nameless, so that no block is passed over."""
    for page in GUIDE:
        fences = (DOCS / page).read_text().count("```")
        assert fences == 2 * len(blocks_of(page)) > 0, page


def test_the_index_names_every_page() -> None:
    """And every link between pages leads to one."""
    assert {path.name for path in DOCS.glob("*.md")} == {"README.md", *PAGES}
    for path in DOCS.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (DOCS / target).exists(), f"{path.name}: {target}"
