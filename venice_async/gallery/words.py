"""How values read on the page, and what must not be read there."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

_NOT_SHOWN = {"Cc", "Cs", "Co", "Cn"}  # controls, halves of surrogate pairs (no file can hold them), no characters
_LINES = {"Zl", "Zp"}
_ADDRESS = re.compile(r"\b(?:https?|wss?|ftp|file|data|blob):[^\s'\"<>]+", re.IGNORECASE)
_QUOTED_PATH = re.compile(r"(['\"])(?:/|~/|[A-Za-z]:[\\/]|\\\\)[^'\"\n]*\1")
_PATH = re.compile(r"(?<![\w./~\\])(?:~?/[^\s/'\"<>]+/|[A-Za-z]:[\\/]|\\\\[^\s\\])[^\s'\"<>]*[^\s'\"<>.,:;!?)]")


def shown(text: str) -> str:
    """Anybody's words for the page: lines and every script stay, controls and broken characters go.

    Marks that turn the direction of text stay too, because some scripts need them: the page isolates each text.
    """
    return "".join(_shown(character) for character in text).strip()


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in _LINES or character == "\n":
        return "\n"
    return (" " if category == "Cc" else "\ufffd") if category in _NOT_SHOWN else character


def discreet(text: str, names: Mapping[str, str], secrets: Iterable[str] = ()) -> str:
    """A message without what belongs on this machine alone.

    `names` says what stands for a path that is known, `secrets` are parts of private links. Whatever else looks like
    an address or like the path of a file is told as such and not shown.
    """
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
    for secret in secrets:
        text = text.replace(secret, "(a private link)")
    text = _ADDRESS.sub("(a link)", text)
    return _PATH.sub("(a file)", _QUOTED_PATH.sub("(a file)", text))


def sentences(*texts: str) -> str:
    """Texts in a row; one that lacks its full stop gets it."""
    return " ".join(text if text[-1] in ".!?:…" else f"{text}." for text in texts if text)


def money(usd: Decimal) -> str:
    """`$0.35`, with more decimals where there are more."""
    exponent = usd.normalize().as_tuple().exponent
    decimals = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"${usd:,.{decimals}f}"


def size(count: int) -> str:
    """Bytes as kB, MB or GB."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit / 10:
            return f"{count / unit:.1f} {name}"
    return f"{count / 1e3:.0f} kB"


def span(seconds: float) -> str:
    """`42 s`, `3:07 min` or `1:02:03 h`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02} h"
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"


def length(seconds: float) -> str:
    """How long a video plays: `6 s` or `6.5 s`, and above a minute as `span` has it."""
    return span(seconds) if seconds >= 60 else f"{seconds:.1f}".removesuffix(".0") + " s"


def moment(at: float) -> str:
    """Unix seconds as `2026-11-21 14:05 UTC`, the same on every machine; a browser shows its own time instead."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def machine_moment(at: float) -> str:
    """Unix seconds for a `time` element."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(number: int, noun: str) -> str:
    """`1 video`, `12 videos`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
