"""What sending 30 MB of local media costs: `VeniceClient.queue` against what is usually done.

    python -m benchmarks.upload [--runs 5] [--quick]

Each run is a fresh process that sends a JSON body with a 30 MB image in it as a `data:` URL, once or eight times
at once, to an aiohttp server in another process that reads the body and throws it away. CPU is the sending
process's own. Lag is how late a task wakes that asks for a millisecond of sleep, while the bodies are sent: `max` and
`p99`; `nothing sent` is the same probe over a quiet loop, so the machine's own noise. Memory is the
highest resident size above the one before sending, after a small request has warmed everything up.
The variants take turns, and the medians over the runs are printed. httpx has a row where it is installed.
"""

import argparse
import asyncio
import base64
import importlib.util
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from venice_async import MediaFile, RateLimits, VeniceClient, VideoRequest

MODEL = "wan-2.6-image-to-video"
IMAGE_BYTES = 30_000_000
"""A little more than fits into the 35 MB of base64 that the API takes, so the real ones cost less."""
LARGE = "large.png"
HEADERS = {"authorization": "Bearer benchmark", "content-type": "application/json"}

Send = Callable[[Path], Awaitable[None]]


def serve(port: Connection) -> None:
    """Read every body in pieces and forget it, until the parent ends this process."""

    async def swallow(request: web.Request) -> web.Response:
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
        return web.json_response({"model": MODEL, "queue_id": f"job-{size}"})

    async def run() -> None:
        app = web.Application(client_max_size=2**30)
        app.router.add_post("/video/queue", swallow)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


async def ours(url: str, work: Callable[[Send], Awaitable[None]]) -> None:
    """The file by its name: read and encoded while it is sent."""
    await _ours(url, work, MediaFile.from_path)


async def ours_from_memory(url: str, work: Callable[[Send], Awaitable[None]]) -> None:
    """The same with bytes that the program holds already, as a web application does."""
    held = MediaFile.from_bytes(_image(), content_type="image/png")
    await _ours(url, work, lambda path: held if path.name == LARGE else MediaFile.from_path(path))


async def ours_as_text(url: str, work: Callable[[Send], Awaitable[None]]) -> None:
    """The same with a `data:` URL that somebody made before."""
    held = "data:image/png;base64," + base64.b64encode(_image()).decode()
    await _ours(url, work, lambda path: held if path.name == LARGE else MediaFile.from_path(path))


async def _ours(url: str, work: Callable[[Send], Awaitable[None]], media: Callable[[Path], MediaFile | str]) -> None:
    limits = RateLimits(queue_per_minute=10**9, failures=10**6)
    async with VeniceClient("benchmark", base_url=url, limits=limits) as venice:
        await asyncio.sleep(0.05)  # the token bucket starts almost empty; a moment fills it at this rate

        async def send(path: Path) -> None:
            await venice.queue(VideoRequest(model=MODEL, prompt="waves", duration="5s", image_url=media(path)))

        await work(send)


def _naive_body(path: Path) -> bytes:
    text = base64.b64encode(path.read_bytes()).decode()
    fields = {"model": MODEL, "prompt": "waves", "duration": "5s", "image_url": f"data:image/png;base64,{text}"}
    return json.dumps(fields).encode()


async def naive(url: str, work: Callable[[Send], Awaitable[None]]) -> None:
    """base64 and json.dumps in the event loop."""
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def send(path: Path) -> None:
            async with session.post(f"{url}/video/queue", data=_naive_body(path)) as response:
                await response.json()

        await work(send)


async def naive_in_thread(url: str, work: Callable[[Send], Awaitable[None]]) -> None:
    """The same two calls in a thread."""
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def send(path: Path) -> None:
            body = await asyncio.to_thread(_naive_body, path)
            async with session.post(f"{url}/video/queue", data=body) as response:
                await response.json()

        await work(send)


async def with_httpx(url: str, work: Callable[[Send], Awaitable[None]]) -> None:
    """The client below most SDKs, used as they use it."""
    httpx: Any = importlib.import_module("httpx")
    async with httpx.AsyncClient(headers=HEADERS, timeout=600) as client:

        async def send(path: Path) -> None:
            (await client.post(f"{url}/video/queue", content=_naive_body(path))).json()

        await work(send)


