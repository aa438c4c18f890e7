"""What touches the disk: the threads that do it, and the blocking steps they take.

A step is a plain function, called through `DiskPool.run`. None follows a symbolic link at the last part of a
path, and none waits for a pipe that somebody planted there.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import stat
import warnings
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, TypeVarTuple

from venice_async.errors import DestinationExistsError, DownloadError

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

# Flags that Windows does not have; there, links need rights that others seldom hold.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_NOT_SUPPORTED = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_READ_SIZE = 2**20
# A hop costs as much as hashing a quarter of a MiB, so blocks are large, and all together bounded: memory is shared.
_BLOCKS = 16 * 2**20
_LEAST_BLOCK, _MOST_BLOCK = 2**20, 4 * 2**20
_LARGE_BLOCK = 4 * 2**20
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskPool:
    """The threads for everything that touches the disk.

    They are not the event loop's default ones, because name look-ups wait there too: a slow disk would stop
    the network. Who makes a pool closes it; `executor` is for libraries that take one.
    """

    def __init__(self, *, workers: int = 8) -> None:
        self.executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="venice-disk")
        self.writers = 0
        """How many files are being written: whoever opens or closes one counts it here."""
        self._closed = False

    def block_size(self) -> int:
        """The bytes that each of the present writers should collect for one hop to a thread."""
        return max(_LEAST_BLOCK, min(_MOST_BLOCK, _BLOCKS // max(1, self.writers)))

    async def run(self, func: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """Return `func(*args)`, called on one of the threads, under the rules of `finish`."""
        return await self.finish(asyncio.get_running_loop().run_in_executor(self.executor, func, *args))

    async def finish(self, operation: Awaitable[_T]) -> _T:
        """Return what `operation` gives, never leaving it half-way.

        A thread cannot be stopped, so a cancelled caller waits until it is done, then the cancellation goes on:
        whoever cleans up afterwards meets no thread at work. An `OSError` passes through; `DownloadError` is
        raised when `close` has thrown the work away.
        """
        future = asyncio.ensure_future(operation)
        cancelled = None
        while not future.done():
            try:
                await asyncio.wait({future})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            if not future.cancelled():
                future.exception()  # looked at, or asyncio would report that nobody did
            raise cancelled
        if future.cancelled():
            raise DownloadError("The disk's threads were closed before the work was done.")
        return future.result()

    def close(self) -> None:
        """Throw away work that has not begun and take no more; a disk that hangs is not waited for."""
        self._closed = True
        self.executor.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            warnings.warn(f"{self!r} was not closed", ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        return f"<DiskPool {'closed' if self._closed else 'open'}>"


def disk_error(error: OSError, path: Path) -> DownloadError:
    """A sentence for a person, and what to do next, in the place of the system's error."""
    return DownloadError(
        f"{path} cannot be written or read: {error.strerror or type(error).__name__}.",
        advice=f"{'Free some space' if error.errno in _DISK_FULL else 'Check the folder'}, then fetch the video again.",
    )


def clear_way(path: Path) -> None:
    """Make the folders that `path` needs, durably, and remove what an earlier try left at it."""
    _make_folder(path.parent)
    path.unlink(missing_ok=True)


def create_private(path: str, flags: int) -> int:
    """An opener for `open(path, "x...")`: the new file is for its owner alone until it is published."""
    return os.open(path, flags | _NO_FOLLOW, 0o600)


