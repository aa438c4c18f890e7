"""A fleet of jobs through the real socket: manager and ledger against the emulator in a process of its own.

    python -m benchmarks.fleet [--jobs 10 100 600] [--seeds 2] [--time-scale 50] [--windows sliding fixed]

Lag is what users wait in vain: job seconds between the video being ready at the server and the
answer that hands it over, as the emulator itself counts them. The mix is four models with a P80 of 8,
45, 145 and 400 s; `law` says how the times of one model differ. `makespan` is the instant of the
last delivery over the instant at which the last video was ready. `refused` counts 429 answers: it
must be zero. Real time is job time divided by the time scale, so a scale that the machine cannot
keep up with shows as lag that is not the scheduler's.
"""

import argparse
import asyncio
import math
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from attrs import frozen

from venice_async import Emulator, JobManager, SystemClock, VeniceClient, VideoModel, VideoRequest
from venice_async.emulator import parse_fault

P80_Z = 0.8416
MODELS = {
    "wan-2.6-text-to-video": 8.0,
    "kling-v3-pro-text-to-video": 45.0,
    "longcat-text-to-video": 145.0,
    "kling-2.6-pro-text-to-video": 400.0,
}
Draw = Callable[[random.Random, float], float]


def lognormal(rng: random.Random, p80: float, cv: float = 0.3) -> float:
    """The plain case."""
    sigma = math.sqrt(math.log(1 + cv * cv))
    return p80 * math.exp(sigma * (rng.gauss(0, 1) - P80_Z))


def bimodal(rng: random.Random, p80: float) -> float:
    """Seven jobs in ten are quick, three take four times as long."""
    return lognormal(rng, p80 * (0.3 if rng.random() < 0.7 else 1.2), 0.1)


def heavy(rng: random.Random, p80: float) -> float:
    """One job in ten takes several times the P80."""
    return lognormal(rng, p80) * (1.0 if rng.random() < 0.9 else 1.0 + rng.paretovariate(1.5))


@frozen(kw_only=True)
class Law:
    """How long jobs take, what the server says of it, and what goes wrong."""

    draw: Draw = lognormal
    hint: float = 1.0
    faults: tuple[str, ...] = ()


LAWS = {
    "lognormal": Law(),
    "bimodal": Law(draw=bimodal),
    "heavy": Law(draw=heavy),
    "hint/2": Law(hint=0.5),
    "hint*2": Law(hint=2.0),
    "503 spell": Law(faults=("503:from=60,to=105",)),
}


@frozen(kw_only=True)
class Truth:
    """What the emulator saw."""

    lags: tuple[float, ...]
    retrieves: int
    refused: int
    makespan: float
    charges: int


def serve(pipe: Connection, *, law: str, seed: int, time_scale: float, windows: str) -> None:
    """The server's process: serves until the parent says a word, then tells what it saw."""
    asyncio.run(_serve(pipe, law, seed, time_scale, windows))


async def _serve(pipe: Connection, law: str, seed: int, time_scale: float, windows: str) -> None:
    rng = random.Random(seed)
    rule = LAWS[law]
    emulator = Emulator(
        time_scale=time_scale,
        seed=seed,
        windows=windows,
        clips="plain",
        video_size=200_000,
        execution_time=lambda model, _: rule.draw(rng, MODELS[model]),
        announced={model: p80 * rule.hint for model, p80 in MODELS.items()},
        faults=[parse_fault(text) for text in rule.faults],
    )
    async with emulator:
        pipe.send(emulator.url)
        await asyncio.to_thread(pipe.recv)
        done = [job for job in emulator.jobs if job.delivered_at is not None]
        pipe.send(
            Truth(
                lags=tuple(job.lag or 0.0 for job in done),
                retrieves=sum(request.endpoint == "retrieve" for request in emulator.requests),
                refused=sum(request.status == 429 for request in emulator.requests),
                makespan=max(job.delivered_at or 0.0 for job in done) / max(job.ready_at for job in done),
                charges=len(emulator.charges),
            )
        )


@contextmanager
def server(**options: Any) -> Iterator[Connection]:
    """The emulator in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), kwargs=options, daemon=True)
    process.start()
    try:
        yield here
    finally:
        process.terminate()
        process.join()


async def fleet(url: str, *, jobs: int, seed: int, time_scale: float) -> float:
    """Bring all videos home; CPU seconds of this process per job."""
    rng = random.Random(seed)
    began = time.process_time()
    clock = SystemClock(speed=time_scale)
    with tempfile.TemporaryDirectory() as folder:
        async with VeniceClient("benchmark", base_url=url, clock=clock) as venice:
            models = {model.id: model for model in await venice.models()}
            requests = [_request(models[rng.choice(sorted(MODELS))], number) for number in range(jobs)]
            async with JobManager(venice, ledger=f"{folder}/jobs.sqlite3", output_dir=folder) as manager:
                async for job in manager.as_completed(requests):
                    await job
    return (time.process_time() - began) / jobs


def _request(model: VideoModel, number: int) -> VideoRequest:
    limits = model.constraints
    return VideoRequest(
        model=model.id,
        prompt=f"scene {number}",
        duration=limits.durations[0] if limits.durations else None,
        aspect_ratio=limits.aspect_ratios[0] if limits.aspect_ratios else None,
        resolution=limits.resolutions[0] if limits.resolutions else None,
    )


def run(*, law: str, jobs: int, seed: int, time_scale: float, windows: str) -> tuple[Truth, float]:
    """One fleet against one server."""
    with server(law=law, seed=seed, time_scale=time_scale, windows=windows) as pipe:
        url = pipe.recv()
        cpu = asyncio.run(fleet(url, jobs=jobs, seed=seed, time_scale=time_scale))
        pipe.send("done")
        truth: Truth = pipe.recv()
    assert truth.charges == jobs, "every job is charged exactly once"
    return truth, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--time-scale", type=float, default=50.0)
    parser.add_argument("--windows", nargs="+", default=["sliding", "fixed"], choices=["sliding", "fixed"])
    parser.add_argument("--laws", nargs="+", default=list(LAWS), choices=list(LAWS))
    options = parser.parse_args()
    print(f"seeds 1 to {options.seeds}, time scale {options.time_scale:g}, windows {' and '.join(options.windows)}\n")
    print("| jobs | law | mean lag, s | p95, s | requests/job | makespan | refused | CPU ms/job |")
    print("|---|---|---|---|---|---|---|---|")
    for jobs in options.jobs:
        for law in options.laws:
            runs = [
                run(law=law, jobs=jobs, seed=seed, time_scale=options.time_scale, windows=windows)
                for seed in range(1, options.seeds + 1)
                for windows in options.windows
            ]
            print(_row(jobs, law, runs), flush=True)


def _row(jobs: int, law: str, runs: list[tuple[Truth, float]]) -> str:
    lags = sorted(lag for truth, _ in runs for lag in truth.lags)
    figures = (
        f"{statistics.mean(lags):.2f}",
        f"{lags[int(0.95 * (len(lags) - 1))]:.1f}",
        f"{sum(truth.retrieves for truth, _ in runs) / len(lags):.1f}",
        f"{statistics.mean(truth.makespan for truth, _ in runs):.3f}",
        f"{sum(truth.refused for truth, _ in runs)}",
        f"{statistics.mean(cpu for _, cpu in runs) * 1000:.1f}",
    )
    return f"| {jobs} | {law} | {' | '.join(figures)} |"


if __name__ == "__main__":
    main()
