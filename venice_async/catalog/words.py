"""How a value that will not do is told: with what would do, and with what was probably meant."""

import difflib
import math
from collections.abc import Iterable, Iterator
from typing import Any

from venice_async.errors.problems import Problem


def choice(name: str, value: Any, allowed: tuple[str, ...], *, required: bool) -> Iterator[Problem]:
    """A field with listed values: required where any are and `required` says so, refused where there are none."""
    if value is None:
        if allowed and required:
            yield Problem(field=name, message="is required by this model.", allowed=allowed)
    elif not allowed:
        yield Problem(field=name, message="is refused by this model: leave it out.", value=plain(value))
    elif not isinstance(value, str) or value not in allowed:
        yield Problem(
            field=name,
            message=f"{value!r} is not one of this model's.",
            value=plain(value),
            allowed=allowed,
            nearest=nearest(value, allowed),
        )


def nearest(value: Any, allowed: Iterable[str]) -> str | None:
    """The allowed value that was probably meant, or None."""
    choices = tuple(allowed)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value, choices)
    text = str(value).strip()
    same = [item for item in choices if item.casefold() in (text.casefold(), f"{text.casefold()}s")]
    return next(iter(same or difflib.get_close_matches(text, choices, n=1, cutoff=0.4)), None)


def _of_number(value: float, choices: tuple[str, ...]) -> str | None:
    # YAML reads an unquoted 16:9 as minutes and seconds: the number 969.
    ratio = f"{int(value) // 60}:{int(value) % 60}" if abs(value) < 1e9 else ""
    meant = (f"{value:g}s", ratio, f"{value:g}", f"{value:g}p")
    return next((item for item in meant if item in choices), None)


def plain(value: Any) -> Any:
    """A value as JSON may hold it."""
    finite = not isinstance(value, float) or math.isfinite(value)
    return value if value is None or (isinstance(value, str | int | float | bool) and finite) else repr(value)[:200]
