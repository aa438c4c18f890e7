"""Error answers as typed errors: what the body says is kept, and what the answer means for the money is said.

The body shapes are those of the vendor's OpenAPI document and guides: `{"error": "text"}`, with
`details` and `issues`, or `{"error": {"message", "code", "type", ...}}`; and, from proxies in
between, HTML or nothing at all.
"""

import email.utils
import re
from collections.abc import Mapping
from typing import Any

from venice_async.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    CapacityError,
    Charge,
    ConflictError,
    ConsentRequiredError,
    ContentRejectedError,
    FailureBlockError,
    GoneError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    SignInError,
    UnexpectedRedirectError,
    UnexpectedReplyError,
    UnsupportedMediaTypeError,
    VeniceError,
    WalletConcurrencyError,
    WalletMismatchError,
)
from venice_async.limits.headers import RateHeaders
from venice_async.wire.advice import advice_on
from venice_async.wire.complaints import complaints
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.payments import header_tree, payment_error
from venice_async.wire.text import clean, clean_lines, parse_json

REFUSALS = frozenset({400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 429})
"""Statuses that say "refused before any work": the paid call was certainly not taken."""
UNREACHED = frozenset({521, 523, 525, 526, 530})
"""Cloudflare's own statuses for an edge that never reached the server behind it."""

_PAID = frozenset({"queue", "transcribe"})
_DELIVERY = frozenset({"retrieve", "download"})
_ACCOUNT = frozenset({"wallet_balance", "wallet_transactions"})
_TOP_UP = "top_up"
_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,63}")
_PLAIN: dict[int, type[APIStatusError]] = {
    403: PermissionDeniedError,
    404: NotFoundError,
    413: PayloadTooLargeError,
    415: UnsupportedMediaTypeError,
}

_REFUSING_WORDS = ("capacity", "offline", "overloaded")
ASK_AGAIN = "That is the video's price, paid once: asking for it again is free."


def failure_of(endpoint: str, head: ReplyHead, body: bytes) -> VeniceError:
    """The error that an answer outside 2xx means, for the endpoint named in the call.

    Never raises, whatever the body holds.
    """
    tree = parse_json(body)
    fields: Mapping[str, Any] = tree if isinstance(tree, dict) else {}
    if endpoint == _TOP_UP:
        fields = _with_code(fields)
    error = _redirect(endpoint, head) if 300 <= head.status < 400 else _typed(endpoint, head, fields)
    if advice := advice_on(endpoint, error):
        error.advice = advice
    if endpoint in _PAID:
        error.charge = _charge_of_paid(head.status, error)
    elif endpoint in _DELIVERY:
        error.charge = _charge_of_delivery(error)
        if error.charge is Charge.CHARGED and error.transient:
            error.advice = ASK_AGAIN
    elif endpoint == _TOP_UP:
        # A page of something in between proves nothing, and the server may hold the payment whatever it answers.
        error.charge = Charge.NONE if head.status in REFUSALS - {409} else Charge.UNVERIFIED
    if error.charge is Charge.UNVERIFIED and endpoint in _PAID and not isinstance(error, ContentRejectedError):
        error.advice = "Do not send it again blindly: look at the account's usage first."
    return error


def _redirect(endpoint: str, head: ReplyHead) -> VeniceError:
    message = f"The server answered {endpoint} with a redirect ({head.status})."
    return UnexpectedRedirectError(message, status=head.status, ray=head.ray)


def _typed(endpoint: str, head: ReplyHead, fields: Mapping[str, Any]) -> VeniceError:
    status = head.status
    said = _said(fields) or (_said(header_tree(head.headers.get("payment-required", ""))) if status == 402 else "")
    facts: dict[str, Any] = {"status": status, "code": _code(fields), "ray": head.ray}
    message = (
        f"The server refused {endpoint} ({status}): {said}"
        if said
        else f"The server answered {endpoint} with {status}."
    )
    if status == 400:
        told = "; ".join(complaints(fields.get("details"), fields.get("issues")))
        message = f"{message.rstrip('.')} ({told})." if told else message
        return BadRequestError(message, **facts, details=_details(fields), issues=_issues(fields))
    if status == 402:
        return payment_error(endpoint, message, facts, head, fields)
    if status == 409:
        return _conflict(message, facts, fields)
    if status == 410:
        return GoneError(message, **facts, successor=_successor(head))
    if status == 422:
        return ContentRejectedError(message, **facts, **_rejection(fields))
    if status == 429:
        return _too_many(facts["code"], said)(message, **facts, retry_after=_retry_after(head))
    if status >= 500:
        about_the_model = status == 503 and endpoint != _TOP_UP and _is_venices_own(head, fields)
        kind_of_5xx = CapacityError if about_the_model else ServerError
        return kind_of_5xx(message, **facts, retry_after=_retry_after(head))
    if status >= 400:
        return _refusal(endpoint, status, facts["code"], said)(message, **facts)
    return UnexpectedReplyError(f"The server answered {endpoint} with {status}.", status=status, ray=head.ray)


