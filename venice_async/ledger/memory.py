"""A ledger that dies with the process: for tests, and for work that nobody paid for."""

from collections.abc import Collection, Mapping
from typing import Any

from venice_async.jobs import JobRecord, JobState
from venice_async.ledger.protocol import moved, stale


class MemoryLedger:
    """`Ledger` in a dictionary. **A crash loses every job and its queue_id**: use SqliteLedger for paid work."""

    def __init__(self) -> None:
        self._records: dict[str, JobRecord] = {}
        self._by_key: dict[str, str] = {}
        self._learned: dict[str, Any] = {}

    async def open(self) -> None:
        """Nothing to do."""

    async def add(self, record: JobRecord) -> JobRecord:
        known = self._by_key.setdefault(record.key, record.id)
        return self._records.setdefault(known, record)

    async def move(self, record: JobRecord, **changes: Any) -> JobRecord:
        current = self._records.get(record.id)
        if current is None or current.version != record.version:
            raise stale(record)
        self._records[record.id] = after = moved(current, changes)
        return after

    async def get(self, job_id: str) -> JobRecord | None:
        return self._records.get(job_id)

    async def records(self, states: Collection[JobState] | None = None) -> list[JobRecord]:
        wanted = [record for record in self._records.values() if states is None or record.state in states]
        return sorted(wanted, key=lambda record: record.created_at)

    async def learned(self) -> Mapping[str, Any]:
        return dict(self._learned)

    async def save_learned(self, learned: Mapping[str, Any]) -> None:
        self._learned = dict(learned)

    async def aclose(self) -> None:
        """Nothing to do: the records can be read as long as the object lives."""

    def __repr__(self) -> str:
        return f"<MemoryLedger {len(self._records)} jobs>"
