"""What a 402 offers and asks, as values. All of it is the server's claim: check it before anything is signed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen

_DECIMALS = 6
_MOST_DIGITS = 30


@frozen(kw_only=True)
class PaymentOption:
    """One entry of `accepts`: a way to pay that the server names.

    `network` is a CAIP-2 name, or a short one such as `solana`; `amount` counts base units of the token, as the text
    that the server wrote; `max_timeout_seconds` is None where it is no number. The texts are as written: a character
    that cannot be shown stands as U+FFFD, and nothing is mended, so that only what was right compares as right.
    """

    scheme: str
    network: str
    asset: str
    amount: str
    pay_to: str
    max_timeout_seconds: float | int | None = None
    extra: Mapping[str, Any] = field(factory=dict)

    @property
    def usd(self) -> Decimal | None:
        """The amount in US dollars at six decimals, as USDC has; None where it is not at most 30 plain digits."""
        text = self.amount
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            return None
        return Decimal(f"{text}E-{_DECIMALS}")  # made of a text: exact, where arithmetic would round to 28 digits


@frozen(kw_only=True)
class TopUpInstructions:
    """How the server describes a top-up. The address in it is the older form of `accepts`: prefer a fresh offer.

    `minimum_usd` is in US dollars. None, or an empty text, where the answer does not say.
    """

    steps: tuple[str, ...] = ()
    receiver_wallet: str = ""
    token_address: str = ""
    token_decimals: int | None = None
    network: str = ""
    minimum_usd: Decimal | None = None


@frozen(kw_only=True)
class SignInChallenge:
    """What the server proposes to sign in with. Our own sign-in needs none of it: it makes nonce and instant itself.

    `chains` are the chain ids that it takes, `issued_at` and `expires_at` its own texts.
    """

    domain: str = ""
    uri: str = ""
    nonce: str = ""
    issued_at: str = ""
    expires_at: str = ""
    statement: str = ""
    chains: tuple[str, ...] = ()
