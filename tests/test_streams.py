"""A stream hands on what arrives, and never the whole of what is not whole."""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence

import pytest
from mp4_layouts import LAYOUTS, index_last

from venice_async.bodies import VideoBody
from venice_async.errors import (
    Charge,
    DownloadError,
    IncompleteDownloadError,
    InvalidVideoError,
    ReplyLostError,
    VideoTooLargeError,
)
from venice_async.streams import StreamedVideo, VideoStream
from venice_async.wire.exchange import ReplyHead

pytestmark = pytest.mark.anyio

FILM = LAYOUTS["faststart"]


class Source:
    """A body as the client opens it: these chunks, then the end or a cut."""

    def __init__(self, *chunks: bytes, announced: int | None = None, cut: bool = False) -> None:
        self.closed = self.exhausted = False
        self._chunks = chunks
        self._announced = announced
        self._cut = cut

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[VideoBody]:
        """The context that a stream goes around."""
        headers = {} if self._announced is None else {"content-length": str(self._announced)}
        try:
            yield VideoBody(ReplyHead(status=200, headers=headers), self._arriving())
        finally:
            self.closed = True

    async def _arriving(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        self.exhausted = True
        if self._cut:
            raise ReplyLostError("The answer to retrieve was cut.")


def pieces(data: bytes, size: int) -> list[bytes]:
    """Chunks of one size."""
    return [data[start : start + size] for start in range(0, len(data), size)]


async def read(stream: VideoStream, into: bytearray) -> None:
    """Keep what came before an error too."""
    async for chunk in stream:
        into += chunk


async def refused(source: Source, *, max_size: int = 10**9) -> tuple[DownloadError, bytes]:
    """The error of a stream that must not end well, and what had been handed on by then."""
    handed_on = bytearray()
    async with VideoStream(source.opened(), max_size=max_size) as stream:
        with pytest.raises(DownloadError) as caught:
            await read(stream, handed_on)
        with pytest.raises(IncompleteDownloadError, match="not come whole"):
            stream.video  # noqa: B018 -- looking is the test
    assert source.closed
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value, bytes(handed_on)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("size", [1, 100, 10**6])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_whole_video_goes_by(name: str, size: int, announced: bool) -> None:
    """Every byte in order, and the facts of the video once it is proven."""
    data = LAYOUTS[name]
    source = Source(*pieces(data, size), announced=len(data) if announced else None)
    async with VideoStream(source.opened()) as stream:
        assert b"".join([chunk async for chunk in stream]) == data
        video = stream.video
    assert (video.size, video.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (video.width, video.height) == (320, 180)
    assert source.closed


async def test_large_chunks_are_hashed_in_order() -> None:
    """Also where a thread takes the hash, between small ones."""
    data = index_last(padding=3_700_000)
    chunks = [data[:10], data[10:300_000], b"", data[300_000:300_001], data[300_001:]]
    async with VideoStream(Source(*chunks).opened()) as stream:
        assert [len(chunk) async for chunk in stream] == [10, 299_990, 1, len(data) - 300_001]
        assert stream.video.sha256 == hashlib.sha256(data).hexdigest()


async def test_the_last_chunk_waits_for_the_proof() -> None:
    """Until the body has ended there is no proof, and until there is one the last chunk stays here."""
    chunks = pieces(FILM, 100)
    source = Source(*chunks)
    async with VideoStream(source.opened()) as stream:
        seen = 0
        async for _ in stream:
            seen += 1
            assert source.exhausted == (seen == len(chunks))
        assert isinstance(stream.video, StreamedVideo)


@pytest.mark.parametrize("length", range(len(FILM)))
async def test_a_cut_at_any_byte_is_told_and_never_handed_on_whole(length: int) -> None:
    """With and without an announced length, as an early end and as a broken connection."""
    for announced, cut in ((len(FILM), False), (len(FILM), True), (None, True), (None, False)):
        error, handed_on = await refused(Source(*pieces(FILM[:length], 50), announced=announced, cut=cut))
        early = announced is not None or cut or length == 0
        assert type(error) is (IncompleteDownloadError if early else InvalidVideoError)
        assert error.charge is Charge.CHARGED
        assert error.transient == early
        assert len(handed_on) < max(1, length)


@pytest.mark.parametrize(
    ("chunks", "announced", "kind", "words"),
    [
        ([FILM, b"x"], len(FILM), InvalidVideoError, "More bytes came"),
        ([b"<!DOCTYPE html>", b"busy"], None, InvalidVideoError, "not an MP4"),
        ([b"{", b'"status": 1}'], 13, InvalidVideoError, "not an MP4"),
        ([], 0, InvalidVideoError, "no bytes at all"),
        ([FILM, b"abc"], len(FILM) + 3, InvalidVideoError, "header does not fit"),
        ([FILM], 10**9 + 1, VideoTooLargeError, "cap of 1,000,000,000"),
    ],
)
async def test_what_is_no_whole_video_is_told(
    chunks: Sequence[bytes], announced: int | None, kind: type[DownloadError], words: str
) -> None:
    """In a sentence; the video is paid for and still at the server."""
    error, handed_on = await refused(Source(*chunks, announced=announced))
    assert type(error) is kind
    assert words in str(error)
    assert error.charge is Charge.CHARGED
    assert handed_on != b"".join(chunks) or not chunks


async def test_a_video_above_the_cap_is_given_up_on_the_way() -> None:
    """Where nothing was announced."""
    error, handed_on = await refused(Source(*pieces(FILM, 50)), max_size=120)
    assert isinstance(error, VideoTooLargeError)
    assert len(handed_on) <= 120


async def test_a_stream_is_iterated_once() -> None:
    """Its bytes are gone by then."""
    async with VideoStream(Source(FILM).opened()) as stream:
        assert [chunk async for chunk in stream] == [FILM]
        with pytest.raises(RuntimeError, match="once"):
            aiter(stream)


async def test_leaving_early_closes_the_body() -> None:
    """And the stream does not claim to be whole."""
    source = Source(*pieces(FILM, 50), announced=len(FILM))
    async with VideoStream(source.opened()) as stream:
        async for _ in stream:
            break
        assert repr(stream) == f"<VideoStream 100 of {len(FILM)} bytes>"
        with pytest.raises(IncompleteDownloadError, match="100 bytes so far"):
            stream.video  # noqa: B018 -- looking is the test
    assert source.closed
    assert not source.exhausted


async def test_a_stream_that_was_never_read_closes_too() -> None:
    """Opening costs nothing but the answer."""
    source = Source(FILM)
    async with VideoStream(source.opened()) as stream:
        assert repr(stream) == "<VideoStream 0 of unknown bytes>"
        assert stream.received == 0
    assert source.closed
