"""Jobs that wait for a person, by cause: what a person is told about all those of one cause at once."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from venice_async.cli.ledgers import handle, of_ledger
from venice_async.cli.records import mistaken
from venice_async.cli.words import brief, name_of
from venice_async.jobs import JobRecord, JobState, error_from_text
from venice_async.money import ZERO

_NAMED = 5
"""Jobs of one cause that are named."""
_TYPED = 20
"""Jobs that one command names."""


def by_cause(records: Iterable[JobRecord]) -> Mapping[tuple[str, str], Sequence[JobRecord]]:
    """Held jobs that one command releases, by what they are held for and why."""
    causes: dict[tuple[str, str], list[JobRecord]] = {}
    for record in records:
        if record.state is JobState.HELD and record.held_for != "consent" and not mistaken(record):
            why = brief(error_from_text(record.error)) if record.error else ""
            causes.setdefault((record.held_for or "", why), []).append(record)
    return causes


def names(records: Sequence[JobRecord]) -> str:
    """`3 jobs (a, b, c)`; of many jobs the first few, of one its name alone."""
    if len(records) == 1:
        return name_of(records[0])
    more = ", ..." if len(records) > _NAMED else ""
    return f"{len(records):,} jobs ({', '.join(map(name_of, records[:_NAMED]))}{more})"


def release_command(some: Sequence[JobRecord], records: Iterable[JobRecord], ledger: Path) -> str:
    """What to type to let some of the records go on, and none of the others where they can all be named."""
    held = sum(record.state is JobState.HELD for record in records)
    everything = 1 < len(some) == held or len(some) > _TYPED
    which = "--all" if everything else " ".join(map(handle, some))
    return f"venice-async release {which}{of_ledger(ledger)}"


def release_lines(records: Sequence[JobRecord], ledger: Path) -> list[str]:
    """For each thing that is waited for, how many wait, and the command for when it is there."""
    kinds: dict[str, list[JobRecord]] = {}
    for (held_for, _why), held in by_cause(records).items():
        kinds.setdefault(held_for, []).extend(held)
    return [
        f"{len(held):,} {'waits' if len(held) == 1 else 'wait'} for a person ({held_for}); "
        f"once the cause is gone: {release_command(held, records, ledger)}"
        for held_for, held in kinds.items()
    ]


def missing_usd(records: Iterable[JobRecord]) -> Decimal | None:
    """The price of all jobs that wait for credit, as far as it is known; None where none does."""
    prices = [record.price_usd or ZERO for record in records if _lacks_credit(record)]
    return sum(prices, ZERO) if prices else None


def _lacks_credit(record: JobRecord) -> bool:
    return record.state is JobState.HELD and record.held_for == "balance"
