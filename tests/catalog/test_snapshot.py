"""The catalogue without a network: it says its date, and refuses only what it knows."""

import json
from pathlib import Path

import attrs
import pytest

from venice_async.catalog import snapshot
from venice_async.models import VideoRequest

GOOD = VideoRequest(model="wan-2.6-text-to-video", prompt="a quay", duration="5s", aspect_ratio="16:9")


def test_it_says_its_date() -> None:
    """Also in every review."""
    assert snapshot().as_of == "2026-08-21"
    assert snapshot().review(GOOD).as_of == "2026-08-21"
    assert len(snapshot()) == 116


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [({}, []), ({"duration": "7 seconds"}, ["duration"]), ({"duration": None}, ["duration"]),
     ({"resolution": "720P"}, ["resolution"]), ({"aspect_ratio": 969}, ["aspect_ratio"]), ({"aspect_ratio": None}, []),
     ({"prompt": ""}, ["prompt"]), ({"image_url": "https://a/b.png"}, ["image_url"]), ({"prompt": "x" * 9000}, []),
     ({"model": "kling-o3-pro-reference-to-video", "scene_image_urls": ["https://a"], "duration": "16s"}, ["duration"]),
     ({"model": "seedance-2-0-fast-text-to-video-basic", "resolution": "1080p"}, ["resolution"])],
)  # fmt: skip
def test_what_is_wrong_in_every_case(changes: dict[str, object], wrong: list[str]) -> None:
    """What no model took then, and what the guides say of a family."""
    found = snapshot().problems(attrs.evolve(GOOD, **changes))
    assert [problem.field for problem in found] == wrong


def test_a_newer_model_is_no_problem() -> None:
    """It may be there by now: that is said, and nothing else about it."""
    review = snapshot().review(attrs.evolve(GOOD, model="wan-9-text-to-video", duration="90s", resolution="16k"))
    assert review.problems == ()
    assert "only the server can tell" in str(review.warnings[0])


def test_a_model_that_was_to_leave() -> None:
    """With the day."""
    (warning,) = snapshot().warnings(attrs.evolve(GOOD, model="sora-2-text-to-video"))
    assert "is taken away on 2026-09-24" in str(warning)


def test_it_holds_the_models_of_its_day(openapi_path: Path) -> None:
    """Every id, with its name and privacy."""
    listed = json.loads((openapi_path.parent / "video-models.json").read_text())
    assert [(model.id, model.name, model.privacy) for model in snapshot()] == [
        (entry["id"], entry["name"], entry["privacy"]) for entry in listed
    ]
