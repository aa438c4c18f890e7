"""Is this request one that the model takes? Found out before any money is spent."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.catalog import Catalog, Problem, refuse, shape_problems
from venice_async.errors import InvalidRequestError
from venice_async.models import Element, MediaFile, VideoConstraints, VideoModel, VideoRequest

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


def test_looking_up_a_model() -> None:
    """By its id."""
    assert CATALOG.get(TEXT.id) is TEXT
    assert CATALOG.get("no-such") is None
    assert len(CATALOG) == 5


def test_refusing_nothing_is_no_refusal() -> None:
    """Only problems are raised about."""
    refuse(())
    with pytest.raises(InvalidRequestError, match="x: is wrong"):
        refuse([Problem(field="x", message="is wrong.")])


@given(st.builds(
    VideoRequest, model=st.sampled_from([TEXT.id, IMAGE.id, UPSCALE.id, EDIT.id, OFFLINE.id, "x"]),
    prompt=st.none() | st.text(max_size=5), duration=st.none() | st.text(max_size=5),
     aspect_ratio=st.none() | st.text(max_size=5),
    resolution=st.none() | st.text(max_size=5), upscale_factor=st.none() | st.integers(0, 5),
     image_url=st.none() | st.text(max_size=9),
))  # fmt: skip
def test_no_request_makes_it_stumble(request_: VideoRequest) -> None:
    """Whatever a form or a manifest holds, the answer is a list of problems."""
    assert all(str(problem) for problem in CATALOG.problems(request_))
