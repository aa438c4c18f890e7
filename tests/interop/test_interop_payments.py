"""Our payment, judged by libraries that we did not write; and theirs, judged by our emulator."""

import base64
import contextlib
import json
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from made import address_of, evm_key
from others import Program, assert_all, origin

from venice_async import SystemClock, VeniceClient
from venice_async.emulator import Emulator
from venice_async.signin import WalletAuth
from venice_async.transport import AiohttpTransport, Reply
from venice_async.wire.exchange import Call

pytestmark = [pytest.mark.heavy, pytest.mark.anyio]

AMOUNTS = ("5", "5.000001", "10", "19.99", "7.5", "33.333333", "10000")
HEADERS = {"payment-signature", "x-402-payment", "x-payment"}


class Recorder:
    """A transport that notes each payment and each offer that passes."""

    def __init__(self, inner: AiohttpTransport) -> None:
        self._inner = inner
        self.payments: list[str] = []

    @contextlib.asynccontextmanager
    async def send(self, call: Call) -> AsyncIterator[Reply]:
        self.payments += [str(value) for name, value in call.headers.items() if name.lower() in HEADERS]
        async with self._inner.send(call) as reply:
            yield reply

    async def aclose(self) -> None:
        await self._inner.aclose()


async def paid(venice: Emulator, folder: Path, key: str, usd: str) -> str:
    """The payment of one top-up, as it left."""
    clock = SystemClock(speed=50)
    recorder = Recorder(AiohttpTransport(base_url=venice.url))
    options: dict[str, Any] = {"transport": recorder, "clock": clock, "payments": folder / "payments.sqlite3"}
    async with VeniceClient(auth=WalletAuth(key), base_url=venice.url, **options) as client:
        top_up = await client.wallet.top_up(usd, cap_usd=usd)
    assert top_up.usd == Decimal(usd)
    [payment] = set(recorder.payments)  # the server allows ten posts a minute: it may have been sent again
    return payment


def digest_of(authorization: dict[str, str]) -> str:
    """The EIP-712 hash by eth_account, from the type's own words."""
    fields = "from:address to:address value:uint256 validAfter:uint256 validBefore:uint256 nonce:bytes32"
    numbers = {name: int(authorization[name]) for name in ("value", "validAfter", "validBefore")}
    usdc = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
    signable = encode_typed_data(
        {"name": "USD Coin", "version": "2", "chainId": 8453, "verifyingContract": usdc},
        {"TransferWithAuthorization": [dict(zip(("name", "type"), f.split(":"), strict=True)) for f in fields.split()]},
        {**authorization, **numbers},
    )
    return "0x" + keccak(b"\x19" + signable.version + signable.header + signable.body).hex()


def to_judge(payment: str) -> dict[str, Any]:
    """A payment with the requirements that it must satisfy."""
    told = json.loads(base64.b64decode(payment, validate=True))
    authorization = told["payload"]["authorization"]
    requirements = {
        "scheme": "exact",
        "network": "eip155:8453",
        "amount": authorization["value"],
        "asset": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        "payTo": authorization["to"],
        "maxTimeoutSeconds": 300,
        "extra": {"name": "USD Coin", "version": "2"},
    }
    return {"kind": "payment", "header": payment, "requirements": requirements, "digest": digest_of(authorization)}


@pytest.fixture
def rich() -> Emulator:
    """Every wallet can pay the largest top-up there is."""
    options: dict[str, Any] = {"usdc": Decimal(20_000), "clips": "plain"}
    return Emulator(time_scale=50, seed=5, **options)


async def test_payments_satisfy_javascript(node: Program, rich: Emulator, tmp_path: Path) -> None:
    """viem, ethers and both generations of x402 agree on hash, signer, schema and acceptance."""
    rng = random.Random(6)
    async with rich:
        payments = [await paid(rich, tmp_path, evm_key(rng), usd) for usd in AMOUNTS]
    verdicts = node("judge.mjs", told=json.dumps([to_judge(payment) for payment in payments]))
    assert_all(verdicts)
    assert len({payment["digest"] for payment in map(to_judge, payments)}) == len(AMOUNTS)


async def test_the_judges_refuse_a_payment_that_was_changed(node: Program, rich: Emulator, tmp_path: Path) -> None:
    """Another amount under the same signature satisfies nobody who looks at signatures."""
    async with rich:
        payment = await paid(rich, tmp_path, evm_key(random.Random(7)), "10")
    told = json.loads(base64.b64decode(payment))
    told["payload"]["authorization"]["value"] = "10000001"
    changed = base64.b64encode(json.dumps(told).encode()).decode()
    [verdicts] = node("judge.mjs", told=json.dumps([{**to_judge(payment), "header": changed}]))
    assert {name for name, said in verdicts.items() if said is True} <= {"@x402/core schema", "x402 v1 schema"}


async def test_version_1_payments_are_credited(node: Program, venice: Emulator) -> None:
    """npm x402, with either number in its envelope, under each of the three names."""
    key = evm_key(random.Random(8))
    answers = node("clients.mjs", "v1", json.dumps({"url": origin(venice), "key": key}))["answers"]
    assert [(answer["header"], answer["status"]) for answer in answers if answer["status"] != 200] == []
    assert len(answers) == 6
    assert len({answer["settled"]["transaction"] for answer in answers}) == 6
    assert answers[-1]["body"]["data"]["newBalance"] == 30.0
    assert len(venice.transfers) == 6


async def test_version_2_payments_are_credited_once(node: Program, venice: Emulator) -> None:
    """@x402/core and @x402/evm read our 402, pay, post it thrice, and read the receipt."""
    key = evm_key(random.Random(9))
    found = node("clients.mjs", "v2", json.dumps({"url": origin(venice), "key": key}))
    assert found["required"]["x402Version"] == 2
    assert found["first"]["status"] == found["again"]["status"] == 200, found
    assert found["first"]["body"] == found["again"]["body"]
    assert found["settled"]["success"] is True
    assert found["settled"]["payer"].lower() == address_of(key).lower()
    assert len(venice.transfers) == 1


async def test_payments_of_the_python_library_are_credited(venice: Emulator) -> None:
    """PyPI x402, with its own client and its own header."""
    import aiohttp
    from x402 import x402ClientSync
    from x402.http.utils import decode_payment_required_header, encode_payment_signature_header
    from x402.mechanisms.evm.exact import ExactEvmScheme

    account = Account.from_key(evm_key(random.Random(10)))
    payer = x402ClientSync()
    payer.set_spend_controls(False)  # its own cap of $1 is below the least top-up
    payer.register("eip155:8453", ExactEvmScheme(account))
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{venice.url}/x402/top-up") as offer:
            required = decode_payment_required_header(offer.headers["PAYMENT-REQUIRED"])
        payment = encode_payment_signature_header(payer.create_payment_payload(required))
        async with session.post(f"{venice.url}/x402/top-up", headers={"PAYMENT-SIGNATURE": payment}) as reply:
            body = await reply.json()
    assert reply.status == 200, body
    assert body["data"]["walletAddress"].lower() == account.address.lower()
    assert body["data"]["amountCredited"] == 5
