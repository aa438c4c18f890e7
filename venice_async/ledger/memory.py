"""A ledger that dies with the process: for tests, and for work that nobody paid for."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import attrs

from venice_async.jobs import JobRecord, JobState, PaidAnswer
from venice_async.ledger.protocol import News, check_queue_id, is_claimable, moved_by, not_kept, renamed, stale
from venice_async.money import ZERO, check_change, totals_of


class MemoryLedger:
    """`Ledger` in a dictionary. **A crash loses every job and its queue_id**: use SqliteLedger for paid work."""

    def __init__(self) -> None:
        self._records: dict[str, JobRecord] = {}
        self._by_key: dict[str, str] = {}
        self._by_queue_id: dict[str, str] = {}
        self._held_usd = ZERO
        self._kept: list[PaidAnswer] = []
        self._learned: dict[str, Any] = {}
        self._owner = 0
        self._looked = False

    @property
    def owner(self) -> int:
        """1 once joined: nobody else can see this ledger."""
        return self._owner

    @property
    def lease_valid(self) -> bool:
        """True once joined."""
        return self._owner != 0

    async def open(self) -> None:
        """Nothing to do."""

    async def join(self) -> None:
        self._owner, self._looked = 1, False

    async def add(self, record: JobRecord, *, cap_usd: Decimal | None = None) -> JobRecord:
        known = self._records.get(self._by_key.get(record.key, record.id))
        if known is not None:
            return known
        after = attrs.evolve(record, owner=self._owner)
        self._put(None, after, cap_usd)
        self._by_key[record.key] = record.id
        return after

    async def move(self, record: JobRecord, *, cap_usd: Decimal | None = None, **changes: Any) -> JobRecord:
        current = self._records.get(record.id)
        after = moved_by(self._owner, current, record, changes)
        self._put(current, after, cap_usd)
        return after

    async def replace(
        self, old: JobRecord, new: JobRecord, *, cap_usd: Decimal | None = None
    ) -> tuple[JobRecord, JobRecord]:
        freed = renamed(self._records.get(old.id), old, new, taken=self._by_key.__contains__)
        if new.id in self._records:
            raise stale(new)
        after = attrs.evolve(new, owner=self._owner)
        self._put(None, after, cap_usd)
        self._records[freed.id] = freed
        self._by_key |= {freed.key: freed.id, after.key: after.id}
        return freed, after

    def _put(self, before: JobRecord | None, after: JobRecord, cap_usd: Decimal | None) -> None:
        check_queue_id(before, after, taken=lambda queue_id: self._by_queue_id.get(queue_id, after.id) != after.id)
        check_change(before, after, held_usd=lambda: self._held_usd, cap_usd=cap_usd)
        self._held_usd += totals_of(after).held_usd - (totals_of(before).held_usd if before else ZERO)
        if after.queue_id is not None:
            self._by_queue_id.setdefault(after.queue_id, after.id)
        self._records[after.id] = after

    async def get(self, job_id: str) -> JobRecord | None:
        return self._records.get(job_id)

    async def by_key(self, key: str) -> JobRecord | None:
        return self._records.get(self._by_key.get(key, ""))

    async def records(self, states: Collection[JobState] | None = None) -> list[JobRecord]:
        wanted = [record for record in self._records.values() if states is None or record.state in states]
        return sorted(wanted, key=lambda record: record.created_at)

    async def look(self) -> News:
        orphans = [record for record in self._records.values() if record.owner != self._owner and is_claimable(record)]
        claimed = [attrs.evolve(record, owner=self._owner, version=record.version + 1) for record in orphans]
        self._records.update((record.id, record) for record in claimed)
        return News(changed=tuple(claimed), owners=1)

    def keep(self, answer: PaidAnswer) -> None:
        if not self._owner:
            raise not_kept(answer, "nobody has joined the ledger")
        self._kept.append(answer)

    async def kept(self) -> list[PaidAnswer]:
        return list(self._kept)

    async def drop_kept(self, answers: Collection[PaidAnswer]) -> None:
        self._kept = [answer for answer in self._kept if answer not in answers]

    async def learned(self) -> Mapping[str, Any]:
        return dict(self._learned)

    async def save_learned(self, learned: Mapping[str, Any]) -> None:
        self._learned = dict(learned)

    async def aclose(self) -> None:
        """The records can be read as long as the object lives; whoever owned some does no longer."""
        self._owner = 0

    def __repr__(self) -> str:
        return f"<MemoryLedger {len(self._records)} jobs>"
