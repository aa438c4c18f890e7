"""A scripted server of top-ups that knows the truth: which payments it was given, and which of them moved money."""

import base64
import contextlib
import email.utils
import functools
import json
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import coincurve
from Crypto.Hash import keccak
from scripted import VENICE, Played

from venice_async.client import VeniceClient
from venice_async.clock import Clock
from venice_async.emulator.manual_clock import ManualClock
from venice_async.errors import ReplyLostError
from venice_async.payments.wallet import Wallet
from venice_async.signin import Chain, PaymentToSign
from venice_async.transport import Reply
from venice_async.wire.exchange import Call

SECRET = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
PAYEE = "0x2670b922ef37c7df47158725c0cc407b5382293f"
USDC = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
BASE_URL = "https://api.venice.ai/api/v1"


def entry(**changes: Any) -> dict[str, Any]:
    """The documented entry of `accepts` for Base; a change to `...` leaves a field out."""
    told = {
        "scheme": "exact",
        "network": "eip155:8453",
        "amount": "5000000",
        "asset": USDC,
        "payTo": PAYEE,
        "maxTimeoutSeconds": 300,
        "extra": {"name": "USD Coin", "version": "2"},
        **changes,
    }
    return {name: value for name, value in told.items() if value is not ...}


def keccak256(data: bytes) -> bytes:
    """The hash of Ethereum."""
    return keccak.new(digest_bits=256, data=data).digest()


def word(value: int | str) -> bytes:
    """A number or an address as 32 bytes."""
    return (int(value, 16) if isinstance(value, str) else value).to_bytes(32, "big")


def digest_of(authorization: dict[str, str], *, usdc: str = USDC, chain: int = 8453) -> bytes:
    """What EIP-712 has a wallet sign for a transfer of USDC on Base, put together by hand."""
    domain = keccak256(
        keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak256(b"USD Coin") + keccak256(b"2") + word(chain) + word(usdc)
    )  # fmt: skip
    struct = keccak256(
        keccak256(
            b"TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
            b"uint256 validBefore,bytes32 nonce)"
        )
        + word(authorization["from"]) + word(authorization["to"]) + word(int(authorization["value"]))
        + word(int(authorization["validAfter"])) + word(int(authorization["validBefore"]))
        + bytes.fromhex(authorization["nonce"][2:])
    )  # fmt: skip
    return keccak256(b"\x19\x01" + domain + struct)


def payer_of(payload: dict[str, Any]) -> str:
    """Whose signature it is, in lower case."""
    raw = bytes.fromhex(payload["signature"][2:])
    recoverable = raw[:64] + bytes([raw[64] - 27])
    key = coincurve.PublicKey.from_signature_and_message(recoverable, digest_of(payload["authorization"]), hasher=None)
    return "0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex()


def opened(header: str) -> dict[str, Any]:
    """A payment header as JSON."""
    tree: dict[str, Any] = json.loads(base64.b64decode(header, validate=True))
    return tree


class Signer:
    """Stands for a `WalletAuth`: signs by hand, and remembers everything that it was ever asked to sign."""

    def __init__(self, *, chain: Chain = Chain.BASE, before: Callable[[], Coroutine[Any, Any, None]] | None = None):
        self.address = ADDRESS
        self.chain = chain
        self.asked: list[PaymentToSign] = []
        self.before = before

    @property
    def signed_usd(self) -> Decimal:
        """The sum of all that was signed."""
        return sum((payment.usd for payment in self.asked), Decimal(0))

    async def sign_payment(self, payment: PaymentToSign) -> str:
        if self.before is not None:
            await self.before()
        self.asked.append(payment)
        message = {name: str(value) for name, value in payment.typed_data["message"].items()}
        raw = coincurve.PrivateKey(SECRET).sign_recoverable(digest_of(message), hasher=None)
        return "0x" + raw[:64].hex() + f"{raw[64] + 27:02x}"


