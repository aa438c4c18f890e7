"""What the vendor's guides say of each kind and family of models, beyond what their catalogue entries tell.

A model of a kind or family that nothing is known of is held to its entry alone.
"""

import re
from collections.abc import Iterator, Mapping

from attrs import field, frozen

from venice_async.catalog.shape import has_any, is_positive, too_many
from venice_async.catalog.words import plain
from venice_async.errors.problems import Problem
from venice_async.models import VideoModel, VideoRequest

PROMPTLESS = frozenset({"minimax-h3-max-multi-angle"})
"""Models beside the upscaling ones that need no prompt."""

_REFERENCES = ("reference_image_urls", "reference_video_urls", "reference_audio_urls", "reference_document_urls")
_KLING_ONLY = ("elements", "scene_image_urls")
_SEEDANCE_ONLY = ("bitrate_mode", "omni_reference_task_type")
_SHOWN = ("image_url", "end_image_url", "video_url", "keyframes", "image_references", "video_references")
_UPSCALE_REFUSES = (
    "prompt", "negative_prompt", "aspect_ratio", "image_url", "end_image_url", "audio_url", *_REFERENCES, *_KLING_ONLY,
    "keyframes", "image_references", "video_references", "voice_id", "camera_trajectory", *_SEEDANCE_ONLY,
)  # fmt: skip


@frozen(kw_only=True)
class Family:
    """Models whose ids match `pattern`: what they refuse, what they need one of, and how much they take."""

    pattern: str
    refused: tuple[str, ...] = ()
    why: str = "is refused by this model: leave it out."
    needed: tuple[str, ...] = ()
    """Each of these."""
    one_of: tuple[str, ...] = ()
    """At least one of these."""
    most: Mapping[str, int] = field(factory=dict)
    seconds: float | None = None
    """The longest that all reference videos may be together."""
    follows: tuple[str, ...] = ()
    """What a value that follows the source needs one of."""

    def holds(self, model_id: str) -> bool:
        """Whether a model belongs here."""
        return re.search(self.pattern, model_id) is not None


_FROM_TEXT = "is refused: this model makes its video from the prompt alone."
_SEEDANCE_SOURCES = ("reference_image_urls", "reference_video_urls", "image_url", "video_url")
_SMALL: Mapping[str, int] = {"reference_image_urls": 9, "reference_video_urls": 3, "reference_audio_urls": 3}
_LARGE: Mapping[str, int] = {"reference_image_urls": 30, "reference_video_urls": 10, "reference_audio_urls": 10}
_CLIP = ("reference_video_urls",)

FAMILIES: tuple[Family, ...] = (
    Family(
        pattern=r"upscale", needed=("video_url",), refused=_UPSCALE_REFUSES,
        why="is refused: this model takes a video_url and an upscale_factor.",
    ),
    Family(pattern=r"text-to-video", refused=(*_SHOWN, *_REFERENCES, *_KLING_ONLY), why=_FROM_TEXT),
    Family(pattern=r"video-to-video", needed=("video_url",)),
    Family(pattern=r"transition|first-last-frame", needed=("image_url", "end_image_url")),
    Family(pattern=r"^(?!seedance-(?!1)).*", refused=_SEEDANCE_ONLY, why="is for Seedance 2 models only."),
    Family(
        pattern=r"^seedance-(?!2-0|1).*(text|image)-to-video|^seedance-2-0", refused=("omni_reference_task_type",),
        why="is for Seedance 2.5 reference-to-video only.",
    ),
    Family(pattern=r"^seedance", refused=(*_KLING_ONLY, "keyframes", "reference_document_urls"), follows=_CLIP),
    Family(pattern=r"^seedance-2.*reference-to-video", one_of=_SEEDANCE_SOURCES),
    Family(pattern=r"^seedance-2-0", most=_SMALL, seconds=15),
    Family(pattern=r"^seedance-2-5", most=_LARGE, seconds=30),
    Family(pattern=r"^seedance.*image-to-video", refused=_REFERENCES),
    Family(
        pattern=r"^grok.*reference-to-video", needed=("reference_image_urls",), most={"reference_image_urls": 7},
        refused=("image_url", "end_image_url", *_REFERENCES[1:], *_KLING_ONLY),
    ),
    Family(
        pattern=r"^kling-o3.*reference-to-video",
        one_of=("elements", "scene_image_urls", "image_url", "reference_image_urls"),
        refused=("reference_audio_urls", "reference_document_urls"),
    ),
    Family(
        pattern=r"^wan-3", refused=("negative_prompt",),
        most={"reference_image_urls": 10, "reference_video_urls": 5, "reference_audio_urls": 5},
    ),
)  # fmt: skip
"""Every family whose pattern fits a model has its say."""


