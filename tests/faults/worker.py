"""A program with paid work, to be killed: submits its scenes by key and waits until each has come to rest."""

import asyncio
import sys

from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.manager import JobManager
from venice_async.manager.job import Job
from venice_async.models import VideoRequest

SPEED = 20.0
MODELS = ("longcat-distilled-text-to-video", "grok-imagine-text-to-video-private")


def scene(number: int) -> VideoRequest:
    """Half of the videos are behind private links."""
    model = MODELS[number % 2]
    resolution = "480p" if number % 2 else None
    return VideoRequest(
        model=model, prompt=f"scene {number}", duration="5s", aspect_ratio="16:9", resolution=resolution
    )


async def rest(job: Job) -> None:
    async for _ in job.events():
        pass


async def main(url: str, folder: str, count: int) -> None:
    async with (
        VeniceClient("any-key", base_url=url, clock=SystemClock(speed=SPEED)) as client,
        JobManager(client, ledger=f"{folder}/jobs.sqlite3", output_dir=f"{folder}/videos") as jobs,
    ):
        sys.stdout.write("running\n")
        sys.stdout.flush()
        made = [await jobs.submit(scene(number), key=f"scene {number}") for number in range(count)]
        await asyncio.gather(*(rest(job) for job in made))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