async def nothing(url: str, work: Callable[[Send], Awaitable[None]]) -> None:
    """A quiet second: what the probe itself and the machine show."""
    del url

    async def send(path: Path) -> None:
        await asyncio.sleep(1.0 if path.name == LARGE else 0)

    await work(send)


VARIANTS: dict[str, Callable[[str, Callable[[Send], Awaitable[None]]], Awaitable[None]]] = {
    "VeniceClient, a file": ours,
    "VeniceClient, bytes in memory": ours_from_memory,
    "VeniceClient, a data: URL as text": ours_as_text,
    "aiohttp, encoded in the loop": naive,
    "aiohttp, encoded in a thread": naive_in_thread,
    "httpx, encoded in the loop": with_httpx,
    "nothing sent": nothing,
}


class Lag:
    """How late the loop wakes a task that sleeps a millisecond at a time, in milliseconds."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def watch(self) -> None:
        while True:
            due = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            self.late.append((time.perf_counter() - due) * 1000)

    def quantile(self, share: float) -> float:
        return sorted(self.late)[min(len(self.late) - 1, int(share * len(self.late)))]


def _resident(mark: str) -> float:
    """`VmRSS`, or its peak `VmHWM`, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(mark):
            return int(line.split()[1]) / 1024
    return 0.0


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measured(variant: str, url: str, folder: Path, at_once: int) -> dict[str, float]:
    """One run of one variant in this process."""
    figures: dict[str, float] = {}

    async def work(send: Send) -> None:
        for _ in range(3):
            await send(folder / "small.png")
        lag = Lag()
        watching = asyncio.ensure_future(lag.watch())
        await asyncio.sleep(0.05)
        lag.late.clear()
        _forget_peak()
        idle, cpu, began = _resident("VmRSS"), _cpu(), time.perf_counter()
        await asyncio.gather(*(send(folder / LARGE) for _ in range(at_once)))
        figures["wall"] = time.perf_counter() - began
        figures["cpu"] = _cpu() - cpu
        figures["memory"] = _resident("VmHWM") - idle
        await asyncio.sleep(0.002)  # the probe wakes once more, however long it was kept from it
        watching.cancel()
        figures["max"], figures["p99"] = lag.quantile(1), lag.quantile(0.99)

    await VARIANTS[variant](url, work)
    return figures


def _image() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * (IMAGE_BYTES // 256) + bytes(IMAGE_BYTES % 256 - 8)


def _run(variant: str, url: str, folder: str, at_once: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.upload", "--worker", variant, url, folder, str(at_once)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def compare(url: str, folder: str, *, runs: int, at_once: int) -> None:
    """Print one table: every variant, `at_once` bodies at a time."""
    present = [name for name in VARIANTS if "httpx" not in name or importlib.util.find_spec("httpx")]
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in present}
    for number in range(runs):
        for name in present if number % 2 else present[::-1]:
            seen[name].append(_run(name, url, folder, at_once))
    print(f"\n{at_once} at once, medians of {runs}\n")
    print("| how | CPU, s | wall, s | lag max, ms | lag p99, ms | memory above idle, MiB |\n|---|---|---|---|---|---|")
    for name, figures in seen.items():
        middle = {key: statistics.median(run[key] for run in figures) for key in figures[0]}
        cells = f"{middle['cpu']:.2f} | {middle['wall']:.2f} | {middle['max']:.1f} | {middle['p99']:.1f}"
        print(f"| {name} | {cells} | {middle['memory']:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one run of each")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        variant, url, folder, at_once = options.worker
        print(json.dumps(asyncio.run(measured(variant, url, Path(folder), int(at_once)))))
        return
    receiver, sender = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(sender,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{receiver.recv()}"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / LARGE).write_bytes(_image())
        (Path(folder) / "small.png").write_bytes(_image()[:1000])
        for at_once in (1, 8):
            compare(url, folder, runs=1 if options.quick else options.runs, at_once=at_once)
    server.terminate()


if __name__ == "__main__":
    main()
