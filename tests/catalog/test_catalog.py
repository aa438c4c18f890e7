"""Is this request one that the model takes? Found out before any money is spent."""

import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.catalog import Catalog, Problem, Review, refuse, shape_problems, snapshot
from venice_async.errors import InvalidRequestError
from venice_async.models import (
    Deprecation,
    Element,
    MediaFile,
    QuoteRequest,
    VideoConstraints,
    VideoModel,
    VideoRequest,
)

TEXT = VideoModel(
    id="wan-text-to-video",
    constraints=VideoConstraints(
        aspect_ratios=("16:9", "9:16"), resolutions=("480p", "720p"), durations=("5s", "10s"), audio_configurable=True,
        prompt_character_limit=100,
    ),
)  # fmt: skip
IMAGE = VideoModel(id="wan-image-to-video", constraints=VideoConstraints(durations=("5s",)))
UPSCALE = VideoModel(id="topaz-video-upscale", constraints=VideoConstraints(durations=("Auto",)))
EDIT = VideoModel(id="runway-video-to-video", constraints=VideoConstraints(durations=("Auto",)))
OFFLINE = attrs.evolve(TEXT, id="gone-text-to-video", offline=True)
CATALOG = Catalog([TEXT, IMAGE, UPSCALE, EDIT, OFFLINE])

GOOD = VideoRequest(model=TEXT.id, prompt="A cat", duration="5s", aspect_ratio="16:9", resolution="720p")
GOOD_IMAGE = VideoRequest(model=IMAGE.id, prompt="It moves", duration="5s", image_url="https://a/b.png")
GOOD_UPSCALE = VideoRequest(model=UPSCALE.id, video_url="https://a/b.mp4", upscale_factor=2)
GOOD_EDIT = VideoRequest(model=EDIT.id, prompt="Make it night", video_url="https://a/b.mp4")


def fields(request: VideoRequest, **changes: Any) -> list[str]:
    """The names of the fields that something is wrong with."""
    return [problem.field for problem in CATALOG.problems(attrs.evolve(request, **changes))]


@pytest.mark.parametrize(
    "request_",
    [GOOD, GOOD_IMAGE, GOOD_UPSCALE, GOOD_EDIT, attrs.evolve(GOOD, audio=False), attrs.evolve(GOOD, resolution=None),
     attrs.evolve(GOOD_UPSCALE, upscale_factor=None), attrs.evolve(GOOD_UPSCALE, duration="5s"),
     attrs.evolve(GOOD_EDIT, duration="5s"), attrs.evolve(GOOD, prompt="x" * 100), attrs.evolve(GOOD,
      extra={"seed": 1}),
     attrs.evolve(GOOD_IMAGE, image_url=MediaFile.from_bytes(b"x", content_type="image/png")),
     attrs.evolve(GOOD_IMAGE, image_url="data:image/png;base64,AAAA"), attrs.evolve(GOOD_IMAGE,
      image_url="HTTPS://A/B.png")],
)  # fmt: skip
def test_a_good_request_has_no_problems(request_: VideoRequest) -> None:
    """Nothing that the server takes is refused here."""
    assert CATALOG.problems(request_) == ()
    CATALOG.check(request_)


@pytest.mark.parametrize(
    ("request_", "changes", "wrong"),
    [
        (GOOD, {"model": ""}, "model"), (GOOD, {"model": "no-such"}, "model"), (GOOD, {"model": OFFLINE.id}, "model"),
        (GOOD, {"prompt": None}, "prompt"), (GOOD, {"prompt": " \n"}, "prompt"), (GOOD, {"prompt": "x" * 101},
        "prompt"),
        (GOOD, {"prompt": "x" * 20_001}, "prompt"), (GOOD, {"negative_prompt": "x" * 101}, "negative_prompt"),
        (GOOD, {"duration": None}, "duration"), (GOOD, {"duration": "7s"}, "duration"), (GOOD, {"duration": "5"},
        "duration"),
        (GOOD, {"aspect_ratio": None}, "aspect_ratio"), (GOOD, {"aspect_ratio": "4:3"}, "aspect_ratio"),
        (GOOD, {"aspect_ratio": 969}, "aspect_ratio"), (GOOD, {"duration": 5}, "duration"),
        (GOOD, {"resolution": "720P"}, "resolution"), (GOOD, {"upscale_factor": 2}, "upscale_factor"),
        (GOOD_IMAGE, {"aspect_ratio": "16:9"}, "aspect_ratio"), (GOOD_IMAGE, {"resolution": "720p"}, "resolution"),
        (GOOD_IMAGE, {"audio": True}, "audio"), (GOOD_IMAGE, {"image_url": None}, "image_url"),
        (GOOD_UPSCALE, {"video_url": None}, "video_url"), (GOOD_UPSCALE, {"resolution": "2x"}, "resolution"),
        (GOOD_UPSCALE, {"upscale_factor": 3}, "upscale_factor"), (GOOD_UPSCALE, {"duration": "Auto"}, "duration"),
        (GOOD_EDIT, {"duration": "auto"}, "duration"), (GOOD_EDIT, {"prompt": ""}, "prompt"),
    ],
)  # fmt: skip
def test_each_wrong_field_is_named(request_: VideoRequest, changes: dict[str, Any], wrong: str) -> None:
    """And only that one."""
    assert fields(request_, **changes) == [wrong]


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "~/.ssh/id_rsa",
        "picture.png",
        "ftp://a/b",
        "",
        " https://a",
        "javascript:x",
    ],
)
def test_a_text_in_a_media_field_is_a_url_or_nothing(text: str) -> None:
    """A local file is only read where it was named as one."""
    request = VideoRequest(
        model="m", image_url=text, reference_image_urls=["https://a", text], elements=[Element(video_url=text)]
    )
    found = {problem.field for problem in shape_problems(request)}
    assert found == {"image_url", "reference_image_urls[1]", "elements[0].video_url"}


