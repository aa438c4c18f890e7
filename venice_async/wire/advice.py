"""What to do next, where that depends on which call an error answers: the same status means another thing on each."""

from venice_async.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentRejectedError,
    GoneError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    SignInError,
    UnexpectedReplyError,
    VeniceError,
    WalletMismatchError,
)

_ANEW = "To have the video made anew, submit it as a new job, which costs again."
_DELIVERY = frozenset({"retrieve", "download"})
_REFUSED = frozenset({404, 405, 410, 413, 415, 429})
_ACCOUNT = frozenset({"wallet_balance", "wallet_transactions"})
_BASE_URL = "Check base_url, and what stands in between: by itself, this call answers otherwise."
_PATH = "Check base_url: it ends in /api/v1."
_LOOK_FIRST = (
    "Look at the wallet's balance and transactions before anything new is signed; "
    "calling top_up again sends the same payment, which moves money once at most."
)


def advice_on(endpoint: str, error: VeniceError) -> str:
    """A sentence for a person, or nothing where the error's own advice is right."""
    match error:
        case SignInError() | WalletMismatchError():
            return ""  # they know better themselves
        case BadRequestError(code="PAYMENT_HEADER_NOT_ACCEPTED"):
            return (
                "Send no payment header (PAYMENT-SIGNATURE, X-402-Payment, X-PAYMENT) with this call: something in "
                "between adds one. Credit is bought by a top-up (`venice-async wallet top-up`), then spent by sign-in."
            )
        case PermissionDeniedError() if endpoint in _ACCOUNT:
            return _BASE_URL
        case _:
            return _on_top_up(error) if endpoint == "top_up" else _on_video(endpoint, error)


def _on_video(endpoint: str, error: VeniceError) -> str:
    match error:
        case ContentRejectedError():
            return _after_rejection(error)
        case NotFoundError() | GoneError() if endpoint in _DELIVERY:
            return f"The server keeps a video for 24 hours, or until it is deleted. {_ANEW}"
        case BadRequestError() if endpoint == "retrieve":
            return "Where it means the queue_id, the server keeps one for 24 hours: look at the account's usage."
        case PermissionDeniedError() if endpoint in _DELIVERY:
            return "Check the key, and the network that this is asked from; to ask again is free."
        case NotFoundError() if endpoint not in {"queue", "quote"}:
            return _PATH
        case GoneError() if error.successor:
            return f"Its successor is {error.successor}."
        case _:
            return ""


def _on_top_up(error: VeniceError) -> str:
    match error:
        case ConflictError():
            return (
                "It is being settled, or was before: calling top_up again sends the same payment, and signs no other."
            )
        case PaymentRequiredError(code="SETTLEMENT_FAILED"):
            return "No USDC moved: check that the wallet holds enough of it on Base, then try again."
        case PaymentRequiredError() | BadRequestError():
            return "The payment was not taken: what it says must be mended before another is signed."
        case AuthenticationError() | PermissionDeniedError():
            return _BASE_URL
        case NotFoundError():
            return _PATH
        case UnexpectedReplyError():
            return f"Check base_url: it must be the API's own address. {_LOOK_FIRST}"
        case _:
            return "" if getattr(error, "status", 0) in _REFUSED else _LOOK_FIRST


def _after_rejection(error: ContentRejectedError) -> str:
    if not (error.suggested_prompt or error.recommended_model):
        return ""
    made = "`venice-async generate --like JOB --suggested` or `request.with_suggestion(error)` make what is proposed"
    return f"{made}: a new job, which costs again."
