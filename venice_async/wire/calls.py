"""Values to calls: the request body of each endpoint, exactly as the vendor's OpenAPI document has it."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from venice_async.models import (
    QUOTE_ONLY,
    Element,
    Keyframe,
    Media,
    MediaFile,
    QueuedVideo,
    QuoteRequest,
    SeedanceConsent,
    VideoRequest,
    given_fields,
)
from venice_async.wire.exchange import Call, Channel, LongText, Segment
from venice_async.wire.ranges import Held, range_headers
from venice_async.wire.text import set_apart, to_json

_JSON_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_MEDIA_TYPES = "video/mp4, application/json"


def queue_call(base_url: str, request: VideoRequest) -> Call:
    """`POST /video/queue`: the one call that charges money."""
    return _post(base_url, "queue", "/video/queue", queue_fields(request), channel=Channel.QUEUE)


def quote_call(base_url: str, request: QuoteRequest) -> Call:
    """`POST /video/quote`: a price; no job, no charge."""
    fields = given_fields(request)
    extra: Mapping[str, Any] = fields.pop("extra", {})
    return _post(base_url, "quote", "/video/quote", {**fields, **extra})


def retrieve_call(base_url: str, video: QueuedVideo, *, delete_media_on_completion: bool) -> Call:
    """`POST /video/retrieve`: polls, delivers and reports failure in one."""
    fields = {"model": video.model, "queue_id": video.queue_id}
    if delete_media_on_completion:
        return _post(
            base_url, "retrieve", "/video/retrieve", {**fields, "delete_media_on_completion": True}, _MEDIA_TYPES
        )
    return _post(base_url, "retrieve", "/video/retrieve", fields, _MEDIA_TYPES)


def complete_call(base_url: str, video: QueuedVideo) -> Call:
    """`POST /video/complete`: deletes the stored media."""
    return _post(base_url, "complete", "/video/complete", {"model": video.model, "queue_id": video.queue_id})


def transcribe_call(base_url: str, url: str, *, response_format: str) -> Call:
    """`POST /video/transcriptions`: what is said in a video at a public URL."""
    fields = {"url": url, "response_format": response_format}
    return _post(base_url, "transcribe", "/video/transcriptions", fields, "application/json, text/plain")


def models_call(base_url: str) -> Call:
    """`GET /models?type=video`: the catalogue."""
    return _get("models", f"{base_url}/models?type=video")


def rate_limits_call(base_url: str) -> Call:
    """`GET /api_keys/rate_limits`: the account's limits and balances."""
    return _get("rate_limits", f"{base_url}/api_keys/rate_limits")


def usage_call(base_url: str, start: datetime, end: datetime) -> Call:
    """`GET /billing/usage-history`: the first page of the account's books from `start` up to and without `end`."""
    # The server knows milliseconds: an end between two of them is moved up, so that nothing before it is lost.
    filters = {"startTimestamp": _instant(start), "endTimestamp": _instant(end + timedelta(microseconds=999))}
    return _get("usage_history", f"{base_url}/billing/usage-history?{urlencode({**filters, 'pageSize': 1000})}")


def more_usage_call(base_url: str, cursor: str) -> Call:
    """The next page. The filters travel in the cursor: one sent beside it is refused."""
    return _get("usage_history", f"{base_url}/billing/usage-history?{urlencode({'cursor': cursor})}")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def download_call(url: str, *, held: Held | None = None) -> Call:
    """GET a private link, or what is missing of it: no credential, and the bytes as they are stored."""
    headers = {"accept": _MEDIA_TYPES, "accept-encoding": "identity", **(range_headers(held) if held else {})}
    return Call(name="download", method="GET", url=url, channel=Channel.MEDIA, headers=headers)


def revoke_call(url: str) -> Call:
    """DELETE a private link and the video behind it: no credential."""
    return Call(name="revoke", method="DELETE", url=url, channel=Channel.MEDIA)


def queue_fields(request: VideoRequest) -> dict[str, Any]:
    """The body of a queue call as a plain tree, in which local media still stand as `MediaFile`."""
    fields = {name: value for name, value in given_fields(request).items() if name not in QUOTE_ONLY}
    extra: Mapping[str, Any] = fields.pop("extra", {})
    consent = fields.pop("consent", None)
    if consent is not None:
        fields["consents"] = {"seedance": given_fields(consent)}
    return {**{name: _plain(value) for name, value in fields.items()}, **extra}


def _plain(value: Any) -> Any:
    match value:
        case tuple():
            return [_plain(item) for item in value]
        case Element() | Keyframe() | SeedanceConsent():
            return {name: _plain(item) for name, item in given_fields(value).items()}
        case _:
            return value


def json_segments(tree: Any) -> tuple[Segment, ...]:
    """A JSON text in pieces: bytes, a `MediaFile` wherever its base64 text belongs, and long texts by themselves.

    So a request with 30 MB of images never exists as one text: the transport encodes each file, and
    each `data:` URL, while it sends. Raises InvalidRequestError for what JSON cannot hold.
    """
    marks: list[str] = []
    apart: list[MediaFile | LongText] = []

    def stand_in(value: Any) -> str:
        if not isinstance(value, MediaFile | LongText):
            raise TypeError(f"a request cannot hold a {type(value).__name__}")
        if not marks:
            marks.append(secrets.token_hex(16))  # cannot be in any text that was written before this call
        apart.append(value)
        return marks[0] if isinstance(value, LongText) else f"data:{value.content_type};base64,{marks[0]}"

    text = to_json(set_apart(tree, LongText), default=stand_in)
    body = text.encode("utf-8", errors="replace")
    if not marks:
        return (body,)
    pieces = body.split(marks[0].encode())
    between = [(item, piece) for item, piece in zip(apart, pieces[1:], strict=True)]
    return (pieces[0], *(segment for pair in between for segment in pair))


def _post(
    base_url: str, name: str, path: str, tree: Any, accept: str | None = None, *, channel: Channel = Channel.CONTROL
) -> Call:
    headers = {**_JSON_HEADERS, "accept": accept} if accept else dict(_JSON_HEADERS)
    return Call(
        name=name, method="POST", url=base_url + path, channel=channel, headers=headers, body=json_segments(tree)
    )


def _get(name: str, url: str) -> Call:
    return Call(name=name, method="GET", url=url, headers={"accept": "application/json"})


def media_of(request: VideoRequest) -> list[tuple[str, Media]]:
    """Every medium of a request with the name of the field it stands in, such as `elements[0].video_url`."""
    found: list[tuple[str, Media]] = []
    _collect(given_fields(request), "", found)
    return found


def _collect(value: Any, path: str, found: list[tuple[str, Media]]) -> None:
    if isinstance(value, MediaFile):
        found.append((path, value))
    elif isinstance(value, Element | Keyframe):
        _collect(given_fields(value), path, found)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in {"extra", "consent"}:
                _collect(item, f"{path}.{name}" if path else name, found)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            _collect(item, f"{path}[{index}]", found)
    elif isinstance(value, str) and ("_url" in path.rpartition(".")[2]):
        found.append((path, value))
