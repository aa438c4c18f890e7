"""A request from a JSON file in the API's own field names; local media may stand as paths beside the file."""

import difflib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from attrs import Factory, define

from venice_async.catalog import Problem
from venice_async.cli import requests
from venice_async.errors import ConfigurationError
from venice_async.models import Element, Keyframe, Media, SeedanceConsent, VideoRequest

_ONE_MEDIUM = ("image_url", "end_image_url", "audio_url", "video_url")
_MEDIA = (
    "reference_image_urls", "reference_video_urls", "reference_audio_urls", "reference_document_urls",
    "scene_image_urls",
)  # fmt: skip
_LISTS = ("image_references", "video_references")
_CONFIRMATIONS = tuple(attribute.name for attribute in attrs.fields(SeedanceConsent))
FIELDS = {attribute.name for attribute in attrs.fields(VideoRequest)} - {"consent"} | {"consents"}


@define(kw_only=True)
class ReadRequest:
    """What a file holds: the request as far as it can be read, and what is wrong with the rest.

    `unknown` are names that this package does not know; they are in the request's `extra`.
    """

    request: VideoRequest
    problems: list[Problem] = Factory(list)
    unknown: tuple[str, ...] = ()


def read_request_file(path: Path) -> ReadRequest:
    """The request in a JSON file, or on stdin for `-`. Raises ConfigurationError where there is no JSON object."""
    problem = ""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        tree = json.loads(text)
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror}."
    except (ValueError, RecursionError) as error:
        problem = f"{path} is not JSON ({error})."
    if problem:
        raise ConfigurationError(problem)
    if not isinstance(tree, dict):
        raise ConfigurationError(f"{path} must hold one JSON object with the fields of a request.")
    return read_request(tree, folder=Path() if str(path) == "-" else path.parent)


def read_request(tree: Mapping[str, Any], *, folder: Path) -> ReadRequest:
    """The request in a JSON object; relative paths of local media begin at `folder`.

    Values stay what they are: a number where a text is due is told by the check, not turned into one. A name that
    is nearly that of a field is a problem; any other unknown name is sent as it is, like those in `extra`.
    """
    reader = _Reader(folder)
    for name, value in tree.items():
        if value is not None:
            reader.take(name, value)
    if "model" not in reader.given:
        reader.problems.append(Problem(field="model", message="is required."))
    request = VideoRequest(**{"model": "", **reader.given}, extra=reader.extra)
    return ReadRequest(request=request, problems=reader.problems, unknown=tuple(reader.unknown))


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.given: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.unknown: list[str] = []

    def take(self, name: str, value: Any) -> None:
        special: dict[str, Callable[[Any], None]] = {
            "elements": self._elements, "keyframes": self._keyframes, "consents": self._consents, "extra": self._extra,
        }  # fmt: skip
        if name in special:
            special[name](value)
        elif name in _ONE_MEDIUM:
            self._keep(name, self._medium(value, name))
        elif name in _MEDIA:
            self._keep(name, self._list(value, name, self._medium))
        elif name in _LISTS:
            self._keep(name, self._list(value, name, lambda item, _: item))
        elif name in FIELDS:
            self.given[name] = value
        else:
            self._unknown(name, value)

    def _keep(self, name: str, value: Any) -> None:
        if value is not None:
            self.given[name] = value

    def _wrong(self, place: str, message: str) -> None:
        self.problems.append(Problem(field=place, message=message))

    def _unknown(self, name: str, value: Any) -> None:
        near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.75)
        if near:
            message = "is no field of a request; put it into extra to send it all the same."
            self.problems.append(Problem(field=name, message=message, nearest=near[0]))
        else:
            self.extra[name] = value
            self.unknown.append(name)

    def _medium(self, value: Any, place: str) -> Media | None:
        if not isinstance(value, str):
            self._wrong(place, "must be a URL or a file's name, as text.")
            return None
        try:
            return requests.media(value, folder=self._folder)
        except ConfigurationError as error:
            self._wrong(place, error.message)
        return None

    def _list(self, value: Any, place: str, read: Callable[[Any, str], Any]) -> list[Any] | None:
        if not isinstance(value, list):
            self._wrong(place, "must be a list.")
            return None
        found = [read(item, f"{place}[{index}]") for index, item in enumerate(value)]
        return [item for item in found if item is not None]

    def _elements(self, value: Any) -> None:
        self._keep("elements", self._list(value, "elements", self._element))

    def _element(self, value: Any, place: str) -> Element | None:
        if not self._is_object(value, place, {"frontal_image_url", "reference_image_urls", "video_url"}):
            return None
        given = {
            name: self._medium(value[name], f"{place}.{name}")
            for name in ("frontal_image_url", "video_url")
            if value.get(name) is not None
        }
        references = value.get("reference_image_urls") or []
        return Element(
            **given, reference_image_urls=self._list(references, f"{place}.reference_image_urls", self._medium) or ()
        )

    def _keyframes(self, value: Any) -> None:
        self._keep("keyframes", self._list(value, "keyframes", self._keyframe))

    def _keyframe(self, value: Any, place: str) -> Keyframe | None:
        if not self._is_object(value, place, {"image_url", "frame_index"}):
            return None
        image = self._medium(value.get("image_url"), f"{place}.image_url")
        return None if image is None else Keyframe(image_url=image, frame_index=value.get("frame_index"))

    def _consents(self, value: Any) -> None:
        inner = value.get("seedance") if isinstance(value, dict) and value.keys() == {"seedance"} else None
        if not isinstance(inner, dict) or inner.keys() != set(_CONFIRMATIONS):
            self._wrong("consents", f"must be an object seedance with exactly {', '.join(_CONFIRMATIONS)}.")
            return
        self.given["consent"] = SeedanceConsent(**inner)

    def _extra(self, value: Any) -> None:
        if isinstance(value, dict):
            self.extra |= value
        else:
            self._wrong("extra", "must be an object.")

    def _is_object(self, value: Any, place: str, known: set[str]) -> bool:
        if not isinstance(value, dict) or not value.keys() <= known:
            self._wrong(place, f"must be an object with {', '.join(sorted(known))}.")
            return False
        return True
