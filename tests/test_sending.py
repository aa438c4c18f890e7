"""A body on its way out: what its last byte proves, and how long a server may take for a piece."""

import asyncio

import pytest

from venice_async.errors import InvalidRequestError
from venice_async.media import PIECE, encoded_size
from venice_async.models import MediaFile
from venice_async.sending import Progress, is_streamed, withholding
from venice_async.wire.exchange import Call, Channel, LongText, Segment

pytestmark = pytest.mark.anyio

PICTURE = MediaFile.from_bytes(b"\x01" * (2 * PIECE + 7), content_type="image/png")


def call_with(*body: Segment, channel: Channel = Channel.QUEUE) -> Call:
    """A call that nobody sends."""
    return Call(name="queue", method="POST", url="http://127.0.0.1", channel=channel, body=body)


class Watched(Progress):
    """Remembers how long each wait may take."""

    def __init__(self) -> None:
        super().__init__(whole_body=False, traced=True)
        self.waits: list[float] = []

    def wait_for(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.mark.parametrize(
    "body",
    [(b"{}",), (b"x",), (b'{"image_url":"', PICTURE, b'"}'), (b"y" * 600_000,), (b'"', LongText("A" * 200_000), b'"')],
)
async def test_the_last_byte_is_let_go_alone_and_last(body: tuple[Segment, ...]) -> None:
    """The proof ends at the moment at which the last byte is handed out, not one step later."""
    call = call_with(*body)
    size = encoded_size(call.body)
    progress = Progress(whole_body=False, traced=True)
    handed_out = 0
    async for piece in withholding(call, size, progress, limit=1, executor=None):
        handed_out += len(piece)
        assert progress.last_byte_released == (handed_out == size)
    assert (handed_out, len(piece)) == (size, 1)


async def test_an_upload_that_moves_may_take_any_time() -> None:
    """The patience is for standstill: each piece that is taken renews it, and the answer has its own."""
    call = call_with(b'"', PICTURE, b'"')
    progress = Watched()
    body = withholding(call, encoded_size(call.body), progress, limit=7, executor=None)
    assert [len(progress.waits) async for _ in body] == [1, 2, 3, 4, 5]
    assert progress.waits == [7, 7, 7, 7, 14]


async def test_a_call_that_stands_still_is_given_up() -> None:
    """When the last wait that was allowed is over."""
    progress = Progress(whole_body=False, traced=True)
    never = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(progress.wait_for, 0)
    with pytest.raises(TimeoutError):
        await progress.watch(never)


async def test_an_answer_that_comes_early_ends_the_watch() -> None:
    """What is left of the body may still be taken from us, and nobody waits for it any more."""
    progress = Progress(whole_body=False, traced=True)
    answer = asyncio.get_running_loop().create_future()
    answer.set_result("413")
    progress.wait_for(0)
    assert await progress.watch(answer) == "413"
    progress.wait_for(0)


@pytest.mark.parametrize("wrong", [-1, 1, 300_000])
async def test_a_size_that_is_not_true_is_refused_before_the_last_byte(wrong: int) -> None:
    """A file that grew or shrank never becomes a whole request, and the refusal is kept for whoever asks why."""
    call = call_with(b'"', PICTURE, b'"')
    progress = Progress(whole_body=False, traced=True)
    with pytest.raises(InvalidRequestError, match="changed") as caught:
        async for _ in withholding(call, encoded_size(call.body) + wrong, progress, limit=1, executor=None):
            pass
    assert progress.refusal is caught.value
    assert not progress.last_byte_released


@pytest.mark.parametrize(
    ("body", "channel", "streamed"),
    [
        ((b"{}",), Channel.QUEUE, True),
        ((b"{}",), Channel.CONTROL, False),
        ((), Channel.MEDIA, False),
        ((b"x" * (PIECE + 1),), Channel.CONTROL, True),
        ((b'"', PICTURE, b'"'), Channel.CONTROL, True),
        ((b'"', LongText("A"), b'"'), Channel.CONTROL, True),
    ],
)
def test_what_is_streamed(body: tuple[Segment, ...], channel: Channel, streamed: bool) -> None:
    """Paid bodies always, others when they are large; polls are many and small, and go out at once."""
    assert is_streamed(call_with(*body, channel=channel)) == streamed
