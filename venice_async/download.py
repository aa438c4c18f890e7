"""From bytes that arrive to a whole file, or no file at all.

`receive` writes a hidden `.part` file beside the destination and proves it whole; `publish` gives it its name
in one atomic step. A crash at any instant leaves at most a part, never half a video under the final name.
"""

import contextlib
import enum
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from venice_async import disk
from venice_async.disk import DiskPool
from venice_async.errors import (
    DestinationExistsError,
    IncompleteDownloadError,
    InvalidVideoError,
    VideoTooLargeError,
)
from venice_async.mp4 import Mp4Summary, check_mp4, looks_like_mp4

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedReader

_T = TypeVar("_T")

DEFAULT_MAX_SIZE: Final = 2 * 1024**3
_BLOCK_SIZE = 1024 * 1024  # one thread hop per MiB: smaller blocks cost up to five times the CPU
_MP4_HEAD = 8
_MAX_RENAMES = 10_000


@attrs.frozen(kw_only=True)
class PartFile:
    """A whole video that does not have its name yet.

    `size` is in bytes, `sha256` hexadecimal, `duration` in seconds; `duration`, `width` and `height` are None
    where the file does not say.
    """

    path: Path
    size: int
    sha256: str
    duration: float | None
    width: int | None
    height: int | None


class Overwrite(enum.Enum):
    """What `publish` does when something already stands at the destination."""

    REFUSE = "refuse"
    """Raise `DestinationExistsError`."""
    REPLACE = "replace"
    """Put the video in the place of a regular file; anything else is refused."""
    RENAME = "rename"
    """Take the next free name: "name (2).mp4", "name (3).mp4" and so on."""


