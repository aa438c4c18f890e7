"""Would the server take these media? Everything wrong with them, found before any money is spent.

Texts are only ever addresses here, and are never opened. Of a local file the first bytes are read, in a worker
thread: they tell what it is, whatever its name says. Limits are read generously (a MB as a MiB), because a refusal
by the server charges nothing, and one by us would stop a request that may be right.
"""

import asyncio
import base64
import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from venice_async.errors import InvalidRequestError
from venice_async.errors.problems import Problem
from venice_async.media import encoded_size, look
from venice_async.models import MediaFile, VideoRequest
from venice_async.wire.calls import json_segments, media_of, queue_fields
from venice_async.wire.exchange import Segment
from venice_async.wire.text import clean

MAX_BODY: Final = 35 * 2**20
"""Bytes of a whole request, local media in base64 among them. Beyond it the server answers 413."""

_LONG_TEXT = 64 * 1024  # characters of addresses, above which looking at them is work for a thread
_HEAD = 64  # bytes that tell a type
_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)

_AUDIO: Final = frozenset(
    ["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/mpeg", "audio/mp3", "audio/x-mp3"]
)
_VIDEO: Final = frozenset(["video/mp4", "video/quicktime", "video/webm"])


@frozen(kw_only=True)
class _Rule:
    """What a field takes: `noun` for people, the types (None: any that begins with `kind`), the bytes of one."""

    noun: str
    kind: str
    types: frozenset[str] | None = None
    max_size: int | None = None

    def takes(self, content_type: str) -> bool:
        if self.types is not None:
            return content_type in self.types
        return bool(_TYPE.fullmatch(content_type)) and content_type.startswith(self.kind)


_IMAGE_RULE = _Rule(noun="an image", kind="image/")
_AUDIO_RULE = _Rule(noun="wav or mp3 audio", kind="audio/", types=_AUDIO, max_size=15 * 2**20)
_VIDEO_RULE = _Rule(noun="an mp4, mov or webm video", kind="video/", types=_VIDEO)
_CLIP_RULE = _Rule(noun="an mp4, mov or webm video", kind="video/", types=_VIDEO, max_size=50 * 2**20)
_RULES: Final[Mapping[str, _Rule]] = {
    "image_url": _IMAGE_RULE,
    "end_image_url": _IMAGE_RULE,
    "frontal_image_url": _IMAGE_RULE,
    "reference_image_urls": _IMAGE_RULE,
    "scene_image_urls": _IMAGE_RULE,
    "audio_url": _AUDIO_RULE,
    "reference_audio_urls": _AUDIO_RULE,
    "video_url": _VIDEO_RULE,
    "reference_video_urls": _CLIP_RULE,
}
"""By the field's own name, without its place. Documents, and fields newer than this package, may be anything."""
_ANYTHING = _Rule(noun="a document", kind="")

_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"%PDF", "application/pdf"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftyp", "video/mp4"),
    *((4, box, "video/quicktime") for box in (b"moov", b"mdat", b"wide", b"skip")),  # before there was an ftyp box
)
"""Where bytes stand, the bytes, and what they tell; the first that fits counts."""
_TOLD_BY_SIGNATURE: Final = frozenset(
    ["image/png", "image/jpeg", "image/gif", "image/webp", "audio/wav", "video/mp4", "video/quicktime", "video/webm"]
)
"""A file of these types always begins in a known way. Others, mp3 among them, may begin with anything."""
_SAME: Final[Mapping[str, str]] = {
    "image/jpg": "image/jpeg",
    "video/quicktime": "video/mp4",  # one family: cameras write either brand under either ending
    **{kind: "audio/mpeg" if "mp" in kind else "audio/wav" for kind in _AUDIO},
}


async def check_media(request: VideoRequest, *, executor: Executor | None = None) -> tuple[Problem, ...]:
    """Everything that is wrong with the media of a request, each naming its field; empty where nothing is.

    Looks at: files that cannot be read, types (declared and true), sizes, addresses that nobody could fetch, and
    the size of the whole body; what the fields take, and how many, is the catalogue's to say. Raises
    InvalidRequestError for what JSON cannot hold. Nothing was sent or charged. `executor` is where files are
    opened, the event loop's own threads unless given.
    """
    media = [medium for _, medium in media_of(request)]
    quick = sum(_LONG_TEXT if isinstance(medium, MediaFile) else len(medium) for medium in media) < _LONG_TEXT
    if quick and not request.extra:
        return media_problems(request)
    return await asyncio.get_running_loop().run_in_executor(executor, media_problems, request)


