"""Answers that no server should give, over real sockets, to every call: what comes out must be a typed error.

    python -m benchmarks.fuzz [--answers 100000] [--seed 1] [--processes 2]

Wrong is: an error that is not of the package, a call that does not end, a paid call called refused or resent for an
answer that says nothing of the kind, and a secret (the API key or a private link, which the answers repeat back)
in anything that an error carries with it.
"""

import argparse
import asyncio
import gc
import logging
import multiprocessing
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Self

from attrs import define, field

from benchmarks._crash_jobs import API_KEY
from benchmarks._fuzz_answers import Answers
from benchmarks._fuzz_secrets import leaks
from benchmarks._wire_clock import SkippingClock
from benchmarks._wire_peer import QUEUE_ID, TOKEN
from venice_async.client import VeniceClient
from venice_async.errors import APIStatusError, Charge, UnexpectedRedirectError, VeniceError
from venice_async.models import QueuedVideo, QuoteRequest, VideoRequest
from venice_async.transport import Timeouts

PATIENCE = Timeouts(connect=5.0, read=5.0, queue_read=5.0)
REQUEST = VideoRequest(model="m", prompt="A harbour at dawn", duration="5s")


@define(kw_only=True)
class Came:
    """What came out of so many answers."""

    answers: int = 0
    outcomes: Counter[str] = field(factory=Counter)
    wrong: Counter[str] = field(factory=Counter)
    examples: dict[str, bytes] = field(factory=dict)
    seconds: float = 0.0

    def note(self, sentence: str, answer: bytes) -> None:
        """Something that may not be."""
        self.wrong[sentence] += 1
        self.examples.setdefault(sentence, answer)

    def merge(self, other: "Came") -> None:
        """Add what another process came to."""
        self.answers += other.answers
        self.outcomes.update(other.outcomes)
        self.wrong.update(other.wrong)
        self.examples = {**other.examples, **self.examples}
        self.seconds = max(self.seconds, other.seconds)


class _Player:
    """Plays one answer to each request, and ends the connection."""

    def __init__(self) -> None:
        self.answer = b""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.origin = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            await reader.readexactly(int(length.group(1)) if length else 0)
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the caller had enough
        finally:
            writer.close()


async def _retrieve(client: VeniceClient, video: QueuedVideo) -> object:
    async with client.retrieve(video, retry=None) as said:
        return [chunk async for chunk in said] if hasattr(said, "__aiter__") else said


async def _download(client: VeniceClient, video: QueuedVideo) -> object:
    async with client.download(video) as body:
        return [chunk async for chunk in body]


CALLS: Mapping[str, Callable[[VeniceClient, QueuedVideo], Awaitable[object]]] = {
    "queue": lambda client, _: client.queue(REQUEST, retry=None),
    "retrieve": _retrieve,
    "download": _download,
    "complete": lambda client, video: client.complete(QueuedVideo(model="m", queue_id=video.queue_id)),
    "revoke": lambda client, video: client.revoke(video),
    "quote": lambda client, _: client.quote(QuoteRequest(model="m", duration="5s")),
    "models": lambda client, _: client.models(),
}


async def fuzz(*, answers: int, seed: int) -> Came:
    """So many answers, one after the other."""
    rng = random.Random(seed)
    maker, came, began = Answers(rng), Came(), time.monotonic()
    async with _Player() as player:
        while came.answers < answers:
            # A client now and then, so that what one answer teaches its budgets does not last for ever.
            client = VeniceClient(
                API_KEY, base_url=f"{player.origin}/api/v1", clock=SkippingClock(), timeouts=PATIENCE, rng=rng
            )
            async with client:
                for _ in range(min(500, answers - came.answers)):
                    name = rng.choice(list(CALLS))
                    player.answer = maker.make(name)
                    await _one(name, client, player, came)
    came.seconds = time.monotonic() - began
    return came


async def _one(name: str, client: VeniceClient, player: _Player, came: Came) -> None:
    came.answers += 1
    video = QueuedVideo(model="m", queue_id=QUEUE_ID, download_url=f"{player.origin}/media/{TOKEN}")
    try:
        async with asyncio.timeout(60.0):
            await CALLS[name](client, video)
    except VeniceError as error:
        came.outcomes[type(error).__name__] += 1
        _judge(name, error, player.answer, came)
    except TimeoutError:
        came.note(f"{name} does not end", player.answer)
    except Exception as error:  # noqa: BLE001 -- what escapes is what is looked for
        came.note(f"{name} lets {type(error).__name__} escape", player.answer)
    else:
        came.outcomes["answer"] += 1


def _judge(name: str, error: VeniceError, answer: bytes, came: Came) -> None:
    # A link is known to the calls that use it. To the paid call it is news, which its error must not carry on.
    secrets = (API_KEY, TOKEN) if name in {"download", "revoke"} else (API_KEY,)
    for place in leaks(error, secrets):
        came.note(f"{name}: a secret in {place}", answer)
    said_so = isinstance(error, APIStatusError | UnexpectedRedirectError)
    if name == "queue" and error.charge is not Charge.UNVERIFIED and not said_so:
        came.note(f"queue: {type(error).__name__} says {error.charge.value}", answer)


def _run(task: tuple[int, int]) -> Came:
    logging.disable(logging.CRITICAL)
    came = asyncio.run(fuzz(answers=task[0], seed=task[1]))
    gc.collect()
    return came


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    share = options.answers // options.processes
    tasks = [(share, options.seed * 1000 + number) for number in range(options.processes)]
    came = Came()
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for each in pool.imap_unordered(_run, tasks):
            came.merge(each)
    print(f"{came.answers:,} answers in {came.seconds:.0f} s (seed {options.seed}), {came.wrong.total()} wrong\n")
    print("| outcome | number |\n|---|---|")
    for outcome, number in came.outcomes.most_common():
        print(f"| {outcome} | {number:,} |")
    for sentence, number in came.wrong.most_common(40):
        print(f"\nWRONG {number} times: {sentence}\n  first: {came.examples[sentence][:300]!r}")
    sys.exit(bool(came.wrong))


if __name__ == "__main__":
    main()
