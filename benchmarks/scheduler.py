"""Compare ways of polling in virtual time: how long finished videos wait, and what it costs in requests.

Run as ``python -m benchmarks.scheduler [--quick] [--seeds N] [--plot FILE.png]``. Lag is the time in
seconds between a video being ready and the answer that hands it over. The server is simulated
(`_simulation.py`); the scheduler and the budgets are the package's own code.
"""

import argparse
import random
import shlex
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import frozen

from benchmarks._policies import ExponentialBackoff, FixedInterval, Oracle
from benchmarks._scenarios import scenarios
from benchmarks._simulation import Outcome, Policy, Run, Scenario
from venice_async.polling import PollScheduler


@frozen(kw_only=True)
class Contender:
    """One way of polling. `limited` ones send through the package's budgets, the others whenever they like."""

    name: str
    limited: bool
    make: Callable[[int, dict[str, float]], Policy]
    """From the seed, and from what only an oracle may look at: each job's duration."""


CONTENDERS = (
    Contender(name="naive 5 s", limited=False, make=lambda seed, durations: FixedInterval(5.0)),
    Contender(name="5 s, limiter", limited=True, make=lambda seed, durations: FixedInterval(5.0)),
    Contender(name="back-off, limiter", limited=True, make=lambda seed, durations: ExponentialBackoff()),
    Contender(name="20 s, limiter", limited=True, make=lambda seed, durations: FixedInterval(20.0)),
    Contender(name="PollScheduler", limited=True, make=lambda seed, durations: PollScheduler(rng=random.Random(seed))),
    Contender(name="oracle", limited=True, make=lambda seed, durations: Oracle(durations)),
)


@frozen(kw_only=True)
class Row:
    """One line of the table: means over the seeds, except where said."""

    scenario: str
    contender: str
    lag: float
    lag_error: float
    p95: float
    requests_per_job: float
    refused: float
    most_refused: int
    blocks: int
    late: float
    """Makespan over what no client can be below."""


def play(scenario: Scenario, contender: Contender, seed: int) -> Outcome:
    """One run."""
    return Run(
        scenario=scenario, make_policy=lambda durations: contender.make(seed, durations), seed=seed,
        limited=contender.limited,
    ).play()  # fmt: skip


def measure(scenario: Scenario, contender: Contender, seeds: Iterable[int]) -> Row:
    """All runs of one line."""
    outcomes = [play(scenario, contender, seed) for seed in seeds]
    lags = [outcome.mean_lag for outcome in outcomes]
    return Row(
        scenario=scenario.name,
        contender=contender.name,
        lag=statistics.mean(lags),
        lag_error=statistics.stdev(lags) / len(lags) ** 0.5 if len(lags) > 1 else 0.0,
        p95=statistics.mean(outcome.p95_lag for outcome in outcomes),
        requests_per_job=statistics.mean(outcome.requests / scenario.jobs for outcome in outcomes),
        refused=statistics.mean(outcome.refused for outcome in outcomes),
        most_refused=max(outcome.refused for outcome in outcomes),
        blocks=sum(outcome.blocks for outcome in outcomes),
        late=statistics.mean(outcome.makespan / outcome.unavoidable_makespan for outcome in outcomes),
    )


def show(row: Row) -> None:
    """Print one line of the table."""
    print(
        f"{row.scenario:26} {row.contender:18} {row.lag:7.2f} ±{row.lag_error:5.2f} {row.p95:8.2f} "
        f"{row.requests_per_job:8.1f} {row.refused:8.1f} {row.most_refused:5d} {row.blocks:6d} {row.late:8.4f}",
        flush=True,
    )


def plot(rows: list[Row], path: Path) -> None:
    """Lag against requests per job, one panel per load of mixed jobs: down and to the left is better."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = [name for name in dict.fromkeys(row.scenario for row in rows) if name.endswith("mixed")]
    figure, panels = plt.subplots(1, len(names), figsize=(4.2 * len(names), 4.0), squeeze=False, layout="constrained")
    for panel, name in zip(panels[0], names, strict=True):
        for row in rows:
            if row.scenario == name:
                panel.errorbar(row.requests_per_job, row.lag, yerr=row.lag_error, fmt="o", label=row.contender)
        panel.set(title=f"{name} jobs", xlabel="requests per job", xscale="log", yscale="log")
    panels[0][0].set_ylabel("mean lag, seconds")
    panels[0][-1].legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Run the comparison as the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scheduler", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out 600 and 1000 jobs, and use 4 seeds")
    parser.add_argument("--seeds", type=int, help="runs of each line (default 12; ten times as many for 1 and 10 jobs)")
    parser.add_argument("--plot", type=Path, help="write a plot of lag against requests per job")
    options = parser.parse_args(arguments)
    count = options.seeds or (4 if options.quick else 12)
    said = sys.argv[1:] if arguments is None else arguments
    print(f"python -m benchmarks.scheduler {shlex.join(said)}")
    print(f"seeds 1 to {count} (to {10 * count} for 1 and 10 jobs); lag and p95 in seconds; ± one standard error\n")
    print(f"{'scenario':26} {'policy':18} {'lag':>7} {'':6} {'p95':>8} {'req/job':>8} {'429':>8} {'most':>5} "
          f"{'blocks':>6} {'late':>8}")  # fmt: skip
    rows: list[Row] = []
    for scenario in scenarios(quick=options.quick):
        for contender in CONTENDERS:
            runs = count * (10 if scenario.jobs <= 10 else 1)
            rows.append(measure(scenario, contender, range(1, runs + 1)))
            show(rows[-1])
        print()
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
