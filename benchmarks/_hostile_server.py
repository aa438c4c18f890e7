"""The hostile server: plays scenarios, each under a path of its own, and notes every payment that reaches it."""

import asyncio
import base64
import json
import time
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from benchmarks._hostile_answers import GROWING, Scenario
from benchmarks._hostile_offers import ELSEWHERE, WALLET, Answer

STALL = 0.2
"""Real seconds: many job seconds on the clock of the campaign."""
PAYMENT_HEADERS = ("PAYMENT-SIGNATURE", "X-402-Payment", "X-PAYMENT")


def read_payment(header: str) -> dict[str, Any]:
    """A payment as JSON. Raises where it is none: then ours has sent nonsense."""
    tree: dict[str, Any] = json.loads(base64.b64decode(header, validate=True))
    return tree


class HostileServer:
    """Two sockets of this machine: the server, and the place where its redirects and lures lead."""

    def __init__(self) -> None:
        self.payments: dict[int, list[str]] = defaultdict(list)
        """By scenario, each time one came."""
        self.stolen: list[str] = []
        """What came to the other place, or to another path."""
        self.requests = 0
        self._scenarios: dict[int, Scenario] = {}
        self._wallets: dict[int, str] = {}
        self._turns: dict[tuple[int, str], int] = defaultdict(int)

    async def __aenter__(self) -> Self:
        self._runners = [web.ServerRunner(web.Server(each, access_log=None)) for each in (self._serve, self._other)]
        self._origins = []
        for runner in self._runners:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0, backlog=1000).start()
            self._origins.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for runner in self._runners:
            await runner.cleanup()

    def play(self, scenario: Scenario, wallet: str) -> str:
        """The base URL at which the scenario is played to a wallet."""
        self._scenarios[scenario.number] = scenario
        self._wallets[scenario.number] = wallet
        return f"{self._origins[0]}/s{scenario.number}/api/v1"

    async def _other(self, request: web.BaseRequest) -> web.StreamResponse:
        self.stolen += [request.headers[name] for name in PAYMENT_HEADERS if name in request.headers] or [request.path]
        return web.Response(status=200)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests += 1
        _, name, *rest = request.path.split("/")
        number, path = int(name.removeprefix("s") or -1) if name[1:].isdigit() else -1, "/".join(rest)
        payments = [request.headers[header] for header in PAYMENT_HEADERS if header in request.headers]
        scenario = self._scenarios.get(number)
        if scenario is None or (payments and path != "api/v1/x402/top-up"):
            self.stolen += payments or [request.path]
            return web.Response(status=404)
        self.payments[number] += payments
        answer = self._answer(scenario, path, paying=bool(payments))
        return await self._send(request, self._filled(answer, number, payments))

    def _answer(self, scenario: Scenario, path: str, *, paying: bool) -> Answer:
        if path == "api/v1/x402/top-up":
            sequence: tuple[Answer, ...] = scenario.payments if paying else tuple(o.answer for o in scenario.offers)
            turn = self._turns[scenario.number, str(paying)]
            self._turns[scenario.number, str(paying)] += 1
            return sequence[min(turn, len(sequence) - 1)]
        if path.startswith("api/v1/x402/balance"):
            self._turns[scenario.number, GROWING] += 1
            return scenario.balance
        if path.startswith("api/v1/x402/transactions"):
            return scenario.transactions
        if path == "api/v1/video/queue":
            poor = {"error": "Payment required", "code": "PAYMENT_REQUIRED", "reason": "insufficient_balance",
                    "currentBalanceUsd": 0.01, "minimumBalanceUsd": 0.1, "minimumTopUpUsd": 5,
                    "suggestedTopUpUsd": 10}  # fmt: skip
            return Answer(status=402, body=json.dumps(poor).encode())
        if path == "api/v1/video/quote":
            return Answer(body=b'{"quote": 0.1}')
        return Answer(status=404, body=b'{"error": "not found"}')

    def _filled(self, answer: Answer, number: int, payments: list[str]) -> Answer:
        if answer.how == "credit":
            return _credit(payments[0])
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        grown = f"{self._turns[number, GROWING] / 10_000:.4f}"
        texts = {WALLET: self._wallets[number], ELSEWHERE: self._origins[1], "{now}": now, f'"{GROWING}"': grown}
        body, headers = answer.body, answer.headers
        for mark, text in texts.items():
            body = body.replace(mark.encode(), text.encode())
            headers = tuple((name, value.replace(mark, text)) for name, value in headers)
        return Answer(status=answer.status, body=body, headers=headers, how=answer.how)

    async def _send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        headers = {name: value.encode("ascii", "replace").decode() for name, value in answer.headers}
        if answer.how == "plain":
            return web.Response(status=answer.status, body=answer.body, headers=headers)
        if answer.how == "drip":
            response = web.StreamResponse(status=200, headers=headers)
            response.content_length = 10_000
            await response.prepare(request)
            await response.write(answer.body)
        if answer.how in {"drip", "stall"}:
            await asyncio.sleep(STALL)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


def _credit(header: str) -> Answer:
    """What is due for a payment."""
    authorization = read_payment(header)["payload"]["authorization"]
    usd, payment_id = int(authorization["value"]) / 10**6, "pay_" + authorization["nonce"][2:14]
    data = {
        "walletAddress": authorization["from"],
        "amountCredited": usd,
        "newBalance": usd,
        "paymentId": payment_id,
    }
    settled = {
        "success": True,
        "network": "eip155:8453",
        "payer": authorization["from"],
        "transaction": "0x" + "ab" * 32,
    }
    encoded = base64.b64encode(json.dumps(settled).encode()).decode()
    headers = (("Content-Type", "application/json"), ("PAYMENT-RESPONSE", encoded))
    return Answer(body=json.dumps({"success": True, "data": data}).encode(), headers=headers)
