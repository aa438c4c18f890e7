"""What is asked: a video, and its price."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs
from attrs import field, frozen

from venice_async.models.fields import as_tuple
from venice_async.models.media import Element, Keyframe, Media


@frozen(kw_only=True)
class SeedanceConsent:
    """The three confirmations of the Seedance face consent, made by a person who has read the policy text."""

    confirmed_terms_and_privacy: bool
    confirmed_legal_right: bool
    confirmed_screening_acknowledged: bool

    @property
    def complete(self) -> bool:
        """Whether all three were made: the server takes nothing less."""
        return all(confirmed is True for confirmed in attrs.astuple(self))


class Suggestion(Protocol):
    """What a refusal proposes instead; `ContentRejectedError` has these."""

    suggested_prompt: str | None
    recommended_model: str | None


@frozen(kw_only=True)
class VideoRequest:
    """One video to generate: the body of `POST /video/queue`.

    Which fields a model takes, and with which values, is in its catalogue entry (`VideoModel.constraints`);
    a field that the model does not take is refused by the server, so leave it None. `extra` carries
    fields that are newer than this package: they are sent as they are.

    `reference_video_seconds` (all reference videos together) and `input_height` (pixels of the source video) are
    never sent to be made: they go to the quote alone, which needs them to tell the price that will be charged.
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
    reference_image_urls: Sequence[Media] = field(default=(), converter=as_tuple)
    reference_video_urls: Sequence[Media] = field(default=(), converter=as_tuple)
    reference_audio_urls: Sequence[Media] = field(default=(), converter=as_tuple)
    reference_document_urls: Sequence[Media] = field(default=(), converter=as_tuple)
    elements: Sequence[Element] = field(default=(), converter=as_tuple)
    scene_image_urls: Sequence[Media] = field(default=(), converter=as_tuple)
    keyframes: Sequence[Keyframe] = field(default=(), converter=as_tuple)
    image_references: Sequence[Any] = field(default=(), converter=as_tuple)
    video_references: Sequence[Any] = field(default=(), converter=as_tuple)
    voice_id: str | None = None
    camera_trajectory: Any = None
    omni_reference_task_type: str | None = None
    bitrate_mode: str | None = None
    anon_user_id: str | None = None
    reference_video_seconds: float | None = None
    input_height: int | None = None
    consent: SeedanceConsent | None = None
    extra: Mapping[str, Any] = field(factory=dict)

    def with_consent(
        self,
        *,
        confirmed_terms_and_privacy: bool,
        confirmed_legal_right: bool,
        confirmed_screening_acknowledged: bool,
    ) -> "VideoRequest":
        """The same request with the three confirmations of the Seedance face consent; nothing is sent by it.

        **A person must have read the `policy_text`** of the `ConsentRequiredError` and agree to each of the three:
        no program can confirm them by itself. Raises ValueError for one that is not true. The answer that asked
        for consent charged nothing; sending this request is an ordinary paid call.
        """
        consent = SeedanceConsent(
            confirmed_terms_and_privacy=confirmed_terms_and_privacy,
            confirmed_legal_right=confirmed_legal_right,
            confirmed_screening_acknowledged=confirmed_screening_acknowledged,
        )
        if not consent.complete:
            raise ValueError("consent needs all three confirmations, each of them true")
        return attrs.evolve(self, consent=consent)

    def with_suggestion(self, error: Suggestion) -> "VideoRequest":
        """The request that a refusal proposes: its suggested prompt, its recommended model, or both. Sends nothing.

        **Submitting it is a new job that costs money again**, whatever became of the first charge (see the
        error's `charge`), and another model has another price and takes other values: check and quote it anew,
        and give it a key of its own. Raises ValueError where the error proposes nothing.
        """
        prompt, model = error.suggested_prompt, error.recommended_model
        if not (prompt or model):
            raise ValueError("this refusal proposes neither a prompt nor a model")
        return attrs.evolve(self, prompt=prompt or self.prompt, model=model or self.model)


QUOTE_ONLY = frozenset({"reference_video_seconds", "input_height"})
"""Fields of a `VideoRequest` that only tell its price."""


@frozen(kw_only=True)
class QuoteRequest:
    """What a price depends on: the body of `POST /video/quote`.

    `reference_video_total_duration` is in seconds. A good quote does not prove a good queue body:
    the server drops the fields that do not price the model. `extra` carries newer fields.
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
    extra: Mapping[str, Any] = field(factory=dict, hash=False)

    @classmethod
    def of(cls, request: VideoRequest) -> "QuoteRequest":
        """The price inputs of a video request, as far as the request itself tells them."""
        upscale = request.upscale_factor is not None or "upscale" in request.model
        # Where upscaling is priced, the server reads the factor from `resolution` and overlooks `upscale_factor`.
        factor = {2: "2x", 4: "4x"}.get(request.upscale_factor or 0) if upscale else None
        inputs = {
            "duration": request.duration,
            "aspect_ratio": request.aspect_ratio,
            "resolution": request.resolution or factor,
            "upscale_factor": request.upscale_factor,
            "audio": request.audio,
            "video_url": request.video_url if upscale else None,
            "reference_video_total_duration": request.reference_video_seconds,
            "reference_image_count": len(request.reference_image_urls) or None,
            "input_height": request.input_height,
        }
        # What `extra` sends under a known name is what will be charged for.
        return cls(model=request.model, **{name: request.extra.get(name, value) for name, value in inputs.items()})
