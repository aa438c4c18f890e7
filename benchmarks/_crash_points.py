"""`--failpoints`: death at each named instant of a job's life, and exactly the state that must be found there."""

import asyncio
import random
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from benchmarks._crash_gate import STAGES, Blade, Gate
from benchmarks._crash_jobs import key_of
from benchmarks._crash_knife import Knife
from benchmarks._crash_lives import process
from benchmarks._crash_oracle import Books, Findings, Judge
from benchmarks._crash_worker import Life
from venice_async.emulator.emulator import Emulator
from venice_async.jobs import Cleanup, JobRecord, JobState
from venice_async.limits import RateLimits

SIZE: Final = 300_000
SPEED: Final = 20.0
LIMITS: Final = RateLimits(queue_per_minute=3000, retrieve_per_minute=30_000, failures=100_000)


@frozen(kw_only=True)
class Expected:
    """What must be found right after the death (None: no record), what was charged, and how it must end."""

    found: tuple[JobState | None, ...]
    charges: int
    end: tuple[JobState, ...] = (JobState.COMPLETED,)
    deliveries: int | None = None
    """How often the server may have to hand the video over in all; None where that does not matter."""


_UNPAID = Expected(found=(JobState.QUEUEING,), charges=0, end=(JobState.UNKNOWN,))
_PAID = Expected(found=(JobState.QUEUEING,), charges=1, end=(JobState.UNKNOWN,))
_QUEUED = Expected(found=(JobState.QUEUED,), charges=1)
_DOWNLOADING = Expected(found=(JobState.DOWNLOADING,), charges=1)
_AT_HOME = Expected(found=(JobState.DOWNLOADING,), charges=1, deliveries=1)
_DONE = Expected(found=(JobState.COMPLETED,), charges=1, deliveries=1)

POINTS: Final[Mapping[str, Expected]] = {
    "before-pending": Expected(found=(None,), charges=0),
    "after-pending": Expected(found=(JobState.PENDING,), charges=0),
    "before-queueing": Expected(found=(JobState.PENDING,), charges=0),
    "after-queueing": _UNPAID,
    "connect": _UNPAID,
    "headers": _UNPAID,
    "half-body": _UNPAID,
    "last-byte": _UNPAID,
    "before-reply": _PAID,
    "half-reply": _PAID,
    "after-reply": Expected(
        found=(JobState.QUEUEING, JobState.QUEUED), charges=1, end=(JobState.UNKNOWN, JobState.COMPLETED)
    ),
    "before-queued": _PAID,
    "after-queued": _QUEUED,
    "before-downloading": _QUEUED,
    "after-downloading": _DOWNLOADING,
    "before-open": _DOWNLOADING,
    "after-open": _DOWNLOADING,
    "before-reserve": _DOWNLOADING,
    "after-reserve": _DOWNLOADING,
    "mid-write": _DOWNLOADING,
    "before-fsync": _DOWNLOADING,
    "after-fsync": _DOWNLOADING,
    "before-hash": _DOWNLOADING,
    "after-hash": _DOWNLOADING,
    "before-publish": _DOWNLOADING,
    "after-publish": _AT_HOME,
    "before-completed": _AT_HOME,
    "after-completed": _DONE,
    "before-delete": _DONE,
    "after-delete": _DONE,
    "before-cleanup": _DONE,
    "after-cleanup": _DONE,
}


@define(kw_only=True)
class PointTally:
    """What one point came to over all its rounds."""

    rounds: int = 0
    met: int = 0
    wrong: list[str] = field(factory=list)
    findings: Findings = field(factory=Findings)


