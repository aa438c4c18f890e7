"""One payment as the book keeps it, and the states that it goes through."""

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from attrs import field, frozen

from venice_async.auth import HiddenStr

UNITS = 10**6
"""USDC has six decimals: one dollar is a million of its units."""


class PaymentState(enum.Enum):
    """Where a payment stands."""

    RESERVED = "reserved"
    """Its amount counts under the caps, and nothing is signed yet."""
    SIGNED = "signed"
    """Signed, and perhaps sent: it may move money until it expires, or has."""
    REFUSED = "refused"
    """The server said no each time, but it holds the authorisation, which is good until it expires."""
    SETTLED = "settled"
    """Credited."""
    EXPIRED = "expired"
    """Its time is over, and by the server's word it moved no money. A receipt that comes later still settles it."""
    VOID = "void"
    """Given up before anything was sent."""


MOVES: Mapping[PaymentState, frozenset[PaymentState]] = {
    PaymentState.RESERVED: frozenset({PaymentState.SIGNED, PaymentState.VOID, PaymentState.EXPIRED}),
    PaymentState.SIGNED: frozenset({PaymentState.REFUSED, PaymentState.SETTLED, PaymentState.EXPIRED}),
    PaymentState.REFUSED: frozenset({PaymentState.SIGNED, PaymentState.SETTLED, PaymentState.EXPIRED}),
    PaymentState.SETTLED: frozenset(),
    PaymentState.EXPIRED: frozenset({PaymentState.SETTLED}),
    PaymentState.VOID: frozenset(),
}
"""The legal moves. What ends stays as it ended, but for the receipt of one that was thought to be over."""
OPEN = frozenset({PaymentState.RESERVED, PaymentState.SIGNED, PaymentState.REFUSED})
"""States in which something may still happen; of these a wallet has one payment at most."""


@frozen(kw_only=True)
class Purse:
    """Whose payments: a wallet at a server, both in lower case."""

    origin: str
    wallet: str


@frozen(kw_only=True)
class Payment:
    """A payment on record. `usd` and `pay_to` are what was approved, instants are Unix seconds.

    `expires_at` is when a signed authorisation stops being good. `automatic` says that a policy paid, and not a
    person. `payment_id` is the server's name for it, `transaction` its hash on the chain.
    """

    number: int
    origin: str
    wallet: str
    units: int
    pay_to: str
    automatic: bool
    state: PaymentState
    created_at: float
    since: float = field(repr=False)
    """No credit of it can be older than this, by the server's clock. It decides only where `known` is None."""
    known: frozenset[str] | None = field(default=None, repr=False)
    """The account's newest lines before it was signed, by their ids, while it is open: a credit of it is another one.

    None where the account could not be read then.
    """
    busy: bool = False
    """Whether the server said last that it is at it: then it may credit it long after its time."""
    maker: str | None = field(default=None, repr=False)
    """The process that reserved it; see `makers`."""
    expires_at: int | None = None
    nonce: str | None = None
    header: HiddenStr | None = field(default=None, repr=False)
    """The signed payment, while it is open. Whoever has it can make the payment happen."""
    payment_id: str | None = None
    transaction: str | None = None
    line: str | None = field(default=None, repr=False)
    """The id of the account's line that credits it, where one was looked for."""
    balance_usd: Decimal | None = None
    credited_usd: Decimal | None = None
    """What the server says that it credited for it; it need not be what was paid."""
    credited_to: str | None = None
    """The other wallet that a receipt named, where one did. Such a payment is never thought to have moved nothing."""
    closed_at: float | None = None

    @property
    def usd(self) -> Decimal:
        """The amount in US dollars."""
        return usd_of(self.units)

    @property
    def is_open(self) -> bool:
        """Whether it may still move money, or be signed."""
        return self.state in OPEN

    def is_stale(self, *, now: float, after: float) -> bool:
        """Whether nobody can still be about to sign it. A clock that was set back makes an age below nothing."""
        return self.state is PaymentState.RESERVED and abs(now - self.created_at) > after


def instant(at: float) -> str:
    """Unix seconds for a person."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def usd_of(units: int) -> Decimal:
    """Units of USDC as US dollars."""
    return Decimal(units) / UNITS
