"""The payments' file as a thread sees it: one connection and one transaction for each step, and nothing kept open.

Payments are rare, and a step that leaves nothing behind needs nobody to close it, survives a fork, and dies clean.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from venice_async.auth import HiddenStr
from venice_async.errors import LedgerError
from venice_async.ledger.place import Place, found_or_made
from venice_async.payments.caps import DAY, Mark, Taken, Wish
from venice_async.payments.makers import is_gone, this_maker
from venice_async.payments.payment import MOVES, OPEN, Payment, PaymentState, Purse

_T = TypeVar("_T")

APPLICATION_ID = 0x56454E50  # "VENP"
VERSION = 1
BUSY_TIMEOUT = 60.0
"""Seconds for which a neighbour that holds the file is waited for."""

_COLUMNS = (
    "n, origin, wallet, units, pay_to, automatic, state, created_at, since, expires_at, nonce, header, "
    "payment_id, tx, line, balance, credited, credited_to, closed_at, known, maker, busy"
)
_SELECT = f"SELECT {_COLUMNS} FROM payments"
_OPEN_STATES = ", ".join(f"'{state.value}'" for state in PaymentState if state in OPEN)
# AUTOINCREMENT: a number is never given out again, so "since number n" means the same for ever.
_TABLES = (
    """CREATE TABLE payments (n INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, wallet TEXT NOT NULL,
    units INTEGER NOT NULL CHECK (units > 0), pay_to TEXT NOT NULL, automatic INTEGER NOT NULL, state TEXT NOT NULL,
    created_at REAL NOT NULL, since REAL NOT NULL, expires_at INTEGER, nonce TEXT UNIQUE, header TEXT,
    payment_id TEXT, tx TEXT, line TEXT, balance TEXT, credited TEXT, credited_to TEXT, closed_at REAL,
    known TEXT, maker TEXT, busy INTEGER NOT NULL DEFAULT 0) STRICT""",
    f"CREATE UNIQUE INDEX one_open ON payments (origin, wallet) WHERE state IN ({_OPEN_STATES})",
    "CREATE INDEX of_purse ON payments (origin, wallet, n)",
)


class Store:
    """The methods are called in any thread; each opens the file, does its one transaction, and closes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mark(self, purse: Purse) -> Mark:
        """What is on record now, for a call that begins: the highest number, and those of this purse that are open."""

        def read(connection: sqlite3.Connection) -> Mark:
            (last,) = connection.execute("SELECT coalesce(max(n), 0) FROM payments").fetchone()
            query = f"SELECT n FROM payments WHERE origin = ? AND wallet = ? AND state IN ({_OPEN_STATES})"
            there = connection.execute(query, (purse.origin, purse.wallet))
            return Mark(last=last, beside=frozenset(n for (n,) in there))

        return self._do(read)

    def open_payment(self, purse: Purse) -> Payment | None:
        """The one that is open, with its header."""
        return self._do(lambda connection: _open_payment(connection, purse))

    def get(self, number: int) -> Payment:
        """The payment with this number. Raises LedgerError where it is gone."""
        return self._do(lambda connection: _one(connection, number))

    def payments(self, purse: Purse, *, with_open: bool) -> list[Payment]:
        """Those of a wallet, oldest first; all that ended, or only those that are open. Makes no file."""
        if not os.path.lexists(self.path):
            return []

        def read(connection: sqlite3.Connection) -> list[Payment]:
            which = f"state {'' if with_open else 'NOT '}IN ({_OPEN_STATES})"
            query = f"{_SELECT} WHERE origin = ? AND wallet = ? AND {which} ORDER BY n"
            return [_payment(row) for row in connection.execute(query, (purse.origin, purse.wallet))]

        return self._do(read)

    def check(self, purse: Purse, wish: Wish, *, now: float) -> None:
        """Raises SpendingCapError where the payment would not fit now. It saves a question; `reserve` decides."""
        self._do(lambda connection: _check(connection, purse, wish, now))

    def reserve(self, purse: Purse, wish: Wish, *, now: float, stale_after: float) -> tuple[Payment, bool]:
        """A new payment that counts from now on, and True; or the one that is open already, and False.

        One that was reserved and not signed within `stale_after` seconds, or by a process that has ended, belongs to
        nobody any more: it is void.
        Raises SpendingCapError where it does not fit under the caps.
        """

        def add(connection: sqlite3.Connection) -> tuple[Payment, bool]:
            there = _open_payment(connection, purse)
            if there is not None and _is_nobodys(there, now=now, after=stale_after):
                _move(connection, there, PaymentState.VOID, closed_at=now)
            elif there is not None:
                return there, False
            _check(connection, purse, wish, now)
            made = connection.execute(
                "INSERT INTO payments (origin, wallet, units, pay_to, automatic, state, created_at, since, maker)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (purse.origin, purse.wallet, wish.units, wish.pay_to, int(wish.limits.policy is not None),
                 PaymentState.RESERVED.value, now, wish.since, this_maker()),
            )  # fmt: skip
            return _one(connection, int(made.lastrowid or 0)), True

        return self._do(add, write=True)

    def move(self, number: int, state: PaymentState, **changes: Any) -> Payment:
        """Change a payment's state; one that has ended stays as it ended, and is given as it is.

        Where a reserved one was given up by another process, nothing may be signed any more: look at the state.
        """
        return self._do(partial(_moved, number=number, sources=OPEN, state=state, **changes), write=True)

    def settle_late(self, number: int, **changes: Any) -> Payment:
        """Record the credit of one that is open, or was thought to be over: for receipts, which name their payment."""
        sources = OPEN | {PaymentState.EXPIRED}
        return self._do(
            partial(_moved, number=number, sources=sources, state=PaymentState.SETTLED, **changes), write=True
        )

    def keep_told(self, number: int, **told: Any) -> Payment:
        """Keep what a receipt tells of an open payment and another wallet, the first one of all; nothing moves."""

        def keep(connection: sqlite3.Connection) -> Payment:
            there = _one(connection, number)
            if there.is_open and there.credited_to is None:
                _change(connection, number, told)
            return _one(connection, number)

        return self._do(keep, write=True)

    def keep_busy(self, number: int, *, busy: bool) -> Payment:
        """Keep whether the server is at it; nothing moves."""

        def keep(connection: sqlite3.Connection) -> Payment:
            _change(connection, number, {"busy": int(busy)})
            return _one(connection, number)

        return self._do(keep, write=True)

    def give_up(self, number: int, state: PaymentState, **changes: Any) -> Payment:
        """End a payment that is reserved and no more; any other stays as it is."""
        sources = frozenset({PaymentState.RESERVED})
        return self._do(partial(_moved, number=number, sources=sources, state=state, **changes), write=True)

    def _do(self, step: Callable[[sqlite3.Connection], _T], *, write: bool = False) -> _T:
        try:
            place = found_or_made(self.path, "payments file")
            with contextlib.closing(_connected(place)) as connection:
                _prepare(connection, self.path)
                if _pragma(connection, "user_version") < VERSION:
                    with _transaction(connection, place, write=True):
                        _make_tables(connection)
                with _transaction(connection, place, write=write):
                    return step(connection)
        except (sqlite3.Error, OSError, OverflowError) as foreign:
            reason = (foreign.strerror if isinstance(foreign, OSError) else str(foreign)) or type(foreign).__name__
        raise LedgerError(f"The payments in {self.path} cannot be read or written: {reason}.")


