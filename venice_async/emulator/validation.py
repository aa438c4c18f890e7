"""Strict checks of request bodies: the generic part, shared by all endpoints."""

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from venice_async.emulator.messages import Refused
from venice_async.wire.text import is_too_deep

BAD_INPUT: Final = "Invalid request parameters"
MAX_AUDIO: Final = 15_000_000

_DATA_URL = re.compile(r"data:([a-z]+/[\w.+-]+)(?:;[\w.+-]+=[\w.+-]+)*;base64,[A-Za-z0-9+/=_-]")
_WEB_URL = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "image": ("image/",),
    "video": ("video/mp4", "video/quicktime", "video/webm"),
    "audio": ("audio/",),
    "document": ("application/", "text/"),
}


class Findings:
    """Everything that is wrong with one body: `issues`, each with its code, its message and the path to it."""

    def __init__(self) -> None:
        self.issues: list[dict[str, Any]] = []

    def add(self, message: str, *path: str | int, code: str = "custom") -> None:
        """Note one problem at a path."""
        self.issues.append({"code": code, "message": message, "path": list(path)})

    def adopt(self, inner: "Findings", *path: str | int) -> None:
        """Take over what was found in a part of the body that stands at `path`."""
        for issue in inner.issues:
            self.add(issue["message"], *path, *issue["path"], code=issue["code"])

    def refuse(self) -> None:
        """Raise the 400 that lists everything found; do nothing where nothing was."""
        if self.issues:
            raise Refused(400, BAD_INPUT, details=self._details(), issues=self.issues)

    def _details(self) -> dict[str, Any]:
        details: dict[str, Any] = {"_errors": []}
        for issue in self.issues:
            path = issue["path"]
            branch = details.setdefault(str(path[0]), {"_errors": []}) if path else details
            branch["_errors"].append(issue["message"])
        return details


Check = Callable[[Any, Findings, str], None]
"""Looks at one field's value and notes what is wrong with it."""


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises Refused with 400 where it holds none."""
    tree = _tree(body)
    if not isinstance(tree, dict):
        reason = "the body is not a JSON object"
        raise Refused(400, f"{BAD_INPUT}: {reason}", details={"_errors": [reason]}, issues=[])
    return tree


def is_json_object(body: bytes) -> bool:
    """Whether a body holds a JSON object."""
    return isinstance(_tree(body), dict)


def packed_object(headers: Mapping[str, str], names: Iterable[str]) -> dict[str, Any] | None:
    """The JSON object that stands in base64 under the first of these headers that is there; None where it is none."""
    text = next(headers[name] for name in names if name in headers)
    try:
        tree = _tree(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except ValueError:
        return None
    return tree if isinstance(tree, dict) else None


def _tree(body: bytes) -> Any:
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        return None if is_too_deep(text) else json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def check_fields(body: Mapping[str, Any], checks: Mapping[str, Check], findings: Findings) -> None:
    """Run the check of every field that is there."""
    for name, value in body.items():
        if name in checks:
            checks[name](value, findings, name)


def refuse_unknown(body: Mapping[str, Any], known: Iterable[str], findings: Findings, *, why: str) -> None:
    """Note every field that is not `known`."""
    for name in body.keys() - set(known):
        findings.add(f"Unrecognized key: {name[:100]!r} {why}", name[:100], code="unrecognized_keys")


def require(body: Mapping[str, Any], names: Iterable[str], findings: Findings) -> None:
    """Note every field that is missing."""
    for name in names:
        if name not in body:
            findings.add("Required", name, code="invalid_type")


def text(*, least: int = 0, most: int | None = None) -> Check:
    """A string of so many characters, not all of them blank where any is due."""

    def check(value: Any, findings: Findings, name: str) -> None:
        if not isinstance(value, str):
            findings.add("Expected string", name, code="invalid_type")
        elif len(value.strip()) < least:
            findings.add(
                f"String must contain at least {least} character(s) that are not blank", name, code="too_small"
            )
        elif most is not None and len(value) > most:
            findings.add(f"String must contain at most {most} character(s)", name, code="too_big")

    return check


def choice(values: Iterable[Any]) -> Check:
    """One of some values, of the same type and case."""
    allowed = tuple(values)

    def check(value: Any, findings: Findings, name: str) -> None:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value not in allowed:
            listed = ", ".join(map(str, allowed)) or "nothing"
            findings.add(f"Invalid value. Expected one of: {listed}", name, code="invalid_enum_value")

    return check


def boolean(value: Any, findings: Findings, name: str) -> None:
    """true or false."""
    if not isinstance(value, bool):
        findings.add("Expected boolean", name, code="invalid_type")


def number(value: Any, findings: Findings, name: str) -> None:
    """A finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        findings.add("Expected a number that is not negative", name, code="invalid_type")


def media(kind: str) -> Check:
    """An http(s) address, or a base64 `data:` URL of the right kind."""

    def check(value: Any, findings: Findings, name: str) -> None:
        problem = media_problem(value, kind)
        if problem:
            findings.add(problem, name, code="invalid_string")

    return check


def media_list(kind: str, most: int) -> Check:
    """A list of at most so many media addresses."""

    def check(value: Any, findings: Findings, name: str) -> None:
        if not isinstance(value, list):
            findings.add("Expected array", name, code="invalid_type")
            return
        if len(value) > most:
            findings.add(f"Array must contain at most {most} element(s)", name, code="too_big")
        for index, item in enumerate(value[:most]):
            problem = media_problem(item, kind)
            if problem:
                findings.add(problem, name, index, code="invalid_string")

    return check


def media_problem(value: Any, kind: str) -> str | None:
    """What is wrong with a media address, or None."""
    if not isinstance(value, str):
        return "Expected string"
    if _WEB_URL.match(value):
        return None
    found = _DATA_URL.match(value)
    if found is None:
        return "Must be a public http(s) URL or a base64 data URL"
    if not found[1].startswith(_KINDS[kind]):
        return f"A data URL here must hold {kind}, not {found[1][:60]}"
    if kind == "audio" and len(value) * 3 / 4 > MAX_AUDIO:
        return "Audio must not be larger than 15 MB"
    return None
