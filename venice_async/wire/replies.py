"""Good answers as values; whatever does not have the documented shape becomes `UnexpectedReplyError`.

What is asked of an answer: required fields are there and of their type, nothing is coerced (a null is not the text
"None", a number is not a name), unknown fields are tolerated, numbers are finite.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeGuard, TypeVar

from venice_async.errors import Charge, GenerationFailedError, UnexpectedReplyError
from venice_async.models import (
    AccountLimits,
    Completed,
    Processing,
    QueuedVideo,
    Quote,
    Transcript,
    UsageRow,
    VideoModel,
)
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.text import clean, parse_json

T = TypeVar("T")

_MAX_QUEUE_ID = 512
_HIGHEST_PRICE = 1_000_000  # dollars: whatever is above is a fault of the answer, not a price


def quote_of(head: ReplyHead, body: bytes) -> Quote:
    """`{"quote": 0.35}`: a finite price in US dollars, not negative."""
    fields = _fields("quote", head, body)
    price = fields.get("quote")
    if isinstance(price, bool) or not isinstance(price, int | Decimal):
        raise _unexpected("quote", head, "the field quote is not a number")
    usd = Decimal(price)
    if not 0 <= usd <= _HIGHEST_PRICE:
        raise _unexpected("quote", head, "the quote is not a price")
    return Quote(usd=usd)


def queued_of(head: ReplyHead, body: bytes, *, model: str) -> QueuedVideo:
    """The answer to the paid call. One that names no job leaves the outcome unknown, and says so."""
    tree = parse_json(body)
    fields = tree if isinstance(tree, dict) else {}
    queue_id, link, named = fields.get("queue_id"), fields.get("download_url"), fields.get("model")
    if not _is_queue_id(queue_id):
        error = _unexpected("queue", head, "it names no queue_id")
        error.charge = Charge.UNVERIFIED
        error.advice = "Do not send it again blindly: look at the account's usage first."
        raise error
    return QueuedVideo(
        model=named if _is_sound(named) else model,
        queue_id=queue_id,
        download_url=link if _is_sound(link) else None,
    )


def salvaged_of(partial: bytes, *, model: str) -> QueuedVideo | None:
    """The job that a broken answer to the paid call names, where its `queue_id` arrived whole; None otherwise."""
    if parse_json(partial) is not None:
        return None  # whole, and judged as such
    queue_id, link = _whole_text(partial, "queue_id"), _whole_text(partial, "download_url")
    return QueuedVideo(model=model, queue_id=queue_id, download_url=link) if _is_queue_id(queue_id) else None


def _whole_text(partial: bytes, name: str) -> str | None:
    match = re.search(rb'"' + name.encode() + rb'"\s*:\s*("(?:[^"\\]|\\.)+")', partial)
    text = parse_json(match.group(1)) if match else None
    return text if _is_sound(text) else None


def _is_queue_id(value: Any) -> TypeGuard[str]:
    return _is_sound(value) and bool(value.strip()) and len(value) <= _MAX_QUEUE_ID


def _is_sound(value: Any) -> TypeGuard[str]:
    """A text that can be kept and sent. JSON may hold half a surrogate pair; neither SQLite nor UTF-8 takes it."""
    return isinstance(value, str) and value != "" and not any("\ud800" <= char <= "\udfff" for char in value)


def status_of(head: ReplyHead, body: bytes) -> Processing | Completed:
    """A JSON answer of retrieve. An unknown word is taken for still processing; the caller's deadline bounds that.

    Raises GenerationFailedError for the word `failed`, whatever its case.
    """
    fields = _fields("retrieve", head, body, charge=Charge.CHARGED)
    word = fields.get("status")
    if not isinstance(word, str):
        raise _unexpected("retrieve", head, "the field status is not a text", charge=Charge.CHARGED)
    if word.strip().lower() == "failed":
        raise GenerationFailedError("The server says that the generation failed.")
    kind = Completed if word.strip().lower() == "completed" else Processing
    return kind(
        status=clean(word, limit=40),
        average_execution_time=_seconds(fields.get("average_execution_time")),
        execution_duration=_seconds(fields.get("execution_duration")),
    )


def success_of(head: ReplyHead, body: bytes) -> bool:
    """`{"success": true}` of complete."""
    success = _fields("complete", head, body).get("success")
    if not isinstance(success, bool):
        raise _unexpected("complete", head, "the field success is not true or false")
    return success


def transcript_of(head: ReplyHead, body: bytes) -> Transcript:
    """JSON or plain text, as it was asked for."""
    if head.content_type == "text/plain":
        return Transcript(transcript=body.decode("utf-8", errors="replace"))
    fields = _fields("transcribe", head, body)
    text, lang = fields.get("transcript"), fields.get("lang")
    if not isinstance(text, str):
        raise _unexpected("transcribe", head, "the field transcript is not a text")
    return Transcript(transcript=text, lang=lang if isinstance(lang, str) else None)


def models_of(head: ReplyHead, body: bytes) -> tuple[VideoModel, ...]:
    """The catalogue's video models. Entries of other types are left out, and so are single ones that are garbled."""
    entries = _fields("models", head, body).get("data")
    if not isinstance(entries, list):
        raise _unexpected("models", head, "the field data is not a list")
    videos = [entry for entry in entries if isinstance(entry, dict) and entry.get("type") == "video"]
    from venice_async.wire.structure import video_model

    models, problems = [], []
    for entry in videos:
        try:
            models.append(video_model(entry))
        except ValueError as error:
            problems.append(str(error))
    if problems and not models:
        raise _unexpected("models", head, problems[0])
    return tuple(models)


