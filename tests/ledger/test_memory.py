"""The ledger in memory; what it promises is in tests/contracts."""

import pytest
from harness import job_record

from venice_async.ledger.memory import MemoryLedger

pytestmark = pytest.mark.anyio


async def test_what_it_gives_out_cannot_change_it() -> None:
    """Neither a list of records nor what was learned is the ledger's own."""
    ledger = MemoryLedger()
    await ledger.open()
    await ledger.add(job_record(1))
    (await ledger.records()).clear()
    learned = {"a": 1}
    await ledger.save_learned(learned)
    learned["a"] = 2
    assert len(await ledger.records()) == 1
    assert await ledger.learned() == {"a": 1}
    assert repr(ledger) == "<MemoryLedger 1 jobs>"
