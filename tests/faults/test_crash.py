"""A small share of the crash campaigns: `python -m benchmarks.crash` runs the whole."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import _crash_cancel, _crash_crowd, _crash_disk, _crash_points, _crash_random

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quiet_server() -> Iterator[None]:
    """A server whose clients are killed has much to say."""
    logger = logging.getLogger("aiohttp.server")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)


async def test_killed_at_random_instants() -> None:
    """No job is charged twice, none that was charged is lost, and no file is half there."""
    tally = await _crash_random.campaign(_crash_random.Plan(kills=10, seed=5, jobs=24, log_every=3))
    assert tally.findings.wrong == []
    assert tally.decided.wrong == []
    assert tally.violations == 0
    assert tally.kills >= 10
    assert set(tally.findings.states) <= {"completed", "unknown"}


async def test_killed_at_named_points() -> None:
    """At every third point of a job's life: what is found then is exactly what must be, and it ends as it must."""
    points = [*_crash_points.POINTS][::3]
    tallies = await _crash_points.campaign(rounds=1, seed=11, points=points, at_once=4)
    assert [line for tally in tallies.values() for line in (*tally.wrong, *tally.findings.wrong)] == []
    assert all(tally.met == tally.rounds == 1 for tally in tallies.values())


async def test_several_programs_on_one_ledger() -> None:
    """Killed, stopped for longer than their lease, and woken up again: every job is still charged once at most."""
    plan = _crash_crowd.CrowdPlan(processes=3, jobs=40, blows=6, seed=4)
    tally = await _crash_crowd.campaign(plan)
    assert tally.findings.wrong == []
    assert tally.findings.states.total() == 40


@pytest.mark.parametrize("kind", _crash_cancel.ALL_KINDS)
def test_cancelled_in_every_way(kind: str) -> None:
    """At every fourth await of whoever submits, of the whole program, and of its closing."""
    for tally in _crash_cancel.campaign(kinds=[kind], durable=False, every=4).values():
        assert tally.wrong == []
        assert tally.awaits


@pytest.mark.parametrize("kind", ["cancel twice", "scope", "shutdown"])
def test_cancelled_with_a_ledger_on_disk(kind: str) -> None:
    """Whatever the ledger's own thread was doing meanwhile, the next program starts and goes on."""
    for tally in _crash_cancel.campaign(scenes=["program"], kinds=[kind], every=2, first=10).values():
        assert tally.wrong == []


def test_a_bad_disk_under_a_video(tmp_path: Path) -> None:
    """The job waits for a person, nothing is deleted at the server, and the video comes home when the disk is well."""
    tally = _crash_disk.DiskTally()
    for at in range(1, 17, 5):
        _crash_disk.one_file_fault(tmp_path / str(at), at=at, code=28, times=10**9, tally=tally)
    assert tally.held >= 2


@pytest.mark.parametrize("heals", [1, None])
def test_a_full_disk_under_the_ledger(tmp_path: Path, heals: int | None) -> None:
    """What was paid for is kept beside the ledger until there is room again."""
    if not _crash_disk.can_mount():
        pytest.skip("this process may not mount a small file system")
    tally = _crash_disk.DiskTally()
    for at in (5, 7):
        _crash_disk.one_full_ledger(tmp_path / str(at), at=at, heals=heals, tally=tally)
    assert tally.points == 2
