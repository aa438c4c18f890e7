"""`generate`: one video, from its check and its price to the file."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from venice_async.catalog import Catalog, refuse
from venice_async.cli.consenting import asked_for, give, policy_of, show_policy, waits_for_consent
from venice_async.cli.ledgers import found, opened
from venice_async.cli.live import watching
from venice_async.cli.options import DEFAULT_OUTPUT_DIR, ServerOptions
from venice_async.cli.records import record_document
from venice_async.cli.resume import at_rest, interruptible, resume_command, unfinished
from venice_async.cli.running import run
from venice_async.cli.show import what_to_do
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import money, proposes, size
from venice_async.errors import BadRequestError, ConfigurationError, ContentRejectedError, VeniceError
from venice_async.jobs import JobRecord, JobState, error_from_text
from venice_async.ledger import SqliteLedger
from venice_async.manager import JobManager
from venice_async.models import QuoteRequest, SeedanceConsent, VideoRequest
from venice_async.wire.stored import request_from_text, request_to_text
from venice_async.wire.text import clean


@frozen(kw_only=True)
class Order:
    """One video that was asked for, and under which conditions."""

    request: VideoRequest
    server: ServerOptions
    ledger: Path
    output_dir: Path | None = None
    output: Path | None = None
    key: str | None = None
    budget_usd: Decimal | None = None
    approved: bool = False
    checked: bool = True
    """Whether what the catalogue forbids is refused here; otherwise the server decides."""

    def place(self) -> tuple[Path, str | None]:
        """The folder and the name in it. A file alone names its own folder."""
        if self.output is None or self.output_dir is not None:
            name = None if self.output is None else str(self.output)
            return self.output_dir or DEFAULT_OUTPUT_DIR, name
        return self.output.parent, self.output.name


def generate(order: Order, terminal: Terminal) -> int:
    """Check, price, ask, make. Raises VeniceError for whatever stops it before there is a job."""
    if not (order.approved or terminal.can_ask or order.budget_usd is not None):
        raise ConfigurationError(
            "There is no terminal to ask at whether the price is all right.",
            advice="Approve any price with --yes, or give a limit with --budget USD.",
        )
    order.server.client(needs_key=True)
    known = run(_known(order))
    if known is None:
        price = run(_price(order, terminal))
        amount = "a price that the server does not tell" if price is None else money(price)
        terminal.note(f"{order.request.model}: {amount}")
        if not order.approved and terminal.can_ask and not terminal.ask(f"Pay {amount} for this video?"):
            terminal.note("Not sent; nothing was charged.")
            return 1
    else:
        terminal.note(f"The key {order.key!r} is known: this goes on with that job, and is not paid twice.")
        if known.request != request_to_text(order.request):
            terminal.note("That job's request is another one than this: for this one, choose another key.")
    made = run(_make(order, terminal))
    while waits_for_consent(made.record) and terminal.can_ask:
        # The manager is closed while a person reads: no other job of this ledger waits for that.
        given = _consent(made.record, terminal)
        if given is None:
            break
        run(give(order.ledger, made.record, given))
        made = run(_make(attrs.evolve(order, key=made.record.key), terminal))
    return _report(made, order, terminal)


def _consent(record: JobRecord, terminal: Terminal) -> SeedanceConsent | None:
    asked = policy_of(record)
    show_policy(record, asked, terminal)
    return asked_for(asked, terminal)


def request_of(name: str | None, ledger: Path, *, suggested: bool) -> VideoRequest | None:
    """The request of a job of the ledger, without its consent: nobody has given one to a new job.

    With `suggested` it has the prompt and the model that the job's refusal proposes. None without a name. Raises
    ConfigurationError where there is no such job, or no proposal.
    """
    if name is None:
        if suggested:
            raise ConfigurationError("--suggested goes with --like JOB.")
        return None
    record = run(_record(ledger, name))
    request = attrs.evolve(request_from_text(record.request), consent=None)
    if not suggested:
        return request
    error = error_from_text(record.error) if record.error else None
    if not isinstance(error, ContentRejectedError) or not proposes(error):
        raise ConfigurationError(f"The server proposes nothing for job {clean(name, limit=60)!r}.")
    return request.with_suggestion(error)


async def _record(ledger: Path, name: str) -> JobRecord:
    async with opened(ledger) as kept:
        return await found(kept, name)


async def _known(order: Order) -> JobRecord | None:
    """The job that has this key already."""
    if order.key is None or not order.ledger.exists():
        return None
    ledger = SqliteLedger(order.ledger)
    await ledger.open()
    try:
        return next((record for record in await ledger.records() if record.key == order.key), None)
    finally:
        await ledger.aclose()


async def _price(order: Order, terminal: Terminal) -> Decimal | None:
    async with order.server.client() as client:
        catalog = Catalog(await client.models())
        for warning in catalog.warnings(order.request):
            terminal.note(f"Note: {clean(str(warning), limit=2000)}")
        if order.checked:
            catalog.check(order.request)
            refuse(catalog.quote_problems(QuoteRequest.of(order.request)))
        try:
            return (await client.quote(order.request)).usd
        except BadRequestError:
            if order.checked:
                raise
    return None  # what is sent anyway may be nothing that a price can be told for


@frozen(kw_only=True)
class _Made:
    """Where a job has come to, and what stopped it; how many others of the ledger are not done."""

    record: JobRecord
    error: VeniceError | None
    left: int


async def _make(order: Order, terminal: Terminal) -> _Made:
    folder, name = order.place()
    async with (
        interruptible(terminal, order.ledger, order.server),
        order.server.client() as client,
        JobManager(client, ledger=order.ledger, output_dir=folder, budget_usd=order.budget_usd) as jobs,
        watching(jobs, client, terminal),
    ):
        unchecked: dict[str, Any] = {} if order.checked else {"check": False}
        job = await jobs.submit(order.request, key=order.key, output=name, **unchecked)
        await at_rest(job)
        left = unfinished(jobs)
    return _Made(record=job.record, error=job.error, left=left)


def _report(made: _Made, order: Order, terminal: Terminal) -> int:
    code = _tell(made, order, terminal)
    if made.left:
        command = resume_command(order.ledger, order.server)
        terminal.note(f"{made.left} other jobs of this ledger go on with: {command}")
    return code


def _tell(made: _Made, order: Order, terminal: Terminal) -> int:
    record = made.record
    terminal.tell(record_document(record))
    if made.error is not None:
        terminal.fail(made.error)
        if (command := what_to_do(record, order.ledger)) is not None:
            terminal.note(f"Next: {command}")
        return 1
    if record.state is not JobState.COMPLETED:
        terminal.note(f"The job is {record.state.value}; it goes on at the next start.")
        return 1
    terminal.note(f"{size(record.size)}, {money(record.price_usd)}")
    terminal.result(record.output)
    return 0
