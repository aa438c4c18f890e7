"""A request as text for the ledger: local files by name, never their content."""

import base64
import functools
import itertools
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from venice_async.models import Element, Keyframe, MediaFile, SeedanceConsent, VideoRequest
from venice_async.wire.calls import media_of
from venice_async.wire.exchange import LongText
from venice_async.wire.text import LONG, json_slices, set_apart, to_json

if TYPE_CHECKING:
    from cattrs import Converter

_MARK = "$venice_async.MediaFile"
"""In `extra`, whose fields this package does not know, a file has to say itself that it is one."""
_FREE = ("image_references", "video_references", "camera_trajectory")
"""Fields whose inner shape the vendor has not documented: as free as `extra`."""


def request_to_text(request: VideoRequest) -> str:
    """The stored form. Bytes that were given in memory have no name, so they are stored as they are.

    Call it in a worker thread where the request `is_bulky`; there it works piece by piece, so that the event loop
    gets its turns. Raises InvalidRequestError for what JSON cannot hold.
    """
    mark = secrets.token_hex(16)  # cannot be in any text that was written before this call
    apart: list[Iterable[str]] = []

    def stand_in(value: Any) -> str:
        match value:
            case LongText():
                apart.append(json_slices(value.text, ascii_only=True))
            case MediaFile():
                apart.append(_base64(value.data or b""))
            case _:
                raise TypeError(f"a request cannot hold a {type(value).__name__}")
        return mark

    tree = set_apart(_converter().unstructure(request), LongText)
    first, *rest = to_json(tree, default=stand_in, ascii_only=True).split(mark)
    return "".join(itertools.chain((first,), *((*item, piece) for item, piece in zip(apart, rest, strict=True))))


def is_bulky(request: VideoRequest) -> bool:
    """Whether the stored form is long, or may be: it holds bytes, or long texts such as `data:` URLs."""
    held = (medium.data or b"" if isinstance(medium, MediaFile) else medium for _, medium in media_of(request))
    return sum(map(len, held)) > LONG or bool(request.extra)


def request_from_text(text: str) -> VideoRequest:
    """What `request_to_text` wrote."""
    return _converter().structure(json.loads(text), VideoRequest)


def _media_to_tree(media: MediaFile) -> dict[str, Any]:
    if media.data is not None:
        return {"bytes": media, "content_type": media.content_type}  # `request_to_text` writes them
    # Absolute: the job may be continued by a program that was started in another folder.
    return {"file": str(media.path and media.path.absolute()), "content_type": media.content_type}


def _media_from_tree(tree: Any, _: Any) -> str | MediaFile | None:
    if not isinstance(tree, dict):
        return tree  # type: ignore[no-any-return]
    if "bytes" in tree:
        return MediaFile.from_bytes(_from_base64(tree["bytes"]), content_type=tree["content_type"])
    return MediaFile.from_path(Path(tree["file"]), content_type=tree["content_type"])


def _base64(data: bytes) -> Iterator[str]:
    size = LONG // 3 * 3  # a multiple of three bytes, so that pieces join without padding between them
    return (base64.b64encode(data[start : start + size]).decode() for start in range(0, len(data), size))


def _from_base64(text: str) -> bytes:
    return b"".join(base64.b64decode(text[start : start + LONG]) for start in range(0, len(text), LONG))


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
