"""`show`: one job, with everything that the ledger knows of it but the private link."""

import json
import time
from pathlib import Path
from typing import Any

from venice_async.cli.ledgers import found, handle, of_ledger, opened
from venice_async.cli.records import MISTAKEN, mistaken, record_document, stream_words, waits_for_stream
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import ago, full, moment, money, name_of, near, proposes, size, span
from venice_async.errors import BadRequestError, ContentRejectedError, VeniceError
from venice_async.jobs import JobRecord, JobState, error_from_text
from venice_async.wire.text import clean

_LONG = 200
"""Characters of one value of a request; a `data:` URL has millions."""


async def show_job(name: str, ledger: Path, terminal: Terminal) -> int:
    """Tell about the job of a key or an id. Raises ConfigurationError where there is none."""
    async with opened(ledger) as kept:
        record = await found(kept, name)
    terminal.tell({**record_document(record), "request": _request(record), "do": what_to_do(record, ledger)})
    for line in _lines(record, time.time()):
        terminal.result(line)
    if (advice := what_to_do(record, ledger)) is not None:
        terminal.result(f"  {'do':10}{advice}")
    return 0


def what_to_do(record: JobRecord, ledger: Path) -> str | None:
    """The command that goes on from here; None where there is nothing to do."""
    job = f"{handle(record)}{of_ledger(ledger)}"
    match record.state:
        case JobState.COMPLETED:
            return None
        case JobState.FAILED if record.error and proposes(error_from_text(record.error)):
            return f"venice-async generate --like {job} --suggested"
        case JobState.FAILED if refused(record):
            changed = f"venice-async generate --like {job} --prompt TEXT"
            return f"{changed} (or other options that correct it; in a batch, correct the row and give it another key)"
        case JobState.FAILED | JobState.CANCELLED:
            return f"venice-async retry {job}"
        case JobState.UNKNOWN:
            return f"venice-async unknown{of_ledger(ledger)}"
        case JobState.HELD if mistaken(record):
            return correction(record, ledger)
        case JobState.HELD:
            return f"venice-async {'consent' if record.held_for == 'consent' else 'release'} {job}"
        case _ if waits_for_stream(record):
            return stream_words(record)
        case _:
            return f"venice-async resume{of_ledger(ledger)}"


def refused(record: JobRecord) -> bool:
    """Whether the request itself was refused: sent again unchanged, it would be refused again."""
    error = error_from_text(record.error) if record.error else None
    return record.state is JobState.FAILED and isinstance(error, BadRequestError | ContentRejectedError)


def correction(record: JobRecord, ledger: Path) -> str:
    """The command for a job that was given a wrong queue_id."""
    job = f"{handle(record)}{of_ledger(ledger)}"
    return f"venice-async resolve {job} --queue-id ID (or --not-charged, --charged, --resubmit)"


def _lines(record: JobRecord, now: float) -> list[str]:
    error = error_from_text(record.error) if record.error else None
    facts = {
        "state": record.state.value + (f" ({record.held_for})" if record.held_for else ""),
        "job": record.id,
        "queue_id": record.queue_id,
        "model": record.model,
        "price": _price(record),
        "doubtful": money(record.doubtful_usd) if record.doubtful_usd else None,
        "file": _file(record),
        "recorded": _when(record.created_at, now),
        "sent": _when(record.queueing_at, now, f" (attempt {record.attempt})"),
        "taken": _when(record.queued_at, now),
        "ended": _when(record.finished_at, now, _took(record)),
        "decision": record.decision,
        "why": MISTAKEN if mistaken(record) else _why(error),
    }
    told = [f"  {name:10}{clean(str(text), limit=2000)}" for name, text in facts.items() if text]
    asked = [f"    {name}: {clean(_short(value), limit=2000)}" for name, value in _request(record).items()]
    return [name_of(record), *told, "  request", *asked]


def _price(record: JobRecord) -> str:
    if mistaken(record):
        return f"{money(record.price_usd)}, counted as charged, because somebody said that it was taken"
    return f"{money(record.price_usd)}, {record.charge.value}: {record.charge.sentence}"


def _why(error: VeniceError | None) -> str | None:
    return None if error is None else full(error)


def _file(record: JobRecord) -> str | None:
    if record.state is not JobState.COMPLETED or not record.output:
        return None
    gone = "" if Path(record.output).exists() else ", not there any more"
    return f"{near(record.output)} ({size(record.size)}{gone})"


def _when(at: float | None, now: float, more: str = "") -> str | None:
    return None if not at else f"{moment(at)}, {ago(now - at)}{more}"


def _took(record: JobRecord) -> str:
    if record.finished_at is None or record.queued_at is None:
        return ""
    return f" (took {span(record.finished_at - record.queued_at)})"


def _request(record: JobRecord) -> dict[str, Any]:
    """The request's own fields. The bytes of media are not shown."""
    tree = json.loads(record.request)
    return {name: _without_bytes(value) for name, value in tree.items() if name != "model"}


def _without_bytes(value: Any) -> Any:
    match value:
        case {"bytes": str(data), "content_type": kind}:
            return f"{len(data) * 3 // 4 - data[-2:].count('='):,} bytes of {kind}"
        case {"file": str(path)}:
            return path
        case dict():
            return {name: _without_bytes(item) for name, item in value.items()}
        case list():
            return [_without_bytes(item) for item in value]
        case str() if value[:5].lower() == "data:":
            return f"{value[:40]}..."
        case _:
            return value


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."
