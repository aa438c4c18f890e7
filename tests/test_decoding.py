"""Bodies that come compressed."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest

from venice_async.decoding import ENCODINGS, decoded
from venice_async.errors import ReplyLostError

pytestmark = pytest.mark.anyio
TEXT = b"a video of a lighthouse " * 500
PACKED = {"gzip": gzip.compress(TEXT), "x-gzip": gzip.compress(TEXT), "deflate": zlib.compress(TEXT)}


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    """A body as it might arrive."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_the_body_comes_out_as_it_was(encoding: str, size: int) -> None:
    """However it is cut into pieces on the way."""
    assert b"".join([chunk async for chunk in decoded(pieces(PACKED[encoding], size), encoding)]) == TEXT


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("body", [b"", b"not packed at all", "half"])
async def test_damage_and_cuts_are_told(encoding: str, body: bytes | str) -> None:
    """Half an answer must not pass for a whole one."""
    packed = PACKED[encoding][: len(PACKED[encoding]) // 2] if isinstance(body, str) else body
    with pytest.raises(ReplyLostError):
        [chunk async for chunk in decoded(pieces(packed, 50), encoding)]


async def test_a_bomb_comes_out_in_small_pieces() -> None:
    """So that the reader's size cap stops it before it fills the memory."""
    bomb = gzip.compress(b"0" * 50_000_000)
    assert max([len(chunk) async for chunk in decoded(pieces(bomb, 10**9), "gzip")]) <= 2**20
