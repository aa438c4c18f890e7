"""From bytes that arrive to a whole file, or no file at all.

`receive` writes a hidden `.part` file beside the destination and proves it whole; `publish` gives it its name
in one atomic step. A crash at any instant leaves at most a part, never half a video under the final name.
"""

import contextlib
import enum
import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from venice_async import disk
from venice_async.arrival import Arrival, Pace, Slowest
from venice_async.disk import DiskPool
from venice_async.errors import DestinationExistsError, VeniceError
from venice_async.mp4 import Mp4Summary, check_mp4

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedReader

_T = TypeVar("_T")

DEFAULT_MAX_SIZE: Final = 2 * 1024**3
_READ_SIZE: Final = 2**20
SLOWEST: Final = Slowest()
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
    slowest: Slowest = SLOWEST,
    resume_from: int = 0,
    keep_cut: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> PartFile:
    """Write `chunks` to the new file `part` and return it, proven whole and safe on the disk.

    `expected_size` (bytes) is what the sender announced, if it did; `on_progress` is called in the event loop
    with the bytes so far and `expected_size`, for each chunk. What stands at `part` from an earlier try is
    removed first, and missing folders are made. With `resume_from` the first so many bytes of the file at `part`
    stay (`kept_bytes` counts them) and `chunks` go on from there; sizes and progress are still those of the whole.

    Raises `IncompleteDownloadError` when no byte or fewer than announced came, or when they came slower than
    `slowest` (`now` gives seconds), `VideoTooLargeError` above `max_size` (before anything is written, where the
    announcement says so), `InvalidVideoError` for what is no whole MP4 file or longer than announced, and
    `DownloadError` for trouble with the disk. Errors of `chunks` and of `on_progress` pass through. On any of
    them, and when cancelled, `part` is gone before this returns; the video was paid for and still waits at the
    server. With `keep_cut` a transient error and a cancellation leave `part` as far as it came, to be resumed.
    """
    arrival = Arrival(expected_size, max_size, resumed=resume_from)
    writer = _PartWriter(part, pool)
    try:
        await writer.open(expected_size, resume_from)
        pace = Pace(slowest, now=now())
        async for chunk in chunks:
            arrival.block_size = pool.block_size()
            block = arrival.take(chunk)
            pace.check(len(chunk), now())
            if on_progress is not None:
                on_progress(arrival.received, expected_size)
            if block:
                await writer.write(block)
                pace.rest(now())
        await writer.write(arrival.rest())
        return await writer.seal(arrival.received)
    except BaseException as error:
        keep = keep_cut and (not isinstance(error, Exception) or (isinstance(error, VeniceError) and error.transient))
        await (writer.keep(arrival) if keep else writer.discard())
        raise


async def kept_bytes(part: Path, *, pool: DiskPool) -> int:
    """How many bytes of a broken transfer stand at `part`; 0 where there is no regular file.

    Ask only after `receive` with `keep_cut` has returned in this same process: what a crash left behind has its
    full length already and holes in it. Raises `DownloadError` when it cannot be looked at.
    """
    return await _on_disk(pool.run(disk.regular_size, part), part) or 0


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


async def found_as(destination: Path, *, size: int, sha256: str, renamed: bool, pool: DiskPool) -> Path | None:
    """Under which name `publish` has put a video already, or None; `renamed` looks at "name (2).mp4" and on as well.

    Raises `DownloadError` when a file there cannot be read.
    """
    for path in _names(destination) if renamed else (destination,):
        if await matches(path, size=size, sha256=sha256, pool=pool):
            return path
        if not await pool.run(os.path.lexists, path):
            break
    return None


async def read_file(path: Path, *, pool: DiskPool) -> AsyncIterator[bytes]:
    """The bytes of a file, a MiB at a time. Raises `DownloadError` where it cannot be read."""
    import aiofiles

    file = await _on_disk(pool.finish(aiofiles.open(path, "rb", executor=pool.executor)), path)
    try:
        while chunk := await _on_disk(file.read(_READ_SIZE), path):
            yield chunk
    finally:
        await file.close()


class _PartWriter:
    """The part file while it grows. `discard` may be called at any point, and after any error."""

    def __init__(self, part: Path, pool: DiskPool) -> None:
        self._part = part
        self._pool = pool
        self._digest = hashlib.sha256()
        self._file: AsyncBufferedReader | None = None

    async def open(self, size: int | None, resume_from: int) -> None:
        """Create the file, with room for `size` bytes where that is known and the platform can reserve it.

        With `resume_from` it is there already: it is cut to so many bytes, and their hash is taken.
        """
        disk.ease_allocation()
        if not resume_from:
            await _on_disk(self._pool.run(disk.clear_way, self._part), self._part)
        await _on_disk(self._pool.finish(self._open(resume_from)), self._part)
        if resume_from:
            opened = self._opened
            await _on_disk(self._pool.run(disk.rewind, opened.fileno(), resume_from, self._digest), self._part)
            await _on_disk(self._pool.finish(opened.seek(resume_from)), self._part)
        if size:
            await _on_disk(self._pool.run(disk.reserve, self._opened.fileno(), size), self._part)

    async def write(self, block: Sequence[bytes]) -> None:
        # The hash is taken by the iterator that feeds the write, and so in the same thread hop.
        await _on_disk(self._pool.finish(self._opened.writelines(self._hashed(block))), self._part)

    async def keep(self, arrival: Arrival) -> None:
        """Write what is left and close the file at the length that came. Where the disk fails, it goes."""
        try:
            await self.write(arrival.pending())
            await self._pool.finish(self._opened.truncate(arrival.received))
            await self._close()
        except (OSError, RuntimeError, VeniceError):
            await self.discard()
        except BaseException:
            await self.discard()
            raise

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

    async def _open(self, resume_from: int) -> None:
        import aiofiles

        # This runs to its end whatever happens to the caller: the open file is always held here.
        if resume_from:
            opened = aiofiles.open(self._part, "r+b", opener=disk.open_regular, executor=self._pool.executor)
        else:
            opened = aiofiles.open(self._part, "x+b", opener=disk.create_private, executor=self._pool.executor)
        self._file = await opened
        self._pool.writers += 1

    async def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._pool.writers -= 1
            await self._pool.finish(file.close())

    def _hashed(self, block: Sequence[bytes]) -> Iterator[bytes]:
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
