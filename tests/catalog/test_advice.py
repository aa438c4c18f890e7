"""What costs money for nothing is told beforehand, and forbids nothing."""

from typing import Any

import attrs
import pytest

from venice_async.models import Element, VideoRequest

from .test_table import CATALOG

CLIP = "https://a/clip.mp4"
EDIT = VideoRequest(
    model="seedance-2-0-reference-to-video-basic", prompt="Strictly edit <Video 1>, changing its sky", duration="5s",
    aspect_ratio="adaptive", reference_video_urls=[CLIP], reference_video_seconds=5,
)  # fmt: skip
KLING = VideoRequest(
    model="kling-o3-pro-reference-to-video", prompt="@Element1 walks through @Image1", duration="5s",
    aspect_ratio="1:1",
    elements=[Element(frontal_image_url="https://a/b")], scene_image_urls=["https://a/c"],
)  # fmt: skip
UPSCALE = VideoRequest(model="topaz-video-upscale", video_url=CLIP)


@pytest.mark.parametrize("request_", [EDIT, KLING, UPSCALE, attrs.evolve(EDIT, extra={"seed": 1})])
def test_a_sound_request_gets_no_advice(request_: VideoRequest) -> None:
    """Otherwise nobody would read it."""
    assert CATALOG.warnings(request_) == ()


@pytest.mark.parametrize(
    ("request_", "changes", "field", "said", "nearest"),
    [
        (EDIT, {"reference_video_seconds": None}, "reference_video_seconds", "part of the price", None),
        (EDIT, {"prompt": "Strictly edit <video 1>, changing its sky"}, "prompt", "not read", "<Video 1>"),
        (EDIT, {"prompt": "Strictly edit <Video  1>, changing its sky"}, "prompt", "not read", "<Video 1>"),
        (EDIT, {"prompt": "strictly edit <Video 1>, changing its sky"}, "prompt", "another case", "Strictly edit"),
        (EDIT, {"prompt": "extend <Video 1>, generate rain"}, "prompt", "another case", "Extend"),
        (EDIT, {"prompt": "<Video 1> + a cut + followed by <Video 2>"}, "prompt", "has 1", None),
        (EDIT, {"prompt": "Refer to <Subject 2> in <Image 1> to generate rain"}, "prompt", "has 0", None),
        (KLING, {"prompt": "@Element2 walks"}, "prompt", "names @Element2, and there are 1", None),
        (KLING, {"prompt": "@Element1 walks in @Image3"}, "prompt", "names @Image3", None),
        (UPSCALE, {"duration": "5s"}, "duration", "not looked at", None),
        (EDIT, {"extra": {"durations": "5s"}}, "durations", "no field is known", "duration"),
    ],
)  # fmt: skip
def test_advice(request_: VideoRequest, changes: dict[str, Any], field: str, said: str, nearest: str | None) -> None:
    """One sentence, in its field, and no problem."""
    changed = attrs.evolve(request_, **changes)
    (warning,) = CATALOG.warnings(changed)
    assert (warning.field, warning.nearest) == (field, nearest)
    assert said in str(warning)
    assert CATALOG.problems(changed) == ()