def test_all_problems_come_at_once() -> None:
    """Nobody wants to correct a request five times."""
    found = fields(GOOD, prompt="", duration="7s", aspect_ratio=None, resolution="8k", upscale_factor=2)
    assert sorted(found) == ["aspect_ratio", "duration", "prompt", "resolution", "upscale_factor"]
    with pytest.raises(InvalidRequestError) as caught:
        CATALOG.check(attrs.evolve(GOOD, prompt="", duration="7s"))
    assert len(caught.value.problems) == 2


def test_a_near_miss_is_named() -> None:
    """With what would be right."""
    (model,) = CATALOG.problems(attrs.evolve(GOOD, model="wan-text-to-vidoe"))
    (duration,) = CATALOG.problems(attrs.evolve(GOOD, duration="5"))
    assert (model.nearest, duration.nearest, duration.allowed) == ("wan-text-to-video", "5s", ("5s", "10s"))
    assert str(duration) == "duration: '5' is not one of this model's. Allowed: 5s, 10s. Did you mean '5s'?"


LEAVING = attrs.evolve(
    TEXT, id="old-text-to-video", beta=True, region_restrictions=("US", "CA"),
    deprecation=Deprecation(removes_at="2027-06-30T00:00:00.000Z", replacement_model_id=TEXT.id),
)  # fmt: skip


class TestStanding:
    def test_a_model_that_is_leaving_is_a_warning_with_its_successor(self) -> None:
        """It still works, so nothing is refused."""
        review = Catalog([LEAVING]).review(attrs.evolve(GOOD, model=LEAVING.id))
        assert review.problems == ()
        assert [warning.field for warning in review.warnings] == ["model"] * 3
        first = str(review.warnings[0])
        assert "is taken away on 2027-06-30; its successor is wan-text-to-video" in first
        assert review.warnings[0].nearest == TEXT.id
        assert "US, CA" in str(review.warnings[2])

    @pytest.mark.parametrize(("region", "wrong"), [("DE", ["model"]), ("US", []), (None, [])])
    def test_a_region_that_is_told_is_checked(self, region: str | None, wrong: list[str]) -> None:
        """Where one is not told, nobody knows better than the server."""
        found = Catalog([LEAVING]).problems(attrs.evolve(GOOD, model=LEAVING.id), region=region)
        assert [problem.field for problem in found] == wrong


class TestAFutureCatalogue:
    def test_what_was_not_told_is_not_checked(self) -> None:
        """A list in a form that is newer than this package refuses nothing."""
        unknown = ("durations", "aspect_ratios", "resolutions", "audio_configurable", "audio_input", "video_input")
        model = VideoModel(id="scent-to-video", constraints=VideoConstraints(model_type="scent", unknown=unknown))
        request = VideoRequest(
            model=model.id, prompt="rain", duration="eternal", aspect_ratio="round", resolution="16k", audio=True,
            video_url="https://a/b", audio_url="https://a/c", extra={"nose": 7},
        )  # fmt: skip
        assert Catalog([model]).review(request) == Review()

    def test_new_values_in_the_lists_are_values(self) -> None:
        """What the server lists is right, whatever any document says."""
        limits = attrs.evolve(TEXT.constraints, durations=("90s",), resolutions=("16k",))
        model = attrs.evolve(TEXT, constraints=limits)
        assert Catalog([model]).problems(attrs.evolve(GOOD, duration="90s", resolution="16k")) == ()


