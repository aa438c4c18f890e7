"""What the SQLite ledger costs: how long until an intent is durable, CPU per job, and how long a start takes.

    python -m benchmarks.ledger [--jobs 1000] [--folder FOLDER]

Every figure is of real, durable commits in FOLDER (the system's folder for temporary files unless
told otherwise; on a memory file system they would be too good). Loop lag is how much later than
asked a task that sleeps 2 ms wakes while the ledger is at work.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from venice_async import Charge, JobRecord, JobState, SqliteLedger, VideoRequest
from venice_async.wire.stored import request_to_text

REQUEST = request_to_text(VideoRequest(model="model", prompt="A lighthouse in a storm. " * 20, duration="5s"))


def record(number: int, **changes: Any) -> JobRecord:
    """A new job of ordinary size."""
    return JobRecord(
        id=f"{number:016x}",
        key=f"scene-{number}",
        model="model",
        request=REQUEST,
        output=f"/videos/{number}.mp4",
        created_at=1000.0 + number,
        **changes,
    )


async def life(ledger: SqliteLedger, number: int) -> None:
    """One insert and the five moves of a job without trouble, each durable before the next."""
    job = await ledger.add(record(number))
    job = await ledger.move(job, state=JobState.QUEUEING, attempt=1, queueing_at=2.0)
    job = await ledger.move(job, state=JobState.QUEUED, queue_id=f"q-{number}", charge=Charge.CHARGED, queued_at=3.0)
    job = await ledger.move(job, state=JobState.DOWNLOADING, part=f"/videos/.{number}.part")
    job = await ledger.move(job, size=5_000_000, sha256="ab" * 32)
    await ledger.move(job, state=JobState.COMPLETED, part=None, finished_at=4.0)


async def lag_during(work: Coroutine[Any, Any, Any]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds of the whole process, and the greatest loop lag while some work is done."""
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.002)
            worst = max(worst, time.perf_counter() - began - 0.002)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.05)
    worst = 0.0
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    await asyncio.sleep(0)
    watching.cancel()
    return wall, cpu, worst


async def at_once(path: Path, jobs: int) -> None:
    """All intents at the same moment, as a batch brings them."""
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.join()
    records = [record(number) for number in range(jobs)]
    wall, cpu, lag = await lag_during(_all(ledger.add(each) for each in records))
    show(f"{jobs} intents at once, until all are durable", f"{wall * 1e3:.0f} ms")
    show("  CPU per intent", f"{cpu / jobs * 1e6:.0f} us")
    show("  loop lag, at most", f"{lag * 1e3:.1f} ms")
    await ledger.aclose()


async def one_by_one(path: Path, jobs: int) -> None:
    """Each intent by itself, as a web application brings them."""
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.join()
    waits = []
    for number in range(jobs):
        began = time.perf_counter()
        await ledger.add(record(number))
        waits.append(time.perf_counter() - began)
    waits.sort()
    show("1 intent at a time, p50", f"{waits[len(waits) // 2] * 1e3:.2f} ms")
    show("1 intent at a time, p99", f"{waits[int(0.99 * (len(waits) - 1))] * 1e3:.2f} ms")
    await ledger.aclose()


async def lives(path: Path, jobs: int) -> None:
    """The whole record of many jobs, side by side."""
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.join()
    wall, cpu, lag = await lag_during(_all(life(ledger, number) for number in range(jobs)))
    show(f"{jobs} jobs side by side, an insert and 5 moves each", f"{wall * 1e3:.0f} ms")
    show("  CPU per job", f"{cpu / jobs * 1e6:.0f} us")
    show("  loop lag, at most", f"{lag * 1e3:.1f} ms")
    await ledger.aclose()


async def start(path: Path, jobs: int) -> None:
    """What a process does before it can go on with the jobs of one that has died."""
    ledger = SqliteLedger(path)
    await ledger.open()
    await _all(
        ledger.add(record(number, state=JobState.QUEUED, queue_id=f"q-{number}", charge=Charge.CHARGED))
        for number in range(jobs)
    )
    await ledger.aclose()

    async def begin() -> None:
        await ledger.open()
        await ledger.join()
        claimed = await ledger.look()
        assert len(claimed.changed) == len(await ledger.records()) == jobs

    wall, _, lag = await lag_during(begin())
    show(f"start with {jobs} open jobs (open, join, look, records)", f"{wall * 1e3:.0f} ms")
    show("  loop lag, at most", f"{lag * 1e3:.1f} ms")
    looks, cpu = 200, time.process_time()
    for _ in range(looks):
        await ledger.look()
    show("  one look when nothing happened, CPU", f"{(time.process_time() - cpu) / looks * 1e6:.0f} us")
    await ledger.aclose()


async def _all(work: Any) -> None:
    await asyncio.gather(*work)


def show(name: str, figure: str) -> None:
    """One line of the table."""
    print(f"| {name} | {figure} |", flush=True)


def measured(part: Callable[[Path, int], Coroutine[Any, Any, None]], folder: str | None, jobs: int) -> None:
    """One part, on a ledger of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        asyncio.run(part(Path(made) / "jobs.sqlite3", jobs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--folder")
    options = parser.parse_args()
    print("| what | figure |\n|---|---|")
    measured(at_once, options.folder, options.jobs)
    measured(one_by_one, options.folder, 500)
    measured(lives, options.folder, options.jobs)
    for jobs in (options.jobs, 10 * options.jobs):
        measured(start, options.folder, jobs)


if __name__ == "__main__":
    main()
