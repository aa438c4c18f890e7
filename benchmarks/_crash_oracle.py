"""The judge: the server's own books against the ledger file and the folder of videos. It asks the package nothing
that it could be wrong about: who was charged, and which bytes were sent, the server knows."""

import asyncio
import contextlib
import hashlib
import shutil
import sqlite3
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Final

from attrs import define, field

from benchmarks._crash_jobs import API_KEY, tag_of
from venice_async.emulator.emulator import Emulator
from venice_async.emulator.jobs import EmulatedJob
from venice_async.emulator.plain_clips import PlainClips
from venice_async.jobs import Cleanup, JobRecord, JobState
from venice_async.ledger import SqliteLedger
from venice_async.money import totals_of

KNOWS_ITS_ID: Final = frozenset(
    {JobState.QUEUED, JobState.DOWNLOADING, JobState.COMPLETED, JobState.FAILED, JobState.HELD, JobState.CANCELLED}
)
DOUBTFUL: Final = frozenset({JobState.UNKNOWN, JobState.QUEUEING})
"""QUEUEING is read as UNKNOWN by the next process."""
LEDGER: Final = "jobs.sqlite3"


@define(kw_only=True)
class Findings:
    """What the judge has seen over all rounds, and everything that should not be."""

    charged: int = 0
    double: int = 0
    lost: int = 0
    unknown_charged: int = 0
    unknown_free: int = 0
    partial: int = 0
    corrupt: int = 0
    uncounted: int = 0
    leaks: int = 0
    states: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)

    def note(self, kind: str, sentence: str) -> None:
        """Count a violation and keep what it was."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.wrong.append(f"{kind}: {sentence}")

    def merge(self, other: "Findings") -> None:
        """Add what another round came to."""
        for name in ("charged", "double", "lost", "unknown_charged", "unknown_free", "partial", "corrupt", "uncounted"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.leaks += other.leaks
        self.states.update(other.states)
        self.wrong += other.wrong


class Books:
    """What the server knows of each tag. One emulator serves many ledgers: `first` is where this one's jobs begin."""

    def __init__(self, venice: Emulator, *, size: int) -> None:
        self._venice = venice
        self._size = size
        self._first = len(venice.jobs)
        self._hashes: dict[str, str] = {}

    @property
    def jobs(self) -> tuple[EmulatedJob, ...]:
        """Every accepted, and so charged, job of this ledger."""
        return self._venice.jobs[self._first :]

    def by_tag(self) -> dict[str, list[EmulatedJob]]:
        """The charges of each tag."""
        found: dict[str, list[EmulatedJob]] = {}
        for job in self.jobs:
            found.setdefault(tag_of(job.prompt), []).append(job)
        return found

    def usd(self) -> Decimal:
        """What was taken and not given back."""
        charges = self._venice.charges[self._first :]
        return sum((charge.usd for charge in charges if charge.refunded_at is None), Decimal(0))

    def price(self, job: EmulatedJob) -> Decimal:
        """What was taken for it."""
        return self._venice.charges[job.number - 1].usd

    def link(self, job: EmulatedJob) -> str | None:
        """Its private link."""
        return self._venice.url.replace("/api/v1", f"/media/{job.token}") if job.token else None

    def sha256(self, job: EmulatedJob) -> str:
        """What the server's file hashes to."""
        if job.queue_id not in self._hashes:
            unique = job.queue_id.encode()
            video = PlainClips().video(job.prompt, aspect_ratio=job.aspect_ratio, unique=unique, size=self._size)
            self._hashes[job.queue_id] = video.sha256()
        return self._hashes[job.queue_id]


