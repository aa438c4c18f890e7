"""What a 400 complains of, field by field: its own message often says no more than that something is wrong.

The API tells it as a tree of `_errors`, with the fields' names on the way, or as a list of issues with paths.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from venice_async.wire.text import clean

_MOST = 5
_DEEPEST = 12


def complaints(details: Any, issues: Any) -> tuple[str, ...]:
    """Such as `duration: Invalid enum value`; at most five, empty where nothing is told in a known form."""
    found: dict[str, None] = {}
    for place, text in (*_of_tree(details, ()), *_of_issues(issues)):
        found.setdefault(f"{clean(place, limit=80)}: {clean(text, limit=200)}" if place else clean(text, limit=200))
        if len(found) == _MOST:
            break
    return tuple(found)


def _of_tree(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not isinstance(tree, Mapping) or len(path) > _DEEPEST:
        return
    told = tree.get("_errors")
    for text in told if isinstance(told, list) else ():
        if isinstance(text, str) and text:
            yield ".".join(path), text
    for name, inner in tree.items():
        yield from _of_tree(inner, (*path, name))


def _of_issues(issues: Any) -> Iterator[tuple[str, str]]:
    for issue in issues if isinstance(issues, list) else ():
        if isinstance(issue, dict) and isinstance(text := issue.get("message"), str) and text:
            path = issue.get("path")
            steps = path if isinstance(path, list) else ()
            yield ".".join(str(step) for step in steps if isinstance(step, str | int)), text