def reserve(handle: int, size: int) -> None:
    """Take `size` bytes on the disk now, where the platform can: a full disk shows before the transfer."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED | {errno.EINVAL}:  # some file systems say that it is not valid
                raise


def rewind(handle: int, size: int, digest: "hashlib._Hash") -> None:
    """Cut an open file to its first `size` bytes and feed them to `digest`. Raises `OSError` when there are fewer."""
    if os.fstat(handle).st_size < size:
        raise OSError(errno.EINVAL, "it is shorter than it was")
    os.ftruncate(handle, size)
    with open(handle, "rb", closefd=False) as file:
        file.seek(0)
        while chunk := file.read(_READ_SIZE):
            digest.update(chunk)


def ease_allocation() -> None:
    """Make the allocator keep memory for blocks of a MiB, where it would fetch and return each one.

    glibc takes a first large block that comes back as a sign of more: from then on such blocks are reused. That
    spares most of the page faults of a transfer. Nothing is touched, so this costs no memory and next to no time.
    """
    bytes(_LARGE_BLOCK)


def free_bytes(folder: Path) -> int:
    """The bytes that are free for this user where `folder` is, or will be. Raises `OSError` when nobody can tell."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def shortage(*, free: int, needed: int, spare: int = 256 * 2**20) -> str | None:
    """What is wrong, in a sentence, when `needed` bytes do not fit beside `spare` others on the disk; else None."""
    if free >= needed + spare:
        return None
    has, due, stays = (f"{size / 2**20:,.0f} MiB" for size in (free, needed, spare))
    return f"The disk has {has} free, but {due} are due and {stays} must stay free."


def remove_quietly(path: Path) -> None:
    """Remove a file where that works: used while another error is on its way."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def remove_part(path: Path) -> None:
    """Remove what a try left: its part file, and the sample that `make_ordinary` may have been killed over."""
    remove_quietly(path)
    remove_quietly(_sample(path))


def _sample(path: Path) -> Path:
    return path.with_suffix(".mode")


def make_ordinary(path: Path) -> None:
    """Give a private file the permissions of an ordinary new file in its folder.

    The umask can only be read by setting it, which all threads would feel for a moment, and a folder may have
    rules of its own: so the permissions are looked up on a file made for that.
    """
    sample = _sample(path)
    sample.unlink(missing_ok=True)
    handle = os.open(sample, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
    finally:
        os.close(handle)
        sample.unlink()
    if hasattr(os, "fchmod"):
        with open(path, "rb", opener=open_regular) as file:
            os.fchmod(file.fileno(), mode)


def give_free_name(part: Path, names: Iterable[Path]) -> Path | None:
    """Move `part` to the first of `names` at which nothing stands, without a moment of doubt; None if all are taken."""
    return next((name for name in names if _move_to_free(part, name)), None)


def replace_regular(part: Path, destination: Path) -> None:
    """Move `part` over a regular file or to a free name. Raises `DestinationExistsError` for anything else there."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(destination.lstat().st_mode):
            raise DestinationExistsError(f"What stands at {destination} is not a regular file.")
    part.replace(destination)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power failure, on platforms that let a folder be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED | {errno.EINVAL}:
            raise
    finally:
        os.close(handle)


def sha256_of_file(path: Path) -> str:
    """The hexadecimal SHA-256 of a regular file."""
    with open(path, "rb", opener=open_regular) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def regular_size(path: Path) -> int | None:
    """The size of the regular file at `path`, or None where there is no such file."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = path.lstat()
        return found.st_size if stat.S_ISREG(found.st_mode) else None
    return None


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):  # another job made it first; a file there shows at the next step
        folder.mkdir()
    sync_folder(folder.parent)


def _move_to_free(part: Path, name: Path) -> bool:
    """A hard link appears whole or fails when the name is taken, however many try at once."""
    linked = True
    try:
        os.link(part, name)
    except FileExistsError:
        return False
    except OSError as error:
        # EPERM is how Linux says that a file system has no hard links.
        if error.errno not in _NOT_SUPPORTED | {errno.EPERM}:
            raise
        linked = False
    if not linked:
        return _claim(part, name)
    remove_quietly(part)
    return True


def _claim(part: Path, name: Path) -> bool:
    """Without hard links: take the name with an empty file, then put the part over it.

    A crash between the two leaves an empty file. To look first and then move would leave none, but could
    destroy a file that another program makes in between, which is worse.
    """
    try:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW))
    except FileExistsError:
        return False
    try:
        part.replace(name)
    except OSError:
        name.unlink()
        raise
    return True


def open_regular(path: str, flags: int) -> int:
    """An opener for `open`: a regular file that is there, through no link, and without waiting for a pipe."""
    handle = os.open(path, flags | _NO_FOLLOW | _NO_WAIT)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "it is not a regular file")
