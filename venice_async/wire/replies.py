"""Good answers as values; whatever does not have the documented shape becomes `UnexpectedReplyError`.

What is asked of an answer: required fields are there and of their type, nothing is coerced (a null is not the text
"None", a number is not a name), unknown fields are tolerated, numbers are finite.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from venice_async.errors import Charge, GenerationFailedError
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
from venice_async.wire.reading import fields_of, is_name, is_sound, moment, unexpected, words
from venice_async.wire.text import clean, parse_json

T = TypeVar("T")

_HIGHEST_PRICE = 1_000_000  # dollars: whatever is above is a fault of the answer, not a price


def quote_of(head: ReplyHead, body: bytes) -> Quote:
    """`{"quote": 0.35}`: a finite price in US dollars, not negative."""
    fields = fields_of("quote", head, body)
    price = fields.get("quote")
    if isinstance(price, bool) or not isinstance(price, int | Decimal):
        raise unexpected("quote", head, "the field quote is not a number")
    usd = Decimal(price)
    if not 0 <= usd <= _HIGHEST_PRICE:
        raise unexpected("quote", head, "the quote is not a price")
    return Quote(usd=usd)


def queued_of(head: ReplyHead, body: bytes, *, model: str) -> QueuedVideo:
    """The answer to the paid call. One that names no job leaves the outcome unknown, and says so."""
    tree = parse_json(body)
    fields = tree if isinstance(tree, dict) else {}
    queue_id, link, named = fields.get("queue_id"), fields.get("download_url"), fields.get("model")
    if not is_name(queue_id):
        error = unexpected("queue", head, "it names no queue_id")
        error.charge = Charge.UNVERIFIED
        error.advice = "Do not send it again blindly: look at the account's usage first."
        raise error
    return QueuedVideo(
        model=named if is_sound(named) else model,
        queue_id=queue_id,
        download_url=link if is_sound(link) else None,
    )


def salvaged_of(partial: bytes, *, model: str) -> QueuedVideo | None:
    """The job that a broken answer to the paid call names, where its `queue_id` arrived whole; None otherwise."""
    if parse_json(partial) is not None:
        return None  # whole, and judged as such
    queue_id, link = _whole_text(partial, "queue_id"), _whole_text(partial, "download_url")
    return QueuedVideo(model=model, queue_id=queue_id, download_url=link) if is_name(queue_id) else None


def _whole_text(partial: bytes, name: str) -> str | None:
    match = re.search(rb'"' + name.encode() + rb'"\s*:\s*("(?:[^"\\]|\\.)+")', partial)
    text = parse_json(match.group(1)) if match else None
    return text if is_sound(text) else None


def status_of(head: ReplyHead, body: bytes) -> Processing | Completed:
    """A JSON answer of retrieve. An unknown word is taken for still processing; the caller's deadline bounds that.

    Raises GenerationFailedError for the word `failed`, whatever its case.
    """
    fields = fields_of("retrieve", head, body, charge=Charge.CHARGED)
    word = fields.get("status")
    if not isinstance(word, str):
        raise unexpected("retrieve", head, "the field status is not a text", charge=Charge.CHARGED)
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
    success = fields_of("complete", head, body).get("success")
    if not isinstance(success, bool):
        raise unexpected("complete", head, "the field success is not true or false")
    return success


def transcript_of(head: ReplyHead, body: bytes) -> Transcript:
    """JSON or plain text, as it was asked for."""
    if head.content_type == "text/plain":
        return Transcript(transcript=body.decode("utf-8", errors="replace"))
    fields = fields_of("transcribe", head, body)
    text, lang = fields.get("transcript"), fields.get("lang")
    if not isinstance(text, str):
        raise unexpected("transcribe", head, "the field transcript is not a text")
    return Transcript(transcript=text, lang=lang if isinstance(lang, str) else None)


def models_of(head: ReplyHead, body: bytes) -> tuple[VideoModel, ...]:
    """The catalogue's video models. Entries of other types are left out, and so are single ones that are garbled."""
    entries = fields_of("models", head, body).get("data")
    if not isinstance(entries, list):
        raise unexpected("models", head, "the field data is not a list")
    videos = [entry for entry in entries if isinstance(entry, dict) and entry.get("type") == "video"]
    from venice_async.wire.structure import video_model

    models, problems = [], []
    for entry in videos:
        try:
            models.append(video_model(entry))
        except ValueError as error:
            problems.append(str(error))
    if problems and not models:
        raise unexpected("models", head, problems[0])
    return tuple(models)


def account_limits_of(head: ReplyHead, body: bytes) -> AccountLimits:
    """`{"data": {"accessPermitted", "apiTier", "balances", "rateLimits": ...}}`."""
    from venice_async.wire.structure import account_limits

    return _structured("rate_limits", head, account_limits, fields_of("rate_limits", head, body).get("data"))


def usage_page_of(head: ReplyHead, body: bytes) -> tuple[tuple[UsageRow, ...], str | None]:
    """`{"data": [...], "nextCursor"?}`: the lines of one page, and the cursor of the next one where there is one.

    The cursor may also stand in a `pagination` object. Of a line only its instant and its amount are
    needed. One without them spoils the page: an account with a line left out proves nothing.
    """
    fields = fields_of("usage_history", head, body)
    entries, pagination = fields.get("data"), fields.get("pagination")
    if not isinstance(entries, list):
        raise unexpected("usage_history", head, "the field data is not a list")
    inner = pagination if isinstance(pagination, dict) else {}
    cursor = fields.get("nextCursor") or inner.get("nextCursor")
    if cursor is not None and not is_sound(cursor):
        raise unexpected("usage_history", head, "the field nextCursor is not a text")
    rows = [_usage_row(entry) for entry in entries]
    kept = tuple(row for row in rows if row is not None)
    if len(kept) < len(rows):
        place = f"data[{rows.index(None)}]"
        raise unexpected("usage_history", head, f"{place} has no timestamp or no amount")
    return kept, cursor


def _usage_row(entry: Any) -> UsageRow | None:
    if not isinstance(entry, dict):
        return None
    at, amount = moment(entry.get("timestamp")), _number(entry.get("amount"))
    if at is None or amount is None:
        return None
    details = entry.get("inferenceDetails")
    request_id = details.get("requestId") if isinstance(details, dict) else None
    return UsageRow(
        timestamp=at,
        sku=words(entry.get("sku")),
        amount=amount,
        currency=words(entry.get("currency")) or "USD",
        units=_number(entry.get("units")),
        price_per_unit_usd=_number(entry.get("pricePerUnitUsd")),
        notes=words(entry.get("notes")),
        request_id=request_id if is_name(request_id) else None,
    )


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value) if -_HIGHEST_PRICE <= value <= _HIGHEST_PRICE else None


def _structured(endpoint: str, head: ReplyHead, build: Callable[[Any], T], tree: Any) -> T:
    try:
        return build(tree)
    except ValueError as error:
        reason = str(error)
    raise unexpected(endpoint, head, reason)


def _seconds(milliseconds: Any) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | Decimal) or not 0 <= milliseconds < 1e12:
        return None
    return float(milliseconds) / 1000