def _connected(place: Place) -> sqlite3.Connection:
    # mode=rw: where the file has just been deleted, SQLite must not make a new one that others could read.
    return sqlite3.connect(
        f"file:{quote(os.fspath(place.path))}?mode=rw", uri=True, timeout=BUSY_TIMEOUT, isolation_level=None
    )


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and _pragma(connection, "application_id") != APPLICATION_ID:
        raise LedgerError(f"{path} is a file of another kind: payments need one of their own.")
    if _pragma(connection, "user_version") > VERSION:
        raise LedgerError(f"{path} was written by a newer version of venice-async.", advice="Upgrade it.")
    connection.execute("PRAGMA journal_mode = DELETE")
    # EXTRA: a commit is the journal's disappearance, and a power failure must not undo one.
    connection.execute("PRAGMA synchronous = EXTRA")
    # A header that is erased is overwritten, and not only forgotten.
    connection.execute("PRAGMA secure_delete = ON")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, place: Place, *, write: bool) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        place.check()
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself, or the connection is gone
            connection.execute("ROLLBACK")
        raise


def _make_tables(connection: sqlite3.Connection) -> None:
    if _pragma(connection, "user_version") == VERSION:
        return  # another process was faster
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _check(connection: sqlite3.Connection, purse: Purse, wish: Wish, now: float) -> None:
    def taken(where: str, *values: object) -> Taken:
        lost = "CASE WHEN state = 'expired' THEN units ELSE 0 END"
        query = f"SELECT coalesce(sum(units), 0), coalesce(sum({lost}), 0) FROM payments WHERE {where}"
        return Taken(*connection.execute(query, values).fetchone())

    # A cap is for one wallet at one server: what an emulator has left open must not stand in a real one's way.
    mine, mark = (purse.origin, purse.wallet), wish.mark
    numbers = ", ".join("?" * len(mark.beside))
    alive = f"n IN ({numbers}) AND state IN ('settled', {_OPEN_STATES})"
    at_once = taken(
        f"origin = ? AND wallet = ? AND (n > ? AND state != 'void' OR {alive})", *mine, mark.last, *mark.beside
    )
    # What has expired counts here too: that it moved nothing is only the server's word, and nobody looks on.
    automatic = "origin = ? AND wallet = ? AND automatic = 1 AND state != 'void'"
    wish.limits.check(
        wish.units,
        at_once=at_once,
        # Dated ahead of now is what was written before the clock was set back: it counts.
        of_day=lambda: taken(f"{automatic} AND created_at > ?", *mine, now - DAY),
        ever=lambda: taken(automatic, *mine),
    )


