"""What a batch says: its mistakes, its plan with the price, and its end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from venice_async.cli.batch_plan import Plan, Planned, Standing
from venice_async.cli.funds import Funds
from venice_async.cli.held import by_cause, missing_usd, names, release_command
from venice_async.cli.ledgers import handle, of_ledger
from venice_async.cli.records import MISTAKEN, mistaken, record_document, totals_document, totals_line, totals_of
from venice_async.cli.show import correction, refused
from venice_async.cli.terminal import Terminal, error_document
from venice_async.cli.unsent import amount
from venice_async.cli.words import brief, money, near, with_advice
from venice_async.errors import VeniceError
from venice_async.jobs import JobRecord, JobState, error_from_text
from venice_async.wire.text import clean

SHOWN = 200
"""Mistakes that are printed; --json has all."""
LISTED = 20
"""Rows of one kind that are named at the end."""

_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "place": {"overflow": "fold", "ratio": 2},
    "key": {"overflow": "fold", "ratio": 2},
    "model": {"overflow": "fold", "ratio": 2},
    "becomes": {"no_wrap": True},
    "price": {"no_wrap": True, "justify": "right"},
}
_WORDS = {
    Standing.NEW: "new",
    Standing.DONE: "done before",
    Standing.OPEN: "going on",
    Standing.STUCK: "waiting for you",
    Standing.ENDED: "failed before",
    Standing.CHANGED: "changed",
}


def refuse(plan: Plan, terminal: Terminal) -> None:
    """Say everything that is wrong with a manifest."""
    found = plan.mistakes
    terminal.tell({"ok": False, "mistakes": [mistake.document() for mistake in found]})
    for mistake in found[:SHOWN]:
        terminal.result(str(mistake))
    if len(found) > SHOWN:
        terminal.result(f"... and {len(found) - SHOWN:,} more; --json tells all.")
    noun = "mistake" if len(found) == 1 else "mistakes"
    terminal.note(f"{len(found):,} {noun}. Nothing was sent, nothing was charged.")


def show_plan(plan: Plan, ledger: Path, terminal: Terminal) -> None:
    """How many rows become what, what the new ones cost, and what deserves a look before it is paid."""
    for warning, times in plan.warnings.most_common(LISTED):
        many = f" ({times} rows)" if times > 1 else ""
        terminal.note(clean(f"Note: {warning}{many}", limit=2000))
    counts = Counter(planned.standing for planned in plan.rows)
    parts = [f"{counts[standing]} {words}" for standing, words in _WORDS.items() if counts[standing]]
    noun = "row" if len(plan.rows) == 1 else "rows"
    cost = f"; the new ones cost {amount(plan.new_usd, plan.new_unpriced)}" if counts[Standing.NEW] else ""
    terminal.note(f"{len(plan.rows):,} {noun}: {', '.join(parts)}{cost}.")
    if plan.unsent:
        terminal.note(clean(plan.unsent.sentence(_earlier(plan)), limit=2000))
    _list(
        terminal,
        "These keys have another request in the ledger; theirs is kept. For this one, choose another key:",
        [f"{planned.row.place}: {planned.row.key}{_goes_on(planned)}" for planned in plan.of(Standing.CHANGED)],
    )


def _earlier(plan: Plan) -> str:
    keys = [planned.row.key for planned in plan.of(Standing.CHANGED) if _goes_on(planned)]
    if not keys:
        return ""
    count, its = ("one", "its row") if len(keys) == 1 else (f"{len(keys)}", "their rows")
    named = ", ".join(keys[:LISTED]) + (", ..." if len(keys) > LISTED else "")
    return f" ({count} with an earlier request than {its}: {named})"


def _goes_on(planned: Planned) -> str:
    waits = planned.record is not None and planned.record.state is JobState.PENDING
    return " (not sent yet: it is made and paid with its earlier request)" if waits else ""


def tell_dry_run(plan: Plan, terminal: Terminal, funds: Funds | None = None) -> None:
    """Each row with what it would become and its price; `funds` are a wallet's, where one would pay."""
    rows = [
        {
            "place": planned.row.place,
            "key": planned.row.key,
            "model": planned.row.request.model,
            "standing": planned.standing.value,
            "price_usd": planned.price_usd,
            "output": planned.row.output,
        }
        for planned in plan.rows
    ]
    unsent = [{"key": record.key, "id": record.id, "price_usd": record.price_usd} for record in plan.unsent.records]
    prices = {"price_usd": plan.price_usd, "new_usd": plan.new_usd, "unsent_usd": plan.unsent.price_usd}
    credit = {} if funds is None else {"credit_usd": funds.credit_usd}
    terminal.tell({"ok": True, "jobs": rows, "unsent": unsent, **prices, "held_usd": plan.held_usd, **credit})
    terminal.table(_COLUMNS, [_row(planned) for planned in plan.rows])
    terminal.result(f"To be paid: {plan.amount}. Nothing was sent.")


