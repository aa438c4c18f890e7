"""Bytes become a whole file under its name, or leave nothing behind."""

import asyncio
import errno
import hashlib
import itertools
import os
import stat
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import mp4_layouts as layouts
import pytest

from venice_async.arrival import Slowest
from venice_async.disk import DiskPool
from venice_async.download import Overwrite, PartFile, kept_bytes, matches, publish, receive, sha256_of
from venice_async.errors import (
    Charge,
    DestinationExistsError,
    DownloadError,
    IncompleteDownloadError,
    InvalidVideoError,
    VideoTooLargeError,
)

pytestmark = pytest.mark.anyio

_T = TypeVar("_T")

VIDEO = layouts.index_last(padding=2_500_000)
"""Large enough for three blocks of a MiB, so that writes happen before and after the transfer ends."""


async def pieces(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """The bytes as a transport hands them over."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def pool() -> Iterable[DiskPool]:
    with DiskPool() as pool:
        yield pool
        pool.executor.shutdown()


async def received(folder: Path, pool: DiskPool, *, name: str = ".video.part", data: bytes = VIDEO) -> PartFile:
    return await receive(pieces(data), folder / name, pool=pool, expected_size=len(data))


async def test_the_pool_knows_how_many_write(tmp_path: Path, pool: DiskPool) -> None:
    """Each open part counts, and none is forgotten, however its transfer ends."""
    counts: list[int] = []

    def note(_received: int, _total: int | None) -> None:
        counts.append(pool.writers)

    await receive(pieces(VIDEO), tmp_path / "a", pool=pool, expected_size=None, on_progress=note)
    with pytest.raises(IncompleteDownloadError):
        await receive(pieces(VIDEO[:99]), tmp_path / "b", pool=pool, expected_size=100, on_progress=note)
    assert set(counts) == {1}
    assert pool.writers == 0


@pytest.mark.parametrize("size", [1_000, 65_536, 1_048_576, 10_000_000])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_whole_video_is_kept(tmp_path: Path, pool: DiskPool, *, size: int, announced: bool) -> None:
    """Chunks of any size become the same file, with its hash and what it says of itself."""
    part = tmp_path / "new" / "folder" / ".video.part"
    expected = len(VIDEO) if announced else None
    kept = await receive(pieces(VIDEO, size), part, pool=pool, expected_size=expected)
    digest = hashlib.sha256(VIDEO).hexdigest()
    assert kept == PartFile(path=part, size=len(VIDEO), sha256=digest, duration=2.5, width=320, height=180)
    assert part.read_bytes() == VIDEO
    assert stat.S_IMODE(part.stat().st_mode) == 0o600


async def test_progress_counts_every_chunk(tmp_path: Path, pool: DiskPool) -> None:
    """Progress is told in the event loop's thread, chunk by chunk, up to the whole."""
    seen: list[tuple[int, int | None, threading.Thread]] = []

    def note(done: int, total: int | None) -> None:
        seen.append((done, total, threading.current_thread()))

    await receive(pieces(VIDEO), tmp_path / "part", pool=pool, expected_size=len(VIDEO), on_progress=note)
    assert [done for done, _, _ in seen] == [*range(65_536, len(VIDEO), 65_536), len(VIDEO)]
    assert {(total, thread) for _, total, thread in seen} == {(len(VIDEO), threading.current_thread())}


@pytest.mark.parametrize("tenth", range(10))
async def test_a_cut_transfer_leaves_nothing(tmp_path: Path, pool: DiskPool, tenth: int) -> None:
    """A transfer that ends early is told from the announced length, and its bytes are not kept."""
    cut = VIDEO[: len(VIDEO) * tenth // 10]
    with pytest.raises(IncompleteDownloadError, match=f"{len(cut):,} of {len(VIDEO):,}") as caught:
        await receive(pieces(cut), tmp_path / "part", pool=pool, expected_size=len(VIDEO))
    assert caught.value.charge is Charge.CHARGED
    assert caught.value.transient
    assert names(tmp_path) == set()


@pytest.mark.parametrize("tenth", range(1, 10))
async def test_a_cut_of_unknown_length_is_seen_in_the_file(tmp_path: Path, pool: DiskPool, tenth: int) -> None:
    """Where no length was announced, the file's own structure shows the cut."""
    with pytest.raises(InvalidVideoError):
        await receive(pieces(VIDEO[: len(VIDEO) * tenth // 10]), tmp_path / "part", pool=pool, expected_size=None)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("data", "expected_size", "error", "sentence"),
    [
        (VIDEO + b"x", len(VIDEO), InvalidVideoError, "More bytes came than"),
        (VIDEO + b"x", None, InvalidVideoError, "header does not fit"),
        (b"", None, IncompleteDownloadError, "before its first byte"),
        (b"", 0, InvalidVideoError, "no bytes at all"),
        (b"\0\0\0", 3, InvalidVideoError, "does not begin|cut short"),
        (b"<!DOCTYPE html><html></html>", None, InvalidVideoError, "like a web page"),
        (b'{"status": "PROCESSING"}', None, InvalidVideoError, "like JSON"),
        (bytes(5_000_000), 5_000_000, InvalidVideoError, "like something else"),
    ],
)
async def test_what_is_no_whole_video_is_refused(
    tmp_path: Path, pool: DiskPool, *, data: bytes, expected_size: int | None, error: type[Exception], sentence: str
) -> None:
    """Too long, empty, a page or rubbish: the error says which, and nothing is kept."""
    with pytest.raises(error, match=sentence):
        await receive(pieces(data), tmp_path / "part", pool=pool, expected_size=expected_size)
    assert names(tmp_path) == set()


async def test_a_page_is_refused_at_its_first_bytes(tmp_path: Path, pool: DiskPool) -> None:
    """What is no video is not read to its end, even when it comes byte by byte."""
    taken = []

    async def endless() -> AsyncIterator[bytes]:
        for byte in itertools.cycle(b"<html>"):
            taken.append(byte)
            yield bytes([byte])

    with pytest.raises(InvalidVideoError, match="like a web page"):
        await receive(endless(), tmp_path / "part", pool=pool, expected_size=None)
    assert len(taken) == 8


async def test_an_announcement_above_the_cap_is_refused_before_a_byte(tmp_path: Path, pool: DiskPool) -> None:
    """The cap is held against the announcement, without touching the disk."""
    with pytest.raises(VideoTooLargeError, match="cap of 1,000"):
        await receive(pieces(VIDEO), tmp_path / "a" / "p", pool=pool, expected_size=len(VIDEO), max_size=1000)
    assert names(tmp_path) == set()


async def test_the_cap_holds_without_an_announcement(tmp_path: Path, pool: DiskPool) -> None:
    """Bytes that nobody announced are counted against the cap; one that is just reached is fine."""
    size = len(VIDEO)
    with pytest.raises(VideoTooLargeError):
        await receive(pieces(VIDEO), tmp_path / "part", pool=pool, expected_size=None, max_size=size - 1)
    assert names(tmp_path) == set()
    assert (await receive(pieces(VIDEO), tmp_path / "part", pool=pool, expected_size=None, max_size=size)).size == size


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), IncompleteDownloadError("stalled"), ValueError("no")])
async def test_errors_of_the_transfer_pass_through(tmp_path: Path, pool: DiskPool, error: Exception) -> None:
    """What the iterator raises arrives unchanged, even an OSError, which is not about our disk."""

    async def broken() -> AsyncIterator[bytes]:
        yield VIDEO[:2_000_000]
        raise error

    with pytest.raises(type(error)) as caught:
        await receive(broken(), tmp_path / "part", pool=pool, expected_size=len(VIDEO))
    assert caught.value is error
    assert names(tmp_path) == set()


async def test_an_error_in_progress_passes_through(tmp_path: Path, pool: DiskPool) -> None:
    """A callback that fails ends the transfer, cleanly."""

    def fail(done: int, total: int | None) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await receive(pieces(VIDEO), tmp_path / "part", pool=pool, expected_size=None, on_progress=fail)
    assert names(tmp_path) == set()


class FailingExecutor(ThreadPoolExecutor):
    """Fails in its k-th piece of work; a `close` is done first, as a full disk shows there too."""

    def __init__(self, fail_at: int, error: int) -> None:
        super().__init__(max_workers=1)
        self.count = 0
        self._fail_at = fail_at
        self._error = error

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.count += 1
        if self.count == self._fail_at:
            return super().submit(self._fail, fn)
        return super().submit(fn, *args, **kwargs)

    def _fail(self, fn: Callable[..., Any]) -> None:
        if getattr(getattr(fn, "func", None), "__name__", "") == "close":
            fn()
        raise OSError(self._error, os.strerror(self._error))


class PoolOf(DiskPool):
    """A pool on a given executor, with small blocks."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        super().__init__()
        self.executor.shutdown()
        self.executor = executor

    def block_size(self) -> int:
        return 2**20


OPERATIONS = 9
"""Disk operations of one `receive` of `VIDEO`: clear, open, reserve, three writes, flush, verify, close."""


async def test_a_transfer_takes_few_thread_hops(tmp_path: Path) -> None:
    """One hop per MiB and a few around: the tests below fail at each of them."""
    executor = FailingExecutor(fail_at=0, error=0)
    with PoolOf(executor) as pool:
        await received(tmp_path, pool)
    assert executor.count == OPERATIONS


@pytest.mark.parametrize("fail_at", range(1, OPERATIONS + 1))
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_a_failing_disk_is_said_and_leaves_nothing(tmp_path: Path, fail_at: int, error: int) -> None:
    """Whichever operation fails, the error is ours, names the reason, and drags no other along."""
    with PoolOf(FailingExecutor(fail_at, error)) as pool:
        with pytest.raises(DownloadError, match=os.strerror(error)) as caught:
            await received(tmp_path, pool)
        assert names(tmp_path) == set()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


class CancellingPool(DiskPool):
    """Cancels the running task at its k-th disk operation, and again while that is awaited."""

    def __init__(self, cancel_at: int, *, times: int) -> None:
        super().__init__()
        self.count = 0
        self._cancel_at = cancel_at
        self._times = times

    def block_size(self) -> int:
        return 2**20

    async def finish(self, operation: Awaitable[_T]) -> _T:
        self.count += 1
        task = asyncio.current_task()
        if self.count == self._cancel_at and task is not None:
            for turn in range(self._times):
                asyncio.get_running_loop().call_later(0, task.cancel, f"cancelled {turn + 1}")
        return await super().finish(operation)


@pytest.mark.parametrize("cancel_at", range(1, OPERATIONS + 1))
@pytest.mark.parametrize("times", [1, 2])
async def test_cancellation_at_any_disk_operation_leaves_nothing(tmp_path: Path, cancel_at: int, times: int) -> None:
    """When a cancelled transfer returns, its part is gone and its file closed."""
    with CancellingPool(cancel_at, times=times) as pool:
        task = asyncio.create_task(received(tmp_path, pool))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert names(tmp_path) == set()


@pytest.mark.parametrize("chunk", [0, 1, 30, 38])
async def test_cancellation_between_chunks_leaves_nothing(tmp_path: Path, pool: DiskPool, chunk: int) -> None:
    """A transfer that is cancelled while it waits for bytes cleans up."""
    waiting = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        async for piece in pieces(VIDEO[: chunk * 65_536]):
            yield piece
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(receive(stalling(), tmp_path / "part", pool=pool, expected_size=len(VIDEO)))
    await waiting.wait()
    assert names(tmp_path) == {"part"}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == set()


async def broken(error: BaseException, length: int = 2_000_000) -> AsyncIterator[bytes]:
    """A transfer that breaks after so many bytes."""
    async for piece in pieces(VIDEO[:length]):
        yield piece
    raise error


async def test_a_drip_is_given_up(tmp_path: Path, pool: DiskPool) -> None:
    """A sender that always has one more byte does not hold its place for ever."""
    ticks = itertools.count()

    async def dripping() -> AsyncIterator[bytes]:
        for byte in itertools.cycle(VIDEO[:1000]):
            yield bytes([byte])

    with pytest.raises(IncompleteDownloadError, match="stalled"):
        await receive(
            dripping(),
            tmp_path / "part",
            pool=pool,
            expected_size=None,
            now=lambda: float(next(ticks)),
            slowest=Slowest(),
        )
    assert next(ticks) < 100
    assert names(tmp_path) == set()


async def test_a_slow_disk_makes_no_sender_slow(tmp_path: Path, pool: DiskPool) -> None:
    """Each write may take an hour: the sender's time begins after it."""
    instants = itertools.count(0, 50.0)
    pool.writers = 16  # many writers, small blocks
    slowest = Slowest(speed=65_536, window=60)  # every second look at the clock is 50 s later, a write in between
    part = await receive(
        pieces(VIDEO, 2**20), tmp_path / "p", pool=pool, expected_size=None, slowest=slowest, now=lambda: next(instants)
    )
    assert part.size == len(VIDEO)


@pytest.mark.parametrize("length", [7, 1_000, 1_048_576, 2_000_000])
@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_cut_transfer_can_go_on(tmp_path: Path, pool: DiskPool, *, length: int, cancelled: bool) -> None:
    """What came stays at exactly its length; with the rest it becomes the same file, with the same hash."""
    part = tmp_path / "new" / ".part"
    error = asyncio.CancelledError() if cancelled else IncompleteDownloadError("cut")
    with pytest.raises(type(error)):
        await receive(broken(error, length), part, pool=pool, expected_size=len(VIDEO), keep_cut=True)
    assert await kept_bytes(part, pool=pool) == length
    assert part.read_bytes() == VIDEO[:length]
    seen: list[int] = []
    kept = await receive(
        pieces(VIDEO[length:]),
        part,
        pool=pool,
        expected_size=len(VIDEO),
        resume_from=length,
        on_progress=lambda received, _total: seen.append(received),
    )
    digest = hashlib.sha256(VIDEO).hexdigest()
    assert kept == PartFile(path=part, size=len(VIDEO), sha256=digest, duration=2.5, width=320, height=180)
    assert part.read_bytes() == VIDEO
    assert seen[0] == min(length + 65_536, len(VIDEO))
    assert seen[-1] == len(VIDEO)


async def test_a_part_may_be_resumed_from_earlier(tmp_path: Path, pool: DiskPool) -> None:
    """What is behind the place to go on from is not trusted."""
    part = tmp_path / "part"
    part.write_bytes(VIDEO[:5000] + b"rubbish")
    kept = await receive(pieces(VIDEO[5000:]), part, pool=pool, expected_size=len(VIDEO), resume_from=5000)
    assert kept.sha256 == hashlib.sha256(VIDEO).hexdigest()


async def test_wrong_bytes_before_the_rest_are_found(tmp_path: Path, pool: DiskPool) -> None:
    """The file is proven whole from its first byte on, whatever was said of the part."""
    (tmp_path / "part").write_bytes(b"x" * 5000)
    with pytest.raises(InvalidVideoError):
        await receive(pieces(VIDEO[5000:]), tmp_path / "part", pool=pool, expected_size=len(VIDEO), resume_from=5000)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    "error", [InvalidVideoError("no video"), VideoTooLargeError("too large"), ValueError("a bug"), OSError("not ours")]
)
async def test_only_what_may_pass_is_worth_keeping(tmp_path: Path, pool: DiskPool, error: Exception) -> None:
    """What is no video does not become one by going on."""
    with pytest.raises(type(error)):
        await receive(broken(error), tmp_path / "part", pool=pool, expected_size=len(VIDEO), keep_cut=True)
    assert await kept_bytes(tmp_path / "part", pool=pool) == 0
    assert names(tmp_path) == set()


