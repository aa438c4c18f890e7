"""Clients that we did not write live with our emulator."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest
from made import address_of, evm_key, solana_address, solana_key
from others import Program, origin

from venice_async.emulator import Emulator, SlowFault, in_background

pytestmark = pytest.mark.heavy


def told(venice: Emulator, key: str, **more: object) -> str:
    """The options of a script."""
    return json.dumps({"url": origin(venice), "key": key, **more})


def test_the_vendors_client_lives_with_us(node: Program, venice: Emulator) -> None:
    """npm venice-x402-client: no money, a top-up, a video by steps and one in a single call, the books."""
    key = evm_key(random.Random(11))
    found = node("clients.mjs", "vendor", told(venice, key))
    assert found["before"]["balanceUsd"] == 0
    assert found["before"]["canConsume"] is False
    assert found["poor"]["error"] == "INSUFFICIENT_BALANCE"
    assert found["poor"]["details"]["suggestedAmount"] == 10
    assert found["low"]["error"] == "INVALID_AMOUNT"
    assert found["told"] == 10
    assert found["models"] > 10
    assert found["left"] == pytest.approx(9.9)
    assert found["video"]["size"] == 50_000
    assert found["video"]["type"] == "video/mp4"
    assert found["complete"] == {"success": True}
    assert found["generate"] == 50_000
    assert found["chat"]["error"] == "API_ERROR"
    kinds = [row["type"] for row in found["transactions"]["transactions"]]
    assert kinds[-2:] == ["CHARGE", "TOP_UP"]
    assert found["after"]["balanceUsd"] == found["transactions"]["currentBalance"]
    assert [transfer.usd for transfer in venice.transfers] == [Decimal(10)]
    assert {request.wallet.lower() for request in venice.requests if request.wallet} == {address_of(key).lower()}


def test_a_crowd_of_the_vendors_calls(node: Program, venice: Emulator) -> None:
    """Twelve at once: what is over the limit gets 429 and is tried again by the client; each is charged once."""
    key = evm_key(random.Random(12))
    node("clients.mjs", "automatic", told(venice, key))
    before = len(venice.charges)
    venice.faults.append(SlowFault(delay=20.0, endpoints=("queue",)))
    found = node("clients.mjs", "crowd", told(venice, key, count=12))
    ids = {answer.get("queue_id") for answer in found["answers"]}
    assert len(ids - {None}) == 12, found
    assert len(venice.charges) - before == 12
    assert sum(request.status == 429 for request in venice.requests) >= 7
    [wallet] = venice.wallets.values()
    assert wallet.most_in_flight == 6  # five that are served, and one that is refused
    nonces = [request.nonce for request in venice.requests if request.nonce]
    assert len(nonces) == len(set(nonces))


def test_the_vendors_automatic_top_up(node: Program, venice: Emulator) -> None:
    """A 402 makes the client pay 5 dollars and ask again."""
    found = node("clients.mjs", "automatic", told(venice, evm_key(random.Random(13))))
    assert found["queued"]["queue_id"]
    assert found["balance"] == pytest.approx(4.9)
    assert [transfer.usd for transfer in venice.transfers] == [Decimal(5)]


def test_another_sdk_lives_with_us(python: Program, venice: Emulator) -> None:
    """PyPI venice-py: balance, top-up, the books, and a video paid by wallet."""
    key = evm_key(random.Random(14))
    found = python("sdk.py", "base", told(venice, key))
    assert found["before"]["data"]["balanceUsd"] == 0, found
    credited = found["top_up"]["data"]["amountCredited"]
    assert credited == 5  # it signs the offer's minimum, whatever amount it is told
    assert found["after"]["data"]["balanceUsd"] == credited
    assert found["video"] == 50_000, found
    assert found["iterated"] == ["CHARGE", "TOP_UP"]
    assert found["transactions"]["data"]["transactions"][-1]["type"] == "TOP_UP"


def test_another_sdk_lives_with_us_on_solana(python: Program) -> None:
    """PyPI venice-py with a wallet of Solana that has credit: balance, a video, the books."""
    key = solana_key(random.Random(15))
    options: dict[str, Any] = {"wallets": {solana_address(key): 2}, "execution_time": lambda *_: 20.0}
    with in_background(Emulator(time_scale=50, clips="plain", video_size=50_000, **options)) as venice:
        found = python("sdk.py", "solana", told(venice, key))
    assert found["before"]["data"]["balanceUsd"] == 2, found
    assert found["video"] == 50_000, found
    [charge] = found["transactions"]["data"]["transactions"]
    assert charge["type"] == "CHARGE"
    assert Decimal(str(charge["balanceAfter"])) == Decimal("1.9")
