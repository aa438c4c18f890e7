"""The emulator's model sheets: real ids and names; constraints, prices and speeds are plausible, not official."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from venice_async.emulator.catalogue import ModelSheet, Retirement

_WIDE: Final = ("16:9", "9:16", "1:1")
_SEEDANCE_RATIOS: Final = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
_IMAGE: Final = {"image_url": 1}
_FRAMES: Final = {"image_url": 1, "end_image_url": 1}
_REFERENCES: Final = {"reference_image_urls": 9, "reference_video_urls": 3, "reference_audio_urls": 3}
_MORE_REFERENCES: Final = {"reference_image_urls": 30, "reference_video_urls": 10, "reference_audio_urls": 10}


def _seconds(*numbers: int) -> tuple[str, ...]:
    return tuple(f"{number}s" for number in numbers)


def _pair(
    family: str, name: str, *, suffix: str = "", image_inputs: dict[str, int] | None = None, **facts: Any
) -> Iterator[ModelSheet]:
    """The text-to-video and image-to-video ids of one family. The image fixes the shape: no aspect ratio there."""
    yield ModelSheet(id=f"{family}-text-to-video{suffix}", name=name, **facts)
    image_facts = {**facts, "aspect_ratios": (), "model_type": "image-to-video"}
    image_facts["inputs"] = {**(image_inputs or _IMAGE), **facts.get("inputs", {})}
    yield ModelSheet(id=f"{family}-image-to-video{suffix}", name=name, required=("image_url",), **image_facts)


def _private() -> Iterator[ModelSheet]:
    yield from _pair(
        "grok-imagine", "Grok Imagine", suffix="-private", privacy="private", has_link=True,
        aspect_ratios=(*_WIDE, "4:3", "3:4"),
        resolutions=("480p", "720p"), durations=_seconds(5, 10, 15), audio=True, prompt_limit=4096, p80=38.0,
        usd_per_second=Decimal("0.05"),
    )  # fmt: skip
    yield ModelSheet(
        id="grok-imagine-reference-to-video-private", name="Grok Imagine R2V", privacy="private", model_type="video",
        has_link=True, aspect_ratios=_WIDE, durations=_seconds(5, 10), inputs={"reference_image_urls": 7},
        required=("reference_image_urls",), audio=True, p80=45.0, usd_per_second=Decimal("0.06"),
    )  # fmt: skip
    yield from _pair(
        "longcat", "Longcat Full Quality", privacy="private", aspect_ratios=_WIDE,
        durations=_seconds(5, 10, 15, 20, 30), p80=240.0, usd_per_second=Decimal("0.04"),
    )  # fmt: skip
    yield from _pair(
        "longcat-distilled", "Longcat Distilled", privacy="private", aspect_ratios=_WIDE,
        durations=_seconds(5, 10, 15), p80=60.0, usd_per_second=Decimal("0.02"),
    )  # fmt: skip
    yield ModelSheet(
        id="wan-2.2-a14b-text-to-video", name="Wan 2.2 A14B", privacy="private", aspect_ratios=("16:9", "9:16"),
        resolutions=("480p", "720p"), durations=_seconds(5), p80=120.0, usd_per_second=Decimal("0.07"),
    )  # fmt: skip
    yield ModelSheet(
        id="ovi-image-to-video", name="Ovi", privacy="private", model_type="image-to-video", durations=_seconds(5),
        audio=True, inputs=_IMAGE, required=("image_url",), p80=75.0, usd_per_second=Decimal("0.04"),
    )  # fmt: skip


def _seedance() -> Iterator[ModelSheet]:
    facts: dict[str, Any] = {
        "resolutions": ("480p", "720p", "1080p"), "durations": _seconds(*range(4, 16)), "audio": True,
        "audio_configurable": True, "prompt_limit": 10000, "usd_for_audio": Decimal(1),
    }  # fmt: skip
    yield from _pair(
        "seedance-2-0", "Seedance 2.0", suffix="-basic", aspect_ratios=_SEEDANCE_RATIOS, p80=190.0,
        image_inputs=_FRAMES, inputs={"bitrate_mode": 1}, usd_per_second=Decimal("0.14"), **facts,
    )  # fmt: skip
    yield from _pair(
        "seedance-2-0-fast", "Seedance 2.0 Fast", suffix="-basic", aspect_ratios=_SEEDANCE_RATIOS, p80=80.0,
        image_inputs=_FRAMES, inputs={"bitrate_mode": 1}, usd_per_second=Decimal("0.08"), **facts,
    )  # fmt: skip
    yield ModelSheet(
        id="seedance-2-0-reference-to-video-basic", name="Seedance 2.0 R2V", model_type="video", p80=230.0,
        aspect_ratios=(*_SEEDANCE_RATIOS, "adaptive", "auto"), inputs={**_REFERENCES, "bitrate_mode": 1},
        usd_per_second=Decimal("0.16"), **facts,
    )  # fmt: skip
    yield ModelSheet(
        id="seedance-2-0-fast-reference-to-video-basic", name="Seedance 2.0 Fast R2V", model_type="video", p80=110.0,
        aspect_ratios=(*_SEEDANCE_RATIOS, "adaptive", "auto"), inputs={**_REFERENCES, "bitrate_mode": 1},
        usd_per_second=Decimal("0.10"), **{**facts, "resolutions": ("480p", "720p")},
    )  # fmt: skip
    yield ModelSheet(
        id="seedance-2-5-text-to-video-basic", name="Seedance 2.5", aspect_ratios=_SEEDANCE_RATIOS, p80=260.0,
        inputs={"bitrate_mode": 1}, usd_per_second=Decimal("0.20"), **facts,
    )  # fmt: skip
    yield ModelSheet(
        id="seedance-2-5-reference-to-video-basic", name="Seedance 2.5 R2V", model_type="video", p80=400.0,
        aspect_ratios=(*_SEEDANCE_RATIOS, "adaptive", "auto"), wants_consent=True, usd_per_second=Decimal("0.24"),
        inputs={**_MORE_REFERENCES, "bitrate_mode": 1, "omni_reference_task_type": 1},
        **{**facts, "durations": (*_seconds(*range(4, 31)), "-1", "auto")},
    )  # fmt: skip


def _kling() -> Iterator[ModelSheet]:
    yield from _pair(
        "kling-2.6-pro", "Kling 2.6 Pro", aspect_ratios=_WIDE, durations=_seconds(5, 10), audio=True,
        audio_configurable=True, p80=145.0, usd_per_second=Decimal("0.07"), usd_for_audio=Decimal(2),
        image_inputs=_FRAMES,
    )  # fmt: skip
    yield ModelSheet(
        id="kling-2.5-turbo-pro-text-to-video", name="Kling 2.5 Turbo Pro", aspect_ratios=_WIDE,
        durations=_seconds(5, 10), p80=110.0, usd_per_second=Decimal("0.07"),
        retirement=Retirement(removes_at="2027-06-30T00:00:00.000Z", replacement="kling-2.6-pro-text-to-video"),
    )  # fmt: skip
    yield ModelSheet(
        id="kling-v3-pro-text-to-video", name="Kling V3 Pro", aspect_ratios=_WIDE, durations=_seconds(*range(3, 16)),
        audio=True, audio_configurable=True, inputs={"voice_id": 1}, p80=160.0, usd_per_second=Decimal("0.11"),
    )  # fmt: skip
    yield ModelSheet(
        id="kling-o3-pro-reference-to-video", name="Kling O3 Pro R2V", model_type="video", aspect_ratios=_WIDE,
        durations=_seconds(*range(3, 16)), audio=True, audio_configurable=True, p80=200.0,
        usd_per_second=Decimal("0.14"),
        inputs={"elements": 4, "scene_image_urls": 4, "reference_image_urls": 7, "image_url": 1, "end_image_url": 1},
    )  # fmt: skip


def _wan_and_ltx() -> Iterator[ModelSheet]:
    yield from _pair(
        "wan-2.6", "Wan 2.6", aspect_ratios=(*_WIDE, "4:3", "3:4"), resolutions=("720p", "1080p"),
        durations=_seconds(5, 10, 15), audio=True, audio_configurable=True, inputs={"audio_url": 1}, p80=150.0,
        usd_per_second=Decimal("0.10"),
    )  # fmt: skip
    yield ModelSheet(
        id="wan-2-7-video-to-video", name="Wan 2.7 Edit", model_type="video", resolutions=("720p", "1080p"),
        inputs={"video_url": 1, "reference_image_urls": 4}, required=("video_url",), takes_duration=False, p80=170.0,
        usd_per_second=Decimal("0.10"),
    )  # fmt: skip
    yield from _pair(
        "ltx-2-v2-3-fast", "LTX Video 2.3 Fast", aspect_ratios=("16:9", "9:16"),
        resolutions=("1080p", "1440p", "2160p"), durations=_seconds(6, 8, 10, 12, 14, 16, 18, 20), audio=True,
        audio_configurable=True, prompt_limit=5000, p80=8.0, usd_per_second=Decimal("0.04"),
    )  # fmt: skip
    yield ModelSheet(
        id="ltx-2-5-pro-image-to-video", name="LTX Video 2.5 Pro", model_type="image-to-video",
        resolutions=("1080p", "4k"), durations=_seconds(6, 8, 10), audio=True,
        inputs={"image_url": 1, "keyframes": 10}, p80=45.0, usd_per_second=Decimal("0.08"),
    )  # fmt: skip


def _large_labs() -> Iterator[ModelSheet]:
    yield from _pair(
        "veo3.1-fast", "Veo 3.1 Fast", aspect_ratios=("16:9", "9:16"), resolutions=("720p", "1080p", "4k"),
        durations=_seconds(4, 6, 8), audio=True, audio_configurable=True, p80=95.0, usd_per_second=Decimal("0.10"),
        usd_for_audio=Decimal("1.5"),
    )  # fmt: skip
    yield ModelSheet(
        id="sora-2-text-to-video", name="Sora 2", aspect_ratios=("16:9", "9:16"), resolutions=("720p",),
        durations=_seconds(4, 8, 12), audio=True, p80=180.0, usd_per_second=Decimal("0.10"), offline=True,
    )  # fmt: skip
    yield ModelSheet(
        id="minimax-h3-text-to-video", name="MiniMax H3", aspect_ratios=("16:9", "9:16", "1:1"),
        resolutions=("768P", "2K"), durations=_seconds(*range(4, 16)), audio=True, prompt_limit=7000, p80=210.0,
        usd_per_second=Decimal("0.12"),
    )  # fmt: skip
    yield ModelSheet(
        id="minimax-h3-max-multi-angle", name="MiniMax H3 Max Multi Angle", model_type="video", durations=_seconds(5),
        inputs=_IMAGE, required=("image_url",), takes_prompt=False, p80=190.0, usd_per_second=Decimal("0.12"),
    )  # fmt: skip
    yield ModelSheet(
        id="pixverse-c1-transition", name="PixVerse C1 Transition", model_type="image-to-video",
        resolutions=("540p", "720p", "1080p"), durations=_seconds(5, 8), inputs=_FRAMES,
        required=("image_url", "end_image_url"), p80=55.0, usd_per_second=Decimal("0.06"),
    )  # fmt: skip
    yield ModelSheet(
        id="topaz-video-upscale", name="Topaz Video Upscale", model_type="video", inputs={"video_url": 1},
        required=("video_url",), upscales=True, takes_prompt=False, takes_duration=False, p80=130.0,
        usd_per_second=Decimal("0.02"),
    )  # fmt: skip


DEFAULT_SHEETS: Final = (*_private(), *_seedance(), *_kling(), *_wan_and_ltx(), *_large_labs())
"""What an emulator offers unless told otherwise."""
