"""The server's catalogue, kept for a while; when it cannot be had, an older one, and at last the snapshot."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from venice_async.catalog.catalog import Catalog, Review, refuse
from venice_async.catalog.snapshot import snapshot
from venice_async.clock import Clock
from venice_async.errors import ConfigurationError, VeniceError
from venice_async.models import VideoModel, VideoRequest

KEEP = 3600.0
"""Seconds for which a catalogue is believed."""
DOUBT = 60.0
"""Seconds after which a refusal is worth a second look, and a failed fetch another try."""


class CatalogKeeper:
    """One catalogue for many checks. `fetch` asks the server, for example `client.models`."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Sequence[VideoModel]]], *, clock: Clock, keep: float = KEEP
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keep = keep
        self._turn = asyncio.Lock()
        self._kept: Catalog | None = None
        self._fetched_at = self._tried_at = float("-inf")

    async def catalog(self, *, at_most: float | None = None) -> Catalog:
        """A catalogue at most `at_most` seconds old, by default an hour.

        Where the server does not answer, the last one that it gave, else the snapshot (`as_of` tells its date).
        Raises ConfigurationError alone.
        """
        keep = self._keep if at_most is None else at_most
        async with self._turn:
            now = self._clock.monotonic()
            if now - self._fetched_at > keep and now - self._tried_at > min(keep, DOUBT):
                await self._refresh(now)
        return self._kept or snapshot()

    async def _refresh(self, now: float) -> None:
        self._tried_at = now
        try:
            self._kept = Catalog(await self._fetch())
        except ConfigurationError:
            raise
        except VeniceError:
            return  # what is kept is still the best there is
        self._fetched_at = now

    async def review(self, request: VideoRequest, *, region: str | None = None) -> Review:
        """`Catalog.review`. What an older catalogue refuses is looked up in a fresh one first."""
        found = (await self.catalog()).review(request, region=region)
        if found.problems:
            found = (await self.catalog(at_most=DOUBT)).review(request, region=region)
        return found

    async def check(self, request: VideoRequest) -> Review:
        """The review of a request that may be sent. Raises InvalidRequestError, with all problems, for another."""
        review = await self.review(request)
        refuse(review.problems)
        return review
