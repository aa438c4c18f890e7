"""The search for a wallet's key in everything that a person, a log or a debugger could get to see."""

import base64
from types import FunctionType, MethodType, ModuleType
from typing import Any

from signin.independent import base58_text


def spellings(raw: bytes) -> tuple[str, ...]:
    """How a key may come out."""
    hexed = raw.hex()
    encoded = base64.b64encode(raw).decode().rstrip("=")
    return (
        *(hexed, str(int(hexed, 16)), repr(raw)[2:-1], base58_text(raw), encoded, base64.b32encode(raw).decode()),
        *(encoded.replace("+", "-").replace("/", "_"), str(list(raw))[1:-1], ",".join(map(str, raw))),
    )


def assert_hidden(text: str, *keys: bytes) -> None:
    """No spelling of a key in a text, whatever the case of its letters."""
    for key in keys:
        for spelled in spellings(key):
            assert spelled.lower() not in text.lower(), "a key is shown"


def reachable(root: Any) -> list[Any]:
    """Everything that a debugger finds behind an object: attributes, slots, items, closures."""
    found: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in found or isinstance(thing, type | ModuleType):
            continue
        found[id(thing)] = thing
        waiting += _inside(thing)
    return list(found.values())


def _inside(thing: Any) -> list[Any]:
    if isinstance(thing, dict):
        return [*thing.keys(), *thing.values()]
    if isinstance(thing, tuple | list | set | frozenset):
        return list(thing)
    if isinstance(thing, MethodType):
        return [thing.__self__]
    if isinstance(thing, FunctionType):
        return [cell.cell_contents for cell in thing.__closure__ or ()]
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    held = [getattr(thing, name, None) for name in slots if name not in {"__weakref__", "__dict__"}]
    return [*held, *getattr(thing, "__dict__", {}).values()]
