"""Wallets of the tests: they sign by the libraries directly, apart from the package's own signing."""

import base64
import contextlib
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from venice_async.loading import load

from .conftest import WALL

with contextlib.suppress(ImportError):
    load("eth_account.messages")
eth_account = pytest.importorskip("eth_account")
messages = pytest.importorskip("eth_account.messages")
base58 = pytest.importorskip("base58")
signing = pytest.importorskip("nacl.signing")

USDC = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
PAY_TO = "0x000000000000000000000000000000000000dead"
SOLANA = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def packed(tree: Any) -> str:
    return base64.b64encode(json.dumps(tree).encode()).decode()


def unpacked(text: str) -> Any:
    return json.loads(base64.b64decode(text))


def statement_of(fields: dict[str, Any], *, kind: str, chain: str) -> str:
    """The text of a sign-in, with whatever a test wants to be wrong with it."""
    lines = [
        f"{fields['domain']} wants you to sign in with your {kind} account:",
        *(fields["said"], "", fields["statement"], ""),
        f"URI: {fields['uri']}", f"Version: {fields['version']}", f"Chain ID: {chain}", f"Nonce: {fields['nonce']}",
        f"Issued At: {iso(fields['issued'])}",
    ]  # fmt: skip
    lines += [f"Expiration Time: {iso(fields['expires'])}"] if fields["expires"] is not None else []
    lines += [f"Not Before: {iso(fields['starts'])}"] if fields["starts"] is not None else []
    return "\n".join(line for line in lines if line != "Nonce: None")


class Purse:
    """An EVM wallet: its address, its sign-ins, its payments."""

    def __init__(self, seed: int = 1) -> None:
        self._key = eth_account.Account.from_key(seed.to_bytes(32, "big"))
        self.address: str = self._key.address
        self.wallet = self.address.lower()

    def fields(self, **changes: Any) -> dict[str, Any]:
        return {
            "domain": "api.venice.ai", "said": self.address, "uri": "https://api.venice.ai", "version": "1",
            "nonce": secrets.token_hex(8), "issued": WALL, "expires": WALL + 300, "starts": None,
            "statement": "Sign in to Venice API", "chain": "8453", **changes,
        }  # fmt: skip

    def sign(self, text: str) -> str:
        return "0x" + self._key.sign_message(messages.encode_defunct(text=text)).signature.hex().removeprefix("0x")

    def tree(self, *, text: Callable[[str], str] = str, **changes: Any) -> dict[str, Any]:
        fields = self.fields(**changes)
        message = text(statement_of(fields, kind="Ethereum", chain=fields["chain"]))
        return {
            "address": self.address, "message": message, "signature": self.sign(message),
            "timestamp": int(fields["issued"] * 1000), "chainId": 8453,
        }  # fmt: skip

    def header(self, **changes: Any) -> str:
        return packed(self.tree(**changes))

    def credentials(self, **changes: Any) -> dict[str, Any]:
        """What a request of this wallet sends in place of a key."""
        return {"authorization": None, "sign_in_with_x": self.header(**changes)}

    def authorization(self, **changes: Any) -> dict[str, str]:
        plain = {
            "from": self.address, "to": PAY_TO, "value": "5000000", "validAfter": "0",
            "validBefore": str(int(WALL) + 300), "nonce": "0x" + secrets.token_hex(32),
        }  # fmt: skip
        return {**plain, **changes}

    def seal(self, authorization: dict[str, str], **domain: Any) -> str:
        """The EIP-712 signature of an authorization."""
        whole = {name: int(authorization[name]) for name in ("value", "validAfter", "validBefore")}
        nonce = bytes.fromhex(authorization["nonce"][2:])
        names = [("from", "address"), ("to", "address"), ("value", "uint256")]
        names += [("validAfter", "uint256"), ("validBefore", "uint256"), ("nonce", "bytes32")]
        signable = messages.encode_typed_data(
            domain_data={"name": "USD Coin", "version": "2", "chainId": 8453, "verifyingContract": USDC, **domain},
            message_types={"TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in names]},
            message_data={**authorization, **whole, "nonce": nonce},
        )
        return "0x" + self._key.sign_message(signable).signature.hex().removeprefix("0x")

    def payment(self, *, accepted: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """A payment in the form of version 2."""
        authorization = self.authorization(**changes)
        terms = {
            "scheme": "exact", "network": "eip155:8453", "amount": "5000000", "asset": USDC, "payTo": PAY_TO,
            "maxTimeoutSeconds": 300, "extra": {"name": "USD Coin", "version": "2"}, **(accepted or {}),
        }  # fmt: skip
        payload = {"signature": self.seal(authorization), "authorization": authorization}
        return {"x402Version": 2, "payload": payload, "accepted": terms}


class SolanaPurse:
    """A Solana wallet."""

    def __init__(self, seed: int = 1) -> None:
        self._key = signing.SigningKey(seed.to_bytes(32, "big"))
        self.address = base58.b58encode(bytes(self._key.verify_key)).decode()

    def tree(self, *, spell: Callable[[bytes], str] | None = None, **changes: Any) -> dict[str, Any]:
        fields = {**Purse().fields(), "said": self.address, "chain": SOLANA, **changes}
        message = statement_of(fields, kind="Solana", chain=fields["chain"])
        raw = self._key.sign(message.encode()).signature
        return {
            "address": self.address, "message": message, "timestamp": int(fields["issued"] * 1000), "type": "ed25519",
            "signature": (spell or (lambda it: base58.b58encode(it).decode()))(raw), "chainId": f"solana:{SOLANA}",
        }  # fmt: skip

    def credentials(self, **changes: Any) -> dict[str, Any]:
        return {"authorization": None, "sign_in_with_x": packed(self.tree(**changes))}


def spelled_in_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