def _row(planned: Planned) -> Sequence[Any]:
    row = planned.row
    return [near(row.place), row.key, row.request.model, _WORDS[planned.standing], money(planned.price_usd)]


def show_end(
    plan: Plan,
    ends: Mapping[str, JobRecord | None],
    troubles: Mapping[str, VeniceError],
    terminal: Terminal,
    *,
    ledger: Path,
    page: Path | None,
    again: str,
    funds: Funds | None = None,
) -> int:
    """Say what became of every row, and what to do about those that are not done; 0 where there are none.

    `funds` are those of the wallet that some wait for.
    """
    changed = plan.of(Standing.CHANGED)
    rows = [planned for planned in plan.rows if planned.standing is not Standing.CHANGED]
    records = [record for planned in rows if (record := ends[planned.row.key]) is not None]
    left = [record for record in records if record.state is not JobState.COMPLETED]
    terminal.tell(_document(records, plan, troubles, page))
    gone = _gone(records)
    _tell_gone(gone, terminal)
    _list(
        terminal,
        "Look at these: each may stand in for a video that was silently refused.",
        [clean(f"{near(record.output)}: {record.warning}", limit=400) for record in records if record.warning],
    )
    _tell_left(left, ledger, terminal, again=again, funds=funds)
    for message, times in Counter(with_advice(error) for error in troubles.values()).most_common(LISTED):
        terminal.note(f"{times} not taken on: {message}")
    if changed:
        terminal.note(f"{len(changed)} changed: not made; see above.")
    terminal.result(totals_line(records))
    if page is not None:
        terminal.result(near(str(page)))
    return int(bool(left or troubles or changed or gone))


def _document(
    records: Sequence[JobRecord], plan: Plan, troubles: Mapping[str, VeniceError], page: Path | None
) -> dict[str, Any]:
    return {
        "jobs": [record_document(record) for record in records],
        "totals": totals_document(totals_of(records)),
        "changed": [planned.row.key for planned in plan.of(Standing.CHANGED)],
        "not_taken": {key: error_document(error) for key, error in troubles.items()},
        "gallery": page,
    }


def _gone(records: Sequence[JobRecord]) -> list[str]:
    done = (record for record in records if record.state is JobState.COMPLETED and record.output)
    return [record.output for record in done if not Path(record.output).exists()]


def _tell_gone(gone: Sequence[str], terminal: Terminal) -> None:
    _list(terminal, "These were made, and their files are not there any more:", list(map(near, gone)))
    if gone:
        terminal.note(
            "Put them back where they were. What is lost stays paid: the server keeps a video for 24 hours at most. "
            "To make one anew, and pay for it again, give its row another key."
        )


_HEADINGS: Mapping[JobState, str] = {
    JobState.FAILED: "Failed:",
    JobState.CANCELLED: "Cancelled. To make one again:",
    JobState.HELD: "Wait for you. When the cause is gone, run the command and this batch again:",
    JobState.UNKNOWN: "Nobody can tell whether these were taken. See: venice-async unknown",
}
_COMMANDS = {JobState.FAILED: "retry", JobState.CANCELLED: "retry", JobState.HELD: "release", JobState.UNKNOWN: "show"}
_CORRECT = "Correct its row and give it another key: a new key is a new job. Unchanged it would be refused again."


def _tell_left(left: Sequence[JobRecord], ledger: Path, terminal: Terminal, *, again: str, funds: Funds | None) -> None:
    causes = by_cause(left)
    grouped = {record.id for records in causes.values() for record in records}
    for state, heading in _HEADINGS.items():
        lines = [_alone(record, ledger) for record in left if record.state is state and record.id not in grouped]
        if state is JobState.HELD:
            lines += [f"{names(held)}: {why}\n      {release_command(held, left, ledger)}"
                      for (_, why), held in causes.items()]  # fmt: skip
        _list(terminal, heading, lines)
    if funds is not None and (usd := missing_usd(left)) is not None:
        terminal.note(funds.top_up(usd))
    if left:
        terminal.note(f"Then go on with:\n  {again}")


def _alone(record: JobRecord, ledger: Path) -> str:
    why = brief(error_from_text(record.error)) if record.error else ""
    why = MISTAKEN if mistaken(record) else why
    return f"{clean(record.key, limit=60)}: {why}\n      {_way_on(record, ledger)}"


def _way_on(record: JobRecord, ledger: Path) -> str:
    if refused(record):
        return _CORRECT
    if mistaken(record):
        return correction(record, ledger)
    return f"venice-async {_command(record)} {handle(record)}{of_ledger(ledger)}"


def _command(record: JobRecord) -> str:
    return "consent" if record.held_for == "consent" else _COMMANDS[record.state]


def _list(terminal: Terminal, heading: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    terminal.note(heading)
    for line in lines[:LISTED]:
        terminal.note(f"  {line}")
    if len(lines) > LISTED:
        terminal.note(f"  ... and {len(lines) - LISTED:,} more; see: venice-async jobs")
