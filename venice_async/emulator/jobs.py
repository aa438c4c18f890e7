"""Jobs and charges: the emulator's ledger of truth."""

import heapq
import math
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

import attrs
from attrs import define, field, frozen

from venice_async.emulator.catalogue import ModelSheet
from venice_async.emulator.faults import JobFault

LIFE: Final = 86_400.0
"""Job seconds for which a queue id means something."""
_P80_DEVIATE: Final = 0.8416212335729143
"""The standard normal deviate that 80 in 100 stay under."""

ExecutionTime = Callable[[str, int], float]
"""Seconds that the job of that number (from 1) takes on that model."""


@frozen(kw_only=True)
class Charge:
    """Money taken for one job; `at` and `refunded_at` are in job seconds.

    `request_hash` is the SHA-256 of the queue body: two charges with the same one were paid for the same request.
    `wallet` is the address that paid; None for the account behind an API key.
    """

    queue_id: str
    model: str
    usd: Decimal
    at: float
    request_hash: str
    refunded_at: float | None = None
    wallet: str | None = None


@define(kw_only=True)
class EmulatedJob:
    """One accepted job. Instants are in job seconds.

    It waits from `queued_at` to `started_at`, runs until `ready_at`, and is handed over for the first time at
    `delivered_at`: by the retrieve answer that held the video, or that said COMPLETED where there is a link.
    """

    number: int
    queue_id: str
    model: str
    prompt: str
    aspect_ratio: str | None
    queued_at: float
    started_at: float
    ready_at: float
    announced: float
    """The `average_execution_time` that is told for it, in seconds."""
    failure: JobFault | None = None
    token: str | None = field(default=None, repr=False)
    delivered_at: float | None = None
    deliveries: int = 0
    deleted_at: float | None = None
    link_gets: int = 0

    @property
    def lag(self) -> float | None:
        """Seconds from ready to the first delivery."""
        return None if self.delivered_at is None else self.delivered_at - self.ready_at

    def is_known(self, now: float) -> bool:
        """Whether its queue id still means something."""
        return now < self.queued_at + LIFE

    def is_ready(self, now: float) -> bool:
        """Whether it has run to its end, well or badly."""
        return now >= self.ready_at

    def deliver(self, now: float) -> None:
        """Note that it was handed over."""
        self.deliveries += 1
        if self.delivered_at is None:
            self.delivered_at = now

    def delete(self, now: float) -> bool:
        """Delete its media; False where there are none to delete."""
        if self.deleted_at is not None or not self.is_ready(now):
            return False
        self.deleted_at = now
        return True


class JobBook:
    """All jobs and charges of one emulator, and the chance that decides how long each job takes."""

    def __init__(
        self,
        *,
        seed: int,
        cv: float,
        execution_time: ExecutionTime | None,
        announced: Mapping[str, float],
        parallel: int | None,
        balance_usd: Decimal | None,
    ) -> None:
        self.jobs: list[EmulatedJob] = []
        self.charges: list[Charge] = []
        self._seed = seed
        self._sigma = math.sqrt(math.log1p(cv * cv))
        self._execution_time = execution_time
        self._announced = announced
        self._running: list[float] | None = None if parallel is None else [-math.inf] * parallel
        self._balance = balance_usd
        self._by_id: dict[str, EmulatedJob] = {}
        self._by_token: dict[str, EmulatedJob] = {}

    @property
    def next_number(self) -> int:
        """The number that the next accepted job gets."""
        return len(self.jobs) + 1

    @property
    def spent_usd(self) -> Decimal:
        """What was charged and not given back."""
        return sum((charge.usd for charge in self.charges if charge.refunded_at is None), Decimal(0))

    @property
    def balance_usd(self) -> Decimal | None:
        """What the account behind the API keys has left to spend; None for no limit."""
        if self._balance is None:
            return None
        kept = (charge for charge in self.charges if charge.refunded_at is None and charge.wallet is None)
        return self._balance - sum((charge.usd for charge in kept), Decimal(0))

    def accept(
        self, sheet: ModelSheet, *, prompt: str, aspect_ratio: str | None, usd: Decimal, request_hash: str,
        failure: JobFault | None, now: float, wallet: str | None = None,
    ) -> EmulatedJob:  # fmt: skip
        """Take a job and charge for it."""
        number = self.next_number
        chance = random.Random(f"{self._seed}:{number}")
        queue_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        seconds = self._seconds(sheet, number, chance)
        started = self._start(now, seconds)
        job = EmulatedJob(
            number=number, queue_id=queue_id, model=sheet.id, prompt=prompt, aspect_ratio=aspect_ratio, queued_at=now,
            started_at=started, ready_at=started + seconds, announced=self._announced.get(sheet.id, sheet.p80),
            failure=failure, token=f"{chance.getrandbits(192):048x}" if sheet.has_link else None,
        )  # fmt: skip
        self._enter(job)
        self.charges.append(Charge(
            queue_id=queue_id, model=sheet.id, usd=usd, at=now, request_hash=request_hash, wallet=wallet,
        ))  # fmt: skip
        return job

    def find(self, queue_id: str, now: float) -> EmulatedJob | None:
        """The job of a queue id that still means something."""
        job = self._by_id.get(queue_id)
        return job if job is not None and job.is_known(now) else None

    def find_link(self, token: str) -> EmulatedJob | None:
        """The job of a private link, however old."""
        return self._by_token.get(token)

    def refund(self, job: EmulatedJob, now: float) -> None:
        """Give a job's charge back, once."""
        index = job.number - 1
        if self.charges[index].refunded_at is None:
            self.charges[index] = attrs.evolve(self.charges[index], refunded_at=now)

    def __iter__(self) -> Iterator[EmulatedJob]:
        return iter(self.jobs)

    def _enter(self, job: EmulatedJob) -> None:
        self.jobs.append(job)
        self._by_id[job.queue_id] = job
        if job.token is not None:
            self._by_token[job.token] = job

    def _seconds(self, sheet: ModelSheet, number: int, chance: random.Random) -> float:
        """Lognormal with the model's P80, unless the caller knows better."""
        if self._execution_time is not None:
            return max(0.0, self._execution_time(sheet.id, number))
        median = math.log(sheet.p80) - _P80_DEVIATE * self._sigma
        return math.exp(chance.gauss(median, self._sigma))

    def _start(self, now: float, seconds: float) -> float:
        """When it starts to run: at once, or first come first served where only so many run in parallel."""
        if self._running is None:
            return now
        started = max(now, self._running[0])
        heapq.heapreplace(self._running, started + seconds)
        return started
