"""Thousands of hostile 402s against a top-up of 10 dollars under a cap of 20: what was signed, and was it right?

    python -m benchmarks.hostile_offers offers [--runs 3000] [--parallel 100] [--managers 200] [--seed 1]
    python -m benchmarks.hostile_offers kills [--top-ups 25] [--seed 1]

`offers` plays seeded scenarios over a real socket: offers with mutated fields, structure and text, several entries,
body against header, redirects; after a payment redirects, refusals, 409 or 500 for ever, false successes, silence,
another 402; lies about balance and transactions. A scenario is met by two top-ups one after the other, or
(`--parallel`) by a hundred at once, or (`--managers`) by a `JobManager` with a policy. The truth is every signature
that the wallet was asked for, and every payment that reached the server. `kills` kills a process that tops up
(SIGKILL, random instants) and starts it again. Exits with 1 where anything was signed or shown that must not be.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from benchmarks._hostile_answers import Scenario, scenario
from benchmarks._hostile_kills import kill_campaign
from benchmarks._hostile_offers import PAYEE, THIEF
from benchmarks._hostile_server import HostileServer, read_payment
from benchmarks._hostile_wallet import Ears, Witness, leaks, listening, shown, witness
from venice_async import JobManager, JobState, SystemClock, VeniceClient, VideoRequest
from venice_async.errors import SignerError, VeniceError
from venice_async.manager.job import Job
from venice_async.models import TopUp
from venice_async.payments import TopUpPolicy

SPEED = 200.0
CAP = 20
AT_ONCE = 16
PAYEES = (PAYEE, THIEF, "0x" + "c4" * 20)
POLICY = TopUpPolicy(usd=10, per_payment_usd=10, per_day_usd=20, total_usd=20)
Play = Callable[[VeniceClient, Path], Awaitable[list[Any]]]


@define(kw_only=True)
class Count:
    """What came of a kind of run."""

    runs: int = 0
    signed: int = 0
    most_usd: float = 0.0
    posts: int = 0
    hopeless: int = 0
    ends: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)

    def add(self, played: Scenario, signer: Witness, posted: list[str], ends: list[Any]) -> None:
        """One run more."""
        self.runs += 1
        self.signed += len(signer.nonces)
        self.most_usd = max(self.most_usd, signer.usd)
        self.posts += len(posted)
        self.hopeless += played.hopeless
        self.ends.update(end if isinstance(end, str) else type(end).__name__ for end in ends)


async def one_by_one(client: VeniceClient, folder: Path) -> list[Any]:
    """Two top-ups, one after the other: the second meets what the first has left."""
    del folder
    return [await _top_up(client) for _ in range(2)]


async def at_once(client: VeniceClient, folder: Path) -> list[Any]:
    """A hundred at the same time, under one cap."""
    del folder
    return list(await asyncio.gather(*(_top_up(client) for _ in range(100))))


async def managed(client: VeniceClient, folder: Path) -> list[Any]:
    """Three jobs whose paid calls are refused with 402 for ever, and a policy: in the end a person has to look."""
    request = VideoRequest(model="longcat-distilled-text-to-video", prompt="a wave", duration="5s", aspect_ratio="16:9")
    async with JobManager(client, ledger=folder / "jobs.sqlite3", output_dir=folder, top_up=POLICY) as jobs:
        mine = [await jobs.submit(request, check=False) for _ in range(3)]
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.gather(*(_held(job) for job in mine))
    return [f"job {job.state.name} for {type(getattr(job.error, 'problem', None)).__name__}" for job in mine]


async def _held(job: Job) -> None:
    async for _ in job.events():
        if job.state is JobState.HELD:
            return


async def _top_up(client: VeniceClient) -> Any:
    try:
        return await client.wallet.top_up(10, cap_usd=CAP)
    except VeniceError as error:
        return error


async def run(server: HostileServer, played: Scenario, *, play: Play, count: Count, ears: Ears) -> None:
    """One scenario, played and judged."""
    signer = witness(random.Random(f"key {played.number}"))
    heard = len(ears.heard)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with VeniceClient(
            auth=signer.auth(by_callback=played.number % 2 == 0),
            base_url=server.play(played, signer.address),
            clock=SystemClock(speed=SPEED),
            payments=folder / "payments.sqlite3",
            rng=random.Random(played.number),
        ) as client:
            ends = await play(client, folder)
    posted = server.payments[played.number]
    count.add(played, signer, posted, ends)
    count.wrong += [f"{fault} ({played})" for fault in _faults(played, signer, posted, ends)]
    texts = [shown(end) if isinstance(end, BaseException) else repr(end) for end in ends]
    count.wrong += [f"{leak} ({played})" for leak in leaks([*texts, *ears.heard[heard:]], signer, posted)]


def _faults(played: Scenario, signer: Witness, posted: list[str], ends: list[Any]) -> list[str]:
    found = [fault for signature in signer.signatures for fault in signature.faults(signer.address, PAYEES)]
    if signer.usd > CAP:
        found.append(f"${signer.usd:g} signed under a cap of ${CAP}")
    if played.hopeless and signer.signatures:
        found.append("signed for an offer that nobody may accept")
    sent = {read_payment(each)["payload"]["authorization"]["nonce"].lower() for each in posted}
    if not sent <= signer.nonces:
        found.append("a payment that the wallet was not asked for")
    if len(signer.signatures) != len(signer.nonces):
        found.append("one nonce signed twice")
    # A signature that came after the offer's few seconds is thrown away: the call says so, and nothing was sent.
    over = sum(isinstance(end, TopUp | SignerError) for end in ends)
    if len(ends) == 2 and len(signer.nonces) > over + 1:
        found.append("a new payment beside one that is open")
    return found


async def campaign(kinds: dict[str, tuple[int, Play]], seed: int) -> bool:
    """All runs of all kinds; whether everything was as it should be."""
    ears = listening()
    print("| runs | how | authorisations signed | at most in one run, USD | posts | nothing to accept | seconds |")
    print("|---|---|---|---|---|---|---|")
    counts, first = {}, 1
    async with HostileServer() as server:
        for kind, (runs, play) in kinds.items():
            began, count = time.perf_counter(), Count()
            scenarios = (scenario(number, seed) for number in range(first, first + runs))
            await _many(scenarios, partial(run, server, play=play, count=count, ears=ears))
            first, counts[kind] = first + runs, count
            print(f"| {count.runs} | {kind} | {count.signed} | {count.most_usd:g} | {count.posts} | {count.hopeless} | "
                  f"{time.perf_counter() - began:.0f} |", flush=True)  # fmt: skip
        stolen = [each for each in server.stolen if len(each) > 200]
    for kind, count in counts.items():
        print(f"\n{kind}: {', '.join(f'{n} {end}' for end, n in count.ends.most_common())}")
    wrong = [each for count in counts.values() for each in count.wrong] + ["a payment followed a redirect"] * len(
        stolen
    )
    print(f"\n{server.requests} requests, {len(ears.heard)} log records, {len(wrong)} wrong")
    for each in wrong[:20]:
        print(f"WRONG: {each}")
    return not wrong


async def _many(scenarios: Iterator[Scenario], play: Callable[[Scenario], Awaitable[None]]) -> None:
    async def worker() -> None:
        for each in scenarios:
            await play(each)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["offers", "kills"])
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--managers", type=int, default=200)
    parser.add_argument("--top-ups", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.what == "kills":
        sys.exit(0 if kill_campaign(chosen.top_ups, chosen.seed) else 1)
    print(f"seed {chosen.seed}\n")
    kinds: dict[str, tuple[int, Play]] = {
        "two top-ups, one by one": (chosen.runs, one_by_one),
        "100 top-ups at once": (chosen.parallel, at_once),
        "JobManager with a policy": (chosen.managers, managed),
    }
    sys.exit(0 if asyncio.run(campaign(kinds, chosen.seed)) else 1)


if __name__ == "__main__":
    main()
