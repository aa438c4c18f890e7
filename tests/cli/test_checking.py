"""`check`: everything wrong with a request, each with its field; and that every field can be said at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from venice_async.cli import main
from venice_async.cli.options import RequestOptions
from venice_async.cli.request_files import read_request
from venice_async.emulator import Emulator
from venice_async.models import Element, Keyframe, MediaFile, SeedanceConsent
from venice_async.wire.calls import queue_fields

from .conftest import Command

pytestmark = pytest.mark.anyio

GOOD = {"model": "wan-2.6-text-to-video", "prompt": "a quay", "duration": "5s", "aspect_ratio": "16:9"}
BAD = {**GOOD, "durration": "5s", "duration": 5, "aspect_ratio": 969, "resolution": "720P", "image_url": "no.png"}
NOWHERE = ("--base-url", "http://127.0.0.1:9/api/v1", "--time-scale", "1000")


def written(folder: Path, tree: Any) -> str:
    (folder / "request.json").write_text(json.dumps(tree))
    return "request.json"


async def test_a_sound_request(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Exit code 0, without a key, and nothing is sent but the question for the catalogue."""
    ran = await venice("check", written(tmp_path, GOOD), VENICE_API_KEY="")
    assert (ran.code, ran.out, ran.err) == (0, "Nothing is wrong with it.\n", "")
    assert not emulator.charges


async def test_all_problems_at_once(venice: Command, tmp_path: Path) -> None:
    """Each on a line that begins with its field; exit code 1."""
    ran = await venice("check", written(tmp_path, BAD))
    assert ran.code == 1
    fields = [line.partition(":")[0] for line in ran.out.splitlines()]
    assert sorted(fields) == ["aspect_ratio", "duration", "durration", "image_url", "resolution"]
    for meant in ("'duration'", "'5s'", "'16:9'", "'720p'"):
        assert f"Did you mean {meant}?" in ran.out


async def test_a_name_that_is_no_field_is_a_problem(venice: Command, tmp_path: Path) -> None:
    """Told with the nearest name, as a batch does; in `extra` it is sent."""
    ran = await venice("check", written(tmp_path, {**GOOD, "camera": "x"}), "--offline")
    assert ran.code == 1
    assert ran.out.startswith("camera: is no field of a request; put it into extra to send it all the same.")
    ran = await venice("check", written(tmp_path, {**GOOD, "seed": 7}))
    assert (ran.code, ran.out.count("\n")) == (1, 1)
    assert (await venice("check", written(tmp_path, {**GOOD, "extra": {"seed": 7}}))).code == 0


async def test_a_misspelt_model_offline(venice: Command, tmp_path: Path) -> None:
    """One that is nearly that of the old catalogue is rather a slip than new."""
    ran = await venice("check", written(tmp_path, {**GOOD, "model": "wan-2.6-text-to-vidoe"}), "--offline")
    assert (ran.code, "Did you mean 'wan-2.6-text-to-video'?" in ran.out) == (1, True)
    assert "Nothing is wrong" not in ran.out


async def test_as_json(venice: Command, tmp_path: Path) -> None:
    """One document with the problems as values."""
    ran = await venice("check", written(tmp_path, BAD), "--json")
    assert (ran.code, ran.json["ok"], ran.json["snapshot"]) == (1, False, None)
    (ratio,) = [problem for problem in ran.json["problems"] if problem["field"] == "aspect_ratio"]
    assert (ratio["value"], ratio["nearest"]) == (969, "16:9")
    assert "16:9" in ratio["allowed"]


async def test_local_files_are_looked_at(venice: Command, tmp_path: Path) -> None:
    """A file that is no image by its first bytes is told, and not sent to find out."""
    (tmp_path / "face.png").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    body = {**GOOD, "model": "wan-2.6-image-to-video", "aspect_ratio": None, "image_url": "face.png"}
    ran = await venice("check", written(tmp_path, body))
    assert ran.code == 1
    assert ran.out.startswith("image_url: ")
    assert ran.out.count("\n") == 1


async def test_what_json_cannot_hold(venice: Command, tmp_path: Path) -> None:
    """A request file may say NaN; no server would understand it."""
    ran = await venice("check", written(tmp_path, {**GOOD, "extra": {"seed": float("nan")}}))
    assert ran.code == 1
    assert ran.out.startswith("request: ")


