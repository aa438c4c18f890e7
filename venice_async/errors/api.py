"""What the server, or the way to it, answered."""

from collections.abc import Mapping
from typing import Any

from venice_async.errors.base import Charge, VeniceError
from venice_async.errors.payments import PaymentOption


class APIConnectionError(VeniceError):
    """No usable answer came back. `proof` names what proves that the request was not processed, if anything does."""

    advice = "Check the network, then try again."
    transient = True
    proof: str | None = None


class ConnectError(APIConnectionError):
    """No connection was made (name not found, refused, TLS, timeout): the request certainly was not processed."""

    advice = "Check the network and base_url, then try again."


class SendError(APIConnectionError):
    """The connection broke before the last byte of the request had left: it certainly was not processed."""

    advice = "It is safe to send it again."


class ReplyLostError(APIConnectionError):
    """The request was sent and the answer was lost or never came: for a paid call the outcome is unknown."""

    advice = "A call that costs nothing can be sent again; after a paid one look at the account's usage first."


class APIStatusError(VeniceError):
    """The server answered with an error status.

    `status` is the HTTP status, `code` the machine-readable code of the body if there is one, `ray`
    the CF-RAY header to quote to Venice's support.
    """

    advice = "Where the server's words do not help, ask Venice's support, with the CF-RAY of this answer (`ray`)."
    status: int = 0
    code: str | None = None
    ray: str | None = None


class BadRequestError(APIStatusError):
    """400: a parameter is wrong, or a queue_id not known. `details` and `issues` are the server's word on the input."""

    advice = "Correct the request; sending it again unchanged gives the same answer."
    status = 400
    details: Mapping[str, Any] | str | None = None
    issues: tuple[Any, ...] = ()


class AuthenticationError(APIStatusError):
    """401: the key is wrong or inactive, the model is for Pro accounts, or the wallet sign-in was refused."""

    advice = "Check the API key (VENICE_API_KEY): that it is whole and active, and that its account may use the model."
    status = 401


class PaymentRequiredError(APIStatusError):
    """402: no balance, or the key's spending limit is reached.

    `payment` holds what the answer says beyond its text: the x402 discovery (`x402Version`, `accepts`, `authOptions`)
    or the wallet form (`currentBalanceUsd`, `minimumTopUpUsd`, ...), and the decoded PAYMENT-REQUIRED header as
    `payment_required`, which stands for itself as well. `options` are the ways to pay of the body, or else of the
    header. Amounts and addresses in them are the server's claims: check them before paying anything.
    """

    advice = "Top up the balance or raise the key's spending limit, then try again."
    status = 402
    payment: Mapping[str, Any] | None = None
    options: tuple[PaymentOption, ...] = ()
    payment_required: Mapping[str, Any] | None = None


class PermissionDeniedError(APIStatusError):
    """403: the region, the key's privacy setting, or a wallet that does not match."""

    advice = (
        "Check whether the model is meant for your country (`venice-async check --region`) and what the key may do; "
        "another model may be open to it."
    )
    status = 403


class NotFoundError(APIStatusError):
    """404: the model is not known; on retrieve and links, the media expired or was deleted."""

    advice = "Check the model's id: `venice-async models` lists them."
    status = 404


class ConsentRequiredError(APIStatusError):
    """409 needs_consent: a person must read `policy_text` first. Nothing is charged; we never consent by ourselves."""

    advice = (
        "Have a person read the policy text; who agrees gives three confirmations, with `venice-async consent JOB`, "
        "`job.give_consent(...)` or `request.with_consent(...)`."
    )
    status = 409
    policy_text: str = ""
    consent_version: str = ""
    consent_flow: str = ""
    face_media_roles: tuple[str, ...] = ()
    docs_url: str | None = None
    code = "needs_consent"


class ConflictError(APIStatusError):
    """409 that is not about consent, such as PAYMENT_IN_PROGRESS."""

    advice = "Wait until what is under way is done, then try again."
    status = 409


class GoneError(APIStatusError):
    """410: a link that is used up, expired or revoked; or a retired endpoint, then `successor` names the next one."""

    advice = "It will not come back: look at `successor` where there is one."
    status = 410
    successor: str | None = None


class PayloadTooLargeError(APIStatusError):
    """413: the JSON body is above 35 MB; `data:` URLs count."""

    advice = "Use smaller media, or host them and give their https URLs."
    status = 413


class UnsupportedMediaTypeError(APIStatusError):
    """415: the server did not take the content type."""

    advice = "It was JSON when it left: check base_url, and any proxy in between."
    status = 415


class ContentRejectedError(APIStatusError):
    """422: the prompt or the media were refused. `credits_refunded` is the server's word, None where it is silent."""

    advice = "Change the prompt or the media."
    status = 422
    suggested_prompt: str | None = None
    recommended_model: str | None = None
    hint: str | None = None
    credits_refunded: bool | None = None


class RateLimitError(APIStatusError):
    """429: too many requests, or the model is overloaded. `retry_after` is in seconds, where the server said it."""

    transient = True
    advice = "Wait, then try again."
    status = 429
    retry_after: float | None = None


class FailureBlockError(RateLimitError):
    """429 after more than 20 failed requests within 30 s: the key is blocked for 30 s."""

    advice = "Send nothing for half a minute, and mend the requests that fail: each refusal counts."


class ServerError(APIStatusError):
    """500, 502, 504 and other 5xx. On queue they leave open whether the job was taken."""

    advice = "Try again in a while."
    transient = True
    retry_after: float | None = None


class CapacityError(ServerError):
    """503 said by Venice itself: the model is at capacity or offline; the request was not taken."""

    advice = "Wait, then try again."
    status = 503


class UnexpectedReplyError(VeniceError):
    """An answer that the API does not document: HTML from a proxy, broken JSON, a missing field."""

    advice = "Check base_url, and any proxy in between; else ask Venice's support, with the CF-RAY (`ray`)."
    status: int = 0
    ray: str | None = None


class UnexpectedRedirectError(UnexpectedReplyError):
    """A 3xx answer. Redirects are never followed: they would carry the key or the prompt to another place."""

    advice = "Check base_url: it must be the API's own address."


class GenerationFailedError(VeniceError):
    """The server's status word says that the generation failed, without an error of its own."""

    charge = Charge.UNVERIFIED
    advice = "Look at the account's usage for a refund; the prompt can be submitted again as a new job."
