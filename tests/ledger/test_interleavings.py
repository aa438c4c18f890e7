"""Two processes on one ledger, in any order: no job has two masters, and money stays below the cap."""

import contextlib
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from harness import job_record
from hypothesis import given, settings
from hypothesis import strategies as st

from venice_async.errors import BudgetExceededError, Charge, DuplicateQueueIdError, StaleRecordError
from venice_async.jobs import ACTIVE, MOVES, JobRecord, JobState
from venice_async.ledger import SqliteLedger
from venice_async.ledger.leases import LEASE
from venice_async.money import totals_of

pytestmark = pytest.mark.anyio

MEMORY = Path("/dev/shm")  # noqa: S108 -- hundreds of ledgers: on a disk each commit would cost milliseconds
CAP = Decimal("2.00")
STEPS = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from(["add", "move", "move", "move", "look", "read", "stop"]), st.integers(0, 999)
    ),
    max_size=40,
)
CHARGES = {JobState.QUEUED: Charge.CHARGED, JobState.UNKNOWN: Charge.UNVERIFIED, JobState.PENDING: Charge.NONE}


class Process:
    """One owner, and what it believes of the jobs."""

    def __init__(self, path: Path) -> None:
        self.now = self.renewed = 1000.0
        self.ledger = SqliteLedger(path, wall=lambda: self.now, monotonic=lambda: self.now)
        self.seen: dict[str, JobRecord] = {}

    def saw(self, *records: JobRecord) -> None:
        self.seen.update((record.id, record) for record in records)


class Pair:
    """Two processes, and everything that was ever written."""

    def __init__(self, path: Path) -> None:
        self.processes = [Process(path) for _ in range(2)]
        self.truth: dict[str, JobRecord] = {}

    async def step(self, who: int, what: str, which: int) -> None:
        process = self.processes[who]
        with contextlib.suppress(StaleRecordError, BudgetExceededError, DuplicateQueueIdError):
            await getattr(self, f"_{what}")(process, which)
        found = {record.id: record for record in await process.ledger.records()}
        assert found == self.truth, what
        assert sum(totals_of(record).held_usd for record in found.values()) <= CAP

    async def _add(self, process: Process, which: int) -> None:
        number = which % 12
        price = Decimal(which % 90) / 100
        record = await process.ledger.add(job_record(number, price_usd=price), cap_usd=CAP)
        assert record == self.truth.setdefault(record.id, record)
        process.saw(record)

    async def _move(self, process: Process, which: int) -> None:
        if not process.seen:
            return
        seen = process.seen[sorted(process.seen)[which % len(process.seen)]]
        states = sorted(MOVES[seen.state], key=lambda state: state.value)
        if not states:
            return
        state = states[which % len(states)]
        changes: dict[str, Any] = {"state": state, "charge": CHARGES.get(state, seen.charge)}
        if state is JobState.QUEUED and seen.queue_id is None:
            changes["queue_id"] = f"q-{which % 5}"
        after = await process.ledger.move(seen, cap_usd=CAP, **changes)
        before = self.truth[seen.id]
        assert before == seen
        assert after.version == before.version + 1
        cancelled = state is JobState.CANCELLED and before.state is not JobState.QUEUEING
        assert before.state not in ACTIVE or before.owner == process.ledger.owner or cancelled
        others = {each.queue_id for each in self.truth.values() if each.id != after.id}
        assert after.queue_id is None or after.queue_id not in others
        self.truth[after.id] = after
        process.saw(after)

    async def _look(self, process: Process, _: int) -> None:
        other = next(each for each in self.processes if each is not process)
        lapsed = process.now - other.renewed > LEASE
        process.renewed = process.now
        news = await process.ledger.look()
        for record in news.changed:
            before = self.truth[record.id]
            if record.owner == process.ledger.owner and before.owner != record.owner:
                assert lapsed
                assert (before.owner, record.version) == (other.ledger.owner, before.version + 1)
                self.truth[record.id] = record
            assert record == self.truth[record.id]
        process.saw(*news.changed)
        for record in self.truth.values():
            if record.state in ACTIVE and record.owner == process.ledger.owner:
                assert process.seen.get(record.id) == record, "an owner knows its jobs"
            assert not (lapsed and record.state in ACTIVE and record.owner == other.ledger.owner)

    async def _read(self, process: Process, _: int) -> None:
        process.saw(*await process.ledger.records())

    async def _stop(self, process: Process, _: int) -> None:
        """The other one lives on while this one stands still."""
        other = next(each for each in self.processes if each is not process)
        other.now = process.now = max(process.now, other.now)
        other.now += LEASE + 1


@settings(max_examples=60, deadline=None)
@given(STEPS)
async def test_any_order_of_steps(steps: list[tuple[int, str, int]]) -> None:
    """Every change is made by who may make it, on what it has seen; the file always holds exactly those changes."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        pair = Pair(Path(folder) / "jobs.sqlite3")
        for process in pair.processes:
            await process.ledger.open()
            await process.ledger.join()
        try:
            for step in steps:
                await pair.step(*step)
        finally:
            for process in pair.processes:
                await process.ledger.aclose()
