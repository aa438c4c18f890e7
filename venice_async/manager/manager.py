"""`JobManager`: many jobs at once, each recorded before it is paid for, each brought home as soon as it is ready."""

import asyncio
import functools
import os
import random
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from venice_async.catalog import Catalog
from venice_async.client import VeniceClient
from venice_async.download import DEFAULT_MAX_SIZE, Overwrite
from venice_async.errors import ConfigurationError, InvalidRequestError, ManagerClosedError, VeniceError
from venice_async.governor import Kind
from venice_async.jobs import Cleanup, JobRecord, JobState, present_state
from venice_async.ledger import Ledger, SqliteLedger
from venice_async.manager.books import compared
from venice_async.manager.budget import Totals
from venice_async.manager.chores import to_its_end
from venice_async.manager.decisions import Resolution
from venice_async.manager.events import EventStream
from venice_async.manager.intake import keyed
from venice_async.manager.job import Job
from venice_async.manager.rooms import Rooms
from venice_async.models import SeedanceConsent, VideoRequest
from venice_async.polling import Estimate
from venice_async.reconcile import Finding


class JobManager:
    """Runs video jobs against one account. Use it as an async context manager.

    `ledger` is a path, or a `Ledger`: the memory of what was paid for, so keep the file. `output_dir`
    is where videos go. `downloads` is how many files come in at once. `budget_usd` caps spent plus
    reserved money over all jobs of the ledger. With `remote_cleanup` off, videos stay at the server
    until they expire there, which is 24 hours.

    On entry everything unfinished in the ledger goes on. Leaving ends our work, not the jobs: what
    the server has taken it finishes, and the next start brings it home.
    """

    def __init__(
        self,
        client: VeniceClient,
        *,
        ledger: str | os.PathLike[str] | Ledger,
        output_dir: str | os.PathLike[str],
        downloads: int = 8,
        budget_usd: Decimal | float | str | None = None,
        overwrite: Overwrite = Overwrite.REFUSE,
        max_video_size: int = DEFAULT_MAX_SIZE,
        remote_cleanup: bool = True,
        drain: float = 20.0,
        rng: random.Random | None = None,
    ) -> None:
        if downloads < 1:
            raise ConfigurationError("downloads must be at least 1.")
        self._client = client
        self._clock = client.clock
        self._owns_client = False
        self._drain = drain
        self._state = "new"
        self._broken: VeniceError | None = None
        self._closing: asyncio.Task[None] | None = None
        self._rooms = rooms = Rooms(
            self,
            client,
            ledger=SqliteLedger(ledger) if isinstance(ledger, str | os.PathLike) else ledger,
            output_dir=Path(output_dir),
            downloads=downloads,
            cap_usd=None if budget_usd is None else Decimal(str(budget_usd)),
            overwrite=overwrite,
            max_video_size=max_video_size,
            remote_cleanup=remote_cleanup,
            rng=rng or random.Random(),
        )
        self._ledger, self._intake, self._budget = rooms.ledger, rooms.intake, rooms.budget
        self._roster, self._pump, self._steward = rooms.roster, rooms.pump, rooms.steward
        self._chores = rooms.chores

    @classmethod
    def from_env(cls) -> Self:
        """A manager with a client of its own, from the environment.

        VENICE_API_KEY and VENICE_BASE_URL are the client's. VENICE_LEDGER (else `venice-jobs.sqlite3`)
        and VENICE_OUTPUT_DIR (else `videos`) are ours.
        """
        ledger, videos = os.environ.get("VENICE_LEDGER"), os.environ.get("VENICE_OUTPUT_DIR")
        manager = cls(VeniceClient(), ledger=ledger or "venice-jobs.sqlite3", output_dir=videos or "videos")
        manager._owns_client = True
        return manager

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise RuntimeError("a JobManager is entered once")
        try:
            await self._ledger.open()
            self._state = "open"
            await self._ledger.join()
            await self._rooms.learned.load()
            await self.resume()
        except BaseException:
            await self.aclose()
            raise
        self._pump.start()
        self._rooms.lookout.start()
        self._rooms.cleaner.start()
        return self

    async def resume(self) -> None:
        """Take on every job of the ledger: unfinished ones go on. Called on entry."""
        for job in await self._steward.take_on():
            self._intake.follow(job.record)
            self.enter(job)

    def enter(self, job: Job) -> None:
        record = job.record
        if record.owner != self._ledger.owner:
            return  # another process works on it
        if record.state is JobState.COMPLETED and record.cleanup is Cleanup.PENDING:
            self._rooms.cleaner.add(record)
        self._pump.enter(job, age=self._clock.since(record.queued_at) if record.queued_at else 0.0)

    async def submit(self, request: VideoRequest, *, key: str | None = None, output: str | None = None) -> Job:
        """Take on a job. Returns when the intent is durable; the paid call follows at the account's pace.

        `key` is your own name for the work: **the same key never pays twice**. A known key gives the
        known job, finished or not, in this process or an earlier one, whatever the request says.
        `output` is the file's name under `output_dir`; by default the key, or the model and our id.
        Where this is cancelled while the record is being written, the job goes on: `jobs()` has it.

        Raises InvalidRequestError for a request that the model would refuse, DestinationExistsError
        where the file exists, BudgetExceededError where the price does not fit. None of them cost anything.
        """
        self._check_open()
        if key is not None and (known := self._roster.of_key(key)) is not None:
            return await self._kept(known)
        record = await self._intake.prepare(request, key=key, output=output)
        self._check_open()
        known = self._roster.of_key(record.key)
        if known is None:
            self._intake.claim(record)
            known = self._roster.adopt(record)
            self._chores.start_once(f"keep {record.key}", functools.partial(self._keep, known))
        return await self._kept(known)

    async def _kept(self, job: Job) -> Job:
        """The job when it is durable: whoever asks for its key meanwhile waits as well."""
        keeping = self._chores.under_way(f"keep {job.key}")
        return job if keeping is None else await asyncio.shield(keeping)

    async def _keep(self, job: Job) -> Job:
        """Make a claimed record durable; only then is it a job that goes on."""
        try:
            kept = await self._ledger.add(job.record, cap_usd=self._budget.cap_usd)
        except BaseException:
            self._forget(job)
            raise
        if kept.id == job.id:
            self._roster.report(kept, present_state(kept))
            self.enter(job)
            return job
        self._forget(job)  # another process on this ledger was first
        theirs = self._roster.get(kept.id) or self._roster.adopt(kept)
        self._intake.follow(theirs.record)
        return theirs

    async def catalog(self) -> Catalog:
        """The models on offer, fetched once."""
        return await self._intake.catalog()

    async def as_completed(self, requests: Iterable[VideoRequest] | Mapping[str, VideoRequest]) -> AsyncIterator[Job]:
        """Submit many and give each job as it comes to rest; await it for the file or the error.

        A mapping gives each request its key. Otherwise the key is made from the request (local files
        count by name) and from how often the same has come before: **the same program run again gets
        the same jobs and pays nothing again**. All that is new is checked, against the budget too,
        before any of it is submitted, so that a mistake in the last one costs nothing.
        """
        wanted = keyed(requests)
        await self._intake.check_all({key: each for key, each in wanted.items() if self._roster.of_key(key) is None})
        arrived: asyncio.Queue[Job] = asyncio.Queue()
        for job in await asyncio.gather(*(self.submit(request, key=key) for key, request in wanted.items())):
            job.watch(arrived.put_nowait)
        for _ in wanted:
            yield await arrived.get()

    def events(self) -> EventStream:
        """What happens to all jobs, from now on until the manager is closed."""
        return self._roster.hub.listen()

    def jobs(self) -> list[Job]:
        """Every job of the ledger, oldest first."""
        return [*self._roster]

    def get(self, key: str) -> Job | None:
        """The job of a key or an id, or None."""
        return self._roster.of_key(key) or self._roster.get(key)

    def unknown(self) -> list[Job]:
        """Jobs of which nobody can tell whether they were taken and charged. They are never sent again on their own."""
        return [job for job in self._roster if job.state is JobState.UNKNOWN]

    async def reconcile(self, *, admin_key: str | None = None) -> list[Finding]:
        """What the account's books say about each job of `unknown()`. Reads only: what to do, `resolve` is told.

        The books (`GET /billing/usage-history`) take an admin key: the client's own, or `admin_key`, which is not
        kept. Raises AuthenticationError or PermissionDeniedError for a key that may not read them.
        """
        return await compared(self._client, [job.record for job in self._roster], admin_key=admin_key)

    async def release(self, job: Job) -> None:
        """Let a job that is HELD go on, because its cause is gone: the balance is topped up, the key mended.

        Raises BudgetExceededError where its price does not fit any more.
        """
        await self._chore(f"release {job.id}", functools.partial(self._steward.release, job))

    async def resolve(
        self,
        job: Job | str,
        resolution: Resolution | str,
        *,
        queue_id: str | None = None,
        download_url: str | None = None,
    ) -> Job:
        """Say what became of a job that is UNKNOWN (a `Job`, its key or its id), and let it go on or end.

        "adopt": it was taken under `queue_id` (a private model's video needs its `download_url` too), and
        its video is brought home. "not_charged": it was not taken; it ends and its price is free again.
        "charged": it was, and its queue_id cannot be found; it ends and the price counts as spent.
        "resubmit": **it is sent again and may be paid twice**; the first price stays counted as spent.
        The ledger keeps what was decided, and when.

        Raises InvalidRequestError for a job that is not UNKNOWN, BudgetExceededError where paying
        again does not fit under the budget, and DuplicateQueueIdError for a queue_id of another job.
        """
        found = self.get(job) if isinstance(job, str) else job
        if found is None:
            raise InvalidRequestError(f"There is no job {job!r}.", problems=(f"There is no job {job!r}.",))
        decision = functools.partial(
            self._steward.resolve, found, resolution, queue_id=queue_id, download_url=download_url
        )
        await self._chore(f"resolve {found.id}", decision)
        return found

    @property
    def totals(self) -> Totals:
        """US dollars spent, reserved and refunded, over all jobs of the ledger."""
        return self._budget.totals

    @property
    def eta(self) -> Estimate | None:
        """Seconds from now until every queued job is ready: p50 and p90; None while that cannot be told."""
        return self._rooms.scheduler.eta_all(now=self._clock.monotonic())

    def eta_of(self, job_id: str) -> Estimate | None:
        return self._rooms.scheduler.eta(job_id, now=self._clock.monotonic())

    def events_of(self, job: Job) -> EventStream:
        return self._roster.listen(job)

    async def cancel(self, job: Job) -> None:
        if not job.state.terminal:
            await self._chore(f"cancel {job.id}", functools.partial(self._steward.cancel, job))

    async def give_consent(self, job: Job, consent: SeedanceConsent) -> None:
        await self._chore(f"release {job.id}", functools.partial(self._steward.give_consent, job, consent))

    async def _chore(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it in a task of our own: a cancelled caller leaves nothing half-way."""
        self._check_open()
        await asyncio.shield(self._chores.start_once(name, work))

    def brought_home(self, record: JobRecord) -> None:
        if record.cleanup is Cleanup.PENDING:
            self._rooms.cleaner.add(record)
        self._rooms.learned.soon()

    def account_refused(self, reason: str, error: VeniceError) -> None:
        jobs = [self._roster[job_id] for job_id in self._pump.hold_pending()]
        self._chores.start(self._steward.hold(jobs, reason, error))

    def stopped(self, error: Exception) -> None:
        """This program failed under all jobs: rather than waiting for ever, whoever awaits one is told."""
        self._broken = VeniceError(f"The JobManager broke: {type(error).__name__}.", advice="Start it again.")
        self._pump.halt()
        self._roster.close(self._broken)
        asyncio.get_running_loop().call_exception_handler({"message": f"{self!r} broke", "exception": error})

    def _forget(self, job: Job) -> None:
        self._roster.forget(job)
        self._intake.give_back(job.record)

    def _check_open(self) -> None:
        if self._broken is not None or self._state != "open":
            raise self._broken or ManagerClosedError("The JobManager is not open: use it in `async with`.")

    async def aclose(self) -> None:
        """Stop admitting and polling, give what is in flight `drain` seconds, save what was learned, close the ledger.

        Jobs that are not finished stay in the ledger; who awaits them gets ManagerClosedError. Where
        this is cancelled it gives no more time, but still closes everything before it returns.
        """
        self._closing = self._closing or asyncio.create_task(self._close(), name="venice-close")
        await to_its_end(self._closing, on_cancel=self._pump.hurry)

    async def _close(self) -> None:
        opened, self._state = self._state == "open", "closed"
        try:
            if opened:
                await self._wind_up()
        finally:
            await self._ledger.aclose()
            self._rooms.disk.close()
            self._roster.close()
            self._roster.hub.end()
            if self._owns_client:
                await self._client.aclose()

    async def _wind_up(self) -> None:
        await self._pump.aclose(drain=self._drain)
        await self._chores.finish()
        await self._rooms.lookout.aclose()
        await self._rooms.cleaner.aclose()
        await self._rooms.learned.save()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if getattr(self, "_state", "closed") == "open":
            warnings.warn(f"{self!r} was not closed", ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        waiting, queueing, polling = self._pump.counts
        retrieves = self._client.governor.budgets[Kind.RETRIEVE]
        in_flight = len(self._rooms.scheduler)
        return (
            f"<JobManager {self._state}: {waiting} waiting, {queueing} queueing, {in_flight} in flight, "
            f"{polling} asking or downloading, {retrieves.used(self._clock.monotonic())}/{retrieves.limit} retrieves>"
        )
