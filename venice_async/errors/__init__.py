"""Every error this package raises, as one tree.

::

    VeniceError
    ├── ConfigurationError            a setting is missing or unsafe; nothing was sent
    ├── InvalidRequestError           refused here, before the network (.problems, .located)
    ├── BudgetExceededError           the price does not fit under budget_usd
    ├── APIConnectionError            no answer from the server
    │   ├── ConnectError              no connection was made: certainly not processed
    │   ├── SendError                 cut before the whole request had left: certainly not processed
    │   └── ReplyLostError            sent, but the answer did not come back whole: outcome unknown
    ├── APIStatusError                the server answered with an error status (.status, .code, .ray)
    │   ├── BadRequestError           400 (.details, .issues)
    │   ├── AuthenticationError       401
    │   │   └── SignInError           401, a wallet's sign-in (.code, .is_clock, .is_stale)
    │   ├── PaymentRequiredError      402 (.payment: what the body and PAYMENT-REQUIRED header say; .options)
    │   │   ├── DiscoveryError        402 without any credential (.auth_options)
    │   │   └── WalletBalanceError    402, the wallet's credit is too low (.balance_usd, .instructions, .challenge)
    │   ├── PermissionDeniedError     403
    │   │   └── WalletMismatchError   403, another wallet's account
    │   ├── NotFoundError             404
    │   ├── ConsentRequiredError      409 needs_consent (.policy_text, .consent_version, .face_media_roles)
    │   ├── ConflictError             409, any other
    │   ├── GoneError                 410 (.successor)
    │   ├── PayloadTooLargeError      413
    │   ├── UnsupportedMediaTypeError 415
    │   ├── ContentRejectedError      422 (.suggested_prompt, .recommended_model, .hint, .credits_refunded)
    │   ├── RateLimitError            429 (.retry_after)
    │   │   ├── FailureBlockError     429, too many failed requests: the key is blocked for 30 s
    │   │   └── WalletConcurrencyError 429, more than five requests of a wallet in flight
    │   └── ServerError               5xx
    │       └── CapacityError         503, said by Venice itself: the model is at capacity or offline
    ├── UnexpectedReplyError          an answer that the API does not document (.status, .ray)
    │   └── UnexpectedRedirectError   a 3xx: never followed
    ├── GenerationFailedError         the status word of a retrieve answer is "failed"
    ├── SignerError                   the wallet's signer failed or refused; nothing was sent
    ├── TopUpError                    about a top-up (.usd)
    │   ├── SpendingCapError          above a cap of the user's: nothing was signed (.cap_usd, .available_usd)
    │   ├── UntrustedOfferError       the offer failed our checks: nothing was signed (.options)
    │   ├── TopUpRefusedError         the server said no (.status, .code, .expires_at)
    │   └── TopUpPendingError         nobody can tell yet (.expires_at)
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
        ├── StaleRecordError          somebody else moved the record, or works on the job
        └── DuplicateQueueIdError     another job has this queue_id already (.queue_id)

Each says what happened to the money (`charge`) and, in its text, what to do next (`advice`). The
message is the only positional argument and every fact is keyword-only with a default, so that
errors survive pickle and copy. No message, fact or cause ever holds a credential or a private link.
"""

from venice_async.errors.api import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    CapacityError,
    ConflictError,
    ConnectError,
    ConsentRequiredError,
    ContentRejectedError,
    FailureBlockError,
    GenerationFailedError,
    GoneError,
    NotFoundError,
    PayloadTooLargeError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    ReplyLostError,
    SendError,
    ServerError,
    UnexpectedRedirectError,
    UnexpectedReplyError,
    UnsupportedMediaTypeError,
)
from venice_async.errors.base import (
    BudgetExceededError,
    Charge,
    ConfigurationError,
    InvalidRequestError,
    VeniceError,
)
from venice_async.errors.payments import PaymentOption, SignInChallenge, TopUpInstructions
from venice_async.errors.wallet import (
    DiscoveryError,
    SignerError,
    SignInError,
    SpendingCapError,
    TopUpError,
    TopUpPendingError,
    TopUpRefusedError,
    UntrustedOfferError,
    WalletBalanceError,
    WalletConcurrencyError,
    WalletMismatchError,
)
from venice_async.errors.work import (
    DestinationExistsError,
    DownloadError,
    DuplicateQueueIdError,
    IncompleteDownloadError,
    InvalidVideoError,
    JobCancelledError,
    JobError,
    JobHeldError,
    LedgerError,
    ManagerClosedError,
    StaleRecordError,
    UnknownOutcomeError,
    VideoTooLargeError,
)

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "CapacityError",
    "Charge",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "ConsentRequiredError",
    "ContentRejectedError",
    "DestinationExistsError",
    "DiscoveryError",
    "DownloadError",
    "DuplicateQueueIdError",
    "FailureBlockError",
    "GenerationFailedError",
    "GoneError",
    "IncompleteDownloadError",
    "InvalidRequestError",
    "InvalidVideoError",
    "JobCancelledError",
    "JobError",
    "JobHeldError",
    "LedgerError",
    "ManagerClosedError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PaymentOption",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "RateLimitError",
    "ReplyLostError",
    "SendError",
    "ServerError",
    "SignInChallenge",
    "SignInError",
    "SignerError",
    "SpendingCapError",
    "StaleRecordError",
    "TopUpError",
    "TopUpInstructions",
    "TopUpPendingError",
    "TopUpRefusedError",
    "UnexpectedRedirectError",
    "UnexpectedReplyError",
    "UnknownOutcomeError",
    "UnsupportedMediaTypeError",
    "UntrustedOfferError",
    "VeniceError",
    "VideoTooLargeError",
    "WalletBalanceError",
    "WalletConcurrencyError",
    "WalletMismatchError",
]
