"""What the demo asks for: twelve jobs of mixed models, and what goes wrong meanwhile."""

import struct
import zlib
from typing import Final

from attrs import frozen

from venice_async.emulator.faults import Fault, JobFault, SlowFault, StatusFault
from venice_async.models import Element, MediaFile, VideoRequest

TIME_SCALE: Final = 8.0
"""Slow enough to watch, fast enough to be over in half a minute."""
VIDEO_SIZE: Final = 2_000_000
_PACE: Final = 80_000.0
"""Bytes per job second: a transfer takes long enough to be seen."""
_CAPACITY_SPELL: Final = (70.0, 105.0)
"""Job seconds during which every retrieve is answered with 503."""
REJECTED: Final = "forbidden-scene"
"""The key of the job that is charged, rejected for its content, and refunded."""


@frozen(kw_only=True)
class DemoJob:
    """One job of the demo."""

    key: str
    request: VideoRequest


def demo_faults() -> tuple[Fault, ...]:
    """A spell of 503 in the middle, one content rejection, and a slow line."""
    start, end = _CAPACITY_SPELL
    return (
        StatusFault(status=503, endpoints=("retrieve",), start=start, end=end, message="The model is at capacity"),
        JobFault(kind="content", prompt="forbidden", refunded=True),
        SlowFault(pace=_PACE, endpoints=("retrieve", "media")),
    )


def demo_jobs() -> tuple[DemoJob, ...]:
    """The jobs in order: slow models first, so that all end close together."""
    image = MediaFile.from_bytes(gradient_png(256, 144), content_type="image/png")
    return (*_with_media(image), *_from_text())


def _with_media(image: MediaFile) -> tuple[DemoJob, ...]:
    return (
        _job(
            "paper-fleet", "seedance-2-0-reference-to-video-basic", "Paper boats in a gutter, as in <Image 1>",
            duration="5s", aspect_ratio="16:9", reference_image_urls=[image],
        ),
        _job(
            "two-dancers", "kling-o3-pro-reference-to-video", "@Element1 dances with its own shadow",
            duration="5s", aspect_ratio="1:1", elements=[Element(frontal_image_url=image)],
        ),
        _job(
            "old-reel", "topaz-video-upscale", None, video_url="https://media.example.com/old-reel.mp4",
            upscale_factor=2,
        ),
        _job(
            "waking-hill", "wan-2.6-image-to-video", "The hill breathes and wakes", duration="5s",
            resolution="720p", image_url=image,
        ),
    )  # fmt: skip


def _from_text() -> tuple[DemoJob, ...]:
    return (
        _job("slow-tide", "wan-2.6-text-to-video", "The tide comes in over chess pieces", ratio="16:9"),
        _job("clockwork", "kling-2.6-pro-text-to-video", "A clockwork hummingbird, macro", ratio="9:16"),
        _job(
            "night-train", "veo3.1-fast-text-to-video", "A night train crosses a viaduct", ratio="16:9", duration="6s"
        ),
        _job(REJECTED, "minimax-h3-text-to-video", "A forbidden scene", ratio="16:9"),
        _job("glass-city", "seedance-2-0-fast-text-to-video-basic", "A city of glass at noon", ratio="21:9"),
        _job("first-snow", "longcat-distilled-text-to-video", "First snow on a tram stop", ratio="1:1"),
        _job("private-garden", "grok-imagine-text-to-video-private", "A walled garden, dusk", ratio="3:4"),
        _job("lighthouse", "ltx-2-v2-3-fast-text-to-video", "A lighthouse in fog", ratio="16:9", duration="6s"),
    )


def _job(
    key: str, model: str, prompt: str | None, *, ratio: str | None = None, duration: str | None = None, **fields: object
) -> DemoJob:
    if ratio is not None:
        fields = {"aspect_ratio": ratio, "duration": duration or "5s", **fields}
    elif duration is not None:
        fields = {"duration": duration, **fields}
    return DemoJob(key=key, request=VideoRequest(model=model, prompt=prompt, **fields))  # type: ignore[arg-type]


def gradient_png(width: int, height: int) -> bytes:
    """A small picture made on the fly: PNG with 8-bit RGB, no filter."""
    rows = (
        b"\0" + bytes(part for x in range(width) for part in (255 * x // width, 96, 255 - 255 * y // height))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(rows))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
