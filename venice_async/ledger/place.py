"""Where a file that is kept for years stands, a ledger say: that it is ours alone, and still the same one."""

import os
import stat
from pathlib import Path

from attrs import frozen

from venice_async.disk import sync_folder
from venice_async.errors import Charge, LedgerError
from venice_async.ledger.owner_file import kept_beside

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


@frozen(kw_only=True)
class Place:
    """A file as it was when it was found: its real path, device and number."""

    path: Path
    device: int
    inode: int
    noun: str = "ledger"

    def check(self) -> None:
        """Raises LedgerError where another file, or none, stands there now.

        What SQLite writes to a file without a name is lost when it is closed, without a word.
        """
        try:
            found = self.path.lstat()
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != (self.device, self.inode):
            raise LedgerError(
                f"The {self.noun} {self.path} was deleted or replaced while it was open: nothing can be recorded.",
                advice="Put it back, or start again with the right file.",
            )


def found_or_made(path: Path, noun: str = "ledger") -> Place:
    """The place of a file, made owner-only where there is none: it will hold private links, or signed payments.

    Made by us and not by SQLite, so that it is so from its first instant. Raises LedgerError, which calls the
    file by its `noun`, for one that others can read or that another user owns. The file itself is only looked at:
    closing a handle of our own would drop the locks that SQLite holds for this process.
    """
    try:
        folder = _folder(path.parent)
        place = folder / path.name
        if not os.path.lexists(place):
            _check_nothing_kept(place)
            _make(place)
        found = place.lstat()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    else:
        _check_ours_alone(path, found, noun)
        return Place(path=place, device=found.st_dev, inode=found.st_ino, noun=noun)
    raise LedgerError(f"The {noun} {path} cannot be opened: {reason}.")


def _check_nothing_kept(place: Path) -> None:
    """A new ledger in the place of one that is gone would pay again for what an answer beside it proves to be paid."""
    for file in kept_beside(place):
        answers = file.kept()
        file.close()
        if answers:
            ids = ", ".join(repr(answer.queue_id) for answer in answers)
            raise LedgerError(
                f"The ledger {place} is gone, and {file.path.name} beside it keeps what it could not record: the "
                f"server took jobs under {ids}.",
                charge=Charge.CHARGED,
                advice="Put the ledger back, or use another one; delete that file once you have noted these names.",
            )


def _folder(folder: Path) -> Path:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        sync_folder(each.parent)
    return folder.resolve(strict=True)


def _make(place: Path) -> None:
    try:
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_RDWR | _NO_FOLLOW, 0o600))
    except FileExistsError:
        return  # another process made it at the same time
    sync_folder(place.parent)


def _check_ours_alone(path: Path, found: os.stat_result, noun: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise LedgerError(f"The {noun} {path} cannot be opened: it is not a regular file.")
    if found.st_nlink > 1:
        # Under two names, two processes would look for each other's journals and owner files in two places.
        raise LedgerError(f"The {noun} {path} has a second name (a hard link).", advice="Remove the other name.")
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid():
        raise LedgerError(f"The {noun} {path} belongs to another user.", advice=f"Use a {noun} of your own.")
    if found.st_mode & 0o077:
        raise LedgerError(
            f"The {noun} {path} can be read or written by other users, and what it holds is private.",
            advice=f"Make it yours alone: chmod 600 {path}",
        )
