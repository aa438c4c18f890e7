"""Jobs that somebody else carries on."""

import asyncio

import pytest
from harness import Owner, World, job_record, virtual

from venice_async.errors import BadRequestError, LedgerError, VeniceError
from venice_async.jobs import JobRecord, JobState
from venice_async.manager.follower import INTERVAL, Follower
from venice_async.manager.job import Job


async def follow(world: World, job: Job) -> tuple[Follower, list[JobState]]:
    """A follower on the world's ledger, and the states it has told."""
    news: list[JobState] = []

    def on_news(job: Job, record: JobRecord) -> None:
        news.append(record.state)
        job.update(record)

    await world.ledger.add(job.record)
    return Follower(ledger=world.ledger, clock=world.clock, on_news=on_news), news


@virtual()
async def test_a_job_is_followed_to_its_rest(world: World) -> None:
    """However long another process takes."""
    job = Job(job_record(1, state=JobState.DOWNLOADING), Owner())
    follower, news = await follow(world, job)
    follower.follow(job)
    await world.clock.sleep(100 * INTERVAL)
    await world.ledger.move(job.record, state=JobState.COMPLETED)
    assert (await job).key == "key-1"
    assert news == [JobState.COMPLETED]
    await follower.aclose()


@virtual()
async def test_following_ends_where_anybody_can_go_on(world: World) -> None:
    """A job that became QUEUED is ours again as much as theirs."""
    job = Job(job_record(1, state=JobState.QUEUEING), Owner())
    follower, news = await follow(world, job)
    follower.follow(job)
    queued = await world.ledger.move(job.record, state=JobState.QUEUED)
    await world.clock.sleep(2 * INTERVAL)
    await world.ledger.move(queued, state=JobState.DOWNLOADING)
    await world.clock.sleep(2 * INTERVAL)
    assert news == [JobState.QUEUED]
    await follower.aclose()


@virtual()
async def test_a_write_that_lost_to_another_process_follows_it(world: World) -> None:
    """The ledger shows who was right."""
    job = Job(job_record(1, state=JobState.QUEUED), Owner())
    follower, news = await follow(world, job)
    await world.ledger.move(job.record, state=JobState.CANCELLED)
    follower.broke(job, LedgerError("It was changed by somebody else."))
    await world.clock.sleep(1.0)
    assert news == [JobState.CANCELLED]
    await follower.aclose()


@virtual()
async def test_passing_trouble_with_the_ledger_does_not_end_a_paid_job(world: World) -> None:
    """What is at the server is asked for again a little later, in this process and not only after the next start."""
    job = Job(job_record(1, state=JobState.QUEUED), Owner())
    follower, news = await follow(world, job)
    follower.broke(job, LedgerError("The database is locked."))
    await world.clock.sleep(INTERVAL + 1.0)
    assert news == [JobState.QUEUED]
    assert job.error is None
    await follower.aclose()


@pytest.mark.parametrize("error", [LedgerError("The disk is full."), BadRequestError("No.")])
@virtual()
async def test_trouble_of_our_own_is_told(world: World, error: VeniceError) -> None:
    """Nobody moved the job, so nobody will: whoever awaits it gets the error."""
    job = Job(job_record(1, state=JobState.QUEUEING), Owner())
    follower, _ = await follow(world, job)
    follower.broke(job, error)
    with pytest.raises(type(error)):
        await job
    await follower.aclose()


@virtual()
async def test_a_fault_of_the_program_is_told_twice(world: World) -> None:
    """To whoever awaits the job, and to the event loop, where faults are looked for."""
    seen: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))
    job = Job(job_record(1, state=JobState.QUEUED), Owner())
    follower, _ = await follow(world, job)
    follower.broke(job, ZeroDivisionError())
    with pytest.raises(VeniceError, match="The job broke: ZeroDivisionError"):
        await job
    assert isinstance(seen[0]["exception"], ZeroDivisionError)


@virtual()
async def test_closing_ends_all_following(world: World) -> None:
    """At once; the job is closed by whoever closes the follower."""
    job = Job(job_record(1, state=JobState.QUEUEING), Owner())
    follower, _ = await follow(world, job)
    follower.follow(job)
    await world.clock.sleep(1.0)
    await follower.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
