"""A manager that tops its wallet up: once for all who wait, never where it does not help, and never without an end."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from harness import World, video_request, virtual

from manager.machines import state
from manager.purses import POLICY, Purse, paying
from venice_async.emulator.faults import StatusFault
from venice_async.errors import (
    AuthenticationError,
    Charge,
    ConfigurationError,
    ConnectError,
    JobHeldError,
    SpendingCapError,
    TopUpPendingError,
    TopUpRefusedError,
    UntrustedOfferError,
    VeniceError,
)
from venice_async.jobs import JobDelayed, JobEvent, JobState, JobStateChanged, WalletToppedUp
from venice_async.manager import JobManager
from venice_async.manager.events import EventStream
from venice_async.manager.job import Job
from venice_async.signin import Chain

FIVE = Decimal(5)
NO_POLLS = StatusFault(endpoints=("retrieve",), status=402)


async def submitted(jobs: JobManager, count: int) -> list[Job]:
    return [await jobs.submit(video_request(number), key=f"job-{number}") for number in range(count)]


async def ended(*jobs: Job) -> list[Any]:
    async def end(job: Job) -> Any:
        return await job

    return await asyncio.gather(*map(end, jobs), return_exceptions=True)


def told(events: EventStream) -> list[JobEvent]:
    """What was told until now."""
    return list(events._waiting)


def states(jobs: list[Job]) -> set[tuple[JobState, str | None]]:
    return {(job.state, job.record.held_for) for job in jobs}


HELD = {(JobState.HELD, "balance")}


@virtual()
async def test_an_empty_wallet_is_topped_up_once_for_all(world: World) -> None:
    """However many jobs were refused meanwhile; none is held, and whoever listens is told what was paid."""
    purse = Purse(world)
    async with paying(world, purse) as jobs:
        events = jobs.events()
        await ended(*(made := await submitted(jobs, 20)))
        assert {job.state for job in made} == {JobState.COMPLETED}
        happened = told(events)
    assert purse.paid == [FIVE]
    assert world.count("queue", status=402) <= 3
    assert len(world.emulator.charges) == 20
    assert [(each.usd, each.balance_usd) for each in happened if isinstance(each, WalletToppedUp)] == [(FIVE, FIVE)]
    assert not [each for each in happened if isinstance(each, JobStateChanged) and each.state is JobState.HELD]
    assert [type(each.error).__name__ for each in happened if isinstance(each, JobDelayed)]


@virtual()
async def test_each_time_it_is_empty_it_is_topped_up(world: World) -> None:
    """What went well in between makes it a new case, until the policy's cap is reached."""
    purse = Purse(world)
    async with paying(world, purse) as jobs:
        for number in range(4):
            await (await jobs.submit(video_request(number)))
            purse.empty()
        over = await jobs.submit(video_request(99))
        with pytest.raises(JobHeldError) as held:
            await over
    assert purse.paid == [FIVE] * 4
    assert isinstance(held.value.problem, SpendingCapError)


@virtual()
async def test_without_a_policy_nothing_is_paid(world: World) -> None:
    """Jobs wait for a person, and nobody so much as looks at the balance."""
    purse = Purse(world)
    async with paying(world, purse, top_up=None) as jobs:
        made = await submitted(jobs, 5)
        await ended(*made)
        assert states(made) == HELD
    assert (purse.paid, purse.looks) == ([], 0)


@pytest.mark.parametrize("credits_it", [True, False])
@virtual()
async def test_a_server_that_takes_the_money_and_refuses_all_the_same(world: World, credits_it: bool) -> None:
    """One payment, a few tries, and then a person is told; new jobs do not change that, hour after hour."""
    purse = Purse(world)
    purse.helps, purse.credits = False, credits_it
    async with paying(world, purse) as jobs:
        made = await submitted(jobs, 10)
        held = await ended(*made)
        assert states(made) == HELD
        words = "which is enough" if credits_it else "did not help"
        assert all(isinstance(each, JobHeldError) and words in str(each) for each in held)
        for number in range(100, 160):
            await jobs.submit(video_request(number))
            await world.clock.sleep(90.0)
        assert {job.state for job in jobs.jobs()} == {JobState.HELD}
        assert purse.paid == [FIVE]
        assert world.count("queue") <= 10 + 2 * 60


@virtual()
async def test_a_release_is_a_new_beginning(world: World) -> None:
    """A person says that the balance is well: it may be paid for once more."""
    purse = Purse(world)
    purse.helps = purse.credits = False
    async with paying(world, purse) as jobs:
        (job,) = made = await submitted(jobs, 1)
        await ended(*made)
        purse.helps = purse.credits = True
        await jobs.release(job)
        await job
    assert purse.paid == [FIVE] * 2