@pytest.mark.parametrize("fail_at", [5, 6, 7])
async def test_what_cannot_be_kept_goes(tmp_path: Path, fail_at: int) -> None:
    """When the disk fails while a cut transfer is kept, nothing half-known stays, and the cut is what is told."""
    with PoolOf(FailingExecutor(fail_at, errno.ENOSPC)) as pool:
        cut = broken(IncompleteDownloadError("cut"), 1_500_000)
        with pytest.raises(IncompleteDownloadError, match="cut"):
            await receive(cut, tmp_path / "part", pool=pool, expected_size=len(VIDEO), keep_cut=True)
        assert names(tmp_path) == set()


@pytest.mark.parametrize("cancel_at", [5, 6, 7])
async def test_cancellation_while_keeping_leaves_nothing(tmp_path: Path, cancel_at: int) -> None:
    """A part of which nobody knows how much is written does not stay."""
    with CancellingPool(cancel_at, times=1) as pool:
        cut = broken(IncompleteDownloadError("cut"), 1_500_000)
        task = asyncio.create_task(receive(cut, tmp_path / "part", pool=pool, expected_size=len(VIDEO), keep_cut=True))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert names(tmp_path) == set()


def plant_link(path: Path) -> None:
    path.symlink_to(path.parent / "target")