def is_upscale(model: VideoModel) -> bool:
    """Whether a model makes an existing video larger."""
    return "upscale" in model.id


def follows_source(model: VideoModel) -> bool:
    """Whether a model's video is as long as the one it is given."""
    return is_upscale(model) or "video-to-video" in model.id


def family_problems(request: VideoRequest, model: VideoModel) -> Iterator[Problem]:
    """What the model's kind and families refuse or miss."""
    yield from _inputs(request, model)
    for family in (family for family in FAMILIES if family.holds(model.id)):
        yield from _refused(request, family)
        yield from _missing(request, family)
        yield from too_many(request, family.most)
        yield from _lengths(request, family)
        yield from _followed(request, family)


def _inputs(request: VideoRequest, model: VideoModel) -> Iterator[Problem]:
    limits = model.constraints
    from_image = limits.model_type == "image-to-video" or "image-to-video" in model.id
    if from_image and request.image_url is None and not request.keyframes:
        yield Problem(field="image_url", message="is required: this model animates an image.")
    if request.audio_url is not None and not (limits.audio_input or "audio_input" in limits.unknown):
        yield Problem(field="audio_url", message="is refused: this model takes no sound.")
    takes_video = limits.video_input or "video_input" in limits.unknown or follows_source(model)
    if request.video_url is not None and not takes_video:
        yield Problem(field="video_url", message="is refused: this model takes no video.")


def _refused(request: VideoRequest, family: Family) -> Iterator[Problem]:
    for name in family.refused:
        value = getattr(request, name)
        if value.strip() if isinstance(value, str) else value not in (None, ()):
            yield Problem(field=name, message=family.why)


def _missing(request: VideoRequest, family: Family) -> Iterator[Problem]:
    for name in family.needed:
        if not getattr(request, name):
            yield Problem(field=name, message="is required by this model.")
    if family.one_of and not has_any(request, family.one_of):
        yield Problem(field=family.one_of[0], message=f"is missing: give at least one of {', '.join(family.one_of)}.")


def _lengths(request: VideoRequest, family: Family) -> Iterator[Problem]:
    seconds, clips = request.reference_video_seconds, len(request.reference_video_urls)
    if family.seconds is None or not is_positive(seconds) or seconds is None or not clips:
        return
    if seconds > family.seconds:
        message = f"is {seconds:g}; all reference videos together may last {family.seconds:g} seconds."
    elif seconds < 2 * clips:
        message = f"is {seconds:g} for {clips} videos; each must last 2 seconds at least."
    elif seconds < 4 and request.duration in ("-1", "auto"):
        message = f"is {seconds:g}; a source that the duration follows must last 4 seconds at least."
    else:
        return
    yield Problem(field="reference_video_seconds", message=message, value=plain(seconds))


def _followed(request: VideoRequest, family: Family) -> Iterator[Problem]:
    for name, values in (("duration", ("-1", "auto")), ("aspect_ratio", ("adaptive", "auto"))):
        value = getattr(request, name)
        if family.follows and value in values and not has_any(request, family.follows):
            message = f"{value!r} follows a source clip: give {' or '.join(family.follows)}."
            yield Problem(field=name, message=message, value=value)
