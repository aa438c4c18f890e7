"""Values to calls: exactly the bodies that the vendor's document has."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import InvalidRequestError
from venice_async.models import (
    Element,
    Keyframe,
    MediaFile,
    QueuedVideo,
    QuoteRequest,
    SeedanceConsent,
    VideoRequest,
)
from venice_async.wire import calls
from venice_async.wire.exchange import Call, Channel, LongText, Segment
from venice_async.wire.text import LONG, json_slices, to_json

BASE = "https://api.venice.ai/api/v1"
VIDEO = QueuedVideo(model="m", queue_id="q-1", download_url="https://media/x")
PICTURE = MediaFile.from_bytes(b"\x89PNG", content_type="image/png")
CONSENT = SeedanceConsent(
    confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
)

NEWER = {
    "bitrate_mode": {"enum": ["standard", "high"]},
    "reference_image_count": {"type": "integer"},
    "input_height": {"type": "integer"},
}
QUEUES = {
    "text to video": VideoRequest(
        model="wan-2.5-preview-text-to-video", prompt="A cat", duration="5s", aspect_ratio="16:9", resolution="720p",
        negative_prompt="dogs", audio=False,
    ),
    "image to video": VideoRequest(
        model="m", prompt="p", duration="10s", image_url="https://a/b.png", end_image_url=PICTURE,
        audio_url="https://a/b.mp3",
    ),
    "references": VideoRequest(
        model="seedance", prompt="Refer to <Subject 1>", duration="-1", aspect_ratio="adaptive", consent=CONSENT,
        reference_image_urls=["https://a/1", PICTURE], reference_video_urls=["https://a/2"],
        reference_audio_urls=["https://a/3"], reference_document_urls=["https://a/4"],
        omni_reference_task_type="edit", bitrate_mode="high",
    ),
    "elements": VideoRequest(
        model="kling-o3", prompt="@Element1 meets @Image1", duration="5s", scene_image_urls=["https://a/s"],
        elements=[
            Element(frontal_image_url=PICTURE, reference_image_urls=["https://a/r"]), Element(video_url="https://a/v")
        ],
        keyframes=[Keyframe(image_url="https://a/k", frame_index=0), Keyframe(image_url=PICTURE, frame_index=24)],
    ),
    "upscale": VideoRequest(model="topaz-video-upscale", video_url="https://a/v.mp4", upscale_factor=4),
    "upscale by default": VideoRequest(model="topaz-video-upscale", video_url="https://a/v.mp4"),
    "unknown fields": VideoRequest(
        model="m", prompt="p", duration="5s",
        extra={"voice_id": "v", "image_references": [{"url": PICTURE}], "seed": None},
    ),
}  # fmt: skip


def whole(call: Call) -> bytes:
    """The body as it leaves, files encoded."""
    return b"".join(map(_as_sent, call.body))


def _as_sent(part: Segment) -> bytes:
    match part:
        case bytes():
            return part
        case LongText():
            return "".join(json_slices(part.text)).encode(errors="replace")
        case _:
            return base64.b64encode(part.data or b"")


def tree(call: Call) -> Any:
    """The body as the server reads it."""
    return json.loads(whole(call))


@pytest.fixture(scope="session")
def schemas(openapi_path: Path) -> dict[str, Any]:
    """The vendor's schemas, in which an upscale needs neither prompt nor duration."""
    document = json.loads(openapi_path.read_text())
    found: dict[str, Any] = document["components"]["schemas"]
    for name in ("QueueVideoRequest", "QuoteVideoRequest"):
        # Strict, so that a misspelt field is noticed; the newer fields are only in the vendor's notes.
        found[name]["additionalProperties"] = False
        found[name]["properties"] |= NEWER
    return found


def validate(body: Any, schema: dict[str, Any], *, without: tuple[str, ...] = ()) -> None:
    """Raises where a body is not what the vendor documents."""
    import jsonschema

    needed = [name for name in schema["required"] if name not in without]
    jsonschema.Draft4Validator({**schema, "required": needed}).validate(body)


