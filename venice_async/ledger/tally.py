"""What all jobs of a ledger hold together, without reading them all for each new job."""

import sqlite3
from decimal import Decimal

from venice_async.jobs import JobRecord
from venice_async.ledger import rows
from venice_async.money import ZERO, totals_of

_FACTS = ("id", "state", "charge", "price_usd", "held_for", "doubtful_usd")
_SELECT = f"SELECT {', '.join(_FACTS)}, seq FROM jobs WHERE seq > ?"


class Tally:
    """Reads only the rows that were written since it last looked, by whomever.

    Every transaction that writes has a higher `seq` than those before it. Nothing is read before the
    first cap asks for it.
    """

    def __init__(self) -> None:
        self._current = False
        self._held: dict[str, Decimal]
        self.forget()

    def begin(self) -> None:
        """A transaction begins: others may have written since the last one."""
        self._current = False

    def forget(self) -> None:
        """A transaction was undone: what was noted of it is not so."""
        self._held, self._sum, self._seq = {}, ZERO, -1
        self._current = False

    def held_usd(self, connection: sqlite3.Connection) -> Decimal:
        """Spent and reserved US dollars of all jobs, as this transaction sees them."""
        if not self._current:
            for *values, seq in connection.execute(_SELECT, (self._seq,)).fetchall():
                self._put(rows.partly(dict(zip(_FACTS, values, strict=True))))
                self._seq = max(self._seq, seq)
            self._current = True
        return self._sum

    def note(self, record: JobRecord) -> None:
        """This transaction has written a record; before the first look it is found there anyway."""
        if self._current:
            self._put(record)

    def _put(self, record: JobRecord) -> None:
        held = totals_of(record).held_usd
        self._sum += held - self._held.get(record.id, ZERO)
        self._held[record.id] = held
