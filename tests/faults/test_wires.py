"""A share of the wire faults and the fuzzed answers; `python -m benchmarks.wire_faults` and `.fuzz` run the whole."""

import logging
from collections.abc import Iterator

import pytest

from benchmarks import fuzz, wire_faults
from benchmarks._wire_peer import FAULTS, Fault
from benchmarks._wire_statuses import status_table

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Broken exchanges are the point here, and asyncio's debug words about them are not."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_broken_wire_under_the_paid_call(fault: Fault) -> None:
    """It is sent again only where the server cannot have read it whole."""
    result = await wire_faults.meet("queue", fault, reused=False)
    assert result.outcome in result.allowed


@pytest.mark.parametrize("fault", FAULTS[:7], ids=lambda fault: fault.name)
async def test_a_broken_wire_under_much_media(fault: Fault) -> None:
    """Megabytes of a body whose last byte was withheld: it is certain that nothing was taken, and it is sent again."""
    result = await wire_faults.meet("queue 24 MB", fault, reused=False)
    assert result.outcome in result.allowed


@pytest.mark.parametrize("call", ["retrieve", "download", "complete", "models"])
async def test_a_broken_wire_under_a_kept_connection(call: str) -> None:
    """Free calls are repeated, or raise a typed error."""
    for fault in FAULTS[::4]:
        result = await wire_faults.meet(call, fault, reused=True)
        assert result.outcome in result.allowed, fault.name


@pytest.mark.parametrize("call", ["queue"])
async def test_no_connection_at_all(call: str) -> None:
    """Nobody there, a full backlog, no TLS and an untrusted certificate: certainly nothing was sent."""
    for result in await wire_faults.unconnected(call):
        assert result.outcome == "not connected", result.fault


async def test_every_status_with_every_body() -> None:
    """More than twelve thousand answers: each has the consequence that the matrix, written down apart, says."""
    statuses, mistakes = await status_table()
    assert mistakes == []
    assert statuses.total() > 12_000


async def test_answers_that_no_server_should_give() -> None:
    """Typed errors only, no hang, and no secret that an error carries with it."""
    came = await fuzz.fuzz(answers=1500, seed=3)
    assert came.wrong == {}
