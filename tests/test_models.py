"""The values of the API: frozen, named, and without surprises."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs.exceptions import FrozenInstanceError

from venice_async import models
from venice_async.errors import ContentRejectedError
from venice_async.models import (
    Element,
    Keyframe,
    MediaFile,
    QueuedVideo,
    Quote,
    QuoteRequest,
    TopUp,
    VideoRequest,
    WalletPage,
    given_fields,
)

VALUES = [value for value in vars(models).values() if attrs.has(value) and value.__module__.startswith(models.__name__)]
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
        Keyframe(image_url="https://a", frame_index=0), TopUp(wallet_address="0x", usd=Decimal(5)),
        WalletPage(transactions=(), balance_usd=Decimal(0), has_more=False, offset=0),
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


CONFIRMED = {
    "confirmed_terms_and_privacy": True, "confirmed_legal_right": True, "confirmed_screening_acknowledged": True,
}  # fmt: skip


class TestConsent:
    def test_it_is_added_to_the_same_request(self) -> None:
        """Nothing else changes: the server wants the same body."""
        request = VideoRequest(model="m", prompt="p", reference_image_urls=["https://a"])
        agreed = request.with_consent(**CONFIRMED)
        assert given_fields(agreed.consent) == CONFIRMED
        assert attrs.evolve(agreed, consent=None) == request

    @pytest.mark.parametrize("name", CONFIRMED)
    @pytest.mark.parametrize("value", [False, None, 1, "yes"])
    def test_each_confirmation_must_be_made(self, name: str, value: Any) -> None:
        """Two of three are none, and what only looks true is not."""
        with pytest.raises(ValueError, match="all three"):
            VideoRequest(model="m").with_consent(**{**CONFIRMED, name: value})

    def test_none_has_a_default(self) -> None:
        """No program consents by forgetting an argument."""
        with pytest.raises(TypeError):
            VideoRequest(model="m").with_consent(confirmed_legal_right=True)  # type: ignore[call-arg]


class TestSuggestion:
    @pytest.mark.parametrize(
        ("facts", "prompt", "model"),
        [({"suggested_prompt": "milder"}, "milder", "m"), ({"recommended_model": "n"}, "p", "n"),
         ({"suggested_prompt": "milder", "recommended_model": "n"}, "milder", "n")],
    )  # fmt: skip
    def test_the_changed_request(self, facts: dict[str, str], prompt: str, model: str) -> None:
        """What the refusal proposes, and all else as it was."""
        request = VideoRequest(model="m", prompt="p", duration="5s", extra={"seed": 1})
        changed = request.with_suggestion(ContentRejectedError("refused", **facts))
        assert changed == attrs.evolve(request, prompt=prompt, model=model)

    def test_no_proposal_is_no_request(self) -> None:
        """Sending the same again would be refused, and may cost again."""
        with pytest.raises(ValueError, match="neither"):
            VideoRequest(model="m").with_suggestion(ContentRejectedError("refused", credits_refunded=True))


class TestQuoteRequest:
    def test_what_only_prices_is_in_it(self) -> None:
        """So that a budget reserves what will be charged."""
        request = VideoRequest(
            model="m", duration="-1", reference_video_urls=["https://a"], reference_video_seconds=5.5, input_height=720
        )
        inputs = QuoteRequest.of(request)
        assert (inputs.reference_video_total_duration, inputs.input_height) == (5.5, 720)

    @pytest.mark.parametrize(("factor", "resolution"), [(None, None), (1, None), (2, "2x"), (4, "4x")])
    def test_an_upscale_tells_its_factor_twice(self, factor: int | None, resolution: str | None) -> None:
        """The quote reads it from the resolution, whatever the document says."""
        request = VideoRequest(model="topaz-video-upscale", video_url="https://a", upscale_factor=factor)
        inputs = QuoteRequest.of(request)
        assert (inputs.upscale_factor, inputs.resolution) == (factor, resolution)

    def test_a_known_field_in_extra_is_priced(self) -> None:
        """It is what will be sent."""
        inputs = QuoteRequest.of(VideoRequest(model="m", extra={"resolution": "16k", "novelty": 1}))
        assert given_fields(inputs) == {"model": "m", "resolution": "16k"}

    def test_it_can_be_a_key_with_newer_fields(self) -> None:
        """Prices are remembered by their inputs."""
        one, other = (QuoteRequest(model="m", extra={"novelty": number}) for number in (1, 2))
        assert len({one: 1, other: 2}) == 2

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
