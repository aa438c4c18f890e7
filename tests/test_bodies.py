"""Bodies of answers: small ones whole under a cap, a video as it arrives."""

import itertools
import json
from collections.abc import AsyncIterator

import pytest

from venice_async.bodies import JSON_CAP, VideoBody, error_body, retrieved, whole_body
from venice_async.errors import Charge, GenerationFailedError, ReplyLostError, UnexpectedReplyError
from venice_async.models import Completed, Processing
from venice_async.wire.exchange import ReplyHead

pytestmark = pytest.mark.anyio

MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00" * 100
PROCESSING = json.dumps({"status": "PROCESSING", "average_execution_time": 1000}).encode()
STATUS_KINDS = ["application/json", "text/html", "", "video/mp4", "application/octet-stream"]


class Chunks:
    """An answer that arrives in given pieces, and may be cut after them."""

    def __init__(
        self, *pieces: bytes, kind: str = "application/json", length: int | None = None, cut: bool = False
    ) -> None:
        headers = {"content-type": kind} | ({} if length is None else {"content-length": str(length)})
        self.head = ReplyHead(status=200, headers=headers)
        self.read = 0
        self._pieces = pieces
        self._cut = cut

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.read += len(piece)
            yield piece
        if self._cut:
            raise ReplyLostError("The answer was cut.")


class Endless(Chunks):
    """An answer that never ends."""

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            self.read += 2**20
            yield b" " * 2**20


def bytewise(data: bytes) -> tuple[bytes, ...]:
    """One piece per byte, as a slow wire brings them."""
    return tuple(data[index : index + 1] for index in range(len(data)))


class TestWhole:
    async def test_pieces_become_one(self) -> None:
        """In order, and nothing is lost."""
        assert await whole_body(Chunks(b"a", b"", b"bc")) == b"abc"

    async def test_what_arrived_before_a_cut_stays(self) -> None:
        """The answer to a paid call may have named its job by then."""
        partial = bytearray()
        with pytest.raises(ReplyLostError):
            await whole_body(Chunks(b"ab", b"c", cut=True), into=partial)
        assert partial == b"abc"

    async def test_there_is_a_cap(self) -> None:
        """An endless answer costs the cap and one piece of memory, no more."""
        endless = Endless()
        with pytest.raises(UnexpectedReplyError) as caught:
            await whole_body(endless)
        assert endless.read <= JSON_CAP + 2**20
        assert caught.value.status == 200

    async def test_a_body_as_large_as_the_cap_is_whole(self) -> None:
        """The cap itself is still allowed."""
        assert len(await whole_body(Chunks(b"x" * 10), cap=10)) == 10
        with pytest.raises(UnexpectedReplyError):
            await whole_body(Chunks(b"x" * 11), cap=10)

    @pytest.mark.parametrize(("within", "whole"), [(3.0, True), (2.0, False)])
    async def test_a_dripping_body_is_given_up(self, *, within: float, whole: bool) -> None:
        """What came stays in `into`; one that always brings another byte does not go on for ever."""
        partial, ticks = bytearray(), itertools.count()
        reading = whole_body(Chunks(b"a", b"b", b"c"), into=partial, within=within, now=lambda: float(next(ticks)))
        if whole:
            assert await reading == b"abc"
        else:
            with pytest.raises(ReplyLostError, match="so slowly"):
                await reading
            assert partial == b"abc"


class TestErrorBody:
    async def test_a_dripping_one_is_taken_as_far_as_it_came(self) -> None:
        """Time is up after the second piece."""
        instants = iter([0.0, 1.0, 1000.0])
        assert await error_body(Chunks(b"a", b"b", b"c"), now=lambda: next(instants)) == b"ab"

    async def test_a_cut_or_endless_one_is_taken_as_far_as_it_came(self) -> None:
        """The status alone already decides."""
        assert await error_body(Chunks(b'{"error"', cut=True)) == b'{"error"'
        assert len(await error_body(Endless())) == 2**20


