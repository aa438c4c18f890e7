"""Jobs that we cannot carry on ourselves: mostly another process on the same ledger does, and we read there how."""

import asyncio
from collections.abc import Callable

from venice_async.clock import Clock
from venice_async.errors import LedgerError, VeniceError
from venice_async.jobs import JobRecord, JobState
from venice_async.ledger.protocol import Ledger
from venice_async.manager.chores import Chores
from venice_async.manager.job import Job

INTERVAL = 5.0
"""Seconds between two looks at the ledger."""


class Follower:
    """Looks at the ledger now and then for each job that is not ours to carry on.

    `on_news` is called with each record that is newer than what the job has. A job that has become
    PENDING or QUEUED can be carried on by anybody, so following it ends there, and where it comes to rest.
    """

    def __init__(self, *, ledger: Ledger, clock: Clock, on_news: Callable[[Job, JobRecord], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._on_news = on_news
        self._chores = Chores()

    def follow(self, job: Job) -> None:
        """Begin to follow a job that another process has in hand."""
        self._chores.start(self._follow(job, None))

    def broke(self, job: Job, error: Exception) -> None:
        """The ledger (or this program) failed under a job.

        It goes no further here and its record stays as it was, unless the ledger shows that somebody else moved it.
        """
        if isinstance(error, LedgerError):
            self._chores.start(self._follow(job, error))
        elif isinstance(error, VeniceError):
            job.close(error)
        else:
            job.close(VeniceError(f"The job broke: {type(error).__name__}."))
            asyncio.get_running_loop().call_exception_handler({"message": f"{job!r} broke", "exception": error})

    async def _follow(self, job: Job, cause: VeniceError | None) -> None:
        try:
            while not job.at_rest:
                record = await self._ledger.get(job.id)
                if record is not None and record.version != job.record.version:
                    self._on_news(job, record)
                    if record.state in {JobState.PENDING, JobState.QUEUED}:
                        return
                elif cause is not None:
                    await self._after(cause, job, record)
                    return
                cause = None
                await self._clock.sleep(INTERVAL)
        except VeniceError as error:
            job.close(cause or error)

    async def _after(self, cause: VeniceError, job: Job, record: JobRecord | None) -> None:
        """A write failed and nobody else moved the job: what is paid for is asked for again a little later."""
        if record is None or record.state is not JobState.QUEUED:
            job.close(cause)
            return
        await self._clock.sleep(INTERVAL)
        self._on_news(job, record)

    async def aclose(self) -> None:
        """Look no more."""
        await self._chores.cancel()
