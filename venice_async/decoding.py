"""Bodies that come compressed though nobody asked for it: some proxies do not listen."""

import zlib
from collections.abc import AsyncIterator

from venice_async.errors import ReplyLostError

ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""The encodings that are understood, with zlib's name for them."""

_MOST_AT_ONCE = 2**20  # bytes: a bomb must meet the reader's size cap before it fills the memory


async def decoded(chunks: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The body as it was before `encoding`. Raises ReplyLostError where it is damaged or ends early."""
    inflater = zlib.decompressobj(ENCODINGS[encoding])
    problem = ""
    try:
        async for chunk in chunks:
            rest = chunk
            while rest and not inflater.eof:
                yield inflater.decompress(rest, _MOST_AT_ONCE)
                rest = inflater.unconsumed_tail
    except zlib.error:
        problem = "is damaged"
    if problem or not inflater.eof:
        raise ReplyLostError(f"An answer in {encoding} {problem or 'ended early'}.")
