"""The catalogue as it once was, for a check without a network: what models there were, and what guides say of them."""

import functools
import importlib.resources
import json
from typing import Any

from venice_async.catalog.catalog import Catalog
from venice_async.models import Deprecation, VideoConstraints, VideoModel

_LISTS = ("durations", "aspect_ratios", "resolutions")
_UNTOLD = ("audio", "audio_configurable", "audio_input", "video_input", "prompt_character_limit")


@functools.cache
def snapshot() -> Catalog:
    """The models that were on offer on `Catalog.as_of`. Their prices, and much of what they take, is not in it."""
    text = importlib.resources.files("venice_async.catalog").joinpath("snapshot.json").read_text(encoding="utf-8")
    tree = json.loads(text)
    known = {name: tuple(values) for name, values in tree["known"].items()}
    return Catalog([_model(entry) for entry in tree["models"]], as_of=tree["date"], known=known)


def _model(entry: dict[str, Any]) -> VideoModel:
    removed = entry.get("removes_at")
    lists: dict[str, Any] = {name: tuple(entry[name]) for name in _LISTS if name in entry}
    unknown = (*(name for name in _LISTS if name not in lists), *_UNTOLD)
    return VideoModel(
        id=entry["id"],
        name=entry["name"],
        privacy=entry["privacy"],
        deprecation=Deprecation(removes_at=removed) if removed else None,
        constraints=VideoConstraints(model_type=entry["type"], unknown=unknown, **lists),
    )