def _refusal(endpoint: str, status: int, code: str | None, said: str) -> type[APIStatusError]:
    words = said.lower()
    if status == 403 and "your own wallet" in words:
        return WalletMismatchError
    if status != 401:
        return _PLAIN.get(status, APIStatusError)
    signed = (code or "").startswith("X402_SIGN_IN_") or "invalid sign-in-with-x" in words
    return SignInError if signed or (endpoint in _ACCOUNT and "sign-in-with-x" in words) else AuthenticationError


def _too_many(code: str | None, said: str) -> type[RateLimitError]:
    if code == "X402_CONCURRENCY_LIMIT":
        return WalletConcurrencyError
    return FailureBlockError if "too many failed" in said.lower() else RateLimitError


def _charge_of_paid(status: int, error: VeniceError) -> Charge:
    if isinstance(error, ContentRejectedError):
        return _refund(error)
    if status in REFUSALS or status in UNREACHED or isinstance(error, CapacityError | UnexpectedRedirectError):
        return Charge.NONE
    return Charge.UNVERIFIED


def _charge_of_delivery(error: VeniceError) -> Charge:
    """The call itself is free; what is said here is about the job that was paid for."""
    if isinstance(error, ContentRejectedError):
        return _refund(error)
    return Charge.UNVERIFIED if isinstance(error, BadRequestError | ServerError) else Charge.CHARGED


def _refund(error: ContentRejectedError) -> Charge:
    if error.credits_refunded is None:
        return Charge.UNVERIFIED  # some public models bill a rejection, so silence proves nothing
    return Charge.REFUNDED if error.credits_refunded else Charge.CHARGED


def _said(fields: Mapping[str, Any]) -> str:
    error = fields.get("error")
    if isinstance(error, dict):
        error = error.get("message") or error.get("code") or error.get("type")
    if not isinstance(error, str):
        error = fields.get("message")
    return clean(error) if isinstance(error, str) else ""


def _is_venices_own(head: ReplyHead, fields: Mapping[str, Any]) -> bool:
    """Whether the API itself says that the model cannot take it. A gateway's 503 may come after the request was taken.

    The API's documented body has `error`; what tells it from a gateway's JSON is a header of the
    API's, or words that only it has reason to say.
    """
    said = _said(fields).lower()
    if not fields.get("error") or not said:
        return False
    marked = "x-venice-version" in head.headers or "cf-ray" in head.headers
    return marked or any(word in f"{said} {_code(fields) or ''}".lower() for word in _REFUSING_WORDS)


def _with_code(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """A top-up's errors have the code in `error` and the words in `message`: the same as others have them."""
    code = fields.get("error")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return fields
    return {**fields, "error": {"code": code, "message": fields.get("message")}}


def _inner(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    error = fields.get("error")
    return error if isinstance(error, dict) else {}


def _text(value: Any, *, limit: int = 500) -> str | None:
    return clean(value, limit=limit) if isinstance(value, str) and value else None


def _code(fields: Mapping[str, Any]) -> str | None:
    inner = _inner(fields)
    return _text(fields.get("code")) or _text(inner.get("code")) or _text(inner.get("type"))


def _details(fields: Mapping[str, Any]) -> Mapping[str, Any] | str | None:
    details = fields.get("details")
    return details if isinstance(details, dict) else _text(details, limit=5000)


def _issues(fields: Mapping[str, Any]) -> tuple[Any, ...]:
    issues = fields.get("issues")
    return tuple(issues) if isinstance(issues, list) else ()


def _rejection(fields: Mapping[str, Any]) -> dict[str, Any]:
    inner = _inner(fields)
    refunded = inner.get("credits_refunded", fields.get("credits_refunded"))
    return {
        "suggested_prompt": _text(fields.get("suggested_prompt") or inner.get("suggested_prompt"), limit=20_000),
        "recommended_model": _text(inner.get("recommended_model") or fields.get("recommended_model")),
        "hint": _text(fields.get("hint") or inner.get("hint"), limit=5000),
        "credits_refunded": refunded if isinstance(refunded, bool) else None,
    }


def _conflict(message: str, facts: dict[str, Any], fields: Mapping[str, Any]) -> APIStatusError:
    consent = fields.get("consent")
    if facts["code"] != "needs_consent" or not isinstance(consent, dict):
        return ConflictError(message, **facts)
    roles, policy = fields.get("face_media_roles"), consent.get("policy_text")
    return ConsentRequiredError(
        message,
        **facts,
        policy_text=clean_lines(policy, limit=100_000) if isinstance(policy, str) else "",
        consent_version=_text(consent.get("consent_version")) or "",
        consent_flow=_text(fields.get("consent_flow")) or "",
        face_media_roles=tuple(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else (),
        docs_url=_text(fields.get("docs_url")),
    )


def _successor(head: ReplyHead) -> str | None:
    for link in head.headers.get("link", "").split(","):
        target, _, rest = link.strip().partition(">")
        if target.startswith("<") and "successor" in rest:
            return clean(target[1:])
    return None


def _retry_after(head: ReplyHead) -> float | None:
    # A Retry-After that names an instant means it by the server's own clock.
    return RateHeaders.parse(head.headers, wall=_server_time(head)).retry_after


def _server_time(head: ReplyHead) -> float:
    try:
        return email.utils.parsedate_to_datetime(head.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
