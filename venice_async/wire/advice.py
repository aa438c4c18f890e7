"""What to do next, where that depends on which call an error answers: the same status means another thing on each."""

from venice_async.errors import (
    AuthenticationError,
    BadRequestError,
    ContentRejectedError,
    GoneError,
    NotFoundError,
    PermissionDeniedError,
    VeniceError,
)

_ANEW = "To have the video made anew, submit it as a new job, which costs again."
_DELIVERY = frozenset({"retrieve", "download"})


def advice_on(endpoint: str, error: VeniceError) -> str:
    """A sentence for a person, or nothing where the error's own advice is right."""
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
            return "Check base_url: it ends in /api/v1."
        case GoneError() if error.successor:
            return f"Its successor is {error.successor}."
        case AuthenticationError() if (error.code or "").startswith("X402_SIGN_IN"):
            return "Sign in anew: check the wallet's credential, and this machine's clock."
        case _:
            return ""


def _after_rejection(error: ContentRejectedError) -> str:
    if not (error.suggested_prompt or error.recommended_model):
        return ""
    made = "`venice-async generate --like JOB --suggested` or `request.with_suggestion(error)` make what is proposed"
    return f"{made}: a new job, which costs again."
