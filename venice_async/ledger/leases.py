"""Which processes own jobs, which of them live, and how the jobs of the others are taken over.

Every method but the properties belongs into a transaction that may write: so no two processes look at the
same owner at the same time, and nobody meets an owner file that is made and not locked yet.
"""

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import attrs
from attrs import frozen

from venice_async.jobs import ACTIVE, JobRecord, PaidAnswer
from venice_async.ledger import rows
from venice_async.ledger.owner_file import OwnerFile, escaped

LEASE = 30.0
"""Real seconds after which an owner that gave no sign of life may be taken for dead."""
RENEWAL = 5.0
"""Real seconds between two signs of life."""
MARGIN = 5.0
"""Real seconds by which an owner doubts its own lease earlier than others do."""

_OWNER_FILE = re.compile(r"[^/\\]+\.owner-[0-9a-f]{8}")
_STATES = ", ".join(f"'{state.value}'" for state in sorted(ACTIVE, key=lambda state: state.value))


@frozen(kw_only=True)
class Owner:
    """Another process that has joined, as the ledger knows it."""

    token: int
    file: Path | None
    seen_at: float


class Leases:
    """The owners of one ledger, seen by one of them (or by somebody who only reads)."""

    def __init__(self, path: Path, *, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._path = path
        self._wall = wall
        self._monotonic = monotonic
        self._file: OwnerFile | None = None
        self._renewed: tuple[float, float] | None = None
        self.owner = 0

    @property
    def file(self) -> OwnerFile | None:
        """Our own owner file; None before `join`."""
        return self._file

    @property
    def valid(self) -> bool:
        """Whether nobody can have taken us for dead. Both clocks are asked: one of them may stop in a suspend."""
        renewed = self._renewed
        if renewed is None:
            return False
        passed = (self._monotonic() - renewed[0], self._wall() - renewed[1])
        return max(passed) < LEASE - MARGIN

    def join(self, connection: sqlite3.Connection) -> None:
        """Become an owner. Raises OSError where the owner file cannot be made."""
        now = self._now()
        file = OwnerFile.create(self._path)
        try:
            values = (file.path.name, os.getpid(), now[1])
            cursor = connection.execute("INSERT INTO owners (file, pid, seen_at) VALUES (?, ?, ?)", values)
        except BaseException:
            file.remove()
            raise
        self._file, self.owner, self._renewed = file, cursor.lastrowid or 0, now

    def abandon(self) -> None:
        """What `join` did was not committed."""
        if self._file is not None:
            self._file.remove()
        self._file, self.owner, self._renewed = None, 0, None

    def renew(self, connection: sqlite3.Connection) -> tuple[float, float] | None:
        """Give a sign of life where one is due. What it gives is for `renewed`, once that is committed."""
        now = self._now()
        if self._file is None or (self._renewed is not None and not self._is_due(now)):
            return None
        if self._file.gone:
            self._replace(self._file)
        values = (self.owner, self._file.path.name, os.getpid(), now[1])
        connection.execute("INSERT OR REPLACE INTO owners (token, file, pid, seen_at) VALUES (?, ?, ?, ?)", values)
        return now

    def renewed(self, at: tuple[float, float] | None) -> None:
        """The sign of life is in the ledger."""
        self._renewed = at or self._renewed

    def others(self, connection: sqlite3.Connection) -> list[Owner]:
        """All owners but us."""
        found = connection.execute("SELECT token, file, seen_at FROM owners WHERE token != ?", (self.owner,)).fetchall()
        return [Owner(token=token, file=self._beside(file), seen_at=seen_at or 0.0) for token, file, seen_at in found]

    def lives(self, owner: Owner) -> bool:
        """Whether an owner may still be at work on its jobs."""
        return not self._has_lapsed(owner) and not self._is_dead(owner)

    def claim(
        self, connection: sqlite3.Connection, living: Collection[int], marks: Callable[[], tuple[int, int]]
    ) -> list[JobRecord]:
        """Make the jobs ours that nobody in `living` owns: those that wait for work, and those still to clean up."""
        # The plus keeps SQLite from the index of states: by that one it would read every job that was ever completed.
        others = f"owner NOT IN ({', '.join(map(str, (self.owner, *living)))})"
        found = connection.execute(
            f"{rows.SELECT} WHERE state IN ({_STATES}) AND {others} UNION ALL "
            f"{rows.SELECT} WHERE cleanup = 'pending' AND +state = 'completed' AND {others}"
        ).fetchall()
        orphans = [rows.from_row(row) for row in found]
        claimed = [attrs.evolve(record, owner=self.owner, version=record.version + 1) for record in orphans]
        connection.executemany(
            "UPDATE jobs SET owner = ?, version = ?, seq = ?, writer = ? WHERE id = ?",
            [(record.owner, record.version, *marks(), record.id) for record in claimed],
        )
        return claimed

    def is_busy(self, connection: sqlite3.Connection, owner: Owner) -> bool:
        """Whether an owner has active jobs."""
        query = f"SELECT 1 FROM jobs WHERE state IN ({_STATES}) AND owner = ? LIMIT 1"
        return connection.execute(query, (owner.token,)).fetchone() is not None

    def kept(self, connection: sqlite3.Connection) -> list[PaidAnswer]:
        """Our own answers and those of dead owners. Raises OSError."""
        answers = self._file.kept() if self._file is not None else []
        for file in self._inherited(connection):
            answers += file.kept()
        return answers

    def drop(self, connection: sqlite3.Connection, answers: Collection[PaidAnswer]) -> None:
        """Wipe answers, and forget the dead owners that keep none any more. Raises OSError."""
        if self._file is not None:
            self._file.drop(answers)
        for file in self._inherited(connection):
            file.drop(answers)

    def leave(self) -> int:
        """Own no jobs any more. Gives the token that can be forgotten: 0 where answers are still kept under it."""
        file, token = self._file, self.owner
        self._file, self.owner, self._renewed = None, 0, None
        if file is None:
            return 0
        with contextlib.suppress(OSError):
            if not file.kept():
                file.remove()
                return token
        file.close()
        return 0

    def _inherited(self, connection: sqlite3.Connection) -> Iterator[OwnerFile]:
        """The files of dead owners, each locked while it is looked at; one that is empty afterwards is removed.

        First the file and then its row: a row without a file is dead anyway, so that a crash in between harms nothing.
        """
        others = self.others(connection)
        for owner in others:
            if owner.file is None or not owner.file.exists():
                self.forget(connection, owner.token)
                continue
            yield from self._inherit(owner.file, lapsed=self._has_lapsed(owner))
            if not owner.file.exists():
                self.forget(connection, owner.token)
        known = {owner.file for owner in others} | {self._file.path if self._file is not None else None}
        for path in self._path.parent.glob(f"{escaped(self._path.name)}.owner-*"):
            if path not in known and _OWNER_FILE.fullmatch(path.name):
                yield from self._inherit(path, lapsed=True)

    def forget(self, connection: sqlite3.Connection, token: int) -> None:
        """Delete an owner's row."""
        connection.execute("DELETE FROM owners WHERE token = ?", (token,))

    def _inherit(self, path: Path, *, lapsed: bool) -> Iterator[OwnerFile]:
        try:
            file = OwnerFile.inherit(path, lapsed=lapsed)
        except FileNotFoundError:
            return
        if file is None:
            return
        try:
            yield file
            if not file.kept():
                file.remove()
        finally:
            file.close()

    def _is_dead(self, owner: Owner) -> bool:
        if owner.file is None:
            return True
        try:
            file = OwnerFile.inherit(owner.file, lapsed=False)
        except FileNotFoundError:
            return True
        if file is None:
            return False
        file.close()
        return True

    def _has_lapsed(self, owner: Owner) -> bool:
        return self._wall() - owner.seen_at > LEASE

    def _is_due(self, now: tuple[float, float]) -> bool:
        renewed = self._renewed or now
        passed = (now[0] - renewed[0], now[1] - renewed[1])
        return max(passed) >= RENEWAL

    def _replace(self, gone: OwnerFile) -> None:
        """Somebody has deleted our file: others take us for dead now, but what is kept in it is still there."""
        self._file = OwnerFile.create(self._path)
        for answer in gone.kept():
            self._file.keep(answer)
        gone.close()

    def _beside(self, name: str | None) -> Path | None:
        # What a ledger says is not believed: no name in it may lead anywhere else.
        return self._path.with_name(name) if name is not None and _OWNER_FILE.fullmatch(name) else None

    def _now(self) -> tuple[float, float]:
        return self._monotonic(), self._wall()
