"""The manager's house: opened, lived in and closed. What people ask for at its door is in `manager`."""

import asyncio
import random
import warnings
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from venice_async.client import VeniceClient
from venice_async.download import Overwrite
from venice_async.errors import Charge, ConfigurationError, LedgerError, ManagerClosedError, VeniceError
from venice_async.governor import Kind
from venice_async.jobs import Cleanup, JobRecord, JobState
from venice_async.ledger import Ledger
from venice_async.manager.chores import to_its_end
from venice_async.manager.events import EventStream
from venice_async.manager.gates import Refusal
from venice_async.manager.job import Job
from venice_async.manager.reasons import for_who_waits
from venice_async.manager.rooms import Rooms
from venice_async.manager.streaming import JobStream
from venice_async.models import SeedanceConsent
from venice_async.polling import Estimate

if TYPE_CHECKING:
    from venice_async.payments import TopUpPolicy


class House:
    """Opens and closes the rooms, and answers what they and the jobs ask of their manager."""

    def __init__(
        self,
        client: VeniceClient,
        *,
        ledger: Ledger,
        output_dir: Path,
        output_template: str | None,
        downloads: int,
        cap_usd: Decimal | None,
        overwrite: Overwrite,
        max_video_size: int,
        remote_cleanup: bool,
        drain: float,
        rng: random.Random,
        top_up: "TopUpPolicy | None",
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
            ledger=ledger,
            output_dir=output_dir,
            output_template=output_template,
            downloads=downloads,
            cap_usd=cap_usd,
            overwrite=overwrite,
            max_video_size=max_video_size,
            remote_cleanup=remote_cleanup,
            rng=rng,
            top_up=top_up,
        )
        self._ledger, self._intake, self._budget = rooms.ledger, rooms.intake, rooms.budget
        self._roster, self._pump, self._steward = rooms.roster, rooms.pump, rooms.steward
        self._chores = rooms.chores

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

    def eta_of(self, job_id: str) -> Estimate | None:
        return self._rooms.scheduler.eta(job_id, now=self._clock.monotonic())

    def events_of(self, job: Job) -> EventStream:
        return self._roster.listen(job)

    async def cancel(self, job: Job) -> None:
        if not job.state.terminal:
            await self._decide(job, self._steward.cancel(job))

    async def give_consent(self, job: Job, consent: SeedanceConsent) -> None:
        await self._decide(job, self._steward.give_consent(job, consent))

    def open_stream(self, job: Job) -> JobStream:
        self._check_open()
        return self._rooms.stream(job)

    async def _decide(self, job: Job, decision: Coroutine[Any, Any, None]) -> None:
        """Carry out a decision in a task of our own: a cancelled caller leaves nothing half-way."""
        try:
            self._check_open()
        except VeniceError:
            decision.close()
            raise
        try:
            await asyncio.shield(self._chores.start(decision))
        except LedgerError as error:
            if error.charge is Charge.NONE:
                error.charge = job.record.charge  # what was tried cost nothing, but the job may have
            raise

    def brought_home(self, record: JobRecord) -> None:
        if record.cleanup is Cleanup.PENDING:
            self._rooms.cleaner.add(record)
        self._rooms.learned.soon()

    def account_refused(self, refusal: Refusal) -> None:
        till = self._rooms.till
        if till is None or not till.sees_to(refusal):
            self.hold_waiting(refusal.reason, refusal.error)

    def hold_waiting(self, reason: str, error: VeniceError) -> None:
        jobs = [self._roster[job_id] for job_id in self._pump.hold_pending()]
        if self._rooms.till is not None:
            self._rooms.till.gave_up(job.id for job in jobs)
        self._chores.start(self._steward.hold(jobs, reason, for_who_waits(error)))

    def stopped(self, error: Exception) -> None:
        """This program failed under all jobs: rather than waiting for ever, whoever awaits one is told."""
        self._broken = VeniceError(f"The JobManager broke: {type(error).__name__}.", advice="Start it again.")
        self._begin_nothing()
        self._roster.close(self._broken)
        asyncio.get_running_loop().call_exception_handler({"message": f"{self!r} broke", "exception": error})

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
            self._roster.close()
            self._roster.hub.end()
            self._rooms.disk.close()
            try:
                await self._ledger.aclose()
            finally:
                if self._owns_client:
                    await self._client.aclose()

    def _begin_nothing(self) -> None:
        if self._rooms.till is not None:
            self._rooms.till.close()
        self._pump.halt()

    async def _wind_up(self) -> None:
        self._begin_nothing()
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
