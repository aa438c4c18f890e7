"""What does not forbid a request, but may cost its price for nothing: told before the money is spent."""

import difflib
import re
from collections.abc import Iterator

import attrs

from venice_async.catalog.families import follows_source, is_upscale
from venice_async.catalog.shape import has_any
from venice_async.errors.problems import Problem
from venice_async.models import VideoModel, VideoRequest

_FIELDS = {attribute.name for attribute in attrs.fields(VideoRequest)} | {"consents"}
_SEEDANCE_TAG = re.compile(r"<\s*(image|video|audio|subject)\s*(\d{1,3})\s*>", re.IGNORECASE)
_KLING_TAG = re.compile(r"@(Image|Element|Video|Audio)(\d{1,3})\b")
_WORKFLOWS = ("Strictly edit <", "Extend <")
_LISTS = {"image": "reference_image_urls", "video": "reference_video_urls", "audio": "reference_audio_urls"}
_REFERENCES = (
    *_LISTS.values(), "image_url", "video_url", "elements", "scene_image_urls", "reference_document_urls",
    "image_references", "video_references",
)  # fmt: skip
"""Fields in which a reference may stand."""


def advice(request: VideoRequest, model: VideoModel) -> Iterator[Problem]:
    """What a person would like to know before paying."""
    yield from _standing(model)
    yield from _price(request)
    yield from _prompt(request, model)
    if is_upscale(model) and request.duration is not None:
        yield Problem(field="duration", message="is not looked at: an upscale is as long as its video.")
    if "reference-to-video" in model.id and not has_any(request, _REFERENCES):
        yield Problem(field="reference_image_urls", message="is empty: this model is made for references.")
    for name in request.extra.keys() - _FIELDS:
        near = difflib.get_close_matches(name, _FIELDS, n=1, cutoff=0.85)
        if near:
            yield Problem(field=name, message="is sent as it is, though no field is known by it.", nearest=near[0])


def _standing(model: VideoModel) -> Iterator[Problem]:
    leaving = model.deprecation
    if leaving is not None:
        when = f" on {leaving.removes_at[:10]}" if leaving.removes_at else ""
        successor = leaving.replacement_model_id
        then = f"; its successor is {successor}" if successor else ""
        yield Problem(field="model", message=f"{model.id} is taken away{when}{then}.", nearest=successor)
    if model.beta:
        yield Problem(field="model", message=f"{model.id} is for beta users.")
    if model.region_restrictions:
        regions = ", ".join(model.region_restrictions)
        yield Problem(field="model", message=f"{model.id} is meant for these countries: {regions}.")


def _price(request: VideoRequest) -> Iterator[Problem]:
    if request.reference_video_urls and request.reference_video_seconds is None:
        message = (
            "is not given: the length of the reference videos in seconds is part of the price, and without it the "
            "quote, and what a budget reserves, may be too low."
        )
        yield Problem(field="reference_video_seconds", message=message)


def _prompt(request: VideoRequest, model: VideoModel) -> Iterator[Problem]:
    prompt = request.prompt
    if not isinstance(prompt, str) or follows_source(model) or "reference-to-video" not in model.id:
        return
    if model.id.startswith("seedance"):
        yield from _seedance(prompt, request)
        return
    counts = {"Image": len(request.scene_image_urls or request.reference_image_urls), "Element": len(request.elements)}
    for kind, number in _KLING_TAG.findall(prompt):
        if kind in counts and int(number) > counts[kind]:
            yield Problem(field="prompt", message=f"names @{kind}{number}, and there are {counts[kind]}.")


def _seedance(prompt: str, request: VideoRequest) -> Iterator[Problem]:
    """The shape of the prompt chooses the workflow, case and brackets included: a slip makes another video."""
    for match in _SEEDANCE_TAG.finditer(prompt):
        kind, number = match[1].lower(), int(match[2])
        canonical = f"<{kind.capitalize()} {number}>"
        count = len(getattr(request, _LISTS[kind])) if kind in _LISTS else number
        if match[0] != canonical:
            yield Problem(field="prompt", message=f"{match[0]} is not read as a reference.", nearest=canonical)
        elif number > count:
            yield Problem(field="prompt", message=f"names {canonical}, and {_LISTS[kind]} has {count}.")
    for opening in _WORKFLOWS:
        if prompt.casefold().startswith(opening.casefold()) and not prompt.startswith(opening):
            message = f"begins like the workflow {opening.split(' <')[0]!r}, in another case."
            yield Problem(field="prompt", message=message, nearest=opening.removesuffix(" <"))
