"""What a server's 402 asks for, checked before anything is signed. All of it is its claim; no I/O here.

Only an address to pay to, a least amount and a time come from the server. Chain, token and the token's name are
constants of ours: a field that says anything else ends the top-up.
"""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import frozen

from venice_async.errors import InvalidRequestError, PaymentOption, UntrustedOfferError
from venice_async.payments.caps import MOST_USD
from venice_async.payments.payment import UNITS, usd_of

SCHEME = "exact"
NETWORK = "eip155:8453"
"""Base's main network."""
CHAIN_ID = 8453
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
"""The USDC contract on Base."""
TOKEN_NAME, TOKEN_VERSION = "USD Coin", "2"
LONGEST = 300
"""Seconds for which a payment may be good at most."""

_MOST_OPTIONS = 50
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_AMOUNT = re.compile(r"[1-9][0-9]{0,19}")
_EXTRA = {"name": TOKEN_NAME, "version": TOKEN_VERSION, "assetTransferMethod": "eip3009"}
"""What these fields may say if they are there. Any other transfer method would have us sign something else."""


@frozen(kw_only=True)
class Offer:
    """One entry that passed every check. `pay_to` and `asset` are spelled as the server does."""

    pay_to: str
    asset: str
    seconds: int
    minimum: int


def chosen(options: Sequence[PaymentOption], *, wallet: str, units: int, cap: int) -> Offer:
    """The one offer of USDC on Base, for a payment of so many units by this wallet.

    Raises UntrustedOfferError where there is none, where any such entry is not exactly as documented, and where
    two of them name different payees; InvalidRequestError where the least amount is above `units` but within `cap`.
    """
    if len(options) > _MOST_OPTIONS:
        raise UntrustedOfferError(f"The server offers {len(options)} ways to pay: nothing was signed.")
    offers = [_checked(option, wallet) for option in options if _is_meant(option)]
    if not offers:
        raise _untrusted("none of its ways to pay is USDC on Base", options)
    if len({offer.pay_to.lower() for offer in offers}) > 1:
        raise _untrusted("it names two different addresses to pay to", options)
    best = min(offers, key=lambda offer: offer.minimum)
    _check_minimum(best.minimum, units=units, cap=cap, options=options)
    return best


def _is_meant(option: PaymentOption) -> bool:
    return option.scheme == SCHEME and option.network == NETWORK and option.asset.lower() == USDC.lower()


def _checked(option: PaymentOption, wallet: str) -> Offer:
    if not _ADDRESS.fullmatch(option.pay_to):
        raise _untrusted("the address to pay to is not one", [option])
    payee = option.pay_to.lower()
    if int(payee, 16) == 0 or payee in {USDC.lower(), wallet.lower()}:
        raise _untrusted("the address to pay to is nobody's, the token's or your own", [option])
    if not _AMOUNT.fullmatch(option.amount):
        raise _untrusted("its amount is not a plain whole number", [option])
    seconds = _seconds(option.max_timeout_seconds)
    if seconds is None:
        raise _untrusted(f"its time limit is not a whole number of seconds from 1 to {LONGEST}", [option])
    if not _is_plain(option.extra):
        raise _untrusted("it wants another token, or another way of transfer, than documented", [option])
    return Offer(pay_to=option.pay_to, asset=option.asset, seconds=seconds, minimum=int(option.amount))


def _seconds(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if not math.isfinite(value) or not 1 <= value <= LONGEST or value != int(value):
        return None
    return int(value)


def _is_plain(extra: Any) -> bool:
    if extra is None:
        return True
    return isinstance(extra, Mapping) and all(name not in extra or extra[name] == due for name, due in _EXTRA.items())


def _check_minimum(minimum: int, *, units: int, cap: int, options: Sequence[PaymentOption]) -> None:
    if minimum <= units:
        return
    if minimum > min(cap, MOST_USD * UNITS):
        least = "an absurd amount" if minimum > MOST_USD * UNITS else f"at least ${usd_of(minimum)}"
        raise _untrusted(f"it wants {least}, and ${usd_of(units)} was asked for", options)
    sentence = f"A top-up is at least ${usd_of(minimum)} here, and ${usd_of(units)} was asked for: nothing was signed."
    raise InvalidRequestError(sentence, problems=(sentence,))


def _untrusted(why: str, options: Sequence[PaymentOption]) -> UntrustedOfferError:
    message = f"The server's offer is not trusted, because {why}: nothing was signed."
    return UntrustedOfferError(message, options=tuple(options))
