"""The pytest fixture `venice_emulator`.

pytest loads this module in every run of every project that has the package installed: nothing is
imported here that is not needed to say so.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from venice_async.emulator.emulator import Emulator

_MARKER = "venice_emulator(**options): options of the Emulator behind the fixture venice_emulator, such as time_scale"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def venice_emulator(request: pytest.FixtureRequest) -> "Iterator[Emulator]":
    """An emulated Venice API on a socket of this machine, at 100 job seconds per real second.

    Its base URL is `venice_emulator.url`. It serves from a thread of its own, so that sync and async
    tests can use it alike. Options of `Emulator` are given with
    `@pytest.mark.venice_emulator(time_scale=..., faults=...)`. Videos are plain ones unless
    `clips="auto"` asks for real pictures.
    """
    from venice_async.emulator.background import in_background
    from venice_async.emulator.emulator import Emulator

    options = {"time_scale": 100.0, "clips": "plain"}
    for marker in reversed(list(request.node.iter_markers("venice_emulator"))):
        options.update(marker.kwargs)
    with in_background(Emulator(**options)) as emulator:  # type: ignore[arg-type]
        yield emulator
