"""Local media as base64 text, encoded while it is sent."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from venice_async.errors import InvalidRequestError
from venice_async.media import PIECE, encoded, encoded_size, look, measured
from venice_async.models import MediaFile, VideoRequest
from venice_async.wire.calls import queue_call
from venice_async.wire.exchange import LongText, Segment
from venice_async.wire.text import LONG

pytestmark = pytest.mark.anyio

SIZES = [0, 1, 2, 3, 4, 5, PIECE - 2, PIECE - 1, PIECE, PIECE + 1, PIECE + 2, 2 * PIECE - 1, 2 * PIECE, 2 * PIECE + 1]


def pattern(size: int) -> bytes:
    """Bytes that differ from piece to piece."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


async def collected(segments: tuple[Segment, ...], executor: Executor | None = None) -> bytes:
    """The whole encoded body."""
    return b"".join([piece async for piece in encoded(segments, executor=executor)])


class TestEncoding:
    @pytest.mark.parametrize("size", SIZES)
    async def test_pieces_join_to_the_plain_encoding(self, tmp_path: Path, size: int) -> None:
        """From a file or from memory, at every size around that of a piece; and the size is told beforehand."""
        data = pattern(size)
        path = tmp_path / "a.png"
        path.write_bytes(data)
        for media in (MediaFile.from_path(path), MediaFile.from_bytes(data, content_type="image/png")):
            whole = await collected((b"<", media, b">"))
            assert whole == b"<" + base64.b64encode(data) + b">"
            assert encoded_size((b"<", media, b">")) == await measured((b"<", media, b">"), executor=None) == len(whole)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "A" * (3 * LONG + 1),
            "A" * (LONG - 1) + '"' + "A" * LONG,
            "A" * (2 * LONG - 1) + "\\\n\x00\x1f",
            "ü€😀" * LONG,
            "A" * (LONG - 1) + "\ud83d\ude00" + "A" * LONG,
            "\ud83d" + "A" * LONG,
        ],
        ids=["empty", "plain", "quote", "escapes", "wide", "pair at the seam", "half a pair"],
    )
    async def test_a_long_text_is_the_same_json_in_pieces(self, text: str) -> None:
        """Wherever it is cut, and its size is told beforehand; halves of pairs become question marks."""
        segments = (b'{"a":"', LongText(text), b'"}')
        whole = await collected(segments)
        assert whole == json.dumps({"a": text}, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        assert encoded_size(segments) == await measured(segments, executor=None) == len(whole)

    async def test_pieces_are_small(self, tmp_path: Path) -> None:
        """A large file costs one piece of memory at a time."""
        path = tmp_path / "a.png"
        path.write_bytes(pattern(5 * PIECE + 7))
        pieces = [len(piece) async for piece in encoded((MediaFile.from_path(path),), executor=None)]
        assert (len(pieces), max(pieces)) == (6, PIECE // 3 * 4)

    async def test_what_is_in_memory_is_sent_in_pieces_too(self) -> None:
        """Bytes and long texts alike: no piece is longer than that of a file, and they join to the whole."""
        data = pattern(5 * PIECE + 7)
        for segment in (data, MediaFile.from_bytes(data, content_type="image/png")):
            pieces = [piece async for piece in encoded((segment,), executor=None)]
            assert max(map(len, pieces)) == PIECE // 3 * 4
            assert b"".join(pieces) == (data if segment is data else base64.b64encode(data))
        pieces = [piece async for piece in encoded((LongText("A" * (3 * LONG)),), executor=None)]
        assert [*map(len, pieces)] == [LONG] * 3

    async def test_the_loop_goes_on_between_pieces(self, tmp_path: Path) -> None:
        """A fast server never makes the sender wait, so the sender must let others run by itself."""
        path = tmp_path / "a.png"
        path.write_bytes(pattern(4 * PIECE))
        loop = asyncio.get_running_loop()
        for media in (MediaFile.from_path(path), MediaFile.from_bytes(path.read_bytes(), content_type="image/png")):
            turns: list[int] = []
            async for piece in encoded((media,), executor=None):
                loop.call_soon(turns.append, len(piece))
            assert len(turns) >= 3

    async def test_the_loop_goes_on_while_a_long_text_is_measured(self) -> None:
        """Its size is needed before the first byte, and takes as long as writing it."""
        turns: list[int] = []
        measuring = asyncio.ensure_future(measured((LongText("A" * (4 * LONG)),), executor=None))
        while not measuring.done():
            turns.append(1)
            await asyncio.sleep(0)
        assert (await measuring, len(turns) >= 4) == (4 * LONG, True)

    def test_pieces_need_no_padding_between_them(self) -> None:
        """Base64 turns three bytes into four characters."""
        assert PIECE % 3 == 0


class TestLook:
    async def test_size_and_first_bytes(self, tmp_path: Path) -> None:
        """Of a file no more than the head is read; bytes in memory are looked at in the same way."""
        path = tmp_path / "a.png"
        path.write_bytes(pattern(1000))
        for media in (MediaFile.from_path(path), MediaFile.from_bytes(pattern(1000), content_type="image/png")):
            assert look(media, head=5) == (1000, pattern(5))

    @pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no file that opens and cannot be read")  # noqa: PTH110
    async def test_a_disk_that_fails_is_told(self) -> None:
        """In our own words, as a refusal of this file, when it is looked at and when it is sent."""
        media = MediaFile.from_path("/proc/self/mem", content_type="image/png")
        with pytest.raises(InvalidRequestError, match="cannot be read") as caught:
            look(media, head=1)
        assert caught.value.__context__ is None
        with pytest.raises(InvalidRequestError, match="cannot be read"):
            await collected((media,))


class TestRefusals:
    @pytest.fixture(params=["missing", "directory", "pipe", "device", "socket", "dangling", "nameless", "nul"])
    def odd(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        """A path at which no ordinary file stands."""
        path = tmp_path / "odd.png"
        match request.param:
            case "directory":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "device":
                return Path("/dev/zero")
            case "socket":
                import socket

                with socket.socket(socket.AF_UNIX) as made:
                    made.bind(str(path))
            case "dangling":
                path.symlink_to(tmp_path / "nowhere")
            case "nameless":
                return Path()
            case "nul":
                return Path("a\x00b.png")
        return path

    async def test_only_ordinary_files_are_read(self, odd: Path) -> None:
        """A pipe would wait for ever and a device never end: both are refused, by name, without waiting."""
        media = MediaFile.from_path(odd, content_type="image/png")
        with pytest.raises(InvalidRequestError) as caught:
            encoded_size((media,))
        with pytest.raises(InvalidRequestError) as again:
            await collected((media,))
        assert caught.value.problems == again.value.problems
        assert str(odd) in caught.value.problems[0]
        assert caught.value.__cause__ is caught.value.__context__ is None

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    async def test_a_file_that_may_not_be_read_is_refused(self, tmp_path: Path) -> None:
        """The reason is told in our own words."""
        path = tmp_path / "a.png"
        path.touch(mode=0)
        with pytest.raises(InvalidRequestError, match="cannot be read"):
            encoded_size((MediaFile.from_path(path),))

    async def test_texts_are_never_opened(self) -> None:
        """A text in a media field is a URL, also where it names a file that exists: user input reaches these fields."""
        opened: list[object] = []
        watching = True

        def hook(event: str, args: tuple[object, ...]) -> None:
            if watching and event == "open":
                opened.append(args[0])

        sys.addaudithook(hook)
        names = ("/etc/passwd", "file:///etc/passwd", "~/.ssh/id_rsa", "/proc/self/environ", "/dev/zero", __file__)
        for name in names:
            call = queue_call("https://a", VideoRequest(model="m", image_url=name, reference_image_urls=[name]))
            await collected(call.body)
            encoded_size(call.body)
        watching = False
        assert opened == []


class TestCancellation:
    async def test_a_file_is_not_left_open(self, tmp_path: Path) -> None:
        """Giving up between two pieces, or while a thread reads one, leaves no file descriptor behind."""
        path = tmp_path / "a.png"
        path.write_bytes(pattern(3 * PIECE))
        before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- numbers, not paths
        body = encoded((MediaFile.from_path(path),), executor=None)
        await anext(body)
        await body.aclose()  # type: ignore[attr-defined]
        held = HeldExecutor()
        body = encoded((MediaFile.from_path(path),), executor=held)
        reading = asyncio.ensure_future(anext(body))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        held.work()
        held.shutdown()
        assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


class HeldExecutor(Executor):
    """Runs what it was given only when told to, as a slow disk does."""

    def __init__(self) -> None:
        self._given: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self._given.append(lambda: fn(*args, **kwargs))
        running: Future[Any] = Future()
        running.set_running_or_notify_cancel()
        return running

    def work(self) -> None:
        """Do it all now, though nobody waits any more."""
        assert self._given
        for work in self._given:
            work()


async def test_a_thread_pool_may_be_given(tmp_path: Path) -> None:
    """Disk work goes where the caller wants it."""
    path = tmp_path / "a.png"
    path.write_bytes(b"abc")
    with ThreadPoolExecutor(1) as pool:
        assert await collected((MediaFile.from_path(path),), executor=pool) == b"YWJj"