def plant_hard_link(path: Path) -> None:
    os.link(path.parent / "target", path)


def plant_pipe(path: Path) -> None:
    os.mkfifo(path)


def plant_file(path: Path) -> None:
    path.write_bytes(b"left by a crash")


@pytest.mark.parametrize("plant", [plant_link, plant_hard_link, plant_pipe, plant_file])
async def test_what_stands_at_the_part_goes(tmp_path: Path, pool: DiskPool, plant: Callable[[Path], None]) -> None:
    """A link, a pipe or an old part is removed, and nothing is written where it led."""
    (tmp_path / "target").write_bytes(b"precious")
    plant(tmp_path / ".video.part")
    kept = await received(tmp_path, pool)
    assert kept.path.read_bytes() == VIDEO
    assert stat.S_ISREG(kept.path.lstat().st_mode)
    assert (tmp_path / "target").read_bytes() == b"precious"


async def test_a_folder_at_the_part_is_an_error(tmp_path: Path, pool: DiskPool) -> None:
    """A folder is not removed."""
    (tmp_path / ".video.part").mkdir()
    with pytest.raises(DownloadError, match=r"\.video\.part cannot be written or read"):
        await received(tmp_path, pool)
    assert names(tmp_path) == {".video.part"}


@pytest.mark.parametrize("plant", [plant_link, plant_pipe, Path.mkdir, lambda path: None, plant_file])
async def test_only_a_file_that_is_long_enough_is_resumed(
    tmp_path: Path, pool: DiskPool, plant: Callable[[Path], None]
) -> None:
    """A link, a pipe, a folder, nothing at all, or a file that is too short: nothing is written where a link leads."""
    (tmp_path / "target").write_bytes(b"precious" * 1000)
    plant(tmp_path / "part")
    with pytest.raises(DownloadError, match="cannot be written or read"):
        await receive(pieces(VIDEO[5000:]), tmp_path / "part", pool=pool, expected_size=len(VIDEO), resume_from=5000)
    assert (tmp_path / "target").read_bytes() == b"precious" * 1000