class TestAgainstTheVendorsDocument:
    @pytest.mark.parametrize("name", [name for name in QUEUES if name != "unknown fields"])
    def test_queue(self, schemas: dict[str, Any], name: str) -> None:
        """Every field that the document has is sent in its name and type."""
        request = QUEUES[name]
        without = ("prompt", "duration") if "upscale" in request.model else ()
        validate(tree(calls.queue_call(BASE, request)), schemas["QueueVideoRequest"], without=without)

    @pytest.mark.parametrize("name", [name for name in QUEUES if name != "unknown fields"])
    def test_quote(self, schemas: dict[str, Any], name: str) -> None:
        """The price inputs of every request."""
        request = QUEUES[name]
        without = ("duration",) if request.duration is None else ()
        body = tree(calls.quote_call(BASE, QuoteRequest.of(request)))
        validate(body, schemas["QuoteVideoRequest"], without=without)

    def test_quote_with_everything(self, schemas: dict[str, Any]) -> None:
        """Also what a video request does not tell by itself."""
        inputs = QuoteRequest(
            model="m", duration="5s", aspect_ratio="16:9", resolution="720p", upscale_factor=2, audio=True,
            video_url="https://a/v", reference_video_total_duration=12.5, reference_image_count=2, input_height=720,
        )  # fmt: skip
        validate(tree(calls.quote_call(BASE, inputs)), schemas["QuoteVideoRequest"])

    @pytest.mark.parametrize("delete", [True, False])
    def test_retrieve(self, schemas: dict[str, Any], delete: bool) -> None:
        """Nothing but the three documented fields: others are refused there."""
        call = calls.retrieve_call(BASE, VIDEO, delete_media_on_completion=delete)
        validate(tree(call), schemas["RetrieveVideoRequest"])

    def test_complete(self, schemas: dict[str, Any]) -> None:
        """Model and queue_id, no more."""
        validate(tree(calls.complete_call(BASE, VIDEO)), schemas["CompleteVideoRequest"])

    @pytest.mark.parametrize("form", ["json", "text"])
    def test_transcribe(self, schemas: dict[str, Any], form: str) -> None:
        """The public URL and the form of the answer."""
        call = calls.transcribe_call(BASE, "https://a/v.mp4", response_format=form)
        validate(tree(call), schemas["CreateVideoTranscriptionRequestSchema"])

    def test_a_wrong_body_would_be_noticed(self, schemas: dict[str, Any]) -> None:
        """The check above is one that can fail."""
        import jsonschema

        wrong = VideoRequest(model="m", prompt="p", duration="5s", extra={"no_such_field": 1})
        with pytest.raises(jsonschema.ValidationError):
            validate(tree(calls.queue_call(BASE, wrong)), schemas["QueueVideoRequest"])


class TestShape:
    @pytest.mark.parametrize(
        ("call", "name", "method", "path", "channel"),
        [
            (calls.queue_call(BASE, QUEUES["upscale"]), "queue", "POST", "/video/queue", Channel.QUEUE),
            (calls.quote_call(BASE, QuoteRequest(model="m")), "quote", "POST", "/video/quote", Channel.CONTROL),
            (calls.retrieve_call(BASE, VIDEO, delete_media_on_completion=False), "retrieve", "POST", "/video/retrieve",
             Channel.CONTROL),
            (calls.complete_call(BASE, VIDEO), "complete", "POST", "/video/complete", Channel.CONTROL),
            (calls.transcribe_call(BASE, "https://a", response_format="json"), "transcribe", "POST",
             "/video/transcriptions", Channel.CONTROL),
            (calls.models_call(BASE), "models", "GET", "/models?type=video", Channel.CONTROL),
            (calls.rate_limits_call(BASE), "rate_limits", "GET", "/api_keys/rate_limits", Channel.CONTROL),
        ],
        ids=lambda value: value.name if isinstance(value, Call) else "",
    )  # fmt: skip
    def test_where_each_call_goes(self, call: Call, name: str, method: str, path: str, channel: Channel) -> None:
        """Only the paid call goes over connections of its own."""
        assert (call.name, call.method, call.url, call.channel) == (name, method, BASE + path, channel)
        assert ("content-type" in call.headers) == (method == "POST") == bool(call.body)

    def test_private_links_get_no_headers_of_ours(self) -> None:
        """They are asked for as they are, over connections that know no credential."""
        fetch, revoke = calls.download_call("https://media/x"), calls.revoke_call("https://media/x")
        assert (fetch.method, fetch.url, fetch.channel) == ("GET", "https://media/x", Channel.MEDIA)
        assert (revoke.method, revoke.url, revoke.channel) == ("DELETE", "https://media/x", Channel.MEDIA)
        assert set(fetch.headers) == {"accept", "accept-encoding"}
        assert revoke.headers == {}

    def test_media_are_left_to_the_server_unless_asked_for(self) -> None:
        """A transfer that is cut half way must be able to start again."""
        assert "delete_media_on_completion" not in tree(
            calls.retrieve_call(BASE, VIDEO, delete_media_on_completion=False)
        )
        assert (
            tree(calls.retrieve_call(BASE, VIDEO, delete_media_on_completion=True))["delete_media_on_completion"]
            is True
        )


