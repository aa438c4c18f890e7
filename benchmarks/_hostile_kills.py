"""A program that tops up, killed with SIGKILL at random instants and started again: what was signed, sent and credited.

The server is honest about money and unreliable about everything else. The wallet writes each signature that it is asked
for into a file before it gives it: what that file and the server's own record say is the truth.
"""

import asyncio
import importlib
import multiprocessing
import os
import random
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiohttp import web
from attrs import define, field, frozen

from benchmarks._hostile_offers import both, honest, told
from benchmarks._hostile_server import PAYMENT_HEADERS, read_payment
from benchmarks._hostile_wallet import Witness, witness
from venice_async import SystemClock, VeniceClient
from venice_async.errors import VeniceError
from venice_async.signin import PaymentToSign, SignInToSign, WalletAuth

FORK = multiprocessing.get_context("fork")
SPEED = 50.0
USD = 10
LONGEST_LIFE = 0.5
SLOW_SIGNER = 0.05
"""Real seconds before a signature is made, and as many after it, so that kills land there as well."""
AGED = 400
"""Seconds after which nobody can be about to sign any more; the campaign does not wait for them."""
_PRELOADED = (
    "aiohttp", "sqlite3", "coincurve", "eth_account",
    "venice_async.payments.signing", "x402.mechanisms.evm.exact.client",
)  # fmt: skip