@pytest.mark.parametrize("overwrite", Overwrite)
async def test_a_free_name_is_taken(tmp_path: Path, pool: DiskPool, overwrite: Overwrite) -> None:
    """Under each rule a video gets the name that it was to have, if that is free, and the part is gone."""
    part = await received(tmp_path, pool)
    path = await publish(part, tmp_path / "video.mp4", pool=pool, overwrite=overwrite)
    assert path == tmp_path / "video.mp4"
    assert path.read_bytes() == VIDEO
    assert names(tmp_path) == {"video.mp4"}


@pytest.mark.parametrize("plant", [plant_link, plant_hard_link, plant_pipe, plant_file, Path.mkdir])
async def test_a_taken_name_is_refused(tmp_path: Path, pool: DiskPool, plant: Callable[[Path], None]) -> None:
    """Whatever stands at the destination stays as it is, and the part is kept: it was paid for."""
    (tmp_path / "target").write_bytes(b"precious")
    destination = tmp_path / "video.mp4"
    plant(destination)
    before = destination.lstat()
    part = await received(tmp_path, pool)
    with pytest.raises(DestinationExistsError, match=r"video\.mp4"):
        await publish(part, destination, pool=pool)
    assert destination.lstat()[:4] == before[:4]
    assert (tmp_path / "target").read_bytes() == b"precious"
    assert part.path.read_bytes() == VIDEO


