"""Random wallets, and headers made with them. The keys are worth nothing."""

import random
from collections.abc import Callable
from typing import Any

import base58
from eth_account import Account
from nacl.signing import SigningKey

from venice_async.signin import WalletAuth

COUNT = 50


def evm_key(rng: random.Random) -> str:
    """32 random bytes as wallets show them."""
    return "0x" + rng.randbytes(32).hex()


def solana_key(rng: random.Random) -> str:
    """Seed and public key in base58, as wallets export them."""
    signing = SigningKey(rng.randbytes(32))
    return base58.b58encode(bytes(signing) + bytes(signing.verify_key)).decode()


def solana_address(key: str) -> str:
    """The public key, which is the key's second half."""
    return base58.b58encode(base58.b58decode(key)[32:]).decode()


def address_of(key: str) -> str:
    """The address by eth_account."""
    return str(Account.from_key(key).address)


async def headers(make: Callable[[random.Random], str], seed: int, **options: Any) -> list[dict[str, Any]]:
    """Sign-ins of as many wallets, at instants of this century, for domains that Venice answers to."""
    rng = random.Random(seed)
    found = []
    for number in range(COUNT):
        now = rng.uniform(1.7e9, 4.0e9)
        domain = ("api.venice.ai", "outerface.venice.ai", "localhost:8402")[number % 3]
        auth = WalletAuth(make(rng), domain=domain, uri=f"https://{domain}", wall=lambda now=now: now, **options)
        [value] = (await auth.headers()).values()
        found.append({"kind": auth.chain.name.lower(), "header": str(value), "domain": domain, "now": now + 1})
    return found