@define
class Account:
    """The server's side of one wallet."""

    rng: random.Random
    headers: dict[str, set[str]] = field(factory=dict)
    """By nonce, all texts under which a payment came."""
    credited: dict[str, float] = field(factory=dict)
    """By nonce, when."""
    posts: int = 0

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Whatever it says of a payment: it is credited once."""
        await asyncio.sleep(self.rng.uniform(0, 0.02))
        if "/transactions/" in request.path:
            return web.json_response({"success": True, "data": self._transactions()})
        payment = next((request.headers[name] for name in PAYMENT_HEADERS if name in request.headers), None)
        if payment is None:
            answer = both(told([honest()]))
            return web.Response(status=402, body=answer.body, headers=dict(answer.headers))
        return await self._paid(request, payment)

    async def _paid(self, request: web.BaseRequest, payment: str) -> web.StreamResponse:
        authorization = read_payment(payment)["payload"]["authorization"]
        nonce = authorization["nonce"].lower()
        self.posts += 1
        self.headers.setdefault(nonce, set()).add(payment)
        draw = self.rng.random()
        if draw < 0.1:
            return web.json_response({"error": "PAYMENT_IN_PROGRESS", "message": "wait"}, status=409)
        if int(authorization["validBefore"]) > time.time():
            self.credited.setdefault(nonce, time.time())
        await asyncio.sleep(self.rng.uniform(0, 0.04))
        if draw < 0.25 and request.transport is not None:
            request.transport.abort()
        if draw < 0.4:
            return web.json_response({"error": "sorry"}, status=500)
        paid = {"walletAddress": authorization["from"], "amountCredited": USD, "paymentId": nonce[2:18]}
        return web.json_response({"success": True, "data": {**paid, "newBalance": USD * len(self.credited)}})

    def _transactions(self) -> dict[str, Any]:
        lines = [
            {"id": nonce[2:18], "amount": USD, "balanceAfter": USD * (number + 1), "type": "TOP_UP", "requestId": None,
             "modelId": None, "createdAt": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))}
            for number, (nonce, at) in enumerate(self.credited.items())
        ][::-1]  # fmt: skip
        pages = {"limit": 100, "offset": 0, "hasMore": False}
        shown = {"transactions": lines[:100], "pagination": pages}
        return {"walletAddress": "", "currentBalance": USD * len(lines), **shown}


def _server(pipe: Connection, seed: int) -> None:
    async def main() -> None:
        account = Account(random.Random(seed))
        runner = web.ServerRunner(web.Server(account.serve, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send(f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1")
        while await asyncio.to_thread(pipe.recv) != "stop":
            pipe.send((account.headers, account.credited, account.posts))

    asyncio.run(main())


@frozen(kw_only=True)
class Life:
    """What a process is told. It tops up `times` times, or only finishes what is open."""

    url: str
    folder: str
    key: str
    times: int

    def note(self, name: str, line: str) -> None:
        """One write, so that a kill leaves a whole line or none."""
        handle = os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, f"{line}\n".encode())
        finally:
            os.close(handle)

    def notes(self, name: str) -> list[str]:
        """All lines."""
        path = Path(self.folder, name)
        return path.read_text().splitlines() if path.exists() else []


def _live(life: Life) -> None:
    signer, rng = Witness(key=life.key), random.Random()

    def sign(asked: SignInToSign | PaymentToSign) -> str:
        time.sleep(rng.uniform(0, SLOW_SIGNER))
        signature = signer.sign(asked)
        if isinstance(asked, PaymentToSign):
            last = signer.signatures[-1]
            life.note("signed", f"{last.nonce} {last.at} {int(last.message['value'])}")
            time.sleep(rng.uniform(0, SLOW_SIGNER))
        return signature

    async def main() -> None:
        auth = WalletAuth(address=signer.address, signer=sign)
        clock, store = SystemClock(speed=SPEED), f"{life.folder}/payments.sqlite3"
        async with VeniceClient(auth=auth, base_url=life.url, clock=clock, payments=store) as venice:
            for _ in range(life.times):
                await _top_up(venice, life)
            while not life.times and await venice.wallet.open_payments():
                await _top_up(venice, life)

    asyncio.run(main())


async def _top_up(venice: VeniceClient, life: Life) -> None:
    try:
        done = await venice.wallet.top_up(USD, cap_usd=USD)
    except VeniceError as error:
        life.note("ended", type(error).__name__)
    else:
        life.note("ended", f"TopUp {done.resumed}")
        life.note("credited", str(done.payment_id or done.balance_usd))


def _run(life: Life, seconds: float | None) -> None:
    process = FORK.Process(target=_live, args=(life,), daemon=True)
    process.start()
    process.join(seconds)
    if seconds is not None:
        process.kill()
    process.join()


def _grow_old(life: Life) -> bool:
    """As if the time for signing were over for a payment that was only reserved; whether there was one."""
    path = Path(life.folder, "payments.sqlite3")
    if not path.exists():
        return False
    with closing(sqlite3.connect(path)) as connection, connection:
        query = "UPDATE payments SET created_at = created_at - ? WHERE state = 'reserved'"
        with_table = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'payments'").fetchone()[0]
        return bool(with_table) and connection.execute(query, (AGED,)).rowcount > 0


def kill_campaign(top_ups: int, seed: int) -> bool:
    """Lives and deaths until so many top-ups are credited; whether everything was as it should be."""
    for name in _PRELOADED:
        importlib.import_module(name)
    rng = random.Random(seed)
    ours, theirs = FORK.Pipe()
    server = FORK.Process(target=_server, args=(theirs, seed), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        life = Life(url=ours.recv(), folder=folder, key=witness(rng).key, times=1000)
        kills = unsigned = 0
        while len(_asked(ours)[1]) < top_ups:
            _run(life, rng.uniform(0, LONGEST_LIFE))
            kills += 1
            unsigned += _grow_old(life)
        _run(Life(url=life.url, folder=folder, key=life.key, times=0), None)
        headers, credited, posts = _asked(ours)
        ours.send("stop")
        server.join()
        wrong = _judged(life, headers, credited)
        _tell(life, kills=kills, unsigned=unsigned, posts=posts, credited=len(credited), seed=seed)
    for each in wrong:
        print(f"WRONG: {each}")
    return not wrong


def _asked(pipe: Connection) -> Any:
    pipe.send("tell")
    return pipe.recv()


def _judged(life: Life, headers: dict[str, set[str]], credited: dict[str, float]) -> list[str]:
    signed = [line.split() for line in life.notes("signed")]
    with closing(sqlite3.connect(f"{life.folder}/payments.sqlite3")) as connection:
        states = Counter(state for (state,) in connection.execute("SELECT state FROM payments"))
        left = connection.execute("SELECT count(*) FROM payments WHERE header IS NOT NULL").fetchone()[0]
    reported = [line for line in life.notes("credited") if len(line) == 16]
    alive: list[str] = []
    most = 0
    for nonce, at, _ in signed:
        alive = [each for each in alive if each not in credited or credited[each] > float(at)]
        alive += [nonce] if nonce in headers else []
        most = max(most, len(alive))
    claims = {
        "at most one authorisation out at a time": most <= 1,
        "each is of what was asked for": all(int(units) == USD * 10**6 for *_, units in signed),
        "each payment always the same bytes": all(len(texts) == 1 for texts in headers.values()),
        "nothing came that was not signed": set(headers) <= {nonce for nonce, *_ in signed},
        "every credit recorded once": states["settled"] == len(credited),
        "no credit told twice": len(reported) == len(set(reported)),
        "nothing open, no payment left in the file": states["signed"] + states["refused"] + left == 0,
    }
    return [f"not so: {claim}" for claim, kept in claims.items() if not kept]


def _tell(life: Life, *, kills: int, unsigned: int, posts: int, credited: int, seed: int) -> None:
    signed = life.notes("signed")
    ends = Counter(life.notes("ended"))
    print(f"seed {seed}: {kills} x SIGKILL, {len(signed)} authorisations signed, {posts} posts, {credited} credited "
          f"of ${USD} each; {len(signed) - credited} signed and never sent; {unsigned} deaths between reserving and "
          f"recording a signature")  # fmt: skip
    print(f"calls ended: {dict(ends)}")
