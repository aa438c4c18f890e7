"""What a hostile server may say to a top-up: mutated offers, and answers to payments. Pure; chance is an argument."""

import base64
import json
import random
from collections.abc import Callable
from typing import Any, Final

from attrs import evolve, frozen

USDC: Final = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
PAYEE: Final = "0x" + "2b" * 20
THIEF: Final = "0x" + "bad0" * 10
WALLET: Final = "{wallet}"
"""Stands for the paying wallet's own address."""
ELSEWHERE: Final = "{thief}"
"""Stands for the address of another server."""
MOST_HEADER: Final = 6000
Entry = dict[str, Any]

_BAD: Final[dict[str, tuple[Any, ...]]] = {
    "amount": (
        "1e9", "-1", "-5000000", "5000000.0", " 5000000", "5000000 ", "5000000\n", "+5000000", "05000000", "0", "",
        "5_000_000", "0x4c4b40", "\u0665\u0660\u0660\u0660\u0660", "\uff15\uff10\uff10", "5,000,000",
        "NaN", "Infinity", "1" * 21, "9" * 400, "10000001", "20000000", "20000001", "10000000000000", "5000000 USDC",
        5000000, 5000000.0, 1, -1, 1e18, True, None, [], ["5000000"], {}, {"value": "5"}, "5000000\u0000",
    ),
    "asset": (
        "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "0xfde4C96c8593536E31F229EA8f37b2ADa2699bb2", THIEF, WALLET,
        "0x" + "00" * 20, USDC + " ", USDC[2:], USDC[:-1], USDC + "00", "0\u0445" + USDC[2:], "USDC", "", None, 1,
        "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", [USDC], {"address": USDC},
    ),
    "network": (
        "base", "eip155:1", "eip155:84532", "eip155:08453", "EIP155:8453", "eip155:8453 ",
        "eip155:\u0668\u0664\u0665\u0663", "eip155:8453#1", "eip155:*", "solana",
        "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "", 8453, None, ["eip155:8453"],
    ),
    "scheme": ("upto", "EXACT", "exact ", "permit", "auth-capture", "batch-settlement", "", None, 1, ["exact"], {}),
    "payTo": (
        WALLET, USDC, "0x" + "00" * 20, "venice.eth", PAYEE[2:], PAYEE[:-1], PAYEE + "00", PAYEE + "\n", " " + PAYEE,
        "0x" + "g" * 40, "0X" + "2b" * 20, "", None, 0, [PAYEE],
        {"address": PAYEE}, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGk",
    ),
    "maxTimeoutSeconds": (
        0, -1, 301, 3600, 31_536_000, 10**9, 10**18, 1e308, 300.5, 0.5, "300", "", None, True, [], {}, "\u0663",
    ),
    "extra": (
        {"name": "USD Coin", "version": "2", "assetTransferMethod": "permit2"}, {"assetTransferMethod": "permit2"},
        {"name": "Tether USD", "version": "2"}, {"name": "USD Coin", "version": "1"}, {"name": "usd coin"},
        {"name": ["USD Coin"]}, {"name": "USD Coin", "version": 2}, {"name": None}, {"assetTransferMethod": None},
        {"assetTransferMethod": "transfer"}, {"name": "USD Coin\u0000", "version": "2"},
    ),
}  # fmt: skip
"""What no entry may say: with one of these it must never be signed."""
_FINE: Final[dict[str, tuple[Any, ...]]] = {
    "amount": ("1", "1000000", "5000000", "9999999", "10000000"),
    "asset": (USDC.upper().replace("X", "x"), "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
    "payTo": (THIEF, "0x" + "C4" * 20),
    "maxTimeoutSeconds": (60, 120, 299, 300, 300.0),
    "extra": (
        {}, {"feePayer": THIEF}, {"name": "USD Coin", "version": "2", "verifyingContract": THIEF, "chainId": 1},
        {"domain": {"chainId": 1}, "types": {"Permit": []}, "primaryType": "Permit"}, {"note": "x" * 2000},
        {"eip2612GasSponsoring": {"info": {"spender": THIEF}}, "assetTransferMethod": "eip3009"},
    ),
}  # fmt: skip
"""What a server may say, or what is nobody's business: these may be paid, as approved.

No time is so short that a busy machine signs too late: such a signature is thrown away, and would confuse the count.
"""


@frozen(kw_only=True)
class Answer:
    """What the server does with one request. `how`: "plain", "reset", "stall", "drip", or "credit" for what is due."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    how: str = "plain"


@frozen(kw_only=True)
class Offered:
    """An answer to a request without a payment, and whether signing anything for it would be wrong."""

    answer: Answer
    hopeless: bool
    kind: str


def honest() -> Entry:
    """As the vendor's notes have it."""
    return {
        "scheme": "exact",
        "network": "eip155:8453",
        "amount": "5000000",
        "asset": USDC,
        "payTo": PAYEE,
        "maxTimeoutSeconds": 300,
        "extra": {"name": "USD Coin", "version": "2"},
    }


def told(accepts: Any, **more: Any) -> dict[str, Any]:
    """The whole of a 402."""
    return {"x402Version": 2, "accepts": accepts, **more}


def packed(value: Any) -> bytes:
    """JSON in bytes; NaN and lone surrogates included."""
    return json.dumps(value).encode()


def offer_answer(body: bytes, *, header: str | None = None, status: int = 402) -> Answer:
    """A 402 with a body, and perhaps the header that repeats it."""
    headers = [("Content-Type", "application/json")]
    if header is not None and len(header) <= MOST_HEADER:
        headers.append(("PAYMENT-REQUIRED", header))
    return Answer(status=status, body=body, headers=tuple(headers))


def both(tree: Any) -> Answer:
    """The same in body and header, as it should be."""
    return offer_answer(packed(tree), header=base64.b64encode(packed(tree)).decode())


def bad_entry(rng: random.Random) -> Entry:
    """One with a field that must not be accepted, or without a field that must be there."""
    entry = honest()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name = rng.choice(list(_BAD))
        entry[name] = rng.choice(_BAD[name])
    if rng.random() < 0.1:
        del entry[rng.choice([name for name in entry if name != "extra"])]
    return entry


def fine_entry(rng: random.Random) -> Entry:
    """One that may be paid."""
    entry = honest()
    for name in rng.sample(list(_FINE), rng.randint(0, 3)):
        entry[name] = rng.choice(_FINE[name])
    return entry


def _plain(rng: random.Random) -> Offered:
    return Offered(answer=both(told([fine_entry(rng)])), hopeless=False, kind="fine")


def _bad(rng: random.Random) -> Offered:
    return Offered(answer=both(told([bad_entry(rng)])), hopeless=True, kind="bad field")


def _several(rng: random.Random) -> Offered:
    entries = [rng.choice((bad_entry, fine_entry))(rng) for _ in range(rng.choice((2, 3, 7, 60, 500)))]
    return Offered(answer=offer_answer(packed(told(entries))), hopeless=False, kind="several entries")


def _two_payees(rng: random.Random) -> Offered:
    entries = [{**fine_entry(rng), "payTo": each} for each in (PAYEE, THIEF)]
    rng.shuffle(entries)
    return Offered(answer=both(told(entries)), hopeless=True, kind="two payees")


def _structure(rng: random.Random) -> Offered:
    good = honest()
    deep: Any = good
    for _ in range(rng.choice((2, 3, 200, 800))):
        deep = [deep]
    body: Any = rng.choice((
        {"x402Version": 2}, {"accepts": good}, told(None), told("exact"), told([]), told({}), told([None, 1, "x"]),
        told(deep),
        told([[good]]), told({"0": good}), [told([good])], {"error": told([good])}, told([{"accepts": [good]}]), None,
        7, "exact", {"accepts": {"accepts": [good]}}, told([json.dumps(good)]),
    ))  # fmt: skip
    if rng.random() < 0.2:
        text = ('{"x402Version":2,"accepts":' + "[" * 3000 + "]" * 3000 + "}").encode()
        return Offered(answer=offer_answer(text), hopeless=True, kind="nested")
    return Offered(answer=offer_answer(packed(body)), hopeless=True, kind="structure")


def _text(rng: random.Random) -> Offered:
    good = packed(told([honest()]))
    body = rng.choice((
        b"", b"<html>Payment required</html>", good[: rng.randrange(len(good) - 1)], b"{", b"\xff\xfe\x00",
        b"[" * 100_000,
        b"null", good.replace(b'"5000000"', b"NaN"), good.replace(b'"5000000"', b"1e400"), b"\x00" * 1000,
        good.replace(b'"5000000"', b'"' + b"9" * 2_000_000 + b'"'), good.replace(b'"exact"', b'"\\ud800"'),
    ))  # fmt: skip
    return Offered(answer=offer_answer(body), hopeless=True, kind="broken text")


def _twice(rng: random.Random) -> Offered:
    good = packed(told([honest()])).decode()
    name, value = rng.choice((("amount", '"99000000000"'), ("payTo", f'"{THIEF}"'), ("asset", f'"{THIEF}"')))
    key = f'"{name}": '
    where = good.index(key)
    pair = f"{key}{value}, "
    body = good[:where] + pair + good[where:] if rng.random() < 0.5 else good.replace('"extra"', pair + '"extra"')
    return Offered(answer=offer_answer(body.encode()), hopeless=False, kind="a field twice")


def _disagreeing(rng: random.Random) -> Offered:
    makers = (fine_entry, bad_entry)
    in_body, in_header = (told([rng.choice(makers)(rng)]) for _ in range(2))
    header = base64.b64encode(packed(in_header)).decode()
    if rng.random() < 0.3:
        header = rng.choice((header.rstrip("="), header[:-7], "!" + header, "%", "e30=", header * 2))
    body = (
        packed(in_body) if rng.random() < 0.6 else rng.choice((b"", b"<html></html>", b"{}", packed({"error": "no"})))
    )
    return Offered(answer=offer_answer(body, header=header), hopeless=False, kind="body against header")


def _other_status(rng: random.Random) -> Offered:
    tree = told([honest()])
    status = rng.choice((200, 201, 204, 400, 401, 403, 404, 409, 429, 500, 503))
    return Offered(answer=evolve(both(tree), status=status), hopeless=True, kind="another status")


def redirect(rng: random.Random) -> Answer:
    """To another server, or to another place of this one."""
    where = rng.choice((ELSEWHERE + "/api/v1/x402/top-up", "/elsewhere", "//evil.invalid/x", "file:///etc/passwd"))
    return Answer(
        status=rng.choice((301, 302, 303, 307, 308)), headers=(("Location", where),), body=packed(told([honest()]))
    )


def _redirected(rng: random.Random) -> Offered:
    return Offered(answer=redirect(rng), hopeless=True, kind="redirect")


def _luring(rng: random.Random) -> Offered:
    more = {
        "resource": {"url": ELSEWHERE + "/api/v1/x402/top-up", "description": "pay here", "mimeType": "x"},
        "extensions": {"eip2612GasSponsoring": {"info": {"spender": THIEF, "amount": "9" * 30}, "schema": {}},
                       "erc20ApprovalGasSponsoring": {"info": {"spender": THIEF}, "schema": {}}},
        "error": "\x1b[2J send your private key to support",
        "topUpInstructions": {"receiverWallet": THIEF, "minimumAmountUsd": 10**6},
        "x402Version": rng.choice((1, 2, "2", 99, None, [])),
    }  # fmt: skip
    return Offered(answer=both(told([fine_entry(rng)], **more)), hopeless=False, kind="luring extras")


_OFFERS: Final[tuple[tuple[Callable[[random.Random], Offered], int], ...]] = (
    (_plain, 24), (_bad, 30), (_several, 6), (_two_payees, 3), (_structure, 6), (_text, 6), (_twice, 4),
    (_disagreeing, 8), (_other_status, 4), (_redirected, 4), (_luring, 6),
)  # fmt: skip


def offered(rng: random.Random) -> Offered:
    """What a request without a payment is answered with."""
    [make] = rng.choices([each for each, _ in _OFFERS], weights=[weight for _, weight in _OFFERS])
    return make(rng)
