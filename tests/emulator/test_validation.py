"""The queue refuses what the model does not take, and says why."""

from typing import Any

import pytest

IMAGE = "https://example.com/face.png"
PNG = "data:image/png;base64,iVBORw0KGgo="
CONFIRMED = {
    "confirmed_terms_and_privacy": True,
    "confirmed_legal_right": True,
    "confirmed_screening_acknowledged": True,
}
R2V = {"model": "seedance-2-0-reference-to-video-basic"}
R2V_25 = {"model": "seedance-2-5-reference-to-video-basic", "consents": {"seedance": CONFIRMED}}
KLING = {"model": "kling-o3-pro-reference-to-video"}
KEYFRAMES = {"model": "ltx-2-5-pro-image-to-video", "duration": "6s", "aspect_ratio": None}
UPSCALE = {
    "model": "topaz-video-upscale", "prompt": None, "duration": None, "aspect_ratio": None,
    "video_url": "https://example.com/clip.mp4",
}  # fmt: skip
EDIT = {
    "model": "wan-2-7-video-to-video", "duration": None, "aspect_ratio": None,
    "video_url": "https://example.com/clip.mp4",
}  # fmt: skip

TAKEN: dict[str, dict[str, Any]] = {
    "plain": {},
    "resolution": {"resolution": "1080p"},
    "sound off": {"audio": False},
    "negative prompt": {"negative_prompt": "rain"},
    "audio input": {"audio_url": "data:audio/wav;base64,UklGRg=="},
    "end user": {"anon_user_id": "u-1"},
    "image": {"model": "wan-2.6-image-to-video", "aspect_ratio": None, "image_url": PNG},
    "both frames": {
        "model": "pixverse-c1-transition", "aspect_ratio": None, "image_url": IMAGE, "end_image_url": PNG,
    },
    "references": {**R2V, "reference_image_urls": [IMAGE] * 9, "bitrate_mode": "high"},
    "source-matched ratio": {**R2V, "aspect_ratio": "adaptive", "reference_video_urls": ["https://example.com/a.mp4"]},
    "source-matched duration": {
        **R2V_25, "duration": "-1", "reference_video_urls": ["https://example.com/a.mp4"],
        "omni_reference_task_type": "edit",
    },
    "audio beside an image": {
        **R2V, "reference_image_urls": [IMAGE], "reference_audio_urls": ["https://example.com/a.wav"],
    },
    "elements": {
        **KLING, "elements": [{"frontal_image_url": IMAGE, "reference_image_urls": [PNG] * 3}],
        "scene_image_urls": [IMAGE],
    },
    "keyframes": {**KEYFRAMES, "keyframes": [{"image_url": IMAGE, "frame_index": 144}]},
    "upscale": {**UPSCALE, "upscale_factor": 4},
    "upscale of so many seconds": {**UPSCALE, "duration": "12"},
    "video to video": EDIT,
    "voice": {"model": "kling-v3-pro-text-to-video", "voice_id": "v1"},
    "long prompt": {"model": "seedance-2-0-text-to-video-basic", "prompt": "a" * 10_000},
}  # fmt: skip

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": None}, "model"),
    "unknown model": ({"model": "nobody"}, "model"),
    "model of another type": ({"model": 7}, "model"),
    "no prompt": ({"prompt": None}, "prompt"),
    "blank prompt": ({"prompt": " \n\t"}, "prompt"),
    "prompt that is no text": ({"prompt": 7}, "prompt"),
    "prompt above the default limit": ({"prompt": "a" * 2501}, "prompt"),
    "prompt above the model's limit": ({"model": "seedance-2-0-text-to-video-basic", "prompt": "a" * 10_001}, "prompt"),
    "negative prompt above the limit": ({"negative_prompt": "a" * 2501}, "negative_prompt"),
    "no duration": ({"duration": None}, "duration"),
    "duration of another model": ({"duration": "7s"}, "duration"),
    "duration as a number": ({"duration": 5}, "duration"),
    "no ratio where one is due": ({"aspect_ratio": None}, "aspect_ratio"),
    "ratio of another model": ({"aspect_ratio": "21:9"}, "aspect_ratio"),
    "ratio where none is taken": (
        {"model": "wan-2.6-image-to-video", "image_url": PNG, "aspect_ratio": "16:9"}, "aspect_ratio",
    ),
    "ratio as YAML reads it": ({"aspect_ratio": 969}, "aspect_ratio"),
    "resolution in the wrong case": ({"resolution": "1080P"}, "resolution"),
    "resolution where none is taken": ({"model": "longcat-text-to-video", "resolution": "720p"}, "resolution"),
    "resolution on upscale": ({**UPSCALE, "resolution": "2x"}, "resolution"),
    "Auto on upscale": ({**UPSCALE, "duration": "Auto"}, "duration"),
    "Auto on video to video": ({**EDIT, "duration": "Auto"}, "duration"),
    "upscale without a video": ({**UPSCALE, "video_url": None}, "video_url"),
    "upscale factor 3": ({**UPSCALE, "upscale_factor": 3}, "upscale_factor"),
    "upscale factor true": ({**UPSCALE, "upscale_factor": True}, "upscale_factor"),
    "upscale factor elsewhere": ({"upscale_factor": 2}, "upscale_factor"),
    "audio where it is fixed": ({"model": "longcat-text-to-video", "audio": True}, "audio"),
    "audio as a text": ({"audio": "yes"}, "audio"),
    "no image": ({"model": "wan-2.6-image-to-video", "aspect_ratio": None}, "image_url"),
    "image to text-to-video": ({"image_url": PNG}, "image_url"),
    "local path": ({"model": "wan-2.6-image-to-video", "aspect_ratio": None, "image_url": "/etc/passwd"}, "image_url"),
    "file address": ({"model": "wan-2.6-image-to-video", "aspect_ratio": None, "image_url": "file:///a"}, "image_url"),
    "video where an image is due": (
        {"model": "wan-2.6-image-to-video", "aspect_ratio": None, "image_url": "data:video/mp4;base64,AA"}, "image_url",
    ),
    "empty data address": (
        {"model": "wan-2.6-image-to-video", "aspect_ratio": None, "image_url": "data:image/png;base64,"}, "image_url",
    ),
    "audio above 15 MB": ({"audio_url": "data:audio/wav;base64," + "A" * 20_100_000}, "audio_url"),
    "ten references": ({**R2V, "reference_image_urls": [IMAGE] * 10}, "reference_image_urls"),
    "references that are no list": ({**R2V, "reference_image_urls": IMAGE}, "reference_image_urls"),
    "audio as the only reference": (
        {**R2V, "reference_audio_urls": ["https://example.com/a.wav"]}, "reference_audio_urls",
    ),
    "adaptive without a source": ({**R2V, "aspect_ratio": "adaptive"}, "aspect_ratio"),
    "-1 without a source": ({**R2V_25, "duration": "-1"}, "duration"),
    "task type of 2.5 on 2.0": ({**R2V, "omni_reference_task_type": "edit"}, "omni_reference_task_type"),
    "unknown task type": ({**R2V_25, "omni_reference_task_type": "dance"}, "omni_reference_task_type"),
    "unknown bitrate mode": ({**R2V, "bitrate_mode": "low"}, "bitrate_mode"),
    "five elements": ({**KLING, "elements": [{"frontal_image_url": IMAGE}] * 5}, "elements"),
    "empty element": ({**KLING, "elements": [{}]}, "elements"),
    "element with a stranger": ({**KLING, "elements": [{"frontal_image_url": IMAGE, "name": "x"}]}, "elements"),
    "element that is no object": ({**KLING, "elements": ["x"]}, "elements"),
    "four images in an element": ({**KLING, "elements": [{"reference_image_urls": [IMAGE] * 4}]}, "elements"),
    "five scenes": ({**KLING, "scene_image_urls": [IMAGE] * 5}, "scene_image_urls"),
    "keyframe behind the end": ({**KEYFRAMES, "keyframes": [{"image_url": IMAGE, "frame_index": 145}]}, "keyframes"),
    "keyframe twice": ({**KEYFRAMES, "keyframes": [{"image_url": IMAGE, "frame_index": 1}] * 2}, "keyframes"),
    "keyframe before the start": ({**KEYFRAMES, "keyframes": [{"image_url": IMAGE, "frame_index": -1}]}, "keyframes"),
    "keyframe without an index": ({**KEYFRAMES, "keyframes": [{"image_url": IMAGE}]}, "keyframes"),
    "eleven keyframes": (
        {**KEYFRAMES, "keyframes": [{"image_url": IMAGE, "frame_index": n} for n in range(11)]}, "keyframes",
    ),
    "unknown field": ({"fps": 24}, "fps"),
    "consents with a stranger": ({**R2V, "consents": {"seedance": {**CONFIRMED, "version": "1"}}}, "consents"),
    "consents with one missing": (
        {**R2V, "consents": {"seedance": {"confirmed_legal_right": True}}}, "consents",
    ),
    "consents with one false": (
        {**R2V, "consents": {"seedance": {**CONFIRMED, "confirmed_legal_right": False}}}, "consents",
    ),
    "consents for somebody else": ({**R2V, "consents": {"other": CONFIRMED}}, "consents"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_documented_bodies_are_taken(api: Any, name: str) -> None:
    """A body within the model's constraints makes a job."""
    answer = api.queue(**TAKEN[name])
    assert answer.status == 200, answer.content


@pytest.mark.parametrize("name", REFUSED)
def test_other_bodies_are_refused(api: Any, name: str) -> None:
    """Anything else is a 400 that names the field, and nothing is charged."""
    changes, field = REFUSED[name]
    answer = api.queue(**changes)
    assert answer.status == 400
    assert [issue["path"][0] for issue in answer.json["issues"]] == [field]
    assert answer.json["details"][field]["_errors"]
    assert not api.brain.book.charges


def test_all_problems_are_told_at_once(api: Any) -> None:
    """Each problem of a body is an issue of its own."""
    answer = api.queue(prompt="", duration="7s", fps=24)
    assert {issue["path"][0] for issue in answer.json["issues"]} == {"prompt", "duration", "fps"}


BODIES = {
    "nothing": b"",
    "garbage": b"{",
    "a list": b"[]",
    "not a number": b'{"model": NaN}',
    "an endless number": b'{"model": ' + b"9" * 5000 + b"}",
    "no text": b"\xff\xfe\xfa",
    "bottomless nesting": b'{"model":' + b"[" * 100_000,
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("endpoint", ["queue", "quote", "retrieve", "complete", "transcriptions"])
def test_bodies_that_are_no_json_object(api: Any, endpoint: str, name: str) -> None:
    """What is not a JSON object is a 400 in JSON."""
    answer = api.send("POST", f"/api/v1/video/{endpoint}", body=BODIES[name])
    assert answer.status == 400
    assert isinstance(answer.json["error"], str)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "video/mp4", None])
