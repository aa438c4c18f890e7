"""Where jobs are kept so that no crash can lose one: the `Ledger` seam and its two implementations."""

from venice_async.ledger.memory import MemoryLedger
from venice_async.ledger.protocol import Ledger
from venice_async.ledger.sqlite import SqliteLedger

__all__ = ["Ledger", "MemoryLedger", "SqliteLedger"]
