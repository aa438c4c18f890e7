"""What a crowd of waiting jobs costs: memory per job, CPU per request, and how long the event loop is ever held.

    python -m benchmarks.crowd [--jobs 10000] [--seconds 20] [--time-scale 50]

A real `JobManager` takes that many queued jobs from its ledger, with ages of every kind, and polls
them within the limits. The transport answers "processing" at once without a socket, so what is
measured is our own work: choosing, sending, reading, learning. Each figure is also given for a
hundred jobs: the difference is the crowd's. Loop lag is how much later than asked a task that
sleeps 5 ms wakes; "idle" is the same without a manager.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import random
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from attrs import frozen

from venice_async import (
    Charge,
    JobManager,
    JobRecord,
    JobState,
    SqliteLedger,
    SystemClock,
    VeniceClient,
    VideoRequest,
)
from venice_async.transport import Reply
from venice_async.wire.exchange import Call, ReplyHead
from venice_async.wire.stored import request_to_text

P80 = 400.0
MODELS = tuple(f"model-{number}" for number in range(8))


class StillProcessing:
    """A `Transport` whose every answer is "processing", told at once."""

    def __init__(self) -> None:
        self.calls = 0

    @property
    def head(self) -> ReplyHead:
        return ReplyHead(status=200, headers={"content-type": "application/json"})

    def send(self, call: Call) -> AbstractAsyncContextManager[Reply]:
        self.calls += 1
        return contextlib.nullcontext(self)

    async def chunks(self) -> AsyncIterator[bytes]:
        yield json.dumps({"status": "PROCESSING", "average_execution_time": P80 * 1000}).encode()

    async def aclose(self) -> None:
        """Nothing is open."""


@frozen(kw_only=True)
class Cost:
    """What one run cost."""

    kilobytes_per_job: float
    cpu_per_request: float
    lag_p99: float
    lag_max: float


async def fill_ledger(path: str, jobs: int) -> None:
    """Queued jobs, the oldest almost at the P80."""
    rng = random.Random(1)
    ledger = SqliteLedger(path)
    await ledger.open()
    now = time.time()
    records = []
    for number in range(jobs):
        request = VideoRequest(model=rng.choice(MODELS), prompt=f"scene {number}", duration="5s", aspect_ratio="16:9")
        records.append(
            JobRecord(
                id=f"{number:016x}",
                key=f"scene-{number}",
                model=request.model,
                request=request_to_text(request),
                output=f"/videos/scene-{number}.mp4",
                state=JobState.QUEUED,
                queue_id=f"00000000-0000-4000-8000-{number:012d}",
                queued_at=now - rng.uniform(0, 0.9) * P80,
                created_at=now,
                charge=Charge.CHARGED,
            )
        )
    await asyncio.gather(*(ledger.add(record) for record in records))
    await ledger.aclose()


async def lags(seconds: float) -> list[float]:
    """By how much each of many short sleeps was late, in seconds."""
    found = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        await asyncio.sleep(0.005)
        found.append(max(0.0, time.perf_counter() - began - 0.005))
    return sorted(found)


async def run(jobs: int, *, seconds: float, time_scale: float) -> Cost:
    """One manager over so many jobs."""
    transport = StillProcessing()
    with tempfile.TemporaryDirectory() as folder:
        await fill_ledger(f"{folder}/jobs.sqlite3", jobs)
        client = VeniceClient(
            "benchmark", base_url="http://127.0.0.1:9/", transport=transport, clock=SystemClock(speed=time_scale)
        )
        gc.collect()
        tracemalloc.start()
        async with JobManager(client, ledger=f"{folder}/jobs.sqlite3", output_dir=folder) as manager:
            gc.collect()
            memory = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            assert len(manager.jobs()) == jobs
            await asyncio.sleep(1.0)
            before, asked = time.process_time(), transport.calls
            late = await lags(seconds)
            cpu = (time.process_time() - before) / max(1, transport.calls - asked)
    return Cost(
        kilobytes_per_job=memory / jobs / 1000,
        cpu_per_request=cpu * 1e6,
        lag_p99=late[int(0.99 * (len(late) - 1))] * 1e3,
        lag_max=late[-1] * 1e3,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--time-scale", type=float, default=50.0)
    options = parser.parse_args()
    idle = asyncio.run(lags(options.seconds / 4))
    print(f"idle loop: lag p99 {idle[int(0.99 * (len(idle) - 1))] * 1e3:.1f} ms, at most {idle[-1] * 1e3:.1f} ms\n")
    print("| jobs | kB per waiting job | CPU us per request | loop lag p99, ms | at most, ms |\n|---|---|---|---|---|")
    for jobs in (100, options.jobs):
        cost = asyncio.run(run(jobs, seconds=options.seconds, time_scale=options.time_scale))
        figures = (cost.kilobytes_per_job, cost.cpu_per_request, cost.lag_p99, cost.lag_max)
        print(f"| {jobs} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |", flush=True)


if __name__ == "__main__":
    main()
