"""What each endpoint of the API does with a request that came through authentication and limits."""

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import frozen

from venice_async.emulator.billing import UsageBook
from venice_async.emulator.bodies import (
    check_complete,
    check_quote,
    check_quote_types,
    check_retrieve,
    check_transcription,
)
from venice_async.emulator.cashier import Cashier
from venice_async.emulator.catalogue import MODEL_TYPES, Catalogue, ModelSheet
from venice_async.emulator.faults import ConsentFault, FaultPlan, JobFault, RejectFault
from venice_async.emulator.jobs import EmulatedJob, JobBook
from venice_async.emulator.messages import EmulatedAnswer, Refused, json_answer
from venice_async.emulator.pricing import price
from venice_async.emulator.queue_rules import MEDIA_ROLES, check_queue
from venice_async.emulator.visits import Visit
from venice_async.limits import RateLimits

POLICY_TEXT: Final = (
    "This stands for the provider's policy about faces in submitted media. In production a person reads the real "
    "text here and confirms its terms, the legal right to use the media, and that they may be screened."
)
INVALID_ID: Final = "Request ID is invalid."

_SHOWN_BALANCE: Final = 1000.0
_TRANSCRIPT: Final = "This is what the emulator hears in every video."


@frozen(kw_only=True)
class Endpoints:
    """The handlers, over the state that they share."""

    catalogue: Catalogue
    book: JobBook
    usage: UsageBook
    cashier: Cashier
    faults: FaultPlan
    limits: RateLimits
    transcriptions_retired: bool
    consented: set[str]

    def models(self, visit: Visit) -> EmulatedAnswer:
        """`GET /models`. Without a type, or with one that nobody knows, text models are listed: there are none here.

        No error is documented for this endpoint that a caller could cause, so none is given.
        """
        kind = visit.request.query.get("type", "text")
        return json_answer(200, self.catalogue.listing(kind if kind in MODEL_TYPES else "text"))

    def quote(self, visit: Visit) -> EmulatedAnswer:
        """`POST /video/quote`: a price; no job, no charge."""
        check_quote_types(visit.tree)
        sheet = self._sheet(visit)
        if sheet.upscales and visit.key is None:
            raise Refused(401, "Authentication failed")
        check_quote(sheet, visit.tree)
        return json_answer(200, {"quote": float(price(sheet, visit.tree))}, _warnings(sheet))

    def queue(self, visit: Visit) -> EmulatedAnswer:
        """`POST /video/queue`: validates, charges, enqueues."""
        sheet = self._sheet(visit)
        check_queue(sheet, visit.tree)
        if sheet.offline:
            raise Refused(503, f"{sheet.id} is offline", code="MODEL_OFFLINE")
        self._check_content(visit)
        self._check_consent(visit, sheet)
        usd = price(sheet, visit.tree)
        self.cashier.check(visit, usd)
        job = self.book.accept(
            sheet, prompt=visit.text("prompt"), aspect_ratio=visit.tree.get("aspect_ratio"), usd=usd,
            request_hash=hashlib.sha256(visit.request.body).hexdigest(),
            failure=self.faults.take(JobFault, visit.occasion()), now=visit.now,
            wallet=None if visit.wallet is None else visit.wallet.address,
        )  # fmt: skip
        visit.job = job
        self.cashier.charge(visit, job, usd)
        link = {"download_url": f"{visit.request.media_base}/{job.token}"} if job.token else {}
        return json_answer(200, {"model": job.model, "queue_id": job.queue_id, **link}, _warnings(sheet))

    def retrieve(self, visit: Visit) -> EmulatedAnswer:
        """`POST /video/retrieve`: the state of a job, its failure, or (status 200 with `visit.delivers`) its video."""
        check_retrieve(visit.tree, by_wallet=visit.wallet is not None)
        job = self._job(visit)
        if job.is_ready(visit.now) and job.failure is not None:
            raise self._failed(job, job.failure, visit)
        if job.deleted_at is not None:
            raise Refused(404, "The media of this request have expired or were deleted")
        visit.delivers = job.is_ready(visit.now)
        if visit.delivers and job.token is None:
            if visit.tree.get("delete_media_on_completion"):
                job.delete(visit.now)
            return EmulatedAnswer(status=200, headers={"content-type": "video/mp4"})
        return json_answer(200, _status(job, visit.now))

    def complete(self, visit: Visit) -> EmulatedAnswer:
        """`POST /video/complete`: deletes the media; says false where there are none to delete."""
        check_complete(visit.tree)
        return json_answer(200, {"success": self._job(visit).delete(visit.now)})

    def transcriptions(self, visit: Visit) -> EmulatedAnswer:
        """`POST /video/transcriptions`: always the same words, or 410 where the endpoint is retired."""
        if self.transcriptions_retired:
            headers = {"deprecation": "true", "link": '</api/v1/audio/transcriptions>; rel="successor-version"'}
            raise Refused(410, "This endpoint is retired", headers=headers)
        check_transcription(visit.tree)
        if visit.tree.get("response_format") == "text":
            return EmulatedAnswer(
                status=200, headers={"content-type": "text/plain; charset=utf-8"}, body=_TRANSCRIPT.encode()
            )
        return json_answer(200, {"transcript": _TRANSCRIPT, "lang": "en"})

    def rate_limits(self, visit: Visit) -> EmulatedAnswer:
        """`GET /api_keys/rate_limits`: the same requests a minute for every model."""
        limits = [{"amount": self.limits.queue_per_minute, "type": "RPM"}]
        day = datetime.fromtimestamp(visit.wall, tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        data = {
            "accessPermitted": True,
            "apiTier": {"id": "paid", "isCharged": True},
            "balances": {"USD": self._shown_balance(), "DIEM": 0.0},
            "keyExpiration": None,
            "nextEpochBegins": (day + timedelta(days=1)).isoformat().replace("+00:00", "Z"),
            "rateLimits": [{"apiModelId": model, "rateLimits": limits} for model in self.catalogue.ids()],
        }
        return json_answer(200, {"data": data})

    def balance(self, _visit: Visit) -> EmulatedAnswer:
        """`GET /billing/balance`."""
        usd = self._shown_balance()
        return json_answer(200, {
            "canConsume": usd > 0, "consumptionCurrency": "USD", "balances": {"diem": None, "usd": usd},
            "diemEpochAllocation": 0,
        })  # fmt: skip

    def usage_history(self, visit: Visit) -> EmulatedAnswer:
        """`GET /billing/usage-history`: for keys with "admin" in them; the others make videos and nothing else."""
        if "admin" not in (visit.key or "").lower():
            raise Refused(401, "Authentication failed: this takes an admin key")
        return json_answer(200, self.usage.page(visit.request.query, now=visit.now))

    def _sheet(self, visit: Visit) -> ModelSheet:
        sheet = self.catalogue.get(visit.text("model"))
        if sheet is None:
            message = "Required" if "model" not in visit.tree else "Specified model not found"
            issue = {"code": "invalid_model", "message": message, "path": ["model"]}
            raise Refused(400, message, details={"model": {"_errors": [message]}}, issues=[issue])
        return sheet

    def _job(self, visit: Visit) -> EmulatedJob:
        job = self.book.find(visit.text("queue_id"), visit.now)
        if job is None or job.model != visit.tree.get("model", job.model):
            raise Refused(400, INVALID_ID, details={"_errors": [INVALID_ID]}, issues=[])
        visit.job = job
        return job

    def _failed(self, job: EmulatedJob, failure: JobFault, visit: Visit) -> Refused:
        if failure.refunded:
            self.cashier.refund(visit, job)
        if failure.kind == "server":
            return Refused(500, "Video generation failed")
        if failure.kind == "provider":
            hint = "Check that the media can be read and have the documented format."
            return Refused(422, "The media could not be processed", credits_refunded=failure.refunded, hint=hint)
        named = {"recommended_model": failure.recommended_model} if failure.recommended_model else {}
        message = "The provider's content policy refused this generation. Change the prompt, or use another model."
        return Refused(422, {
            "message": message, "type": "provider_content_policy", "credits_refunded": failure.refunded, **named,
        })  # fmt: skip

    def _check_content(self, visit: Visit) -> None:
        fault = self.faults.take(RejectFault, visit.occasion())
        if fault is not None:
            suggested: dict[str, Any] = {"suggested_prompt": fault.suggested_prompt} if fault.suggested_prompt else {}
            raise Refused(422, "Your prompt violates the content policy", **suggested)

    def _check_consent(self, visit: Visit, sheet: ModelSheet) -> None:
        roles = [role for name, role in MEDIA_ROLES.items() if visit.tree.get(name)]
        media = _media_hash(visit)
        if "consents" in visit.tree:
            self.consented.add(media)
            return
        asked = sheet.wants_consent and bool(roles) and media not in self.consented
        if asked or self.faults.take(ConsentFault, visit.occasion()):
            raise Refused(
                409,
                {"code": "needs_consent", "message": "A person must confirm the provider's policy first"},
                consent_flow="seedance",
                face_media_roles=roles,
                consent={"consent_version": "emulator-1", "policy_text": POLICY_TEXT},
                docs_url="https://venice.invalid/docs/face-consent",
            )

    def _shown_balance(self) -> float:
        balance = self.book.balance_usd
        return _SHOWN_BALANCE if balance is None else float(balance)


def _status(job: EmulatedJob, now: float) -> dict[str, Any]:
    ready = job.is_ready(now)
    ran = (job.ready_at if ready else now) - job.started_at
    return {
        "status": "COMPLETED" if ready else "PROCESSING",
        "average_execution_time": _milliseconds(job.announced),
        "execution_duration": _milliseconds(max(0.0, ran)),
    }


def _milliseconds(seconds: float) -> float:
    # Whoever tests a client may announce NaN or infinity: that is told as it is.
    milliseconds = seconds * 1000
    return round(milliseconds) if math.isfinite(milliseconds) else milliseconds


def _warnings(sheet: ModelSheet) -> Mapping[str, str]:
    retirement = sheet.retirement
    if retirement is None:
        return {}
    instead = f"; use {retirement.replacement}" if retirement.replacement else ""
    return {
        "x-venice-model-deprecation-warning": f"{sheet.id} is deprecated{instead}",
        "x-venice-model-deprecation-date": retirement.removes_at,
    }


def _media_hash(visit: Visit) -> str:
    media = {name: visit.tree.get(name) for name in MEDIA_ROLES}
    return hashlib.sha256(json.dumps([visit.account, media], sort_keys=True).encode()).hexdigest()
