"""A job record as a row of a table, and back."""

import enum
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from venice_async.errors import Charge, LedgerError
from venice_async.jobs import Cleanup, Delivery, JobRecord, JobState

COLUMNS = tuple(attribute.name for attribute in attrs.fields(JobRecord))
MARKS = ("seq", "writer")
"""Columns that are the ledger's own: the transaction that wrote a row last, and the connection that did."""


def _money(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite():
        raise ValueError
    return amount


_READERS: Mapping[str, Any] = {
    "state": JobState,
    "charge": Charge,
    "cleanup": Cleanup,
    "delivery": Delivery,
    "price_usd": _money,
    "doubtful_usd": _money,
}
_EMPTY = {"key": "", "model": "", "request": "", "output": ""}
_WRITTEN = (*COLUMNS, *MARKS)

INSERT = f"INSERT INTO jobs ({', '.join(_WRITTEN)}) VALUES ({', '.join('?' * len(_WRITTEN))})"
SELECT = f"SELECT {', '.join(COLUMNS)} FROM jobs"
UPDATE = f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in _WRITTEN)} WHERE id = ?"


def to_row(record: JobRecord) -> list[Any]:
    """The record's values in the order of `COLUMNS`."""
    return [_written(getattr(record, name)) for name in COLUMNS]


def from_row(row: Sequence[Any]) -> JobRecord:
    """The record that `to_row` wrote. Raises LedgerError for a row that somebody has tampered with."""
    return partly(dict(zip(COLUMNS, row, strict=True)))


def partly(facts: dict[str, Any]) -> JobRecord:
    """A record of some columns' values, `id` among them; the rest is empty. Raises LedgerError as `from_row` does."""
    values = {**_EMPTY, **facts}
    try:
        for name, read in _READERS.items():
            if values.get(name) is not None:
                values[name] = read(values[name])
        return JobRecord(**values)
    except (ValueError, TypeError, ArithmeticError):
        pass
    raise LedgerError(f"The ledger's row of job {facts['id']} is damaged.", advice="Restore the ledger from a backup.")


def _written(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    return str(value) if isinstance(value, Decimal) else value
