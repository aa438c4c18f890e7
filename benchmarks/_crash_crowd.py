"""`--processes`: several programs with the same jobs on one ledger and one folder; some are stopped, some killed."""

import asyncio
import os
import random
import signal
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from attrs import define, evolve, field, frozen

from benchmarks._crash_lives import Process
from benchmarks._crash_oracle import Books, Findings, Judge
from benchmarks._crash_random import OPEN_LIMITS, SIZE
from benchmarks._crash_watch import weather
from benchmarks._crash_worker import Life, live
from venice_async.emulator.emulator import Emulator
from venice_async.emulator.faults import SlowFault
from venice_async.ledger import leases

LEASE: Final = 1.5
"""Real seconds; the real lease is twenty times as long."""
SPEED: Final = 20.0


@frozen(kw_only=True)
class CrowdPlan:
    """How many programs, how many jobs, and how many blows they get."""

    processes: int
    jobs: int
    blows: int
    seed: int


@define(kw_only=True)
class CrowdTally:
    """What it came to."""

    kills: int = 0
    stops: int = 0
    lapses: int = 0
    """Stops longer than the lease: the others take the jobs, and the stopped one wakes up late."""
    seconds: float = 0.0
    jobs: int = 0
    ends: list[int | None] = field(factory=list)
    findings: Findings = field(factory=Findings)


def hurried(life: Life, pipe: Connection) -> None:
    """A life under a short lease."""
    leases.LEASE, leases.RENEWAL, leases.MARGIN = LEASE, LEASE / 6, LEASE / 6
    live(life, pipe)


class Crowd:
    """The programs, and the hand that strikes them."""

    def __init__(self, plan: CrowdPlan, life: Life, tally: CrowdTally) -> None:
        self._plan = plan
        self._life = life
        self._tally = tally
        self._chance = random.Random(plan.seed)
        self._born = 0
        self._members: list[Process] = []

    async def run(self) -> None:
        """Strike as often as planned, then let all come to their end."""
        self._members = [self._new() for _ in range(self._plan.processes)]
        try:
            for _ in range(self._plan.blows):
                await asyncio.sleep(self._chance.uniform(0.02, 0.3))
                await self._strike(self._chance.randrange(len(self._members)))
            self._tally.ends = [await member.wait(patience=300.0) for member in self._members]
        finally:
            for member in self._members:
                member.close()

    def _new(self) -> Process:
        self._born += 1
        return Process(evolve(self._life, seed=self._plan.seed * 1000 + self._born), target=hurried)

    async def _strike(self, index: int) -> None:
        member = self._members[index]
        if not member.ended.is_set():
            if self._chance.random() < 0.6:
                member.kill()
                self._tally.kills += 1
            else:
                await self._stop(member)
                return
        await member.wait()
        member.close()
        self._members[index] = self._new()

    async def _stop(self, member: Process) -> None:
        """SIGSTOP, for longer than the lease in half of the cases; then SIGCONT, and it wakes up as if nothing were."""
        long = self._chance.random() < 0.5
        self._tally.stops += 1
        self._tally.lapses += long
        os.kill(member.pid, signal.SIGSTOP)
        await asyncio.sleep(self._chance.uniform(LEASE, 2 * LEASE) if long else self._chance.uniform(0.0, LEASE / 2))
        os.kill(member.pid, signal.SIGCONT)


async def campaign(plan: CrowdPlan) -> CrowdTally:
    """One ledger, one folder, one server, many programs."""
    chance, tally = random.Random(plan.seed), CrowdTally(jobs=plan.jobs)
    venice = Emulator(
        time_scale=SPEED, seed=plan.seed, clips="plain", video_size=SIZE, limits=OPEN_LIMITS,
        faults=[SlowFault(endpoints=("queue",), delay=3.0), *weather(chance)],
        execution_time=lambda _model, _number: chance.uniform(8.0, 30.0),
    )  # fmt: skip
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="venice-crash-") as folder:
        async with venice:
            life = Life(
                url=venice.url, folder=folder, jobs=plan.jobs, speed=SPEED, limits=OPEN_LIMITS, seed=plan.seed,
                log=f"{folder}/all.log",
            )  # fmt: skip
            judge = Judge(Books(venice, size=SIZE), Path(folder))
            await Crowd(plan, life, tally).run()
            await judge.look(tally.findings, whole=True)
    for code in tally.ends:
        if code != 0:
            tally.findings.note("lost", f"a program ended by itself with {code}")
    tally.seconds = time.monotonic() - began
    return tally
