"""How other people's programs are run, and how their verdicts are read."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from venice_async.emulator import Emulator

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-interop" / "bin" / "python"
SECONDS = 100
Program = Callable[..., Any]


def run(command: list[str], told: str = "") -> Any:
    """What a program prints, as JSON."""
    done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def origin(venice: Emulator) -> str:
    """The server as clients name it that add /api/v1 themselves."""
    return venice.url.removesuffix("/api/v1")


def assert_all(verdicts: list[dict[str, Any]]) -> None:
    """Every verifier accepts every artefact."""
    assert verdicts
    wrong = [(n, name, said) for n, each in enumerate(verdicts) for name, said in each.items() if said is not True]
    assert not wrong, wrong[:5]
