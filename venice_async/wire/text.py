"""Untrusted text and JSON: read without ever raising, and safe to show."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import attrs

from venice_async.errors import InvalidRequestError

_DEEPEST = 200
_BRACKETS = re.compile(r"[\[\]{}]")
_ESCAPED = bytes(range(32)) + b'"\\'  # what JSON writes in another way
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}  # control, bidi and format marks, surrogates, line breaks


def clean(text: str, *, limit: int = 500) -> str:
    """The server's words for a terminal or a log: one line, no control or direction marks, cut at `limit`."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text.strip()
    short = text[: limit + 1]
    shown = "".join(" " if unicodedata.category(char) in _HIDDEN else char for char in short[:limit]).strip()
    return shown + "…" if len(short) > limit else shown


def clean_lines(text: str, *, limit: int) -> str:
    """Like `clean`, but line breaks stay: for texts that a person must read as they were written."""
    return "\n".join(clean(line, limit=limit) for line in text[:limit].splitlines())


def as_written(text: str, *, limit: int = 200) -> str:
    """A server's text that is compared, such as an address: safe to show, and never mended into what it is not.

    What `clean` would hide stands as U+FFFD here, spaces stay, and what is cut at `limit` ends in an ellipsis.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    shown = "".join("\ufffd" if unicodedata.category(char) in _HIDDEN else char for char in text[:limit])
    return shown + "…" if len(text) > limit else shown


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The server's words without the secrets that it may have echoed."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def redacted_tree(value: Any, secrets: Sequence[str]) -> Any:
    """The same for whatever JSON holds, and our values of it; None for what is nested too deep to be looked through."""
    try:
        return _redacted_tree(value, secrets)
    except RecursionError:
        return None


def _redacted_tree(value: Any, secrets: Sequence[str]) -> Any:
    match value:
        case str():
            return redacted(value, secrets)
        case dict():
            return {redacted(name, secrets): _redacted_tree(item, secrets) for name, item in value.items()}
        case list() | tuple():
            return type(value)(_redacted_tree(item, secrets) for item in value)
        case _ if attrs.has(type(value)):
            fields = {name: getattr(value, name) for name in attrs.fields_dict(type(value))}
            return attrs.evolve(value, **{name: _redacted_tree(item, secrets) for name, item in fields.items()})
        case _:
            return value


def to_json(tree: Any, *, default: Callable[[Any], Any] | None = None, ascii_only: bool = False) -> str:
    """A compact JSON text. Raises InvalidRequestError for what JSON cannot hold."""
    try:
        return json.dumps(tree, default=default, ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        reason = clean(str(error))
    raise InvalidRequestError(f"The request cannot be written as JSON: {reason}.", problems=(reason,))


LONG = 64 * 1024
"""Characters from which on a text is not written, or kept, in one go: that would stop the event loop."""


def set_apart(tree: Any, put: Callable[[str], Any]) -> Any:
    """The tree with `put(text)` in the place of every long text; the tree itself where there is none."""
    try:
        return _set_apart(tree, put)
    except RecursionError:
        return tree  # bottomless or in a circle: for `to_json` to refuse


def _set_apart(value: Any, put: Callable[[str], Any]) -> Any:
    match value:
        case str():
            return put(value) if len(value) > LONG else value
        case dict():
            items = {name: _set_apart(item, put) for name, item in value.items()}
            return items if any(items[name] is not value[name] for name in items) else value
        case list() | tuple():
            parts = [_set_apart(item, put) for item in value]
            return parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
        case _:
            return value


def json_slices(text: str, *, ascii_only: bool = False) -> Iterator[str]:
    """A long text as it stands between the quotation marks of a JSON text, a piece at a time.

    JSON writes each character for itself, halves of surrogate pairs too, so that a text can be cut anywhere.
    """
    for start in range(0, len(text), LONG):
        piece = text[start : start + LONG]
        yield piece if _stands_as_it_is(piece) else json.dumps(piece, ensure_ascii=ascii_only)[1:-1]


def _stands_as_it_is(piece: str) -> bool:
    # A quarter of the time of writing it, and nearly every long text is base64.
    return piece.isascii() and len(piece.encode().translate(None, _ESCAPED)) == len(piece)


def parse_json(body: bytes) -> Any:
    """The tree of a JSON text, or None where it is not one.

    Numbers with a point become `Decimal`, so that prices stay exact; NaN, Infinity, absurdly long
    numbers and bottomless nesting are not JSON here.
    """
    try:
        text = body.decode("utf-8-sig")
        return None if is_too_deep(text) else _DECODER.decode(text)
    except (ValueError, RecursionError, ArithmeticError):
        return None


def is_too_deep(text: str) -> bool:
    """Whether a JSON text nests deeper than anybody needs; told without going down.

    The interpreter's own limit is no guard: libraries lift it (py_ecc, which comes with eth_account, to 100,000), and
    then the decoder runs out of stack before, which ends the process.
    """
    if text.count("[") + text.count("{") <= _DEEPEST:
        return False
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    depth = 0
    for mark in _BRACKETS.findall(outside):
        depth += 1 if mark in "[{" else -1
        if depth > _DEEPEST:
            return True
    return False


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)
