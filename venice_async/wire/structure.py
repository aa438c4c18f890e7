"""The cattrs converter for the larger answers: strict about types, tolerant of fields that are not known yet."""

import contextlib
import functools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeVar

from attrs import fields
from cattrs import Converter, transform_error
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from venice_async.models import AccountLimits, Deprecation, ModelRateLimit, VideoConstraints, VideoModel
from venice_async.wire.text import clean

T = TypeVar("T")

_RENAMED = {"region_restrictions": "regionRestrictions"}


def video_model(entry: Any) -> VideoModel:
    """A catalogue entry: its id, and what else is told and understood.

    A form that is newer than this package costs that one field, not the model: who cannot see a model cannot use it.
    Raises ValueError for an entry without an id.
    """
    spec = _given(_dict(entry.get("model_spec")))
    spec["constraints"] = _given(_dict(spec.get("constraints")))
    if not isinstance(entry.get("id"), str):
        raise ValueError("required field missing or not a valid str @ $.id")
    return VideoModel(id=entry["id"], **dict(_understood(spec)))


def _understood(spec: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in fields(VideoModel):
        name = _RENAMED.get(field.name, field.name)
        kind: Any = field.type
        if field.name != "id" and name in spec:
            with contextlib.suppress(ValueError):
                yield field.name, _build(spec[name], kind)


def account_limits(data: Any) -> AccountLimits:
    """The account's limits. Raises ValueError with the path of what is wrong, never with the value."""
    if not isinstance(data, dict):
        raise ValueError("the field data is not an object")
    limits = [
        {**limit, "model": group.get("apiModelId")}
        for group in _list(data.get("rateLimits"))
        for limit in _list(_dict(group).get("rateLimits"))
        if isinstance(limit, dict)
    ]
    flat = {
        "access_permitted": data.get("accessPermitted"),
        "tier": _dict(data.get("apiTier")).get("id"),
        "usd": _dict(data.get("balances")).get("USD"),
        "diem": _dict(data.get("balances")).get("DIEM"),
        "limits": limits,
    }
    return _build(flat, AccountLimits)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the nulls: they stand for fields that a model has not, and must not cost us the whole catalogue."""
    return {name: value for name, value in fields.items() if value is not None}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _build(tree: Any, kind: type[T]) -> T:
    converter = _converter()
    try:
        return converter.structure(tree, kind)
    except (ClassValidationError, IterableValidationError) as error:
        reasons = transform_error(error, format_exception=_reason)
    except (ValueError, TypeError, KeyError):
        reasons = ["it has not the documented shape"]
    raise ValueError("; ".join(clean(reason, limit=200) for reason in reasons[:5]))


def _reason(error: BaseException, kind: type | None) -> str:
    if isinstance(error, KeyError):
        return "required field missing"
    if isinstance(error, ForbiddenExtraKeysError):
        return "unknown field"
    return f"not a valid {getattr(kind, '__name__', kind)}"


def _exactly(kind: type[Any]) -> Any:
    def check(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"not a {kind.__name__}")
        return value

    return check


_LARGEST = 10**15


def _texts(value: Any, _: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("not a list of texts")  # a text would fall apart into its characters
    return tuple(value)


def _integer(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("not a number")
    # The bound comes first: int() of 1e999999999 would write that number out.
    if not -_LARGEST < value < _LARGEST or value != int(value):
        raise ValueError("not a whole number")
    return int(value)


def _money(value: Any, _: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("not a number")
    return Decimal(value)


def _object(tree: Any) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise TypeError("not an object")  # cattrs looks for names in a text as well
    return tree


_LISTS = ("aspect_ratios", "resolutions", "durations")
_FLAGS = ("audio", "audio_configurable", "audio_input", "video_input")
_CONSTRAINT_FIELDS = {
    **dict.fromkeys(_LISTS, _texts),
    **dict.fromkeys(_FLAGS, _exactly(bool)),
    "model_type": _exactly(str),
    "prompt_character_limit": _integer,
}


def _constraints(tree: Any, _: Any = None) -> VideoConstraints:
    """What is told and understood. A form that is newer than this package costs that one check, not the model."""
    known: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in _object(tree).items():
        read = _CONSTRAINT_FIELDS.get(name)
        try:
            (extra if read is None else known)[name] = value if read is None else read(value, None)
        except (ValueError, TypeError):
            extra[name] = value
    due = [name for name in (*_LISTS, *_FLAGS) if name not in known]
    return VideoConstraints(**known, extra=extra, unknown=tuple(due))


@functools.cache
def _converter() -> Converter:
    converter = Converter()
    converter.register_structure_hook(str, _exactly(str))
    converter.register_structure_hook(bool, _exactly(bool))
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)
    converter.register_structure_hook(Decimal, _money)
    converter.register_structure_hook_func(lambda kind: kind is Any, lambda value, _: value)
    renamed_deprecation = make_dict_structure_fn(
        Deprecation,
        converter,
        removes_at=override(rename="removesAt"),
        replacement_model_id=override(rename="replacementModelId"),
        auto_remap=override(rename="autoRemap"),
    )
    converter.register_structure_hook(Deprecation, lambda tree, kind: renamed_deprecation(_object(tree), kind))
    converter.register_structure_hook(VideoConstraints, _constraints)
    converter.register_structure_hook(ModelRateLimit, make_dict_structure_fn(ModelRateLimit, converter))
    return converter
