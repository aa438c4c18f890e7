"""Commands as processes of their own, against an emulator in the test's."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from venice_async.emulator import Emulator, RejectFault

SCALE = 50.0


@frozen
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Awaitable[Ran]]


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment without the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VENICE_")}
    return {**kept, "COLUMNS": "80", **extra}


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulated Venice that refuses prompts with the word forbidden."""
    async with Emulator(time_scale=SCALE, seed=3, faults=[RejectFault(prompt="forbidden")]) as running:
        yield running


@pytest.fixture
def venice(emulator: Emulator, tmp_path: Path) -> Command:
    """Run `venice-async ARGUMENTS` in an empty folder; `until` and `send` signal it once stderr holds a text."""

    async def run(*arguments: str, until: str = "", send: signal.Signals | None = None, **extra: str) -> Ran:
        environment = clean_environment(**{"VENICE_API_KEY": "emulated", "VENICE_BASE_URL": emulator.url, **extra})
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "venice_async", *arguments, cwd=tmp_path, env=environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        seen = b""
        if send is not None:
            assert process.stderr is not None
            while until.encode() not in seen:
                line = await process.stderr.readline()
                assert line, seen
                seen += line
            process.send_signal(send)
        out, err = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), (seen + err).decode())

    return run
