"""What goes wrong with a wallet: its sign-in, its credit, its signer, and top-ups."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from venice_async.errors.api import (
    AuthenticationError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
)
from venice_async.errors.base import Charge, VeniceError
from venice_async.errors.payments import PaymentOption, SignInChallenge, TopUpInstructions

_PREFIX = "X402_SIGN_IN_"
_SET_THE_CLOCK = "Set this machine's clock (NTP): a sign-in is good for five minutes, and for half a minute ahead."
_WHOLE_TEXT = "the whole text as it is given (EIP-191 `personal_sign` on Base, Ed25519 on Solana)"
_NOT_OURS = "Look what changes or makes the sign-in header: a signer or an Auth of your own, or a proxy in between."
_CURES = {
    "INVALID_PAYLOAD": f"The header lacks its address, message or signature. {_NOT_OURS}",
    "PARSE_ERROR": f"The header did not arrive as base64 of JSON. {_NOT_OURS}",
    "INVALID_MESSAGE": "Look at `domain`, `uri` and `statement` of the WalletAuth: the server cannot read the text.",
    "ADDRESS_MISMATCH": "Give the WalletAuth the address of the key that signs: the text names another wallet.",
    "INVALID_CHAIN_ID": f"The chain is not written as the server wants it. {_NOT_OURS}",
    "CHAIN_MISMATCH": f"The header and the signed text name two chains. {_NOT_OURS}",
    "UNSUPPORTED_CHAIN": "Use a wallet on Base (eip155:8453) or on Solana's main network: others are not taken.",
    "MISSING_NONCE": f"The signed text has no nonce of at least eight letters and digits. {_NOT_OURS}",
    "DOMAIN_MISMATCH": "Leave `domain` of the WalletAuth at api.venice.ai, and check that base_url is Venice's own.",
    "TIMESTAMP_MISMATCH": f"The header's instant is not the signed one. {_SET_THE_CLOCK}",
    "EXPIRED": f"The sign-in was too old when it arrived: sign faster, or with a right clock. {_SET_THE_CLOCK}",
    "FUTURE_TIMESTAMP": f"The sign-in is dated ahead of the server's time. {_SET_THE_CLOCK}",
    "NOT_BEFORE": f"The sign-in is not good yet by the server's time. {_SET_THE_CLOCK}",
    "INVALID_SIGNATURE": f"Check that the signer holds the key of this address, and signs {_WHOLE_TEXT}.",
    "INVALID_WALLET": "Check the wallet's address: the server does not take it for one.",
    "NONCE_REUSED": "Sign each request anew: a signature came twice, perhaps by a proxy that repeats requests.",
}
_CLOCK = frozenset({"EXPIRED", "FUTURE_TIMESTAMP", "TIMESTAMP_MISMATCH", "NOT_BEFORE"})


class SignInError(AuthenticationError):
    """401: the wallet's sign-in was refused. `code` says why (`X402_SIGN_IN_...`), and the advice is its cure.

    The answers on balance and transactions carry no code: there the cause is one of the same, untold.
    """

    advice = (
        "Check this machine's clock, then the wallet's key or signer: the sign-in must be fresh, "
        "and signed by the key of its address."
    )

    def __init__(self, message: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        if "advice" not in facts and (cure := _CURES.get(self._reason)):
            self.advice = cure

    @property
    def _reason(self) -> str:
        code = self.code or ""
        return code.removeprefix(_PREFIX) if code.startswith(_PREFIX) else ""

    @property
    def is_clock(self) -> bool:
        """Whether a wrong clock explains it, so that it is worth learning the server's. Untold causes count as such."""
        return self._reason in _CLOCK or not self.code

    @property
    def is_stale(self) -> bool:
        """Whether it is worth one new signature: the clock, or a nonce that was used before."""
        return self.is_clock or self._reason == "NONCE_REUSED"


class DiscoveryError(PaymentRequiredError):
    """402 because the request carried no credential: the answer says how one pays, in `options` and `auth_options`."""

    advice = "Set VENICE_API_KEY, or VENICE_WALLET_KEY to pay by wallet, then try again."
    auth_options: Mapping[str, Any] | None = None


class WalletBalanceError(PaymentRequiredError):
    """402 because the wallet's credit is below the least that a request needs. US dollars; None where it is not said.

    `instructions` and `challenge` are what the server proposes to do next, `tokens` and `chains` what it takes.
    """

    advice = (
        "Top up with `venice-async wallet top-up USD --cap USD` or `venice.wallet.top_up(usd, cap_usd=...)`. A wallet "
        "linked to staked DIEM spends that first, and then a top-up does not help: `venice-async wallet balance`."
    )
    balance_usd: Decimal | None = None
    minimum_balance_usd: Decimal | None = None
    minimum_top_up_usd: Decimal | None = None
    suggested_top_up_usd: Decimal | None = None
    instructions: TopUpInstructions | None = None
    challenge: SignInChallenge | None = None
    tokens: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()


class WalletConcurrencyError(RateLimitError):
    """429: more than five requests of one wallet were in flight."""

    advice = "Let other programs that use this wallet finish, or give each its own wallet; then try again."


class WalletMismatchError(PermissionDeniedError):
    """403: a wallet asked for the balance or the transactions of another one."""

    advice = "Ask with the wallet that it is about: each may only look at its own account."


class SignerError(VeniceError):
    """The wallet's own signer failed, refused, or gave something that is no signature. Nothing was sent.

    What the signer raised is named by its type alone and is not the cause of this one: it could hold a key.
    """

    advice = "Look at the signer (a device may be locked, or somebody said no), then try again."


class TopUpError(VeniceError):
    """A top-up did not happen, or nobody can tell yet. `usd` is the amount that it was about, in US dollars."""

    advice = "Look at the wallet's balance before the next one: `venice-async wallet balance`."
    usd: Decimal | None = None


class SpendingCapError(TopUpError):
    """The amount does not fit under a cap that the user set. Nothing was signed."""

    advice = "Raise the cap if more is meant to be paid."
    cap_usd: Decimal | None = None
    available_usd: Decimal | None = None


class UntrustedOfferError(TopUpError):
    """What the server offers (`options`) is not USDC on Base under the documented terms. Nothing was signed."""

    advice = "Check base_url; where it is Venice's own, ask Venice's support before paying anything."
    options: tuple[PaymentOption, ...] = ()


class TopUpRefusedError(TopUpError):
    """The server refused the payment: `status` and `code` say why, in its words.

    `charge` is NONE for the codes by which it says that no money moved, and UNVERIFIED for any other no.

    It holds a signed authorisation all the same, good until `expires_at` (Unix seconds). Until then the payment
    counts under the caps, and the next top-up sends this same one again instead of signing another.
    """

    advice = (
        "Mend the cause, then make the same top-up again: until this payment expires that sends this same one, "
        "and signs no other."
    )
    status: int = 0
    code: str | None = None
    expires_at: float | None = None


class TopUpPendingError(TopUpError):
    """A payment was sent and nobody can tell yet whether it moved money. It may until `expires_at` (Unix seconds).

    With `charge` NONE another program has begun one of `usd` that is not signed yet: it counts until then at most.
    """

    charge = Charge.UNVERIFIED
    transient = True
    advice = (
        "Call top_up again (or type the same command): that sends the same payment again, which moves money once at "
        "most, and signs nothing new."
    )
    expires_at: float | None = None
