"""Requests that the vendor's document and guides allow, and others that they forbid, family by family.

Written from those texts. Where a family's numbers are not told there, they are those of the emulator's catalogue.
"""

from typing import Any

from venice_async.models import Element, Keyframe, MediaFile, SeedanceConsent, VideoRequest

IMAGE = "https://example.com/face.png"
CLIP = "https://example.com/clip.mp4"
SOUND = "https://example.com/voice.wav"
PNG = "data:image/png;base64,iVBORw0KGgo="
FILE = MediaFile.from_bytes(b"\x89PNG\r\n\x1a\n", content_type="image/png")
YES = SeedanceConsent(
    confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
)
ALMOST = SeedanceConsent(
    confirmed_terms_and_privacy=True, confirmed_legal_right=False, confirmed_screening_acknowledged=True
)
FACE = Element(frontal_image_url=IMAGE)

BASES: dict[str, dict[str, Any]] = {
    "wan t2v": {"model": "wan-2.6-text-to-video", "prompt": "a quay", "duration": "5s", "aspect_ratio": "16:9"},
    "wan i2v": {"model": "wan-2.6-image-to-video", "prompt": "it moves", "duration": "5s", "image_url": IMAGE},
    "wan v2v": {"model": "wan-2-7-video-to-video", "prompt": "at night", "video_url": CLIP},
    "grok t2v": {
        "model": "grok-imagine-text-to-video-private", "prompt": "a quay", "duration": "5s", "aspect_ratio": "1:1",
    },
    "grok i2v": {
        "model": "grok-imagine-image-to-video-private", "prompt": "it moves", "duration": "5s", "image_url": IMAGE,
    },
    "grok r2v": {
        "model": "grok-imagine-reference-to-video-private", "prompt": "@Image1 walks", "duration": "5s",
        "aspect_ratio": "16:9", "reference_image_urls": [IMAGE],
    },
    "longcat": {"model": "longcat-text-to-video", "prompt": "a quay", "duration": "5s", "aspect_ratio": "16:9"},
    "ovi": {"model": "ovi-image-to-video", "prompt": "it moves", "duration": "5s", "image_url": IMAGE},
    "ltx t2v": {
        "model": "ltx-2-v2-3-fast-text-to-video", "prompt": "a quay", "duration": "6s", "aspect_ratio": "16:9",
    },
    "ltx i2v": {"model": "ltx-2-5-pro-image-to-video", "prompt": "it moves", "duration": "6s", "image_url": IMAGE},
    "veo": {"model": "veo3.1-fast-text-to-video", "prompt": "a quay", "duration": "4s", "aspect_ratio": "16:9"},
    "minimax": {"model": "minimax-h3-text-to-video", "prompt": "a quay", "duration": "4s", "aspect_ratio": "1:1"},
    "multi-angle": {"model": "minimax-h3-max-multi-angle", "duration": "5s", "image_url": IMAGE},
    "pixverse": {
        "model": "pixverse-c1-transition", "prompt": "melts into", "duration": "5s", "image_url": IMAGE,
        "end_image_url": PNG,
    },
    "seedance t2v": {
        "model": "seedance-2-0-text-to-video-basic", "prompt": "a quay", "duration": "5s", "aspect_ratio": "21:9",
    },
    "seedance i2v": {
        "model": "seedance-2-0-image-to-video-basic", "prompt": "it moves", "duration": "4s", "image_url": IMAGE,
    },
    "seedance r2v": {
        "model": "seedance-2-0-reference-to-video-basic", "duration": "5s", "aspect_ratio": "16:9",
        "prompt": "Refer to <Subject 1> in <Image 1> to generate a ride", "reference_image_urls": [IMAGE],
    },
    "seedance 2.5": {
        "model": "seedance-2-5-reference-to-video-basic", "duration": "30s", "aspect_ratio": "16:9", "consent": YES,
        "prompt": "Strictly edit <Video 1>, changing its weather", "reference_video_urls": [CLIP],
        "reference_video_seconds": 6,
    },
    "kling t2v": {"model": "kling-v3-pro-text-to-video", "prompt": "a quay", "duration": "3s", "aspect_ratio": "1:1"},
    "kling i2v": {"model": "kling-2.6-pro-image-to-video", "prompt": "it moves", "duration": "5s", "image_url": IMAGE},
    "kling r2v": {
        "model": "kling-o3-pro-reference-to-video", "prompt": "@Element1 walks", "duration": "8s",
        "aspect_ratio": "16:9", "elements": [FACE],
    },
    "topaz": {"model": "topaz-video-upscale", "video_url": CLIP},
}  # fmt: skip

