"""How the rooms of a JobManager's house are put together; what each does stands in itself."""

import functools
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from venice_async.client import VeniceClient
from venice_async.disk import DiskPool
from venice_async.download import Overwrite
from venice_async.errors import VeniceError
from venice_async.governor import Kind
from venice_async.jobs import Delivery, JobRecord
from venice_async.ledger import Ledger
from venice_async.manager.budget import Budget
from venice_async.manager.chores import Chores
from venice_async.manager.cleaner import Cleaner
from venice_async.manager.gates import Refusal
from venice_async.manager.intake import Intake
from venice_async.manager.job import Job, JobOwner
from venice_async.manager.learned import Learned
from venice_async.manager.lookout import Lookout
from venice_async.manager.places import Places
from venice_async.manager.pump import Pump
from venice_async.manager.roster import Roster
from venice_async.manager.steward import Steward
from venice_async.manager.streaming import JobStream
from venice_async.manager.till import Purse, Till, purse_of
from venice_async.outlet import Outlets
from venice_async.polling import PollScheduler
from venice_async.recorder import Recorder
from venice_async.recovery import Recovery
from venice_async.runner import Runner
from venice_async.transfers import Transfers

if TYPE_CHECKING:
    from venice_async.payments import TopUpPolicy


class Landlord(JobOwner, Protocol):
    """What the rooms tell their manager."""

    def enter(self, job: Job) -> None: ...

    def brought_home(self, record: JobRecord) -> None: ...

    def account_refused(self, refusal: Refusal) -> None: ...

    def hold_waiting(self, reason: str, error: VeniceError) -> None: ...

    def stopped(self, error: Exception) -> None: ...


class Rooms:
    """Everything that one manager owns, from the ledger up."""

    def __init__(
        self,
        landlord: Landlord,
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
        rng: random.Random,
        top_up: "TopUpPolicy | None",
    ) -> None:
        purse = None if top_up is None else purse_of(client, top_up)  # before there is anything to close
        self._landlord = landlord
        self._client = client
        self._max_size = max_video_size
        self.ledger = ledger
        self.chores = Chores()
        self.budget = Budget(cap_usd)
        self.disk = DiskPool()
        places = Places(output_dir, template=output_template, overwrite=overwrite, pool=self.disk, at_once=downloads)
        self.intake = Intake(client, places=places, budget=self.budget, pool=self.disk)
        self.roster = Roster(landlord, on_record=self.intake.follow, on_completed=landlord.brought_home)
        self.outlets = Outlets()
        self.scheduler = PollScheduler(rng=rng)
        self._recorder = Recorder(ledger=ledger, clock=client.clock, report=self.roster.report)
        self._recovery = Recovery(recorder=self._recorder, disk=self.disk, overwrite=overwrite)
        transfers = Transfers(
            client=client,
            recorder=self._recorder,
            recovery=self._recovery,
            disk=self.disk,
            outlets=self.outlets,
            overwrite=overwrite,
            max_size=max_video_size,
        )
        self._runner = Runner(
            client=client,
            recorder=self._recorder,
            recovery=self._recovery,
            transfers=transfers,
            disk=self.disk,
            rng=rng,
            tops_up=top_up is not None,
        )
        self.pump = self._pump(downloads, on_broken=self._broke)
        self.till = None if top_up is None or purse is None else self._till(top_up, purse, rng)
        self.steward = self._steward()
        self.lookout = self._lookout()
        self.cleaner = Cleaner(self._runner, enabled=remote_cleanup)
        self.learned = Learned(ledger=ledger, scheduler=self.scheduler, clock=client.clock, chores=self.chores)

    def stream(self, job: Job) -> JobStream:
        """The way to a job's bytes."""
        return JobStream(
            job,
            owner=self.ledger.owner,
            enter=functools.partial(self._landlord.enter, job),
            outlets=self.outlets,
            disk=self.disk,
            max_size=self._max_size,
        )

    def _is_wanted(self, record: JobRecord) -> bool:
        return record.delivery is Delivery.DISK or self.outlets.get(record.id) is not None

    def _broke(self, job: Job, error: Exception) -> None:
        self.lookout.broke(job, error)

    def _went_well(self, kind: Kind) -> None:
        if self.till is not None:
            self.till.went_well(kind)

    def _topped_up(self, job: Job) -> None:
        if self.till is not None:
            self.till.forget(job.id)

    def _till(self, policy: "TopUpPolicy", purse: Purse, rng: random.Random) -> Till:
        return Till(
            wallet=purse,
            policy=policy,
            clock=self._client.clock,
            line=self.pump,
            emit=self.roster.hub.emit,
            hold=functools.partial(self._landlord.hold_waiting, "balance"),
            rng=rng,
        )

    def _pump(self, downloads: int, *, on_broken: Callable[[Job, Exception], None]) -> Pump:
        return Pump(
            clock=self._client.clock,
            governor=self._client.governor,
            runner=self._runner,
            scheduler=self.scheduler,
            jobs=self.roster,
            downloads=downloads,
            may_start=lambda: self.ledger.lease_valid,
            is_wanted=self._is_wanted,
            on_refused=self._landlord.account_refused,
            on_well=self._went_well,
            on_broken=on_broken,
            on_stopped=self._landlord.stopped,
        )

    def _steward(self) -> Steward:
        return Steward(
            recorder=self._recorder,
            recovery=self._recovery,
            roster=self.roster,
            runner=self._runner,
            pump=self.pump,
            budget=self.budget,
            governor=self._client.governor,
            enter=self._landlord.enter,
            on_broken=self._broke,
            on_topped_up=self._topped_up,
        )

    def _lookout(self) -> Lookout:
        return Lookout(
            ledger=self.ledger,
            clock=self._client.clock,
            on_news=self.steward.heed,
            mend=self.steward.mend,
            on_blind=self.roster.close,
            on_sight=self.roster.reopen,
            emit=self.roster.hub.emit,
            on_stopped=self._landlord.stopped,
        )
