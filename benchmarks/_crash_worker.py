"""The process that is killed: a program that submits its jobs by key and waits until each has come to rest.

It runs in a process forked from a server that has imported everything already, so that a life costs
milliseconds; what dies is a real process all the same, with SIGKILL, and nothing of it runs any more.
"""

import asyncio
import contextlib
import importlib
import logging
import random
from collections.abc import Mapping
from multiprocessing.connection import Connection

from attrs import field, frozen

from benchmarks._crash_jobs import API_KEY, key_of, request_of
from benchmarks._crash_knife import Knife, fit
from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.errors import VeniceError
from venice_async.jobs import JobState
from venice_async.ledger import SqliteLedger
from venice_async.limits import RateLimits
from venice_async.manager import JobManager
from venice_async.manager.job import Job

for _name in ("aiohttp", "aiofiles", "aiosqlite", "cattrs", "sqlite3"):
    with contextlib.suppress(ImportError):  # imported before the fork: the package itself does so where it is used
        importlib.import_module(_name)


@frozen(kw_only=True)
class Decision:
    """What to answer `jobs.resolve`."""

    resolution: str
    queue_id: str | None = None
    download_url: str | None = None


@frozen(kw_only=True)
class Life:
    """What one process is to do. `knife` is where it kills itself, if anywhere; `log` takes all it has to say."""

    url: str
    folder: str
    jobs: int
    speed: float
    limits: RateLimits
    seed: int
    knife: Knife | None = None
    log: str | None = None
    one_by_one: bool = False
    budget_usd: str | None = None
    decisions: Mapping[str, Decision] = field(factory=dict)
    """What a person has found out about jobs whose outcome is unknown, by key."""


def live(life: Life, pipe: Connection) -> None:
    """The process's main function. Tells `running`, then `done` with the states as they are at the end."""
    if life.log is not None:
        logging.basicConfig(filename=life.log, level=logging.DEBUG)
    asyncio.run(_live(life, pipe), debug=False)


async def _live(life: Life, pipe: Connection) -> None:
    ledger = SqliteLedger(f"{life.folder}/ledger/jobs.sqlite3")
    client = VeniceClient(
        API_KEY,
        base_url=life.url,
        clock=SystemClock(speed=life.speed),
        limits=life.limits,
        rng=random.Random(life.seed),
    )
    async with client:
        manager = JobManager(
            client,
            ledger=ledger if life.knife is None else fit(life.knife, ledger, client, pipe),
            output_dir=f"{life.folder}/videos",
            budget_usd=life.budget_usd,
            rng=random.Random(life.seed),
        )
        async with manager as jobs:
            pipe.send(("running", ""))
            await _decide(life, jobs)
            await (_one_by_one if life.one_by_one else _all_at_once)(life, jobs)
        pipe.send(("done", ""))


async def _decide(life: Life, jobs: JobManager) -> None:
    for job in jobs.unknown():
        if (decision := life.decisions.get(job.key)) is not None:
            await jobs.resolve(job, decision.resolution, queue_id=decision.queue_id, download_url=decision.download_url)


async def _all_at_once(life: Life, jobs: JobManager) -> None:
    made = await asyncio.gather(*(_submit(jobs, number) for number in range(life.jobs)))
    await asyncio.gather(*(_rest(job) for job in made))


async def _one_by_one(life: Life, jobs: JobManager) -> None:
    for number in range(life.jobs):
        await _rest(await _submit(jobs, number))


async def _submit(jobs: JobManager, number: int) -> Job:
    return await jobs.submit(request_of(number), key=key_of(number))


async def _rest(job: Job) -> None:
    """Wait as a user does, and say into the log what a user would see."""
    try:
        await job
    except VeniceError as error:
        logging.getLogger("worker").info("%s ended: %r %s", job.key, error, error)
        assert job.state is not JobState.COMPLETED
