"""`reconcile`: the jobs of unknown outcome beside the account's books. Read only; a person decides."""

import os
import shlex
from pathlib import Path
from typing import Any

import attrs

from venice_async.charges import ChargeRow
from venice_async.cli.ledgers import handle, of_ledger, opened
from venice_async.cli.options import ServerOptions
from venice_async.cli.records import record_document
from venice_async.cli.terminal import Terminal
from venice_async.cli.unknown import ways_out
from venice_async.cli.words import name_of
from venice_async.errors import ConfigurationError
from venice_async.jobs import JobRecord, JobState
from venice_async.manager.books import compared
from venice_async.reconcile import Evidence, Finding
from venice_async.wire.text import clean


async def reconcile(ledger: Path, server: ServerOptions, terminal: Terminal, *, admin_key_env: str | None) -> int:
    """Show what the books say about each job in doubt, and the commands that fit.

    Raises ConfigurationError where there is no ledger or no key, and AuthenticationError for a key
    that may not read the books.
    """
    admin_key = _from_environment(admin_key_env)
    async with opened(ledger) as kept:
        records = await kept.records()
    doubted = [record for record in records if record.state is JobState.UNKNOWN]
    found = []
    if doubted:
        async with server.client(needs_key=admin_key is None) as client:
            found = await compared(client, records, admin_key=admin_key)
    by_id = {record.id: record for record in doubted}
    terminal.tell({"findings": [_document(finding, by_id[finding.job_id], ledger) for finding in found]})
    for finding in found:
        _show(finding, by_id[finding.job_id], ledger, terminal)
    if not found:
        terminal.note("There is no job whose outcome is unknown.")
    return 0


def _from_environment(name: str | None) -> str | None:
    if name is None:
        return None
    if not (key := os.environ.get(name)):
        raise ConfigurationError(f"The environment variable {clean(name, limit=60)} holds no key.")
    return key


def _show(finding: Finding, record: JobRecord, ledger: Path, terminal: Terminal) -> None:
    terminal.result(f"{name_of(record)}: {finding.verdict.value.replace('_', ' ')}")
    terminal.result(f"  {clean(finding.sentence, limit=2000)}")
    for command in _commands(finding, record, ledger):
        # A shell takes what follows the sign for a comment, so that the line can be copied as it is.
        terminal.result(f"  {command}" + ("  # may be paid twice" if command.endswith(" --resubmit") else ""))


def _commands(finding: Finding, record: JobRecord, ledger: Path) -> list[str]:
    """What fits the finding, the likeliest first."""
    ways = {name: command for name, (command, _) in ways_out(record, ledger).items()}
    if finding.verdict is Evidence.CHARGE_FOUND:
        return [*_adoption(finding.rows[0], record, ledger), ways["charged"], ways["resubmit"]]
    if finding.verdict is Evidence.REFUNDED or finding.settled:
        return [ways["not_charged"], ways["resubmit"]]
    if finding.verdict is Evidence.AMBIGUOUS:
        return [*ways.values()]
    return []  # time will tell


def _adoption(row: ChargeRow, record: JobRecord, ledger: Path) -> list[str]:
    """To ask for a video costs nothing: where the request's id should be its queue_id, it comes home."""
    if row.request_id is None or clean(row.request_id) != row.request_id:
        return []
    return [f"venice-async resolve {handle(record)}{of_ledger(ledger)} --queue-id {shlex.quote(row.request_id)}"]


def _document(finding: Finding, record: JobRecord, ledger: Path) -> dict[str, Any]:
    return {
        "job": record_document(record),
        "verdict": finding.verdict.value,
        "settled": finding.settled,
        "sentence": finding.sentence,
        "rows": [{**attrs.asdict(row), "kind": row.kind.value} for row in finding.rows],
        "commands": _commands(finding, record, ledger),
    }