class Scene:
    """One death at one point, and the life after it."""

    def __init__(self, point: str, *, seed: int, folder: Path, tally: PointTally) -> None:
        self._point = point
        self._expected = POINTS[point]
        self._folder = folder
        self._tally = tally
        chance = random.Random(f"{point} {seed}")
        # Jobs before the victim come to their end first; a fresh connection tells of a paid call only at the first.
        self._victim = 0 if point == "connect" else chance.randint(0, 1)
        self._seed = seed
        folder.mkdir()
        self._venice = Emulator(
            time_scale=SPEED, seed=seed, clips="plain", video_size=SIZE, limits=LIMITS,
            execution_time=lambda _model, _number: chance.uniform(0.5, 3.0),
        )  # fmt: skip

    async def play(self) -> None:
        """Die, look, live on, look again."""
        async with self._venice, Gate(self._venice.url) as gate:
            judge = Judge(Books(self._venice, size=SIZE), self._folder)
            if not await self._die(gate):
                self._wrong("the point was not met")
                return
            self._tally.met += 1
            self._check(await judge.look(self._tally.findings), self._expected.found)
            self._check_charges()
            async with process(self._life(gate)) as worker:
                code = await worker.wait()
            if code != 0:
                self._wrong(f"the second life ended with {code}")
                return
            self._check(records := await judge.look(self._tally.findings, whole=True), self._expected.end)
            self._check_charges()
            self._check_rest(records)

    def _life(self, gate: Gate, knife: Knife | None = None) -> Life:
        return Life(
            url=gate.url, folder=str(self._folder), jobs=self._victim + 1, speed=SPEED, limits=LIMITS,
            seed=self._seed, knife=knife, one_by_one=True,
        )  # fmt: skip

    async def _die(self, gate: Gate) -> bool:
        """Whether it died where it should."""
        inside = self._point not in STAGES
        knife = Knife(point=self._point, key=key_of(self._victim)) if inside else None
        async with process(self._life(gate, knife)) as worker:
            if not inside:
                gate.blade = Blade(stage=self._point, call=self._victim, strike=worker.kill)
            return await worker.wait() == -9

    def _check(self, records: Iterable[JobRecord], allowed: tuple[JobState | None, ...]) -> None:
        states = {record.key: record.state for record in records}
        state = states.get(key_of(self._victim))
        if state not in allowed:
            self._wrong(f"{state} where {allowed} is due")

    def _check_charges(self) -> None:
        charges = len(self._venice.charges) - self._victim
        if self._expected.end != (JobState.COMPLETED,) and charges != self._expected.charges:
            self._wrong(f"{charges} charges where {self._expected.charges} are due")
        if charges > 1:
            self._wrong(f"{charges} charges")

    def _check_rest(self, records: Iterable[JobRecord]) -> None:
        for record in records:
            # A video that was deleted just before the death cannot be deleted again, and may stay marked for a day.
            theirs = [job for job in self._venice.jobs if job.queue_id == record.queue_id and job.deleted_at is None]
            if record.state is JobState.COMPLETED and record.cleanup is not Cleanup.DONE and theirs:
                self._wrong(f"{record.key} was not cleaned up: {record.cleanup}")
        due = self._expected.deliveries
        if due is not None and (made := self._venice.jobs[self._victim].deliveries) > due:
            self._wrong(f"handed over {made} times where {due} is due")

    def _wrong(self, sentence: str) -> None:
        self._tally.wrong.append(f"{self._point}, seed {self._seed}, victim {self._victim}: {sentence}")


async def campaign(
    *, rounds: int, seed: int, points: Iterable[str] = POINTS, at_once: int = 3
) -> dict[str, PointTally]:
    """Every point, so many rounds of each, a few at a time."""
    tallies = {point: PointTally() for point in points}
    turn = asyncio.Semaphore(at_once)

    async def one(point: str, number: int, folder: Path) -> None:
        async with turn:
            tallies[point].rounds += 1
            await Scene(point, seed=number, folder=folder, tally=tallies[point]).play()

    with tempfile.TemporaryDirectory(prefix="venice-crash-") as folder:
        async with asyncio.TaskGroup() as group:
            for point in tallies:
                for number in range(seed, seed + rounds):
                    group.create_task(one(point, number, Path(folder) / f"{point}-{number}"))
    return tallies
