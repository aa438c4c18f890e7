"""The README keeps its word: its program runs as it is written."""

import os
import re
import subprocess
import sys
from pathlib import Path

from venice_async.emulator import Emulator, in_background

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


def test_the_fixture_example_passes_in_plain_pytest(tmp_path: Path) -> None:
    """No plugin, no asyncio mode: pasted into a file."""
    examples = [text for text in EXAMPLES if "def test_" in text]
    assert len(examples) == 1
    (tmp_path / "test_my_app.py").write_text(examples[0])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_app.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
