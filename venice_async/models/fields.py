"""What all values share."""

import functools
from collections.abc import Sequence
from typing import Any

import attrs


def as_tuple(value: Sequence[Any] | None) -> tuple[Any, ...]:
    """A sequence as a tuple, None as an empty one. Raises TypeError for a single text."""
    if isinstance(value, str):  # it would fall apart into its characters
        raise TypeError("a list is due here, not a single text")
    return () if value is None else tuple(value)


def given_fields(value: Any) -> dict[str, Any]:
    """The fields of a request value that were given: None and empty ones are left out."""
    pairs = [(name, getattr(value, name)) for name in _names(value.__class__)]
    return {name: item for name, item in pairs if item is not None and item not in ((), {})}


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    """A batch asks ten thousand times."""
    return tuple(attribute.name for attribute in attrs.fields(kind))
