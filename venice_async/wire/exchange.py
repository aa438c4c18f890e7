"""One HTTP exchange as plain values: what a transport sends and what it brings back."""

import enum
import re
from collections.abc import Mapping

from attrs import field, frozen

from venice_async.models import MediaFile

_RAY = re.compile(r"[0-9a-fA-F]{1,32}(-[A-Za-z]{3,4})?")
"""Anything else in its place may be a secret that a server repeats."""


@frozen
class LongText:
    """A long text of a JSON body, without its quotation marks: written as JSON piece by piece while it is sent."""

    text: str = field(repr=False)


Segment = bytes | MediaFile | LongText
"""A piece of a body: bytes as they are, a file whose base64 text stands here, or a long text."""


class Channel(enum.Enum):
    """Which connections a call goes over."""

    QUEUE = "queue"
    """The paid POST: a fresh connection each time, so that no stale one leaves its outcome unknown."""
    CONTROL = "control"
    """Every other call to the API."""
    MEDIA = "media"
    """Private links: never a credential, a cookie or a default header."""


@frozen(kw_only=True)
class Call:
    """A request, whole: `send` adds nothing to it but the transport's own headers.

    The repr shows only the endpoint's name: the headers hold the key, and the URL may be a secret link.
    """

    name: str
    method: str
    url: str = field(repr=False)
    channel: Channel = Channel.CONTROL
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: tuple[Segment, ...] = field(default=(), repr=False)


@frozen(kw_only=True)
class ReplyHead:
    """Status and headers of an answer; header names are lower-case, the first of equal names wins."""

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=False)

    @property
    def content_type(self) -> str:
        """The bare media type, lower-case, without parameters; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def content_encoding(self) -> str:
        """How the body is packed, lower-case; empty when it is sent as it is."""
        encoding = self.headers.get("content-encoding", "").strip().lower()
        return "" if encoding == "identity" else encoding

    @property
    def framed(self) -> bool:
        """Whether the end of the body can be told from a cut: by its length or by chunked coding."""
        return "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def content_length(self) -> int | None:
        """The declared length of the body in bytes, where it is a sound number and means the bytes that we see."""
        if self.content_encoding:
            return None
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    @property
    def ray(self) -> str | None:
        """The CF-RAY of the answer: the handle to quote to Venice's support."""
        text = self.headers.get("cf-ray", "")
        return text if _RAY.fullmatch(text) else None
