"""What a hostile server may say to a payment that it has in its hands, and to questions about the account. Pure."""

import random
from typing import Any, Final

from attrs import frozen

from benchmarks._hostile_offers import WALLET, Answer, Offered, offered, packed, redirect

GROWING: Final = "{growing}"
"""Stands for a credit that is larger at each look, and never enough."""
CREDIT: Final = Answer(how="credit")
_CODES: Final = (
    (400, "INVALID_PAYMENT"), (400, "AMOUNT_TOO_LOW"), (400, "PAYMENT_VERIFICATION_FAILED"),
    (400, "UNSUPPORTED_NETWORK"),
    (402, "SETTLEMENT_FAILED"), (409, "PAYMENT_IN_PROGRESS"), (409, "PAYMENT_ALREADY_PROCESSED"),
    (503, "X402_NOT_CONFIGURED"), (504, "SETTLEMENT_TIMEOUT"),
)  # fmt: skip
_WAITS: Final = ("0", "1", "99999999", "-1", "nan", "Wed, 21 Oct 2099 07:28:00 GMT", "\u00b2")


@frozen(kw_only=True)
class Scenario:
    """All that a server says in one run; of each sequence the last is repeated for ever."""

    number: int
    offers: tuple[Offered, ...]
    payments: tuple[Answer, ...]
    balance: Answer
    transactions: Answer

    @property
    def hopeless(self) -> bool:
        """Whether nothing may be signed at all."""
        return all(offer.hopeless for offer in self.offers)

    def __str__(self) -> str:
        said = ", ".join(f"{answer.how} {answer.status}" for answer in self.payments)
        return f"scenario {self.number}: {'; '.join(offer.kind for offer in self.offers)}; payment: {said}"


def error(status: int, code: str, **more: Any) -> Answer:
    """An error as the routes of payments have it."""
    return Answer(status=status, body=packed({"error": code, "message": f"{code} it is", **more}))


def _fake(rng: random.Random) -> Answer:
    """A success that is none, or not the one that is due."""
    data: dict[str, Any] = {"walletAddress": WALLET, "amountCredited": 10, "newBalance": 10, "paymentId": "pay_1"}
    name = rng.choice(list(data))
    wrong: tuple[Any, ...] = (None, "", [], {}, -1, 10**30, "10", True, "0x" + "11" * 20, 9.99, 1e308)
    data[name] = rng.choice(wrong)
    body = rng.choice((
        packed({"success": True, "data": data}), packed({"success": False, "data": data}), b"", b"{}", b"OK",
        b"<html></html>", packed({"success": True}), packed(data), packed([data]),
        packed({"success": True, "data": [data]}), b"\xff",
    ))  # fmt: skip
    return Answer(status=rng.choice((200, 200, 200, 201, 202, 204)), body=body)


def _payment(rng: random.Random) -> Answer:
    draw = rng.random()
    if draw < 0.30:
        return CREDIT
    if draw < 0.50:
        return error(*rng.choice(_CODES))
    if draw < 0.65:
        return _fake(rng)
    if draw < 0.75:
        return offered(rng).answer
    if draw < 0.80:
        return redirect(rng)
    if draw < 0.90:
        return Answer(how=rng.choice(("reset", "stall", "drip")), body=b'{"success": true, "data": {')
    waits = (("Retry-After", rng.choice(_WAITS)), ("Content-Type", "text/html"))
    return Answer(status=rng.choice((429, 500, 502, 503)), body=b"<html>sorry</html>", headers=waits)


def _balance(rng: random.Random) -> Answer:
    usd = rng.choice((0, 0, GROWING, GROWING, 0.05, 10, 1e6))
    data = {"walletAddress": WALLET, "balanceUsd": usd, "canConsume": rng.random() < 0.5,
            "minimumTopUpUsd": 5, "suggestedTopUpUsd": 10}  # fmt: skip
    good = Answer(body=packed({"success": True, "data": data}))
    return rng.choice((*[good] * 8, Answer(status=500), Answer(body=b"{}"), Answer(how="reset"), error(401, "no")))


def _line(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": f"line-{number}", "amount": rng.choice((10, 10.0, 10.000001, 5, -10, 1e18)), "balanceAfter": 10,
        "type": rng.choice(("TOP_UP", "TOP_UP", "CHARGE", "REFUND", "GIFT")), "requestId": None, "modelId": None,
        "createdAt": rng.choice(("2020-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z", "{now}", "{now}", "x")),
    }  # fmt: skip


def _transactions(rng: random.Random) -> Answer:
    lines = [_line(rng, rng.choice((number, 0))) for number in range(rng.choice((0, 0, 1, 3, 50)))]
    pages = {"limit": 50, "offset": 0, "hasMore": rng.random() < 0.1}
    data = {"walletAddress": WALLET, "currentBalance": 10, "transactions": lines, "pagination": pages}
    good = Answer(body=packed({"success": True, "data": data}))
    return rng.choice((good, good, good, Answer(status=500), Answer(body=b"{}"), Answer(how="reset"), error(403, "no")))


def scenario(number: int, seed: int) -> Scenario:
    """The same for the same numbers."""
    rng = random.Random(f"{seed}/{number}")
    return Scenario(
        number=number,
        offers=tuple(offered(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))),
        payments=tuple(_payment(rng) for _ in range(rng.choice((1, 1, 2, 3)))),
        balance=_balance(rng),
        transactions=_transactions(rng),
    )
