"""What a wallet is asked to sign, told in a way that a person can agree to."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import frozen

from venice_async.signin.chain import Chain


@frozen(kw_only=True)
class SignInToSign:
    """A text that proves for one request, for a few minutes, who sends it. It moves no money.

    An EVM wallet signs `message` as `personal_sign` does (EIP-191), a Solana wallet the UTF-8 bytes of it.
    """

    address: str
    chain: Chain
    domain: str
    message: str

    @property
    def summary(self) -> str:
        """The same as a sentence for the person who is asked."""
        return f"Sign in to {self.domain} as {self.address}, for one request. This moves no money."


@frozen(kw_only=True)
class PaymentToSign:
    """An authorisation that lets somebody else move USDC out of the wallet, once, up to an instant.

    `typed_data` is what `eth_signTypedData_v4` takes (EIP-712). `usd` is in US dollars, `valid_before` in Unix
    seconds; `network` is a CAIP-2 name. What the fields say and what `typed_data` says is the same: whoever makes
    this value has checked that.
    """

    address: str
    typed_data: Mapping[str, Any]
    usd: Decimal
    pay_to: str
    asset: str
    network: str
    valid_before: int

    @property
    def summary(self) -> str:
        """The same as a sentence for the person who is asked."""
        until = datetime.fromtimestamp(self.valid_before, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return (
            f"Pay {self.usd} USDC from {self.address} to {self.pay_to} on {self.network} "
            f"(token {self.asset}); the authorisation is good until {until}."
        )


Signer: TypeAlias = Callable[[SignInToSign | PaymentToSign], str | bytes | Awaitable[str | bytes]]
"""A wallet that keeps its key to itself: given what to sign, it gives the signature, at once or awaited.

An EVM signature is hex (with or without `0x`) or bytes, a Solana signature bytes, base58 or base64.
"""