def test_other_content_types(api: Any, content_type: str | None) -> None:
    """A body that does not say that it is JSON is a 415."""
    assert api.post("/video/queue", api.body(), content_type=content_type).status == 415


def test_content_type_with_a_charset(api: Any) -> None:
    """Parameters of the content type do not matter."""
    assert api.post("/video/queue", api.body(), content_type="application/json; charset=utf-8").status == 200


def test_bodies_above_35_mb(api: Any) -> None:
    """A body above the limit is a 413 with its code; one just under it is read."""
    space = b" " * (35 * 2**20 - 2)
    assert api.send("POST", "/api/v1/video/queue", body=b"{" + space + b"}").status == 400
    answer = api.send("POST", "/api/v1/video/queue", body=b"{" + space + b" }")
    assert (answer.status, answer.json["code"]) == (413, "PAYLOAD_TOO_LARGE")


STRICT = {
    "retrieve with a stranger": ("retrieve", {"model": "m", "queue_id": "q", "wait": True}),
    "retrieve without an id": ("retrieve", {"model": "m"}),
    "retrieve with a number": ("retrieve", {"model": "m", "queue_id": 7}),
    "retrieve with a text for a switch": (
        "retrieve", {"model": "m", "queue_id": "q", "delete_media_on_completion": "1"},
    ),
    "complete with a stranger": ("complete", {"model": "m", "queue_id": "q", "force": True}),
    "complete without a model": ("complete", {"queue_id": "q"}),
    "transcription without an address": ("transcriptions", {}),
    "transcription with a stranger": ("transcriptions", {"url": "https://example.com/v", "lang": "en"}),
    "transcription in a format of its own": (
        "transcriptions", {"url": "https://example.com/v", "response_format": "srt"},
    ),
    "quote without a model": ("quote", {"duration": "5s"}),
    "quote with a wrong duration": ("quote", {"model": "wan-2.6-text-to-video", "duration": "7s"}),
    "quote with a duration that is no text": ("quote", {"model": "wan-2.6-text-to-video", "duration": 5}),
    "quote without a duration": ("quote", {"model": "wan-2.6-text-to-video"}),
    "quote with a wrong resolution": (
        "quote", {"model": "wan-2.6-text-to-video", "duration": "5s", "resolution": "4k"},
    ),
    "quote that follows no source": (
        "quote", {"model": "seedance-2-5-reference-to-video-basic", "duration": "-1", "aspect_ratio": "16:9"},
    ),
    "quote with a negative length": (
        "quote", {"model": "wan-2.6-text-to-video", "duration": "5s", "reference_video_total_duration": -1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRICT)
def test_other_endpoints_are_strict_too(api: Any, name: str) -> None:
    """Missing fields, strangers and wrong types are a 400 with issues."""
    endpoint, tree = STRICT[name]
    answer = api.post(f"/video/{endpoint}", tree)
    assert answer.status == 400
    assert answer.json["issues"]