def media_problems(request: VideoRequest) -> tuple[Problem, ...]:
    """The same as `check_media`, in the calling thread. Opens local files."""
    named = media_of(request)
    body = json_segments(queue_fields(request))
    # Files in fields that this package does not know: nobody knows what they must be, but they must be there.
    known = {id(medium) for _, medium in named}
    named += [("extra", medium) for medium in body if isinstance(medium, MediaFile) and id(medium) not in known]
    problems = [problem for name, medium in named for problem in _medium(name, medium)]
    return (*problems, *_size(body))


def true_type(head: bytes) -> str | None:
    """The media type that a file's first bytes tell, such as `image/png`, or None where they tell none."""
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head else "video/x-matroska"
    for offset, signature, content_type in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return content_type
    # An mp3 without tags begins with a frame: eleven ones, then the bits that say layer 3.
    frame = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
    return "audio/mpeg" if frame else None


def _medium(name: str, medium: str | MediaFile) -> Iterable[Problem]:
    rule = _RULES.get(re.sub(r"\[\d+\]$", "", name).rpartition(".")[2], _ANYTHING)
    if isinstance(medium, MediaFile):
        try:
            size, head = look(medium, head=_HEAD)
        except InvalidRequestError as refusal:
            sentences: Sequence[str] = refusal.problems
        else:
            sentences = _content(rule, medium.content_type, size, head)
    elif medium[:5].lower() == "data:":
        sentences = _data_url(rule, medium)
    else:
        sentences = _address(medium)
    return [Problem(field=name, message=sentence) for sentence in sentences]


def _address(text: str) -> list[str]:
    if not text.lower().startswith(("https://", "http://")):
        return []  # no address at all: the catalogue's check says so
    try:
        parts = urlsplit(text)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ["is not an address that anybody could fetch."]
    if not sound or any(character <= " " or character == "\x7f" for character in text):
        return ["is not an address that anybody could fetch."]
    return []


def _data_url(rule: _Rule, text: str) -> list[str]:
    found = _DATA_URL.match(text[:500])
    if found is None or not found[2].lower().endswith(";base64"):
        return ["is a data: URL that is not in base64."]
    start = found.end()
    size = (len(text) - start - (text.endswith("=") + text.endswith("=="))) * 3 // 4
    try:
        head = base64.b64decode(text[start : start + _HEAD // 3 * 4], validate=True)
    except ValueError:
        return ["is a data: URL whose base64 is broken."]
    return _content(rule, found[1], size, head)


def _content(rule: _Rule, declared: str, size: int, head: bytes) -> list[str]:
    """What is wrong with a medium of so many bytes that begins so."""
    if not size:
        return ["is empty."]
    given = declared.partition(";")[0].strip().lower()
    found = _type(rule, clean(declared, limit=60), given, true_type(head))
    if rule.max_size is not None and size > rule.max_size:
        found.append(f"has {size:,} bytes; {rule.max_size // 2**20} MB is the limit.")
    return found


def _type(rule: _Rule, declared: str, given: str, actual: str | None) -> list[str]:
    if not rule.takes(given):
        return [f"is declared as {declared!r}, where {rule.noun} is due."]
    if not rule.kind:
        return []
    if actual is not None and not rule.takes(actual):
        return [f"is {actual} by its first bytes, where {rule.noun} is due."]
    if _same(actual) != _same(given) and (actual is not None or given in _TOLD_BY_SIGNATURE):
        hint = f": give content_type={actual!r}" if actual else ""
        return [f"is declared as {declared!r}, but does not begin like that{hint}."]
    return []


def _same(content_type: str | None) -> str | None:
    return _SAME.get(content_type, content_type) if content_type else None


def _size(body: Sequence[Segment]) -> Iterable[Problem]:
    size = 0
    for segment in body:
        with contextlib.suppress(InvalidRequestError):  # said already, by the name of its field
            size += encoded_size((segment,))
    if size > MAX_BODY:
        message = f"would have {size:,} bytes with its local media in base64; {MAX_BODY // 2**20} MB is the limit."
        yield Problem(field="request", message=message, value=size)