@pytest.mark.parametrize("plant", [plant_link, plant_pipe, Path.mkdir])
async def test_only_a_file_is_replaced(tmp_path: Path, pool: DiskPool, plant: Callable[[Path], None]) -> None:
    """Permission to overwrite is about videos, not about links, pipes and folders."""
    plant(tmp_path / "video.mp4")
    part = await received(tmp_path, pool)
    with pytest.raises(DestinationExistsError, match="not a regular file"):
        await publish(part, tmp_path / "video.mp4", pool=pool, overwrite=Overwrite.REPLACE)
    assert part.path.exists()


@pytest.mark.parametrize("plant", [plant_hard_link, plant_file])
async def test_a_file_is_replaced_on_request(tmp_path: Path, pool: DiskPool, plant: Callable[[Path], None]) -> None:
    """The name then belongs to the new video; another name of the old file keeps the old bytes."""
    (tmp_path / "target").write_bytes(b"precious")
    plant(tmp_path / "video.mp4")
    part = await received(tmp_path, pool)
    path = await publish(part, tmp_path / "video.mp4", pool=pool, overwrite=Overwrite.REPLACE)
    assert path.read_bytes() == VIDEO
    assert names(tmp_path) == {"video.mp4", "target"}
    assert (tmp_path / "target").read_bytes() == b"precious"


