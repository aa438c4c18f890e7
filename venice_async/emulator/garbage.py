"""Answers that the API does not document, as proxies and broken servers give them."""

from typing import Final

import attrs

from venice_async.emulator.faults import StatusFault
from venice_async.emulator.messages import EmulatedAnswer, json_answer

_HTML: Final = "text/html; charset=utf-8"
_MESSAGES: Final = {
    429: "Rate limit exceeded",
    500: "Inference processing failed",
    502: "The video could not be fetched from the provider",
    503: "The model is at capacity. Please try again later.",
    504: "The request timed out",
}
_TOP_UP_CODES: Final = {
    400: "INVALID_PAYMENT",
    402: "SETTLEMENT_FAILED",
    409: "PAYMENT_IN_PROGRESS",
    503: "X402_NOT_CONFIGURED",
    504: "SETTLEMENT_TIMEOUT",
}
"""What a top-up says in `error`, where other endpoints have words."""


def status_page(fault: StatusFault, endpoint: str) -> EmulatedAnswer:
    """The error answer that a fault asks for, in the form of that endpoint."""
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    if fault.page == "html":
        return _html(fault.status).with_headers(headers)
    message = fault.message or _MESSAGES.get(fault.status, "Request failed")
    if endpoint == "top_up" and fault.status in _TOP_UP_CODES:
        return json_answer(fault.status, {"error": _TOP_UP_CODES[fault.status], "message": message}, headers)
    return json_answer(fault.status, {"error": message}, headers)


def page(kind: str) -> EmulatedAnswer:
    """Garbage in place of a free call's answer."""
    if kind == "html":
        return _html(502)
    body = b"" if kind == "empty" else b'{"status":"PROCESSING","average_exec'
    return EmulatedAnswer(status=200, headers={"content-type": "application/json"}, body=body)


def garbled(answer: EmulatedAnswer, kind: str) -> EmulatedAnswer:
    """An answer spoilt on its way; errors are left as they are."""
    if answer.status != 200:
        return answer
    if kind == "html":
        return _html(502)
    if kind == "mislabelled":
        wrong = "application/json" if answer.headers["content-type"] == "video/mp4" else "text/html"
        return answer.with_headers({"content-type": wrong})
    if kind == "no-queue-id":
        return json_answer(200, {"model": "unknown"})
    whole = answer.body if isinstance(answer.body, bytes) else b""
    return attrs.evolve(answer, body=b"" if kind == "empty" else whole[: len(whole) // 2])


def is_foreign(answer: EmulatedAnswer) -> bool:
    """Whether an answer pretends to come from something in front of the API."""
    return answer.headers.get("content-type") == _HTML


def _html(status: int) -> EmulatedAnswer:
    text = f"<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>Error {status}</h1></body></html>"
    return EmulatedAnswer(status=status, headers={"content-type": _HTML}, body=text.encode())
