"""A real process is killed at random moments, again and again: nothing is lost and nothing is paid twice."""

import asyncio
import hashlib
import random
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from pathlib import Path

import pytest
from worker import SPEED

from venice_async.emulator.emulator import Emulator
from venice_async.emulator.faults import SlowFault
from venice_async.emulator.plain_clips import PlainClips
from venice_async.jobs import JobRecord, JobState
from venice_async.ledger import SqliteLedger
from venice_async.manager.budget import Budget

pytestmark = pytest.mark.anyio

KILLS, SCENES, SIZE = 6, 24, 400_000


async def start(url: str, folder: Path) -> Process:
    """A worker that has opened its ledger and goes on with its work."""
    worker = Path(__file__).with_name("worker.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(worker), url, str(folder), str(SCENES), stdout=PIPE, stderr=DEVNULL
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"running\n"
    return process


async def records_of(folder: Path) -> list[JobRecord]:
    ledger = SqliteLedger(folder / "jobs.sqlite3")
    await ledger.open()
    records = await ledger.records()
    await ledger.aclose()
    return records


def check_no_partial_file(folder: Path, venice: Emulator) -> None:
    """Every file under a final name is one of the server's videos, whole."""
    whole = {
        PlainClips()
        .video(each.prompt, aspect_ratio=each.aspect_ratio, unique=each.queue_id.encode(), size=SIZE)
        .sha256()
        for each in venice.jobs
    }
    for path in folder.glob("videos/*.mp4"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in whole


async def test_killed_again_and_again(tmp_path: Path) -> None:
    """After every kill the ledger knows what was paid for; in the end every video that can be had is there."""
    chance = random.Random(11)
    # Slow enough that kills meet paid calls and transfers in the middle.
    faults = [SlowFault(endpoints=("queue",), delay=2.0), SlowFault(endpoints=("retrieve", "media"), pace=100_000.0)]
    async with Emulator(time_scale=SPEED, seed=3, clips="plain", video_size=SIZE, faults=faults) as venice:
        for _ in range(KILLS):
            process = await start(venice.url, tmp_path)
            await asyncio.sleep(chance.uniform(0.05, 0.7))
            assert process.returncode is None, "there was nothing left to kill"
            process.kill()
            await process.communicate()
            check_no_partial_file(tmp_path, venice)
        process = await start(venice.url, tmp_path)
        async with asyncio.timeout(30):
            await process.communicate()
        assert process.returncode == 0
        check_no_partial_file(tmp_path, venice)
        records = await records_of(tmp_path)
        charged = {charge.queue_id for charge in venice.charges}
        prompts = Counter(each.prompt for each in venice.jobs)
    assert {record.state for record in records} <= {JobState.COMPLETED, JobState.UNKNOWN}
    assert len(records) == SCENES
    assert max(prompts.values()) == 1
    known = {record.queue_id for record in records if record.queue_id}
    unknown = [record for record in records if record.state is JobState.UNKNOWN]
    assert known <= charged
    assert len(charged - known) <= len(unknown)
    for record in records:
        if record.state is JobState.COMPLETED:
            data = Path(record.output).read_bytes()
            assert hashlib.sha256(data).hexdigest() == record.sha256
    assert [path.name for path in (tmp_path / "videos").iterdir() if path.name.startswith(".")] == []
    budget = Budget()
    budget.follow_all(records)
    assert budget.totals.spent_usd + budget.totals.reserved_usd >= venice.spent_usd
