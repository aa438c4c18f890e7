"""A look at the ledger every second: what other processes did there, and what could not be written before."""

import asyncio
from collections.abc import Awaitable, Callable

from attrs import define

from venice_async.clock import Clock
from venice_async.errors import LedgerError, StaleRecordError, VeniceError
from venice_async.jobs import JobDelayed, JobEvent
from venice_async.ledger.protocol import Ledger, News
from venice_async.manager.job import Job

INTERVAL = 1.0
"""Seconds between two looks."""
PATIENCE = 15
"""Looks after which whoever awaits a job that the ledger does not take is told so."""


@define
class _Broken:
    job: Job
    error: LedgerError
    looks: int = 0


class Lookout:
    """`on_news` is awaited with what each look brought, `mend` with a job that the ledger failed under.

    The ledger may fail for a while: its disk is full, or another program holds it. Jobs it failed
    under are tried again at each look, and go on as soon as it works. Where no look succeeds for
    `PATIENCE` of them, `on_blind` is called with the reason, and `on_sight` once one does.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        clock: Clock,
        on_news: Callable[[News], Awaitable[None]],
        mend: Callable[[Job], Awaitable[None]],
        on_blind: Callable[[LedgerError], None],
        on_sight: Callable[[], None],
        emit: Callable[[JobEvent], None],
        on_stopped: Callable[[Exception], None],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._on_news = on_news
        self._mend = mend
        self._on_blind = on_blind
        self._on_sight = on_sight
        self._failed_looks = 0
        self._emit = emit
        self._on_stopped = on_stopped
        self._broken: dict[str, _Broken] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="venice-lookout")

    def broke(self, job: Job, error: Exception) -> None:
        """The ledger (or this program) failed under a job, which goes no further before that is mended."""
        if isinstance(error, LedgerError):
            self._broken[job.id] = _Broken(job, error)
            if not isinstance(error, StaleRecordError):
                self._emit(
                    JobDelayed(
                        job_id=job.id,
                        key=job.key,
                        model=job.record.model,
                        at=self._clock.wall(),
                        error=error,
                        delay=INTERVAL,
                    )
                )
        elif isinstance(error, VeniceError):
            job.close(error)
        else:
            job.close(VeniceError(f"The job broke: {type(error).__name__}."))
            asyncio.get_running_loop().call_exception_handler({"message": f"{job!r} broke", "exception": error})

    async def _run(self) -> None:
        try:
            while True:
                await self._clock.sleep(INTERVAL)
                await self._look()
                for broken in list(self._broken.values()):
                    await self._try(broken)
        except Exception as error:  # noqa: BLE001 -- nobody awaits this task: what breaks here must be told
            self._on_stopped(error)

    async def _look(self) -> None:
        """Without a look nothing is started any more, so after a while whoever awaits any job is told why."""
        try:
            news = await self._ledger.look()
        except LedgerError as error:
            self._failed_looks += 1
            if self._failed_looks == PATIENCE:
                self._on_blind(error)
            return
        if self._failed_looks >= PATIENCE:
            self._on_sight()
        self._failed_looks = 0
        await self._on_news(news)

    async def _try(self, broken: _Broken) -> None:
        try:
            await self._mend(broken.job)
        except LedgerError:
            broken.looks += 1
        else:
            if self._broken.get(broken.job.id) is broken:
                del self._broken[broken.job.id]
            return
        if broken.looks == PATIENCE:
            broken.job.close(broken.error)

    async def aclose(self) -> None:
        """Look no more; whoever still awaits a job that could not be written is told why."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for broken in self._broken.values():
            broken.job.close(broken.error)

    def __repr__(self) -> str:
        return f"<Lookout {len(self._broken)} jobs wait for the ledger>"