async def receive(
    chunks: AsyncIterator[bytes],
    part: Path,
    *,
    pool: DiskPool,
    expected_size: int | None,
    max_size: int = DEFAULT_MAX_SIZE,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> PartFile:
    """Write `chunks` to the new file `part` and return it, proven whole and safe on the disk.

    `expected_size` (bytes) is what the sender announced, if it did; `on_progress` is called in the event loop
    with the bytes so far and `expected_size`, for each chunk. What stands at `part` from an earlier try is
    removed first, and missing folders are made.

    Raises `IncompleteDownloadError` when no byte or fewer than announced came, `VideoTooLargeError` above
    `max_size` (before anything is written, where the announcement says so), `InvalidVideoError` for what is no
    whole MP4 file or longer than announced, and `DownloadError` for trouble with the disk. Errors of `chunks`
    and of `on_progress` pass through. On any of them, and when cancelled, `part` is gone before this returns;
    the video was paid for and still waits at the server.
    """
    intake = _Intake(expected_size, max_size)
    writer = _PartWriter(part, pool)
    try:
        await writer.open(expected_size)
        async for chunk in chunks:
            block = intake.take(chunk)
            if on_progress is not None:
                on_progress(intake.received, expected_size)
            if block:
                await writer.write(block)
        await writer.write(intake.rest())
        return await writer.seal(intake.received)
    except BaseException:
        await writer.discard()
        raise


async def publish(
    part: PartFile, destination: Path, *, pool: DiskPool, overwrite: Overwrite = Overwrite.REFUSE
) -> Path:
    """Give a whole video its name, in one atomic step, and return the path that it got.

    The file gets the permissions of an ordinary new file. Nothing is ever written through a symbolic link. When
    this returns, the name survives a power failure. Raises `DestinationExistsError` when the name is taken, and
    `DownloadError` for trouble with the disk; the part then stays, so that nothing paid for is lost. When this
    is cancelled, or fails in its last step, the video may have its name already: `matches` tells.
    """
    return await _on_disk(pool.run(_publish, part.path, destination, overwrite), destination)


async def sha256_of(path: Path, *, pool: DiskPool) -> str:
    """The hexadecimal SHA-256 of a regular file's bytes. Raises `DownloadError` when it cannot be read."""
    return await _on_disk(pool.run(disk.sha256_of_file, path), path)


async def matches(path: Path, *, size: int, sha256: str, pool: DiskPool) -> bool:
    """Whether a regular file of `size` bytes with this hexadecimal `sha256` stands at `path`.

    After a crash between `publish` and the record of it, this tells whether the video is already there. Raises
    `DownloadError` when the file there cannot be read.
    """
    found = await _on_disk(pool.run(disk.regular_size, path), path)
    return found == size and await sha256_of(path, pool=pool) == sha256


class _Intake:
    """Decides about the bytes as they come: how many may come, whether they begin as a video, when to write."""

    def __init__(self, expected_size: int | None, max_size: int) -> None:
        self.received = 0
        self._expected = expected_size
        self._max_size = max_size
        self._block: list[bytes] = []
        self._head = b""
        self._written = 0
        self._check_cap(expected_size or 0)

    def take(self, chunk: bytes) -> list[bytes]:
        """Take one chunk of any size; return a block that is worth a thread hop, or nothing yet."""
        self._block.append(chunk)
        self.received += len(chunk)
        self._check_cap(self.received)
        if self._expected is not None and self.received > self._expected:
            raise InvalidVideoError(f"More bytes came than the {self._expected:,} that were announced.")
        self._check_head(chunk)
        return self._flush() if self.received - self._written >= _BLOCK_SIZE else []

    def rest(self) -> list[bytes]:
        """What is left when the transfer has ended; refuses one that ended early."""
        if self._expected == 0:
            raise InvalidVideoError("The video was announced with no bytes at all.")
        if self._expected is not None and self.received < self._expected:
            raise IncompleteDownloadError(f"The transfer ended after {self.received:,} of {self._expected:,} bytes.")
        if self.received == 0:
            raise IncompleteDownloadError("The transfer ended before its first byte.")
        return self._flush()

    def _flush(self) -> list[bytes]:
        block, self._block, self._written = self._block, [], self.received
        return block

    def _check_cap(self, size: int) -> None:
        if size > self._max_size:
            raise VideoTooLargeError(f"The video is larger than the cap of {self._max_size:,} bytes.")

    def _check_head(self, chunk: bytes) -> None:
        """Refuse at its first bytes what is no video, rather than after gigabytes."""
        if len(self._head) >= _MP4_HEAD:
            return
        self._head += chunk[:_MP4_HEAD]
        if len(self._head) >= _MP4_HEAD and not looks_like_mp4(self._head):
            kinds = {b"<": "like a web page", b"{": "like JSON"}
            kind = kinds.get(self._head.lstrip()[:1], "like something else")
            raise InvalidVideoError(f"What came is not an MP4 file: it begins {kind}.")


class _PartWriter:
    """The part file while it grows. `discard` may be called at any point, and after any error."""

    def __init__(self, part: Path, pool: DiskPool) -> None:
        self._part = part
        self._pool = pool
        self._digest = hashlib.sha256()
        self._file: AsyncBufferedReader | None = None

    async def open(self, size: int | None) -> None:
        """Create the file, with room for `size` bytes where that is known and the platform can reserve it."""
        await _on_disk(self._pool.run(disk.clear_way, self._part), self._part)
        await _on_disk(self._pool.finish(self._open()), self._part)
        if size:
            await _on_disk(self._pool.run(disk.reserve, self._opened.fileno(), size), self._part)

    async def write(self, block: list[bytes]) -> None:
        # The hash is taken by the iterator that feeds the write, and so in the same thread hop.
        await _on_disk(self._pool.finish(self._opened.writelines(self._hashed(block))), self._part)

    async def seal(self, size: int) -> PartFile:
        """Prove that the file is a whole MP4 file of `size` bytes, put it on the disk for good, and close it."""
        await _on_disk(self._pool.finish(self._opened.flush()), self._part)
        summary = await _on_disk(self._pool.run(_verify, self._opened.fileno(), size), self._part)
        await _on_disk(self._close(), self._part)
        return PartFile(
            path=self._part,
            size=size,
            sha256=self._digest.hexdigest(),
            duration=summary.duration,
            width=summary.width,
            height=summary.height,
        )

    async def discard(self) -> None:
        """Close and remove the file. Trouble with the disk is not raised: another error is on its way."""
        try:
            with contextlib.suppress(OSError):  # a close writes what is buffered, and the disk may be full
                await self._close()
        finally:
            await self._pool.run(disk.remove_quietly, self._part)

    @property
    def _opened(self) -> "AsyncBufferedReader":
        if self._file is None:
            raise RuntimeError("the part file is not open")
        return self._file

    async def _open(self) -> None:
        import aiofiles

        # This runs to its end whatever happens to the caller: the open file is always held here.
        self._file = await aiofiles.open(self._part, "x+b", opener=disk.create_private, executor=self._pool.executor)

    async def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            await self._pool.finish(file.close())

    def _hashed(self, block: list[bytes]) -> Iterator[bytes]:
        for chunk in block:
            self._digest.update(chunk)
            yield chunk


def _verify(handle: int, size: int) -> Mp4Summary:
    with open(handle, "rb", closefd=False) as file:
        summary = check_mp4(file, size)
    os.fsync(handle)
    return summary


def _publish(part: Path, destination: Path, overwrite: Overwrite) -> Path:
    disk.make_ordinary(part)
    if overwrite is Overwrite.REPLACE:
        disk.replace_regular(part, destination)
        published: Path | None = destination
    else:
        names = _names(destination) if overwrite is Overwrite.RENAME else [destination]
        published = disk.give_free_name(part, names)
    if published is None:
        raise DestinationExistsError(f"Something already stands at {destination}.")
    disk.sync_folder(published.parent)
    return published


def _names(destination: Path) -> Iterator[Path]:
    yield destination
    for number in range(2, _MAX_RENAMES):
        yield destination.with_name(f"{destination.stem} ({number}){destination.suffix}")


async def _on_disk(operation: Awaitable[_T], path: Path) -> _T:
    """Await `operation`; an `OSError` of it becomes a `DownloadError`."""
    try:
        return await operation
    except OSError as error:
        problem = disk.disk_error(error, path)
    raise problem