@pytest.mark.parametrize("at_once", [True, False])
@virtual()
async def test_a_batch_that_is_released_is_one_word(world: World, at_once: bool) -> None:
    """However many jobs it is said of, and whatever is done meanwhile: one more payment. A later word is a new one."""
    purse = Purse(world)
    purse.helps = purse.credits = False
    async with paying(world, purse) as jobs:
        made = await submitted(jobs, 20)
        await ended(*made)
        for rounds in (2, 3):
            for job in made:
                await jobs.release(job)
                if not at_once:
                    await ended(job)
            await ended(*made)
            assert states(made) == HELD
            assert purse.paid == [FIVE] * rounds


@virtual()
async def test_a_release_counts_also_where_others_were_refused_since(world: World) -> None:
    """As long as nothing was paid since, the word is about all that is known."""
    purse = Purse(world)
    purse.helps = purse.credits = False
    async with paying(world, purse) as jobs:
        (job,) = await submitted(jobs, 1)
        await ended(job)
        await ended(await jobs.submit(video_request(7)))
        purse.helps = purse.credits = True
        await jobs.release(job)
        await job
    assert purse.paid == [FIVE] * 2


@virtual()
async def test_the_money_of_a_top_up_is_not_that_of_the_job(world: World) -> None:
    """It may have moved, and nothing was charged for the job: both are said, each of its own."""
    purse = Purse(world)
    purse.failing = [TopUpPendingError("A top-up of $5 was signed and sent, and is not settled yet.")]
    async with paying(world, purse) as jobs:
        (job,) = await submitted(jobs, 1)
        (held,) = await ended(job)
    assert isinstance(held, JobHeldError)
    assert isinstance(held.problem, TopUpPendingError)
    assert (job.record.charge, held.charge, held.problem.charge) == (Charge.NONE, Charge.NONE, Charge.UNVERIFIED)
    assert (
        "is not settled yet. Whether that top-up moves money is open. "
        "The job is another matter: it was not sent. Nothing was charged."
    ) in str(held)


@pytest.mark.parametrize(
    "error",
    [
        SpendingCapError("Too much."),
        UntrustedOfferError("Another payee."),
        TopUpRefusedError("No.", status=402, code="SETTLEMENT_FAILED"),
        TopUpPendingError("Nobody can tell."),
        AuthenticationError("Who are you?"),
        VeniceError("Something new."),
    ],
    ids=lambda error: type(error).__name__,
)
@virtual()
async def test_what_hinders_a_top_up_is_told(world: World, error: VeniceError) -> None:
    """Every job that waits is held for the balance, with that as its error, also after a restart."""
    purse = Purse(world)
    purse.failing = [error]
    async with paying(world, purse) as jobs:
        made = await submitted(jobs, 5)
        held = await ended(*made)
        assert states(made) == HELD
        assert {type(each.problem) for each in held} == {type(error)}
        assert all(error.message in str(each) for each in held)
        assert not world.emulator.charges
        purse.served()
        for job in made:
            await jobs.release(job)
        await ended(*made)
    assert len(world.emulator.charges) == 5
    assert purse.paid == []


@pytest.mark.parametrize("error", [SpendingCapError("Another one runs."), TopUpPendingError("Nobody can tell.")])
@virtual()
async def test_a_top_up_that_fails_because_there_is_enough_by_now(world: World, error: VeniceError) -> None:
    """Another program was faster, or the payment has landed after all: the jobs go on."""
    purse = Purse(world)

    async def credited() -> None:
        await world.clock.sleep(1.5)
        purse.usd = FIVE
        purse.served()

    purse.failing = [error]
    async with paying(world, purse) as jobs:
        other = asyncio.create_task(credited())
        made = await submitted(jobs, 3)
        await ended(*made)
        await other
        assert {job.state for job in made} == {JobState.COMPLETED}
    assert purse.paid == []


@virtual()
async def test_a_balance_that_cannot_be_read_pays_nothing(world: World) -> None:
    """Who does not know what is there does not add to it. After an hour of it a person is told."""
    purse = Purse(world)
    purse.blind = ConnectError("No way there.")
    async with paying(world, purse) as jobs:
        began = world.clock.monotonic()
        made = await submitted(jobs, 3)
        held = await ended(*made)
        assert states(made) == HELD
        assert {type(each.problem) for each in held} == {ConnectError}
        assert 3400.0 < world.clock.monotonic() - began < 3700.0
    assert purse.paid == []
    assert purse.looks < 150