class Judge:
    """Looks at one ledger and its folder, as often as wanted, while no process works on them."""

    def __init__(self, books: Books, folder: Path) -> None:
        self.books = books
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._seen: dict[tuple[str, int, int, int], str] = {}

    async def look(self, findings: Findings, *, whole: bool = False, cap_usd: Decimal | None = None) -> list[JobRecord]:
        """Judge what stands there now; `whole` when all jobs have come to rest. Give the records."""
        copy = self._folder / "copy"
        await asyncio.to_thread(_copy_ledger, self._folder / "ledger", copy)
        if not await asyncio.to_thread(_is_sound, copy / LEDGER):
            findings.note("corrupt", f"{self._folder}")
            return []
        records = await records_of(copy / LEDGER)
        self._judge_money(findings, records, cap_usd)
        await asyncio.to_thread(self._judge_files, findings, records)
        if whole:
            self._judge_end(findings, records)
        return records

    def _judge_money(self, findings: Findings, records: list[JobRecord], cap_usd: Decimal | None) -> None:
        by_key = {record.key: record for record in records}
        for tag, charged in self.books.by_tag().items():
            record = by_key.get(tag)
            if len(charged) > 1 and (record is None or record.decision is None):
                findings.note("double", f"{tag} was charged {len(charged)} times, its record is {record!r}")
            if record is None or not self._accounts_for(record, charged):
                findings.note("lost", f"{tag} was charged as {charged[-1].queue_id}, its record is {record!r}")
        totals = [totals_of(record) for record in records]
        held = sum((total.spent_usd + total.reserved_usd for total in totals), Decimal(0))
        if held < self.books.usd():
            findings.note("uncounted", f"{held} USD spent and reserved, {self.books.usd()} charged")
        if cap_usd is not None and held > cap_usd:
            findings.note("uncounted", f"{held} USD spent and reserved above the cap of {cap_usd}")

    def _accounts_for(self, record: JobRecord, charged: list[EmulatedJob]) -> bool:
        if record.decision is not None:  # a person's word: then the money must be counted, whatever the state
            total = totals_of(record)
            return total.spent_usd + total.reserved_usd >= sum(self.books.price(job) for job in charged)
        if record.state in DOUBTFUL:
            return True
        return record.state in KNOWS_ITS_ID and record.queue_id in {job.queue_id for job in charged}

    def _judge_files(self, findings: Findings, records: list[JobRecord]) -> None:
        del records
        charged = self.books.by_tag()
        for path in (self._folder / "videos").glob("[!.]*"):
            sha256 = self._hash(path)
            if sha256 not in {self.books.sha256(job) for job in charged.get(path.stem, ())}:
                findings.note("partial", f"{path.name} is not the server's file")

    def _hash(self, path: Path) -> str:
        facts = path.stat()
        mark = (path.name, facts.st_ino, facts.st_mtime_ns, facts.st_size)
        if mark not in self._seen:
            self._seen[mark] = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._seen[mark]

    def _judge_end(self, findings: Findings, records: list[JobRecord]) -> None:
        charged = self.books.by_tag()
        findings.charged += len(self.books.jobs)
        for record in records:
            findings.states[record.state.value] += 1
            if record.state is JobState.UNKNOWN:
                findings.unknown_charged += record.key in charged
                findings.unknown_free += record.key not in charged
            if record.state is JobState.COMPLETED:
                self._judge_video(findings, record)
        for path in (self._folder / "videos").glob(".*"):
            findings.note("partial", f"{path.name} was left behind")
        self._judge_secrets(findings, records)

    def _judge_video(self, findings: Findings, record: JobRecord) -> None:
        path = Path(record.output)
        if not path.is_file() or self._hash(path) != record.sha256 or path.stat().st_size != record.size:
            findings.note("lost", f"{record.key} is COMPLETED and its file is not there")

    def _judge_secrets(self, findings: Findings, records: list[JobRecord]) -> None:
        raw = (self._folder / "ledger" / LEDGER).read_bytes()
        logged = b"".join(path.read_bytes() for path in self._folder.glob("*.log"))
        done = {record.queue_id for record in records if record.cleanup is Cleanup.DONE}
        for job in self.books.jobs:
            token = (job.token or "").encode()
            if token and token in logged:
                findings.note("leaks", f"the private link of {job.queue_id} in a log")
            if token and job.queue_id in done and token in raw:
                findings.note("leaks", f"the private link of {job.queue_id} in {self._folder}, though cleaned up")
        if API_KEY.encode() in raw + logged:
            findings.note("leaks", "the API key")


async def records_of(path: Path) -> list[JobRecord]:
    """What a ledger holds, in the package's own words."""
    ledger = SqliteLedger(path)
    await ledger.open()
    try:
        return await ledger.records()
    finally:
        await ledger.aclose()


def _copy_ledger(folder: Path, copy: Path) -> None:
    # The next process shall meet the files exactly as the dead one left them, hot journal and all.
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True, mode=0o700)
    for path in folder.glob("*"):
        shutil.copy2(path, copy / path.name)


def _is_sound(path: Path) -> bool:
    if not path.is_file():
        return True
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
