"""YAML, as version 1.2 means it: `16:9` is a text, and so is `no`. The library splits the file; values are made here.

Its own loaders follow version 1.1, in which `16:9` is the number 969, and would follow references: a file of a few
hundred bytes can stand for terabytes that way. Here anchors, references and tags are refused when they are met.
"""

import re
from typing import TYPE_CHECKING, Any

from attrs import Factory, define

from venice_async.cli.manifests.entries import SETTINGS, Entries
from venice_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 32
MAX_NODES = 4_000_000

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_OTHER_BASE = re.compile(r"0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")


def read_yaml(text: str, entries: Entries) -> None:
    """A list of mappings, or a mapping with `defaults` and `jobs`. Raises ConfigurationError without PyYAML."""
    builder = _Builder(entries=entries)
    try:
        for event in _events(text):
            builder.take(event)
    except _Refused as refusal:
        entries.wrong(entries.at_line(refusal.line), refusal.message)


class _Refused(Exception):  # noqa: N818 -- never leaves this module
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


def _events(text: str) -> "Iterator[Any]":
    """What the library sees in the text. Raises _Refused at its first mistake in it."""
    try:
        import yaml
    except ImportError:
        yaml = None
    if yaml is None:
        raise ConfigurationError(
            "To read YAML, PyYAML is needed.", advice="pip install 'venice-async[cli]', or give JSON Lines."
        )
    problem: tuple[int, str] | None = None
    try:
        yield from yaml.parse(text, Loader=getattr(yaml, "CLoader", yaml.Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = (1 if mark is None else mark.line + 1, str(getattr(error, "problem", "") or "not readable"))
    except RecursionError:
        problem = (1, "nested too deep")
    if problem:
        raise _Refused(problem[0], f"is not YAML: {problem[1][:200]}.")


@define
class _Open:
    """A list or a mapping that is being read."""

    line: int
    value: Any
    name: str | None = None
    name_line: int = 0


@define(kw_only=True)
class _Builder:
    """Makes values of events. Rows are handed over one by one, each with its line."""

    entries: Entries
    _stack: list[_Open] = Factory(list)
    _nodes: int = 0
    _documents: int = 0
    _seen_jobs: bool = False

    def take(self, event: Any) -> None:
        kind, line = type(event).__name__, event.start_mark.line + 1
        match kind:
            case "ScalarEvent":
                self._open_node(event, line)
                self._put(_scalar(event, line), line)
            case "MappingStartEvent" | "SequenceStartEvent":
                self._open_node(event, line)
                self._stack.append(_Open(line, {} if kind == "MappingStartEvent" else []))
            case "MappingEndEvent" | "SequenceEndEvent":
                closed = self._stack.pop()
                self._put(closed.value, closed.line)
            case "AliasEvent":
                raise _Refused(line, "has a reference (*): say it out, or use defaults.")
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise _Refused(line, "has a second document (---).")

    def _open_node(self, event: Any, line: int) -> None:
        self._nodes += 1
        if event.anchor is not None:
            raise _Refused(line, "has an anchor (&): say it out, or use defaults.")
        if event.tag not in _TEXT_TAGS:
            raise _Refused(line, f"has a tag ({str(event.tag)[:60]}), which is not taken.")
        if self._nodes > MAX_NODES or len(self._stack) >= MAX_DEPTH:
            raise _Refused(line, "is nested too deep, or too much.")

    def _put(self, value: Any, line: int) -> None:
        """A value is whole: it goes into what is open, or is a part of the manifest itself."""
        if self._stack and isinstance(self._stack[-1].value, dict):
            self._put_named(self._stack[-1], value, line)
        elif len(self._stack) == 1 or (len(self._stack) == 2 and self._stack[0].name == "jobs"):
            self.entries.take(self.entries.at_line(line), value)
        elif self._stack:
            self._stack[-1].value.append(value)
        elif not isinstance(value, list | dict):
            raise _Refused(line, "must be a list of mappings, or a mapping with jobs and defaults.")
        elif isinstance(value, dict) and not self._seen_jobs:
            self.entries.wrong(self.entries.at_line(line), "is missing.", name="jobs")

    def _put_named(self, mapping: _Open, value: Any, line: int) -> None:
        if mapping.name is None:
            mapping.name, mapping.name_line = _name(value, line, mapping.value), line
            return
        name, mapping.name = mapping.name, None
        if len(self._stack) > 1:
            mapping.value[name] = value
        else:
            mapping.value[name] = None
            self._part(name, value, self.entries.at_line(mapping.name_line))

    def _part(self, name: str, value: Any, place: str) -> None:
        self._seen_jobs = self._seen_jobs or name == "jobs"
        if name == "defaults":
            self.entries.take_defaults(place, value)
        elif name not in SETTINGS:
            self.entries.wrong(place, "is not known here; a manifest has defaults and jobs.", name=name[:60])
        elif not isinstance(value, list):
            self.entries.wrong(place, "must be a list.", name=name)


def _name(value: Any, line: int, known: dict[str, Any]) -> str:
    if not isinstance(value, str):
        raise _Refused(line, "has a name that is not a text.")
    if value == "<<":
        raise _Refused(line, "has a merge (<<), which is not taken: use defaults.")
    if value in known:
        raise _Refused(line, f"has the name {value[:60]!r} twice in one mapping.")
    return value


def _scalar(event: Any, line: int) -> Any:
    text: str = event.value
    if not event.implicit[0] or event.tag is not None:
        return text  # in quotes, a block, or tagged as a text
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    # Infinity and "not a number" stay texts: JSON has no word for them, and no field takes them.
    return float(text) if len(text) < 40 and _NUMBER.fullmatch(text) else text
