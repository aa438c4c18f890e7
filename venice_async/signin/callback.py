"""Wallets that keep their key to themselves: a function of the user's is asked for each signature."""

import asyncio
import inspect
import re
from collections.abc import Callable
from typing import Any

from venice_async.errors import ConfigurationError, SignerError
from venice_async.signin import keys
from venice_async.signin.answers import signature_text
from venice_async.signin.chain import Chain
from venice_async.signin.hidden import HiddenBytes, HiddenStr, Unpicklable
from venice_async.signin.requests import PaymentToSign, Signer, SignInToSign
from venice_async.signin.worker import Worker

_EVM_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}")


class CallbackWallet(Unpicklable):
    """An address and the function that signs for it. Raises ConfigurationError for what is no address."""

    __slots__ = ("_address", "_given", "_limit", "_signer", "chain")

    def __init__(self, address: str, signer: Signer, *, limit: float) -> None:
        self._address: str | None = None
        if not callable(signer):
            raise ConfigurationError("signer must be a function that is given what to sign and gives the signature.")
        self._given = str(address).strip()
        self.chain = _chain_of(self._given)
        if self.chain is Chain.SOLANA:
            self._address = self._given
        self._signer = signer
        self._limit = limit

    def __repr__(self) -> str:
        return f"<CallbackWallet {self._address or '***'}>"

    @property
    def known_address(self) -> str | None:
        """The address, where it has been checksummed or needs no checksum."""
        return self._address

    def address(self) -> str:
        """The wallet's address, checksummed on Base. The first call imports a library."""
        if self._address is None:
            self._address = keys.checksummed(self._given)
        return self._address

    def secrets(self) -> tuple[str, ...]:
        """None: the key is not here."""
        return ()

    async def sign(self, asked: SignInToSign | PaymentToSign, worker: Worker) -> HiddenStr:
        """The signature as the API takes it. Raises SignerError where the function fails or gives none.

        A sign-in is waited for no longer than it is good for; how long a payment may take, its caller decides.
        """
        outcome: HiddenStr | str
        try:
            async with asyncio.timeout(self._limit if isinstance(asked, SignInToSign) else None):
                outcome = await self._outcome(asked, worker)
        except TimeoutError:
            outcome = f"did not answer within {self._limit:g} s"
        if isinstance(outcome, HiddenStr):
            return outcome
        raise SignerError(f"The wallet's signer {outcome}. Nothing was sent.")

    async def _outcome(self, asked: SignInToSign | PaymentToSign, worker: Worker) -> HiddenStr | str:
        """The signature; or, as a plain text, why there is none: its own words may hold anything."""
        try:
            answer = await self._answer(asked, worker)
        except Exception as error:  # noqa: BLE001 -- whatever a user's function raises, ours is raised outside
            return f"failed with {type(error).__name__}"
        if not isinstance(answer, HiddenStr | HiddenBytes):
            return f"gave a {type(answer).__name__} and not a signature"
        signature = await worker.run(signature_text, self.chain, answer)
        return signature or f"gave {len(answer)} characters that are no signature"

    async def _answer(self, asked: SignInToSign | PaymentToSign, worker: Worker) -> Any:
        if _is_async(self._signer):
            answer: Any = self._signer(asked)
        else:
            answer = await worker.run(_called, self._signer, asked)
        return _hidden(await answer if inspect.isawaitable(answer) else answer)


def _is_async(signer: Callable[..., Any]) -> bool:
    # An object with an `async def __call__` is one, too.
    return inspect.iscoroutinefunction(signer) or inspect.iscoroutinefunction(vars(type(signer)).get("__call__"))


def _hidden(answer: Any) -> Any:
    if isinstance(answer, bytes | bytearray | memoryview):
        return HiddenBytes(answer)
    return HiddenStr(answer) if isinstance(answer, str) else answer


def _called(signer: Signer, asked: SignInToSign | PaymentToSign) -> Any:
    """Runs in the thread. Two exceptions would mean something else once they have crossed over to the event loop."""
    try:
        return signer(asked)
    except (StopIteration, asyncio.CancelledError) as error:
        name = type(error).__name__
    raise RuntimeError(name)


def _chain_of(address: str) -> Chain:
    """On which chain an address lives. Raises ConfigurationError where it is none, or the extra is missing."""
    if _EVM_ADDRESS.fullmatch(address):
        keys.check_installed(Chain.BASE)
        return Chain.BASE
    keys.check_installed(Chain.SOLANA)
    if len(keys.base58_bytes(address) or b"") == 32:
        return Chain.SOLANA
    raise ConfigurationError(
        "address must be a wallet's: 0x and 40 hex digits on Base, or base58 of 32 bytes on Solana."
    )
