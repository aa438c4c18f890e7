"""A batch as people run it overnight: how soon a large one begins, and whether a small one survives being killed.

    python -m benchmarks.batch start [--rows 10000] [--format jsonl|json|yaml|csv] [--repeat 3]
    python -m benchmarks.batch night [--rows 200] [--kills 2] [--signal KILL|INT|TERM] [--time-scale 50]

`start` is real seconds from the start of `venice-async batch` to the first paid call that an emulator in
another process takes: interpreter, imports, reading, the check of every row, the prices, the durable intents. `night`
runs the command under the documented limits, kills it at even parts of the way (INT and TERM: twice in a row),
starts it again each time, and then asks the emulator what it charged and the folder what is there. SIGKILL during a
paid call leaves that job unknown: such jobs are resolved as a person would who can see the account, and that is told.
"""

import argparse
import csv
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from venice_async.emulator import Emulator, in_background

DEFAULTS = {"model": "wan-2.6-text-to-video", "aspect_ratio": "16:9", "resolution": "720p"}


def serve(port: Connection, time_scale: float) -> None:
    """Serve until the parent says so; answers "count" with the charges and the refused requests so far."""
    with in_background(Emulator(clips="plain", time_scale=time_scale, seed=11)) as emulator:
        port.send(emulator.url)
        while port.recv() != "stop":
            charges = [charge.queue_id for charge in emulator.charges]
            refused = sum(request.status == 429 for request in emulator.requests)
            port.send((charges, refused, {job.prompt: job.queue_id for job in emulator.jobs}))


class Server:
    """An emulator in a process of its own."""

    def __init__(self, time_scale: float) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=serve, args=(theirs, time_scale), daemon=True)
        self._process.start()
        self.url: str = self._ours.recv()

    def counted(self) -> tuple[list[str], int, dict[str, str]]:
        """The queue ids that were charged, how many requests were refused with 429, and queue ids by prompt."""
        self._ours.send("count")
        found: tuple[list[str], int, dict[str, str]] = self._ours.recv()
        return found

    def stop(self) -> None:
        self._ours.send("stop")
        self._process.join()


@contextmanager
def server(time_scale: float) -> Iterator[Server]:
    """One, until the block ends."""
    running = Server(time_scale)
    try:
        yield running
    finally:
        running.stop()


def write_manifest(folder: Path, rows: int, kind: str) -> Path:
    """Rows that are all alike but for their prompts."""
    path = folder / f"shots.{kind}"
    jobs: list[dict[str, Any]] = [
        {"key": f"shot-{n:05}", "prompt": f"Wave number {n} on a grey sea", "duration": "5s"} for n in range(rows)
    ]
    match kind:
        case "jsonl":
            path.write_text("\n".join(map(json.dumps, [{"defaults": DEFAULTS}, *jobs])))
        case "csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, [*jobs[0], *DEFAULTS])
                writer.writeheader()
                writer.writerows({**job, **DEFAULTS} for job in jobs)
        case "yaml":
            head = "\n".join(f"  {name}: {value}" for name, value in DEFAULTS.items())
            lines = (f"  - key: {j['key']}\n    prompt: {j['prompt']}\n    duration: {j['duration']}" for j in jobs)
            path.write_text(f"defaults:\n{head}\njobs:\n" + "\n".join(lines))
        case _:
            path.write_text(json.dumps({"defaults": DEFAULTS, "jobs": jobs}))
    return path


def begin(manifest: Path, url: str, time_scale: float) -> "subprocess.Popen[bytes]":
    """`venice-async batch` in the manifest's folder."""
    options = ("--output-dir", "videos", "--yes", "--time-scale", f"{time_scale:g}")
    return run(manifest.parent, url, "batch", manifest.name, *options)


