"""Job records as tables and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from venice_async.cli.terminal import Terminal, error_document
from venice_async.cli.words import STATE_STYLES, brief, money, name_of, near
from venice_async.jobs import JobRecord, JobState, error_from_text
from venice_async.manager.budget import Budget, Totals

_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "job": {"overflow": "fold", "ratio": 2},
    "model": {"overflow": "fold", "ratio": 2},
    "state": {"no_wrap": True},
    "price": {"no_wrap": True, "justify": "right"},
    "charge": {"no_wrap": True},
    "path or reason": {"overflow": "fold", "ratio": 3},
}


def totals_of(records: Sequence[JobRecord]) -> Totals:
    """US dollars over some records."""
    budget = Budget()
    budget.follow_all(records)
    return budget.totals


def record_document(record: JobRecord) -> dict[str, Any]:
    """A record as JSON: everything but the private link and the request."""
    done = record.state is JobState.COMPLETED
    return {
        "key": record.key,
        "id": record.id,
        "model": record.model,
        "state": record.state.value,
        "queue_id": record.queue_id,
        "price_usd": record.price_usd,
        "charge": record.charge.value,
        "path": record.output if done else None,
        "size": record.size,
        "sha256": record.sha256,
        "created_at": record.created_at,
        "queued_at": record.queued_at,
        "finished_at": record.finished_at,
        "held_for": record.held_for,
        "error": error_document(error_from_text(record.error)) if record.error else None,
    }


def totals_document(totals: Totals) -> dict[str, Any]:
    """Totals as JSON."""
    return {
        "spent_usd": totals.spent_usd,
        "reserved_usd": totals.reserved_usd,
        "refunded_usd": totals.refunded_usd,
    }


def records_document(records: Sequence[JobRecord]) -> dict[str, Any]:
    """Records and their totals as JSON."""
    return {
        "jobs": [record_document(record) for record in records],
        "totals": totals_document(totals_of(records)),
    }


def show_records(terminal: Terminal, records: Sequence[JobRecord]) -> None:
    """Records and their totals, as a table or as JSON."""
    terminal.tell(records_document(records))
    if records:
        terminal.table(_COLUMNS, [_row(record) for record in records])
    terminal.result(totals_line(records))


def totals_line(records: Sequence[JobRecord]) -> str:
    """How many jobs, and the money."""
    totals = totals_of(records)
    noun = "job" if len(records) == 1 else "jobs"
    return (
        f"{len(records)} {noun}: {money(totals.spent_usd)} spent, {money(totals.reserved_usd)} reserved, "
        f"{money(totals.refunded_usd)} refunded"
    )


def _row(record: JobRecord) -> list[Any]:
    from rich.text import Text

    state = Text(record.state.value, style=STATE_STYLES[record.state])
    return [name_of(record), record.model, state, money(record.price_usd), record.charge.value, _end(record)]


def _end(record: JobRecord) -> str:
    if record.state is JobState.COMPLETED:
        return near(record.output)
    if record.error:
        held = f"waits for a person ({record.held_for}): " if record.held_for else ""
        return held + brief(error_from_text(record.error))
    return ""
