"""`resolve` and `release`: a person's decision about a job, written to the ledger. No server is asked."""

import time
from pathlib import Path

from attrs import field, frozen

from venice_async.cli.ledgers import found, of_ledger, opened
from venice_async.cli.records import record_document, show_records
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import money, name_of
from venice_async.errors import ConfigurationError
from venice_async.jobs import JobRecord, JobState
from venice_async.manager.decisions import Resolution, decide, decided, let_go


@frozen(kw_only=True)
class Decision:
    """What was typed about one job."""

    job: str
    ledger: Path
    queue_id: str | None = None
    download_url: str | None = field(default=None, repr=False)
    not_charged: bool = False
    charged: bool = False
    resubmit: bool = False
    approved: bool = False

    @property
    def resolution(self) -> Resolution:
        """The one way out that was chosen. Raises ConfigurationError for none, or several."""
        chosen = [
            resolution
            for resolution, given in (
                (Resolution.ADOPT, self.queue_id is not None),
                (Resolution.NOT_CHARGED, self.not_charged),
                (Resolution.CHARGED, self.charged),
                (Resolution.RESUBMIT, self.resubmit),
            )
            if given
        ]
        if len(chosen) != 1:
            raise ConfigurationError("Say one of --queue-id ID, --not-charged, --charged and --resubmit.")
        if self.download_url is not None and self.queue_id is None:
            raise ConfigurationError("--download-url goes with --queue-id.")
        return chosen[0]


def resolve(decision: Decision, terminal: Terminal) -> int:
    """Write down what became of a job; 1 where the person asked thinks better of it.

    Raises ConfigurationError for what is typed wrong, InvalidRequestError for a job that is not
    unknown, and LedgerError.
    """
    choice = decision.resolution
    record = run(_record(decision))
    # Whatever is wrong with it is said before a question is asked.
    decided(record, choice, queue_id=decision.queue_id, download_url=decision.download_url, now=time.time())
    if choice is Resolution.RESUBMIT and not _agreed(record, decision, terminal):
        terminal.note("Nothing was changed.")
        return 1
    record = run(_decide(record, choice, decision))
    terminal.tell(record_document(record))
    terminal.result(f"{name_of(record)} is {record.state.value}. {_MEANS[choice]}")
    if not record.state.terminal:
        terminal.note(_goes_on(decision.ledger))
    return 0


_MEANS = {
    Resolution.ADOPT: "It counts as charged, and its video can be brought home.",
    Resolution.NOT_CHARGED: "Nothing was charged, and its price is free again.",
    Resolution.CHARGED: "Its price counts as spent.",
    Resolution.RESUBMIT: "It will be sent again; the first price counts as spent.",
}


def _agreed(record: JobRecord, decision: Decision, terminal: Terminal) -> bool:
    if decision.approved:
        return True
    if not terminal.can_ask:
        raise ConfigurationError(
            "To send it again may pay for it twice, and there is no terminal to ask at.", advice="Agree with --yes."
        )
    price = money(record.price_usd)
    return terminal.ask(f"{name_of(record)} may have been charged already. Send it again, for {price} once more?")


async def _record(decision: Decision) -> JobRecord:
    async with opened(decision.ledger) as ledger:
        return await found(ledger, decision.job)


async def _decide(record: JobRecord, choice: Resolution, decision: Decision) -> JobRecord:
    async with opened(decision.ledger) as ledger:
        return await decide(
            ledger,
            record,  # as it was shown: where somebody else has moved it since, the ledger refuses
            choice,
            queue_id=decision.queue_id,
            download_url=decision.download_url,
            now=time.time(),
        )


async def release(names: tuple[str, ...], ledger: Path, terminal: Terminal, *, everything: bool) -> int:
    """Let jobs that are HELD go on. Raises ConfigurationError for an unknown name, or none.

    Raises InvalidRequestError for one that is not held; those named before it are released then.
    """
    if bool(names) is everything:
        raise ConfigurationError("Name the jobs to release, or say --all.")
    async with opened(ledger) as kept:
        held = await kept.records({JobState.HELD}) if everything else [await found(kept, name) for name in names]
        released = [await let_go(kept, record) for record in held]
    show_records(terminal, released)
    terminal.note(_goes_on(ledger) if released else "No job of this ledger is held.")
    return 0


def _goes_on(ledger: Path) -> str:
    return (
        f"A program that works on this ledger goes on with it now; without one: venice-async resume{of_ledger(ledger)}"
    )
