"""Requests made by their purpose: each is one that the vendor documents, and that the check lets by."""

import base64
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

import venice_async
from venice_async import builders
from venice_async.catalog import Catalog
from venice_async.emulator.sheets import DEFAULT_SHEETS
from venice_async.models import Element, MediaFile, QuoteRequest, VideoRequest, given_fields
from venice_async.wire.calls import queue_call, quote_call
from venice_async.wire.exchange import Call
from venice_async.wire.structure import video_model

IMAGE, CLIP = "https://a/b.png", "https://a/b.mp4"
FILE = MediaFile.from_bytes(b"\x89PNG", content_type="image/png")
R2V = "seedance-2-0-reference-to-video-basic"
CATALOG = Catalog([video_model(sheet.entry()) for sheet in DEFAULT_SHEETS])

MADE: dict[str, VideoRequest] = {
    "text": builders.text_to_video(
        "wan-2.6-text-to-video", "a quay", duration="5s", aspect_ratio="16:9", resolution="720p", audio=False,
        negative_prompt="rain", audio_url="https://a/b.mp3",
    ),
    "image": builders.image_to_video("wan-2.6-image-to-video", "it moves", start=FILE, duration="5s"),
    "frames": builders.image_to_video(
        "pixverse-c1-transition", "melts into", start=IMAGE, end=FILE, duration="5s", resolution="720p"
    ),
    "references": builders.reference_to_video(
        "seedance-2-0-reference-to-video-basic", "Refer to <Subject 1> in <Image 1> to generate a ride", duration="5s",
        images=[IMAGE], videos=[CLIP], audios=["https://a/b.wav"], video_seconds=5, aspect_ratio="16:9",
    ),
    "elements": builders.elements_to_video(
        "kling-o3-pro-reference-to-video", "@Element1 in @Image1", duration="8s", aspect_ratio="16:9",
        elements=[Element(frontal_image_url=FILE, reference_image_urls=[IMAGE])], scenes=[IMAGE], start=IMAGE, end=FILE,
    ),
    "keyframes": builders.keyframes_to_video(
        "ltx-2-5-pro-image-to-video", "between them", duration="6s", keyframes={0: IMAGE, 144: FILE}
    ),
    "video": builders.video_to_video("wan-2-7-video-to-video", "at night", video=CLIP, images=[IMAGE]),
    "upscale": builders.upscale(CLIP, factor=4, input_height=480),
    "seedance image": builders.seedance_reference(R2V, "a ride", image=IMAGE, duration="5s", aspect_ratio="16:9"),
    "seedance video": builders.seedance_reference(
        R2V, "a chase", video=CLIP, what="camera scene", video_seconds=4, duration="5s", aspect_ratio="16:9",
        reference_image_urls=[IMAGE],
    ),
    "seedance edit": builders.seedance_edit(
        "seedance-2-0-reference-to-video-basic", "weather from sun to rain", video=CLIP, video_seconds=6, duration="6s",
        bitrate_mode="high",
    ),
    "seedance extend": builders.seedance_extend(R2V, "a chase", video=CLIP, video_seconds=6, duration="5s"),
    "seedance before": builders.seedance_extend(
        R2V, "a calm street", video=CLIP, video_seconds=6, duration="5s", backward=True
    ),
    "seedance stitch": builders.seedance_stitch(
        R2V, videos=[CLIP] * 3, transitions=["a cut", "a slow dolly-in"], video_seconds=12, duration="8s"
    ),
}  # fmt: skip


def tree(call: Call) -> Any:
    """The body as the server reads it."""
    parts = (part if isinstance(part, bytes) else base64.b64encode(part.data or b"") for part in call.body)
    return json.loads(b"".join(parts))


@pytest.mark.parametrize("name", MADE)
def test_each_is_let_by(name: str) -> None:
    """No problem, and nothing to warn of."""
    assert CATALOG.problems(MADE[name]) == ()
    assert CATALOG.warnings(MADE[name]) == ()


