"""From a request to a record that may be kept: checked, priced, with a place on disk and in the budget."""

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

from venice_async.catalog import Catalog, CatalogKeeper, path_problems, refuse
from venice_async.client import VeniceClient
from venice_async.disk import DiskPool
from venice_async.errors import InvalidRequestError, VeniceError
from venice_async.jobs import Delivery, JobRecord
from venice_async.manager.budget import Budget
from venice_async.manager.places import Places
from venice_async.manager.prices import PriceList
from venice_async.media_checks import check_media
from venice_async.models import QuoteRequest, VideoRequest
from venice_async.money import ZERO
from venice_async.naming import slug
from venice_async.wire.stored import is_bulky, request_to_text


class Intake:
    """Everything that can be wrong with a job is found here, before any money is spent."""

    def __init__(self, client: VeniceClient, *, places: Places, budget: Budget, pool: DiskPool) -> None:
        self._client = client
        self._places = places
        self._budget = budget
        self._pool = pool
        self._prices = PriceList(client)
        self._keeper = CatalogKeeper(client.models, clock=client.clock)
        # A thousand requests that come at once are looked at a few per turn of the loop, so that it stays awake.
        self._door = asyncio.Semaphore(_AT_ONCE)

    async def catalog(self) -> Catalog:
        """The models on offer, at most an hour old."""
        return await self._keeper.catalog()

    async def prepare(
        self, request: VideoRequest, *, key: str | None, output: str | None, delivery: Delivery, check: bool
    ) -> JobRecord:
        """A record for a request. Asks the server for the catalogue and the price, and claims nothing yet.

        Raises InvalidRequestError for what the server would refuse (unless `check` is off) and for a name outside
        the output folder, and DownloadError where the disk is full.
        """
        self._client.check_credential()
        _check_key(key)
        async with self._door:
            await self._check(request, all_rules=check)
        job_id, now, place = secrets.token_hex(8), self._client.clock.wall(), ""
        if delivery is Delivery.DISK:
            name = output or self._places.name(key=key, model=request.model, job_id=job_id, at=now)
            place = self._places.path(name)
            await self._places.check_room(self._client.clock.monotonic())
        return JobRecord(
            id=job_id,
            key=job_id if key is None else key,
            model=request.model,
            request=await self._stored(request),
            output=place,
            delivery=delivery,
            variant=f"{request.duration or ''}/{request.resolution or ''}",
            created_at=now,
            price_usd=await self._price(request, check=check),
        )

    async def _stored(self, request: VideoRequest) -> str:
        return await self._pool.run(request_to_text, request) if is_bulky(request) else request_to_text(request)

    async def _check(self, request: VideoRequest, *, all_rules: bool = True) -> None:
        if all_rules:
            review = await self._keeper.review(request)
            refuse((*review.problems, *await check_media(request, executor=self._pool.executor)))
        else:
            refuse(path_problems(request))  # whatever else is sent anyway: a path is nothing that a server can fetch

    async def _price(self, request: VideoRequest, *, check: bool) -> Decimal | None:
        try:
            return await self._quoted(request, check=check)
        except VeniceError:
            if self._budget.cap_usd is not None:
                raise
        return None  # a quote is a courtesy: without a budget nothing depends on it

    async def _quoted(self, request: VideoRequest, *, check: bool) -> Decimal:
        if check:  # our sentence names what is missing, where the server's 400 often does not
            refuse((await self._keeper.catalog()).quote_problems(QuoteRequest.of(request)))
        return (await self._prices.quote(request)).usd

    async def check_all(self, new: Mapping[str, VideoRequest]) -> None:
        """Raises for many jobs at once, by key, what `prepare` and `claim` would raise for one. Claims nothing."""
        now = self._client.clock.wall()
        for key, request in new.items():
            async with self._door:
                await self._check(request)
            name = self._places.name(key=key, model=request.model, job_id=_ANY_ID, at=now)
            self._places.check(self._places.path(name))
        if self._budget.available_usd is not None:
            self._budget.check(sum([await self._quoted(request, check=True) for request in new.values()], ZERO))

    def claim(self, record: JobRecord) -> None:
        """Take the place on disk and in the budget, both or none.

        Raises DestinationExistsError, InvalidRequestError where another job writes to the same file,
        and BudgetExceededError.
        """
        self._places.check(record.output)
        self._budget.reserve(record.id, record.price_usd)
        self._places.take(record)

    def give_back(self, record: JobRecord) -> None:
        """A record that was claimed and not kept."""
        self._places.free(record.id)
        self._budget.forget(record.id)

    def follow(self, record: JobRecord) -> None:
        """Keep both claims true to what a kept record says now."""
        self._budget.follow(record)
        if record.state.terminal:
            self._places.free(record.id)
        else:
            self._places.take(record)


_AT_ONCE = 16
_ANY_ID = "0" * 16
"""Stands for an id that is not made yet: with it in its name, a job stands in nobody's way."""


def _check_key(key: str | None) -> None:
    # Half a surrogate pair cannot be written to any file.
    if key is not None and any("\ud800" <= character <= "\udfff" for character in key):
        sentence = "The key holds half a character (a lone surrogate)."
        raise InvalidRequestError(sentence, problems=(sentence,))


def keyed(requests: Iterable[VideoRequest] | Mapping[str, VideoRequest]) -> dict[str, VideoRequest]:
    """Requests by key. Without keys of their own they get one from their content, and a number from the second on."""
    if isinstance(requests, Mapping):
        return dict(requests)
    seen: Counter[str] = Counter()
    found = {}
    for request in requests:
        digest = hashlib.sha256(request_to_text(request).encode()).hexdigest()[:12]
        seen[digest] += 1
        number = f"-{seen[digest]}" if seen[digest] > 1 else ""
        found[f"{slug(request.model)}-{digest}{number}"] = request
    return found