# -- trouble that passes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["balance", "top_up"])
@virtual()
async def test_a_short_trouble_holds_nobody_up_for_a_person(world: World, where: str) -> None:
    """Ten seconds without network: no paid call goes out meanwhile, who listens hears of it, and then all goes on."""
    purse = Purse(world)
    trouble = ConnectError("No way there.")
    if where == "balance":
        purse.blind = trouble
    else:
        purse.failing = [trouble, trouble]

    async def better() -> None:
        await world.clock.sleep(10.0)
        assert world.count("queue") <= 5
        purse.blind = None

    async with paying(world, purse) as jobs:
        events = jobs.events()
        network = asyncio.create_task(better())
        await ended(*(made := await submitted(jobs, 5)))
        await network
        assert {job.state for job in made} == {JobState.COMPLETED}
        happened = told(events)
    assert purse.paid == [FIVE]
    assert not [each for each in happened if isinstance(each, JobStateChanged) and each.state is JobState.HELD]
    assert [each for each in happened if isinstance(each, JobDelayed) and isinstance(each.error, ConnectError)]


@pytest.mark.parametrize("lands", [60.0, 330.0])
@virtual()
async def test_a_payment_that_lands_late_is_waited_for(world: World, lands: float) -> None:
    """Also where its credit shows a little after its signature is over. Nothing else is signed meanwhile."""
    purse = Purse(world)
    until = world.clock.wall() + 300.0
    purse.failing = [TopUpPendingError("Nobody can tell.", expires_at=until) for _ in range(99)]

    async def credited() -> None:
        await world.clock.sleep(lands)
        purse.usd = FIVE
        purse.served()

    async with paying(world, purse) as jobs:
        landing = asyncio.create_task(credited())
        await ended(*(made := await submitted(jobs, 5)))
        await landing
        assert {job.state for job in made} == {JobState.COMPLETED}
    assert purse.paid == []


@pytest.mark.parametrize("lands", [20.0, None])
@virtual()
async def test_what_another_program_is_paying_is_waited_for(world: World, lands: float | None) -> None:
    """Both at once would be above the cap of one payment. Its credit is there soon after, or a person is told."""
    purse = Purse(world)
    crowded = SpendingCapError("Others are at it.", cap_usd=POLICY.per_payment_usd)
    purse.failing = [crowded] * 99

    async def other() -> None:
        if lands is not None:
            await world.clock.sleep(lands)
            purse.usd = FIVE
            purse.served()

    async with paying(world, purse) as jobs:
        began = world.clock.monotonic()
        paying_elsewhere = asyncio.create_task(other())
        await ended(*(made := await submitted(jobs, 5)))
        await paying_elsewhere
        if lands is not None:
            assert {job.state for job in made} == {JobState.COMPLETED}
        else:
            assert states(made) == HELD
            assert world.clock.monotonic() - began < 300.0
    assert purse.paid == []


@pytest.mark.parametrize("where", ["balance", "top_up"])
@virtual()
async def test_what_never_answers_does_not_stop_the_line_for_ever(world: World, where: str) -> None:
    """It is given up, and a person is told; the next jobs begin anew. Of a payment nobody can tell."""
    purse = Purse(world)

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    setattr(purse, "balance" if where == "balance" else "top_up_within", never)
    async with paying(world, purse) as jobs:
        made = await submitted(jobs, 3)
        await world.clock.sleep(3600.0)
        assert states(made) == HELD
        held = made[0].error
        assert isinstance(held, JobHeldError)
        assert held.problem is not None
        assert held.problem.charge is (Charge.NONE if where == "balance" else Charge.UNVERIFIED)
        assert "minutes" in str(held)
        vars(purse).pop("balance" if where == "balance" else "top_up_within")
        for job in made:
            await jobs.release(job)
        await ended(*made)
        assert {job.state for job in made} == {JobState.COMPLETED}
    assert purse.paid == [FIVE]


@virtual()
async def test_nobody_waits_for_money_that_no_job_needs_any_more(world: World) -> None:
    """The jobs are cancelled while the network is away: it is asked no more, and later jobs begin anew."""
    purse = Purse(world)
    purse.blind = ConnectError("No way there.")
    async with paying(world, purse) as jobs:
        (job,) = await submitted(jobs, 1)
        await world.clock.sleep(30.0)
        await job.cancel()
        await world.clock.sleep(120.0)
        looks = purse.looks
        await world.clock.sleep(600.0)
        assert purse.looks == looks
        purse.blind = None
        await (await jobs.submit(video_request(7)))
    assert purse.paid == [FIVE]


