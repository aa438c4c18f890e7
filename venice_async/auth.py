"""Who pays: what proves it is added to each attempt of a call, and to calls to the API only."""

import re
from collections.abc import Mapping
from typing import Protocol

from venice_async.errors import ConfigurationError

_PRIVATE_KEY = re.compile(r"0[xX][0-9a-fA-F]{64}")


class Auth(Protocol):
    """Makes the credential headers of one attempt; asked anew for each, because a wallet's nonce is good for one."""

    async def headers(self) -> Mapping[str, str]: ...

    def secrets(self) -> tuple[str, ...]:
        """Texts that must never be shown: the server's words are searched for them."""
        ...


class HiddenStr(str):
    """A text that works as one but shows nothing when a repr, a debugger or a traceback prints it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class ApiKeyAuth:
    """`Authorization: Bearer KEY`.

    Raises ConfigurationError for a key that no HTTP header can carry, and for a wallet's: that one is never sent.
    """

    __slots__ = ("_key",)

    def __init__(self, api_key: str) -> None:
        key = api_key.strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigurationError("The API key is empty or holds characters that a key cannot have.")
        if _PRIVATE_KEY.fullmatch(key):
            raise ConfigurationError(
                "What was given as the API key looks like a wallet's private key. It was not sent anywhere.",
                advice="To pay by wallet put it into VENICE_WALLET_KEY, or give it to a WalletAuth.",
            )
        self._key = HiddenStr(key)

    async def headers(self) -> Mapping[str, str]:
        return {"authorization": HiddenStr(f"Bearer {self._key}")}

    def secrets(self) -> tuple[str, ...]:
        return (self._key,)

    def __repr__(self) -> str:
        return "ApiKeyAuth(***)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("an API key is not pickled; make a new ApiKeyAuth where it is needed")


class NoAuth:
    """No credential: enough for the catalogue and for most quotes."""

    __slots__ = ()

    async def headers(self) -> Mapping[str, str]:
        return {}

    def secrets(self) -> tuple[str, ...]:
        return ()

    def __repr__(self) -> str:
        return "NoAuth()"
