"""A wallet's account at Venice. Money is in US dollars; all of it is what the server says."""

from datetime import datetime
from decimal import Decimal

from attrs import frozen


@frozen(kw_only=True)
class WalletBalance:
    """What a wallet has. `diem_usd` is there for wallets that are linked to staked DIEM, which is spent first."""

    wallet_address: str
    usd: Decimal
    can_consume: bool
    minimum_top_up_usd: Decimal
    suggested_top_up_usd: Decimal
    diem_usd: Decimal | None = None


@frozen(kw_only=True)
class WalletTransaction:
    """One line of a wallet's account. `usd` is signed: below nothing for a charge.

    `kind` is the server's word: TOP_UP, CHARGE or REFUND. One request may make several charges under one
    `request_id`, and a refund of them is one line for the sum, then without a `model`. A charge that the credit
    did not cover is cut down to it, so a line that leaves nothing may tell less than the price.
    """

    id: str
    usd: Decimal
    balance_after_usd: Decimal
    kind: str
    created_at: datetime
    request_id: str | None = None
    model: str | None = None


@frozen(kw_only=True)
class WalletPage:
    """One page of a wallet's account, newest first; `offset` counts the lines before it.

    `left_out` counts lines that could not be read, where the reader passes over these.
    """

    transactions: tuple[WalletTransaction, ...]
    balance_usd: Decimal
    has_more: bool
    offset: int
    left_out: int = 0


@frozen(kw_only=True)
class TopUp:
    """A top-up that was credited. `usd` is what was paid, `balance_usd` the credit afterwards where it is known.

    `credited_usd` is what the server says that it credited for it, None where that was not told; `difference` says so
    where the two are not the same. `transaction` is its hash on the chain. `resumed` says that an earlier payment,
    whose outcome was open, was finished instead of a new one being signed.
    """

    wallet_address: str
    usd: Decimal
    balance_usd: Decimal | None = None
    payment_id: str | None = None
    transaction: str | None = None
    resumed: bool = False
    credited_usd: Decimal | None = None

    @property
    def difference(self) -> str:
        """A sentence for a person where another amount was credited than was paid; otherwise nothing."""
        if self.credited_usd is None or self.credited_usd == self.usd:
            return ""
        return (
            f"${self.usd:f} was paid, and the server says that it credited ${self.credited_usd:f} for it: "
            "ask Venice's support where that is not what you expect."
        )


@frozen(kw_only=True)
class TopUpReceipt:
    """The server's answer to a payment that it settled."""

    wallet_address: str
    credited_usd: Decimal
    balance_usd: Decimal
    payment_id: str
    transaction: str | None = None
    payer: str | None = None