def _is_nobodys(payment: Payment, *, now: float, after: float) -> bool:
    return payment.is_stale(now=now, after=after) or (payment.state is PaymentState.RESERVED and is_gone(payment.maker))


def _open_payment(connection: sqlite3.Connection, purse: Purse) -> Payment | None:
    query = f"{_SELECT} WHERE origin = ? AND wallet = ? AND state IN ({_OPEN_STATES})"
    row = connection.execute(query, (purse.origin, purse.wallet)).fetchone()
    return None if row is None else _payment(row)


def _one(connection: sqlite3.Connection, number: int) -> Payment:
    row = connection.execute(f"{_SELECT} WHERE n = ?", (number,)).fetchone()
    if row is None:
        raise LedgerError(f"Payment {number} is not on record any more: another file is in its place.")
    return _payment(row)


def _moved(
    connection: sqlite3.Connection,
    *,
    number: int,
    sources: AbstractSet[PaymentState],
    state: PaymentState,
    **changes: Any,
) -> Payment:
    there = _one(connection, number)
    if there.state in sources and state in MOVES[there.state]:
        _move(connection, there, state, **changes)
    return _one(connection, number)


def _move(connection: sqlite3.Connection, payment: Payment, state: PaymentState, **changes: Any) -> None:
    values: dict[str, Any] = {"state": state.value, **changes}
    if state not in OPEN:
        values |= {"header": None, "known": None}
    _change(connection, payment.number, values)


def _change(connection: sqlite3.Connection, number: int, values: Mapping[str, Any]) -> None:
    names = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE payments SET {names} WHERE n = ?", (*map(_plain, values.values()), number))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, frozenset):
        return json.dumps(sorted(value))
    return str.__str__(value) if isinstance(value, HiddenStr) else value


def _payment(row: Sequence[Any]) -> Payment:
    (number, origin, wallet, units, pay_to, automatic, state, created_at, since, expires_at, nonce, header,
     payment_id, transaction, line, balance, credited, credited_to, closed_at, known, maker, busy) = row  # fmt: skip
    return Payment(
        number=number,
        origin=origin,
        wallet=wallet,
        units=units,
        pay_to=pay_to,
        automatic=bool(automatic),
        state=PaymentState(state),
        created_at=created_at,
        since=since,
        expires_at=expires_at,
        nonce=nonce,
        header=None if header is None else HiddenStr(header),
        payment_id=payment_id,
        transaction=transaction,
        line=line,
        balance_usd=None if balance is None else Decimal(balance),
        credited_usd=None if credited is None else Decimal(credited),
        credited_to=credited_to,
        closed_at=closed_at,
        known=None if known is None else frozenset(json.loads(known)),
        maker=maker,
        busy=bool(busy),
    )
