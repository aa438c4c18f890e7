"""From options to a request: every field can be reached."""

from pathlib import Path

import attrs
import pytest

from venice_async.cli import requests
from venice_async.cli.options import RequestOptions, ServerOptions
from venice_async.errors import ConfigurationError
from venice_async.models import Element, Keyframe, MediaFile, SeedanceConsent, VideoRequest, given_fields


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "face.png"
    path.write_bytes(b"png")
    return path


def test_every_field_of_a_request_is_within_reach(image: Path) -> None:
    """With every option given, no field of the request is left empty."""
    url = "https://media.example.com/x"
    options = RequestOptions(
        duration="5s", aspect_ratio="16:9", resolution="720p", audio=False, negative_prompt="fog", image=str(image),
        end_image=url, video=url, audio_track=url, upscale_factor=2, reference_images=(url, str(image)),
        reference_videos=(url,), reference_audios=(url,), reference_documents=(url,), scene_images=(url,),
        elements=(f'{{"frontal_image_url": "{image}", "reference_image_urls": ["{url}"]}}',),
        keyframes=(f"48={url}",), omni_reference_task_type="edit", bitrate_mode="high",
        confirm_terms_and_privacy=True, confirm_legal_right=True, confirm_screening=True,
        image_references=('{"role": "style"}',), video_references=("7",), voice_id="anna",
        camera_trajectory='{"pan": 1}', anon_user_id="u-1", reference_video_seconds=5.5, input_height=720,
        extra=("mood=calm", "seed=7", "loop=true", 'nose={"left": 1}', 'quoted="7"'),
    )  # fmt: skip
    request = options.request("m", "a prompt")
    file = MediaFile(content_type="image/png", path=image)
    assert given_fields(request).keys() == {field.name for field in attrs.fields(VideoRequest)}
    assert request.image_url == file
    assert request.reference_image_urls == (url, file)
    assert request.elements == (Element(frontal_image_url=file, reference_image_urls=(url,)),)
    assert request.keyframes == (Keyframe(image_url=url, frame_index=48),)
    assert request.consent == SeedanceConsent(
        confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
    )
    assert request.extra == {"mood": "calm", "seed": 7, "loop": True, "nose": {"left": 1}, "quoted": "7"}
    assert (request.image_references, request.video_references) == (({"role": "style"},), (7,))
    assert request.camera_trajectory == {"pan": 1}


def test_nothing_given_is_nothing_sent() -> None:
    """Options that were left out leave their fields out."""
    assert given_fields(RequestOptions().request("m", None)) == {"model": "m"}


def test_a_file_is_named_by_its_full_path(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job can be continued from any folder."""
    monkeypatch.chdir(image.parent)
    named = requests.media("face.png")
    assert isinstance(named, MediaFile)
    assert named.path == image.resolve()


@pytest.mark.parametrize("text", ['{"face": "a.png"}', "{}", '{"video_url": 3}', '{"reference_image_urls": "a.png"}'])
def test_elements_are_checked(text: str) -> None:
    """What is no element is refused with a sentence."""
    with pytest.raises(ConfigurationError, match="--element takes"):
        requests.element(text)


def test_a_file_without_a_telling_name(tmp_path: Path) -> None:
    """A media type is not guessed from nothing."""
    (tmp_path / "media").write_bytes(b"?")
    with pytest.raises(ConfigurationError, match="media type"):
        requests.media(str(tmp_path / "media"))


def test_server_options_are_told_as_they_would_be_typed() -> None:
    """The usual ones are left out; what a shell would misread is quoted."""
    assert ServerOptions().arguments() == ""
    options = ServerOptions(base_url="http://127.0.0.1:1/a b", time_scale=50.0)
    assert options.arguments() == " --base-url 'http://127.0.0.1:1/a b' --time-scale 50"