@virtual()
async def test_closing_does_not_wait_for_trouble_to_pass(world: World) -> None:
    """The jobs are not held either: the next start begins anew."""
    purse = Purse(world)
    purse.blind = ConnectError("No way there.")
    async with paying(world, purse, ledger=world.sqlite()) as jobs:
        made = await submitted(jobs, 3)
        await world.clock.sleep(600.0)
        began = world.clock.monotonic()
    assert world.clock.monotonic() - began < 1.0
    assert {job.state for job in made} == {JobState.PENDING}
    assert purse.paid == []


@virtual()
async def test_a_release_looks_at_once(world: World) -> None:
    """A person says that the balance is well, in the middle of a pause."""
    purse = Purse(world)
    purse.failing = [SpendingCapError("Too much.")]
    async with paying(world, purse) as jobs:
        (held,) = await submitted(jobs, 1)
        await ended(held)
        purse.blind = ConnectError("No way there.")
        await jobs.submit(video_request(7))
        await world.clock.sleep(600.0)
        looks = purse.looks
        await jobs.release(held)
        await world.clock.sleep(0.2)
        assert purse.looks == looks + 1


@virtual()
async def test_a_fault_of_ours_does_not_stop_the_line_for_ever(world: World) -> None:
    """It is told to the loop, and the jobs are held."""
    purse = Purse(world)
    purse.failing = [ZeroDivisionError()]  # type: ignore[list-item]
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context))
    async with paying(world, purse) as jobs:
        made = await submitted(jobs, 3)
        held = await ended(*made)
    assert states(made) == HELD
    assert all("ZeroDivisionError" in str(each) for each in held)
    assert [type(each["exception"]) for each in broken] == [ZeroDivisionError]


@virtual()
async def test_an_open_payment_is_finished_by_the_next_refusal(world: World) -> None:
    """As long as it is good nothing new is signed, so it may be asked for; afterwards a person decides."""
    purse = Purse(world)
    until = world.clock.wall() + 300.0
    pending = purse.failing = [TopUpPendingError("Nobody can tell.", expires_at=until) for _ in range(99)]
    async with paying(world, purse) as jobs:
        made = await submitted(jobs, 3)
        while (left := len(pending)) == 99 or world.clock.wall() < until:
            await world.clock.sleep(1.0)
        assert 5 <= 99 - left <= 40, "asked for, and not all the time"
        held = await ended(*made)
        assert states(made) == HELD
        assert until + 100.0 < world.clock.wall() < until + 200.0
        assert {type(each.problem) for each in held} == {TopUpPendingError}
        later = await jobs.submit(video_request(7))
        await ended(later)
        assert later.state is JobState.HELD
    assert len(pending) == left, "not asked for again when it was over"
    assert purse.paid == []


@virtual()
async def test_diem_is_spent_first(world: World) -> None:
    """A wallet that is linked to staked DIEM is not served any sooner for money."""
    purse = Purse(world, diem="0.31")
    async with paying(world, purse) as jobs:
        made = await submitted(jobs, 3)
        held = await ended(*made)
        assert states(made) == HELD
        assert all("DIEM" in str(each) for each in held)
    assert purse.paid == []


@virtual()
async def test_another_program_has_topped_up_already(world: World) -> None:
    """The balance is enough by now: the job is tried again, and nothing is paid."""
    purse = Purse(world, usd="9", fault=StatusFault(endpoints=("queue",), status=402, times=1))
    async with paying(world, purse) as jobs:
        await ended(*await submitted(jobs, 3))
    assert (purse.paid, len(world.emulator.charges)) == ([], 3)


@virtual()
async def test_a_price_beyond_a_day_s_caps_pays_nothing(world: World) -> None:
    """Money that could not make the job go would only lie there."""
    purse = Purse(world)
    async with paying(world, purse) as jobs:
        dear = Decimal("20.01")
        jobs._intake._price = lambda *_, **__: asyncio.sleep(0, dear)  # type: ignore[method-assign]
        made = await submitted(jobs, 1)
        (held,) = await ended(*made)
    assert "20.01" in str(held)
    assert purse.paid == []


# -- videos that are paid for ------------------------------------------------------------------------------------------


@virtual()
async def test_a_retrieve_without_credit_is_topped_up_for(world: World) -> None:
    """The videos are paid for: they come home soon after, and the jobs are never held."""
    purse = Purse(world)
    purse.served()
    purse.fault = NO_POLLS
    async with paying(world, purse) as jobs:
        made = await submitted(jobs, 10)
        await state(made[-1], JobState.QUEUED)
        purse.empty()
        await ended(*made)
        assert {job.state for job in made} == {JobState.COMPLETED}
    assert purse.paid == [FIVE]
    assert max(each.lag or 0.0 for each in world.emulator.jobs) < 30.0