class TestQuotes:
    def test_a_duration_is_asked_for_with_what_is_allowed(self) -> None:
        """Instead of the server's bare 400."""
        (problem,) = CATALOG.quote_problems(QuoteRequest(model=TEXT.id))
        assert (problem.field, problem.allowed) == ("duration", ("5s", "10s"))

    @pytest.mark.parametrize(
        ("inputs", "wrong"),
        [
            (QuoteRequest(model=TEXT.id, duration="5s"), []), (QuoteRequest(model=EDIT.id), []),
            (QuoteRequest(model="no-such", duration="5s"), ["model"]),
            (QuoteRequest(model=TEXT.id, duration="5s", resolution="720P", aspect_ratio="5:4"),
             ["aspect_ratio", "resolution"]),
            (QuoteRequest(model=UPSCALE.id), ["video_url"]),
            (QuoteRequest(model=UPSCALE.id, video_url="https://a", resolution="4x"), []),
        ],
    )  # fmt: skip
    def test_only_what_prices_is_checked(self, inputs: QuoteRequest, wrong: list[str]) -> None:
        """No prompt and no shape is needed for a price."""
        assert [problem.field for problem in CATALOG.quote_problems(inputs)] == wrong

    def test_what_follows_a_source_needs_its_length(self) -> None:
        """Seedance prices the seconds of the clip."""
        model = VideoModel(id="seedance-2-5-reference-to-video", constraints=VideoConstraints(durations=("-1",)))
        inputs = QuoteRequest(model=model.id, duration="-1")
        (problem,) = Catalog([model]).quote_problems(inputs)
        assert problem.field == "reference_video_total_duration"
        priced = attrs.evolve(inputs, reference_video_total_duration=6)
        assert Catalog([model]).quote_problems(priced) == ()


def test_looking_up_a_model() -> None:
    """By its id."""
    assert CATALOG.get(TEXT.id) is TEXT
    assert CATALOG.get("no-such") is None
    assert len(CATALOG) == 5


def test_a_refusal_survives_a_pickle() -> None:
    """Errors travel between processes, with all they know."""
    with pytest.raises(InvalidRequestError) as caught:
        CATALOG.check(attrs.evolve(GOOD, duration="5", aspect_ratio=None))
    back = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 -- our own
    assert (back.located, back.problems) == (caught.value.located, caught.value.problems)
    assert back.located[0].document() == {
        "field": "duration", "value": "5", "allowed": ["5s", "10s"], "nearest": "5s",
        "message": "'5' is not one of this model's.", "sentence": str(back.located[0]),
    }  # fmt: skip


def test_media_are_not_repeated() -> None:
    """A link may be private: neither a message nor a value holds it."""
    secret = "ftp://host/canary"
    for problem in CATALOG.problems(attrs.evolve(GOOD_IMAGE, image_url=secret, reference_image_urls=[secret])):
        assert "canary" not in str(problem.document())


def test_refusing_nothing_is_no_refusal() -> None:
    """Only problems are raised about."""
    refuse(())
    with pytest.raises(InvalidRequestError, match="x: is wrong"):
        refuse([Problem(field="x", message="is wrong.")])


anything = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 2000), st.floats(), st.text(max_size=9), st.binary(max_size=3),
    st.just([]), st.just({}), st.just([1]), st.just({"a": 1}),
    st.sampled_from(["-1", "auto", "adaptive", "5s", "Auto"]),
)  # fmt: skip
lists = st.lists(anything, max_size=3)
SCALARS = (
    "prompt", "duration", "negative_prompt", "aspect_ratio", "resolution", "upscale_factor", "audio", "image_url",
    "end_image_url", "audio_url", "video_url", "omni_reference_task_type", "bitrate_mode", "voice_id",
    "anon_user_id", "reference_video_seconds", "input_height",
)  # fmt: skip
LISTS = (
    "reference_image_urls", "reference_video_urls", "reference_audio_urls", "elements", "keyframes", "scene_image_urls",
)  # fmt: skip
SEEDANCE = VideoModel(id="seedance-2-5-reference-to-video-basic", constraints=VideoConstraints(durations=("-1",)))
EVERY = Catalog([TEXT, IMAGE, UPSCALE, EDIT, OFFLINE, SEEDANCE])


@given(
    st.builds(
        VideoRequest,
        model=st.sampled_from([*(model.id for model in EVERY), "x"]) | anything,
        extra=st.dictionaries(st.text(max_size=9), anything, max_size=2),
        **dict.fromkeys(SCALARS, anything),
        **dict.fromkeys(LISTS, lists),
    )
)
def test_no_request_makes_it_stumble(request_: VideoRequest) -> None:
    """Whatever a form or a manifest holds, the answer is a list of problems that JSON can carry."""
    for catalog in (EVERY, snapshot()):
        review = catalog.review(request_, region="DE")
        json.dumps([problem.document() for problem in (*review.problems, *review.warnings)])
        assert all(str(problem) for problem in review.problems)
