"""Every error this package raises, as one tree.

::

    VeniceError
    ├── ConfigurationError            a setting is missing or unsafe; nothing was sent
    ├── InvalidRequestError           refused here, before the network (.problems)
    ├── BudgetExceededError           the price does not fit under budget_usd
    ├── APIConnectionError            no answer from the server
    │   ├── ConnectError              no connection was made: certainly not processed
    │   ├── SendError                 cut before the whole request had left: certainly not processed
    │   └── ReplyLostError            sent, but the answer did not come back whole: outcome unknown
    ├── APIStatusError                the server answered with an error status (.status, .code, .ray)
    │   ├── BadRequestError           400 (.details, .issues)
    │   ├── AuthenticationError       401
    │   ├── PaymentRequiredError      402 (.payment: what the body and PAYMENT-REQUIRED header say)
    │   ├── PermissionDeniedError     403
    │   ├── NotFoundError             404
    │   ├── ConsentRequiredError      409 needs_consent (.policy_text, .consent_version, .face_media_roles)
    │   ├── ConflictError             409, any other
    │   ├── GoneError                 410 (.successor)
    │   ├── PayloadTooLargeError      413
    │   ├── UnsupportedMediaTypeError 415
    │   ├── ContentRejectedError      422 (.suggested_prompt, .recommended_model, .hint, .credits_refunded)
    │   ├── RateLimitError            429 (.retry_after)
    │   │   └── FailureBlockError     429, too many failed requests: the key is blocked for 30 s
    │   └── ServerError               5xx
    │       └── CapacityError         503, said by Venice itself: the model is at capacity or offline
    ├── UnexpectedReplyError          an answer that the API does not document (.status, .ray)
    │   └── UnexpectedRedirectError   a 3xx: never followed
    ├── GenerationFailedError         the status word of a retrieve answer is "failed"
    ├── DownloadError                 the video could not be made a whole file
    │   ├── IncompleteDownloadError   the transfer ended early
    │   ├── InvalidVideoError         whole, but not an MP4 file
    │   ├── VideoTooLargeError        above the size cap
    │   └── DestinationExistsError    something already stands at the destination
    ├── JobError                      about one job (.job_id)
    │   ├── JobCancelledError         cancel() was called: we stopped waiting
    │   ├── JobHeldError              the job waits for a person (.reason)
    │   └── UnknownOutcomeError       nobody can tell whether the paid call was taken
    ├── ManagerClosedError            the JobManager was closed; the job goes on at the next start
    └── LedgerError                   the ledger file cannot be used

Each says what happened to the money (`charge`) and, in its text, what to do next (`advice`). The
message is the only positional argument and every fact is keyword-only with a default, so that
errors survive pickle and copy. No message, fact or cause ever holds a credential or a private link.
"""

import enum
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


class Charge(enum.Enum):
    """What happened to the money of the call or job that an error speaks of."""

    NONE = "none"
    """Nothing was charged."""
    REFUNDED = "refunded"
    """Charged at first, and the server says that it was given back."""
    CHARGED = "charged"
    """Charged and, by the server's own word or by rule, not given back."""
    UNVERIFIED = "unverified"
    """The answer does not tell: look at the account's usage page."""

    @property
    def sentence(self) -> str:
        """The same as a short sentence for a person."""
        return {
            Charge.NONE: "Nothing was charged.",
            Charge.REFUNDED: "The charge was refunded.",
            Charge.CHARGED: "It was charged.",
            Charge.UNVERIFIED: "Whether it was charged is not known.",
        }[self]


class VeniceError(Exception):
    """The root of every error of this package.

    `message` says what went wrong, `charge` what happened to the money, `advice` what to do next;
    `str()` joins the three.
    """

    charge: Charge = Charge.NONE
    advice: str = ""
    transient: bool = False
    """Whether the same call may well succeed a little later."""

    def __init__(self, message: str = "", **facts: Any) -> None:
        super().__init__(message)
        for name, value in facts.items():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} knows no fact {name!r}")
            setattr(self, name, value)

    @property
    def message(self) -> str:
        """What went wrong, without the money and the advice."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        message = self.message
        if message and message[-1] not in ".!?…":  # the server's own words often end without
            message += "."
        return " ".join(part for part in (message, self.charge.sentence, self.advice) if part)


class ConfigurationError(VeniceError):
    """A setting is missing, contradictory or unsafe; nothing was sent."""


class InvalidRequestError(VeniceError):
    """A request was refused here, before any network call; `problems` lists everything wrong with it."""

    problems: tuple[str, ...] = ()


class BudgetExceededError(VeniceError):
    """The price of a job does not fit under what is left of `budget_usd`; it was not sent."""

    advice = "Raise the budget, or cancel jobs that hold some of it."
    needed_usd: Decimal | None = None
    available_usd: Decimal | None = None


class APIConnectionError(VeniceError):
    """No usable answer came back. `proof` names what proves that the request was not processed, if anything does."""

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


class APIStatusError(VeniceError):
    """The server answered with an error status.

    `status` is the HTTP status, `code` the machine-readable code of the body if there is one, `ray`
    the CF-RAY header to quote to Venice's support.
    """

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

    advice = "Check the API key (VENICE_API_KEY)."


class PaymentRequiredError(APIStatusError):
    """402: no balance, or the key's spending limit is reached.

    `payment` holds what the answer says beyond its text: the x402 discovery (`x402Version`, `accepts`, `authOptions`)
    or the wallet form (`currentBalanceUsd`, `minimumTopUpUsd`, ...), and the decoded PAYMENT-REQUIRED header as
    `payment_required`. Amounts and addresses in it are the server's claims: check them before paying anything.
    """

    advice = "Top up the balance or raise the key's spending limit, then try again."
    status = 402
    payment: Mapping[str, Any] | None = None


class PermissionDeniedError(APIStatusError):
    """403: the region, the key's privacy setting, or a wallet that does not match."""