RIGHT: list[tuple[str, dict[str, Any]]] = [
    *((base, {}) for base in BASES),
    ("wan t2v", {"resolution": "720p"}), ("wan t2v", {"resolution": "1080p"}), ("wan t2v", {"audio": True}),
    ("wan t2v", {"audio": False}), ("wan t2v", {"negative_prompt": "rain"}), ("wan t2v", {"aspect_ratio": "9:16"}),
    ("wan t2v", {"duration": "15s"}), ("wan t2v", {"prompt": "x" * 2500}), ("wan t2v", {"audio_url": SOUND}),
    ("wan t2v", {"anon_user_id": "u-1"}), ("wan i2v", {"image_url": PNG}), ("wan i2v", {"image_url": FILE}),
    ("wan i2v", {"resolution": "1080p", "audio": False}), ("wan v2v", {"duration": "5s"}),
    ("wan v2v", {"duration": "5"}),
    ("wan v2v", {"resolution": "720p"}), ("wan v2v", {"reference_image_urls": [IMAGE] * 4}),
    ("grok t2v", {"duration": "15s", "aspect_ratio": "3:4"}), ("grok t2v", {"prompt": "x" * 4096}),
    ("grok r2v", {"reference_image_urls": [IMAGE] * 7, "duration": "10s"}), ("longcat", {"duration": "30s"}),
    ("ltx t2v", {"resolution": "2160p", "duration": "20s"}), ("ltx t2v", {"prompt": "x" * 5000}),
    ("ltx i2v", {"resolution": "4k"}),
    ("ltx i2v", {"keyframes": [Keyframe(image_url=IMAGE, frame_index=0), Keyframe(image_url=PNG, frame_index=144)]}),
    ("ltx i2v", {"image_url": None, "keyframes": [Keyframe(image_url=FILE, frame_index=7)]}),
    ("veo", {"resolution": "4k", "audio": False}), ("minimax", {"resolution": "768P"}),
    ("minimax", {"resolution": "2K"}),
    ("minimax", {"prompt": "x" * 7000}), ("multi-angle", {"prompt": "from above"}),
    ("pixverse", {"resolution": "540p"}),
    ("seedance t2v", {"bitrate_mode": "high"}), ("seedance t2v", {"bitrate_mode": "standard"}),
    ("seedance t2v", {"prompt": "x" * 10_000}), ("seedance i2v", {"end_image_url": PNG}),
    ("seedance r2v", {"reference_image_urls": [IMAGE] * 9}),
    ("seedance r2v", {"reference_video_urls": [CLIP] * 3, "reference_video_seconds": 15}),
    ("seedance r2v", {"reference_audio_urls": [SOUND] * 3}),
    ("seedance r2v", {"aspect_ratio": "adaptive", "reference_video_urls": [CLIP]}),
    ("seedance r2v", {"aspect_ratio": "auto", "reference_video_urls": [CLIP]}), ("seedance r2v", {"consent": YES}),
    ("seedance 2.5", {"duration": "-1"}), ("seedance 2.5", {"duration": "auto", "aspect_ratio": "adaptive"}),
    ("seedance 2.5", {"omni_reference_task_type": "auto"}), ("seedance 2.5", {"omni_reference_task_type": "reference"}),
    ("seedance 2.5", {"omni_reference_task_type": "edit"}), ("seedance 2.5", {"omni_reference_task_type": "extend"}),
    ("seedance 2.5", {"reference_image_urls": [IMAGE] * 30}),
    ("seedance 2.5", {"reference_video_urls": [CLIP] * 10, "reference_video_seconds": 30}),
    ("kling t2v", {"voice_id": "v1"}), ("kling t2v", {"audio": False, "duration": "15s"}),
    ("kling i2v", {"end_image_url": PNG}), ("kling r2v", {"elements": [FACE] * 4}),
    ("kling r2v", {"scene_image_urls": [IMAGE] * 4}), ("kling r2v", {"elements": [Element(video_url=CLIP)]}),
    ("kling r2v", {"elements": [Element(frontal_image_url=FILE, reference_image_urls=[IMAGE] * 3)]}),
    ("kling r2v", {"elements": (), "image_url": IMAGE, "end_image_url": PNG}),
    ("kling r2v", {"elements": (), "scene_image_urls": [IMAGE]}),
    ("topaz", {"upscale_factor": 1}), ("topaz", {"upscale_factor": 2}), ("topaz", {"upscale_factor": 4}),
    ("topaz", {"duration": "12"}), ("topaz", {"input_height": 720}),
]  # fmt: skip

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("wan t2v", {"model": "wan-2.6-text-to-vidoe"}, "model"), ("wan t2v", {"model": ""}, "model"),
    ("veo", {"model": "sora-2-text-to-video"}, "model"),
    ("wan t2v", {"prompt": None}, "prompt"), ("wan t2v", {"prompt": " \n\t"}, "prompt"),
    ("wan t2v", {"prompt": "x" * 2501}, "prompt"), ("wan t2v", {"negative_prompt": "x" * 2501}, "negative_prompt"),
    ("seedance t2v", {"prompt": "x" * 10_001}, "prompt"), ("wan t2v", {"prompt": "x" * 20_001}, "prompt"),
    ("wan t2v", {"prompt": 7}, "prompt"), ("wan t2v", {"duration": None}, "duration"),
    ("wan t2v", {"duration": "7s"}, "duration"), ("wan t2v", {"duration": "5"}, "duration"),
    ("wan t2v", {"duration": 5}, "duration"), ("veo", {"duration": "auto"}, "duration"),
    ("seedance r2v", {"duration": "-1"}, "duration"), ("wan t2v", {"aspect_ratio": None}, "aspect_ratio"),
    ("wan t2v", {"aspect_ratio": "21:9"}, "aspect_ratio"), ("wan t2v", {"aspect_ratio": 969}, "aspect_ratio"),
    ("wan i2v", {"aspect_ratio": "16:9"}, "aspect_ratio"), ("topaz", {"aspect_ratio": "16:9"}, "aspect_ratio"),
    ("wan t2v", {"resolution": "720P"}, "resolution"), ("minimax", {"resolution": "2k"}, "resolution"),
    ("minimax", {"resolution": "768p"}, "resolution"), ("longcat", {"resolution": "720p"}, "resolution"),
    ("topaz", {"resolution": "2x"}, "resolution"), ("wan t2v", {"upscale_factor": 2}, "upscale_factor"),
    ("topaz", {"upscale_factor": 3}, "upscale_factor"), ("topaz", {"upscale_factor": True}, "upscale_factor"),
    ("topaz", {"upscale_factor": "2"}, "upscale_factor"), ("topaz", {"video_url": None}, "video_url"),
    ("topaz", {"duration": "Auto"}, "duration"), ("topaz", {"audio": False}, "audio"),
    ("topaz", {"image_url": IMAGE}, "image_url"), ("topaz", {"prompt": "sharper"}, "prompt"),
    ("wan v2v", {"duration": "Auto"}, "duration"), ("wan v2v", {"video_url": None}, "video_url"),
    ("longcat", {"audio": True}, "audio"), ("wan t2v", {"audio": "yes"}, "audio"), ("ovi", {"audio": False}, "audio"),
    ("wan i2v", {"image_url": None}, "image_url"), ("wan t2v", {"image_url": IMAGE}, "image_url"),
    ("wan t2v", {"end_image_url": IMAGE}, "end_image_url"), ("wan t2v", {"video_url": CLIP}, "video_url"),
    ("wan i2v", {"image_url": "/etc/passwd"}, "image_url"), ("wan i2v", {"image_url": "file:///a.png"}, "image_url"),
    ("pixverse", {"end_image_url": None}, "end_image_url"), ("pixverse", {"image_url": None}, "image_url"),
    ("longcat", {"audio_url": SOUND}, "audio_url"), ("kling i2v", {"video_url": CLIP}, "video_url"),
    ("grok r2v", {"reference_image_urls": ()}, "reference_image_urls"),
    ("grok r2v", {"reference_image_urls": [IMAGE] * 8}, "reference_image_urls"),
    ("grok r2v", {"elements": [FACE]}, "elements"), ("grok r2v", {"scene_image_urls": [IMAGE]}, "scene_image_urls"),
    ("grok r2v", {"image_url": IMAGE}, "image_url"),
    ("seedance r2v", {"reference_image_urls": [IMAGE] * 10}, "reference_image_urls"),
    ("seedance r2v", {"reference_video_urls": [CLIP] * 4}, "reference_video_urls"),
    ("seedance r2v", {"reference_audio_urls": [SOUND] * 4}, "reference_audio_urls"),
    ("seedance 2.5", {"reference_image_urls": [IMAGE] * 31}, "reference_image_urls"),
    ("seedance 2.5", {"reference_video_urls": [CLIP] * 11, "reference_video_seconds": 29}, "reference_video_urls"),
    ("seedance r2v", {"reference_document_urls": [IMAGE]}, "reference_document_urls"),
    ("seedance r2v", {"aspect_ratio": "adaptive"}, "aspect_ratio"),
    ("seedance r2v", {"aspect_ratio": "auto"}, "aspect_ratio"),
    ("seedance r2v", {"omni_reference_task_type": "edit"}, "omni_reference_task_type"),
    ("seedance 2.5", {"omni_reference_task_type": "dance"}, "omni_reference_task_type"),
    ("wan t2v", {"omni_reference_task_type": "edit"}, "omni_reference_task_type"),
    ("seedance t2v", {"bitrate_mode": "low"}, "bitrate_mode"), ("wan t2v", {"bitrate_mode": "high"}, "bitrate_mode"),
    ("seedance r2v", {"consent": ALMOST}, "consent"), ("seedance r2v", {"elements": [FACE]}, "elements"),
    ("seedance 2.5", {"reference_video_seconds": 31}, "reference_video_seconds"),
    ("seedance 2.5", {"reference_video_seconds": 3, "duration": "-1"}, "reference_video_seconds"),
    ("seedance r2v", {"reference_video_urls": [CLIP], "reference_video_seconds": 15.5}, "reference_video_seconds"),
    ("seedance r2v", {"reference_video_seconds": 5}, "reference_video_seconds"),
    ("kling r2v", {"elements": [FACE] * 5}, "elements"), ("kling r2v", {"elements": ()}, "elements"),
    ("kling r2v", {"scene_image_urls": [IMAGE] * 5}, "scene_image_urls"),
    ("kling r2v", {"elements": [Element()]}, "elements[0].frontal_image_url"),
    ("kling r2v", {"elements": [FACE, Element(frontal_image_url=IMAGE, reference_image_urls=[IMAGE] * 4)]},
     "elements[1].reference_image_urls"),
    ("kling r2v", {"elements": [Element(frontal_image_url="face.png")]}, "elements[0].frontal_image_url"),
    ("ltx i2v", {"keyframes": [Keyframe(image_url=IMAGE, frame_index=145)]}, "keyframes[0].frame_index"),
    ("ltx i2v", {"keyframes": [Keyframe(image_url=IMAGE, frame_index=-1)]}, "keyframes[0].frame_index"),
    ("ltx i2v", {"keyframes": [Keyframe(image_url=IMAGE, frame_index=1)] * 2}, "keyframes[1].frame_index"),
    ("ltx i2v", {"keyframes": [Keyframe(image_url=IMAGE, frame_index=n) for n in range(11)]}, "keyframes"),
    ("wan t2v", {"elements": [FACE]}, "elements"),
    ("wan t2v", {"extra": {"duration": "5s"}}, "duration"),
]  # fmt: skip

LENIENT = (
    ("topaz", "prompt"), ("veo", "model"), ("seedance 2.5", "reference_video_seconds"),
    ("seedance r2v", "reference_video_seconds"), ("kling r2v", "elements"),
    ("wan t2v", "duration"),
)  # fmt: skip
"""Refusals of ours that the emulator, like the queue, words otherwise or cannot see: family and field."""


def request(base: str, changes: dict[str, Any]) -> VideoRequest:
    """A base request with some fields changed."""
    return VideoRequest(**{**BASES[base], **changes})
