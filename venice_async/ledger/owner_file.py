"""The file that says that an owner lives, and keeps what it could not record.

Its owner holds a lock on it for life, which the kernel frees when the process dies, however it dies: so who can
have the lock knows that the owner is dead, without waiting. Its bytes are on the disk from the first moment, so
that a paid answer can still be written there when the disk is full.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from venice_async.disk import sync_folder
from venice_async.errors import LedgerError
from venice_async.jobs import PaidAnswer


def _found_lock() -> Callable[[int], None] | None:
    try:
        import fcntl
    except ImportError:
        return None  # only the lease's time tells who lives
    return lambda handle: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


_flock = _found_lock()
SIZE = 64 * 1024
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_sync = getattr(os, "fdatasync", os.fsync)


class OwnerFile:
    """An owner file that is open and locked here. JSON lines, and zeros where nothing is kept.

    `keep` is called from the event loop's thread and the rest from the ledger's: one lock serves both.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle
        self._turn = threading.Lock()
        self._open = True

    @classmethod
    def create(cls, ledger: Path) -> "OwnerFile":
        """A new one beside the ledger. Raises OSError."""
        path = ledger.with_name(f"{ledger.name}.owner-{secrets.token_hex(4)}")
        made = cls(path, os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            _try_lock(made._handle)
            made._write(0, bytes(SIZE))  # written and not only allocated: later writes then change nothing but bytes
            sync_folder(path.parent)
        except BaseException:
            made.remove()
            raise
        return made

    @classmethod
    def inherit(cls, path: Path, *, lapsed: bool) -> "OwnerFile | None":
        """The file of an owner that is dead, locked until it is closed here; None where the owner may live.

        `lapsed` is whether its lease has run out: the only sign of death on a platform without locks.
        Raises FileNotFoundError where there is no such file.
        """
        try:
            handle = os.open(path, _FLAGS)
        except FileNotFoundError:
            raise
        except OSError:
            return None
        free = lapsed if _flock is None else _try_lock(handle)
        if free and stat.S_ISREG(os.fstat(handle).st_mode):
            return cls(path, handle)
        os.close(handle)
        return None

    @property
    def gone(self) -> bool:
        """Whether somebody has deleted it: what is written here then would be lost."""
        return os.fstat(self._handle).st_nlink == 0

    def keep(self, answer: PaidAnswer) -> None:
        """Write an answer, durably. Raises OSError."""
        with self._turn:
            if not self._open or self.gone:
                raise OSError(errno.ENOENT, "the owner file is gone")
            used = self._read().rstrip(b"\0")
            broken = b"" if not used or used.endswith(b"\n") else b"\n"
            line = broken + answer.to_text().encode("ascii") + b"\n"
            if len(used) + len(line) > SIZE:
                raise OSError(errno.ENOSPC, "the owner file is full")
            self._write(len(used), line)

    def kept(self) -> list[PaidAnswer]:
        """All answers in it. Raises OSError."""
        with self._turn:
            return [answer for _, _, answer in self._entries()]

    def drop(self, answers: Collection[PaidAnswer]) -> None:
        """Write zeros over some answers: they hold private links. Raises OSError."""
        with self._turn:
            for offset, size, answer in list(self._entries()):
                if answer in answers:
                    self._write(offset, bytes(size))

    def remove(self) -> None:
        """Delete the file and free the lock."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Free the lock; what is kept stays."""
        with self._turn:
            if self._open:
                self._open = False
                os.close(self._handle)

    def _entries(self) -> Iterator[tuple[int, int, PaidAnswer]]:
        offset = 0
        for line in self._read().split(b"\n"):
            with contextlib.suppress(LedgerError):  # zeros, or a line that a power failure has cut
                yield offset, len(line) + 1, PaidAnswer.from_text(line.strip(b"\0"))
            offset += len(line) + 1

    def _read(self) -> bytes:
        os.lseek(self._handle, 0, os.SEEK_SET)
        return os.read(self._handle, SIZE)

    def _write(self, offset: int, data: bytes) -> None:
        os.lseek(self._handle, offset, os.SEEK_SET)
        while data:
            data = data[os.write(self._handle, data) :]
        _sync(self._handle)


def kept_beside(ledger: Path) -> Iterator[OwnerFile]:
    """The owner files beside a ledger's place whose owners are dead, each locked until it is closed."""
    for path in sorted(ledger.parent.glob(f"{escaped(ledger.name)}.owner-*")):
        with contextlib.suppress(FileNotFoundError):
            if (file := OwnerFile.inherit(path, lapsed=True)) is not None:
                yield file


def escaped(name: str) -> str:
    """A file name for a glob that means just that name."""
    return re.sub(r"([*?[])", r"[\1]", name)


def _try_lock(handle: int) -> bool:
    if _flock is None:
        return False
    try:
        _flock(handle)
    except OSError:
        return False
    return True
