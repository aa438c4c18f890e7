"""What a batch would do, and what it would cost: the rows of its manifest beside the ledger and the catalogue."""

import asyncio
import contextlib
import enum
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import attrs
from attrs import Factory, define, field, frozen

from venice_async.catalog import Catalog, CatalogKeeper, Problem
from venice_async.cli.manifests.entries import Mistake
from venice_async.cli.manifests.rows import Manifest, Row
from venice_async.cli.unsent import Unsent, amount
from venice_async.client import VeniceClient
from venice_async.errors import BadRequestError, InvalidRequestError
from venice_async.jobs import JobRecord, JobState
from venice_async.media_checks import check_media
from venice_async.models import QuoteRequest, VideoRequest
from venice_async.money import ZERO, check_fits, totals_of
from venice_async.naming import safe_destination
from venice_async.wire.stored import request_from_text, request_to_text

_QUOTES_AT_ONCE = 8


class Standing(enum.Enum):
    """What becomes of a row."""

    NEW = "new"
    """Not in the ledger: to be paid."""
    DONE = "done"
    """Its video is there."""
    OPEN = "open"
    """Under way: it goes on, and is not paid again."""
    STUCK = "stuck"
    """Held or unknown: a person decides."""
    ENDED = "ended"
    """Failed or cancelled: it is made again by `retry` alone."""
    CHANGED = "changed"
    """Its key has another request in the ledger. That one goes on where it was not sent yet."""


_STANDINGS: Mapping[JobState, Standing] = {
    JobState.COMPLETED: Standing.DONE,
    JobState.FAILED: Standing.ENDED,
    JobState.CANCELLED: Standing.ENDED,
    JobState.HELD: Standing.STUCK,
    JobState.UNKNOWN: Standing.STUCK,
}


def standing_of(row: Row, record: JobRecord | None) -> Standing:
    """Where a row stands, given what the ledger has under its key."""
    if record is None or row.problems:
        return Standing.NEW
    if request_to_text(row.request) != record.request and not _same(request_from_text(record.request), row.request):
        return Standing.CHANGED
    return _STANDINGS.get(record.state, Standing.OPEN)


def _same(before: VideoRequest, now: VideoRequest) -> bool:
    """Whether two requests are for the same video. A consent is a person's later word about the same one."""
    return attrs.evolve(before, consent=None) == attrs.evolve(now, consent=None)


@frozen(kw_only=True)
class Planned:
    """A row and what becomes of it. `price_usd` is None where nobody knows it, and for what is not new."""

    row: Row
    standing: Standing
    record: JobRecord | None = None
    price_usd: Decimal | None = None


@define(kw_only=True)
class Plan:
    """A whole batch before anything is paid. With a mistake in it, nothing of it may be."""

    rows: list[Planned]
    mistakes: list[Mistake] = Factory(list)
    warnings: Counter[str] = Factory(Counter)
    held_usd: Decimal = ZERO
    """What all jobs of the ledger hold already."""
    unsent: Unsent = Unsent()  # noqa: RUF009 -- it is frozen
    """Jobs of the ledger that are sent as well, and paid: left over, retried, or with an earlier request."""

    def of(self, *standings: Standing) -> list[Planned]:
        """The rows that stand so."""
        return [planned for planned in self.rows if planned.standing in standings]

    @property
    def new_usd(self) -> Decimal:
        """What the new rows cost, as far as it is known."""
        return sum((planned.price_usd or ZERO for planned in self.of(Standing.NEW)), ZERO)

    @property
    def price_usd(self) -> Decimal:
        """All that this run would pay, as far as it is known: the new rows and what was not sent yet."""
        return self.new_usd + self.unsent.price_usd

    @property
    def new_unpriced(self) -> int:
        """New rows whose price nobody knows."""
        return sum(planned.price_usd is None for planned in self.of(Standing.NEW))

    @property
    def amount(self) -> str:
        """The same in words."""
        return amount(self.price_usd, self.new_unpriced + self.unsent.unpriced)

    def check_budget(self, cap_usd: Decimal | None) -> None:
        """Raises BudgetExceededError where what is to be paid does not fit all."""
        if cap_usd is None or not (self.of(Standing.NEW) or self.unsent):
            return
        known = not (self.new_unpriced or self.unsent.unpriced)
        before = self.held_usd - self.unsent.price_usd  # theirs is reserved already
        check_fits(self.price_usd if known else None, held_usd=before, cap_usd=cap_usd)