class TestBodies:
    def test_what_was_not_given_is_not_sent(self) -> None:
        """A field that the model does not take is a 400, also when it is null."""
        assert tree(calls.queue_call(BASE, VideoRequest(model="m", prompt="p"))) == {"model": "m", "prompt": "p"}

    def test_consent_is_sent_under_its_flow(self) -> None:
        """As the policy's answer wants it, and only what a person has confirmed."""
        body = tree(calls.queue_call(BASE, VideoRequest(model="m", consent=CONSENT)))
        assert body["consents"] == {"seedance": {
            "confirmed_terms_and_privacy": True, "confirmed_legal_right": True,
            "confirmed_screening_acknowledged": True,
        }}  # fmt: skip
        assert "consent" not in body

    def test_files_stand_as_data_urls_where_they_were_put(self) -> None:
        """At the top, in lists, in elements, keyframes and unknown fields."""
        url = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
        body = tree(calls.queue_call(BASE, QUEUES["elements"]))
        assert body["elements"][0]["frontal_image_url"] == body["keyframes"][1]["image_url"] == url
        assert tree(calls.queue_call(BASE, QUEUES["references"]))["reference_image_urls"] == ["https://a/1", url]
        assert tree(calls.queue_call(BASE, QUEUES["unknown fields"]))["image_references"] == [{"url": url}]

    def test_unknown_fields_are_sent_as_they_are(self) -> None:
        """Fields newer than this package, a null among them."""
        body = tree(calls.queue_call(BASE, QUEUES["unknown fields"]))
        assert (body["voice_id"], body["seed"]) == ("v", None)

    @given(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.booleans(), max_size=4),
           st.lists(st.binary(max_size=5), max_size=3))  # fmt: skip
    def test_any_text_survives_next_to_any_file(self, fields: dict[str, Any], files: list[bytes]) -> None:
        """No text can break out of its place, nor a file's."""
        media = [MediaFile.from_bytes(data, content_type='a"\\b/c') for data in files]
        segments = calls.json_segments({**fields, "the files": media})
        body = json.loads(whole(Call(name="x", method="POST", url="u", body=segments)))
        expected = ['data:a"\\b/c;base64,' + base64.b64encode(data).decode() for data in files]
        assert body.pop("the files") == expected
        assert body == {name: value for name, value in fields.items() if name != "the files"}

    @given(
        st.lists(st.sampled_from(['"', "\\", "\n", "a", "é", "😀", "\ud83d", "\ude00", "\x7f"]), min_size=1, max_size=6)
    )
    def test_any_long_text_is_what_it_would_be_in_one_piece(self, unit: list[str]) -> None:
        """In known fields, lists, free fields and unknown ones; and the server cannot tell."""
        text = "data:image/png;base64," + "".join(unit) * (2 * LONG // len(unit))
        request = VideoRequest(
            model="m", image_url=text, reference_image_urls=["https://a/1", text], camera_trajectory={"x": [text]},
            extra={"new": {"inner": (1, text)}},
        )  # fmt: skip
        call = calls.queue_call(BASE, request)
        assert sum(isinstance(part, LongText) for part in call.body) == 4
        assert max(len(part) for part in call.body if isinstance(part, bytes)) < 200
        assert whole(call) == to_json(calls.queue_fields(request)).encode(errors="replace")

    def test_texts_of_usual_length_stay_in_one_piece(self) -> None:
        """A prompt is no reason to stream."""
        call = calls.queue_call(BASE, VideoRequest(model="m", prompt="p" * LONG))
        assert [type(part) for part in call.body] == [bytes]

    def test_what_only_prices_is_not_sent_to_be_made(self) -> None:
        """The queue is strict: it would be a 400."""
        request = VideoRequest(model="m", reference_video_seconds=5, input_height=720)
        assert tree(calls.queue_call(BASE, request)) == {"model": "m"}

    def test_newer_price_inputs_are_sent_as_they_are(self) -> None:
        """As for requests."""
        call = calls.quote_call(BASE, QuoteRequest(model="m", extra={"novelty": 1}))
        assert tree(call) == {"model": "m", "novelty": 1}

    def test_half_surrogate_pairs_do_not_stop_a_request(self) -> None:
        """They cannot be sent; a question mark stands for them."""
        assert tree(calls.queue_call(BASE, VideoRequest(model="m", prompt="a\ud800b"))) == {
            "model": "m",
            "prompt": "a?b",
        }

    def test_neither_circles_nor_bottomless_trees_are_walked_for_ever(self) -> None:
        """They are refused like anything else that is no JSON."""
        circle: list[Any] = []
        circle.append(circle)
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        for value in (circle, deep):
            with pytest.raises(InvalidRequestError):
                calls.queue_call(BASE, VideoRequest(model="m", extra={"x": value}))

    @pytest.mark.parametrize("value", [float("nan"), pytest.param(object(), id="object"), {1}], ids=repr)
    def test_what_json_cannot_hold_is_an_invalid_request(self, value: object) -> None:
        """Refused before anything is sent, by our own error."""
        with pytest.raises(InvalidRequestError):
            calls.queue_call(BASE, VideoRequest(model="m", extra={"x": value}))


def test_media_of_names_every_medium_by_its_place() -> None:
    """Messages about a medium say which one is meant."""
    request = VideoRequest(
        model="m", prompt="https://not-a-medium", image_url="https://a", reference_image_urls=["https://b", PICTURE],
        elements=[Element(frontal_image_url="https://c", reference_image_urls=["https://d"])],
        keyframes=[Keyframe(image_url="https://e", frame_index=0)], extra={"other_url": "https://f"},
    )  # fmt: skip
    assert dict(calls.media_of(request)) == {
        "image_url": "https://a", "reference_image_urls[0]": "https://b", "reference_image_urls[1]": PICTURE,
        "elements[0].frontal_image_url": "https://c", "elements[0].reference_image_urls[0]": "https://d",
        "keyframes[0].image_url": "https://e",
    }  # fmt: skip