@pytest.mark.parametrize("name", MADE)
def test_each_is_documented(name: str, openapi_path: Path) -> None:
    """The queue body and the quote body are valid by the vendor's schemas, and hold no field beside theirs."""
    import jsonschema

    schemas = json.loads(openapi_path.read_text())["components"]["schemas"]
    request = MADE[name]
    for kind, call, newer in (
        ("QueueVideoRequest", queue_call("", request), {"bitrate_mode"}),
        ("QuoteVideoRequest", quote_call("", QuoteRequest.of(request)), {"reference_image_count", "input_height"}),
    ):
        schema = schemas[kind]
        body = tree(call)
        assert body.keys() - newer <= schema["properties"].keys()
        # The document demands a prompt and a duration of every model, which its own text takes back for some.
        needed = [field for field in schema["required"] if field in body or field not in {"prompt", "duration"}]
        jsonschema.Draft4Validator({**schema, "required": needed}).validate(body)


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("seedance image", "Refer to <Subject 1> in <Image 1> to generate a ride"),
        ("seedance video", "Refer to the camera scene in <Video 1> to generate a chase"),
        ("seedance edit", "Strictly edit <Video 1>, changing its weather from sun to rain"),
        ("seedance extend", "Extend <Video 1>, generate a chase"),
        ("seedance before", "Extend <Video 1> backward, a calm street"),
        ("seedance stitch",
         "<Video 1> + a cut + followed by <Video 2> + a slow dolly-in + followed by <Video 3>"),
    ],
)  # fmt: skip
def test_the_shapes_of_seedance(name: str, prompt: str) -> None:
    """The prompt's shape chooses the workflow: it is the documented one, to the letter."""
    assert MADE[name].prompt == prompt


def test_what_prices_goes_to_the_quote_alone() -> None:
    """The length of the references and the height of the source are never sent to be made."""
    for name in ("references", "upscale"):
        assert not {"reference_video_seconds", "input_height"} & tree(queue_call("", MADE[name])).keys()
    assert tree(quote_call("", QuoteRequest.of(MADE["references"])))["reference_video_total_duration"] == 5
    upscaled = tree(quote_call("", QuoteRequest.of(MADE["upscale"])))
    assert upscaled == {
        "model": "topaz-video-upscale", "upscale_factor": 4, "resolution": "4x", "video_url": CLIP, "input_height": 480,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: builders.seedance_reference(R2V, "x", duration="5s", aspect_ratio="1:1"), "either an image"),
        (lambda: builders.seedance_reference(R2V, "x", image=IMAGE, video=CLIP, duration="5s", aspect_ratio="1:1"),
         "either an image or a video"),
        (lambda: builders.seedance_stitch(R2V, videos=[CLIP], transitions=[], duration="5s"), "two videos"),
        (lambda: builders.seedance_stitch(R2V, videos=[CLIP] * 3, transitions=["a"], duration="5s"), "one transition"),
    ],
)  # fmt: skip
def test_what_makes_no_request(build: Any, said: str) -> None:
    """A workflow that lacks its parts is refused where it is built."""
    with pytest.raises(ValueError, match=said):
        build()


def test_each_is_at_the_root() -> None:
    """Imported when it is first used."""
    for name in (name for name, value in vars(builders).items() if callable(value) and "_to_video" in name):
        assert getattr(venice_async, name) is getattr(builders, name)


def test_other_options_are_fields() -> None:
    """Every option of a builder is a field of a request, under the same name."""
    fields = {field.name for field in attrs.fields(VideoRequest)}
    assert builders.Options.__annotations__.keys() <= fields
    assert builders.SeedanceOptions.__annotations__.keys() <= fields
    made = builders.text_to_video("m", "p", duration="5s", voice_id="v", camera_trajectory={"pan": 1}, extra={"n": 1})
    assert given_fields(made).keys() == {"model", "prompt", "duration", "voice_id", "camera_trajectory", "extra"}
