"""The models that the emulator offers: what each takes and, hidden from callers, how it behaves."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from attrs import Factory, field, frozen

DEFAULT_PROMPT_LIMIT: Final = 2500
MODEL_TYPES: Final = ("asr", "embedding", "image", "music", "text", "tts", "upscale", "inpaint", "video", "all", "code")
"""What `GET /models` may be asked for."""
ASPECT_RATIOS: Final = (
    "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "9:21", "16:9", "21:9", "adaptive", "auto",
)  # fmt: skip
"""Every aspect ratio that any model of the API takes."""
RESOLUTIONS: Final = (
    "256p", "360p", "480p", "540p", "580p", "720p", "1080p", "1440p", "2160p", "4k", "2x", "4x", "2K", "768P",
    "true_1080p",
)  # fmt: skip
"""Every resolution that any model of the API takes; case matters."""
DURATIONS: Final = (*(f"{seconds}s" for seconds in range(1, 31)), "-1", "1 gen", "auto", "Auto")
"""Every duration that any model of the API takes."""
SOURCE_MATCHED: Final = frozenset({"adaptive", "auto", "Auto", "-1"})
"""Values that follow the source clip, and so need one."""

_CREATED: Final = 1_767_225_600
_PRICE_FACTORS: Final = MappingProxyType(
    {"256p": "0.4", "360p": "0.5", "480p": "0.6", "540p": "0.7", "580p": "0.7", "1080p": "1.6", "true_1080p": "1.8",
     "1440p": "2.4", "2K": "2.4", "2160p": "3.5", "4k": "3.5"}
)  # fmt: skip


@frozen(kw_only=True)
class Retirement:
    """When a model goes away, and what replaces it."""

    removes_at: str
    replacement: str | None = None

    def entry(self) -> dict[str, Any]:
        """The `deprecation` object of the catalogue."""
        named = {"replacementModelId": self.replacement} if self.replacement else {}
        return {"autoRemap": False, "date": self.removes_at, "removesAt": self.removes_at, **named}


@frozen(kw_only=True)
class ModelSheet:
    """One model: the public constraints first, then what only the server knows."""

    id: str
    name: str
    privacy: str = "anonymized"
    model_type: str = "text-to-video"
    aspect_ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    durations: tuple[str, ...] = ()
    audio: bool = False
    audio_configurable: bool = False
    prompt_limit: int | None = None
    offline: bool = False
    beta: bool = False
    retirement: Retirement | None = None

    inputs: Mapping[str, int] = field(factory=dict)
    """Media and special fields that the model takes, each with the most values it may hold."""
    required: tuple[str, ...] = ()
    """Those of `inputs` without which it does not work."""
    upscales: bool = False
    takes_prompt: bool = True
    takes_duration: bool = True
    """Whether a duration must be given; models that follow a source clip go without."""
    p80: float = 60.0
    """Seconds of execution that 4 jobs in 5 stay under."""
    usd_per_second: Decimal = Decimal("0.10")
    usd_for_audio: Decimal = Decimal(1)
    """Factor on the price when sound is made too."""
    wants_consent: bool = False
    has_link: bool = False

    character_limit: int = field(
        init=False, default=Factory(lambda self: self.prompt_limit or DEFAULT_PROMPT_LIMIT, takes_self=True)
    )

    def price_factor(self, resolution: str | None) -> Decimal:
        """How a resolution changes the price per second."""
        return Decimal(_PRICE_FACTORS.get(resolution or "", "1"))

    def entry(self) -> dict[str, Any]:
        """The catalogue entry in the official shape."""
        spec: dict[str, Any] = {
            "name": self.name,
            "privacy": self.privacy,
            "modelSource": "",
            "offline": self.offline,
            "beta": self.beta,
            "traits": [],
            "constraints": self._constraints(),
        }
        if self.retirement is not None:
            spec["deprecation"] = self.retirement.entry()
        return {
            "id": self.id, "type": "video", "object": "model", "owned_by": "venice.ai", "created": _CREATED,
            "model_spec": spec,
        }  # fmt: skip

    def _constraints(self) -> dict[str, Any]:
        limit = {} if self.prompt_limit is None else {"prompt_character_limit": self.prompt_limit}
        return {
            "model_type": self.model_type,
            "aspect_ratios": list(self.aspect_ratios),
            "resolutions": list(self.resolutions),
            # The official catalogue says "Auto" here, and the queue refuses it: so does this one.
            "durations": list(self.durations) if self.takes_duration else ["Auto"],
            "audio": self.audio,
            "audio_configurable": self.audio_configurable,
            "audio_input": bool({"audio_url", "reference_audio_urls"} & self.inputs.keys()),
            "video_input": bool({"video_url", "reference_video_urls"} & self.inputs.keys()),
            **limit,
        }  # fmt: skip


class Catalogue:
    """Model sheets by id."""

    def __init__(self, sheets: tuple[ModelSheet, ...]) -> None:
        self._sheets = {sheet.id: sheet for sheet in sheets}
        self._entries = [sheet.entry() for sheet in sheets]

    def get(self, model: str) -> ModelSheet | None:
        """The sheet of a model, or None where the id is not known."""
        return self._sheets.get(model)

    def ids(self) -> tuple[str, ...]:
        """Every model id, in order."""
        return tuple(self._sheets)

    def listing(self, kind: str) -> dict[str, Any]:
        """The answer of `GET /models` for one type: only videos are made here."""
        return {"data": self._entries if kind in {"video", "all"} else [], "object": "list", "type": kind}
