"""An error as text for the ledger, and back: every fact survives a restart."""

import contextlib
import enum
import json
import types
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, get_args, get_origin

import attrs

from venice_async.errors import api, base, wallet, work
from venice_async.errors.base import Charge, VeniceError
from venice_async.errors.payments import PaymentOption, SignInChallenge, TopUpInstructions
from venice_async.errors.problems import Problem

_DECIMAL = "$decimal"
"""Marks an exact number: in JSON it would come back as the nearest binary one."""
_VALUES = (Problem, PaymentOption, SignInChallenge, TopUpInstructions)
"""What facts may hold beside plain JSON: kept as their fields, made anew by the fact's annotation."""


def error_text(error: VeniceError) -> str:
    """An error as JSON, for the ledger: its type, its words and its facts. Its cause is not kept."""
    try:
        return json.dumps(_tree(error), default=_plain, ensure_ascii=True)
    except (ValueError, RecursionError):  # what a server says may be nested deeper than can be written
        told = {name: value for name, value in vars(error).items() if isinstance(value, str | Charge)}
    return json.dumps({**_tree(error), "facts": told}, default=_plain, ensure_ascii=True)


def error_from_text(text: str) -> VeniceError:
    """The error that `error_text` wrote; a plain VeniceError where this version does not know its type.

    A ledger can be tampered with: what cannot be read is told as such, and facts that make no sense are dropped.
    """
    with contextlib.suppress(ValueError, RecursionError):
        tree = json.loads(text, object_hook=_exact)
        if isinstance(tree, dict):
            return _error(tree)
    return VeniceError("The ledger says that something went wrong, in words that cannot be read.")


def _tree(error: VeniceError) -> dict[str, Any]:
    facts = {name: value for name, value in vars(error).items() if not name.startswith("__")}
    return {"type": type(error).__name__, "message": error.message, "facts": facts}


def _plain(value: Any) -> Any:
    match value:
        case VeniceError():
            return _tree(value)
        case _ if isinstance(value, _VALUES):
            return attrs.asdict(value, recurse=False)
        case Decimal():
            return {_DECIMAL: str(value)}
        case enum.Enum():
            return value.value
        case Mapping():
            return dict(value)
        case _:
            return str(value)


def _exact(tree: dict[str, Any]) -> Any:
    if tree.keys() == {_DECIMAL}:
        with contextlib.suppress(ValueError, TypeError, ArithmeticError):
            return Decimal(tree[_DECIMAL])
    return tree


def _error(tree: Mapping[str, Any]) -> VeniceError:
    name, found = str(tree.get("type")), tree.get("facts")
    kinds = (getattr(module, name, None) for module in (api, base, wallet, work))
    kind = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, VeniceError)), VeniceError)
    facts = _facts(kind, found) if isinstance(found, dict) else {}
    return kind(str(tree.get("message", "")), **facts)


def _facts(kind: type[VeniceError], found: Mapping[str, Any]) -> dict[str, Any]:
    facts = {}
    for each in reversed(kind.__mro__):
        for name, hint in getattr(each, "__annotations__", {}).items():
            with contextlib.suppress(KeyError, ValueError, TypeError, ArithmeticError):
                facts[name] = _restored(found[name], hint)
    return facts


def _restored(value: Any, hint: Any) -> Any:
    """The value as its annotation wants it. Raises ValueError, TypeError or ArithmeticError for any other."""
    if isinstance(hint, types.UnionType):
        for option in get_args(hint):
            with contextlib.suppress(ValueError, TypeError, ArithmeticError):
                return _restored(value, option)
        raise TypeError("of no kind that is due here")
    if get_origin(hint) is tuple:
        return _items(value, get_args(hint)[0])
    if hint is Any or (hint is types.NoneType and value is None):
        return value
    return _of_kind(value, get_origin(hint) or hint)


def _items(value: Any, hint: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(_restored(item, hint) for item in value)


def _of_kind(value: Any, kind: type) -> Any:
    if kind is Charge:
        return Charge(value)
    if kind is Decimal and isinstance(value, str):
        return Decimal(value)
    if kind in _VALUES and isinstance(value, dict):
        return kind(**{name: _restored(value[name], hint) for name, hint in kind.__annotations__.items()})
    if kind is VeniceError and isinstance(value, dict):
        return _error(value)
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"not of the kind {kind.__name__}")
    return value
