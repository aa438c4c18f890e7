"""The values of the API: frozen, named, and without surprises."""

from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from attrs.exceptions import FrozenInstanceError

from venice_async import models
from venice_async.models import (
    Element,
    Keyframe,
    MediaFile,
    QueuedVideo,
    Quote,
    QuoteRequest,
    VideoRequest,
    given_fields,
)

VALUES = [value for value in vars(models).values() if attrs.has(value) and value.__module__ == models.__name__]
SEQUENCES = [field.name for field in attrs.fields(VideoRequest) if field.name.endswith("_urls")] + [
    "elements",
    "keyframes",
]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_values_are_keyword_only_and_have_a_docstring(kind: type) -> None:
    """A call site names what it gives, and a reader finds what it means."""
    assert all(field.kw_only for field in attrs.fields(kind))
    assert kind.__doc__


@pytest.mark.parametrize(
    "value",
    [
        MediaFile.from_bytes(b"x", content_type="image/png"), VideoRequest(model="m"), QuoteRequest(model="m"),
        Quote(usd=Decimal(1)), QueuedVideo(model="m", queue_id="q"), Element(),
        Keyframe(image_url="https://a", frame_index=0),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_values_are_frozen(value: object) -> None:
    """What was asked and answered does not change under whoever holds it."""
    name = attrs.fields(type(value))[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, "other")


class TestMediaFile:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [("a.png", "image/png"), ("a.jpg", "image/jpeg"), ("A.JPEG", "image/jpeg"), ("a.mp4", "video/mp4"),
         ("a.mov", "video/quicktime"), ("a.webm", "video/webm"), ("a.mp3", "audio/mpeg"), ("a.b/c.png", "image/png")],
    )  # fmt: skip
    def test_the_type_is_told_by_the_ending(self, name: str, kind: str) -> None:
        """Nothing is opened for it: the files do not exist."""
        media = MediaFile.from_path(name)
        assert (media.content_type, media.path, media.data) == (kind, Path(name), None)

    @pytest.mark.parametrize("name", ["a.txt", "a", "id_rsa", ".env", "a.json", "passwd", "a.html", ""])
    def test_what_is_no_medium_by_its_name_is_refused(self, name: str) -> None:
        """A key file that was named by mistake is not sent."""
        with pytest.raises(ValueError, match="content_type"):
            MediaFile.from_path(name)

    def test_a_given_type_is_believed(self) -> None:
        """Files without an ending can be sent when the caller says what they are."""
        assert MediaFile.from_path("upload", content_type="image/webp").content_type == "image/webp"

    def test_bytes_are_copied_and_not_shown(self) -> None:
        """A buffer that is changed later does not change the request, and a repr does not hold a megabyte."""
        buffer = bytearray(b"secret-bytes")
        media = MediaFile.from_bytes(buffer, content_type="image/png")
        buffer[:] = b"other"
        assert media.data == b"secret-bytes"
        assert "secret" not in repr(media)


class TestVideoRequest:
    @pytest.mark.parametrize("name", SEQUENCES)
    def test_lists_become_tuples(self, name: str) -> None:
        """A list that its owner goes on changing does not change the request; None means none."""
        given = ["https://a/1", "https://a/2"]
        request = VideoRequest(model="m", **{name: given})
        given.append("https://a/3")
        assert getattr(request, name) == ("https://a/1", "https://a/2")
        assert getattr(VideoRequest(model="m", **{name: None}), name) == ()

    @pytest.mark.parametrize("name", SEQUENCES)
    def test_a_single_text_where_a_list_is_due_is_refused(self, name: str) -> None:
        """It would fall apart into its characters, each of them a reference image."""
        with pytest.raises(TypeError, match="list"):
            VideoRequest(model="m", **{name: "https://a/1"})

    def test_given_fields_keeps_false_and_zero(self) -> None:
        """Only what was not given is left out: `audio=False` is a wish of its own."""
        fields = given_fields(VideoRequest(model="m", audio=False, prompt="", upscale_factor=0))
        assert fields == {"model": "m", "audio": False, "prompt": "", "upscale_factor": 0}
        assert given_fields(Keyframe(image_url="https://a", frame_index=0))["frame_index"] == 0

    def test_equal_requests_are_equal(self) -> None:
        """So that the same work can be recognised."""
        assert VideoRequest(model="m", keyframes=[]) == VideoRequest(model="m", keyframes=())


class TestQuoteRequest:
    def test_it_takes_what_prices_a_request(self) -> None:
        """The price inputs of a request, and nothing that the quote endpoint has no name for."""
        request = VideoRequest(
            model="m", prompt="p", duration="5s", aspect_ratio="16:9", resolution="720p", audio=True,
            reference_image_urls=["https://a/1", "https://a/2"], image_url="https://a/3",
        )  # fmt: skip
        assert given_fields(QuoteRequest.of(request)) == {
            "model": "m", "duration": "5s", "aspect_ratio": "16:9", "resolution": "720p", "audio": True,
            "reference_image_count": 2,
        }  # fmt: skip

    @pytest.mark.parametrize(("model", "factor"), [("topaz-video-upscale", None), ("topaz-video-upscale", 4), ("m", 2)])
    def test_an_upscale_is_priced_by_its_video(self, model: str, factor: int | None) -> None:
        """The server reads the duration off the video, also where the factor is left at its default."""
        request = VideoRequest(model=model, video_url="https://a/v.mp4", upscale_factor=factor)
        assert QuoteRequest.of(request).video_url == "https://a/v.mp4"

    def test_other_videos_are_not_sent_to_be_priced(self) -> None:
        """A 30 MB clip need not travel twice where it does not decide the price."""
        assert QuoteRequest.of(VideoRequest(model="m", video_url="https://a/v.mp4")).video_url is None


def test_a_private_link_is_not_shown() -> None:
    """Whoever has the link has the video: a printed QueuedVideo gives it to nobody."""
    assert "secret" not in repr(QueuedVideo(model="m", queue_id="q", download_url="https://host/secret"))