class TestRetrieved:
    @pytest.mark.parametrize("kind", [*STATUS_KINDS, "VIDEO/MP4; codecs=avc1"])
    @pytest.mark.parametrize(
        "pieces", [(MP4,), bytewise(MP4), (b"", MP4[:5], MP4[5:])], ids=["whole", "bytewise", "uneven"]
    )
    async def test_a_video_is_known_by_its_bytes(self, kind: str, pieces: tuple[bytes, ...]) -> None:
        """Whatever its label says, and however it arrives; every byte of it is handed on, once."""
        answer = await retrieved(Chunks(*pieces, kind=kind, length=len(MP4)))
        assert isinstance(answer, VideoBody)
        assert answer.content_length == len(MP4)
        assert b"".join([chunk async for chunk in answer]) == MP4

    @pytest.mark.parametrize("kind", STATUS_KINDS)
    @pytest.mark.parametrize(
        "pieces", [(PROCESSING,), bytewise(PROCESSING), (b"\n  ", PROCESSING)], ids=["whole", "bytewise", "blank"]
    )
    async def test_a_status_is_known_by_its_bytes(self, kind: str, pieces: tuple[bytes, ...]) -> None:
        """A JSON answer that is labelled as a video is no video."""
        assert await retrieved(Chunks(*pieces, kind=kind)) == Processing(average_execution_time=1.0)

    async def test_completed_and_failed(self) -> None:
        """The two words that end the waiting."""
        assert isinstance(await retrieved(Chunks(b'{"status":"COMPLETED"}')), Completed)
        with pytest.raises(GenerationFailedError):
            await retrieved(Chunks(b'{"status":"FAILED"}'))

    async def test_a_labelled_video_of_another_container_is_handed_on(self) -> None:
        """Whether it is a good file is for whoever writes it to say."""
        answer = await retrieved(Chunks(b"\x1aE\xdf\xa3 some webm", kind="video/webm"))
        assert isinstance(answer, VideoBody)

    @pytest.mark.parametrize("kind", STATUS_KINDS)
    @pytest.mark.parametrize("body", [b"", b"<html>502</html>", b" \n<html>", b"{", b'{"status":1}'])
    async def test_anything_else_is_not_understood(self, kind: str, body: bytes) -> None:
        """An error about a job that was paid for."""
        with pytest.raises(UnexpectedReplyError) as caught:
            await retrieved(Chunks(body, kind=kind))
        assert caught.value.charge is Charge.CHARGED

    async def test_a_status_does_not_grow_without_end(self) -> None:
        """Neither a video nor a status: given up after a mebibyte."""
        endless = Endless(kind="application/json")
        with pytest.raises(UnexpectedReplyError) as caught:
            await retrieved(endless)
        assert endless.read <= 3 * 2**20
        assert caught.value.charge is Charge.CHARGED

    @pytest.mark.parametrize("pieces", [(), (b"\x00\x00",), (PROCESSING[:20],)])
    async def test_a_cut_before_it_is_known_is_a_lost_reply(self, pieces: tuple[bytes, ...]) -> None:
        """It can be asked for again."""
        with pytest.raises(ReplyLostError):
            await retrieved(Chunks(*pieces, cut=True))

    @pytest.mark.parametrize("pieces", [bytewise(PROCESSING[:10]), bytewise(PROCESSING)], ids=["start", "rest"])
    async def test_a_dripping_status_is_given_up(self, pieces: tuple[bytes, ...]) -> None:
        """Before and after it is known for a status."""
        ticks = itertools.count()
        with pytest.raises(ReplyLostError, match="so slowly"):
            await retrieved(Chunks(*pieces), within=len(pieces) - 2, now=lambda: float(next(ticks)))

    async def test_a_video_has_all_the_time(self) -> None:
        """Once it is known for a video, how long it takes is for whoever writes it to judge."""
        ticks = itertools.count()
        answer = await retrieved(Chunks(*bytewise(MP4)), within=20, now=lambda: float(next(ticks)))
        assert isinstance(answer, VideoBody)
        assert b"".join([chunk async for chunk in answer]) == MP4

    async def test_a_cut_video_raises_while_it_is_read(self) -> None:
        """What came before is handed on first."""
        answer = await retrieved(Chunks(MP4, kind="video/mp4", length=9999, cut=True))
        assert isinstance(answer, VideoBody)
        got = bytearray()
        with pytest.raises(ReplyLostError):
            await _read(answer, got)
        assert got == MP4

    async def test_the_repr_tells_the_size(self) -> None:
        """Where the server says it."""
        assert repr(await retrieved(Chunks(MP4, length=128))) == "<VideoBody 128 bytes>"
        assert repr(await retrieved(Chunks(MP4))) == "<VideoBody unknown bytes>"


async def _read(body: VideoBody, into: bytearray) -> None:
    async for chunk in body:
        into += chunk
