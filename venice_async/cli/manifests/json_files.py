"""JSON and JSON Lines, row by row, so that each row knows its line."""

import json
from collections.abc import Iterator
from typing import Any

from venice_async.cli.manifests.entries import SETTINGS, Entries

_BLANKS = " \t\r\n"


class _Doubled(Exception):  # noqa: N818 -- never leaves this module
    pass


def read_jsonl(text: str, entries: Entries) -> None:
    """One object a line. A line `{"defaults": {...}}` goes under every row; empty lines are nothing."""
    reader = _Reader("")
    # Not splitlines(): a text may hold other separators, such as U+2028, which end no line of a file.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip(_BLANKS):
            continue
        place = entries.at_line(number)
        try:
            value = reader.decoder.decode(line)
        except (ValueError, RecursionError, _Doubled) as error:
            entries.wrong(place, _words(error), name="job")
            continue
        if isinstance(value, dict) and value.keys() == {"defaults"}:
            entries.take_defaults(place, value["defaults"])
        else:
            entries.take(place, value)


def read_json(text: str, entries: Entries) -> None:
    """A list of objects, or `{"defaults": {...}, "jobs": [...]}`."""
    reader = _Reader(text)
    try:
        reader.document(entries)
    except json.JSONDecodeError as error:
        entries.wrong(entries.at_line(error.lineno), _words(error))
    except (ValueError, RecursionError, _Doubled) as error:
        entries.wrong(entries.at_line(reader.line), _words(error))


def _words(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"is not JSON: {error.msg} (column {error.colno})."
        case _Doubled():
            return f"has the name {error.args[0]!r} twice in one object."
        case RecursionError():
            return "is nested too deep."
        case _:
            return f"is not JSON: {str(error)[:100]}."


class _Reader:
    """Walks over the outermost objects and lists; what lies in them is the decoder's."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = (0, 1)
        self.decoder = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_no_number)

    @property
    def line(self) -> int:
        """The line of the present place."""
        at, line = self._counted
        line += self._text.count("\n", at, self._at)
        self._counted = (self._at, line)
        return line

    def document(self, entries: Entries) -> None:
        if self._next() == "{":
            self._object(entries)
        else:
            self._list(entries)
        if self._next():
            raise self._error("Extra data")

    def _object(self, entries: Entries) -> None:
        start, seen = entries.at_line(self.line), set()
        for _ in self._parts("{", "}"):
            place, name = entries.at_line(self.line), self._value()
            if not isinstance(name, str) or self._next() != ":":
                raise self._error("Expecting a name and ':'")
            self._at += 1
            if name in seen:
                raise _Doubled(name)
            seen.add(name)
            self._part(entries, place, name)
        if "jobs" not in seen:
            message = "is missing: give a list of objects, or an object with jobs and defaults."
            entries.wrong(start, message, name="jobs")

    def _part(self, entries: Entries, place: str, name: str) -> None:
        if name == "jobs" and self._next() == "[":
            self._list(entries)
            return
        value = self._value()
        if name == "defaults":
            entries.take_defaults(place, value)
        elif name not in SETTINGS:
            entries.wrong(place, "is not known here; a manifest has defaults and jobs.", name=name[:60])
        else:
            entries.wrong(place, "must be a list.", name=name)

    def _list(self, entries: Entries) -> None:
        for _ in self._parts("[", "]"):
            place = entries.at_line(self.line)
            entries.take(place, self._value())

    def _parts(self, opening: str, closing: str) -> Iterator[None]:
        """Once for each part of a list or an object, at its beginning."""
        if self._next() != opening:
            raise self._error(f"Expecting {opening!r}")
        self._at += 1
        if self._next() == closing:
            self._at += 1
            return
        while True:
            self._next()
            yield
            end = self._next()
            self._at += 1
            if end == closing:
                return
            if end != ",":
                self._at -= 1
                raise self._error(f"Expecting ',' or {closing!r}")

    def _value(self) -> Any:
        self._next()
        value, self._at = self.decoder.raw_decode(self._text, self._at)
        return value

    def _next(self) -> str:
        """The next character that is not blank; empty at the end."""
        text, at = self._text, self._at
        while at < len(text) and text[at] in _BLANKS:
            at += 1
        self._at = at
        return text[at : at + 1]

    def _error(self, message: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(message, self._text, self._at)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Doubled(next(name for name in names if names.count(name) > 1)[:60])
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")
