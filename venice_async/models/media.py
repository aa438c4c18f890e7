"""Local media, and the parts of a request that hold media."""

import mimetypes
from collections.abc import Sequence
from pathlib import Path

from attrs import field, frozen

from venice_async.models.fields import as_tuple


@frozen(kw_only=True)
class MediaFile:
    """A local file, or bytes, to be sent inside the request as a `data:` URL.

    Make one with `from_path` or `from_bytes`. A file is read when the request is sent, never before,
    and in pieces; a plain string in a media field is only ever a URL and is never opened.
    """

    content_type: str
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_path(cls, path: str | Path, *, content_type: str | None = None) -> "MediaFile":
        """Name a local file. The type is guessed from its ending unless `content_type` is given.

        Raises ValueError if the ending tells no image, audio or video type.
        """
        guessed = content_type or mimetypes.guess_type(str(path))[0] or ""
        if content_type is None and guessed.partition("/")[0] not in {"image", "audio", "video"}:
            raise ValueError(f"cannot tell the media type of {Path(path).name!r}: give content_type")
        return cls(content_type=guessed, path=Path(path))

    @classmethod
    def from_bytes(cls, data: bytes, *, content_type: str) -> "MediaFile":
        """Wrap bytes that are already in memory, such as an upload that a web app received."""
        return cls(content_type=content_type, data=bytes(data))


Media = str | MediaFile
"""What a media field takes: an http(s) or `data:` URL as text, or a `MediaFile`."""


@frozen(kw_only=True)
class Element:
    """One character or object of a Kling O3 request; the prompt names them @Element1, @Element2, ..."""

    frontal_image_url: Media | None = None
    reference_image_urls: Sequence[Media] = field(default=(), converter=as_tuple)
    video_url: Media | None = None


@frozen(kw_only=True)
class Keyframe:
    """An image pinned to a frame of the generated video, which runs at 24 frames a second."""

    image_url: Media
    frame_index: int
