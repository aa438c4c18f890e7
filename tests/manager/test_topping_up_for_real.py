"""The whole way: real signatures, the payments' own store, and a server that checks both over a socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from harness import video_request

from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.emulator.emulator import Emulator
from venice_async.emulator.faults import DropFault, Fault, Stage, StatusFault
from venice_async.errors import JobHeldError, SpendingCapError
from venice_async.jobs import JobState, WalletToppedUp
from venice_async.manager import JobManager
from venice_async.payments import TopUpPolicy
from venice_async.signin import WalletAuth

pytest.importorskip("eth_account")
pytest.importorskip("x402")

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
POLICY = TopUpPolicy(usd=5, per_payment_usd=5, per_day_usd=10, total_usd=10)
SPEED = 50.0


class Town:
    """A server, and processes that come and go with one folder for ledger, payments and videos."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.folder = folder
        self.emulator = emulator

    @asynccontextmanager
    async def manager(self, **options: Any) -> AsyncIterator[JobManager]:
        client = VeniceClient(
            auth=WalletAuth(KEY),
            base_url=self.emulator.url,
            clock=SystemClock(speed=SPEED),
            payments=self.folder / "payments.sqlite3",
        )
        facts: dict[str, Any] = {"ledger": self.folder / "jobs.sqlite3", "output_dir": self.folder / "videos"}
        async with client, JobManager(client, **{**facts, "top_up": POLICY, **options}) as jobs:
            yield jobs

    @property
    def paid(self) -> Decimal:
        return sum((transfer.usd for transfer in self.emulator.transfers), Decimal(0))

    @property
    def credit(self) -> Decimal:
        return next(wallet.credit_usd for wallet in self.emulator.wallets.values() if wallet.address == ADDRESS.lower())


def town(
    folder: Path,
    test: Callable[[Town], Coroutine[Any, Any, None]],
    *,
    credit: str = "0",
    faults: tuple[Fault, ...] = (),
) -> None:
    async def run() -> None:
        async with Emulator(
            time_scale=SPEED, seed=7, clips="plain", video_size=5000, wallets={ADDRESS: credit}, faults=faults
        ) as emulator:
            await test(Town(folder, emulator))

    asyncio.run(asyncio.wait_for(run(), 60.0))


def test_a_batch_on_an_empty_wallet(tmp_path: Path) -> None:
    """One transfer of five dollars, all videos, and the credit is what is left."""

    async def test(world: Town) -> None:
        async with world.manager() as jobs:
            events = jobs.events()
            done = [job async for job in jobs.as_completed(video_request(number) for number in range(8))]
            assert {job.state for job in done} == {JobState.COMPLETED}
            happened = [event for event in events._waiting if isinstance(event, WalletToppedUp)]
        assert world.paid == 5
        assert [event.usd for event in happened] == [Decimal(5)]
        assert world.credit == 5 - sum((charge.usd for charge in world.emulator.charges), Decimal(0))

    town(tmp_path, test)


def test_a_server_that_takes_the_money_and_never_has_enough(tmp_path: Path) -> None:
    """However often a person lets the jobs go on: nothing above the caps is transferred, and they end held."""

    async def test(world: Town) -> None:
        async with world.manager() as jobs:
            made = [await jobs.submit(video_request(number)) for number in range(3)]
            for _ in range(4):
                for job in made:
                    with pytest.raises(JobHeldError) as held:
                        await job
                    assert held.value.reason == "balance"
                for wallet in world.emulator.wallets.values():
                    wallet.credit_usd = Decimal(0)
                for job in made:
                    await jobs.release(job)
            with pytest.raises(JobHeldError) as held:
                await made[0]
            assert isinstance(held.value.problem, SpendingCapError)
        assert world.paid == POLICY.total_usd
        assert not world.emulator.charges

    town(tmp_path, test, faults=(StatusFault(endpoints=("queue",), status=402),))


def test_a_program_ends_while_its_payment_is_open(tmp_path: Path) -> None:
    """The money has moved and nobody was told so: the next start learns of it, and pays nothing more."""

    async def test(world: Town) -> None:
        async with world.manager(drain=1.0) as jobs:
            made = [await jobs.submit(video_request(number)) for number in range(3)]
            while not world.emulator.transfers:
                await asyncio.sleep(0.01)
        assert {job.state for job in made} == {JobState.PENDING}
        world.emulator.faults.clear()
        async with world.manager() as jobs:
            for job in jobs.jobs():
                await job
        assert (world.paid, len(world.emulator.charges)) == (5, 3)

    trouble = StatusFault(endpoints=("top_up",), status=504, processed=True, after=1)
    town(tmp_path, test, faults=(trouble, StatusFault(endpoints=("wallet_transactions",), status=504)))


def test_an_answer_to_the_payment_is_lost(tmp_path: Path) -> None:
    """It is sent again as it is: one transfer, and the jobs go on without anybody."""

    async def test(world: Town) -> None:
        async with world.manager() as jobs:
            done = [job async for job in jobs.as_completed(video_request(number) for number in range(3))]
            assert {job.state for job in done} == {JobState.COMPLETED}
        assert world.paid == 5

    town(tmp_path, test, faults=(DropFault(endpoints=("top_up",), stage=Stage.REPLY, after=1, times=1),))


def test_two_programs_on_one_wallet(tmp_path: Path) -> None:
    """Both find it empty; between them the caps hold, and nothing is paid twice for one need."""

    async def test(world: Town) -> None:
        async def run(number: int) -> None:
            ledger, videos = world.folder / f"jobs-{number}.sqlite3", world.folder / f"videos-{number}"
            async with world.manager(ledger=ledger, output_dir=videos) as jobs:
                async for job in jobs.as_completed(video_request(each) for each in range(4)):
                    assert job.state is JobState.COMPLETED, str(job.error)

        await asyncio.gather(run(1), run(2))
        assert world.paid <= 10
        assert len(world.emulator.charges) == 8

    town(tmp_path, test)
