"""A batch that a wallet pays for: five requests in flight at most, each signed anew."""

import asyncio
import random

import pytest
from harness import INLINE, PRIVATE, World, video_request, virtual

from venice_async.client import VeniceClient
from venice_async.emulator.faults import DropFault, SlowFault, Stage, StatusFault
from venice_async.jobs import JobState
from venice_async.signin import WalletAuth

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
PATIENT = "<Lane 0/5 in flight, 0 long, 0 waiting>"

pytest.importorskip("eth_account")


def by_wallet(world: World, *, latency: float) -> VeniceClient:
    """A client that pays by wallet, far from the server."""
    return VeniceClient(
        auth=WalletAuth(KEY, wall=world.clock.wall),
        base_url=world.emulator.memory_url,
        transport=world.emulator.transport(world.clock, latency=latency),
        clock=world.clock,
        rng=random.Random(7),
        payments=world.folder / "payments.sqlite3",
    )


def check_nonces(world: World) -> None:
    """No nonce was seen twice, and nothing was refused for being one too many."""
    used = [record.nonce for record in world.emulator.requests if record.nonce is not None]
    assert len(used) > 60
    assert len(set(used)) == len(used)
    assert not [record for record in world.emulator.requests if record.status in {401, 402}]
    assert world.count("queue", status=429) == world.count("retrieve", status=429) == 0
    assert world.emulator.wallets[ADDRESS].most_in_flight <= 5


@virtual(wallets={ADDRESS: 100}, faults=[SlowFault(pace=500.0)])
async def test_a_batch_never_has_six_in_flight(world: World) -> None:
    """Sixty jobs whose videos take ten seconds each to come, with room for eight downloads."""
    client = by_wallet(world, latency=0.3)
    async with world.manager(client=client, downloads=8) as jobs:
        made = await asyncio.gather(*(
            jobs.submit(video_request(number, model=PRIVATE if number % 3 == 0 else INLINE)) for number in range(60)
        ))  # fmt: skip
        await asyncio.gather(*made)
        assert {job.state for job in made} == {JobState.COMPLETED}
        assert all(world.is_whole(job) for job in made)
    check_nonces(world)
    assert len(world.emulator.charges) == 60
    assert repr(client.governor.lane) == PATIENT


@virtual(
    wallets={ADDRESS: 100},
    faults=[
        SlowFault(pace=800.0),
        DropFault(stage=Stage.CONNECT, endpoints=("queue",), after=3, times=4),
        DropFault(stage=Stage.REPLY, endpoints=("retrieve",), after=20, times=6),
        StatusFault(endpoints=("retrieve",), status=503, after=40, times=5),
    ],
)
async def test_nor_where_much_goes_wrong(world: World) -> None:
    """Connections that break, answers that are cut, jobs that are cancelled in the middle of their download."""
    client = by_wallet(world, latency=0.3)
    async with world.manager(client=client, downloads=8) as jobs:
        made = await asyncio.gather(*(jobs.submit(video_request(number)) for number in range(40)))
        for job in made[::4]:
            await world.clock.sleep(13.0)
            await job.cancel()
        await asyncio.gather(*made, return_exceptions=True)
        await world.clock.sleep(60.0)
        assert {job.state for job in made} <= {JobState.COMPLETED, JobState.CANCELLED}
    check_nonces(world)
    assert repr(client.governor.lane) == PATIENT
