"""What the tests of the manager's side share: an emulated Venice, a clock, and managers that come and go."""

import functools
import hashlib
import inspect
import itertools
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from venice_async.client import VeniceClient
from venice_async.clock import Clock
from venice_async.emulator.emulator import Emulator
from venice_async.emulator.manual_clock import ManualClock
from venice_async.emulator.plain_clips import PlainClips
from venice_async.jobs import JobRecord
from venice_async.ledger import Ledger, MemoryLedger, SqliteLedger
from venice_async.manager import JobManager
from venice_async.manager.events import EventStream
from venice_async.manager.job import Job
from venice_async.manager.streaming import JobStream
from venice_async.models import SeedanceConsent, VideoRequest
from venice_async.polling import Estimate

INLINE = "longcat-distilled-text-to-video"
"""A model whose retrieve answer is the video itself; $0.10 for 5 s."""
PRIVATE = "grok-imagine-text-to-video-private"
"""A model whose videos are behind private links."""
SIZE = 5000
"""Bytes of each video."""


def video_request(number: int = 1, *, model: str = INLINE, **changes: Any) -> VideoRequest:
    """A request that its model takes; the number makes it different from others."""
    facts = {"prompt": f"scene {number}", "duration": "5s", "aspect_ratio": "16:9"}
    if model == PRIVATE:
        facts["resolution"] = "480p"
    return VideoRequest(model=model, **{**facts, **changes})


def job_record(number: int = 1, **changes: Any) -> JobRecord:
    """A new job's record."""
    facts: dict[str, Any] = {
        "id": f"id-{number}",
        "key": f"key-{number}",
        "model": INLINE,
        "request": "{}",
        "output": f"/videos/{number}.mp4",
        "created_at": 1000.0 + number,
    }
    return JobRecord(**{**facts, **changes})


class Owner:
    """A manager that notes what it is asked."""

    def __init__(self) -> None:
        self.cancelled: list[Job] = []

    def eta_of(self, job_id: str) -> Estimate | None:
        del job_id
        return None

    def events_of(self, job: Job) -> EventStream:
        del job
        return EventStream(lambda _: None)

    async def cancel(self, job: Job) -> None:
        self.cancelled.append(job)

    async def give_consent(self, job: Job, consent: SeedanceConsent) -> None:
        del job, consent

    def open_stream(self, job: Job) -> JobStream:
        raise NotImplementedError


class HeldLedger:
    """A ledger whose threads virtual time waits for."""

    def __init__(self, ledger: Ledger, clock: ManualClock) -> None:
        self._ledger = ledger
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def held(*args: Any, **options: Any) -> Any:
            with self._clock.hold():
                return await method(*args, **options)

        return held


class World:
    """An emulated Venice with one account, a folder for videos, and a ledger that outlives every manager."""

    def __init__(self, folder: Path, clock: Clock, **options: Any) -> None:
        self.clock = clock
        self.folder = folder
        self.output = folder / "videos"
        self.emulator = Emulator(**{"seed": 7, "clips": "plain", "video_size": SIZE, **options})
        self.ledger: Ledger = MemoryLedger()
        self._seeds = itertools.count(1)

    def sqlite(self) -> Ledger:
        """The SQLite ledger of this world, as a process that has just started would open it."""
        ledger = SqliteLedger(self.folder / "jobs.sqlite3")
        return HeldLedger(ledger, self.clock) if isinstance(self.clock, ManualClock) else ledger  # type: ignore[return-value]

    def client(self, **options: Any) -> VeniceClient:
        """A client of the in-memory door."""
        door = self.emulator.transport(self.clock)
        facts: dict[str, Any] = {"base_url": self.emulator.memory_url, "transport": door, "clock": self.clock}
        return VeniceClient("any-key", rng=random.Random(next(self._seeds)), **{**facts, **options})

    def manager(self, *, client: VeniceClient | None = None, **options: Any) -> JobManager:
        """A manager, as a process that has just started would make it."""
        facts = {"ledger": self.ledger, "output_dir": self.output, "rng": random.Random(next(self._seeds))}
        return JobManager(client or self.client(), **{**facts, **options})

    def count(self, endpoint: str, *, status: int | None = None, method: str | None = None) -> int:
        """How many requests the server saw."""
        return sum(
            record.endpoint == endpoint
            and (status is None or record.status == status)
            and (method is None or record.method == method)
            for record in self.emulator.requests
        )

    def expected_sha256(self, job: Job) -> str:
        """What the server's file hashes to."""
        theirs = next(each for each in self.emulator.jobs if each.queue_id == job.queue_id)
        clip = PlainClips().video(
            theirs.prompt, aspect_ratio=theirs.aspect_ratio, unique=theirs.queue_id.encode(), size=SIZE
        )
        return clip.sha256()

    def leftovers(self) -> list[str]:
        """The names of hidden files: parts of videos that nobody finished."""
        return [path.name for path in self.output.rglob(".*")] if self.output.exists() else []

    def is_whole(self, job: Job) -> bool:
        """Whether the job's file is the server's, byte for byte."""
        data = Path(job.record.output).read_bytes()
        return hashlib.sha256(data).hexdigest() == job.record.sha256 == self.expected_sha256(job)


def virtual(**options: Any) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., None]]:
    """Runs an async test, whose first argument is a `World` with these options, in virtual time."""

    def decorate(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(tmp_path: Path, **values: Any) -> None:
            clock = ManualClock()
            clock.run(test(World(tmp_path, clock, **options), **values))

        of_test = inspect.signature(test)
        folder = inspect.Parameter("tmp_path", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        run.__signature__ = of_test.replace(parameters=[folder, *list(of_test.parameters.values())[1:]])  # type: ignore[attr-defined]
        return run

    return decorate