@pytest.mark.parametrize("how", [("--offline",), NOWHERE])
async def test_without_a_network(venice: Command, tmp_path: Path, how: tuple[str, ...]) -> None:
    """It is checked against the catalogue that came along, and the date of that is told."""
    assert (await venice("check", written(tmp_path, GOOD), *how)).code == 0
    ran = await venice("check", written(tmp_path, BAD), *how)
    assert ran.code == 1
    assert "resolution: '720P'" in ran.out
    assert "checked against the catalogue of 2026-08-21" in ran.err
    as_json = await venice("check", written(tmp_path, GOOD), "--json", *how)
    assert as_json.json["snapshot"] == "2026-08-21"


async def test_options_instead_of_a_file(venice: Command) -> None:
    """The same ones as for generate; warnings do not fail."""
    good = ("seedance-2-0-reference-to-video-basic", "Extend <video 1>, generate rain", "--duration", "5s",
            "--aspect-ratio", "adaptive", "--reference-video", "https://a/b.mp4")  # fmt: skip
    ran = await venice("check", *good)
    assert (ran.code, ran.out) == (0, "Nothing is wrong with it.\n")
    assert "Did you mean '<Video 1>'?" in ran.err
    assert "reference_video_seconds: is not given" in ran.err


async def test_options_go_above_the_file(venice: Command, tmp_path: Path) -> None:
    """A file as a pattern, with one thing changed."""
    name = written(tmp_path, {**GOOD, "duration": "7s"})
    assert (await venice("check", name)).code == 1
    assert (await venice("check", name, "--duration", "10s")).code == 0
    priced = await venice("quote", "--request", name, "--duration", "10s")
    assert (priced.code, priced.out[:1]) == (0, "$")


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ("[]", "one JSON object"), ("\udc80", "is not JSON"), (None, "cannot be read")],
)
async def test_what_is_no_request_file(venice: Command, tmp_path: Path, text: str | None, said: str) -> None:
    """Exit code 2: nothing was checked."""
    if text is not None:
        (tmp_path / "request.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    ran = await venice("check", "request.json")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_command_needs_a_model_or_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Said in one sentence."""
    for command in ("generate", "quote", "check"):
        assert main([command, *(["--yes"] if command == "generate" else [])]) == 2
        assert "Give a model's id, or --request FILE." in capsys.readouterr().err


class TestFiles:
    def test_every_field_is_read(self, tmp_path: Path) -> None:
        """In the API's names; media that are no URL are files beside the request's."""
        (tmp_path / "face.png").write_bytes(b"png")
        body = everything("face.png")
        found = read_request(body, folder=tmp_path)
        assert found.problems == []
        file = MediaFile(content_type="image/png", path=(tmp_path / "face.png").resolve())
        assert found.request.elements == (Element(frontal_image_url=file, reference_image_urls=["https://a/r"]),)
        assert found.request.keyframes == (Keyframe(image_url=file, frame_index=3),)
        assert found.request.consent == SeedanceConsent(
            confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
        )
        assert found.request.extra == {"newer": 1, "brand_new": {"x": [1]}}

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"image_url": 5}, "image_url"), ({"reference_image_urls": "https://a"}, "reference_image_urls"),
            ({"reference_image_urls": ["https://a", 5]}, "reference_image_urls[1]"), ({"elements": {}}, "elements"),
            ({"elements": [[]]}, "elements[0]"), ({"elements": [{"face": "x"}]}, "elements[0]"),
            ({"elements": [{"frontal_image_url": "gone.png"}]}, "elements[0].frontal_image_url"),
            ({"keyframes": [{"image_url": 5, "frame_index": 1}]}, "keyframes[0].image_url"),
            ({"keyframes": ["x"]}, "keyframes[0]"), ({"consents": {"seedance": {}}}, "consents"),
            ({"consents": True}, "consents"), ({"extra": []}, "extra"), ({"image_references": {}}, "image_references"),
            ({"promt": "x"}, "promt"), ({"model": None}, "model"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_is_named(self, tmp_path: Path, wrong: dict[str, Any], field: str) -> None:
        """By its place in the file."""
        found = read_request({**GOOD, **wrong}, folder=tmp_path)
        assert [problem.field for problem in found.problems] == [field]

    def test_values_are_not_turned_into_others(self, tmp_path: Path) -> None:
        """A number stays one: the check says what was meant."""
        assert read_request({**GOOD, "duration": 5}, folder=tmp_path).request.duration == 5


def everything(image: str) -> dict[str, Any]:
    """A body with every field of the vendor's document and notes."""
    url = "https://a/b"
    return {
        "model": "m", "prompt": "p", "negative_prompt": "n", "duration": "5s", "aspect_ratio": "16:9",
        "resolution": "720p", "upscale_factor": 2, "audio": False, "image_url": image, "end_image_url": url,
        "audio_url": url, "video_url": url, "reference_image_urls": [url, image], "reference_video_urls": [url],
        "reference_audio_urls": [url], "reference_document_urls": [url], "scene_image_urls": [url],
        "elements": [{"frontal_image_url": image, "reference_image_urls": ["https://a/r"]}],
        "keyframes": [{"image_url": image, "frame_index": 3}], "omni_reference_task_type": "edit",
        "bitrate_mode": "high", "image_references": [{"a": 1}], "video_references": [2], "voice_id": "v",
        "camera_trajectory": {"pan": 1}, "anon_user_id": "u", "reference_video_seconds": 5, "input_height": 720,
        "consents": {"seedance": {
            "confirmed_terms_and_privacy": True, "confirmed_legal_right": True,
            "confirmed_screening_acknowledged": True,
        }},
        "newer": 1, "extra": {"brand_new": {"x": [1]}},
    }  # fmt: skip


def documented(openapi_path: Path) -> tuple[set[str], set[str]]:
    schemas = json.loads(openapi_path.read_text())["components"]["schemas"]
    return set(schemas["QueueVideoRequest"]["properties"]), set(schemas["QuoteVideoRequest"]["properties"])


def test_every_field_of_the_document_is_within_reach_of_a_file(openapi_path: Path, tmp_path: Path) -> None:
    """What goes in comes out, in the body that is sent."""
    queue, _ = documented(openapi_path)
    (tmp_path / "face.png").write_bytes(b"png")
    sent = queue_fields(read_request(everything("face.png"), folder=tmp_path).request)
    assert queue <= sent.keys()
    assert {"bitrate_mode", "voice_id", "camera_trajectory", "image_references", "video_references"} <= sent.keys()


OPTION_OF = {
    "prompt": None, "model": None, "image_url": "image", "end_image_url": "end-image", "audio_url": "audio-track",
    "video_url": "video", "reference_image_urls": "reference-image", "reference_video_urls": "reference-video",
    "reference_audio_urls": "reference-audio", "reference_document_urls": "reference-document",
    "scene_image_urls": "scene-image", "elements": "element", "keyframes": "keyframe",
    "consents": "confirm-legal-right",
}  # fmt: skip


@pytest.mark.parametrize("command", ["generate", "quote", "check"])
def test_every_field_of_the_document_has_an_option(
    openapi_path: Path, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own name, or by a shorter one."""
    monkeypatch.setenv("COLUMNS", "200")
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    for fields in documented(openapi_path):
        for field in fields:
            option = OPTION_OF.get(field, field.replace("_", "-"))
            assert option is None or f"--{option}" in shown, field


@pytest.mark.parametrize(
    "field", ["duration", "aspect_ratio", "resolution", "omni_reference_task_type", "upscale_factor"]
)
def test_every_value_of_the_document_can_be_given(openapi_path: Path, field: str) -> None:
    """Also those that look like options or numbers."""
    from venice_async.cli.app import app

    schemas = json.loads(openapi_path.read_text())["components"]["schemas"]
    for value in schemas["QueueVideoRequest"]["properties"][field]["enum"]:
        _, bound, _ = app.parse_args(
            ["check", "m", "p", f"--{field.replace('_', '-')}", str(value)], exit_on_error=False
        )
        options = bound.arguments["fields"]
        assert isinstance(options, RequestOptions)
        assert getattr(options, field) == value
