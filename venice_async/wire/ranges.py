"""Going on with a broken transfer: what to ask for, and what the answer means for the bytes that are here.

Only a strong ETag proves that two answers are about the same bytes, so without one a transfer begins anew.
"""

import enum
import re
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen, validators

from venice_async.wire.exchange import ReplyHead

_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


@frozen(kw_only=True)
class Held:
    """What is here of a file: the first `size` bytes of `total`, under the strong `etag` of the answer they came with.

    The repr leaves the ETag out: some servers make it of what a link holds.
    """

    size: int = field(validator=validators.gt(0))
    total: int = field(validator=validators.gt(0))
    etag: str = field(repr=False)

    @etag.validator
    def _check_etag(self, _attribute: object, value: str) -> None:
        if not _STRONG.fullmatch(value):
            raise ValueError("only a strong ETag proves that the bytes are the same")


class Resume(enum.Enum):
    """What the answer means for the bytes that are here."""

    APPEND = "append"
    """Its body goes on where they end."""
    RESTART = "restart"
    """Its body is the whole file: they go, and it is written from the start."""
    DISCARD = "discard"
    """Its body is of no use, and neither are they: ask again for the whole file."""


def strong_etag(head: ReplyHead) -> str | None:
    """The answer's ETag, where it is a strong one that can be sent back."""
    etag = head.headers.get("etag", "")
    return etag if _STRONG.fullmatch(etag) else None


def held_after(head: ReplyHead, size: int) -> Held | None:
    """What `size` bytes of this answer's body are worth, or None where they cannot be gone on with."""
    etag, total = strong_etag(head), head.content_length
    if head.status != 200 or etag is None or total is None or not 0 < size < total:
        return None
    return Held(size=size, total=total, etag=etag)


def range_headers(held: Held) -> Mapping[str, str]:
    """What to add to a request for the rest; a server that has another file now, or knows no ranges, sends it whole."""
    return {"range": f"bytes={held.size}-", "if-range": held.etag}


def judge_rest(head: ReplyHead, held: Held) -> Resume:
    """What the answer to a request with `range_headers` means. Other statuses than 200, 206 and 416 never come here."""
    if head.status == 200:
        return Resume.RESTART
    return Resume.APPEND if head.status == 206 and _goes_on(head, held) else Resume.DISCARD


def _goes_on(head: ReplyHead, held: Held) -> bool:
    found = _CONTENT_RANGE.fullmatch(head.headers.get("content-range", ""))
    if found is None or head.content_encoding:
        return False
    first, last, total = map(int, found.groups())
    length = held.total - held.size
    return (
        (first, last, total) == (held.size, held.total - 1, held.total)
        and head.content_length in (None, length)
        and head.headers.get("etag", held.etag) == held.etag
    )
