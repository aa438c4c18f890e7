"""A request as text for the ledger: local files by name, never their content."""

import base64
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from venice_async.models import Element, Keyframe, MediaFile, SeedanceConsent, VideoRequest
from venice_async.wire.text import to_json

if TYPE_CHECKING:
    from cattrs import Converter

_MARK = "$venice_async.MediaFile"
"""In `extra`, whose fields this package does not know, a file has to say itself that it is one."""
_FREE = ("image_references", "video_references", "camera_trajectory")
"""Fields whose inner shape the vendor has not documented: as free as `extra`."""


def request_to_text(request: VideoRequest) -> str:
    """The stored form. Bytes that were given in memory have no name, so they are stored as they are.

    Raises InvalidRequestError for what JSON cannot hold.
    """
    return to_json(_converter().unstructure(request), ascii_only=True)


def request_from_text(text: str) -> VideoRequest:
    """What `request_to_text` wrote."""
    return _converter().structure(json.loads(text), VideoRequest)


def _media_to_tree(media: MediaFile) -> dict[str, Any]:
    if media.data is not None:
        return {"bytes": base64.b64encode(media.data).decode(), "content_type": media.content_type}
    # Absolute: the job may be continued by a program that was started in another folder.
    return {"file": str(media.path and media.path.absolute()), "content_type": media.content_type}


def _media_from_tree(tree: Any, _: Any) -> str | MediaFile | None:
    if not isinstance(tree, dict):
        return tree  # type: ignore[no-any-return]
    if "bytes" in tree:
        return MediaFile.from_bytes(base64.b64decode(tree["bytes"]), content_type=tree["content_type"])
    return MediaFile.from_path(Path(tree["file"]), content_type=tree["content_type"])


def _extra_to_tree(value: Any) -> Any:
    match value:
        case MediaFile():
            return {_MARK: _media_to_tree(value)}
        case dict():
            return {name: _extra_to_tree(item) for name, item in value.items()}
        case list() | tuple():
            return [_extra_to_tree(item) for item in value]
        case _:
            return value


def _extra_from_tree(tree: Any, _: Any = None) -> Any:
    match tree:
        case dict() if tree.keys() == {_MARK}:
            return _media_from_tree(tree[_MARK], None)
        case dict():
            return {name: _extra_from_tree(item) for name, item in tree.items()}
        case list():
            return [_extra_from_tree(item) for item in tree]
        case _:
            return tree


@functools.cache
def _converter() -> "Converter":
    from cattrs import Converter
    from cattrs.gen import make_dict_unstructure_fn

    converter = Converter()
    converter.register_unstructure_hook(MediaFile, _media_to_tree)
    for kind in (str | MediaFile, str | MediaFile | None):
        converter.register_structure_hook(kind, _media_from_tree)
        converter.register_unstructure_hook(
            kind, lambda media: _media_to_tree(media) if isinstance(media, MediaFile) else media
        )
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, Any], _extra_from_tree)
    converter.register_unstructure_hook_func(lambda kind: kind == Mapping[str, Any], _extra_to_tree)
    for value in (Element, Keyframe, SeedanceConsent):
        brief = make_dict_unstructure_fn(value, converter, _cattrs_omit_if_default=True)
        converter.register_unstructure_hook(value, brief)
    _register_request(converter)
    return converter


def _register_request(converter: "Converter") -> None:
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

    free = override(unstruct_hook=_extra_to_tree, struct_hook=_extra_from_tree)
    hooks: dict[str, Any] = dict.fromkeys(_FREE, free)
    unstructure = make_dict_unstructure_fn(VideoRequest, converter, _cattrs_omit_if_default=True, **hooks)
    converter.register_unstructure_hook(VideoRequest, unstructure)
    converter.register_structure_hook(VideoRequest, make_dict_structure_fn(VideoRequest, converter, **hooks))
