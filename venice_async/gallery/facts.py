"""What the page says of a job. Decides only: the disk was looked at before."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from attrs import field, frozen

from venice_async.errors import VeniceError
from venice_async.gallery import words
from venice_async.gallery.files import Found
from venice_async.jobs import Delivery, JobRecord, JobState, error_from_text
from venice_async.links import link_secrets
from venice_async.models import Element, Keyframe, Media, MediaFile, VideoRequest
from venice_async.money import Totals, totals_of
from venice_async.wire.stored import request_from_text

_SETTINGS = ("duration", "aspect_ratio", "resolution")
_MEDIA: Mapping[str, str] = {
    "image_url": "start image",
    "end_image_url": "end image",
    "audio_url": "audio track",
    "video_url": "source video",
    "reference_image_urls": "reference image",
    "reference_video_urls": "reference video",
    "reference_audio_urls": "reference audio",
    "reference_document_urls": "reference document",
    "elements": "element",
    "scene_image_urls": "scene image",
    "keyframes": "keyframe",
    "image_references": "image reference",
    "video_references": "video reference",
}
_SENTENCES: Mapping[JobState, str] = {
    JobState.PENDING: "It is recorded and not sent yet.",
    JobState.QUEUEING: "It is being sent.",
    JobState.QUEUED: "The server is making it.",
    JobState.DOWNLOADING: "It is being fetched.",
    JobState.COMPLETED: "",
    JobState.FAILED: "It came to nothing.",
    JobState.CANCELLED: "It was cancelled.",
    JobState.UNKNOWN: "Nobody can tell whether it was taken. It is not sent again by itself.",
    JobState.HELD: "It waits for a person.",
}
_LATEST = 253_402_300_799.0
"""The last second of the year 9999."""
# What the stored form of a request raises when somebody has changed it.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError, ExceptionGroup)


@frozen(kw_only=True)
class Facts:
    """One job as the page tells it. Seconds and US dollars; None and empty texts where there is nothing to tell.

    `took` is from the server's taking the job to the whole file, `length` what the video plays; `cost` is spent
    and reserved together. `money` says what became of the money, in a sentence.
    """

    key: str
    model: str
    state: JobState
    prompt: str
    settings: Sequence[str]
    reason: str
    advice: str
    money: str
    totals: Totals
    at: float
    took: float | None
    cost: Decimal | None
    found: Found = field(repr=False)


def facts_of(record: JobRecord, found: Found, *, folder: Path) -> Facts:
    """What the page says of a job; `found` is what lies at its destination."""
    request = _request(record)
    error = error_from_text(record.error) if record.error else None
    names = _known_paths(record, request, found, folder)
    secrets = link_secrets(record.download_url) if record.download_url else ()
    reason, advice = (words.shown(words.discreet(text, names, secrets)) for text in _why(record, error, found))
    totals = totals_of(record)
    return Facts(
        key=_name(record, request),
        model=words.shown(record.model),
        state=record.state,
        prompt=words.shown(request.prompt or "") if request else "",
        settings=tuple(map(words.shown, _settings(request))) if request else (),
        reason=reason,
        advice=advice,
        money=_money(record, totals),
        totals=totals,
        at=_instant(record.finished_at or record.queued_at or record.queueing_at or record.created_at),
        took=_took(record),
        cost=None if record.price_usd is None and not totals.held_usd else totals.held_usd,
        found=found,
    )


def _request(record: JobRecord) -> VideoRequest | None:
    try:
        return request_from_text(record.request)
    except _UNREADABLE:
        return None  # the ledger can be tampered with, and the video can be shown all the same


def _name(record: JobRecord, request: VideoRequest | None) -> str:
    """The key that was given, else the beginning of the prompt, as the command line has it."""
    prompt = words.shown(request.prompt or "")[:60] if request else ""
    given = record.key if record.key != record.id else ""
    return words.shown(given) or prompt or words.shown(record.id)


def _instant(at: float) -> float:
    """What a calendar can tell; 0 for anything else that a ledger may say."""
    return at if 0.0 < at < _LATEST else 0.0


def _took(record: JobRecord) -> float | None:
    if record.state is not JobState.COMPLETED or record.queued_at is None or record.finished_at is None:
        return None
    return max(0.0, record.finished_at - record.queued_at)


def _settings(request: VideoRequest) -> Iterator[str]:
    """What was chosen. Media are counted and never named: a name may be a private link or a path of this machine."""
    yield from (value for name in _SETTINGS if (value := getattr(request, name)))
    if request.upscale_factor:
        yield f"{request.upscale_factor}x upscale"
    if request.audio is not None:
        yield "audio" if request.audio else "no audio"
    for name, noun in _MEDIA.items():
        value = getattr(request, name)
        number = len(value) if isinstance(value, tuple) else int(value is not None)
        if number:
            yield noun if number == 1 else f"{number} {noun}s"
    if request.negative_prompt:
        yield f"without: {request.negative_prompt}"


def _why(record: JobRecord, error: VeniceError | None, found: Found) -> tuple[str, str]:
    """The reason and the advice, not yet fit to be shown."""
    if record.state is JobState.COMPLETED:
        handed = "It was handed to the program that asked for it: there is no file."
        return (handed if record.delivery is Delivery.CALLER else found.problem), ""
    said = error.message if error is not None else ""
    waits = f"It waits for a person ({record.held_for})" if record.held_for else ""
    start = waits if record.state is JobState.HELD else ""
    decided = f"Decided: {record.decision}" if record.decision else ""
    reason = words.sentences(start, said, decided) or _SENTENCES[record.state]
    return reason, error.advice if error is not None else ""


def _money(record: JobRecord, totals: Totals) -> str:
    reserved = f"{words.money(totals.reserved_usd)} stays reserved" if totals.reserved_usd else ""
    earlier = f"{words.money(record.doubtful_usd)} may have been charged before" if record.doubtful_usd else ""
    return words.sentences(record.charge.sentence, reserved, earlier)


def _known_paths(record: JobRecord, request: VideoRequest | None, found: Found, folder: Path) -> dict[str, str]:
    """The paths that a message may hold, and what is said instead. Regular expressions miss those with blanks."""
    inside = found.name or "its file"
    known = {str(folder): "(this folder)", str(Path(record.output).parent): "(its folder)", record.output: inside}
    if record.part:
        known[record.part] = inside
    for media in _media_of(request) if request else ():
        if isinstance(media, MediaFile) and media.path is not None:
            known[str(media.path)] = media.path.name
        elif isinstance(media, str):
            known[media] = "(a link)"
    # What has no folder in it may be any word of the message.
    return {path: name for path, name in known.items() if len(path) > 1 and ("/" in path or "\\" in path)}


def _media_of(request: VideoRequest) -> Iterator[Media | None]:
    for name in _MEDIA:
        value = getattr(request, name)
        for one in value if isinstance(value, tuple) else (value,):
            match one:
                case Element():
                    yield from (one.frontal_image_url, one.video_url, *one.reference_image_urls)
                case Keyframe():
                    yield one.image_url
                case str() | MediaFile():
                    yield one
