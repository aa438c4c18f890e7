"""What comes in through a door and what goes out: requests and answers without any I/O."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen

from venice_async.emulator.faults import Stage

MAX_BODY: Final = 35 * 2**20
"""The largest JSON body that the API takes, in bytes."""
MEMORY_ORIGIN: Final = "https://venice.invalid"
MEMORY_BASE: Final = f"{MEMORY_ORIGIN}/api/v1"
"""The base URL of the in-memory door; names under .invalid never resolve, so nothing can leave by mistake."""
MEMORY_MEDIA: Final = "https://media.venice.invalid"
"""What private links of the in-memory door begin with."""


class Video(Protocol):
    """The bytes of one video, made on demand."""

    @property
    def size(self) -> int: ...

    def chunks(self, chunk_size: int = ..., start: int = ...) -> Iterator[bytes]:
        """The bytes from `start` to the end, in pieces."""
        ...


class Clips(Protocol):
    """Where videos come from: `ClipLibrary` encodes real ones, `PlainClips` makes minimal ones."""

    def video(self, seed_text: str, *, aspect_ratio: str | None, unique: bytes, size: int | None = None) -> Video:
        """The video of a prompt; `unique` makes its bytes differ from every other's. May block while encoding."""
        ...


@frozen(kw_only=True)
class Piece:
    """A stretch of a video: `length` bytes from `start`."""

    video: Video
    start: int
    length: int

    def chunks(self, chunk_size: int) -> Iterator[bytes]:
        """The stretch in pieces of at most `chunk_size` bytes."""
        left = self.length
        for chunk in self.video.chunks(chunk_size, self.start):
            if left <= 0:
                return
            yield chunk[:left]
            left -= len(chunk)


@frozen(kw_only=True)
class EmulatedRequest:
    """One request as a door read it: header names in lower case; `oversized` for a body not read to its end."""

    method: str
    path: str
    query: Mapping[str, str] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    oversized: bool = False
    media_base: str = MEMORY_MEDIA
    """What private links that are handed out to this caller begin with."""
    origin: str = MEMORY_ORIGIN
    """Scheme, host and port that the API is served under."""
    crowded: bool = False
    """Whether its wallet had no room for one more request when it arrived."""

    @property
    def host(self) -> str:
        """The name that the API is served under, without the port."""
        return urlsplit(self.origin).hostname or ""


@frozen(kw_only=True)
class EmulatedAnswer:
    """What the door has to do.

    `delay` is in job seconds before the head, `pace` the bytes per job second after it; with `cut_at`
    the connection breaks at that fraction of the body, and with `drop` there is no answer at all.
    `later` is set where a video still has to be made, which may block: call `finished()`, in a thread
    where that matters, before looking at the body or its length.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes | Piece = field(default=b"", repr=False)
    delay: float = 0.0
    pace: float = math.inf
    cut_at: float | None = None
    drop: Stage | None = None
    later: Callable[["EmulatedAnswer"], "EmulatedAnswer"] | None = field(default=None, repr=False)

    def finished(self) -> "EmulatedAnswer":
        """The answer with its body made."""
        return self if self.later is None else self.later(attrs.evolve(self, later=None))

    @property
    def cut_after(self) -> int | None:
        """Bytes of the body after which the connection breaks; None where it does not."""
        return None if self.cut_at is None else int(self.length * self.cut_at)

    @property
    def length(self) -> int:
        """The size of the whole body in bytes."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.length

    def chunks(self, chunk_size: int = 2**18) -> Iterator[bytes]:
        """The body up to where it is cut."""
        left = self.length if self.cut_after is None else self.cut_after
        pieces = iter((self.body,)) if isinstance(self.body, bytes) else self.body.chunks(chunk_size)
        for piece in pieces:
            if left <= 0:
                return
            yield piece[:left]
            left -= len(piece)

    def with_headers(self, headers: Mapping[str, str]) -> "EmulatedAnswer":
        """The same answer with more headers."""
        return attrs.evolve(self, headers={**self.headers, **headers})


def json_answer(status: int, tree: Any, headers: Mapping[str, str] | None = None) -> EmulatedAnswer:
    """An answer with a JSON body."""
    body = json.dumps(tree, separators=(",", ":")).encode()
    return EmulatedAnswer(status=status, headers={"content-type": "application/json", **(headers or {})}, body=body)


class Refused(Exception):  # noqa: N818 -- an answer on its way out, not a fault of the program
    """Ends the handling of a request with an error answer."""

    def __init__(self, status: int, error: Any, *, headers: Mapping[str, str] | None = None, **fields: Any) -> None:
        super().__init__(status)
        self.answer = json_answer(status, {"error": error, **fields}, headers)