class NotFoundError(APIStatusError):
    """404: the model is not known; on retrieve and links, the media expired or was deleted."""


class ConsentRequiredError(APIStatusError):
    """409 needs_consent: a person must read `policy_text` first. Nothing is charged; we never consent by ourselves."""

    advice = "Have a person read policy_text, then send the same request with the three confirmations."
    status = 409
    policy_text: str = ""
    consent_version: str = ""
    consent_flow: str = ""
    face_media_roles: tuple[str, ...] = ()
    docs_url: str | None = None
    code = "needs_consent"


class ConflictError(APIStatusError):
    """409 that is not about consent, such as PAYMENT_IN_PROGRESS."""


class GoneError(APIStatusError):
    """410: a link that is used up, expired or revoked; or a retired endpoint, then `successor` names the next one."""

    status = 410
    successor: str | None = None


class PayloadTooLargeError(APIStatusError):
    """413: the JSON body is above 35 MB; `data:` URLs count."""

    advice = "Use smaller media, or host them and give their https URLs."


class UnsupportedMediaTypeError(APIStatusError):
    """415: the server did not take the content type."""


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


class ServerError(APIStatusError):
    """500, 502, 504 and other 5xx. On queue they leave open whether the job was taken."""

    transient = True
    retry_after: float | None = None


class CapacityError(ServerError):
    """503 said by Venice itself: the model is at capacity or offline; the request was not taken."""

    advice = "Wait, then try again."
    status = 503


class UnexpectedReplyError(VeniceError):
    """An answer that the API does not document: HTML from a proxy, broken JSON, a missing field."""

    status: int = 0
    ray: str | None = None


class UnexpectedRedirectError(UnexpectedReplyError):
    """A 3xx answer. Redirects are never followed: they would carry the key or the prompt to another place."""

    advice = "Check base_url: it must be the API's own address."


class GenerationFailedError(VeniceError):
    """The server's status word says that the generation failed, without an error of its own."""

    charge = Charge.UNVERIFIED
    advice = "Look at the account's usage for a refund; the prompt can be submitted again as a new job."


class DownloadError(VeniceError):
    """The video could not be made a whole file. What was paid for still waits at the server."""

    charge = Charge.CHARGED


class IncompleteDownloadError(DownloadError):
    """The transfer ended early, stalled, or was cut. The video can be fetched again."""

    transient = True


class InvalidVideoError(DownloadError):
    """All bytes came, but they are not an MP4 file."""


class VideoTooLargeError(DownloadError):
    """The video is larger than the size cap; nothing was kept."""

    advice = "Raise the size cap and fetch it again."


class DestinationExistsError(DownloadError):
    """Something already stands at the destination, and it is not overwritten."""

    charge = Charge.NONE
    advice = "Choose another output name, or move the file away."


class JobError(VeniceError):
    """About one job; `job_id` is our name for it."""

    job_id: str = ""


class JobCancelledError(JobError):
    """`cancel()` was called. We stopped waiting; the server has no cancel and gives no refund."""


class JobHeldError(JobError):
    """The job waits for a person: `reason` says for what, `problem` is the error that stopped it."""

    reason: str = ""
    problem: VeniceError | None = None


class UnknownOutcomeError(JobError):
    """Nobody can tell whether the paid call was taken. It is not sent again by itself; its price stays reserved."""

    charge = Charge.UNVERIFIED
    advice = "Look at the account's usage, then decide: `venice-async unknown`."
    problem: VeniceError | None = None


class ManagerClosedError(VeniceError):
    """The JobManager was closed while this was awaited; the ledger keeps the job and the next start goes on."""


class LedgerError(VeniceError):
    """The ledger file cannot be used: foreign, newer than this version, or not writable."""
