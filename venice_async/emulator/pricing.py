"""Prices: the same rule for the quote and for the charge."""

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from venice_async.emulator.catalogue import ModelSheet

_CENT: Final = Decimal("0.01")
_UNKNOWN_CLIP: Final = 5
"""Seconds that a clip is taken for where nobody says how long it is."""
_UPSCALING: Final[Mapping[int, Decimal]] = {1: Decimal(1), 2: Decimal(2), 4: Decimal(4)}
_REFERENCE_RATE: Final = Decimal("0.5")
_LONGEST: Final = Decimal(3600)


def price(sheet: ModelSheet, body: Mapping[str, Any]) -> Decimal:
    """US dollars for a checked queue or quote body, whole cents, never nothing."""
    references = _reference_seconds(body)
    seconds = _output_seconds(body, references) + references * _REFERENCE_RATE
    usd = sheet.usd_per_second * seconds * sheet.price_factor(_resolution(sheet, body))
    if sheet.audio_configurable and body.get("audio", True):
        usd *= sheet.usd_for_audio
    if sheet.upscales:
        usd *= _UPSCALING[int(body.get("upscale_factor", 2))]
    return max(_CENT, usd.quantize(_CENT, rounding=ROUND_UP))


def _resolution(sheet: ModelSheet, body: Mapping[str, Any]) -> str | None:
    if not sheet.resolutions:
        return None
    given: str = body.get("resolution", sheet.resolutions[0])
    return given


def _output_seconds(body: Mapping[str, Any], references: Decimal) -> Decimal:
    seconds = str(body.get("duration", "")).removesuffix("s")
    if seconds.isascii() and seconds.isdigit():
        return Decimal(seconds)
    return references or Decimal(_UNKNOWN_CLIP)


def _reference_seconds(body: Mapping[str, Any]) -> Decimal:
    told = body.get("reference_video_total_duration")
    if told is not None:
        return min(Decimal(str(told)), _LONGEST)
    return Decimal(_UNKNOWN_CLIP * len(body.get("reference_video_urls", ())))
