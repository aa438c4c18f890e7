"""`--kills`: a process with two hundred jobs is killed at random instants and started again on the same ledger."""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import define, field, frozen

from benchmarks._crash_lives import Process, process
from benchmarks._crash_oracle import Books, Findings, Judge
from benchmarks._crash_watch import SeenArriving, SeenProcessed, weather
from benchmarks._crash_worker import Decision, Life
from venice_async.emulator.emulator import Emulator
from venice_async.emulator.faults import Occasion
from venice_async.emulator.jobs import EmulatedJob
from venice_async.jobs import JobRecord, JobState
from venice_async.limits import RateLimits

SIZE = 120_000
OPEN_LIMITS = RateLimits(queue_per_minute=3000, retrieve_per_minute=30_000, failures=100_000)


@frozen(kw_only=True)
class Plan:
    """What a campaign is to be."""

    kills: int
    seed: int
    jobs: int = 200
    speed: float = 20.0
    limits: RateLimits = OPEN_LIMITS
    kills_each: int = 40
    """Kills that one ledger sees at most. A link that was cut off too often waits longer than such lives last."""
    log_every: int = 5
    """Every so many lives the worker writes all it has to say at DEBUG, to be searched for secrets."""


@define(kw_only=True)
class Tally:
    """What a campaign came to."""

    kills: int = 0
    jobs: int = 0
    generations: int = 0
    lives: int = 0
    seconds: float = 0.0
    restarts: list[float] = field(factory=list)
    refused: int = 0
    violations: int = 0
    findings: Findings = field(factory=Findings)
    decided: Findings = field(factory=Findings)
    """What was found after the unknown outcomes were decided."""
    decisions: Counter[str] = field(factory=Counter)


class Trigger:
    """When a life ends: some while after a paid call was read or processed, counted by the server itself."""

    def __init__(self) -> None:
        self._at: str = ""
        self._left = 0
        self._struck = asyncio.Event()

    def arm(self, at: str, count: int) -> asyncio.Event:
        """The event is set when the server is at the `count`-th paid call from now on."""
        self._at, self._left, self._struck = at, count, asyncio.Event()
        return self._struck

    def arriving(self, occasion: Occasion) -> None:
        self._step("arriving", occasion)

    def processed(self, occasion: Occasion) -> None:
        self._step("processed", occasion)

    def _step(self, at: str, occasion: Occasion) -> None:
        del occasion
        if at == self._at:
            self._left -= 1
            if self._left == 0:
                self._struck.set()


class Campaign:
    """Generations of ledgers, each of which sees many lives; one server for all."""

    def __init__(self, plan: Plan, venice: Emulator, trigger: Trigger, folder: Path) -> None:
        self._plan = plan
        self._venice = venice
        self._trigger = trigger
        self._folder = folder
        self._chance = random.Random(plan.seed)
        self.tally = Tally()

    async def run(self) -> Tally:
        """As many kills as planned; the last generation is brought to its end."""
        began = time.monotonic()
        while self.tally.kills < self._plan.kills:
            await self._generation(self._folder / f"{self.tally.generations:03d}")
            self.tally.generations += 1
        self.tally.seconds = time.monotonic() - began
        self.tally.refused = sum(request.status == 429 for request in self._venice.requests)
        self.tally.violations = len(self._venice.violations)
        return self.tally

    async def _generation(self, folder: Path) -> None:
        judge = Judge(Books(self._venice, size=SIZE), folder)
        before = self.tally.kills
        while True:
            enough = self.tally.kills >= min(self._plan.kills, before + self._plan.kills_each)
            done = await self._life(folder, last=enough)
            if done:
                break
            await judge.look(self.tally.findings)
        records = await judge.look(self.tally.findings, whole=True)
        self.tally.jobs += self._plan.jobs
        await self._decide(folder, judge, records)

    async def _decide(self, folder: Path, judge: Judge, records: Iterable[JobRecord]) -> None:
        """A person who has looked into the account decides about what is unknown; that life is killed as well."""
        unknown = [record.key for record in records if record.state is JobState.UNKNOWN]
        charged = judge.books.by_tag()
        decisions = {key: self._decision(judge.books, charged.get(key, [])) for key in unknown}
        before = self.tally.kills
        while not await self._life(folder, last=self.tally.kills >= before + 2, decisions=decisions):
            await judge.look(self.tally.decided)
        await judge.look(self.tally.decided, whole=True)
        self.tally.decisions.update(decision.resolution for decision in decisions.values())

    def _decision(self, books: Books, charged: list[EmulatedJob]) -> Decision:
        """The truth, where it can be known; and now and then somebody sends a job again that was charged."""
        if not charged:
            return Decision(resolution=self._chance.choice(("not_charged", "resubmit")))
        word = self._chance.choice(("adopt", "adopt", "charged", "resubmit"))
        if word != "adopt":
            return Decision(resolution=word)
        return Decision(resolution=word, queue_id=charged[0].queue_id, download_url=books.link(charged[0]))

    async def _life(self, folder: Path, *, last: bool, decisions: Mapping[str, Decision] | None = None) -> bool:
        """Whether this life came to its natural end."""
        number = self.tally.lives
        self.tally.lives += 1
        log = str(folder / f"{number}.log") if number % self._plan.log_every == 0 else None
        life = Life(
            url=self._venice.url, folder=str(folder), jobs=self._plan.jobs, speed=self._plan.speed,
            limits=self._plan.limits, seed=self._plan.seed + number, log=log,
            decisions=decisions or {},
        )  # fmt: skip
        async with process(life) as worker:
            if not last:
                await self._wait_for_death(worker)
                worker.kill()
            code = await worker.wait(patience=300.0)
            if code == -9:
                self.tally.kills += 1
            elif code != 0:
                self.tally.findings.note("lost", f"a worker ended by itself with {code}")
        return code != -9

    async def _wait_for_death(self, worker: Process) -> None:
        """Until the random instant of this life, or its natural end."""
        kind = self._chance.random()
        if kind < 0.1:  # while it starts and takes on what the dead one left
            await _first(worker.ended, self._chance.uniform(0.0, 0.08))
            return
        at, count = ("arriving" if kind < 0.3 else "processed"), self._chance.randint(1, 8)
        struck = self._trigger.arm(at, count)
        said, _ = await worker.word()
        self.tally.restarts.append(time.monotonic() - worker.began)
        if said != "running":
            return
        if kind < 0.5:
            await _first(worker.ended, 1.0, struck)
            await _first(worker.ended, self._chance.uniform(0.0, 0.006))
        else:
            await _first(worker.ended, self._chance.uniform(0.0, 0.6))


async def _first(ended: asyncio.Event, seconds: float, struck: asyncio.Event | None = None) -> None:
    waits = {asyncio.create_task(event.wait()) for event in (ended, struck) if event is not None}
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def campaign(plan: Plan) -> Tally:
    """Run a campaign against a server of its own."""
    chance = random.Random(plan.seed)
    trigger = Trigger()
    watches = [
        SeenArriving(endpoints=("queue",), tell=trigger.arriving),
        SeenProcessed(endpoints=("queue",), tell=trigger.processed),
    ]
    venice = Emulator(
        time_scale=plan.speed, seed=plan.seed, clips="plain", video_size=SIZE, limits=plan.limits,
        faults=[*watches, *weather(chance)], execution_time=lambda _model, _number: chance.uniform(8.0, 30.0),
        announced={},
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="venice-crash-") as folder:
        async with venice:
            return await Campaign(plan, venice, trigger, Path(folder)).run()
