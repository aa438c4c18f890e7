"""`generate`: one video, from its check and its price to the file."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from venice_async.catalog import Catalog, refuse
from venice_async.cli.consenting import asked_for, give, policy_of, show_policy, waits_for_consent
from venice_async.cli.funds import funds_of, tell_funds, tell_payer
from venice_async.cli.held import missing_usd
from venice_async.cli.ledgers import found, opened
from venice_async.cli.live import watching
from venice_async.cli.options import DEFAULT_OUTPUT_DIR, ServerOptions
from venice_async.cli.records import record_document
from venice_async.cli.resume import at_rest, go_on, interruptible, unfinished
from venice_async.cli.running import run
from venice_async.cli.show import what_to_do
from venice_async.cli.terminal import Terminal
from venice_async.cli.unsent import Unsent, amount, check_budget
from venice_async.cli.words import money, proposes, size
from venice_async.errors import BadRequestError, ConfigurationError, ContentRejectedError, VeniceError
from venice_async.jobs import JobRecord, JobState, error_from_text
from venice_async.manager import JobManager
from venice_async.models import QuoteRequest, SeedanceConsent, VideoRequest
from venice_async.money import ZERO
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
    tell_payer(terminal)
    if not _agreed(order, terminal):
        terminal.note("Not sent; nothing was charged.")
        return 1
    made = run(_make(order, terminal))
    while waits_for_consent(made.record) and terminal.can_ask:
        # The manager is closed while a person reads: no other job of this ledger waits for that.
        given = _consent(made.record, terminal)
        if given is None:
            break
        run(give(order.ledger, made.record, given))
        made = run(_make(attrs.evolve(order, key=made.record.key), terminal))
    return _report(made, order, terminal)


def _agreed(order: Order, terminal: Terminal) -> bool:
    """Show the price of all that would be paid, and ask; --yes and a limit that it fits under are a yes."""
    records = run(_records(order.ledger))
    known = next((record for record in records if record.key == order.key), None)
    others = Unsent.of(records).without(order.key)
    price = _shown(order, known, terminal)
    if others:
        terminal.note(others.sentence())
    if (pays := _pays(known)) or others:
        run(tell_funds(order.server, others.price_usd + (price if pays and price else ZERO), terminal))
    if order.budget_usd is not None and (known is None or others):
        new_usd = price if known is None else ZERO
        check_budget(records, Unsent.of(records), new_usd=new_usd, cap_usd=order.budget_usd)
    if order.approved or order.budget_usd is not None or not terminal.can_ask:
        return True
    question = _question(price, known, others)
    return question is None or terminal.ask(question)


def _shown(order: Order, known: JobRecord | None, terminal: Terminal) -> Decimal | None:
    """What this video costs: of a job that is known, what its record says."""
    if known is None:
        price = run(_price(order, terminal))
        terminal.note(f"{order.request.model}: {_words(price)}")
        return price
    terminal.note(f"The key {order.key!r} is known: this goes on with that job, and is not paid twice.")
    if known.request != request_to_text(order.request):
        terminal.note("That job's request is another one than this: for this one, choose another key.")
    return known.price_usd


def _question(price: Decimal | None, known: JobRecord | None, others: Unsent) -> str | None:
    """What a person is asked; None where nothing is to be paid."""
    pays = _pays(known)
    if not others:
        return f"Pay {_words(price)} for this video?" if pays else None
    total, unpriced = others.price_usd, others.unpriced
    if pays:
        total, unpriced = total + (price or ZERO), unpriced + (price is None)
    return f"Pay {amount(total, unpriced)} for {'this video and ' if pays else ''}{others.noun}?"


def _pays(known: JobRecord | None) -> bool:
    return known is None or known.state is JobState.PENDING


def _words(price: Decimal | None) -> str:
    return "a price that the server does not tell" if price is None else money(price)


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


async def _records(path: Path) -> list[JobRecord]:
    """What the ledger holds; nothing where there is none yet."""
    if not path.exists():  # noqa: ASYNC240 -- before anything runs
        return []
    async with opened(path) as ledger:
        return await ledger.records()


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
        terminal.note(go_on(made.left, order.ledger, order.server))
    return code


def _tell(made: _Made, order: Order, terminal: Terminal) -> int:
    record = made.record
    terminal.tell(record_document(record))
    if made.error is not None:
        terminal.fail(made.error)
        short = missing_usd([record])
        funds = None if short is None else run(funds_of(order.server))
        if funds is not None and short is not None:
            terminal.note(funds.top_up(short))
        if (command := what_to_do(record, order.ledger)) is not None:
            terminal.note(f"Next: {command}")
        return 1
    if record.state is not JobState.COMPLETED:
        terminal.note(f"The job is {record.state.value}; it goes on at the next start.")
        return 1
    terminal.note(f"{size(record.size)}, {money(record.price_usd)}")
    terminal.result(record.output)
    return 0
