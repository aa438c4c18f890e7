"""A discrete-event simulation of many video jobs behind a strict server, in virtual time.

The client half is the package's own `RequestBudget` and `FailureBudget`, driven by any policy with
the methods of `PollScheduler`; the server half enforces its limits by a sliding *and* by a fixed
window and never forgives.
"""

import functools
import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

from attrs import Factory, define, field, frozen

from venice_async.limits import FailureBudget, RateHeaders, RequestBudget

Draw = Callable[[random.Random], float]


class Policy(Protocol):
    """What the simulation asks of a scheduler: the methods of `PollScheduler`."""

    def add(self, job_id: str, model: str, *, now: float) -> None: ...
    def pick(self, now: float) -> str | None: ...
    def next_due(self, now: float) -> float: ...
    def saw_processing(
        self, job_id: str, *, now: float, execution_duration: float | None, average_execution_time: float | None
    ) -> None: ...
    def saw_finished(self, job_id: str, *, now: float) -> None: ...
    def saw_busy(self, job_id: str, *, now: float, retry_after: float | None = None) -> None: ...
    def put_back(self, job_id: str, *, now: float, delay: float) -> None: ...


@frozen(kw_only=True)
class Model:
    """A video model: how long its jobs take, and the P80 that the server tells."""

    name: str
    draw: Draw
    told_p80: float


@frozen(kw_only=True)
class Scenario:
    """What happens in one run, apart from chance."""

    name: str
    jobs: int
    models: tuple[Model, ...]
    spell: tuple[float, float] | None = None
    """From when to when every retrieve is answered 503."""
    stray_503: float = 0.0
    foreign_per_minute: float = 0.0
    queue_interval: float = 1.5
    round_trip: float = 0.09


@frozen(kw_only=True)
class Outcome:
    """What one run measured. Lags are in seconds, one per job."""

    lags: tuple[float, ...]
    requests: int
    refused: int
    """429 answers."""
    blocks: int
    """Times that the failure budget locked the key."""
    makespan: float
    unavoidable_makespan: float

    @property
    def mean_lag(self) -> float:
        return sum(self.lags) / len(self.lags)

    @property
    def p95_lag(self) -> float:
        return sorted(self.lags)[math.ceil(0.95 * len(self.lags)) - 1]


@define
class _Job:
    job_id: str
    model: Model
    queued: float
    ready: float


class StrictServer:
    """Counts every request in a sliding and in a fixed window, and refuses what is over either."""

    WINDOW = 60.0

    def __init__(self, scenario: Scenario, rng: random.Random, *, limit: int = 120, phase: float = 0.0) -> None:
        self.refused = 0
        self.blocks = 0
        self._scenario = scenario
        self._rng = rng
        self._limit = limit
        self._phase = phase
        self._sliding: deque[float] = deque()
        self._fixed = (-1, 0)
        self._failures: deque[float] = deque()
        self._blocked_until = -math.inf

    def count_foreign(self, now: float) -> None:
        """Another program's request with the same key: counted if there is room, else refused to *it*."""
        if self._room(now) > 0:
            self._count(now)

    def answer(self, now: float, job: _Job) -> tuple[str, RateHeaders]:
        """One retrieve: ("file" | "processing" | "busy" | "limited" | "blocked", headers)."""
        if now < self._blocked_until:
            self.refused += 1
            return "blocked", RateHeaders()
        if self._room(now) <= 0:
            self.refused += 1
            return "limited", self._headers(now)
        self._count(now)
        return self._work(now, job), self._headers(now)

    def _work(self, now: float, job: _Job) -> str:
        spell = self._scenario.spell
        if (spell and spell[0] <= now < spell[1]) or self._rng.random() < self._scenario.stray_503:
            self._fail(now)
            return "busy"
        return "file" if now >= job.ready else "processing"

    def _fail(self, now: float) -> None:
        self._failures.append(now)
        while self._failures[0] <= now - 30.0:
            self._failures.popleft()
        if len(self._failures) > 20:
            self._blocked_until = now + 30.0
            self.blocks += 1

    def _room(self, now: float) -> int:
        while self._sliding and self._sliding[0] <= now - self.WINDOW:
            self._sliding.popleft()
        number = math.floor((now + self._phase) / self.WINDOW)
        if number != self._fixed[0]:
            self._fixed = (number, 0)
        return self._limit - max(len(self._sliding), self._fixed[1])

    def _count(self, now: float) -> None:
        self._sliding.append(now)
        self._fixed = (self._fixed[0], self._fixed[1] + 1)

    def _headers(self, now: float) -> RateHeaders:
        reset = self._sliding[0] + self.WINDOW - now if self._sliding else 0.0
        return RateHeaders(limit=self._limit, remaining=max(0, self._room(now)), reset_in=max(0.0, reset))


