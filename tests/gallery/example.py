"""Twelve jobs through a manager, in virtual time: nine videos, and one job each that failed, is held, is unknown.

As a program it writes the gallery of them: `PYTHONPATH=tests python -m tests.gallery.example FOLDER`.
"""

import random
import sys
from pathlib import Path
from typing import Any

from harness import World

from venice_async.cli.demo_jobs import gradient_png
from venice_async.emulator.faults import ConsentFault, DropFault, JobFault
from venice_async.emulator.manual_clock import ManualClock
from venice_async.gallery import write_gallery
from venice_async.jobs import JobRecord, JobState
from venice_async.models import MediaFile, VideoRequest

FAILED, HELD, UNKNOWN = "market-crowd", "street-portrait", "night-train"
_AT_REST = {JobState.COMPLETED, JobState.FAILED, JobState.HELD, JobState.UNKNOWN}


def _request(model: str, prompt: str, ratio: str | None = "16:9", **fields: Any) -> VideoRequest:
    return VideoRequest(model=model, prompt=prompt, **{"duration": "5s", "aspect_ratio": ratio, **fields})


def requests() -> dict[str, VideoRequest]:
    """By key."""
    image = MediaFile.from_bytes(gradient_png(256, 144), content_type="image/png")
    wan, kling, longcat = "wan-2.6-text-to-video", "kling-2.6-pro-text-to-video", "longcat-distilled-text-to-video"
    ltx, veo, grok = "ltx-2-v2-3-fast-text-to-video", "veo3.1-fast-text-to-video", "grok-imagine-text-to-video-private"
    tide = "The tide comes in over a chessboard left on the beach, piece by piece. Low camera, overcast light, no wind."
    train = "A night train crosses a stone viaduct in the rain; its windows are reflected in the river far below."
    harbour = (
        "A harbour from morning to night in one take. Ships come and go, cranes turn, the tide rises and falls, and at "
        "the end only the lights are left."
    )
    return {
        "slow-tide": _request(wan, tide, resolution="720p"),
        "clockwork": _request(kling, "A clockwork hummingbird drinks from a brass flower. Macro.", "9:16"),
        "waking-hill": _request(
            "wan-2.6-image-to-video", "The hill breathes and wakes", None, resolution="720p", image_url=image
        ),
        UNKNOWN: _request(veo, train, duration="6s"),
        FAILED: _request(longcat, "A crowded market at noon"),
        "first-snow": _request(longcat, "First snow on a tram stop, nobody is waiting.", "1:1"),
        HELD: _request("seedance-2-0-fast-text-to-video-basic", "A street portrait of the baker at dawn"),
        "private-garden": _request(grok, "A walled garden at dusk; lanterns come on.", "3:4", resolution="480p"),
        "lighthouse": _request(ltx, "A lighthouse in fog. The beam sweeps past twice.", duration="6s"),
        "paper-fleet": _request(longcat, "Paper boats race down a rain gutter, seen from just above the water."),
        "glass-city": _request(wan, "مدينة من الزجاج عند الظهيرة، طيور بيضاء بين الأبراج", resolution="720p"),
        "harbour-time-lapse": _request(longcat, harbour),
    }


async def twelve_jobs(world: World) -> list[JobRecord]:
    """Run them until each is done or waits for somebody; their records."""
    async with world.manager() as jobs:
        for key, request in requests().items():
            await jobs.submit(request, key=key, output=f"{key}.mp4")
            await world.clock.sleep(20.0)
        while not all(job.state in _AT_REST for job in jobs.jobs()):
            await world.clock.sleep(30.0)
        return [job.record for job in jobs.jobs()]


def run_example(folder: Path) -> tuple[Path, list[JobRecord]]:
    """The folder of the videos, and the records. Real clips where PyAV is installed."""
    clock = ManualClock()
    faults = [
        JobFault(kind="content", prompt="crowded"),
        ConsentFault(prompt="portrait"),
        DropFault(endpoints=("queue",), prompt="viaduct"),
    ]
    world = World(folder, clock, clips="auto", video_size=None, faults=faults, execution_time=_execution_time)
    world.ledger = world.sqlite()
    records: list[JobRecord] = []

    async def go() -> None:
        records.extend(await twelve_jobs(world))

    clock.run(go())
    return world.output, records


def _execution_time(*facts: Any) -> float:
    return random.Random(str(facts)).uniform(40.0, 260.0)


if __name__ == "__main__":
    videos, kept = run_example(Path(sys.argv[1]))
    sys.stdout.write(f"{write_gallery(videos, kept, title='Coast and city, first cut')}\n")
