"""Top-ups at an emulated Venice, which checks the signatures by its own code, and counts what really moved."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.emulator import Emulator
from venice_async.emulator.faults import StatusFault
from venice_async.errors import SpendingCapError, TopUpPendingError, TopUpRefusedError, VeniceError
from venice_async.signin import PaymentToSign, SignInToSign, WalletAuth

KEY = "0x" + "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


def client(emulator: Emulator, folder: Path, **options: Any) -> VeniceClient:
    """A program that has just started."""
    facts: dict[str, Any] = {"auth": WalletAuth(KEY), "base_url": emulator.url, "payments": folder / "payments.sqlite3"}
    return VeniceClient(**{**facts, **options})


@pytest.mark.anyio
async def test_a_top_up_is_credited(tmp_path: Path) -> None:
    """USDC moves once, the balance and the lines say so."""
    async with Emulator() as emulator, client(emulator, tmp_path) as venice:
        done = await venice.wallet.top_up(7.5, cap_usd=10)
        assert (done.usd, done.balance_usd, done.resumed) == (Decimal("7.5"), Decimal("7.5"), False)
        assert (await venice.wallet.balance()).usd == Decimal("7.5")
        assert [(line.kind, line.usd) async for line in venice.wallet.transactions()] == [("TOP_UP", Decimal("7.5"))]
        (transfer,) = emulator.transfers
        assert (transfer.usd, transfer.transaction) == (Decimal("7.5"), done.transaction)


@pytest.mark.anyio
async def test_a_wallet_that_keeps_its_key_signs_through_its_callback(tmp_path: Path) -> None:
    """It is asked for the look at the account, then for the payment, in a sentence that a person can agree to."""
    from eth_account import Account
    from eth_account.messages import encode_defunct

    asked: list[PaymentToSign | SignInToSign] = []

    def sign(question: PaymentToSign | SignInToSign) -> bytes:
        asked.append(question)
        if isinstance(question, SignInToSign):
            return bytes(Account.sign_message(encode_defunct(text=question.message), KEY).signature)
        return bytes(Account.sign_typed_data(KEY, full_message=dict(question.typed_data)).signature)

    auth = WalletAuth(address=WalletAuth(KEY).address, signer=sign)
    async with Emulator() as emulator, client(emulator, tmp_path, auth=auth) as venice:
        await venice.wallet.top_up(5, cap_usd=5)
        sign_in, question = asked
        assert isinstance(sign_in, SignInToSign)
        assert question.summary.startswith("Pay 5 USDC from 0xf39Fd6e5")
        assert len(emulator.transfers) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("moved", [False, True])
async def test_an_answer_that_is_lost(moved: bool, tmp_path: Path) -> None:
    """Before or after the money moved: it moves once."""
    fault = StatusFault(endpoints=("top_up",), status=504, processed=moved, after=1, times=1)
    clock = SystemClock(speed=50)
    async with Emulator(faults=[fault], time_scale=50) as emulator, client(emulator, tmp_path, clock=clock) as venice:
        assert (await venice.wallet.top_up(5, cap_usd=5)).usd == 5
        assert sum(transfer.usd for transfer in emulator.transfers) == 5


@pytest.mark.anyio
async def test_too_little_usdc_is_a_refusal_that_a_later_call_mends(tmp_path: Path) -> None:
    """With the same payment, once there is enough."""
    async with Emulator(usdc=1) as emulator, client(emulator, tmp_path) as venice:
        with pytest.raises(TopUpRefusedError) as caught:
            await venice.wallet.top_up(5, cap_usd=5)
        assert (caught.value.status, caught.value.code) == (402, "SETTLEMENT_FAILED")
        assert not emulator.transfers
        emulator.wallets[venice.wallet.address].usdc = Decimal(100)
        assert (await venice.wallet.top_up(50, cap_usd=50)).resumed
        assert [transfer.usd for transfer in emulator.transfers] == [5]


@pytest.mark.anyio
async def test_a_settlement_that_takes_its_time(tmp_path: Path) -> None:
    """Whoever asks again meanwhile is told that it is in progress, and waits."""
    async with Emulator(settle_delay=2) as emulator:
        async with client(emulator, tmp_path) as venice, client(emulator, tmp_path) as other:
            both = await asyncio.gather(
                venice.wallet.top_up(5, cap_usd=5), other.wallet.top_up(5, cap_usd=5), return_exceptions=True
            )
        assert all(isinstance(each, VeniceError) or each.usd == 5 for each in both)
        assert [transfer.usd for transfer in emulator.transfers] == [5]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "offer",
    [{"amount": "1000000000"}, {"asset": "0x" + "11" * 20}, {"network": "eip155:1"}, {"payTo": "0x" + "0" * 40},
     {"amount": "1e9"}, {"extra": {"assetTransferMethod": "permit2"}}, {"maxTimeoutSeconds": 10**9}],
)  # fmt: skip
async def test_a_hostile_server_that_takes_every_payment_gets_none(offer: dict[str, Any], tmp_path: Path) -> None:
    """A hundred at once."""
    async with Emulator(offer=offer) as emulator, client(emulator, tmp_path) as venice:
        results = await asyncio.gather(
            *(venice.wallet.top_up(10, cap_usd=10) for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(each, VeniceError) for each in results)
        assert not emulator.transfers


@pytest.mark.anyio
async def test_a_hundred_at_once_through_the_socket(tmp_path: Path) -> None:
    """What moved is under the cap."""
    async with Emulator() as emulator, client(emulator, tmp_path) as venice:
        calls = (venice.wallet.top_up(5, cap_usd=12) for _ in range(100))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(transfer.usd for transfer in emulator.transfers) == 10
        assert sum(isinstance(each, SpendingCapError) for each in results) == 98


_PROGRAM = textwrap.dedent(
    """
    import asyncio, sys
    from venice_async.client import VeniceClient
    from venice_async.errors import VeniceError
    from venice_async.signin import WalletAuth

    async def main():
        async with VeniceClient(auth=WalletAuth(sys.argv[1]), base_url=sys.argv[2], payments=sys.argv[3]) as venice:
            print("ready", flush=True)
            done = await venice.wallet.top_up(5, cap_usd=5)
            print("resumed" if done.resumed else "paid", flush=True)

    try:
        asyncio.run(main())
    except VeniceError as error:
        print(type(error).__name__)
    """
)


def program(emulator: Emulator, folder: Path) -> "subprocess.Popen[str]":
    """A whole program that tops up $5."""
    arguments = [sys.executable, "-c", _PROGRAM, KEY, emulator.url, str(folder / "payments.sqlite3")]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


@pytest.mark.anyio
async def test_programs_at_once_pay_no_more_than_they_sign_for(tmp_path: Path) -> None:
    """Four programs that want $5 each: every transfer is one that some program asked for, and each ends well."""
    async with Emulator(settle_delay=1) as emulator:
        programs = [program(emulator, tmp_path) for _ in range(4)]
        told = [await asyncio.to_thread(each.communicate) for each in programs]
        words = [out.split()[-1] for out, _ in told]
        assert set(words) <= {"paid", "resumed", "SpendingCapError"}
        assert len(emulator.transfers) == words.count("paid")
        assert len({transfer.nonce for transfer in emulator.transfers}) == len(emulator.transfers)


@pytest.mark.anyio
async def test_killed_while_it_pays_and_started_again(tmp_path: Path) -> None:
    """kill -9 with the payment on its way: the next program finishes the same one."""
    async with Emulator(settle_delay=3) as emulator:
        first = program(emulator, tmp_path)
        for _ in range(2000):
            if emulator.transfers:
                break
            await asyncio.sleep(0.01)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        with closing(sqlite3.connect(tmp_path / "payments.sqlite3")) as connection:
            assert connection.execute("SELECT state FROM payments").fetchall() == [("signed",)]
        out, _ = await asyncio.to_thread(program(emulator, tmp_path).communicate)
        assert out.split()[-1] == "resumed"
        assert [transfer.usd for transfer in emulator.transfers] == [5]


@pytest.mark.anyio
async def test_a_server_that_is_gone_leaves_the_payment_open(tmp_path: Path) -> None:
    """Nothing is signed anew; when it is back the payment is finished."""
    fault = StatusFault(endpoints=("top_up",), status=503, after=1, times=4)
    clock = SystemClock(speed=50)
    async with Emulator(faults=[fault], time_scale=50) as emulator, client(emulator, tmp_path, clock=clock) as venice:
        with pytest.raises(TopUpPendingError):
            await venice.wallet.top_up(5, cap_usd=5)
        assert (await venice.wallet.top_up(5, cap_usd=5)).resumed
        assert [transfer.usd for transfer in emulator.transfers] == [5]
