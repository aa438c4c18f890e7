"""`JobManager`: many jobs at once, each recorded before it is paid for, each brought home as soon as it is ready."""

import asyncio
import functools
import os
import random
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Self

from venice_async.catalog import Catalog
from venice_async.client import VeniceClient
from venice_async.download import DEFAULT_MAX_SIZE, Overwrite
from venice_async.errors import InvalidRequestError
from venice_async.jobs import Delivery, JobState, present_state
from venice_async.ledger import Ledger, SqliteLedger
from venice_async.manager.books import compared
from venice_async.manager.decisions import Resolution, again
from venice_async.manager.events import EventStream
from venice_async.manager.house import House
from venice_async.manager.intake import keyed
from venice_async.manager.job import Job
from venice_async.models import VideoRequest
from venice_async.money import Totals
from venice_async.polling import Estimate
from venice_async.reconcile import Finding

if TYPE_CHECKING:
    from venice_async.payments import TopUpPolicy


class JobManager(House):
    """Runs video jobs against one account. Use it as an async context manager.

    `ledger` is a path, or a `Ledger`: the memory of what was paid for, so keep the file. `output_dir`
    is where videos go, and `output_template` how they are named there, such as `"{date}/{key}.mp4"`
    (fields: key, model, job_id, date). `downloads` is how many files come in at once. `budget_usd` caps
    spent plus reserved money over all jobs of the ledger, by whatever process. With `remote_cleanup` off,
    videos stay at the server until they expire there, which is 24 hours.

    `top_up` is for a client that pays by wallet on Base: the policy under which **real USDC is paid without asking
    anybody**. When a request is refused because the wallet's credit is short, the jobs wait, one payment of the
    policy's `usd` is made, and they go on; `events()` tells of it (`WalletToppedUp`). The policy's caps bound what is
    signed, over all programs that share the wallet's payment store. Nothing is paid where it would not help: the
    wallet spends DIEM, the credit is enough, the last payment changed nothing, or the price is out of reach. Then, and
    when a cap is reached or a payment fails, the jobs are HELD for the balance with that as their error. Without
    `top_up`, which is how it begins, they are HELD at once and nothing is ever paid by itself. What is topped up
    stays the wallet's credit, and `budget_usd` knows nothing of it. Raises ConfigurationError where the client
    has no such wallet.

    On entry everything unfinished in the ledger goes on. Leaving ends our work, not the jobs: what
    the server has taken it finishes, and the next start brings it home.
    """

    def __init__(
        self,
        client: VeniceClient,
        *,
        ledger: str | os.PathLike[str] | Ledger,
        output_dir: str | os.PathLike[str],
        output_template: str | None = None,
        downloads: int = 8,
        budget_usd: Decimal | float | str | None = None,
        overwrite: Overwrite = Overwrite.REFUSE,
        max_video_size: int = DEFAULT_MAX_SIZE,
        remote_cleanup: bool = True,
        drain: float = 20.0,
        rng: random.Random | None = None,
        top_up: "TopUpPolicy | None" = None,
    ) -> None:
        super().__init__(
            client,
            ledger=SqliteLedger(ledger) if isinstance(ledger, str | os.PathLike) else ledger,
            output_dir=Path(output_dir),
            output_template=output_template,
            downloads=downloads,
            cap_usd=None if budget_usd is None else Decimal(str(budget_usd)),
            overwrite=overwrite,
            max_video_size=max_video_size,
            remote_cleanup=remote_cleanup,
            drain=drain,
            rng=rng or random.Random(),
            top_up=top_up,
        )

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

    async def submit(
        self,
        request: VideoRequest,
        *,
        key: str | None = None,
        output: str | None = None,
        delivery: Delivery = Delivery.DISK,
        check: bool = True,
    ) -> Job:
        """Take on a job. Returns when the intent is durable; the paid call follows at the account's pace.

        `key` is your own name for the work: **the same key never pays twice**. A known key gives the
        known job, finished or not, in this process or an earlier one, whatever the request says.
        `output` is the file's name under `output_dir`; by default the key, or the model and our id. With
        `delivery=Delivery.CALLER` there is no file: `job.open_stream()` gives the bytes. `check=False` sends
        what we would refuse: where the server knows better, or a field is newer than this package.
        Where this is cancelled while the record is being written, the job goes on: `jobs()` has it.

        Raises InvalidRequestError for a request that the model would refuse, DestinationExistsError
        where the file exists, BudgetExceededError where the price does not fit, and DownloadError where the
        disk is full. None of them cost anything.
        """
        self._check_open()
        if key is not None and (known := self._roster.of_key(key)) is not None:
            return await self._kept(known)
        record = await self._intake.prepare(request, key=key, output=output, delivery=delivery, check=check)
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
        kept. A client with a wallet needs none: it reads its own transactions. Raises AuthenticationError or
        PermissionDeniedError for a key that may not read them.
        """
        return await compared(self._client, [job.record for job in self._roster], admin_key=admin_key)

    async def release(self, job: Job) -> None:
        """Let a job that is HELD go on, because its cause is gone: the balance is topped up, the key mended.

        With `top_up` a wallet may be paid for once more, though the last payment did not help: once for all jobs that
        were held together, however many of them are released. Any other job is left as it is.

        Raises BudgetExceededError where its price does not fit any more, and LedgerError where it cannot be recorded.
        """
        await self._decide(job, self._steward.release(job))

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
        found = self._known(job)
        decision = self._steward.resolve(found, resolution, queue_id=queue_id, download_url=download_url)
        await self._decide(found, decision)
        return found

    async def retry(self, job: Job | str, *, pay_again: bool = False) -> Job:
        """Make a job that is FAILED or CANCELLED (a `Job`, its key or its id) once more: a new job takes its key.

        The old job keeps its record, under the key with `~1` behind it (`~2`, and so on, where that is taken).
        **What was charged stays charged, and the new job costs again**: where the old one was charged, or may have
        been, `pay_again` must say that this is meant. The price that was quoted then is reserved.

        Raises InvalidRequestError for any other job and for a charged one without `pay_again`,
        DestinationExistsError where the file exists, and BudgetExceededError. None of them cost anything.
        """
        found = self._known(job)
        self._check_open()
        retrying = functools.partial(self._retry, found, pay_again=pay_again)
        return await asyncio.shield(self._chores.start_once(f"retry {found.id}", retrying))

    async def _retry(self, job: Job, *, pay_again: bool) -> Job:
        new = again(job.record, job_id=secrets.token_hex(8), now=self._clock.wall(), pay_again=pay_again)
        self._intake.claim(new)
        try:
            old, kept = await self._ledger.replace(job.record, new, cap_usd=self._budget.cap_usd)
        except BaseException:
            self._intake.give_back(new)
            raise
        self._roster.report(old, None)
        made = self._roster.adopt(kept)
        self._intake.follow(kept)
        self._roster.hub.emit(present_state(kept))
        self.enter(made)
        return made

    def _known(self, job: Job | str) -> Job:
        found = self.get(job) if isinstance(job, str) else job
        if found is None:
            sentence = f"There is no job {job!r}."
            raise InvalidRequestError(sentence, problems=(sentence,))
        return found

    @property
    def totals(self) -> Totals:
        """US dollars spent, reserved and refunded, over all jobs of the ledger."""
        return self._budget.totals

    @property
    def eta(self) -> Estimate | None:
        """Seconds from now until every queued job is ready: p50 and p90; None while that cannot be told."""
        return self._rooms.scheduler.eta_all(now=self._clock.monotonic())

    def _forget(self, job: Job) -> None:
        self._roster.forget(job)
        self._intake.give_back(job.record)
