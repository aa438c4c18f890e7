"""The wallets that the server knows: credit and its ledger, USDC on the emulated chain, nonces, requests in flight."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from attrs import define, field, frozen

from venice_async.emulator.siwx import is_wallet, normal
from venice_async.errors import ConfigurationError

NONCE_MEMORY: Final = 330.0
"""Seconds for which a used nonce is remembered: as long as a text that holds it can be young enough, and a little."""
LEAST_CREDIT: Final = Decimal("0.10")
"""Credit without which a wallet is served nothing."""
USDC: Final = Decimal(10_000)
"""What each wallet holds on the emulated chain unless told otherwise."""

Amount = Decimal | float | str


@frozen(kw_only=True)
class WalletEntry:
    """One line of a wallet's ledger: `usd` is signed, `at` in job seconds, `wall` in Unix seconds.

    `kind` is "TOP_UP", "CHARGE" or "REFUND"; the last two say for which job.
    """

    id: str
    kind: str
    usd: Decimal
    balance_after_usd: Decimal
    at: float
    wall: float
    queue_id: str | None = None
    model: str | None = None


@frozen(kw_only=True)
class Transfer:
    """USDC that really moved on the emulated chain. `at` is in job seconds, `transaction` the hash that is told."""

    at: float
    payer: str
    pay_to: str
    usd: Decimal
    nonce: str
    transaction: str


@define(kw_only=True)
class EmulatedWallet:
    """One wallet. `address` is in lower case on EVM; `transactions` are in order, oldest first.

    `diem_usd` is None where the wallet is not linked to staked DIEM. `most_in_flight` is how many of its
    requests were ever there at the same time, refused ones with them.
    """

    address: str
    credit_usd: Decimal
    usdc: Decimal
    diem_usd: Decimal | None = None
    transactions: list[WalletEntry] = field(factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    _nonces: dict[str, float] = field(factory=dict, repr=False)
    _in_diem: dict[str, Decimal] = field(factory=dict, repr=False)

    @property
    def can_consume(self) -> bool:
        """Whether its requests are served at all."""
        return self.credit_usd >= LEAST_CREDIT or bool(self.diem_usd)

    def affords(self, usd: Decimal) -> bool:
        """Whether something can be charged. While DIEM is left it alone counts: it is spent first."""
        return (self.diem_usd or self.credit_usd) >= usd

    def charge(self, model: str, queue_id: str, usd: Decimal, *, at: float, wall: float) -> None:
        """Take the price of a job that it affords. What DIEM pays is no line of the ledger."""
        if self.diem_usd:
            self.diem_usd -= usd
            self._in_diem[queue_id] = usd
        else:
            self._enter("CHARGE", -usd, at=at, wall=wall, queue_id=queue_id, model=model)

    def refund(self, model: str, queue_id: str, usd: Decimal, *, at: float, wall: float) -> None:
        """Give the price of a job back the way that it was paid, once."""
        if queue_id in self._in_diem:
            self.diem_usd = (self.diem_usd or Decimal(0)) + self._in_diem.pop(queue_id)
        elif self._is_charged(queue_id):
            self._enter("REFUND", usd, at=at, wall=wall, queue_id=queue_id, model=model)

    def top_up(self, usd: Decimal, *, at: float, wall: float) -> None:
        """Credit a payment."""
        self._enter("TOP_UP", usd, at=at, wall=wall)

    def use(self, nonce: str, wall: float) -> bool:
        """Use a nonce up; False where it is used up already. What is too old to be sent again is forgotten."""
        for known, at in list(self._nonces.items()):
            if at + NONCE_MEMORY > wall:
                break  # in the order of time
            del self._nonces[known]
        if nonce in self._nonces:
            return False
        self._nonces[nonce] = wall
        return True

    def unuse(self, nonce: str) -> None:
        """Forget a nonce whose request never came this far."""
        self._nonces.pop(nonce, None)

    def _is_charged(self, queue_id: str) -> bool:
        kinds = [entry.kind for entry in self.transactions if entry.queue_id == queue_id]
        return kinds == ["CHARGE"]

    def _enter(
        self, kind: str, usd: Decimal, *, at: float, wall: float, queue_id: str | None = None, model: str | None = None
    ) -> None:
        self.credit_usd += usd
        self.transactions.append(WalletEntry(
            id=f"ledger_{self.address[:10]}_{len(self.transactions) + 1:06d}", kind=kind, usd=usd,
            balance_after_usd=self.credit_usd, at=at, wall=wall, queue_id=queue_id, model=model,
        ))  # fmt: skip


@define
class Stay:
    """One request's time at the server. `refused` where there was no room: that one takes none."""

    _wallet: EmulatedWallet | None = None
    refused: bool = False

    def leave(self) -> None:
        """Note that the answer was sent, or broke off. Harmless when called again."""
        wallet, self._wallet = self._wallet, None
        if wallet is not None:
            wallet.in_flight -= 1


class Wallets(Mapping[str, EmulatedWallet]):
    """All wallets by address, in any case. Asking for one that was never seen makes it: with USDC, without credit.

    Raises ConfigurationError for an address or an amount that cannot be.
    """

    def __init__(
        self,
        credit: Mapping[str, Amount] | None = None,
        *,
        usdc: Amount = USDC,
        diem: Mapping[str, Amount] | None = None,
        in_flight: int = 5,
    ) -> None:
        self.limit = in_flight
        self._usdc = _amount(usdc, "usdc")
        self._known: dict[str, EmulatedWallet] = {}
        for address, usd in (credit or {}).items():
            self._checked(address).credit_usd = _amount(usd, "wallets")
        for address, usd in (diem or {}).items():
            self._checked(address).diem_usd = _amount(usd, "diem")

    def __getitem__(self, address: str) -> EmulatedWallet:
        name = normal(address)
        if name not in self._known:
            if not is_wallet(name):
                raise KeyError(address)
            self._known[name] = EmulatedWallet(address=name, credit_usd=Decimal(0), usdc=self._usdc)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._known))

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"<Wallets {len(self)} known>"

    def enter(self, address: str) -> Stay:
        """A request of that wallet arrives: it stays until `leave()`."""
        wallet = self[address]
        wallet.most_in_flight = max(wallet.most_in_flight, wallet.in_flight + 1)
        if wallet.in_flight >= self.limit:
            return Stay(None, refused=True)
        wallet.in_flight += 1
        return Stay(wallet)

    def _checked(self, address: str) -> EmulatedWallet:
        if not is_wallet(address):
            raise ConfigurationError(f"{address[:60]!r} is no address of a wallet: 0x and 40 hex digits, or base58.")
        return self[address]


def _amount(value: Amount, name: str) -> Decimal:
    try:
        usd = Decimal(str(value))
    except InvalidOperation:
        usd = Decimal("NaN")
    if not (usd.is_finite() and usd >= 0):
        raise ConfigurationError(f"{name} takes amounts of US dollars that are not negative, not {str(value)[:40]!r}.")
    return usd