class Bank:
    """A `Transport`. `script` says what each post of a payment meets, in order; the last entry again and again.

    "pay" moves money and answers; "busy" is a 409; "lost" moves it and loses the answer; "cut" loses the request; a
    number is that status, with nothing moved; "moved 504" has moved it; a `Played` is played. A payment that has
    moved money is answered as paid whatever the script says, unless `forgetful`.
    """

    def __init__(self, clock: Clock, script: Iterable[object] = ("pay",), *, accepts: Any = None) -> None:
        self.clock = clock
        self.script = list(script)
        self.accepts: Any = [entry()] if accepts is None else accepts
        self.discovery: Played | None = None
        self.forgetful = False
        self.dated = True
        self.ahead = 0.0
        self.credit = Decimal(0)
        self.posts: list[str] = []
        self.calls: list[Call] = []
        self.moved: dict[str, Decimal] = {}
        self.lines: list[dict[str, Any]] = []
        self.hidden_lines = False
        self.books: Played | None = None
        self.wait: Callable[[str], Coroutine[Any, Any, None]] | None = None

    @property
    def headers(self) -> set[str]:
        """The different payments that ever came here."""
        return set(self.posts)

    @property
    def alive(self) -> set[str]:
        """Those of them that can still move money by the chain's clock, or have."""
        return {
            header
            for header in self.posts
            if header in self.moved or self._until(header) > self.clock.wall() + self.ahead
        }

    def _until(self, header: str) -> int:
        return int(opened(header)["payload"]["authorization"]["validBefore"])

    def send(self, call: Call) -> AbstractAsyncContextManager[Reply]:
        return self._send(call)

    @contextlib.asynccontextmanager
    async def _send(self, call: Call) -> AsyncIterator[Any]:
        self.calls.append(call)
        if self.wait is not None:
            await self.wait(call.name)
        yield self._answer(call)

    def _answer(self, call: Call) -> Played:
        if call.name == "wallet_transactions":
            return self.books or self._books(call)
        payment = call.headers.get("PAYMENT-SIGNATURE")
        if payment is None:
            return self.discovery or self._played(402, {"x402Version": 2, "accepts": self.accepts})
        return self._paid(str.__str__(payment))

    def _paid(self, header: str) -> Played:
        self.posts.append(header)
        act = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        if header in self.moved and not self.forgetful:
            act = "pay"
        moves = act in ("pay", "lost", "moved 504")
        if moves and header not in self.moved and self._until(header) <= self.clock.wall() + self.ahead:
            act = 400  # the chain does not take what has expired
        elif moves:
            self._move(header)
        match act:
            case Played():
                return act
            case "pay":
                return self._receipt(header)
            case "busy":
                return self._played(409, {"error": "PAYMENT_IN_PROGRESS", "message": "it is being settled"})
            case "lost" | "cut":
                raise ReplyLostError("The answer was lost.")
            case "moved 504":
                return self._played(504, {"error": "SETTLEMENT_TIMEOUT", "message": "it may still settle"})
            case int():
                code = {400: "INVALID_PAYMENT", 402: "SETTLEMENT_FAILED"}.get(act, "SOME_CODE")
                return self._played(act, {"error": code, "message": f"said {header}"})
        raise AssertionError(act)

    def _move(self, header: str) -> None:
        if header in self.moved:
            return
        payload = opened(header)["payload"]
        assert payer_of(payload) == ADDRESS.lower()
        usd = Decimal(payload["authorization"]["value"]) / 10**6
        self.moved[header] = usd
        self.credit += usd
        at = datetime.fromtimestamp(self.clock.wall() + self.ahead, UTC)
        self.lines.insert(
            0,
            {
                "id": f"line-{len(self.lines)}",
                "amount": float(usd),
                "balanceAfter": float(self.credit),
                "type": "TOP_UP",
                "createdAt": at.isoformat(),
                "requestId": None,
                "modelId": None,
            },
        )

    def _receipt(self, header: str, **changes: Any) -> Played:
        data = {
            "walletAddress": ADDRESS,
            "amountCredited": float(self.moved[header]),
            "newBalance": float(self.credit),
            "paymentId": "payment_1",
            **changes,
        }
        settled = {"success": True, "network": "eip155:8453", "payer": ADDRESS, "transaction": "0x" + "ab" * 32}
        told = base64.b64encode(json.dumps(settled).encode()).decode()
        return self._played(200, {"success": True, "data": data}, payment_response=told)

    def _books(self, call: Call) -> Played:
        asked = dict(part.split("=") for part in call.url.partition("?")[2].split("&"))
        limit, offset = int(asked["limit"]), int(asked["offset"])
        lines = [] if self.hidden_lines else self.lines
        data = {
            "walletAddress": ADDRESS,
            "currentBalance": float(self.credit),
            "transactions": lines[offset : offset + limit],
            "pagination": {"limit": limit, "offset": offset, "hasMore": offset + limit < len(lines)},
        }
        return self._played(200, {"success": True, "data": data})

    def _played(self, status: int, body: object, **headers: str) -> Played:
        played = Played(status, body, **headers)
        assert set(VENICE) <= set(played.head.headers)
        if self.dated:
            named = dict(played.head.headers)
            named["date"] = email.utils.formatdate(self.clock.wall() + self.ahead, usegmt=True)
            played.head = type(played.head)(status=status, headers=named)
        return played

    async def aclose(self) -> None:
        """Nothing is open."""


class World:
    """A bank, a clock, and a file of payments that outlives every program."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.path = folder / "state" / "payments.sqlite3"
        self.bank = Bank(clock)
        self.signer = Signer()

    def wallet(self, *, signer: Signer | None = None, bank: Bank | None = None, **options: Any) -> Wallet:
        """A wallet, as a program that has just started would make it."""
        client = VeniceClient(
            "any-key", base_url=BASE_URL, transport=bank or self.bank, clock=self.clock, rng=random.Random(1)
        )
        return Wallet(client, signer or self.signer, store=self.path, rng=random.Random(1), **options)


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an async test, whose first argument is a `World`, in virtual time."""

    @functools.wraps(test)
    def run(tmp_path: Path, **values: Any) -> None:
        clock = ManualClock()
        clock.run(test(World(tmp_path, clock), **values))

    import inspect

    of_test = inspect.signature(test)
    folder = inspect.Parameter("tmp_path", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = of_test.replace(parameters=[folder, *list(of_test.parameters.values())[1:]])  # type: ignore[attr-defined]
    return run