def run(folder: Path, url: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """`venice-async` in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VENICE_")}
    log = (folder / "log.txt").open("ab")
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "venice_async", *arguments],
            cwd=folder,
            env={**kept, "VENICE_API_KEY": "emulated", "VENICE_BASE_URL": url},
            stdout=log,
            stderr=log,
        )
    finally:
        log.close()


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_start(rows: int, kind: str) -> tuple[float, float]:
    """Seconds until the first charge, and the command's CPU seconds until then."""
    with tempfile.TemporaryDirectory() as folder, server(1.0) as venice:
        manifest = write_manifest(Path(folder), rows, kind)
        started = time.perf_counter()
        process = begin(manifest, venice.url, 1.0)
        while not venice.counted()[0]:
            assert process.poll() is None, (manifest.parent / "log.txt").read_text()[-2000:]
            time.sleep(0.005)
        seconds = time.perf_counter() - started
        cpu = cpu_seconds(process.pid)
        process.kill()
        process.wait()
    return seconds, cpu


def measure_night(rows: int, kills: int, number: signal.Signals, time_scale: float) -> None:
    """One night, told."""
    with tempfile.TemporaryDirectory() as folder, server(time_scale) as venice:
        manifest = write_manifest(Path(folder), rows, "jsonl")
        videos, started = Path(folder) / "videos", time.perf_counter()
        for kill in range(kills):
            process = begin(manifest, venice.url, time_scale)
            while len(list(videos.glob("*.mp4"))) < rows * (kill + 1) // (kills + 1):
                assert process.poll() is None, (manifest.parent / "log.txt").read_text()[-2000:]
                time.sleep(0.05)
            process.send_signal(number)
            time.sleep(0.2)
            process.send_signal(number)
            process.wait()
        code = begin(manifest, venice.url, time_scale).wait()
        unknown = resolve(Path(folder), venice)
        if unknown:
            code = begin(manifest, venice.url, time_scale).wait()
        seconds = time.perf_counter() - started
        charges, refused, _ = venice.counted()
        files, page = len(list(videos.glob("*.mp4"))), (videos / "index.html").read_text()
        shown = sum(f"shot-{n:05}" in page for n in range(rows))
        print(f"{rows} rows, {kills} times SIG{number.name[3:]}, {seconds:.0f} s "
              f"({seconds * time_scale / 60:.1f} min of job time), {unknown} resolved by hand")  # fmt: skip
        print(f"exit code {code}, {files} files, {len(charges)} charges ({len(set(charges))} different), "
              f"{shown} in the gallery, {refused} x 429")  # fmt: skip


def resolve(folder: Path, venice: Server) -> int:
    """Say of each job of unknown outcome what the server knows; how many there were."""
    listed = subprocess.run(
        [sys.executable, "-m", "venice_async", "unknown", "--json"],
        cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    queue_ids = venice.counted()[2]
    jobs = json.loads(listed.stdout)["jobs"]
    for job in jobs:
        taken = queue_ids.get(f"Wave number {int(job['key'].removeprefix('shot-'))} on a grey sea")
        answer = ("--queue-id", taken) if taken else ("--resubmit", "--yes")
        run(folder, venice.url, "resolve", job["key"], *answer).wait()
    return len(jobs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["start", "night"])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--format", default="jsonl", choices=["jsonl", "json", "yaml", "csv"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--signal", default="KILL", choices=["KILL", "INT", "TERM"])
    parser.add_argument("--time-scale", type=float, default=50.0)
    chosen = parser.parse_args()
    if chosen.what == "night":
        measure_night(chosen.rows or 200, chosen.kills, signal.Signals[f"SIG{chosen.signal}"], chosen.time_scale)
        return
    rows = chosen.rows or 10_000
    found = [measure_start(rows, chosen.format) for _ in range(chosen.repeat)]
    seconds, cpu = (sorted(each) for each in zip(*found, strict=True))
    print(f"{rows} rows of {chosen.format}: first paid call after {statistics.median(seconds):.2f} s (median of "
          f"{len(found)}; {seconds[0]:.2f} to {seconds[-1]:.2f}), {statistics.median(cpu):.2f} s of CPU")  # fmt: skip


if __name__ == "__main__":
    main()
