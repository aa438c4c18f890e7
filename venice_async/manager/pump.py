"""The one place that spends the account's requests: paid calls in order, retrieves where they are worth most."""

import asyncio
import functools
import heapq
import itertools
import math
from collections.abc import Callable, Coroutine
from typing import Any

from venice_async.alarm import Alarm
from venice_async.clock import Clock
from venice_async.errors import VeniceError
from venice_async.governor import Governor, Kind, Ticket
from venice_async.jobs import JobRecord, JobState
from venice_async.manager.admission import Admission
from venice_async.manager.gates import Gates, Refusal
from venice_async.manager.job import Job, JobTable
from venice_async.polling import PollScheduler
from venice_async.runner import Outcome, Runner, Step
from venice_async.verdicts import account_trouble

_RECHECK = 0.1
"""Seconds."""
_READY_PAUSE = 5.0
"""Seconds after trouble until a video that is known to be ready is asked for again, where nothing says longer."""


class Pump:
    """Two loops and no task per waiting job: one starts paid calls, one starts retrieves.

    Each request it starts is a task of its own that belongs to the pump, so that no caller's
    cancellation reaches it. A retrieve may turn out to be the whole file, so it needs a free
    download slot from the start. While `may_start` says no, nothing is started: other processes may
    have taken these jobs for abandoned. A video that nobody `is_wanted` for is not asked for.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        governor: Governor,
        runner: Runner,
        scheduler: PollScheduler,
        jobs: JobTable,
        downloads: int,
        may_start: Callable[[], bool],
        is_wanted: Callable[[JobRecord], bool],
        on_refused: Callable[[Refusal], None],
        on_well: Callable[[Kind], None],
        on_broken: Callable[[Job, Exception], None],
        on_stopped: Callable[[Exception], None],
    ) -> None:
        self._clock = clock
        self._governor = governor
        self._runner = runner
        self._scheduler = scheduler
        self._jobs = jobs
        self._slots = downloads
        self._may_start = may_start
        self._is_wanted = is_wanted
        self._on_refused = on_refused
        self._on_well = on_well
        self._on_broken = on_broken
        self._on_stopped = on_stopped
        self._admission = Admission()
        self._ready_again: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._failing: set[str] = set()
        self.gates = Gates()
        self._queue_alarm = Alarm(clock)
        self._poll_alarm = Alarm(clock)
        self._loops: list[asyncio.Task[None]] = []
        self._paid: dict[str, asyncio.Task[None]] = {}
        self._polls: dict[str, asyncio.Task[None]] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._patience: asyncio.Task[None] | None = None
        self._hurried = False

    def start(self) -> None:
        """Begin to spend requests."""
        self._loops = [
            asyncio.create_task(self._going(self._queue_loop), name="venice-queue"),
            asyncio.create_task(self._going(self._poll_loop), name="venice-poll"),
        ]

    async def _going(self, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await loop()
        except Exception as error:  # noqa: BLE001 -- nobody awaits this task: without it every job would wait for ever
            self._on_stopped(error)

    def enter(self, job: Job, *, age: float = 0.0) -> None:
        """Take on a job that is PENDING or QUEUED; `age` is the seconds since it was queued."""
        if job.state is JobState.PENDING:
            self._admission.add(job.id)
            self._queue_alarm.ring()
        elif job.state is JobState.QUEUED and self._is_wanted(job.record):
            now = self._clock.monotonic()
            self._scheduler.add(job.id, job.record.model, now=now, age=age, variant=job.record.variant)
            self._poll_alarm.ring()

    def leave(self, job: Job) -> None:
        """Let go of a job: nothing more is sent for it."""
        self._admission.discard(job.id)
        self._failing.discard(job.id)
        if job.id in self._scheduler:
            self._scheduler.discard(job.id)
        if any(entry[2] == job.id for entry in self._ready_again):
            self._ready_again = [entry for entry in self._ready_again if entry[2] != job.id]
            heapq.heapify(self._ready_again)

    def hold_pending(self) -> list[str]:
        """Take every job out of the line for paid calls."""
        return self._admission.clear()

    def reopen(self) -> None:
        """The account is well again."""
        self.gates.open()
        self.wake()

    def wake(self) -> None:
        """Something has changed: look again whether requests may go out."""
        self._queue_alarm.ring()
        self._poll_alarm.ring()

    def run(self, errand: Coroutine[Any, Any, None]) -> None:
        """Begin a task that `aclose` gives time as well. It tells of its own failures."""
        task = asyncio.create_task(errand, name="venice-errand")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _queue_loop(self) -> None:
        while True:
            wait = self._admission.wait(now := self._clock.monotonic())
            if wait <= 0:
                wait = max(self.gates.wait(Kind.QUEUE, now), self._governor.wait(Kind.QUEUE))
            if not self._may_start():
                wait = max(wait, _RECHECK)
            if wait > 0:
                await self._queue_alarm.wait(wait)
            elif self.gates.allows(Kind.QUEUE, now) and (job_id := self._admission.pick(now)) is not None:
                self._own(self._paid, self._jobs[job_id], self._governor.take(Kind.QUEUE), self._queue)

    async def _poll_loop(self) -> None:
        while True:
            wait = self._poll_wait(now := self._clock.monotonic())
            if not self._may_start():
                wait = max(wait, _RECHECK)
            if wait > 0:
                await self._poll_alarm.wait(wait)
            elif (job_id := self._next_poll(now)) is not None:
                self.gates.allows(Kind.RETRIEVE, now)  # asked only now: while it is closed a yes is the one probe
                self._slots -= 1
                self._own(self._polls, self._jobs[job_id], self._governor.take(Kind.RETRIEVE), self._poll)
            else:
                await self._poll_alarm.wait(_RECHECK)  # a due time is a promise that a better plan may take back

    def _poll_wait(self, now: float) -> float:
        if self._slots < 1:
            return math.inf
        again = self._ready_again[0][0] if self._ready_again else math.inf
        due = min(again, self._scheduler.next_due(now)) - now
        if due == math.inf:
            return due
        return max(due, self.gates.wait(Kind.RETRIEVE, now), self._governor.wait(Kind.RETRIEVE))

    def _next_poll(self, now: float) -> str | None:
        """A video that is known to be ready comes before any guess."""
        while self._ready_again and self._ready_again[0][0] <= now:
            job_id = heapq.heappop(self._ready_again)[2]
            if self._may_ask(job_id):
                return job_id
        while (picked := self._scheduler.pick(now)) is not None:
            if not self._may_ask(picked):
                self._scheduler.discard(picked)
                continue
            wait = self._governor.failures.suspect_wait(now) if picked in self._failing else 0.0
            if wait <= 0:
                return picked
            self._scheduler.put_back(picked, now=now, delay=wait)
        return None

    def _may_ask(self, job_id: str) -> bool:
        job = self._jobs.get(job_id)
        return job is not None and job.state is JobState.QUEUED and self._is_wanted(job.record)

    async def _queue(self, job: Job, ticket: Ticket) -> None:
        turn = self.gates.turn
        outcome = await self._runner.submit_once(job.record, ticket)
        if outcome.record.state is JobState.PENDING:
            self._admission.put_back(job.id, now=self._clock.monotonic(), delay=outcome.delay)
        if outcome.step is Step.ACCOUNT:
            self._account_refused(job, outcome, Kind.QUEUE, turn)
        elif outcome.record.state is not JobState.PENDING:
            self.gates.went_well(Kind.QUEUE)
            if outcome.record.queue_id is not None and turn == self.gates.turn:
                self._on_well(Kind.QUEUE)
            self.enter(self._jobs[outcome.record.id])  # a late answer may have become a job of its own

    async def _poll(self, job: Job, ticket: Ticket) -> None:
        ready, turn = False, self.gates.turn

        def on_ready() -> None:
            nonlocal ready
            ready = True
            self._account_is_well(turn)
            if job.id in self._scheduler:
                self._scheduler.saw_finished(job.id, now=self._clock.monotonic())
            self._poll_alarm.ring()

        outcome = await self._runner.poll_once(job.record, ticket, on_ready=on_ready)
        self._learn(job, outcome, ready=ready, turn=turn)

    def _learn(self, job: Job, outcome: Outcome, *, ready: bool, turn: int) -> None:
        now = self._clock.monotonic()
        self._scheduler.set_rate(self._governor.budgets[Kind.RETRIEVE].available(now))
        self._failing.discard(job.id)
        if outcome.step is Step.ACCOUNT:
            self._account_refused(job, outcome, Kind.RETRIEVE, turn)
        elif outcome.answer is not None:
            self._account_is_well(turn)
        elif outcome.step is Step.AGAIN:
            self._failing.add(job.id)
        if outcome.record.state is not JobState.QUEUED:
            if job.id in self._scheduler:
                self._scheduler.saw_failed(job.id, now=now)
        elif job.id in self._scheduler:
            self._reschedule(job.id, outcome, now)
        else:
            # The scheduler has done with it, also where this time the server was too busy to send what is ready.
            delay = outcome.delay if ready else max(outcome.delay, outcome.retry_after or 0.0, _READY_PAUSE)
            heapq.heappush(self._ready_again, (now + delay, next(self._order), job.id))
        self._poll_alarm.ring()

    def _reschedule(self, job_id: str, outcome: Outcome, now: float) -> None:
        if outcome.answer is not None:
            self._scheduler.saw_processing(
                job_id,
                now=now,
                execution_duration=outcome.answer.execution_duration,
                average_execution_time=outcome.answer.average_execution_time,
            )
        elif outcome.step is Step.BUSY:
            self._scheduler.saw_busy(job_id, now=now, retry_after=outcome.retry_after)
        else:
            self._scheduler.put_back(job_id, now=now, delay=outcome.delay)

    def _account_refused(self, job: Job, outcome: Outcome, kind: Kind, turn: int) -> None:
        error = outcome.error or VeniceError("The account was refused.")
        reason = account_trouble(error) or "key"
        if self.gates.is_stale(reason, turn=turn):
            return
        if self.gates.refuse(kind, reason, self._clock.monotonic()):
            self._on_refused(Refusal(job=job, kind=kind, reason=reason, error=error))

    def _account_is_well(self, turn: int) -> None:
        self.gates.went_well(Kind.RETRIEVE)
        if turn == self.gates.turn:
            self._on_well(Kind.RETRIEVE)

    def _own(
        self,
        tasks: dict[str, asyncio.Task[None]],
        job: Job,
        ticket: Ticket,
        work: Callable[[Job, Ticket], Coroutine[Any, Any, None]],
    ) -> None:
        task = tasks[job.id] = asyncio.create_task(self._guarded(job, ticket, work))
        task.add_done_callback(functools.partial(self._ended, tasks, job, ticket))

    def _ended(
        self, tasks: dict[str, asyncio.Task[None]], job: Job, ticket: Ticket, task: "asyncio.Task[None]"
    ) -> None:
        # Not in a `finally` of the work: a task that is cancelled before its first step never gets there.
        if tasks.get(job.id) is task:  # the job's next request may have begun already
            del tasks[job.id]
        self._governor.settle(ticket)
        if tasks is self._paid:
            self._admission.done()
            self._queue_alarm.ring()
        else:
            self._slots += 1
            self._poll_alarm.ring()

    async def _guarded(
        self, job: Job, ticket: Ticket, work: Callable[[Job, Ticket], Coroutine[Any, Any, None]]
    ) -> None:
        try:
            await work(job, ticket)
        except Exception as error:  # noqa: BLE001 -- nobody awaits this task: what breaks here must be told
            self._on_broken(job, error)

    def is_paying(self, job: Job) -> bool:
        """Whether a paid call is in flight for a job."""
        return job.id in self._paid

    def stop_asking(self, job: Job) -> None:
        """Somebody else has the job, or it is over: end a retrieve that is in flight for it."""
        self.leave(job)
        if (poll := self._polls.get(job.id)) is not None:
            poll.cancel()

    async def stop(self, job: Job) -> None:
        """End what is in flight for a job: a paid call by waiting for its end, anything else by cancelling it."""
        if (paid := self._paid.get(job.id)) is not None:
            await asyncio.wait({paid})
        if (poll := self._polls.get(job.id)) is not None:
            poll.cancel()
            await asyncio.wait({poll})

    def halt(self) -> None:
        """Start nothing more, at once."""
        for loop in self._loops:
            loop.cancel()

    async def aclose(self, *, drain: float) -> None:
        """Start nothing more; give what is in flight `drain` seconds; cancel the rest.

        A paid call that is cut here leaves its outcome unknown, and the ledger says so.
        """
        self.halt()
        if self._loops:
            await asyncio.wait(self._loops)
        patience = self._patience = asyncio.create_task(self._clock.sleep(0.0 if self._hurried else drain))
        try:
            while (busy := self._in_flight()) and not patience.done():
                await asyncio.wait({*busy, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
            for task in (left := self._in_flight()):
                task.cancel()
            if left:
                await asyncio.wait(left)

    def hurry(self) -> None:
        """End the patience of `aclose`, now or when it comes to that."""
        self._hurried = True
        if self._patience is not None:
            self._patience.cancel()

    def _in_flight(self) -> set[asyncio.Task[None]]:
        return {*self._paid.values(), *self._polls.values(), *self._errands}

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many jobs are in line for a paid call, have one in flight, and how many retrieves are in flight."""
        return len(self._admission), len(self._paid), len(self._polls)
