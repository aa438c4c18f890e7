"""One contender of the download benchmark in a process of its own: fetch, measure, print a line of JSON.

    python -m benchmarks._bytes_clients NAME URL FOLDER COUNT

Each leaves COUNT whole files in FOLDER that are safe on the disk (fsync). The clock starts when everything is
imported, and CPU is that of all threads; memory is what the peak adds to the idle process.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import aiofiles
import aiohttp

from venice_async import QueuedVideo, VeniceClient, download
from venice_async.disk import DiskPool

Contender = Callable[[str, list[Path]], Awaitable[None]]


async def ours(url: str, paths: list[Path]) -> None:
    """The way of every job: `VeniceClient.download`, `receive`, `publish`."""
    video = QueuedVideo(model="benchmark", queue_id="benchmark", download_url=url)
    async with VeniceClient("benchmark", base_url="http://127.0.0.1:1") as venice:
        with DiskPool() as pool:

            async def one(path: Path) -> None:
                async with venice.download(video) as body:
                    part = await download.receive(
                        aiter(body), path.with_suffix(".part"), pool=pool, expected_size=body.content_length
                    )
                await download.publish(part, path, pool=pool)

            await asyncio.gather(*map(one, paths))


async def ours_unhashed(url: str, paths: list[Path]) -> None:
    """The same without the SHA-256, which curl does not take either: to see what the rest costs."""
    no_digest = SimpleNamespace(update=lambda _chunk: None, hexdigest=lambda: "")
    vars(download)["hashlib"] = SimpleNamespace(sha256=lambda: no_digest)
    await ours(url, paths)


async def bare(url: str, paths: list[Path]) -> None:
    """The shortest aiohttp loop: each chunk as it comes, written in the event loop."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:

        async def one(path: Path) -> None:
            with path.open("wb") as file:
                async with session.get(url) as response:
                    async for chunk in response.content.iter_any():
                        file.write(chunk)
                file.flush()
                os.fsync(file.fileno())

        await asyncio.gather(*map(one, paths))


async def chunked(url: str, paths: list[Path]) -> None:
    """What tutorials show: aiofiles, one thread hop for each chunk of 64 KiB."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:

        async def one(path: Path) -> None:
            async with aiofiles.open(path, "wb") as file:
                async with session.get(url) as response:
                    async for chunk in response.content.iter_chunked(65_536):
                        await file.write(chunk)
                await file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())

        await asyncio.gather(*map(one, paths))


async def httpx_chunked(url: str, paths: list[Path]) -> None:
    """The same with httpx, where it is installed."""
    httpx = importlib.import_module("httpx")
    async with httpx.AsyncClient(timeout=None) as client:

        async def one(path: Path) -> None:
            async with aiofiles.open(path, "wb") as file:
                async with client.stream("GET", url) as response:
                    async for chunk in response.aiter_bytes(2**20):
                        await file.write(chunk)
                await file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())

        await asyncio.gather(*map(one, paths))


CONTENDERS: dict[str, Contender] = {
    "venice-async": ours,
    "venice-async, no sha256": ours_unhashed,
    "aiohttp, blocking write": bare,
    "aiohttp + aiofiles, 64 KiB": chunked,
    "httpx + aiofiles, 1 MiB": httpx_chunked,
}


def available() -> list[str]:
    """The contenders whose libraries are installed."""
    return [name for name in CONTENDERS if "httpx" not in name or importlib.util.find_spec("httpx") is not None]


async def measure(contender: Contender, url: str, paths: list[Path]) -> dict[str, float]:
    """Run a contender once, beside a task that looks how late the event loop is."""
    lags: list[float] = []

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - began - 0.005)

    watching = asyncio.create_task(watch())
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # noqa: ASYNC240 -- resets the peak; nothing runs yet
    idle, wall, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
    await contender(url, paths)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    watching.cancel()
    lags.sort()
    late = lags[int(len(lags) * 0.99)] if lags else 0.0
    return {
        "wall": wall,
        "cpu": cpu,
        "peak": memory("VmHWM") - idle,
        "late": late * 1e3,
        "latest": max(lags, default=0.0) * 1e3,
    }


def memory(field: str, process: int | str = "self") -> float:
    """A process's `VmRSS` or `VmHWM` in MiB; 0 where the platform does not say."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    paths = [options.folder / f"{number}.mp4" for number in range(options.count)]
    print(json.dumps(asyncio.run(measure(CONTENDERS[options.name], options.url, paths))))


if __name__ == "__main__":
    main()