@virtual()
async def test_a_retrieve_that_no_money_helps_is_asked_again_and_told(world: World) -> None:
    """A probe a minute, one payment, and events that say why; when the server comes to its senses all come home."""
    purse = Purse(world)
    purse.served()
    purse.fault = NO_POLLS
    purse.helps = False
    async with paying(world, purse) as jobs:
        made = await submitted(jobs, 5)
        await state(made[-1], JobState.QUEUED)
        purse.empty()
        events = jobs.events()
        before = world.count("retrieve")
        await world.clock.sleep(3600.0)
        assert {job.state for job in made} == {JobState.QUEUED}
        assert purse.paid == [FIVE]
        assert world.count("retrieve") - before <= 80
        assert any("enough" in str(each.error) for each in told(events) if isinstance(each, JobDelayed))
        purse.served()
        await ended(*made)
        assert {job.state for job in made} == {JobState.COMPLETED}


# -- people and ends in the middle ------------------------------------------------------------------------------------


@virtual()
async def test_a_job_is_cancelled_while_it_waits_for_money(world: World) -> None:
    """It is never sent; the others go on."""
    purse = Purse(world)
    purse.takes = 30.0
    async with paying(world, purse) as jobs:
        first, second, third = await submitted(jobs, 3)
        await world.clock.sleep(10.0)
        await first.cancel()
        await second.cancel()
        await third
        assert {first.state, second.state} == {JobState.CANCELLED}
    assert len(world.emulator.charges) == 1
    assert purse.paid == [FIVE]


@virtual()
async def test_nothing_is_paid_for_jobs_that_were_all_cancelled(world: World) -> None:
    """Between the refusal and the look at the balance."""
    purse = Purse(world)
    async with paying(world, purse) as jobs:
        (job,) = await submitted(jobs, 1)
        while purse.looks == 0:
            await world.clock.sleep(0.01)
        await job.cancel()
        await world.clock.sleep(600.0)
    assert purse.paid == []


@virtual()
async def test_new_jobs_wait_for_a_top_up_that_is_on_its_way(world: World) -> None:
    """Nothing is sent meanwhile, not even a probe a minute."""
    purse = Purse(world)
    purse.takes = 200.0
    async with paying(world, purse) as jobs:
        await submitted(jobs, 1)
        await world.clock.sleep(5.0)
        seen = world.count("queue")
        late = await jobs.submit(video_request(7))
        await world.clock.sleep(190.0)
        assert world.count("queue") == seen
        await late
    assert purse.paid == [FIVE]


@pytest.mark.parametrize(("takes", "paid"), [(5.0, [FIVE]), (500.0, [])])
@virtual()
async def test_closing_while_a_top_up_runs(world: World, takes: float, paid: list[Decimal]) -> None:
    """It has the drain; what does not end in it is the wallet's store's. The jobs wait for the next start."""
    purse = Purse(world)
    purse.takes = takes
    jobs = paying(world, purse, ledger=world.sqlite())
    async with jobs:
        made = await submitted(jobs, 3)
        await world.clock.sleep(3.0)
        began = world.clock.monotonic()
    assert world.clock.monotonic() - began <= 21.0
    assert purse.paid == paid
    assert {job.state for job in made} == {JobState.PENDING}
    purse.served()
    async with paying(world, purse, ledger=world.sqlite()) as later:
        await ended(*later.jobs())
        assert {job.state for job in later.jobs()} == {JobState.COMPLETED}
    assert purse.paid == paid


@virtual()
async def test_no_top_up_begins_while_closing(world: World) -> None:
    """A paid call that is refused in the drain leaves its job for the next start."""
    purse = Purse(world)
    async with paying(world, purse, latency=10.0) as jobs:
        made = await submitted(jobs, 1)
        await state(made[0], JobState.QUEUEING)
    assert (purse.looks, purse.paid) == (0, [])
    assert made[0].state is JobState.PENDING


@virtual()
async def test_a_wallet_that_can_pay_is_needed(world: World) -> None:
    """An API key has none, one on Solana cannot be topped up, and a policy is no number: told at once."""
    with pytest.raises(ConfigurationError):
        world.manager(top_up=POLICY)
    purse = Purse(world)
    with pytest.raises(ConfigurationError, match="TopUpPolicy"):
        paying(world, purse, top_up=5)
    purse.chain = Chain.SOLANA
    with pytest.raises(ConfigurationError, match="another chain"):
        paying(world, purse)
