"""What the server offers: models, and what each takes."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class VideoConstraints:
    """What a model takes. An empty tuple means that the field is refused, not that anything goes.

    `unknown` names the fields of this value that the server did not tell, or not in a way that this package reads:
    these mean nothing, and nothing is checked by them.
    """

    model_type: str = "video"
    aspect_ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    durations: tuple[str, ...] = ()
    audio: bool = False
    audio_configurable: bool = False
    audio_input: bool = False
    video_input: bool = False
    prompt_character_limit: int = 2500
    unknown: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(factory=dict, repr=False)
    """Fields of the answer that this package has no name for."""


@frozen(kw_only=True)
class Deprecation:
    """When a model goes away, and what replaces it."""

    removes_at: str | None = None
    replacement_model_id: str | None = None
    auto_remap: bool = False


@frozen(kw_only=True)
class VideoModel:
    """One entry of the catalogue, `GET /models?type=video`. There is no price in it: use `quote`."""

    id: str
    name: str = ""
    privacy: str = ""
    offline: bool = False
    beta: bool = False
    deprecation: Deprecation | None = None
    region_restrictions: tuple[str, ...] = ()
    constraints: VideoConstraints = field(factory=VideoConstraints)
