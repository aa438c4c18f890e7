"""Job records as tables and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from venice_async.cli.terminal import Terminal, error_document
from venice_async.cli.words import STATE_STYLES, brief, moment, money, name_of, near, with_advice
from venice_async.jobs import Delivery, JobRecord, JobState, error_from_text
from venice_async.money import Totals
from venice_async.money import totals_of as totals_of_one

_KEPT_SECONDS = 24 * 3600.0
"""For so long after a job was queued the server keeps its video, at most."""

SHORT_ID = 8
"""Characters of an id that are shown, and from which on a beginning of one names a job."""

_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "job": {"overflow": "fold", "ratio": 2},
    "model": {"overflow": "fold", "ratio": 2},
    "state": {"no_wrap": True},
    "time": {"no_wrap": True},
    "price": {"no_wrap": True, "justify": "right"},
    "charge": {"no_wrap": True},
    "path or reason": {"overflow": "fold", "ratio": 3},
}


def totals_of(records: Sequence[JobRecord]) -> Totals:
    """US dollars over some records."""
    return sum(map(totals_of_one, records), Totals())


def record_document(record: JobRecord) -> dict[str, Any]:
    """A record as JSON: everything but the private link and the request."""
    done = record.state is JobState.COMPLETED
    error = error_from_text(record.error) if record.error else None
    return {
        "key": record.key,
        "id": record.id,
        "model": record.model,
        "state": record.state.value,
        "queue_id": record.queue_id,
        "price_usd": record.price_usd,
        "charge": record.charge.value,
        "doubtful_usd": record.doubtful_usd,
        "path": record.output if done else None,
        "size": record.size,
        "sha256": record.sha256,
        "request_hash": record.request_hash,
        "attempt": record.attempt,
        "created_at": record.created_at,
        "queueing_at": record.queueing_at,
        "queued_at": record.queued_at,
        "finished_at": record.finished_at,
        "held_for": record.held_for,
        "decision": record.decision,
        "ray": getattr(error, "ray", None),
        "error": None if error is None else error_document(error),
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
    money_of_it = [money(record.price_usd), record.charge.value]
    return [_named(record), record.model, state, _time(record), *money_of_it, _end(record)]


def _named(record: JobRecord) -> str:
    """By its key; without one by as much of its id as names it in a command, and by its prompt."""
    if record.key != record.id:
        return name_of(record)
    prompt = name_of(record)
    return record.id[:SHORT_ID] + (f" {prompt}" if prompt != record.id else "")


def _time(record: JobRecord) -> str:
    """When it came to its end, else when it was taken, else when it was sent or recorded; local, to the minute."""
    at = record.finished_at or record.queued_at or record.queueing_at or record.created_at
    return moment(at)[:16] if at else "-"


def waits_for_stream(record: JobRecord) -> bool:
    """Whether a taken job has no file to come, because a program is to read its bytes."""
    return record.delivery is Delivery.CALLER and record.state in {JobState.QUEUED, JobState.DOWNLOADING}


def stream_words(record: JobRecord) -> str:
    """Where the bytes of such a job wait, and until when."""
    until = f"until {moment(record.queued_at + _KEPT_SECONDS)[:16]}" if record.queued_at else "for 24 hours"
    return f"its bytes wait at the server, {until}, for job.open_stream() in a Python program"


def mistaken(record: JobRecord) -> bool:
    """Whether the queue_id that a person gave is none of this job's: then it can be resolved once more."""
    return record.state is JobState.HELD and record.adopted and record.held_for == "queue_id"


MISTAKEN = (
    "The server does not know the queue_id that was given for it, or not with this model. "
    "Whether the job was taken and charged is as open as before."
)


def _end(record: JobRecord) -> str:
    if mistaken(record):
        return f"{MISTAKEN} Then: venice-async resolve, once more"
    if waits_for_stream(record):
        return stream_words(record)
    if record.state is JobState.COMPLETED:
        return near(record.output)
    if not record.error:
        return ""
    error = error_from_text(record.error)
    if record.state is JobState.UNKNOWN:
        return f"{brief(error)} See: venice-async unknown"
    if record.state is JobState.HELD:
        return f"waits for a person ({record.held_for}): {with_advice(error)}"
    return with_advice(error)
