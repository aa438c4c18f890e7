"""`demo`: the whole thing in half a minute, against an emulated Venice inside this process. Nothing is paid."""

import asyncio
import contextlib
import importlib.util
import itertools
import random
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import frozen

from venice_async.cli.demo_jobs import REJECTED, TIME_SCALE, VIDEO_SIZE, demo_faults, demo_jobs
from venice_async.cli.live import watching
from venice_async.cli.records import record_document, totals_document, totals_of
from venice_async.cli.resume import at_rest
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import STATE_STYLES, money, near, size, span
from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.emulator import Emulator
from venice_async.jobs import JobRecord, JobState
from venice_async.manager import JobManager

_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "model": {"no_wrap": True, "overflow": "ellipsis", "max_width": 22},
    "state": {"no_wrap": True},
    "seconds": {"no_wrap": True, "justify": "right"},
    "size": {"no_wrap": True, "justify": "right"},
    "cost": {"no_wrap": True, "justify": "right"},
    "path": {"overflow": "fold"},
}
_HEADING = f"One second here is {TIME_SCALE:g} s of job time. Emulated: nothing is paid."


@frozen(kw_only=True)
class Account:
    """What the demo came to."""

    records: Sequence[JobRecord]
    folder: Path
    seconds: float
    requests: int
    rate_limited: int
    charged_usd: Decimal
    """What the emulator's own books say was charged and not given back."""

    @property
    def as_planned(self) -> bool:
        """Every video is there but the rejected one, no 429 was met, and both sides' books agree."""
        ended = all(
            record.state is (JobState.FAILED if record.key == REJECTED else JobState.COMPLETED)
            for record in self.records
        )
        return ended and not self.rate_limited and self.charged_usd == totals_of(self.records).spent_usd

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "jobs": [{**record_document(record), "seconds": job_seconds(record)} for record in self.records],
            "totals": {
                **totals_document(totals_of(self.records)),
                "files": sum(record.state is JobState.COMPLETED for record in self.records),
                "requests": self.requests,
                "rate_limited": self.rate_limited,
                "seconds": round(self.seconds, 1),
                "time_scale": TIME_SCALE,
            },
            "output_dir": str(self.folder.resolve()),
        }


async def demo(output_dir: Path, terminal: Terminal, *, seed: int) -> int:
    """Run the demo and show what came of it; 0 where it went as planned."""
    folder = fresh_folder(output_dir)
    _say_what_is_missing(terminal)
    began = time.monotonic()
    try:
        async with Emulator(time_scale=TIME_SCALE, seed=seed, faults=demo_faults(), video_size=VIDEO_SIZE) as emulator:
            records = await _run(emulator, folder, terminal, seed=seed)
            account = Account(
                records=records,
                folder=folder,
                seconds=time.monotonic() - began,
                requests=len(emulator.requests),
                rate_limited=sum(request.status == 429 for request in emulator.requests),
                charged_usd=emulator.spent_usd,
            )
    except asyncio.CancelledError:
        terminal.note(f"Stopped. What is there already lies in {folder}.")
        raise
    _show(account, terminal)
    return 0 if account.as_planned else 1


def fresh_folder(wanted: Path) -> Path:
    """Make `wanted`, or where that holds an earlier run `wanted-2`, `wanted-3` and so on. Raises OSError."""
    for number in itertools.count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError


async def _run(emulator: Emulator, folder: Path, terminal: Terminal, *, seed: int) -> list[JobRecord]:
    clock = SystemClock(speed=TIME_SCALE)
    # The key is no key: nothing of the reader's own account comes near the demo.
    async with (
        VeniceClient("demo", base_url=emulator.url, clock=clock, rng=random.Random(seed)) as client,
        JobManager(client, ledger=folder / "jobs.sqlite3", output_dir=folder, rng=random.Random(seed)) as jobs,
        watching(jobs, client, terminal, heading=_HEADING),
    ):
        handles = [await jobs.submit(job.request, key=job.key) for job in demo_jobs()]
        await asyncio.gather(*(at_rest(job) for job in handles))
    return [job.record for job in handles]


def _say_what_is_missing(terminal: Terminal) -> None:
    if importlib.util.find_spec("av") is None:
        terminal.note("Without PyAV the videos are made small and plain: pip install 'venice-async[emulator]'")


def job_seconds(record: JobRecord) -> float | None:
    """Job seconds from the paid call to the file."""
    if record.finished_at is None or record.queueing_at is None:
        return None
    return round((record.finished_at - record.queueing_at) * TIME_SCALE, 1)


def _show(account: Account, terminal: Terminal) -> None:
    terminal.tell(account.document())
    terminal.result("")
    columns = {**_COLUMNS, "model": {"no_wrap": True}} if terminal.roomy else _COLUMNS
    terminal.table(columns, [_row(record, whole_path=terminal.roomy) for record in account.records])
    for line in _last_words(account):
        terminal.result(line)


def _row(record: JobRecord, *, whole_path: bool) -> list[Any]:
    from rich.text import Text

    done = record.state is JobState.COMPLETED
    state = Text(record.state.value, style=STATE_STYLES[record.state])
    cost = money(record.price_usd) if done else record.charge.value
    path = near(record.output) if whole_path else Path(record.output).name
    return [record.model, state, span(job_seconds(record)), size(record.size), cost, path if done else "-"]


def _last_words(account: Account) -> list[str]:
    totals = totals_of(account.records)
    done = sum(record.state is JobState.COMPLETED for record in account.records)
    books = "agree" if account.charged_usd == totals.spent_usd else "differ"
    money_line = f"{money(totals.spent_usd)} spent, {money(totals.refunded_usd)} refunded"
    return [
        "",
        f"{money_line}; {account.requests} requests used; 429s met: {account.rate_limited}",
        f"The emulator's own books {books}: {money(account.charged_usd)}",
        f"{done} videos in {account.seconds:.0f} s, for any player, in {account.folder}",
        "",
        "Next:",
        f"  venice-async jobs --ledger {account.folder / 'jobs.sqlite3'}",
        "  venice-async emulator          the same server, to develop against for free",
        "  venice-async generate --help   one video of your own, with VENICE_API_KEY set",
    ]
