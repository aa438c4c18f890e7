"""Every way to break a wire, against every call: what came out, and whether it may have.

    python -m benchmarks.wire_faults [--verbose]

Each call meets the fault once, over real sockets; after it the server is well. `resent` and `repeated` say that
the call was sent again and succeeded, `unknown` that a paid call was not sent again and says that it may have been
charged, `refused` that the server refused it, `raised` that a free call was left to the caller. A paid call must be
sent again after no fault that leaves open whether it was taken, and after every one that does not.
"""

import argparse
import asyncio
import contextlib
import logging
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from attrs import field, frozen

from benchmarks._crash_jobs import API_KEY
from benchmarks._wire_clock import SkippingClock
from benchmarks._wire_peer import FAULTS, GOOD, QUEUE_ID, Fault, Peer, behave_well
from benchmarks._wire_statuses import status_table
from venice_async.client import VeniceClient
from venice_async.errors import APIConnectionError, APIStatusError, Charge, ConnectError, VeniceError
from venice_async.models import MediaFile, QueuedVideo, QuoteRequest, VideoRequest
from venice_async.transport import Timeouts

SMALL = VideoRequest(model="m", prompt="A harbour at dawn", duration="5s")
BIG = VideoRequest(
    model="m", prompt="A harbour", image_url=MediaFile.from_bytes(bytes(24 * 2**20), content_type="image/png")
)


class Linking(Protocol):
    """Whoever knows a private link."""

    @property
    def link(self) -> str: ...


Run = Callable[[VeniceClient, Linking], Awaitable[object]]


def _video(peer: Linking, *, link: bool = False) -> QueuedVideo:
    return QueuedVideo(model="m", queue_id=QUEUE_ID, download_url=peer.link if link else None)


async def _retrieve(client: VeniceClient, peer: Linking) -> object:
    async with client.retrieve(_video(peer)) as said:
        return said


async def _download(client: VeniceClient, peer: Linking) -> object:
    async with client.download(_video(peer, link=True)) as body:
        return b"".join([chunk async for chunk in body])


CALLS: Mapping[str, tuple[str, Run]] = {
    "queue": ("queue", lambda client, _: client.queue(SMALL)),
    "queue 24 MB": ("queue", lambda client, _: client.queue(BIG)),
    "retrieve": ("retrieve", _retrieve),
    "download": ("download", _download),
    "complete": ("complete", lambda client, peer: client.complete(_video(peer))),
    "revoke": ("revoke", lambda client, peer: client.revoke(_video(peer, link=True))),
    "quote": ("quote", lambda client, _: client.quote(QuoteRequest(model="m", duration="5s"))),
    "models": ("models", lambda client, _: client.models()),
}
"""What is called: the endpoint that answers, and the call."""


@frozen(kw_only=True)
class Result:
    """One call against one fault."""

    call: str
    fault: str
    reused: bool
    outcome: str
    hits: int
    allowed: tuple[str, ...]
    error: VeniceError | None = field(default=None, repr=False)

    @property
    def wrong(self) -> bool:
        """Whether this may not be."""
        return self.outcome not in self.allowed


def _outcome(call: str, error: BaseException | None, hits: int) -> str:
    if error is None:
        return "good" if hits <= 1 else ("resent" if call.startswith("queue") else "repeated")
    if not isinstance(error, VeniceError):
        return f"escaped: {type(error).__name__}"
    if call.startswith("queue") and error.charge is Charge.UNVERIFIED:
        return "unknown" if hits <= 1 else "unknown, sent twice"
    if isinstance(error, ConnectError):
        return "not connected"
    return "refused" if isinstance(error, APIStatusError) and error.status == 413 else "raised"


async def _attempt(run: Run, client: VeniceClient, peer: Linking) -> BaseException | None:
    try:
        async with asyncio.timeout(20.0):
            await run(client, peer)
    except BaseException as error:  # noqa: BLE001 -- whatever it is, is the result
        return error
    return None


