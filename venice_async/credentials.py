"""Which way in: an API key or a wallet, as arguments or from the environment, or none."""

import os
from typing import TYPE_CHECKING

from venice_async.auth import ApiKeyAuth, Auth, NoAuth
from venice_async.errors import ConfigurationError
from venice_async.lane import Lane

if TYPE_CHECKING:
    from venice_async.signin import WalletAuth

API_KEY = "VENICE_API_KEY"
WALLET_KEY = "VENICE_WALLET_KEY"


def auth_from(api_key: str | None, auth: Auth | None) -> Auth:
    """What the arguments say; without any VENICE_API_KEY, then VENICE_WALLET_KEY. Empty variables count as none.

    Raises ConfigurationError for two at once, and for a key that cannot be one.
    """
    if auth is not None and api_key is not None:
        raise ConfigurationError("Give api_key or auth, not both.")
    if auth is not None:
        return auth
    if key := (api_key if api_key is not None else os.environ.get(API_KEY)):
        return ApiKeyAuth(key)
    if api_key is None and os.environ.get(WALLET_KEY):
        from venice_async.signin import WalletAuth

        return WalletAuth.from_env()
    return NoAuth()


def wallet_of(auth: Auth) -> "WalletAuth | None":
    """The wallet, where one is the way in."""
    if isinstance(auth, ApiKeyAuth | NoAuth):
        return None
    from venice_async.signin import WalletAuth

    return auth if isinstance(auth, WalletAuth) else None


def lane_of(auth: Auth) -> Lane | None:
    """The places for requests with this credential, where it limits how many are in flight at once.

    A `WalletAuth` has its own, which all clients of that object share. For an `Auth` that only says `in_flight`, a
    whole number, it is a new one.
    """
    lane, most = getattr(auth, "lane", None), getattr(auth, "in_flight", None)
    if isinstance(lane, Lane):
        return lane
    return Lane(most) if isinstance(most, int) else None


def payer_of(auth: Auth) -> str:
    """Which credential pays, in a few words without a secret: `API key`, `wallet 0xf39F...2266`, `no credential`."""
    if (wallet := wallet_of(auth)) is not None:
        address = wallet.known_address
        return "wallet" if address is None else f"wallet {address[:6]}...{address[-4:]}"
    return {ApiKeyAuth: "API key", NoAuth: "no credential"}.get(type(auth), "own credential")


def check_credential(auth: Auth) -> None:
    """Raises ConfigurationError where there is nothing to pay with."""
    if isinstance(auth, NoAuth):
        raise ConfigurationError(
            "There is neither an API key nor a wallet.",
            advice=f"Set {API_KEY} or {WALLET_KEY}, or give api_key or auth.",
        )
