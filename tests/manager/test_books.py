"""Jobs in doubt beside the account's books, from the manager."""

import pytest
from harness import World, video_request, virtual

from venice_async.emulator.faults import DropFault, Stage, StatusFault
from venice_async.errors import AuthenticationError
from venice_async.reconcile import Evidence


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
