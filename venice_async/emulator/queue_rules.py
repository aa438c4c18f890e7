"""What `POST /video/queue` takes, model by model: strict, a field that the model does not take is refused."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from venice_async.emulator.catalogue import SOURCE_MATCHED, ModelSheet
from venice_async.emulator.validation import (
    Check,
    Findings,
    boolean,
    check_fields,
    choice,
    media,
    media_list,
    media_problem,
    refuse_unknown,
    require,
    text,
)

ABSOLUTE_PROMPT_LIMIT: Final = 20_000
CONFIRMATIONS: Final = ("confirmed_terms_and_privacy", "confirmed_legal_right", "confirmed_screening_acknowledged")
MEDIA_ROLES: Final[Mapping[str, str]] = {
    "image_url": "image",
    "end_image_url": "end_image",
    "reference_image_urls": "reference_image",
    "video_url": "video",
    "reference_video_urls": "reference_video",
}
"""Fields in which a face may show, with the word for them in a needs_consent answer."""

_SECONDS = re.compile(r"[0-9]{1,4}s?")
_ELEMENT_FIELDS: Final = ("frontal_image_url", "reference_image_urls", "video_url")
_FRAMES_PER_SECOND: Final = 24

_INPUT_CHECKS: Final[Mapping[str, Callable[[int], Check]]] = {
    "image_url": lambda _: media("image"),
    "end_image_url": lambda _: media("image"),
    "audio_url": lambda _: media("audio"),
    "video_url": lambda _: media("video"),
    "reference_image_urls": partial(media_list, "image"),
    "reference_video_urls": partial(media_list, "video"),
    "reference_audio_urls": partial(media_list, "audio"),
    "reference_document_urls": partial(media_list, "document"),
    "scene_image_urls": partial(media_list, "image"),
    "elements": lambda most: partial(_elements, most=most),
    "keyframes": lambda most: partial(_keyframes, most=most),
    "omni_reference_task_type": lambda _: choice(("auto", "reference", "edit", "extend", "editing", "extension")),
    "bitrate_mode": lambda _: choice(("standard", "high")),
    "voice_id": lambda _: text(least=1, most=200),
}


def check_queue(sheet: ModelSheet, body: Mapping[str, Any]) -> None:
    """Raise Refused with 400 unless the model takes exactly this body."""
    findings = Findings()
    checks = _checks(sheet)
    refuse_unknown(body, checks, findings, why=f"is not supported by {sheet.id}")
    check_fields(body, checks, findings)
    require(body, _required(sheet), findings)
    findings.refuse()
    # Only sound values reach the rules that look at several fields together.
    _check_sources(body, findings)
    _check_frames(body, findings)
    findings.refuse()


def _checks(sheet: ModelSheet) -> dict[str, Check]:
    limit = min(sheet.character_limit, ABSOLUTE_PROMPT_LIMIT)
    prompt = text(least=1, most=limit) if sheet.takes_prompt else text(most=limit)
    checks: dict[str, Check] = {
        "model": text(),
        "prompt": prompt,
        "consents": _consents,
        "anon_user_id": text(most=200),
    }
    checks["duration"] = choice(sheet.durations) if sheet.takes_duration else _seconds
    if sheet.takes_prompt:
        checks["negative_prompt"] = text(most=limit)
    if sheet.aspect_ratios:
        checks["aspect_ratio"] = choice(sheet.aspect_ratios)
    if sheet.resolutions:
        checks["resolution"] = choice(sheet.resolutions)
    if sheet.audio_configurable:
        checks["audio"] = boolean
    if sheet.upscales:
        checks["upscale_factor"] = choice((1, 2, 4))
    return checks | {name: _INPUT_CHECKS[name](most) for name, most in sheet.inputs.items()}


def _required(sheet: ModelSheet) -> list[str]:
    needed = {"prompt": sheet.takes_prompt, "duration": sheet.takes_duration, "aspect_ratio": bool(sheet.aspect_ratios)}
    return [name for name, due in needed.items() if due] + list(sheet.required)


def _seconds(value: Any, findings: Findings, name: str) -> None:
    if not isinstance(value, str) or not _SECONDS.fullmatch(value):
        findings.add("This model follows its source clip: omit the duration, or give seconds", name)


def _consents(value: Any, findings: Findings, name: str) -> None:
    seedance = value.get("seedance") if isinstance(value, dict) and value.keys() == {"seedance"} else None
    if not isinstance(seedance, dict) or seedance.keys() != set(CONFIRMATIONS):
        findings.add(f"Expected seedance with exactly {', '.join(CONFIRMATIONS)}", name, "seedance")
    elif not all(confirmed is True for confirmed in seedance.values()):
        findings.add("Every confirmation must be true", name, "seedance")


def _entries(value: Any, findings: Findings, name: str, most: int) -> list[tuple[int, dict[str, Any]]]:
    if not isinstance(value, list) or len(value) > most:
        findings.add(f"Expected an array of at most {most} element(s)", name)
        return []
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            findings.add("Expected object", name, index, code="invalid_type")
    return [(index, item) for index, item in enumerate(value) if isinstance(item, dict)]


def _elements(value: Any, findings: Findings, name: str, *, most: int) -> None:
    for index, item in _entries(value, findings, name, most):
        inner = Findings()
        refuse_unknown(item, _ELEMENT_FIELDS, inner, why="is not part of an element")
        checks = {
            "frontal_image_url": media("image"),
            "reference_image_urls": media_list("image", 3),
            "video_url": media("video"),
        }
        check_fields(item, checks, inner)
        if not item:
            inner.add("An element must hold some medium")
        findings.adopt(inner, name, index)


def _keyframes(value: Any, findings: Findings, name: str, *, most: int) -> None:
    seen: set[int] = set()
    for index, item in _entries(value, findings, name, most):
        frame = item.get("frame_index")
        if item.keys() != {"image_url", "frame_index"} or media_problem(item["image_url"], "image"):
            findings.add("Expected exactly an image_url and a frame_index", name, index)
        elif isinstance(frame, bool) or not isinstance(frame, int) or frame < 0 or frame in seen:
            findings.add("frame_index must be a whole number, not negative, and unique", name, index, "frame_index")
        else:
            seen.add(frame)


def _check_sources(body: Mapping[str, Any], findings: Findings) -> None:
    for name in ("duration", "aspect_ratio"):
        if body.get(name) in SOURCE_MATCHED and not body.get("reference_video_urls"):
            findings.add(f"{body[name]} follows a source clip: give reference_video_urls", name)
    if body.get("reference_audio_urls") and not (body.get("reference_image_urls") or body.get("reference_video_urls")):
        findings.add("Audio cannot be the only reference", "reference_audio_urls")


def _check_frames(body: Mapping[str, Any], findings: Findings) -> None:
    seconds = str(body.get("duration", "")).removesuffix("s")
    if not seconds.isdigit():
        return
    for index, keyframe in enumerate(body.get("keyframes", ())):
        if keyframe["frame_index"] > int(seconds) * _FRAMES_PER_SECOND:
            findings.add("frame_index lies behind the end of the video", "keyframes", index, "frame_index")
