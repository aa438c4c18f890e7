"""Asyncio-native SDK and job orchestrator for the Venice.ai video API.

`VeniceClient` makes the API's calls; `JobManager` runs many jobs at once and brings the videos home;
`Emulator` is a Venice to develop against, free of charge. Names are imported when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from venice_async.auth import ApiKeyAuth, Auth
    from venice_async.backoff import Backoff
    from venice_async.bodies import VideoBody
    from venice_async.builders import (
        elements_to_video,
        image_to_video,
        keyframes_to_video,
        reference_to_video,
        seedance_edit,
        seedance_extend,
        seedance_reference,
        seedance_stitch,
        text_to_video,
        upscale,
        video_to_video,
    )
    from venice_async.catalog import Catalog, CatalogKeeper, Review
    from venice_async.client import VeniceClient
    from venice_async.clock import Clock, SystemClock
    from venice_async.download import Overwrite
    from venice_async.emulator import Emulator
    from venice_async.errors import Charge, VeniceError
    from venice_async.errors.problems import Problem
    from venice_async.jobs import (
        Delivery,
        JobDelayed,
        JobEvent,
        JobPolled,
        JobProgress,
        JobRecord,
        JobState,
        JobStateChanged,
        JobWarning,
        VideoFile,
        WalletToppedUp,
    )
    from venice_async.ledger import Ledger, MemoryLedger, SqliteLedger
    from venice_async.limits import RateLimits
    from venice_async.manager import JobManager, Resolution
    from venice_async.manager.job import Job
    from venice_async.manager.streaming import JobStream
    from venice_async.models import (
        AccountLimits,
        Completed,
        Element,
        Keyframe,
        MediaFile,
        Processing,
        QueuedVideo,
        Quote,
        QuoteRequest,
        SeedanceConsent,
        TopUp,
        Transcript,
        VideoConstraints,
        VideoModel,
        VideoRequest,
        WalletBalance,
        WalletTransaction,
    )
    from venice_async.money import Totals
    from venice_async.payments import Payment, TopUpPolicy, Wallet
    from venice_async.reconcile import Evidence, Finding
    from venice_async.signin import Chain, PaymentToSign, Signer, SignInToSign, WalletAuth
    from venice_async.transport import AiohttpTransport, Timeouts, Transport

__version__ = "0.1.0"

_HOMES = {
    "manager": ("JobManager", "Resolution"),
    "manager.job": ("Job",),
    "manager.streaming": ("JobStream",),
    "reconcile": ("Finding", "Evidence"),
    "client": ("VeniceClient",),
    "models": (
        "VideoRequest", "MediaFile", "Element", "Keyframe", "SeedanceConsent", "QuoteRequest", "Quote", "QueuedVideo",
        "Processing", "Completed", "Transcript", "VideoModel", "VideoConstraints", "AccountLimits",
        "TopUp", "WalletBalance", "WalletTransaction",
    ),
    "builders": (
        "text_to_video", "image_to_video", "reference_to_video", "elements_to_video", "keyframes_to_video",
        "video_to_video", "upscale", "seedance_reference", "seedance_edit", "seedance_extend", "seedance_stitch",
    ),
    "catalog": ("Catalog", "CatalogKeeper", "Review"),
    "errors.problems": ("Problem",),
    "bodies": ("VideoBody",),
    "jobs": (
        "VideoFile", "JobState", "JobRecord", "JobEvent", "JobStateChanged", "JobPolled", "JobProgress", "JobDelayed",
        "JobWarning", "WalletToppedUp", "Delivery",
    ),
    "errors": ("VeniceError", "Charge"),
    "limits": ("RateLimits",),
    "money": ("Totals",),
    "download": ("Overwrite",),
    "backoff": ("Backoff",),
    "clock": ("Clock", "SystemClock"),
    "auth": ("Auth", "ApiKeyAuth"),
    "signin": ("WalletAuth", "Chain", "Signer", "SignInToSign", "PaymentToSign"),
    "payments": ("Wallet", "TopUpPolicy", "Payment"),
    "transport": ("Transport", "AiohttpTransport", "Timeouts"),
    "ledger": ("Ledger", "SqliteLedger", "MemoryLedger"),
    "emulator": ("Emulator",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "JobManager", "Job", "Resolution", "VeniceClient", "VideoRequest", "MediaFile", "Element", "Keyframe",
    "SeedanceConsent", "QuoteRequest", "Quote", "QueuedVideo", "Processing", "Completed", "VideoBody",
    "Transcript", "VideoModel", "VideoConstraints", "AccountLimits", "VideoFile", "JobState", "JobRecord",
    "JobEvent", "JobStateChanged", "JobPolled", "JobProgress", "JobDelayed", "JobWarning", "JobStream",
    "Delivery", "Finding", "Evidence", "VeniceError", "Charge", "RateLimits", "Totals", "Overwrite", "Backoff",
    "Clock", "SystemClock", "Auth", "ApiKeyAuth", "Transport", "AiohttpTransport", "Timeouts", "Ledger",
    "SqliteLedger", "MemoryLedger", "Emulator", "text_to_video", "image_to_video", "reference_to_video",
    "elements_to_video", "keyframes_to_video", "video_to_video", "upscale", "seedance_reference",
    "seedance_edit", "seedance_extend", "seedance_stitch", "Catalog", "CatalogKeeper", "Review", "Problem",
    "WalletAuth", "Chain", "Signer", "SignInToSign", "PaymentToSign", "Wallet", "WalletBalance", "WalletTransaction",
    "TopUp", "TopUpPolicy", "Payment", "WalletToppedUp",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
