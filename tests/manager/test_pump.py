"""The one place that spends the account's requests."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
from harness import INLINE, Owner, World, job_record, virtual

from venice_async.errors import AuthenticationError, PaymentRequiredError, ServerError, VeniceError
from venice_async.governor import Governor, Kind, Ticket
from venice_async.jobs import JobRecord, JobState
from venice_async.ledger.protocol import moved
from venice_async.limits import RateLimits
from venice_async.manager.job import Job
from venice_async.manager.pump import Pump
from venice_async.models import Processing
from venice_async.polling import PollScheduler
from venice_async.runner import Outcome, Step

Answer = Callable[[Job], Awaitable[Outcome]]
CUT = ServerError("502", status=502)


class Rig:
    """A pump with a runner that answers as it is told, and the clock's instants of what it was asked."""

    def __init__(self, world: World, *, downloads: int = 8) -> None:
        self.clock = world.clock
        self.jobs: dict[str, Job] = {}
        self.asked: list[tuple[float, str, str]] = []
        self.trouble: list[tuple[str, VeniceError]] = []
        self.well: list[Kind] = []
        self.broken: list[Exception] = []
        self.governor = Governor(RateLimits(), world.clock)
        self.scheduler = PollScheduler()
        self.submit: Answer = self._queued
        self.poll: Answer = self._completed
        self.finds_ready = True
        self.may_start = True
        self.pump = Pump(
            clock=world.clock,
            governor=self.governor,
            runner=self,  # type: ignore[arg-type]
            scheduler=self.scheduler,
            jobs=self.jobs,
            downloads=downloads,
            may_start=lambda: self.may_start,
            is_wanted=lambda _: True,
            on_refused=lambda refusal: self.trouble.append((refusal.reason, refusal.error)),
            on_well=self.well.append,
            on_broken=lambda job, error: self.broken.append(error),
            on_stopped=self.broken.append,
        )

    async def submit_once(self, record: JobRecord, _: Ticket) -> Outcome:
        self.asked.append((self.clock.monotonic(), "submit", record.id))
        return await self.submit(self.jobs[record.id])

    async def poll_once(self, record: JobRecord, _: Ticket, *, on_ready: Callable[[], None]) -> Outcome:
        self.asked.append((self.clock.monotonic(), "poll", record.id))
        if self.finds_ready:
            on_ready()
        return await self.poll(self.jobs[record.id])

    def moves(self, job: Job, *states: JobState) -> Outcome:
        for state in states:
            job.update(moved(job.record, {"state": state}))
        return Outcome(record=job.record, step=Step.MOVED)

    async def _queued(self, job: Job) -> Outcome:
        return self.moves(job, JobState.QUEUEING, JobState.QUEUED)

    async def _completed(self, job: Job) -> Outcome:
        return self.moves(job, JobState.DOWNLOADING, JobState.COMPLETED)

    def enter(self, number: int, state: JobState = JobState.PENDING) -> Job:
        job = self.jobs[f"id-{number}"] = Job(job_record(number, state=state, model=INLINE), Owner())
        self.pump.enter(job)
        return job

    def count(self, what: str) -> int:
        return sum(each[1] == what for each in self.asked)


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Pump]:
    rig.pump.start()
    try:
        yield rig.pump
    finally:
        await rig.pump.aclose(drain=0.0)
        assert rig.governor._in_flight == 0
        assert rig.pump.counts[1:] == (0, 0)


@virtual()
async def test_a_job_is_submitted_then_asked_about(world: World) -> None:
    """In the order of entry; each once, if all goes well."""
    rig = Rig(world)
    async with running(rig):
        made = [rig.enter(number) for number in range(3)]
        await asyncio.gather(*(_video(job) for job in made))
    assert [name for _, what, name in rig.asked if what == "submit"] == ["id-0", "id-1", "id-2"]
    assert rig.count("poll") == 3


async def _video(job: Job) -> None:
    await job


