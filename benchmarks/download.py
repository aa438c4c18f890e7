"""What it costs to bring a video home: our whole way against curl, bare aiohttp loops and what else is installed.

    python -m benchmarks.download [--size 1GiB] [--runs 5] [--quick] [--plot docs/download.png]

Side by side over loopback, in turns; every file is synced to the disk by every contender. Ours also takes the
SHA-256 and proves the file whole, so there are two more lines: ours without the hash, and curl with `openssl dgst`
behind it. Ratios are medians over the rounds of two runs that follow each other; the other figures are medians.
CPU is that of the client, from the end of its imports on. Memory is the peak above the idle process, for curl all
of it. "late" is how late the event loop comes to a timer: at the 99th percentile, and at most.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks._bytes import Servers, serving, write_video
from benchmarks._bytes_clients import available, memory

CURL, CURL_AND_HASH = "curl", "curl && openssl dgst"
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True)
class Case:
    """One situation: how the bytes come, how many files at once, and who takes part."""

    name: str
    how: str
    size: int
    count: int
    contenders: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """What one contender took once: seconds, CPU seconds, MiB at the peak, milliseconds of lateness."""

    wall: float
    cpu: float
    peak: float
    late: float = 0.0
    latest: float = 0.0


def cases(size: int) -> Iterator[Case]:
    """One large file in three ways, and sixteen of a fifth of its size at once."""
    everyone = tuple(available())
    few = ("venice-async", "venice-async, no sha256", "aiohttp + aiofiles, 64 KiB")
    yield Case("one file", "plain", size, 1, (CURL_AND_HASH, *everyone))
    yield Case("one file over TLS", "tls", size, 1, few)
    yield Case("one file, 16 KiB at a time, 60 MB/s", "trickle", min(size, 2**28), 1, few)
    yield Case("sixteen files at once", "plain", size // 5, 16, (CURL_AND_HASH, *everyone))


def run_case(case: Case, runs: int, workspace: Path) -> dict[str, list[Run]]:
    """All contenders in turns, curl first in each."""
    found: dict[str, list[Run]] = defaultdict(list)
    write_video(workspace / "video.mp4", case.size)
    with serving(workspace, "video.mp4") as servers:
        print(f"\n### {case.name}\n\n{case.count} x {case.size:,} bytes from {servers.kind}\n", flush=True)
        for _ in range(runs):
            plain, hashed = run_curl(case, servers, workspace)
            found[CURL].append(plain)
            if CURL_AND_HASH in case.contenders:
                found[CURL_AND_HASH].append(hashed)
            for name in case.contenders:
                if name != CURL_AND_HASH:
                    found[name].append(run_python(name, case, servers, workspace))
    return found


def run_curl(case: Case, servers: Servers, workspace: Path) -> tuple[Run, Run]:
    """curl and `sync`, alone and with `openssl dgst -sha256` behind them."""
    with tempfile.TemporaryDirectory(dir=workspace) as folder:
        paths = [f"{folder}/{number}.mp4" for number in range(case.count)]
        command = ["curl", "--silent", "--show-error", "--cacert", str(servers.certificate)]
        if case.count > 1:
            command += ["--no-progress-meter", "--parallel", "--parallel-max", str(case.count)]
        for path in paths:
            command += ["--output", path, servers.url(case.how)]
        fetched, synced = run_program(command), run_program(["sync", *paths])
        wanted = CURL_AND_HASH in case.contenders
        hashed = run_program(["openssl", "dgst", "-sha256", *paths]) if wanted else Run(0, 0, 0)
    plain = Run(fetched.wall + synced.wall, fetched.cpu + synced.cpu, fetched.peak)
    return plain, Run(plain.wall + hashed.wall, plain.cpu + hashed.cpu, plain.peak)


def run_program(command: list[str]) -> Run:
    """A program's wall and CPU time and its peak memory. Raises when it fails."""
    began, peaks = time.perf_counter(), [0.0]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            peaks.append(memory("VmHWM", process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watcher.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(wall, usage.ru_utime + usage.ru_stime, max(peaks))


def run_python(name: str, case: Case, servers: Servers, workspace: Path) -> Run:
    """A contender in a process of its own."""
    with tempfile.TemporaryDirectory(dir=workspace) as folder:
        command = [sys.executable, "-m", "benchmarks._bytes_clients", name, servers.url(case.how), folder]
        done = subprocess.run(
            [*command, str(case.count)],
            env={**os.environ, "SSL_CERT_FILE": str(servers.certificate)},
            check=True,
            stdout=subprocess.PIPE,
        )
    return Run(**json.loads(done.stdout))


def show(case: Case, found: dict[str, list[Run]]) -> None:
    """The table of one case."""
    print("| contender | MB/s | CPU s/GiB | wall / curl | CPU / curl | peak MiB | late p99, ms | at most, ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name, runs in found.items():
        total = case.size * case.count
        wall, cpu = (statistics.median(getattr(run, field) for run in runs) for field in ("wall", "cpu"))
        peak, late, latest = (
            statistics.median(getattr(run, field) for run in runs) for field in ("peak", "late", "latest")
        )
        lateness = f"{late:.1f} | {latest:.1f}" if latest else "|"
        print(
            f"| {name} | {total / wall / 1e6:.0f} | {cpu * 2**30 / total:.2f} | {ratio(found, name, 'wall'):.2f} "
            f"| {ratio(found, name, 'cpu'):.2f} | {peak:.0f} | {lateness} |",
            flush=True,
        )


def ratio(found: dict[str, list[Run]], name: str, field: str) -> float:
    """The median over the rounds of a contender's figure over curl's in the same round."""
    pairs = zip(found[name], found[CURL], strict=True)
    return float(statistics.median(getattr(mine, field) / getattr(curls, field) for mine, curls in pairs))


def plot(results: list[tuple[Case, dict[str, list[Run]]]], path: Path) -> None:
    """CPU and wall time over curl's, one panel per case: shorter is better."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(2, 2, figsize=(12, 6.5), squeeze=False, layout="constrained")
    for panel, (case, found) in zip(panels.flat, results, strict=False):
        names = [name for name in reversed(found) if name != CURL]
        for shift, field in ((0.2, "wall"), (-0.2, "cpu")):
            rows = [row + shift for row in range(len(names))]
            panel.barh(rows, [ratio(found, name, field) for name in names], height=0.38, label=f"{field} / curl")
        panel.axvline(1.0, color="black", linewidth=0.8)
        panel.set(title=case.name, yticks=range(len(names)), yticklabels=names)
    panels[0][0].legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def size_of(text: str) -> int:
    """Bytes of a size such as 1GiB, 200MB or 5000."""
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(text)


def main(arguments: list[str] | None = None) -> None:
    """Run the comparison as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=size_of, help="of the one file; the sixteen have a fifth each (default 1GiB)")
    parser.add_argument("--runs", type=int, help="rounds of each case (default 5)")
    parser.add_argument("--quick", action="store_true", help="128MiB and 3 rounds")
    parser.add_argument("--folder", type=Path, help="where the files go while it runs (default: the temporary folder)")
    parser.add_argument("--plot", type=Path, help="write a plot of the ratios")
    options = parser.parse_args(arguments)
    for tool in ("curl", "sync", "openssl"):
        if shutil.which(tool) is None:
            parser.error(f"{tool} is not installed")
    size = options.size or (2**27 if options.quick else 2**30)
    runs = options.runs or (3 if options.quick else 5)
    results = []
    print(f"python -m benchmarks.download --size {size} --runs {runs}; load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for case in cases(size):
            results.append((case, run_case(case, runs, Path(folder))))
            show(*results[-1])
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
    if options.plot is not None:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