async def meet(call: str, fault: Fault, *, reused: bool) -> Result:
    """One call against one fault, on a fresh or on a kept connection."""
    endpoint, run = CALLS[call]
    async with (
        Peer(GOOD[endpoint], fault=fault.behave, healthy_first=int(reused)) as peer,
        _client(peer.url, fault.patience) as client,
    ):
        if reused:
            await run(client, peer)
        error = await _attempt(run, client, peer)
        allowed = (fault.paid_big if "24" in call else ()) or fault.paid if endpoint == "queue" else fault.free
        if fault.name == "cut after the queue_id" and endpoint != "queue":
            allowed = ("repeated", "raised")
        if endpoint == "revoke":
            allowed = (*allowed, "good")  # its answer has no body that could be missed
        return Result(
            call=call, fault=fault.name, reused=reused, outcome=_outcome(call, error, peer.hits), hits=peer.hits,
            allowed=allowed, error=error if isinstance(error, VeniceError) else None,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def _client(url: str, patience: float) -> AsyncIterator[VeniceClient]:
    timeouts = Timeouts(connect=patience, read=patience, queue_read=patience)
    async with VeniceClient(API_KEY, base_url=url, clock=SkippingClock(), timeouts=timeouts) as client:
        yield client


async def unconnected(call: str) -> list[Result]:
    """Nobody there, a full backlog, a certificate that nobody trusts, and no TLS where it is due."""
    endpoint, run = CALLS[call]
    results = []
    async with contextlib.AsyncExitStack() as stack:
        for name, url in await _unreachable(stack, endpoint):
            async with _client(url, 0.3) as client:
                error = await _attempt(run, client, _Elsewhere(url))
            proof = getattr(error, "proof", None)
            outcome = _outcome(call, error, 0) if proof or not call.startswith("queue") else "no proof"
            results.append(
                Result(
                    call=call, fault=name, reused=False, outcome=outcome, hits=0, allowed=("not connected",),
                    error=error if isinstance(error, APIConnectionError) else None,
                )
            )  # fmt: skip
    return results


@frozen
class _Elsewhere:
    """Stands where a peer would tell its link."""

    url: str

    @property
    def link(self) -> str:
        return self.url.replace("/api/v1", "/media/x")


async def _unreachable(stack: contextlib.AsyncExitStack, endpoint: str) -> list[tuple[str, str]]:
    nobody = stack.enter_context(socket.socket())
    nobody.bind(("127.0.0.1", 0))
    found = [("refused", f"http://127.0.0.1:{nobody.getsockname()[1]}/api/v1")]
    full = stack.enter_context(socket.socket())
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    for _ in range(3):  # what does not fit into its backlog waits for ever
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            waiting.connect(full.getsockname())
    found.append(("no answer to SYN", f"http://127.0.0.1:{full.getsockname()[1]}/api/v1"))
    plain = await stack.enter_async_context(Peer(GOOD[endpoint], fault=behave_well))
    found.append(("no TLS", plain.url.replace("http:", "https:")))
    if (context := _untrusted(stack)) is not None:
        secret = await stack.enter_async_context(Peer(GOOD[endpoint], fault=behave_well, tls=context))
        found.append(("untrusted certificate", secret.url))
    return found


def _untrusted(stack: contextlib.AsyncExitStack) -> ssl.SSLContext | None:
    if (openssl := shutil.which("openssl")) is None:
        return None
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    pair = (str(Path(folder) / "cert.pem"), str(Path(folder) / "key.pem"))
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-out", pair[0], "-keyout", pair[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


async def campaign(*, calls: Mapping[str, Any] = CALLS, faults: tuple[Fault, ...] = FAULTS) -> list[Result]:
    """All of it."""
    results = []
    for call in calls:
        results += await unconnected(call)
        for fault in faults:
            # A paid call never reuses a connection, so there the two must not differ either.
            results += [await meet(call, fault, reused=reused) for reused in (False, True)]
    return results


def _print_table(results: list[Result]) -> None:
    calls = list(dict.fromkeys(result.call for result in results))
    cells: dict[tuple[str, str], list[str]] = {}
    for result in results:
        cells.setdefault((result.fault, result.call), []).append(result.outcome + (" (!)" if result.wrong else ""))
    print("| fault | " + " | ".join(calls) + " |")
    print("|---" * (len(calls) + 1) + "|")
    for fault in dict.fromkeys(result.fault for result in results):
        row = [" / ".join(dict.fromkeys(cells.get((fault, call), ["-"]))) for call in calls]
        print(f"| {fault} | " + " | ".join(row) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verbose", action="store_true", help="print what is wrong, with its error")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    results = asyncio.run(campaign())
    _print_table(results)
    wrong = [result for result in results if result.wrong]
    print(f"\n{len(results)} exchanges, {len(wrong)} not as they must be")
    for result in wrong if options.verbose else ():
        print(result, repr(result.error), result.error)
    statuses, mistakes = asyncio.run(status_table())
    print(f"\n{statuses.total():,} statuses and bodies, {len(mistakes)} not as they must be\n")
    _print_statuses(statuses)
    print("\n".join(mistakes[:20]))
    sys.exit(bool(wrong or mistakes))


def _print_statuses(statuses: Counter[str]) -> None:
    """What became of the paid call and of retrieve, whose answers decide what a job does."""
    print("| call | what follows | answers |\n|---|---|---|")
    for word, number in statuses.most_common():
        call, _, what = word.partition(" ")
        if call in {"queue", "retrieve"}:
            print(f"| {call} | {what} | {number:,} |")


if __name__ == "__main__":
    main()