@define(kw_only=True)
class Run:
    """One run: events in order of time until every job was handed over."""

    scenario: Scenario
    make_policy: Callable[[dict[str, float]], Policy]
    """Gets each job's duration, which only an oracle may look at."""
    seed: int
    limited: bool = True
    burst: int = 6
    now: float = 0.0
    requests: int = 0
    in_flight: int = 0
    lags: list[float] = Factory(list)
    last_delivery: float = 0.0
    _events: list[tuple[float, int, Callable[[], None]]] = Factory(list)
    _number: int = 0
    _jobs: dict[str, _Job] = Factory(dict)
    _policy: Policy = field(init=False)
    _server: StrictServer = field(init=False)
    _budget: RequestBudget = field(init=False)
    _failures: FailureBudget = field(init=False)
    _foreign_rng: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        rng = random.Random(self.seed)
        self._budget = RequestBudget(120, burst=self.burst)
        self._failures = FailureBudget()
        for number in range(self.scenario.jobs):
            model = rng.choice(self.scenario.models)
            queued = number * self.scenario.queue_interval
            job = _Job(f"job-{number}", model, queued, queued + model.draw(rng))
            self._jobs[job.job_id] = job
            self._at(queued, functools.partial(self._add, job))
        self._policy = self.make_policy({job.job_id: job.ready - job.queued for job in self._jobs.values()})
        self._server = StrictServer(self.scenario, rng, phase=rng.uniform(0.0, 60.0))
        self._foreign_rng = random.Random(self.seed + 1)
        if self.scenario.foreign_per_minute:
            self._foreign()

    def play(self) -> Outcome:
        """Run to the end."""
        while len(self.lags) < self.scenario.jobs:
            wake = self._send_all()
            if self._events and self._events[0][0] <= wake:
                self.now, _, act = heapq.heappop(self._events)
                act()
            else:
                # The smallest step keeps a wait that rounds to nothing from standing still for ever.
                self.now = max(wake, math.nextafter(self.now, math.inf))
        return Outcome(
            lags=tuple(self.lags),
            requests=self.requests,
            refused=self._server.refused,
            blocks=self._server.blocks,
            makespan=self.last_delivery,
            unavoidable_makespan=max(job.ready for job in self._jobs.values()),
        )

    def _send_all(self) -> float:
        """Send what may be sent now; returns the instant at which more may go out."""
        while True:
            wait = self._wait()
            if wait > 0:
                return self.now + wait
            job_id = self._policy.pick(self.now)
            if job_id is None:
                return self._policy.next_due(self.now)
            self._send(self._jobs[job_id])

    def _wait(self) -> float:
        if not self.limited:
            return 0.0
        return max(self._budget.wait(self.now), self._failures.wait(self.now, self.in_flight))

    def _send(self, job: _Job) -> None:
        self.requests += 1
        self.in_flight += 1
        permit = self._budget.take(self.now) if self.limited else None
        half = self.scenario.round_trip / 2

        def arrive() -> None:
            kind, headers = self._server.answer(self.now, job)
            self._at(self.now + half, lambda: receive(kind, headers))

        def receive(kind: str, headers: RateHeaders) -> None:
            self.in_flight -= 1
            if permit is not None:
                self._budget.settle(permit, self.now)
                self._budget.learn(headers, self.now)
            self._receive(job, kind, headers)

        self._at(self.now + half, arrive)

    def _receive(self, job: _Job, kind: str, headers: RateHeaders) -> None:
        if kind == "file":
            self._failures.succeeded(self.now)
            self.lags.append(self.now - job.ready)
            self.last_delivery = self.now
            self._policy.saw_finished(job.job_id, now=self.now)
        elif kind == "processing":
            self._failures.succeeded(self.now)
            self._policy.saw_processing(
                job.job_id,
                now=self.now,
                execution_duration=self.now - self.scenario.round_trip / 2 - job.queued,
                average_execution_time=job.model.told_p80,
            )
        elif kind == "busy":
            self._failures.failed(self.now)
            self._policy.saw_busy(job.job_id, now=self.now)
        else:
            self._refused(job, kind, headers)

    def _refused(self, job: _Job, kind: str, headers: RateHeaders) -> None:
        if not self.limited:
            # What is written by hand takes a 429 for any other failure, and comes back at its next turn.
            self._policy.saw_busy(job.job_id, now=self.now)
            return
        if kind == "blocked":
            self._failures.blocked(self.now)
        else:
            self._budget.block(self.now + (headers.reset_in or 0.0) + 0.25)
        self._policy.put_back(job.job_id, now=self.now, delay=0.0)

    def _add(self, job: _Job) -> None:
        self._policy.add(job.job_id, job.model.name, now=self.now)

    def _foreign(self) -> None:
        def act() -> None:
            self._server.count_foreign(self.now)
            self._foreign()

        self._at(self.now + self._foreign_rng.expovariate(self.scenario.foreign_per_minute / 60.0), act)

    def _at(self, instant: float, act: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (instant, self._number, act))