@virtual()
async def test_a_video_known_to_be_ready_is_asked_for_until_it_comes(world: World) -> None:
    """Also where one answer on the way says nothing, or that it is not ready after all."""
    rig = Rig(world)
    again = [
        Outcome(record=job_record(0, state=JobState.QUEUED), step=Step.AGAIN, delay=3.0),
        Outcome(record=job_record(0, state=JobState.QUEUED), step=Step.BUSY, error=CUT),
        Outcome(record=job_record(0, state=JobState.QUEUED), step=Step.PROCESSING, answer=Processing()),
        Outcome(record=job_record(0, state=JobState.QUEUED), step=Step.AGAIN, delay=30.0),
    ]

    async def poll(job: Job) -> Outcome:
        rig.finds_ready = False  # only the first answer says so
        return again.pop(0) if again else await rig._completed(job)

    rig.poll = poll
    async with running(rig):
        await rig.enter(0, JobState.QUEUED)
    times = [at for at, _, _ in rig.asked]
    assert [later - sooner for sooner, later in itertools.pairwise(times)] == [3.0, 5.0, 5.0, 30.0]


@virtual()
async def test_no_more_retrieves_than_download_slots(world: World) -> None:
    """Each may turn out to be a whole file; an ended one, also one cancelled, frees its slot."""
    rig = Rig(world, downloads=2)
    stuck = asyncio.Event()

    async def poll(job: Job) -> Outcome:
        await stuck.wait()
        return await rig._completed(job)

    rig.poll = poll
    async with running(rig) as pump:
        made = [rig.enter(number, JobState.QUEUED) for number in range(4)]
        await world.clock.sleep(60.0)
        assert rig.count("poll") == 2
        first = rig.jobs[rig.asked[0][2]]
        pump.leave(first)
        await pump.stop(first)
        await world.clock.sleep(60.0)
        assert rig.count("poll") == 3
        stuck.set()
        await asyncio.gather(*(_video(job) for job in made if job is not first))


@virtual()
async def test_a_request_stopped_before_its_first_step_gives_everything_back(world: World) -> None:
    """Its download slot and its right to send."""
    rig = Rig(world, downloads=1)
    begins, take = asyncio.Event(), rig.governor.take

    def watched_take(kind: Kind) -> Ticket:
        begins.set()
        return take(kind)

    rig.governor.take = watched_take  # type: ignore[method-assign]
    async with running(rig) as pump:
        for number in range(20):
            job = rig.enter(number, JobState.QUEUED)
            await begins.wait()
            begins.clear()
            pump.leave(job)
            await pump.stop(job)
        assert rig.count("poll") == 0
        await rig.enter(99, JobState.QUEUED)


@pytest.mark.parametrize(
    ("error", "reason"), [(AuthenticationError("401"), "key"), (PaymentRequiredError("402"), "balance")]
)
@virtual()
async def test_account_trouble_closes_what_it_concerns(world: World, error: VeniceError, reason: str) -> None:
    """A refused key stops everything but a probe a minute; an empty balance stops paid calls only."""
    rig = Rig(world)

    async def refused(job: Job) -> Outcome:
        rig.moves(job, JobState.QUEUEING, JobState.HELD)
        return Outcome(record=job.record, step=Step.ACCOUNT, error=error)

    rig.submit = refused
    async with running(rig) as pump:
        rig.enter(0)
        await world.clock.sleep(5.0)
        for number in (1, 2):
            rig.enter(number)
        for number in (3, 4):
            rig.enter(number, JobState.QUEUED)
        rig.finds_ready = False
        rig.poll = _still_processing
        await world.clock.sleep(10.0)
        assert rig.trouble == ([(reason, error)] if reason == "balance" else []), "one 401 may be about one model"
        assert rig.count("submit") == 1
        assert (rig.count("poll") == 0) == (reason == "key")
        await world.clock.sleep(60.0)
        assert rig.trouble[-1] == (reason, error), "the probe was refused as well"
        before = rig.count("poll")
        pump.reopen()
        await world.clock.sleep(10.0)
        assert rig.count("poll") > before


async def _still_processing(job: Job) -> Outcome:
    return Outcome(record=job.record, step=Step.PROCESSING, answer=Processing(average_execution_time=60.0))


@virtual()
async def test_a_fault_of_one_step_is_told(world: World) -> None:
    """The others go on."""
    rig = Rig(world)

    async def poll(job: Job) -> Outcome:
        if job.id == "id-0":
            raise ZeroDivisionError
        return await rig._completed(job)

    rig.poll = poll
    async with running(rig):
        rig.enter(0, JobState.QUEUED)
        await rig.enter(1, JobState.QUEUED)
        await world.clock.sleep(60.0)
    assert [type(error) for error in rig.broken] == [ZeroDivisionError]


