"""What the tests of manifests share."""

from collections.abc import Callable
from typing import Any

from venice_async.cli.manifests.entries import Entries

Read = Callable[[str, Entries], None]


def read(reader: Read, text: str) -> Entries:
    """The entries of a text that would stand in `m`."""
    entries = Entries(name="m")
    reader(text, entries)
    return entries


def fields(entries: Entries) -> list[dict[str, Any]]:
    """Each row's fields, where nothing was wrong."""
    assert said(entries) == []
    return [dict(row.fields) for row in entries.rows]


def said(entries: Entries) -> list[str]:
    """The sentences about what is wrong."""
    return [str(mistake) for mistake in entries.mistakes]
