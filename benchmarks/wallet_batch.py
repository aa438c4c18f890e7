"""A batch paid by wallet, beside the same batch with an API key; the server's records are the judge.

    python -m benchmarks.wallet_batch [--jobs 200] [--kills 0] [--latency 0.5] [--time-scale 50] [--seed 11]

A wallet may have five requests in flight at most, and signs each of them with a nonce of its own. The emulator, in a
process of its own, counts: `most in flight` (a sixth request would be refused with 429), nonces that came twice,
charges, statuses. `latency` is added to every answer, in job seconds. With `--kills` the program is killed with
SIGKILL at even parts of the way and started again; jobs of unknown outcome are then resolved by what the server
knows. Exits with 1 where anything is not as it should be.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from attrs import evolve, frozen

from benchmarks._wallet_worker import SIZE, SPAWN, Seen, Server, Setting, server, work


@frozen(kw_only=True)
class Outcome:
    """One batch: what the server saw, what the folder holds, and how long it took."""

    seen: Seen
    files: int
    seconds: float
    kills: int


def run(setting: Setting, kills: int) -> Outcome:
    """One batch, killed so many times on its way."""
    with tempfile.TemporaryDirectory() as folder, server(setting) as venice:
        began = time.perf_counter()
        for kill in range(kills):
            live(setting, venice, folder, until=setting.jobs * (kill + 1) // (kills + 1))
        live(setting, venice, folder)
        if kills:
            live(setting, venice, folder)  # what the last kill left unknown ends in a life that can resolve it
        seconds = time.perf_counter() - began
        files = [path for path in Path(folder, "videos").rglob("*.mp4") if path.stat().st_size == SIZE]
        return Outcome(seen=venice.seen(), files=len(files), seconds=seconds, kills=kills)


def live(setting: Setting, venice: Server, folder: str, until: int | None = None) -> None:
    """One life of the program: to its end, or until it has brought so many videos home."""
    taken = venice.seen().queue_ids
    known = {f"wave-{n:05}": taken[setting.prompt(n)] for n in range(setting.jobs) if setting.prompt(n) in taken}
    process = SPAWN.Process(target=work, args=(setting, venice.url, folder, known), daemon=True)
    process.start()
    while until is not None and len(list(Path(folder).rglob("*.mp4"))) < until and process.is_alive():
        time.sleep(0.02)
    if until is not None:
        process.kill()
    process.join()


def wrong(setting: Setting, outcome: Outcome) -> list[str]:
    """What is not as it should be."""
    seen, jobs = outcome.seen, setting.jobs
    claims = {
        f"{jobs} jobs at the server, each once": seen.taken == len(seen.queue_ids) == jobs,
        "one charge for each job": len(seen.charges) == len(set(seen.charges)) == jobs,
        f"{jobs} whole files": outcome.files == jobs,
        "no 401": not seen.statuses.get(401),
        "no 429": not seen.statuses.get(429),
        "no nonce twice": not seen.reused,
    }
    if setting.wallet:
        claims["every request signed, with a nonce"] = len(seen.nonces) == seen.signed >= jobs
        claims["at most five in flight"] = 1 <= seen.most_in_flight <= 5
    return [claim for claim, kept in claims.items() if not kept]


def row(setting: Setting, outcome: Outcome) -> str:
    """A line of the table."""
    seen = outcome.seen
    cells = (
        "wallet" if setting.wallet else "API key",
        outcome.kills,
        len(seen.charges),
        outcome.files,
        sum(seen.statuses.values()),
        len(seen.nonces) if setting.wallet else "-",
        seen.reused if setting.wallet else "-",
        seen.most_in_flight if setting.wallet else "-",
        seen.statuses.get(401, 0),
        seen.statuses.get(429, 0),
        f"{outcome.seconds:.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--time-scale", type=float, default=50.0)
    parser.add_argument("--seed", type=int, default=11)
    chosen = parser.parse_args()
    setting = Setting(
        wallet="0x" + random.Random(chosen.seed).randbytes(32).hex(),
        jobs=chosen.jobs, seed=chosen.seed, time_scale=chosen.time_scale, latency=chosen.latency,
    )  # fmt: skip
    print(f"{chosen.jobs} jobs, seed {chosen.seed}, {chosen.latency:g} job seconds of latency, "
          f"time scale {chosen.time_scale:g}\n")  # fmt: skip
    print("| paid by | kills | charges | files | requests | nonces | twice | most in flight | 401 | 429 | real s |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    complaints = []
    for each in (setting, evolve(setting, wallet=None)):
        outcome = run(each, chosen.kills)
        print(row(each, outcome), flush=True)
        complaints += wrong(each, outcome)
    if complaints:
        sys.exit(f"\nWRONG: {', '.join(complaints)}")


if __name__ == "__main__":
    main()
