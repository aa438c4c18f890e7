"""Crash campaigns against a real server on this machine: what dies, when, and what is found afterwards.

    python -m benchmarks.crash --kills 1000 --seed 7 [--jobs 200] [--documented]
    python -m benchmarks.crash --failpoints 20
    python -m benchmarks.crash --cancel
    python -m benchmarks.crash --disk
    python -m benchmarks.crash --processes 8 --blows 100

Each ends with 1 where anything is wrong. The judge is the server's own book of charges, tied to jobs by a tag in the
prompt: no job charged twice, no charge without a record that accounts for it, no money uncounted, no partial file under
a final name, no damaged ledger, and no secret in a log or in a ledger after cleaning up.
"""

import argparse
import asyncio
import logging
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import evolve

from benchmarks import _crash_cancel, _crash_crowd, _crash_disk, _crash_points, _crash_random
from benchmarks._crash_oracle import Findings
from venice_async.limits import RateLimits

DOCUMENTED_SPEED = 60.0
"""Job seconds per real second in a run under the documented limits: 40 paid calls in a real second."""


def kills(options: argparse.Namespace) -> list[str]:
    """A process with many jobs is killed at random instants, and started again at once."""
    plan = _crash_random.Plan(kills=options.kills, seed=options.seed, jobs=options.jobs)
    if options.documented:
        plan = evolve(plan, speed=DOCUMENTED_SPEED, limits=RateLimits())
    tally = asyncio.run(_crash_random.campaign(plan))
    restarts = sorted(tally.restarts)
    _print_figures(
        {
            "kills": tally.kills,
            "jobs": tally.jobs,
            "ledgers": tally.generations,
            **_figures(tally.findings),
            "decided by a person": _counts(tally.decisions),
            "ends after that": _counts(tally.decided.states),
            "restart to work, p50": f"{statistics.median(restarts) * 1000:.0f} ms",
            "restart to work, max": f"{restarts[-1] * 1000:.0f} ms",
            "answered 429": tally.refused,
            "credentials sent to links": tally.violations,
            "took": f"{tally.seconds:.0f} s",
        }
    )
    return tally.findings.wrong + tally.decided.wrong + ["a credential was sent to a private link"] * tally.violations


def failpoints(options: argparse.Namespace) -> list[str]:
    """Death at each named instant."""
    tallies = asyncio.run(_crash_points.campaign(rounds=options.failpoints, seed=options.seed))
    print("| point | deaths | found | charged | ends as | wrong |\n|---|---|---|---|---|---|")
    for point, tally in tallies.items():
        due = _crash_points.POINTS[point]
        found = " or ".join("no record" if state is None else state.value for state in due.found)
        end = " or ".join(state.value for state in due.end)
        wrong = len(tally.wrong) + len(tally.findings.wrong)
        print(f"| {point} | {tally.met} | {found} | {due.charges} | {end} | {wrong} |")
    return [line for tally in tallies.values() for line in (*tally.wrong, *tally.findings.wrong)]


def cancel(_options: argparse.Namespace) -> list[str]:
    """Cancellation at every await, in every way, on both ledgers."""
    wrong = []
    print("| ledger | what is cancelled, how | awaits | wrong |\n|---|---|---|---|")
    for durable in (False, True):
        for name, tally in _crash_cancel.campaign(durable=durable).items():
            print(f"| {'SQLite' if durable else 'memory'} | {name} | {tally.awaits} | {len(tally.wrong)} |")
            wrong += [f"{name}: {line}" for line in tally.wrong]
    return wrong


def bad_disk(_options: argparse.Namespace) -> list[str]:
    """Trouble with the disk at every operation."""
    print("| trouble | operations | answers kept beside the ledger | jobs held | wrong |\n|---|---|---|---|---|")
    wrong = []
    for name, tally in _crash_disk.campaign().items():
        print(f"| {name} | {tally.points} | {tally.kept} | {tally.held} | {len(tally.wrong)} |")
        wrong += [f"{name}: {line}" for line in tally.wrong]
    return wrong


def processes(options: argparse.Namespace) -> list[str]:
    """Several programs on one ledger."""
    plan = _crash_crowd.CrowdPlan(
        processes=options.processes, jobs=options.jobs, blows=options.blows, seed=options.seed
    )
    tally = asyncio.run(_crash_crowd.campaign(plan))
    _print_figures(
        {
            "processes": plan.processes,
            "jobs": tally.jobs,
            "killed": tally.kills,
            "stopped": tally.stops,
            "stopped for longer than the lease": tally.lapses,
            **_figures(tally.findings),
            "took": f"{tally.seconds:.0f} s",
        }
    )
    return tally.findings.wrong


def _figures(findings: Findings) -> Mapping[str, object]:
    return {
        "charges": findings.charged,
        "charged twice": findings.double,
        "lost": findings.lost,
        "unknown, charged": findings.unknown_charged,
        "unknown, not charged": findings.unknown_free,
        "money not counted": findings.uncounted,
        "partial or forgotten files": findings.partial,
        "damaged ledgers": findings.corrupt,
        "secrets shown": findings.leaks,
        "ends": _counts(findings.states),
    }


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number:,} {word}" for word, number in counter.most_common())


def _print_figures(figures: Mapping[str, object]) -> None:
    print("| | |\n|---|---|")
    for name, figure in figures.items():
        print(f"| {name} | {figure:,} |" if isinstance(figure, int) else f"| {name} | {figure} |")


def _end(wrong: Iterable[str]) -> None:
    sentences = list(wrong)
    print(f"\n{len(sentences)} wrong")
    for sentence in sentences[:20]:
        print(f"- {sentence}")
    sys.exit(bool(sentences))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--kills", type=int, help="so many random kills")
    kind.add_argument("--failpoints", type=int, help="so many deaths at each named point")
    kind.add_argument("--cancel", action="store_true", help="cancel at every await")
    kind.add_argument("--disk", action="store_true", help="a full or broken disk at every operation")
    kind.add_argument("--processes", type=int, help="so many programs on one ledger")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--blows", type=int, default=60, help="kills and stops with --processes")
    parser.add_argument(
        "--documented", action="store_true", help="--kills under the documented limits, 60 times as fast"
    )
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # a server whose clients die has much to say
    campaigns = (
        (options.kills, kills), (options.failpoints, failpoints), (options.cancel, cancel), (options.disk, bad_disk),
        (options.processes, processes),
    )  # fmt: skip
    _end(next(campaign for chosen, campaign in campaigns if chosen)(options))


if __name__ == "__main__":
    main()
