"""Where the bytes of a job go that is delivered to its caller and not to disk."""

import asyncio

from attrs import frozen

from venice_async.bodies import VideoBody
from venice_async.errors import VeniceError
from venice_async.streams import StreamedVideo


@frozen(kw_only=True)
class HandedOver:
    """A video that the caller has taken whole; `delete_remote` is his word that his own copy is safe."""

    video: StreamedVideo
    delete_remote: bool


class Outlet:
    """One handing over: the runner has the answer open, the caller reads it, and both wait for each other."""

    def __init__(self) -> None:
        self._offered: asyncio.Future[VideoBody] = asyncio.get_running_loop().create_future()
        self._taken: asyncio.Future[HandedOver | None] = asyncio.get_running_loop().create_future()
        self._recorded = asyncio.Event()

    async def body(self) -> VideoBody:
        """The caller's side: wait until the video is ready. Raises what `fail` was given."""
        return await self._offered

    async def end(self, handed: HandedOver | None) -> None:
        """The caller's side: he has taken the video, or (None) given up; returns once that is recorded."""
        if not self._taken.done():
            self._taken.set_result(handed)
        if self._offered.done() and not self._offered.cancelled() and self._offered.exception() is None:
            await self._recorded.wait()

    def fail(self, error: VeniceError) -> None:
        """Nothing will come of the job (any more)."""
        if not self._offered.done():
            self._offered.set_exception(error)
        self._recorded.set()

    async def hand_over(self, body: VideoBody) -> HandedOver | None:
        """The runner's side: what the caller made of the body; None where he did not take it whole."""
        if self._taken.done() or self._offered.done():
            return None
        self._offered.set_result(body)
        return await self._taken

    def recorded(self) -> None:
        """The runner's side: the ledger knows what came of it."""
        self._recorded.set()


class Outlets:
    """The outlets that are open, by job."""

    def __init__(self) -> None:
        self._open: dict[str, Outlet] = {}

    def open(self, job_id: str) -> Outlet | None:
        """A new one; None where the job's bytes already go to somebody."""
        if job_id in self._open:
            return None
        outlet = self._open[job_id] = Outlet()
        return outlet

    def get(self, job_id: str) -> Outlet | None:
        """The one that is open for a job."""
        return self._open.get(job_id)

    def close(self, job_id: str) -> None:
        """Nobody wants the job's bytes any more."""
        self._open.pop(job_id, None)