async def test_the_next_free_name_is_found(tmp_path: Path, pool: DiskPool) -> None:
    """Renaming counts from 2 and goes around whatever stands there."""
    (tmp_path / "my.video.mp4").write_bytes(b"first")
    plant_link(tmp_path / "my.video (2).mp4")
    part = await received(tmp_path, pool)
    path = await publish(part, tmp_path / "my.video.mp4", pool=pool, overwrite=Overwrite.RENAME)
    assert path == tmp_path / "my.video (3).mp4"
    assert (tmp_path / "my.video.mp4").read_bytes() == b"first"


async def parts(folder: Path, pool: DiskPool, count: int) -> list[PartFile]:
    return [await received(folder, pool, name=f".{n}.part", data=layouts.index_last(padding=n)) for n in range(count)]


async def test_of_many_publishers_to_one_name_one_wins(tmp_path: Path, pool: DiskPool) -> None:
    """Sixteen at once: one video gets the name, whole; fifteen are refused and keep their parts."""
    candidates = await parts(tmp_path, pool, 16)
    destination = tmp_path / "video.mp4"
    results = await asyncio.gather(
        *(publish(part, destination, pool=pool) for part in candidates), return_exceptions=True
    )
    winners = [part for part, result in zip(candidates, results, strict=True) if result == destination]
    assert len(winners) == 1
    assert sum(isinstance(result, DestinationExistsError) for result in results) == 15
    assert await matches(destination, size=winners[0].size, sha256=winners[0].sha256, pool=pool)
    assert len(names(tmp_path)) == 16


async def test_many_publishers_that_rename_all_get_a_name(tmp_path: Path, pool: DiskPool) -> None:
    """Sixteen at once under one name: each video gets a name of its own."""
    candidates = await parts(tmp_path, pool, 16)
    published = await asyncio.gather(
        *(publish(part, tmp_path / "v.mp4", pool=pool, overwrite=Overwrite.RENAME) for part in candidates)
    )
    assert names(tmp_path) == {"v.mp4", *(f"v ({n}).mp4" for n in range(2, 17))}
    for part, path in zip(candidates, published, strict=True):
        assert await matches(path, size=part.size, sha256=part.sha256, pool=pool)


async def test_bytes_then_name_are_made_to_last(
    tmp_path: Path, pool: DiskPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New folders, the file's bytes before it has its name, and the name itself are synced, in that order."""
    synced: list[tuple[bool, set[str]]] = []
    folder, sync = tmp_path / "videos", os.fsync

    def note(handle: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        synced.append((is_folder, names(folder)))
        sync(handle)

    monkeypatch.setattr(os, "fsync", note)
    part = await received(folder, pool)
    await publish(part, folder / "video.mp4", pool=pool)
    assert synced == [(True, set()), (False, {".video.part"}), (True, {"video.mp4"})]


async def test_a_missing_folder_is_an_error(tmp_path: Path, pool: DiskPool) -> None:
    """A destination whose folder went away is said, and the part is kept."""
    part = await received(tmp_path, pool)
    with pytest.raises(DownloadError, match="No such file") as caught:
        await publish(part, tmp_path / "gone" / "video.mp4", pool=pool)
    assert caught.value.__context__ is None
    assert part.path.exists()


async def test_a_published_file_is_recognised(tmp_path: Path, pool: DiskPool) -> None:
    """After a crash between publishing and the record of it, the file is known by size and hash."""
    part = await received(tmp_path, pool)
    path = await publish(part, tmp_path / "video.mp4", pool=pool)
    assert await sha256_of(path, pool=pool) == part.sha256
    assert await matches(path, size=part.size, sha256=part.sha256, pool=pool)
    assert not await matches(path, size=part.size, sha256="0" * 64, pool=pool)
    assert not await matches(path, size=part.size + 1, sha256=part.sha256, pool=pool)
    assert not await matches(tmp_path / "missing", size=part.size, sha256=part.sha256, pool=pool)
    (tmp_path / "link.mp4").symlink_to(path)
    assert not await matches(tmp_path / "link.mp4", size=part.size, sha256=part.sha256, pool=pool)


@pytest.mark.parametrize("plant", [plant_link, plant_pipe, Path.mkdir, lambda path: None])
async def test_only_readable_files_have_a_hash(tmp_path: Path, pool: DiskPool, plant: Callable[[Path], None]) -> None:
    """Links, pipes, folders and nothing at all raise our error at once."""
    plant(tmp_path / "x")
    with pytest.raises(DownloadError, match="cannot be written or read"):
        await sha256_of(tmp_path / "x", pool=pool)
