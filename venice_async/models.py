"""The values of the API: what is asked and what is answered, frozen and typed.

Names and optionality follow the vendor's OpenAPI document (`QueueVideoRequest`, `QuoteVideoRequest`,
`ModelResponse`); times are seconds here, milliseconds stay in `wire`; money is `Decimal` US dollars.
"""

import mimetypes
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen


@frozen(kw_only=True)
class MediaFile:
    """A local file, or bytes, to be sent inside the request as a `data:` URL.

    Make one with `from_path` or `from_bytes`. A file is read when the request is sent, never before,
    and in pieces; a plain string in a media field is only ever a URL and is never opened.
    """

    content_type: str
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_path(cls, path: str | Path, *, content_type: str | None = None) -> "MediaFile":
        """Name a local file. The type is guessed from its ending unless `content_type` is given.

        Raises ValueError if the ending tells no image, audio or video type.
        """
        guessed = content_type or mimetypes.guess_type(str(path))[0] or ""
        if content_type is None and guessed.partition("/")[0] not in {"image", "audio", "video"}:
            raise ValueError(f"cannot tell the media type of {Path(path).name!r}: give content_type")
        return cls(content_type=guessed, path=Path(path))

    @classmethod
    def from_bytes(cls, data: bytes, *, content_type: str) -> "MediaFile":
        """Wrap bytes that are already in memory, such as an upload that a web app received."""
        return cls(content_type=content_type, data=bytes(data))


Media = str | MediaFile
"""What a media field takes: an http(s) or `data:` URL as text, or a `MediaFile`."""


def _tuple(value: Sequence[Any] | None) -> tuple[Any, ...]:
    if isinstance(value, str):  # it would fall apart into its characters
        raise TypeError("a list is due here, not a single text")
    return () if value is None else tuple(value)


@frozen(kw_only=True)
class Element:
    """One character or object of a Kling O3 request; the prompt names them @Element1, @Element2, ..."""

    frontal_image_url: Media | None = None
    reference_image_urls: Sequence[Media] = field(default=(), converter=_tuple)
    video_url: Media | None = None


@frozen(kw_only=True)
class Keyframe:
    """An image pinned to a frame of the generated video, which runs at 24 frames a second."""

    image_url: Media
    frame_index: int


@frozen(kw_only=True)
class SeedanceConsent:
    """The three confirmations of the Seedance face consent, made by a person who has read the policy text."""

    confirmed_terms_and_privacy: bool
    confirmed_legal_right: bool
    confirmed_screening_acknowledged: bool


@frozen(kw_only=True)
class VideoRequest:
    """One video to generate: the body of `POST /video/queue`.

    Which fields a model takes, and with which values, is in its catalogue entry (`VideoModel.constraints`);
    a field that the model does not take is refused by the server, so leave it None. `extra` carries
    fields that are newer than this package: they are sent as they are.
    """

    model: str
    prompt: str | None = None
    duration: str | None = None
    negative_prompt: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    upscale_factor: int | None = None
    audio: bool | None = None
    image_url: Media | None = None
    end_image_url: Media | None = None
    audio_url: Media | None = None
    video_url: Media | None = None
    reference_image_urls: Sequence[Media] = field(default=(), converter=_tuple)
    reference_video_urls: Sequence[Media] = field(default=(), converter=_tuple)
    reference_audio_urls: Sequence[Media] = field(default=(), converter=_tuple)
    reference_document_urls: Sequence[Media] = field(default=(), converter=_tuple)
    elements: Sequence[Element] = field(default=(), converter=_tuple)
    scene_image_urls: Sequence[Media] = field(default=(), converter=_tuple)
    keyframes: Sequence[Keyframe] = field(default=(), converter=_tuple)
    omni_reference_task_type: str | None = None
    bitrate_mode: str | None = None
    consent: SeedanceConsent | None = None
    extra: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class QuoteRequest:
    """What a price depends on: the body of `POST /video/quote`.

    `reference_video_total_duration` is in seconds. A good quote does not prove a good queue body:
    the server drops the fields that do not price the model.
    """

    model: str
    duration: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    upscale_factor: int | None = None
    audio: bool | None = None
    video_url: Media | None = None
    reference_video_total_duration: float | None = None
    reference_image_count: int | None = None
    input_height: int | None = None

    @classmethod
    def of(cls, request: VideoRequest) -> "QuoteRequest":
        """The price inputs of a video request, as far as the request itself tells them."""
        upscale = request.upscale_factor is not None or "upscale" in request.model
        return cls(
            model=request.model,
            duration=request.duration,
            aspect_ratio=request.aspect_ratio,
            resolution=request.resolution,
            upscale_factor=request.upscale_factor,
            audio=request.audio,
            video_url=request.video_url if upscale else None,
            reference_image_count=len(request.reference_image_urls) or None,
        )


@frozen(kw_only=True)
class Quote:
    """A price in US dollars. Asking for it creates no job and charges nothing."""

    usd: Decimal


@frozen(kw_only=True)
class QueuedVideo:
    """A job that the server has taken, and charged.

    `download_url` is there for some (private) models only and is shown once: whoever has it has the
    video, so it is kept out of the repr; treat it as a secret.
    """

    model: str
    queue_id: str
    download_url: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Processing:
    """The video is not ready. Seconds; None where the answer does not say.

    `average_execution_time` is the P80 of the model's execution times: about 4 jobs in 5 are done by
    then. `execution_duration` is how long this one has run.
    """

    status: str = "PROCESSING"
    average_execution_time: float | None = None
    execution_duration: float | None = None


@frozen(kw_only=True)
class Completed:
    """The video is ready at the `download_url` of the queue answer: fetch it there."""

    status: str = "COMPLETED"
    average_execution_time: float | None = None
    execution_duration: float | None = None


@frozen(kw_only=True)
class Transcript:
    """What is said in a video; `lang` is the detected language, None for the plain-text form."""

    transcript: str
    lang: str | None = None


@frozen(kw_only=True)
class VideoConstraints:
    """What a model takes. An empty tuple means that the field is refused, not that anything goes."""

    model_type: str = "video"
    aspect_ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    durations: tuple[str, ...] = ()
    audio: bool = False
    audio_configurable: bool = False
    audio_input: bool = False
    video_input: bool = False
    prompt_character_limit: int = 2500
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


@frozen(kw_only=True)
class ModelRateLimit:
    """One limit of the account: `amount` per period `type` (RPM: a minute, RPD: a day)."""

    model: str | None
    type: str
    amount: int


@frozen(kw_only=True)
class AccountLimits:
    """What the account may do and what is left, from `GET /api_keys/rate_limits`."""

    access_permitted: bool
    tier: str
    usd: Decimal | None = None
    diem: Decimal | None = None
    limits: tuple[ModelRateLimit, ...] = ()


def given_fields(value: Any) -> dict[str, Any]:
    """The fields of a request value that were given: None and empty ones are left out."""
    pairs = ((a.name, getattr(value, a.name)) for a in attrs.fields(type(value)))
    return {name: item for name, item in pairs if item is not None and item not in ((), {})}
