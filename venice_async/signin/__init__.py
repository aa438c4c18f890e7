"""Signing in with a wallet instead of an API key: the texts, the keys, and the `Auth` made of both.

The libraries behind it (extra `wallet`) are imported where they are first needed, and away from the event loop.
"""

from venice_async.signin.chain import Chain
from venice_async.signin.requests import PaymentToSign, Signer, SignInToSign
from venice_async.signin.wallet_auth import WalletAuth

__all__ = ["Chain", "PaymentToSign", "SignInToSign", "Signer", "WalletAuth"]
