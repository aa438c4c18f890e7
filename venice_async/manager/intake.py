"""From a request to a record that may be kept: checked, priced, with a place on disk and in the budget."""

import asyncio
import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from venice_async.catalog import Catalog
from venice_async.client import VeniceClient
from venice_async.download import Overwrite
from venice_async.errors import DestinationExistsError, InvalidRequestError, VeniceError
from venice_async.jobs import JobRecord
from venice_async.manager.budget import ZERO, Budget
from venice_async.manager.prices import PriceList
from venice_async.models import VideoRequest
from venice_async.naming import safe_destination, slug
from venice_async.wire.stored import request_to_text


class Intake:
    """Everything that can be wrong with a job is found here, before any money is spent."""

    def __init__(self, client: VeniceClient, *, output_dir: Path, overwrite: Overwrite, budget: Budget) -> None:
        self._client = client
        self._output_dir = output_dir
        self._overwrite = overwrite
        self._budget = budget
        self._prices = PriceList(client)
        self._outputs: set[str] = set()
        self._output_of: dict[str, str] = {}
        self._catalog: Catalog | None = None
        self._catalog_turn = asyncio.Lock()

    async def catalog(self) -> Catalog:
        """The models on offer, fetched once."""
        async with self._catalog_turn:
            if self._catalog is None:
                self._catalog = Catalog(await self._client.models())
        return self._catalog

    async def prepare(self, request: VideoRequest, *, key: str | None, output: str | None) -> JobRecord:
        """A record for a request. Asks the server for the catalogue and the price, and claims nothing yet.

        Raises InvalidRequestError for what the model would refuse and for a name outside the output folder.
        """
        self._client.check_credential()
        _check_key(key)
        (await self.catalog()).check(request)
        job_id = secrets.token_hex(8)
        destination = safe_destination(self._output_dir, output or _default_name(request, key, job_id))
        return JobRecord(
            id=job_id,
            key=job_id if key is None else key,
            model=request.model,
            request=request_to_text(request),
            output=str(destination),
            variant=f"{request.duration or ''}/{request.resolution or ''}",
            created_at=self._client.clock.wall(),
            price_usd=await self._price(request),
        )

    async def _price(self, request: VideoRequest) -> Decimal | None:
        try:
            return (await self._prices.quote(request)).usd
        except VeniceError:
            if self._budget.cap_usd is not None:
                raise
        return None  # a quote is a courtesy: without a budget nothing depends on it

    async def check_all(self, new: Mapping[str, VideoRequest]) -> None:
        """Raises for many jobs at once, by key, what `prepare` and `claim` would raise for one. Claims nothing."""
        catalog = await self.catalog()
        for request in new.values():
            catalog.check(request)
        for key in new:
            self._check_place(str(safe_destination(self._output_dir, f"{slug(key)}.mp4")))
        if self._budget.available_usd is not None:
            self._budget.check(sum([(await self._prices.quote(request)).usd for request in new.values()], ZERO))

    def claim(self, record: JobRecord) -> None:
        """Take the place on disk and in the budget, both or none.

        Raises DestinationExistsError, InvalidRequestError where another job writes to the same file,
        and BudgetExceededError.
        """
        self._check_place(record.output)
        self._budget.reserve(record.id, record.price_usd)
        self._take_output(record)

    def give_back(self, record: JobRecord) -> None:
        """A record that was claimed and not kept."""
        self._free_output(record.id)
        self._budget.forget(record.id)

    def follow(self, record: JobRecord) -> None:
        """Keep both claims true to what a kept record says now."""
        self._budget.follow(record)
        if record.state.terminal:
            self._free_output(record.id)
        else:
            self._take_output(record)

    def _check_place(self, output: str) -> None:
        if output in self._outputs:
            sentence = f"Another job already writes to {output}."
            raise InvalidRequestError(sentence, problems=(sentence,))
        if self._overwrite is Overwrite.REFUSE and os.path.lexists(output):
            raise DestinationExistsError(f"Something already stands at {output}.")

    def _take_output(self, record: JobRecord) -> None:
        self._output_of[record.id] = record.output
        self._outputs.add(record.output)

    def _free_output(self, job_id: str) -> None:
        # By the job: a finished record may name another file than the one it was to write to.
        if (output := self._output_of.pop(job_id, None)) is not None:
            self._outputs.discard(output)


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


def _default_name(request: VideoRequest, key: str | None, job_id: str) -> str:
    return f"{slug(key)}.mp4" if key else f"{slug(request.model)}-{job_id}.mp4"
