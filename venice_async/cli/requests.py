"""From options to a `VideoRequest`: files become `MediaFile`s, JSON becomes values."""

import json
import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from venice_async.errors import ConfigurationError
from venice_async.models import Element, Keyframe, Media, MediaFile, SeedanceConsent


def media(text: str, *, folder: Path | None = None) -> Media:
    """An http(s) or `data:` URL as it is, anything else as a local file. Raises ConfigurationError where there is none.

    A relative name begins at `folder`, by default where the command runs. The file is named by its full path, so
    that the job can be continued from any folder.
    """
    if text.lower().startswith(("https://", "http://", "data:")):
        return text
    path = (folder or Path()) / text
    if not path.is_file():
        raise ConfigurationError(
            f"There is no file {text!r}; give a file, or a URL that begins with https:// or data:."
        )
    content_type = mimetypes.guess_type(path.name)[0]
    if content_type is None:
        raise ConfigurationError(f"The media type of {text!r} cannot be told from its ending.")
    return MediaFile.from_path(path.resolve(), content_type=content_type)


def media_or_none(text: str | None) -> Media | None:
    """The same for an option that may be left out."""
    return None if text is None else media(text)


def media_all(texts: Sequence[str]) -> tuple[Media, ...]:
    """The same for an option that may be repeated."""
    return tuple(media(text) for text in texts)


def element(text: str) -> Element:
    """A Kling element from a JSON object of its fields."""
    tree = _json(text, "--element")
    known = {"frontal_image_url", "reference_image_urls", "video_url"}
    if not isinstance(tree, dict) or not tree or not tree.keys() <= known:
        raise ConfigurationError(f"--element takes a JSON object with some of {', '.join(sorted(known))}.")
    references = tree.get("reference_image_urls", [])
    texts = [tree.get("frontal_image_url", ""), tree.get("video_url", ""), *(references or [""])]
    if not isinstance(references, list) or not all(isinstance(item, str) for item in texts):
        raise ConfigurationError("--element takes files and URLs as text, and reference_image_urls as a list of them.")
    return Element(
        frontal_image_url=media_or_none(tree.get("frontal_image_url")),
        reference_image_urls=media_all(references),
        video_url=media_or_none(tree.get("video_url")),
    )


def keyframe(text: str) -> Keyframe:
    """A keyframe from `FRAME=FILE_OR_URL`."""
    frame, found, source = text.partition("=")
    if not found or not (frame.isascii() and frame.isdigit()):
        raise ConfigurationError(f"--keyframe takes FRAME=FILE_OR_URL, such as 48=end.png, not {text!r}.")
    return Keyframe(image_url=media(source), frame_index=int(frame))


def fields(texts: Sequence[str]) -> dict[str, Any]:
    """Fields from `NAME=VALUE` texts; a value that does not begin like JSON is a text."""
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ConfigurationError(f"--extra takes NAME=VALUE, such as voice_id=anna or seed=7, not {text!r}.")
        found[name] = _value(value, f"--extra {name}")
    return found


def json_value(text: str, option: str) -> Any:
    """The value of an option that takes JSON. Raises ConfigurationError where it is none."""
    return _json(text, option)


def _value(text: str, option: str) -> Any:
    if text[:1] in ('"', "{", "["):
        return _json(text, option)
    try:
        return json.loads(text)  # a number, true, false or null
    except ValueError:
        return text


def consent(*, terms: bool, right: bool, screening: bool) -> SeedanceConsent | None:
    """The three confirmations, or None where none was made. Raises ConfigurationError for only some of them."""
    if not (terms or right or screening):
        return None
    if not (terms and right and screening):
        raise ConfigurationError("The Seedance consent needs all three confirmations, by a person who read the policy.")
    return SeedanceConsent(
        confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
    )


def _json(text: str, option: str) -> Any:
    problem = ""
    try:
        return json.loads(text)
    except ValueError as error:
        problem = str(error)
    raise ConfigurationError(f"{option} is not JSON ({problem}). A text needs quotes inside: '\"text\"'.")
