"""What is wrong with a request whatever the model: types, media that are none, too many of them, unlikely pairs."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from venice_async.catalog.words import plain
from venice_async.errors.problems import Problem
from venice_async.models import Element, Keyframe, MediaFile, SeedanceConsent, VideoRequest, given_fields
from venice_async.wire.calls import media_of

LONGEST_PROMPT = 20_000
MOST = {
    "reference_image_urls": 30,
    "reference_video_urls": 10,
    "reference_audio_urls": 10,
    "reference_document_urls": 1,
    "elements": 4,
    "scene_image_urls": 4,
    "keyframes": 10,
}
"""The most that any model takes of each."""
SOURCES = ("image_url", "video_url", "reference_image_urls", "reference_video_urls")
"""Fields that show something."""

_ELEMENT_REFERENCES = 3
_FRAMES_PER_SECOND = 24
_TEXTS = ("prompt", "negative_prompt", "omni_reference_task_type", "bitrate_mode", "voice_id", "anon_user_id")
_CHOICES = {
    "omni_reference_task_type": ("auto", "reference", "edit", "extend", "editing", "extension"),
    "bitrate_mode": ("standard", "high"),
}


def shape_problems(request: VideoRequest) -> list[Problem]:
    """What no model takes: media that are neither URLs nor files, an endless prompt, five elements."""
    return [
        *_types(request),
        *_media(request),
        *_prompts(request),
        *too_many(request, MOST),
        *_elements(request),
        *_keyframes(request),
        *_pairs(request),
        *_twice(request),
    ]


def too_many(request: VideoRequest, most: Mapping[str, int]) -> Iterator[Problem]:
    """The lists that are longer than `most` says."""
    for name, limit in most.items():
        count = len(getattr(request, name))
        if count > limit:
            yield Problem(field=name, message=f"has {count} entries; {limit} is the limit.", value=count)


def _types(request: VideoRequest) -> Iterator[Problem]:
    for name in _TEXTS:
        value = getattr(request, name)
        if value is not None and not isinstance(value, str):
            yield Problem(field=name, message="must be a text.", value=plain(value))
        elif value is not None and name in _CHOICES and value not in _CHOICES[name]:
            message = f"{value!r} is not one of the API's."
            yield Problem(field=name, message=message, value=value, allowed=_CHOICES[name][:4])
    audio: Any = request.audio
    if audio is not None and not isinstance(audio, bool):
        yield Problem(field="audio", message="must be true or false.", value=plain(audio))
    for name in ("reference_video_seconds", "input_height"):
        value = getattr(request, name)
        if value is not None and not is_positive(value):
            yield Problem(field=name, message="must be a number above 0.", value=plain(value))
    consent: Any = request.consent
    if consent is not None and not (isinstance(consent, SeedanceConsent) and consent.complete):
        message = "needs all three confirmations, each of them true, by a person who has read the policy text."
        yield Problem(field="consent", message=message)


def is_positive(value: Any) -> bool:
    """Whether a value is a number above 0, and a finite one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def path_problems(request: VideoRequest) -> tuple[Problem, ...]:
    """Texts in media fields that are no URLs, such as paths: no server can fetch them, and they are never opened."""
    message = "must be an http(s) or data: URL; give a local file as MediaFile.from_path(...)."
    return tuple(
        Problem(field=name, message=message)
        for name, media in media_of(request)
        if not isinstance(media, MediaFile) and not media.lower().startswith(("https://", "http://", "data:"))
    )


def _media(request: VideoRequest) -> Iterator[Problem]:
    yield from path_problems(request)
    for name in ("image_url", "end_image_url", "audio_url", "video_url"):
        if not isinstance(getattr(request, name), str | MediaFile | None):
            yield Problem(field=name, message="must be a URL or a MediaFile.")
    for name in (name for name in MOST if name.endswith("_urls")):
        for index, item in enumerate(getattr(request, name)):
            if not isinstance(item, str | MediaFile):
                yield Problem(field=f"{name}[{index}]", message="must be a URL or a MediaFile.")


def _prompts(request: VideoRequest) -> Iterator[Problem]:
    for name in ("prompt", "negative_prompt"):
        text = getattr(request, name)
        if isinstance(text, str) and len(text) > LONGEST_PROMPT:
            message = f"has {len(text)} characters; {LONGEST_PROMPT} is the limit."
            yield Problem(field=name, message=message, value=len(text))


def _elements(request: VideoRequest) -> Iterator[Problem]:
    element: Any
    for index, element in enumerate(request.elements):
        place = f"elements[{index}]"
        if not isinstance(element, Element):
            yield Problem(field=place, message="must be an Element.")
            continue
        if element.frontal_image_url is None and element.video_url is None:
            yield Problem(
                field=f"{place}.frontal_image_url", message="is required: an element needs it, or a video_url."
            )
        count = len(element.reference_image_urls)
        if count > _ELEMENT_REFERENCES:
            message = f"has {count} entries; {_ELEMENT_REFERENCES} is the limit."
            yield Problem(field=f"{place}.reference_image_urls", message=message, value=count)


def _keyframes(request: VideoRequest) -> Iterator[Problem]:
    last = _last_frame(request.duration)
    seen: set[int] = set()
    keyframe: Any
    for index, keyframe in enumerate(request.keyframes):
        if not isinstance(keyframe, Keyframe):
            yield Problem(field=f"keyframes[{index}]", message="must be a Keyframe.")
            continue
        place = f"keyframes[{index}].frame_index"
        frame: Any = keyframe.frame_index
        if isinstance(frame, bool) or not isinstance(frame, int) or frame < 0:
            yield Problem(field=place, message="must be a whole number from 0 on.", value=plain(frame))
        elif frame in seen:
            yield Problem(field=place, message=f"{frame} has another keyframe already.", value=frame)
        elif last is not None and frame > last:
            message = f"{frame} lies behind the end: {last} is the last frame, at {_FRAMES_PER_SECOND} a second."
            yield Problem(field=place, message=message, value=frame)
        if isinstance(frame, int):
            seen.add(frame)


def _last_frame(duration: Any) -> int | None:
    seconds = duration.removesuffix("s") if isinstance(duration, str) else ""
    return int(seconds) * _FRAMES_PER_SECOND if seconds.isascii() and seconds.isdigit() and len(seconds) < 6 else None


def _pairs(request: VideoRequest) -> Iterator[Problem]:
    if request.reference_audio_urls and not has_any(request, SOURCES):
        message = "cannot be the only reference: give a reference image or a reference video beside it."
        yield Problem(field="reference_audio_urls", message=message)
    if request.reference_video_seconds is not None and not request.reference_video_urls:
        message = "is the length of reference_video_urls, and there are none."
        yield Problem(field="reference_video_seconds", message=message, value=plain(request.reference_video_seconds))


def has_any(request: VideoRequest, names: Iterable[str]) -> bool:
    """Whether any of some fields is given."""
    return any(getattr(request, name) for name in names)


def _twice(request: VideoRequest) -> Iterator[Problem]:
    given = given_fields(request)
    sent = {"consents" if name == "consent" else name for name in given}
    for name in sent & request.extra.keys():
        yield Problem(field=name, message="is given twice: as a field, and in extra.")
