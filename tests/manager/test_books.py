"""Jobs in doubt beside the account's books, from the manager."""

import random
from decimal import Decimal

import pytest
from harness import World, video_request, virtual

from venice_async.client import VeniceClient
from venice_async.emulator.faults import DropFault, Stage, StatusFault
from venice_async.errors import AuthenticationError
from venice_async.reconcile import Evidence
from venice_async.signin import WalletAuth

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def by_wallet(world: World) -> VeniceClient:
    """A client that pays by wallet."""
    return VeniceClient(
        auth=WalletAuth(KEY, wall=world.clock.wall),
        base_url=world.emulator.memory_url,
        transport=world.emulator.transport(world.clock),
        clock=world.clock,
        rng=random.Random(7),
        payments=world.folder / "payments.sqlite3",
    )


@virtual(faults=[DropFault(stage=Stage.REPLY, endpoints=("queue",), times=1)])
async def test_a_charge_in_the_books_is_found(world: World) -> None:
    """The answer was lost, and the server had taken the job."""
    async with world.manager() as jobs:
        job = await jobs.submit(video_request(1))
        await world.clock.sleep(1.0)
        await (await jobs.submit(video_request(2, duration="10s")))
        await world.clock.sleep(3600.0)
        with pytest.raises(AuthenticationError, match="admin"):
            await jobs.reconcile()
        (finding,) = await jobs.reconcile(admin_key="an-admin-key")
        assert (finding.job_id, finding.verdict) == (job.id, Evidence.CHARGE_FOUND)
        assert jobs.unknown() == [job]


@virtual(faults=[StatusFault(endpoints=("queue",), status=500, times=1)])
async def test_no_charge_in_the_books_is_no_proof_by_itself(world: World) -> None:
    """Nothing is decided, and no paid call is made."""
    async with world.manager() as jobs:
        await jobs.submit(video_request(1))
        await world.clock.sleep(3600.0)
        (finding,) = await jobs.reconcile(admin_key="an-admin-key")
        assert (finding.verdict, finding.settled) == (Evidence.NOTHING_FOUND, False)
        assert len(jobs.unknown()) == 1
    assert world.count("queue") == 1


@virtual()
async def test_without_doubt_nothing_is_asked(world: World) -> None:
    """Not even for a key."""
    async with world.manager() as jobs:
        await (await jobs.submit(video_request(1)))
        assert await jobs.reconcile() == []
    assert world.count("usage") == 0


@virtual(
    faults=[DropFault(stage=Stage.REPLY, endpoints=("queue",), times=1)],
    wallets={ADDRESS: 25},
    usage_request_ids=True,
)
async def test_a_wallet_reads_its_own_transactions(world: World) -> None:
    """No admin key is needed, and the usage history is not asked for."""
    async with world.manager(client=by_wallet(world)) as jobs:
        job = await jobs.submit(video_request(1))
        await world.clock.sleep(1.0)
        await (await jobs.submit(video_request(2, duration="10s")))
        (finding,) = await jobs.reconcile()
        assert (finding.job_id, finding.verdict) == (job.id, Evidence.CHARGE_FOUND)
        (row,) = finding.rows
        assert (row.amount_usd, row.model) == (world.emulator.charges[0].usd, job.record.model)
        assert row.request_id == world.emulator.charges[0].queue_id
        await jobs.resolve(job, "adopt", queue_id=row.request_id)
        assert (await job).path.exists()
    assert (world.count("usage"), len(world.emulator.charges)) == (0, 2)


@virtual(faults=[StatusFault(endpoints=("queue",), status=500, times=1)], wallets={ADDRESS: 25})
async def test_a_wallet_s_transactions_can_prove_that_nothing_was_charged(world: World) -> None:
    """Where the charges of later jobs are there, and every line leads to the next."""
    async with world.manager(client=by_wallet(world)) as jobs:
        await jobs.submit(video_request(1))
        await world.clock.sleep(400.0)
        await (await jobs.submit(video_request(2, duration="10s")))
        await world.clock.sleep(3600.0)
        (finding,) = await jobs.reconcile()
        assert (finding.verdict, finding.settled) == (Evidence.NOTHING_FOUND, True)
        wallet, now = world.emulator.wallets[ADDRESS], world.clock
        for _ in range(3):
            wallet.top_up(Decimal(5), at=now.monotonic(), wall=now.wall())
        assert (await jobs.reconcile())[0].settled is True
        del wallet.transactions[-2]
        (finding,) = await jobs.reconcile()
        assert (finding.settled, "do not add up" in finding.sentence) == (False, True)


@virtual(
    faults=[StatusFault(endpoints=("queue",), status=500, times=1)],
    wallets={ADDRESS: 25},
    diem={ADDRESS: Decimal("0.05")},
)
async def test_where_diem_is_spent_first_transactions_prove_nothing(world: World) -> None:
    """They do not show what it paid for."""
    async with world.manager(client=by_wallet(world)) as jobs:
        await jobs.submit(video_request(1))
        await world.clock.sleep(3600.0)
        (finding,) = await jobs.reconcile()
        assert (finding.verdict, finding.settled) == (Evidence.NOTHING_FOUND, False)
        assert "DIEM" in finding.sentence