def account_limits_of(head: ReplyHead, body: bytes) -> AccountLimits:
    """`{"data": {"accessPermitted", "apiTier", "balances", "rateLimits": ...}}`."""
    from venice_async.wire.structure import account_limits

    return _structured("rate_limits", head, account_limits, _fields("rate_limits", head, body).get("data"))


def usage_page_of(head: ReplyHead, body: bytes) -> tuple[tuple[UsageRow, ...], str | None]:
    """`{"data": [...], "nextCursor"?}`: the lines of one page, and the cursor of the next one where there is one.

    The cursor may also stand in a `pagination` object. Of a line only its instant and its amount are
    needed. One without them spoils the page: an account with a line left out proves nothing.
    """
    fields = _fields("usage_history", head, body)
    entries, pagination = fields.get("data"), fields.get("pagination")
    if not isinstance(entries, list):
        raise _unexpected("usage_history", head, "the field data is not a list")
    inner = pagination if isinstance(pagination, dict) else {}
    cursor = fields.get("nextCursor") or inner.get("nextCursor")
    if cursor is not None and not _is_sound(cursor):
        raise _unexpected("usage_history", head, "the field nextCursor is not a text")
    rows = [_usage_row(entry) for entry in entries]
    kept = tuple(row for row in rows if row is not None)
    if len(kept) < len(rows):
        place = f"data[{rows.index(None)}]"
        raise _unexpected("usage_history", head, f"{place} has no timestamp or no amount")
    return kept, cursor


def _usage_row(entry: Any) -> UsageRow | None:
    if not isinstance(entry, dict):
        return None
    at, amount = _moment(entry.get("timestamp")), _number(entry.get("amount"))
    if at is None or amount is None:
        return None
    details = entry.get("inferenceDetails")
    request_id = details.get("requestId") if isinstance(details, dict) else None
    return UsageRow(
        timestamp=at,
        sku=_words(entry.get("sku")),
        amount=amount,
        currency=_words(entry.get("currency")) or "USD",
        units=_number(entry.get("units")),
        price_per_unit_usd=_number(entry.get("pricePerUnitUsd")),
        notes=_words(entry.get("notes")),
        request_id=request_id if _is_queue_id(request_id) else None,
    )


def _moment(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value) if -_HIGHEST_PRICE <= value <= _HIGHEST_PRICE else None


def _words(value: Any) -> str:
    return clean(value, limit=200) if isinstance(value, str) else ""


def _structured(endpoint: str, head: ReplyHead, build: Callable[[Any], T], tree: Any) -> T:
    try:
        return build(tree)
    except ValueError as error:
        reason = str(error)
    raise _unexpected(endpoint, head, reason)


def _fields(endpoint: str, head: ReplyHead, body: bytes, *, charge: Charge = Charge.NONE) -> dict[str, Any]:
    tree = parse_json(body)
    if not isinstance(tree, dict):
        raise _unexpected(endpoint, head, "it is not a JSON object", charge=charge)
    return tree


def _seconds(milliseconds: Any) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | Decimal) or not 0 <= milliseconds < 1e12:
        return None
    return float(milliseconds) / 1000


def _unexpected(endpoint: str, head: ReplyHead, reason: str, *, charge: Charge = Charge.NONE) -> UnexpectedReplyError:
    kind = clean(head.content_type, limit=60) or "no content type"
    message = f"The answer to {endpoint} ({head.status}, {kind}) is not understood: {reason}."
    return UnexpectedReplyError(message, status=head.status, ray=head.ray, charge=charge)
