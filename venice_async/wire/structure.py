"""The cattrs converter for the larger answers: strict about types, tolerant of fields that are not known yet."""

import functools
from decimal import Decimal
from typing import Any, TypeVar

from cattrs import Converter, transform_error
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from venice_async.models import AccountLimits, Deprecation, ModelRateLimit, VideoConstraints, VideoModel
from venice_async.wire.text import clean

T = TypeVar("T")


def video_model(entry: Any) -> VideoModel:
    """A catalogue entry. Raises ValueError with the path of what is wrong, never with the value."""
    spec = entry.get("model_spec")
    flat = {**spec, "id": entry.get("id")} if isinstance(spec, dict) else {"id": entry.get("id")}
    return _build(flat, VideoModel)


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


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _build(tree: Any, kind: type[T]) -> T:
    try:
        return _converter().structure(tree, kind)
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


def _integer(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise TypeError("not a whole number")
    return int(value)


def _money(value: Any, _: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("not a number")
    return Decimal(value)


def _constraints(tree: Any, plain: Any) -> VideoConstraints:
    known = set(_CONSTRAINT_FIELDS)
    extra = {name: value for name, value in tree.items() if name not in known} if isinstance(tree, dict) else {}
    return plain({**tree, "extra": extra}, VideoConstraints)  # type: ignore[no-any-return]


_CONSTRAINT_FIELDS = (
    "model_type", "aspect_ratios", "resolutions", "durations", "audio", "audio_configurable", "audio_input",
    "video_input", "prompt_character_limit",
)  # fmt: skip


@functools.cache
def _converter() -> Converter:
    converter = Converter()
    converter.register_structure_hook(str, _exactly(str))
    converter.register_structure_hook(bool, _exactly(bool))
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook(Decimal, _money)
    converter.register_structure_hook_func(lambda kind: kind is Any, lambda value, _: value)
    converter.register_structure_hook(
        Deprecation,
        make_dict_structure_fn(
            Deprecation,
            converter,
            removes_at=override(rename="removesAt"),
            replacement_model_id=override(rename="replacementModelId"),
            auto_remap=override(rename="autoRemap"),
        ),
    )
    plain = make_dict_structure_fn(VideoConstraints, converter)
    converter.register_structure_hook(VideoConstraints, lambda tree, _: _constraints(tree, plain))
    renamed = override(rename="regionRestrictions")
    converter.register_structure_hook(
        VideoModel, make_dict_structure_fn(VideoModel, converter, region_restrictions=renamed)
    )
    converter.register_structure_hook(ModelRateLimit, make_dict_structure_fn(ModelRateLimit, converter))
    return converter
