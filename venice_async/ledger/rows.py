"""A job record as a row of a table, and back."""

import enum
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from venice_async.errors import Charge
from venice_async.jobs import Cleanup, JobRecord, JobState

COLUMNS = tuple(attribute.name for attribute in attrs.fields(JobRecord))

_TYPES = {
    "id": "TEXT PRIMARY KEY",
    "key": "TEXT NOT NULL UNIQUE",
    "version": "INTEGER NOT NULL",
    "attempt": "INTEGER NOT NULL",
    "size": "INTEGER",
    "created_at": "REAL NOT NULL",
    "queueing_at": "REAL",
    "queued_at": "REAL",
    "finished_at": "REAL",
}
_READERS: Mapping[str, Any] = {"state": JobState, "charge": Charge, "cleanup": Cleanup, "price_usd": Decimal}

_DEFINITIONS = ", ".join(f"{name} {_TYPES.get(name, 'TEXT')}" for name in COLUMNS)
CREATE = f"CREATE TABLE jobs ({_DEFINITIONS}) STRICT"
INSERT = f"INSERT INTO jobs ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) ON CONFLICT DO NOTHING"
SELECT = f"SELECT {', '.join(COLUMNS)} FROM jobs"
UPDATE = f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in COLUMNS)} WHERE id = ? AND version = ?"


class Row(tuple[Any, ...]):
    """Values to bind. aiosqlite logs what it executes, and these hold private links."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} values>"


def to_row(record: JobRecord) -> Row:
    """The record's values in the order of `COLUMNS`."""
    return Row(_written(getattr(record, name)) for name in COLUMNS)


def from_row(row: Sequence[Any]) -> JobRecord:
    """The record that `to_row` wrote."""
    values = dict(zip(COLUMNS, row, strict=True))
    return JobRecord(**{name: _read(name, value) for name, value in values.items()})


def _written(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    return str(value) if isinstance(value, Decimal) else value


def _read(name: str, value: Any) -> Any:
    return value if value is None or name not in _READERS else _READERS[name](value)
