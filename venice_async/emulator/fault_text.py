"""Faults written as text, for the command line: `503:from=20,to=65,model=wan-2.6-*`."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from venice_async.emulator.faults import (
    ConsentFault,
    CutFault,
    DropFault,
    Fault,
    GarbageFault,
    JobFault,
    PlaceholderFault,
    RejectFault,
    SlowFault,
    Stage,
    StatusFault,
)
from venice_async.errors import ConfigurationError

_KINDS: Final[Mapping[str, type[Fault]]] = {
    "cut": CutFault,
    "reject": RejectFault,
    "fail": JobFault,
    "consent": ConsentFault,
    "slow": SlowFault,
    "garbage": GarbageFault,
    "drop": DropFault,
    "placeholder": PlaceholderFault,
}


def _texts(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split("|") if part)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in _texts(text))


def _yes_or_no(text: str) -> bool:
    if text not in {"yes", "no", "true", "false"}:
        raise ValueError("yes or no is due")
    return text in {"yes", "true"}


_READERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "from": ("start", float),
    "to": ("end", float),
    "model": ("models", _texts),
    "endpoint": ("endpoints", _texts),
    "job": ("jobs", _numbers),
    "prompt": ("prompt", str),
    "times": ("times", int),
    "after": ("after", int),
    "status": ("status", int),
    "retry_after": ("retry_after", float),
    "message": ("message", str),
    "page": ("page", str),
    "processed": ("processed", _yes_or_no),
    "at": ("at", float),
    "suggest": ("suggested_prompt", str),
    "kind": ("kind", str),
    "refunded": ("refunded", _yes_or_no),
    "recommend": ("recommended_model", str),
    "delay": ("delay", float),
    "pace": ("pace", float),
    "stage": ("stage", Stage),
}
"""How an option is written, the field that it sets, and how its text is read."""


def parse_fault(text: str) -> Fault:
    """Read one fault: a name or an error status, then options after a colon, separated by commas.

    Names: `cut`, `reject`, `fail`, `consent`, `slow`, `garbage`, `drop`, `placeholder`, or a status
    such as `503`. Several values of one option are separated by `|`. Raises ConfigurationError that
    says what is wrong and what is possible.
    """
    name, _, options = text.strip().partition(":")
    given: dict[str, Any] = {}
    kind = _KINDS.get(name)
    if kind is None:
        kind = StatusFault
        given["status"] = _status(name)
    for option in filter(None, options.split(",")):
        field, value = _option(name, kind, option)
        given[field] = value
    problem = ""
    try:
        return kind(**given)
    except ValueError as error:
        problem = str(error.args[0])
    raise ConfigurationError(f"The fault {text!r} cannot be: {problem}.")


def _status(name: str) -> int:
    if not (name.isascii() and name.isdigit() and 400 <= int(name) <= 599):
        known = ", ".join(_KINDS)
        raise ConfigurationError(f"There is no fault {name!r}: use an error status from 400 to 599, or one of {known}.")
    return int(name)


def _option(name: str, kind: type[Fault], option: str) -> tuple[str, Any]:
    key, _, text = (part.strip() for part in option.partition("="))
    takes = {field.name for field in attrs.fields(kind)}
    possible = [word for word, (field, _) in _READERS.items() if field in takes]
    field, read = _READERS.get(key, ("", str))
    if field not in takes:
        raise ConfigurationError(f"The fault {name!r} has no option {key!r}: it takes {', '.join(possible)}.")
    problem = ""
    try:
        return field, read(text)
    except ValueError as error:
        problem = str(error)
    raise ConfigurationError(f"The option {key}={text} of the fault {name!r} cannot be read: {problem}.")
