"""What quote, retrieve, complete and transcriptions take."""

from collections.abc import Mapping
from typing import Any, Final

from venice_async.emulator.catalogue import ASPECT_RATIOS, DURATIONS, RESOLUTIONS, SOURCE_MATCHED, ModelSheet
from venice_async.emulator.validation import (
    Check,
    Findings,
    boolean,
    check_fields,
    choice,
    media,
    number,
    refuse_unknown,
    require,
    text,
)

_JOB: Final[Mapping[str, Check]] = {"model": text(), "queue_id": text()}
_RETRIEVE: Final[Mapping[str, Check]] = {**_JOB, "delete_media_on_completion": boolean}
_TRANSCRIPTION: Final[Mapping[str, Check]] = {"url": media("video"), "response_format": choice(("json", "text"))}
_QUOTE: Final[Mapping[str, Check]] = {
    "model": text(),
    "duration": choice(DURATIONS),
    "resolution": choice(RESOLUTIONS),
    "aspect_ratio": choice(ASPECT_RATIOS),
    "audio": boolean,
    "upscale_factor": choice((1, 2, 4)),
    "video_url": media("video"),
    "reference_video_total_duration": number,
    "reference_image_count": number,
    "input_height": number,
}


def check_retrieve(body: Mapping[str, Any], *, by_wallet: bool = False) -> None:
    """Raise Refused with 400 unless this is a retrieve body.

    The API's document wants the model. The vendor's own wallet client leaves it out where it waits for a video
    itself, so a wallet may.
    """
    _check_exactly(body, _RETRIEVE, ("queue_id",) if by_wallet else ("model", "queue_id"))


def check_complete(body: Mapping[str, Any]) -> None:
    """Raise Refused with 400 unless this is a complete body."""
    _check_exactly(body, _JOB, ("model", "queue_id"))


def check_transcription(body: Mapping[str, Any]) -> None:
    """Raise Refused with 400 unless this is a transcription body."""
    _check_exactly(body, _TRANSCRIPTION, ("url",))


def check_quote_types(body: Mapping[str, Any]) -> None:
    """Raise Refused with 400 for a priced field that no model could take; fields that never price are ignored."""
    findings = Findings()
    require(body, ("model",), findings)
    check_fields(body, _QUOTE, findings)
    findings.refuse()


def check_quote(sheet: ModelSheet, body: Mapping[str, Any]) -> None:
    """Raise Refused with 400 where a field that prices this model does not fit it."""
    findings = Findings()
    if sheet.upscales:
        require(body, ("video_url",), findings)
    if sheet.takes_duration:
        require(body, ("duration",), findings)
        check_fields(body, {"duration": choice(sheet.durations)}, findings)
    if sheet.resolutions:
        check_fields(body, {"resolution": choice(sheet.resolutions)}, findings)
    if sheet.aspect_ratios:
        check_fields(body, {"aspect_ratio": choice(sheet.aspect_ratios)}, findings)
    matched = {body.get("duration"), body.get("aspect_ratio")} & SOURCE_MATCHED
    if matched and sheet.takes_duration and not body.get("reference_video_total_duration"):
        findings.add("A value that follows a source clip needs it", "reference_video_total_duration")
    findings.refuse()


def _check_exactly(body: Mapping[str, Any], checks: Mapping[str, Check], needed: tuple[str, ...]) -> None:
    findings = Findings()
    refuse_unknown(body, checks, findings, why="is not part of this request")
    check_fields(body, checks, findings)
    require(body, needed, findings)
    findings.refuse()
