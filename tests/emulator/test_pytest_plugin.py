"""The fixture for our users' tests."""

import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from venice_async.emulator.emulator import Emulator
from venice_async.emulator.faults import StatusFault

BODY = {"model": "wan-2.6-text-to-video", "prompt": "a quay", "duration": "5s", "aspect_ratio": "16:9"}


def queue(emulator: Emulator) -> int:
    request = urllib.request.Request(  # noqa: S310 -- an address of this machine
        emulator.url + "/video/queue",
        data=json.dumps(BODY).encode(),
        headers={"authorization": "Bearer k", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_sync_tests_can_use_it(venice_emulator: Emulator) -> None:
    """It serves while the test blocks, at a hundred job seconds a second."""
    assert queue(venice_emulator) == 200
    assert len(venice_emulator.charges) == 1
    assert venice_emulator.time_scale == 100


@pytest.mark.anyio
async def test_async_tests_can_use_it(venice_emulator: Emulator) -> None:
    """It serves from another thread, so the test's own loop is free."""
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(venice_emulator.url + "/models?type=video") as response:
        assert response.status == 200


@pytest.mark.venice_emulator(time_scale=7, faults=[StatusFault(status=503)])
def test_a_marker_sets_its_options(venice_emulator: Emulator) -> None:
    """Options of the marker are options of the emulator."""
    assert venice_emulator.time_scale == 7
    assert queue(venice_emulator) == 503


@pytest.mark.venice_emulator(time_scale=7, faults=[StatusFault(status=503)])
class TestMarkers:
    @pytest.mark.venice_emulator(time_scale=9)
    def test_the_nearest_marker_wins(self, venice_emulator: Emulator) -> None:
        """A test's own marker changes what the class's says, option by option."""
        assert venice_emulator.time_scale == 9
        assert queue(venice_emulator) == 503


def test_a_start_that_fails_is_raised(venice_emulator: Emulator) -> None:
    """An emulator that cannot serve says so where it is used."""
    from venice_async.emulator.background import in_background

    port = int(venice_emulator.url.split(":")[2].partition("/")[0])
    with pytest.raises(OSError, match="address"), in_background(Emulator(port=port)):
        pass


def test_the_plugin_is_cheap_to_import() -> None:
    """A test run that does not use it pays for nothing heavier than pytest itself."""
    code = (
        "import sys, pytest; before = set(sys.modules); import venice_async.emulator.pytest_plugin; "
        "print(*(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if not name.startswith("venice_async")] == []
    assert "venice_async.emulator.emulator" not in loaded
