"""What one poll costs: `VeniceClient.retrieve` against a bare aiohttp loop, side by side.

    python -m benchmarks.poll_overhead [--requests 4000] [--rounds 5]

Both send the same POST to the same server, a process of its own on loopback that answers
"processing". CPU is the client process's own, in microseconds per request; the ratio of each round
compares two runs that follow each other directly, and the median over the rounds is printed.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import aiohttp

from venice_async import Processing, QueuedVideo, RateLimits, VeniceClient

ANSWER = json.dumps({"status": "PROCESSING", "average_execution_time": 145000, "execution_duration": 53200}).encode()
REPLY = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-ratelimit-limit-requests: 1000000000\r\n"
    b"x-ratelimit-remaining-requests: 999999999\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
) + ANSWER
VIDEO = QueuedVideo(model="wan-2.6-text-to-video", queue_id="123e4567-e89b-12d3-a456-426614174000")
BODY = {"model": VIDEO.model, "queue_id": VIDEO.queue_id}

Poll = Callable[[], Awaitable[None]]


class AnswersAtOnce(asyncio.Protocol):
    """A server so small that the client is what is measured."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._waiting = b""

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while b"\r\n\r\n" in self._waiting:
            head, _, rest = self._waiting.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(rest) < length:
                return
            self._waiting = rest[length:]
            self._transport.write(REPLY)


def serve(port: Connection) -> None:
    """Serve until the parent ends this process."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(AnswersAtOnce, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def bare(url: str, requests: int, tasks: int) -> float:
    """CPU microseconds a request of a plain aiohttp loop that does the least anybody would do."""
    headers = {"authorization": "Bearer benchmark"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def poll() -> None:
            async with session.post(f"{url}/video/retrieve", json=BODY) as response:
                answer = await response.json()
                assert answer["status"] == "PROCESSING"

        return await cpu_per_request(poll, requests, tasks)


async def ours(url: str, requests: int, tasks: int) -> float:
    """CPU microseconds a request of `VeniceClient.retrieve`, with limits that never make it wait."""
    limits = RateLimits(retrieve_per_minute=10**9, failures=10**6)
    async with VeniceClient("benchmark", base_url=url, limits=limits) as venice:
        # The token bucket starts almost empty; a moment fills it at this rate.
        await asyncio.sleep(0.05)

        async def poll() -> None:
            async with venice.retrieve(VIDEO) as answer:
                assert isinstance(answer, Processing)

        return await cpu_per_request(poll, requests, tasks)


async def cpu_per_request(poll: Poll, requests: int, tasks: int) -> float:
    """Run `poll` that often, spread over so many tasks, after a few to warm up."""

    async def some(count: int) -> None:
        for _ in range(count):
            await poll()

    await some(20)
    began = time.process_time()
    await asyncio.gather(*(some(requests // tasks) for _ in range(tasks)))
    return (time.process_time() - began) / (requests // tasks * tasks) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    receiver, sender = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(sender,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{receiver.recv()}"
    print("| tasks | bare aiohttp, us CPU | VeniceClient, us CPU | ratio |\n|---|---|---|---|")
    for tasks in (1, 50):
        rounds = [
            (asyncio.run(bare(url, options.requests, tasks)), asyncio.run(ours(url, options.requests, tasks)))
            for _ in range(options.rounds)
        ]
        plain, typed = (statistics.median(side) for side in zip(*rounds, strict=True))
        ratio = statistics.median(mine / theirs for theirs, mine in rounds)
        print(f"| {tasks} | {plain:.0f} | {typed:.0f} | {ratio:.2f} |")
    server.terminate()


if __name__ == "__main__":
    main()
