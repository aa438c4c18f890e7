"""The package's face: its names, its options, its records."""

import subprocess
import sys
from decimal import Decimal

import pytest

import venice_async.emulator as package
from venice_async.clock import SystemClock
from venice_async.emulator import Emulator, ManualClock, StatusFault
from venice_async.emulator.plain_clips import PlainClips
from venice_async.errors import ConfigurationError
from venice_async.wire.calls import models_call


@pytest.mark.parametrize("name", package.__all__)
def test_every_name_is_there(name: str) -> None:
    """Whatever the package promises can be had, and is listed."""
    assert getattr(package, name).__name__ == name
    assert name in dir(package)


def test_other_names_are_not() -> None:
    """A misspelt name is an AttributeError, as everywhere."""
    with pytest.raises(AttributeError, match="Emulater"):
        package.Emulater  # noqa: B018


def test_the_package_is_cheap_to_import() -> None:
    """Neither a server nor an encoder is loaded by the import."""
    code = "import sys; from venice_async.emulator import Emulator; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"aiohttp", "av", "anyio", "cattrs", "rich"} & set(loaded)


def test_unknown_clips() -> None:
    """A kind of clips that is not known is refused when the emulator is made."""
    with pytest.raises(ConfigurationError, match="'auto', 'plain'"):
        Emulator(clips="hand-drawn")


def test_clips_without_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyAV is not installed, plain videos are made without asking."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert isinstance(Emulator()._brain._clips, PlainClips)


@pytest.mark.parametrize("scale", [0, -1, float("inf"), float("nan")])
def test_impossible_time_scales(scale: float) -> None:
    """Time cannot stand still, run backwards or jump."""
    with pytest.raises(ValueError, match="positive"):
        Emulator(time_scale=scale)


def test_records_are_copies() -> None:
    """What is handed out does not change under the reader's hands."""
    clock, emulator = ManualClock(), Emulator(clips="plain", faults=[StatusFault(endpoints=("models",))])
    before = emulator.requests

    async def ask() -> int:
        async with emulator.transport(clock).send(models_call(emulator.memory_url)) as reply:
            return reply.head.status

    assert clock.run(ask()) == 503
    assert (before, len(emulator.requests)) == ((), 1)
    assert (emulator.jobs, emulator.charges, emulator.violations, emulator.spent_usd) == ((), (), (), Decimal(0))


def test_reprs() -> None:
    """A repr says where it serves and what happened."""
    emulator = Emulator(clips="plain")
    assert repr(emulator) == "<Emulator not serving, 0 jobs, $0, 0 requests>"
    assert repr(emulator.transport(SystemClock())) == "<MemoryTransport>"
    assert repr(emulator.faults) == "<FaultPlan 0 faults>"
