"""A request as text for the ledger, and back."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import InvalidRequestError
from venice_async.models import Element, Keyframe, MediaFile, SeedanceConsent, VideoRequest
from venice_async.wire.calls import queue_call
from venice_async.wire.stored import is_bulky, request_from_text, request_to_text
from venice_async.wire.text import LONG

texts = st.text(max_size=12)
media = st.one_of(
    texts.map("https://a/".__add__),
    st.binary(max_size=12).map(lambda data: MediaFile.from_bytes(data, content_type="image/png")),
    st.sampled_from(["a.png", "b/ü.mp4"]).map(lambda name: MediaFile.from_path(Path("/x") / name)),
)
plain: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | texts | media
trees = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
requests = st.builds(
    VideoRequest,
    model=texts, prompt=st.none() | texts, duration=st.none() | texts, aspect_ratio=st.none() | texts,
    audio=st.none() | st.booleans(), upscale_factor=st.none() | st.integers(0, 4), image_url=st.none() | media,
    reference_image_urls=st.lists(media, max_size=2), scene_image_urls=st.none() | st.lists(media, max_size=2),
    elements=st.lists(st.builds(Element, frontal_image_url=st.none() | media, video_url=st.none() | media), max_size=2),
    keyframes=st.lists(st.builds(Keyframe, image_url=media, frame_index=st.integers(0, 9)), max_size=2),
    consent=st.none() | st.builds(
        SeedanceConsent, confirmed_terms_and_privacy=st.booleans(), confirmed_legal_right=st.booleans(),
        confirmed_screening_acknowledged=st.booleans(),
    ),
    image_references=st.lists(trees, max_size=2), video_references=st.lists(trees, max_size=2), camera_trajectory=trees,
    reference_video_seconds=st.none() | st.floats(0, 30), extra=st.dictionaries(texts, trees, max_size=2),
)  # fmt: skip


@given(requests)
def test_every_request_comes_back_as_it_was(request_: VideoRequest) -> None:
    """A job that goes on after a crash sends what was asked for, files in unknown fields included."""
    text = request_to_text(request_)
    assert request_from_text(text) == request_
    assert text.isascii()
    json.loads(text)


@given(requests)
def test_the_same_bytes_would_be_sent(request_: VideoRequest) -> None:
    """The stored request makes the same call as the given one."""
    stored = request_from_text(request_to_text(request_))
    assert queue_call("https://a", stored).body == queue_call("https://a", request_).body


def test_files_are_kept_by_name_only(tmp_path: Path) -> None:
    """The ledger does not swell by the media, and holds nothing of them."""
    path = tmp_path / "a.png"
    path.write_bytes(b"canary-content")
    text = request_to_text(VideoRequest(model="m", image_url=MediaFile.from_path(path)))
    assert "canary-content" not in text
    assert str(path) in text


def test_a_relative_name_becomes_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The next start may be from another folder."""
    monkeypatch.chdir(tmp_path)
    text = request_to_text(VideoRequest(model="m", image_url=MediaFile.from_path("a.png")))
    monkeypatch.chdir("/")
    found = request_from_text(text).image_url
    assert isinstance(found, MediaFile)
    assert found.path == tmp_path / "a.png"


@pytest.mark.parametrize("value", [float("nan"), pytest.param(object(), id="object"), {1}, b"bytes"], ids=repr)
def test_what_cannot_be_kept_is_refused_before_it_is_promised(value: object) -> None:
    """A request that could not go on after a crash is not taken at all."""
    with pytest.raises(InvalidRequestError):
        request_to_text(VideoRequest(model="m", extra={"x": value}))


@pytest.mark.parametrize("size", [0, 1, 2, LONG - 1, LONG, LONG + 1, 2 * LONG + 5])
def test_bytes_and_long_texts_of_any_size_come_back(size: int) -> None:
    """They are written in pieces, and read like any other."""
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    picture = MediaFile.from_bytes(data, content_type="image/png")
    url = "data:image/png;base64," + 'é"\\😀\ud83d' * (size // 5)
    request = VideoRequest(model="m", image_url=picture, end_image_url=url, extra={"x": [picture, url]})
    text = request_to_text(request)
    assert request_from_text(text) == request
    assert text == json.dumps(json.loads(text), separators=(",", ":"))


def test_what_is_bulky() -> None:
    """What is worth a thread: bytes and long texts, not files by name."""
    large = MediaFile.from_bytes(bytes(LONG + 1), content_type="image/png")
    small = VideoRequest(model="m", prompt="p", image_url=MediaFile.from_path("/x/a.png"), video_url="https://a/b.mp4")
    assert not is_bulky(small)
    assert is_bulky(VideoRequest(model="m", elements=[Element(frontal_image_url=large)]))
    assert is_bulky(VideoRequest(model="m", image_url="data:image/png;base64," + "A" * LONG))
    assert is_bulky(VideoRequest(model="m", extra={"x": 1}))  # nobody looks into it


def test_what_was_not_given_is_not_written() -> None:
    """The stored form stays small, and a default that changes later applies."""
    assert request_to_text(VideoRequest(model="m")) == '{"model":"m"}'