@virtual()
async def test_closing_gives_time_and_then_ends(world: World) -> None:
    """What ends within the drain ends well; what does not is cancelled."""
    rig = Rig(world)
    ends: list[str] = []

    async def submit(job: Job) -> Outcome:
        try:
            await world.clock.sleep(5.0 if job.id == "id-0" else 500.0)
        except asyncio.CancelledError:
            ends.append(f"{job.id} cancelled")
            raise
        ends.append(f"{job.id} done")
        return await rig._queued(job)

    rig.submit = submit
    rig.pump.start()
    for number in (0, 1):
        rig.enter(number)
    await world.clock.sleep(1.0)
    await rig.pump.aclose(drain=20.0)
    assert ends == ["id-0 done", "id-1 cancelled"]
    assert world.clock.monotonic() == 21.0


@virtual()
async def test_nothing_is_started_while_others_may_have_taken_the_jobs(world: World) -> None:
    """A process that was stopped for long looks at the ledger first."""
    rig = Rig(world)
    rig.may_start = False
    rig.pump.start()
    for number in (1, 2):
        state = JobState.QUEUED if number == 2 else JobState.PENDING
        job = rig.jobs[f"id-{number}"] = Job(job_record(number, state=state), Owner())
        rig.pump.enter(job)
    await world.clock.sleep(1000.0)
    assert rig.asked == []
    rig.may_start = True
    await world.clock.sleep(1000.0)
    assert {what for _, what, _ in rig.asked} == {"submit", "poll"}
    await rig.pump.aclose(drain=0.0)


@virtual()
async def test_a_refusal_from_before_a_top_up_is_not_told_again(world: World) -> None:
    """Three left together; what was done about the first is good for the others, and they are sent again."""
    rig = Rig(world)
    refused_at = iter([1.0, 2.0, 3.0])
    error = PaymentRequiredError("402")

    async def refused(job: Job) -> Outcome:
        rig.moves(job, JobState.QUEUEING)
        await world.clock.sleep(next(refused_at))
        rig.moves(job, JobState.PENDING)
        return Outcome(record=job.record, step=Step.ACCOUNT, error=error, delay=5.0)

    rig.submit = refused
    async with running(rig) as pump:
        made = [rig.enter(number) for number in range(4)]
        await world.clock.sleep(1.5)
        assert rig.trouble == [("balance", error)]
        pump.gates.pause()
        await world.clock.sleep(1.0)
        assert rig.trouble == [("balance", error)] * 2, "whoever is at it hears of it"
        rig.submit = rig._queued
        pump.gates.open()
        pump.gates.end_pause()
        pump.wake()
        await asyncio.gather(*(_video(job) for job in made))
    assert rig.trouble == [("balance", error)] * 2
    assert rig.count("submit") == 7


@virtual()
async def test_what_left_before_a_top_up_is_no_proof_that_it_helped(world: World) -> None:
    """Only a request of the same turn is."""
    rig = Rig(world)

    async def slowly(job: Job) -> Outcome:
        await world.clock.sleep(2.0)
        job.update(attrs.evolve(job.record, queue_id=f"queue-{job.id}"))
        return await rig._queued(job)

    rig.submit = slowly
    async with running(rig) as pump:
        first = rig.enter(0)
        await world.clock.sleep(1.0)
        pump.gates.pause()
        pump.gates.end_pause()
        await first
        assert Kind.QUEUE not in rig.well
        await rig.enter(1)
        assert Kind.QUEUE in rig.well


@virtual()
async def test_an_errand_has_the_drain_like_any_request(world: World) -> None:
    """It ends well within it, and is cancelled after it."""
    rig = Rig(world)
    ends: list[str] = []

    async def errand(seconds: float) -> None:
        try:
            await world.clock.sleep(seconds)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        ends.append("done")

    rig.pump.start()
    rig.pump.run(errand(5.0))
    rig.pump.run(errand(500.0))
    await rig.pump.aclose(drain=20.0)
    assert (ends, world.clock.monotonic()) == (["done", "cancelled"], 20.0)
