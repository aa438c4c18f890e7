"""The values of the API: what is asked and what is answered, frozen and typed.

Names and optionality follow the vendor's OpenAPI document (`QueueVideoRequest`, `QuoteVideoRequest`,
`ModelResponse`); times are seconds here, milliseconds stay in `wire`; money is `Decimal` US dollars.
"""

from venice_async.models.answers import (
    AccountLimits,
    Completed,
    ModelRateLimit,
    Processing,
    QueuedVideo,
    Quote,
    Transcript,
    UsageRow,
)
from venice_async.models.fields import given_fields
from venice_async.models.media import Element, Keyframe, Media, MediaFile
from venice_async.models.offers import Deprecation, VideoConstraints, VideoModel
from venice_async.models.requests import QUOTE_ONLY, QuoteRequest, SeedanceConsent, Suggestion, VideoRequest
from venice_async.models.wallet import TopUp, TopUpReceipt, WalletBalance, WalletPage, WalletTransaction

__all__ = [
    "QUOTE_ONLY",
    "AccountLimits",
    "Completed",
    "Deprecation",
    "Element",
    "Keyframe",
    "Media",
    "MediaFile",
    "ModelRateLimit",
    "Processing",
    "QueuedVideo",
    "Quote",
    "QuoteRequest",
    "SeedanceConsent",
    "Suggestion",
    "TopUp",
    "TopUpReceipt",
    "Transcript",
    "UsageRow",
    "VideoConstraints",
    "VideoModel",
    "VideoRequest",
    "WalletBalance",
    "WalletPage",
    "WalletTransaction",
    "given_fields",
]
