"""The two processes of a batch by wallet: the server that remembers everything, and the program that may be killed."""

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any

from attrs import frozen

from venice_async import JobManager, SystemClock, VeniceClient, VideoRequest
from venice_async.emulator import Emulator, SlowFault, in_background
from venice_async.errors import VeniceError
from venice_async.signin import WalletAuth

MODEL = "longcat-distilled-text-to-video"
SIZE = 200_000
SPAWN = multiprocessing.get_context("spawn")


@frozen(kw_only=True)
class Setting:
    """What both processes are told. `wallet` is a key that is worth nothing; without it the batch has an API key."""

    wallet: str | None
    jobs: int
    seed: int
    time_scale: float
    latency: float

    def prompt(self, number: int) -> str:
        """What a job asks for: it tells jobs apart at the server."""
        return f"Wave number {number} on a grey sea"


@frozen(kw_only=True)
class Seen:
    """What the server remembers."""

    queue_ids: Mapping[str, str]
    """By prompt."""
    taken: int
    charges: tuple[str, ...]
    statuses: Mapping[int, int]
    nonces: tuple[str, ...]
    signed: int
    """How many requests named a wallet."""
    most_in_flight: int
    left: Decimal | None

    @property
    def reused(self) -> int:
        """How many nonces came more than once."""
        return len(self.nonces) - len(set(self.nonces))


def serve(port: Connection, setting: Setting) -> None:
    """Serve until the parent says "stop"; any other word is answered with what was seen."""
    slow = [SlowFault(delay=setting.latency)] if setting.latency else []
    wallets: dict[str, Any] = {"wallets": {WalletAuth(setting.wallet).address: 1000}} if setting.wallet else {}
    emulator = Emulator(
        clips="plain", video_size=SIZE, time_scale=setting.time_scale, seed=setting.seed, faults=slow, **wallets
    )
    with in_background(emulator):
        port.send(emulator.url)
        while port.recv() != "stop":
            port.send(_seen(emulator))


def _seen(emulator: Emulator) -> Seen:
    requests = emulator.requests
    wallets = list(emulator.wallets.values())
    return Seen(
        queue_ids={job.prompt: job.queue_id for job in emulator.jobs},
        taken=len(emulator.jobs),
        charges=tuple(charge.queue_id for charge in emulator.charges),
        statuses=Counter(request.status for request in requests),
        nonces=tuple(request.nonce for request in requests if request.nonce is not None),
        signed=sum(request.wallet is not None for request in requests),
        most_in_flight=max((wallet.most_in_flight for wallet in wallets), default=0),
        left=wallets[0].credit_usd if wallets else None,
    )


class Server:
    """An emulator in a process of its own."""

    def __init__(self, setting: Setting) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=serve, args=(theirs, setting), daemon=True)
        self._process.start()
        self.url: str = self._pipe.recv()

    def seen(self) -> Seen:
        """What it remembers by now."""
        self._pipe.send("tell")
        found: Seen = self._pipe.recv()
        return found

    def stop(self) -> None:
        self._pipe.send("stop")
        self._process.join()


@contextmanager
def server(setting: Setting) -> Iterator[Server]:
    """One, until the block ends."""
    running = Server(setting)
    try:
        yield running
    finally:
        running.stop()


def work(setting: Setting, url: str, folder: str, known: Mapping[str, str]) -> None:
    """The process that may be killed: submits every job by its key and waits for all. `known` is as in `resolve`."""
    asyncio.run(_work(setting, url, folder, known))


async def _work(setting: Setting, url: str, folder: str, known: Mapping[str, str]) -> None:
    auth = WalletAuth(setting.wallet) if setting.wallet else None
    options: dict[str, Any] = {"payments": f"{folder}/payments.sqlite3"} if auth else {"api_key": "benchmark"}
    clock = SystemClock(speed=setting.time_scale)
    async with (
        VeniceClient(auth=auth, base_url=url, clock=clock, **options) as venice,
        JobManager(venice, ledger=f"{folder}/jobs.sqlite3", output_dir=f"{folder}/videos") as jobs,
    ):
        await resolve(jobs, known)
        mine = [await jobs.submit(request_of(setting, n), key=f"wave-{n:05}") for n in range(setting.jobs)]
        for job in mine:
            with suppress(VeniceError):
                await job


def request_of(setting: Setting, number: int) -> VideoRequest:
    """Jobs that are all alike but for their prompts."""
    return VideoRequest(model=MODEL, prompt=setting.prompt(number), duration="5s", aspect_ratio="16:9")


async def resolve(jobs: JobManager, known: Mapping[str, str]) -> None:
    """Say of each job of unknown outcome what the server knows, as a person would who looked at the account."""
    for job in jobs.unknown():
        queue_id = known.get(job.key)
        await jobs.resolve(job, "adopt" if queue_id else "resubmit", queue_id=queue_id)