async def plan_of(manifest: Manifest, records: Sequence[JobRecord], client: VeniceClient, *, output_dir: Path) -> Plan:
    """Check and price what is new. Asks for the catalogue and for prices; pays nothing and writes nothing."""
    known = {record.key: record for record in records}
    rows = [
        Planned(row=row, standing=standing_of(row, record := known.get(row.key)), record=record)
        for row in manifest.rows
    ]
    held = sum((totals_of(record).held_usd for record in records), ZERO)
    plan = Plan(rows=rows, held_usd=held, unsent=Unsent.of(records))
    checks = _Checks(
        catalog=await CatalogKeeper(client.models, clock=client.clock).catalog(), folder=output_dir, known=known
    )
    for row in (planned.row for planned in rows if planned.standing is Standing.NEW):
        manifest.refuse(row, await checks.problems(row))
        plan.warnings.update(map(str, checks.catalog.warnings(row.request)))
    if not (manifest.mistakes or manifest.has_shared):
        await _price(plan, manifest, client)
    plan.mistakes = manifest.all_mistakes()
    return plan


@define(kw_only=True)
class _Checks:
    """What the rows are checked against. What many rows have in common is looked up once."""

    catalog: Catalog
    folder: Path
    known: Collection[str]
    _quotes: dict[QuoteRequest, tuple[Problem, ...]] = field(factory=dict, init=False)
    _there: set[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._there = set()
        with contextlib.suppress(OSError):
            self._there = {path.name for path in self.folder.iterdir()}

    async def problems(self, row: Row) -> list[Problem]:
        """All that is wrong with a row. What could not be read is told as such, and not as missing too."""
        found = list(row.problems)
        for group in (self.catalog.problems(row.request), await _media_problems(row), self._place(row)):
            named = {_root(problem) for problem in found}
            found += [problem for problem in group if _root(problem) not in named]
        return found or [*self._quote(QuoteRequest.of(row.request))]

    def _quote(self, inputs: QuoteRequest) -> tuple[Problem, ...]:
        if inputs not in self._quotes:
            self._quotes[inputs] = self.catalog.quote_problems(inputs)
        return self._quotes[inputs]

    def _place(self, row: Row) -> Iterable[Problem]:
        if row.key in self.known:
            return  # its place is its own
        if "output" not in row.own:  # named by us: it is a plain name in the folder
            if row.output in self._there:
                yield Problem(field="output", message=f"something already stands at {self.folder / row.output}.")
            return
        try:
            place = safe_destination(self.folder, row.output)
        except InvalidRequestError as error:
            yield Problem(field="output", message=error.message)
            return
        if os.path.lexists(place):
            yield Problem(field="output", message=f"something already stands at {place}.")


def _root(problem: Problem) -> str:
    return problem.field.partition("[")[0]


async def _media_problems(row: Row) -> Iterable[Problem]:
    if not row.has_media:
        return ()
    try:
        return await check_media(row.request)
    except InvalidRequestError as error:  # what JSON cannot hold
        return tuple(Problem(field="request", message=message) for message in error.problems)


async def _price(plan: Plan, manifest: Manifest, client: VeniceClient) -> None:
    """The prices of the new rows: asked once for all rows of the same price inputs."""
    inputs = {planned.row.place: QuoteRequest.of(planned.row.request) for planned in plan.of(Standing.NEW)}
    distinct = list(dict.fromkeys(inputs.values()))
    turns = asyncio.Semaphore(_QUOTES_AT_ONCE)

    async def ask(one: QuoteRequest) -> Decimal | BadRequestError:
        async with turns:
            try:
                return (await client.quote(one)).usd
            except BadRequestError as error:
                return error

    prices = dict(zip(distinct, await asyncio.gather(*map(ask, distinct)), strict=True))
    for index, planned in enumerate(plan.rows):
        if planned.standing is not Standing.NEW:
            continue
        price = prices[inputs[planned.row.place]]
        if isinstance(price, BadRequestError):
            manifest.refuse(planned.row, [Problem(field="price", message=price.message)])
        else:
            plan.rows[index] = attrs.evolve(planned, price_usd=price)
