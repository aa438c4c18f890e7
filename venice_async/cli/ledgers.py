"""The ledger's own commands read and write it without a server and without a manager: what they share."""

import contextlib
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

from venice_async.cli.options import DEFAULT_LEDGER
from venice_async.cli.records import SHORT_ID
from venice_async.errors import ConfigurationError
from venice_async.jobs import JobRecord
from venice_async.ledger import SqliteLedger
from venice_async.wire.text import clean


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteLedger]:
    """A ledger that is there already. Raises ConfigurationError where it is not, and LedgerError."""
    check_ledger(path)
    ledger = SqliteLedger(path)
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.aclose()


def check_ledger(ledger: Path) -> None:
    """Raises ConfigurationError where there is no such file: opening it would make an empty one."""
    if not ledger.is_file():
        raise ConfigurationError(
            f"There is no ledger at {ledger}.", advice="Name the file with --ledger or VENICE_LEDGER."
        )


async def found(ledger: SqliteLedger, name: str) -> JobRecord:
    """The job of a key, an id, or the beginning of one id. Raises ConfigurationError where there is none."""
    records = await ledger.records()
    by_key = (record for record in records if record.key == name)
    record = next(by_key, None) or next((record for record in records if record.id == name), None)
    begun = [] if record or len(name) < SHORT_ID else [one for one in records if one.id.startswith(name)]
    if len(begun) > 1:
        raise ConfigurationError(f"The ids of {len(begun)} jobs begin with {clean(name, limit=60)!r}: say more of it.")
    record = record or next(iter(begun), None)
    if record is None:
        raise ConfigurationError(
            f"There is no job {clean(name, limit=60)!r} in {ledger.path}.", advice="See: venice-async jobs"
        )
    return record


def handle(record: JobRecord) -> str:
    """How to name a job on the command line: by its key where a person can type that, else by its id."""
    key = record.key
    return shlex.quote(key if clean(key, limit=60) == key and not key.startswith("-") else clean(record.id))


def of_ledger(path: Path) -> str:
    """The option that names the ledger, with a blank before it; nothing for the usual one."""
    return "" if path == DEFAULT_LEDGER else f" --ledger {shlex.quote(str(path))}"
