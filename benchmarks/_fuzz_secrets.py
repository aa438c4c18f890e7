"""The search for secrets in everything that an error carries with it."""

import types
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import venice_async

_OURS: Final = str(Path(venice_async.__file__).parent)


def leaks(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """Where a secret shows: in an error's text, or in a local name of a frame of ours that its traceback holds."""
    found = []
    for place, text in _texts(error):
        found += [place for secret in secrets if secret in text]
    return found


def _texts(error: BaseException) -> Iterable[tuple[str, str]]:
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [(type(error).__name__, error)]
    while waiting:
        name, thing = waiting.pop()
        if id(thing) in seen or thing is None:
            continue
        seen.add(id(thing))
        yield name, f"{thing!r} {thing}"
        if isinstance(thing, BaseException):
            waiting += [
                (f"{name}.__cause__", thing.__cause__),
                (f"{name}.__context__", thing.__context__),
                (f"{name}.args", thing.args),
                (f"{name}.__dict__", thing.__dict__),
                (f"{name}.__notes__", getattr(thing, "__notes__", ())),
            ]
            yield from _frames(thing.__traceback__)


def _frames(trace: types.TracebackType | None) -> Iterable[tuple[str, str]]:
    # As error reporters show them: the repr of each local name.
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(_OURS):
            for name, value in trace.tb_frame.f_locals.items():
                yield f"local {name} of {code.co_qualname}", repr(value)
        trace = trace.tb_next
