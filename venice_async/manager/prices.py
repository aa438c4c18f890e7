"""What requests cost: asked once per set of price inputs, then remembered for a while."""

import asyncio
from collections import defaultdict

from venice_async.client import VeniceClient
from venice_async.models import Quote, QuoteRequest, VideoRequest

KEEP = 600.0
"""Seconds that a price is believed."""


class PriceList:
    """Quotes by their inputs. A batch of a thousand alike requests asks once."""

    def __init__(self, client: VeniceClient) -> None:
        self._client = client
        self._known: dict[QuoteRequest, tuple[float, Quote]] = {}
        self._turns: defaultdict[QuoteRequest, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def quote(self, request: VideoRequest) -> Quote:
        """The price of a request, at most ten minutes old. Raises what `VeniceClient.quote` raises."""
        inputs = QuoteRequest.of(request)
        async with self._turns[inputs]:
            now = self._client.clock.monotonic()
            kept = self._known.get(inputs)
            if kept is None or now - kept[0] > KEEP:
                kept = (now, await self._client.quote(inputs))
                self._known[inputs] = kept
        return kept[1]
