"""Other people's programs, each in a process of its own; see README.md."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from others import HERE, PYTHON, Program, run

from venice_async.emulator import Emulator, in_background


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """These run when they are asked for by their marker, and in no other run of the tests."""
    asked = "heavy" in (config.getoption("-m") or "")
    for item in items:
        if HERE in item.path.parents and not asked:
            item.add_marker(pytest.mark.skip(reason="other people's programs run with -m heavy"))


@pytest.fixture(scope="session")
def node() -> Program:
    """Runs one of the scripts for Node."""
    found = shutil.which("node")
    if found is None or not (HERE / "node_modules").is_dir():
        pytest.skip("needs Node and `npm ci --prefix tests/interop`")
    return lambda script, *words, told="": run([found, str(HERE / script), *words], told)


@pytest.fixture(scope="session")
def python() -> Program:
    """Runs one of the scripts for the other Python environment."""
    if not PYTHON.exists():
        pytest.skip("needs the environment .venv-interop; see tests/interop/README.md")
    return lambda script, *words, told="": run([str(PYTHON), str(HERE / script), *words], told)


@pytest.fixture
def venice() -> Iterator[Emulator]:
    """An emulated Venice on a socket: videos take 20 job seconds, every wallet has USDC and no credit."""
    options: dict[str, Any] = {"usdc": Decimal(100)}
    emulator = Emulator(
        time_scale=50, clips="plain", video_size=50_000, seed=5, execution_time=lambda *_: 20.0, **options
    )
    with in_background(emulator):
        yield emulator
