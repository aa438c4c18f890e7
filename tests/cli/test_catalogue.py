"""`models` and `quote`."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from venice_async.emulator import Emulator

from .conftest import Command, clean_environment

pytestmark = pytest.mark.anyio


async def test_models_is_a_line_each_in_a_pipe(venice: Command) -> None:
    """In a pipe each model is one line, so that grep finds it whole."""
    ran = await venice("models", "--search", "grok-imagine-text", VENICE_API_KEY="")
    header, line = ran.out.splitlines()
    assert ran.code == 0
    assert header.split() == ["id", "name", "kind", "durations", "ratios", "resolutions", "audio", "privacy"]
    assert re.split(r" {2,}", line) == [
        "grok-imagine-text-to-video-private", "Grok Imagine", "text-to-video", "5/10/15s", "16:9 9:16 1:1 4:3 3:4",
        "480p 720p", "yes", "private",
    ]  # fmt: skip


async def test_models_are_filtered(venice: Command) -> None:
    """Type, privacy and search narrow the list together."""
    ran = await venice("models", "--type", "image-to-video", "--privacy", "private", "--search", "LONGCAT", "--json")
    assert [model["id"] for model in ran.json] == ["longcat-image-to-video", "longcat-distilled-image-to-video"]
    assert ran.json[0]["constraints"]["durations"] == ["5s", "10s", "15s", "20s", "30s"]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (("--type", "upscale"), {"topaz-video-upscale"}),
        (("--type", "video-to-video"), {"wan-2-7-video-to-video"}),
        (("--type", "reference-to-video", "--privacy", "private"), {"grok-imagine-reference-to-video-private"}),
        (("--resolution", "768P"), {"minimax-h3-text-to-video"}),
        (("--duration", "-1"), {"seedance-2-5-reference-to-video-basic"}),
        (("--search", "longcat-d", "--no-audio", "--aspect-ratio", "1:1"), {"longcat-distilled-text-to-video"}),
        (("--search", "ovi", "--audio", "--duration", "5s"), {"ovi-image-to-video"}),
    ],
)  # fmt: skip
async def test_each_filter(venice: Command, wanted: tuple[str, ...], ids: set[str]) -> None:
    """By what a video is made from, and by what a model takes."""
    ran = await venice("models", *wanted, "--json")
    assert {model["id"] for model in ran.json} == ids


async def test_no_such_model(venice: Command) -> None:
    """A search that finds nothing is exit code 1; a type that does not exist is 2."""
    assert (await venice("models", "--search", "nothing-like-this")).code == 1
    assert (await venice("models", "--type", "audio")).code == 2


async def test_quote(venice: Command, emulator: Emulator) -> None:
    """A quote is a price on stdout, needs no key and charges nothing."""
    arguments = ("quote", "wan-2.6-text-to-video", "--duration", "10s", "--resolution", "1080p", "--no-audio")
    ran = await venice(*arguments, VENICE_API_KEY="")
    assert (ran.code, ran.out) == (0, "$1.60\n")
    assert (await venice(*arguments, "--json")).json == {"model": "wan-2.6-text-to-video", "usd": 1.6}
    assert not emulator.charges


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("wan-2.6-text-to-video",), "duration: is required by this model. Allowed: 5s, 10s, 15s."),
        (("wan-2.6-text-to-video", "--duration", "7s"), "Allowed: 5s, 10s, 15s."),
        (("seedance-2-5-reference-to-video-basic", "--duration", "auto"),
         "reference_video_total_duration: is required"),
        (("topaz-video-upscale",), "video_url: is required"),
    ],
)  # fmt: skip
async def test_a_quote_says_what_it_lacks(venice: Command, arguments: tuple[str, ...], said: str) -> None:
    """With what would do, instead of the server's 400."""
    ran = await venice("quote", *arguments, "--json")
    assert ran.code == 1
    assert said in ran.err
    assert ran.json["error"]["problems"][0]["field"] == said.partition(":")[0].replace("Allowed", "duration")


async def test_a_quote_takes_what_generate_takes(venice: Command) -> None:
    """So that one command line tells the price of the other; the reference videos' length is part of it."""
    arguments = ("seedance-2-0-reference-to-video-basic", "Extend <Video 1>, generate rain", "--duration", "5s",
                 "--aspect-ratio", "adaptive", "--reference-video", "https://a/b.mp4")  # fmt: skip
    with_length = await venice("quote", *arguments, "--reference-video-seconds", "10")
    older_name = await venice("quote", *arguments, "--reference-video-total-duration", "10")
    assert with_length.out == older_name.out == "$0.96\n"


async def test_quote_of_an_unknown_model(venice: Command) -> None:
    """An unknown model is told, with the nearest that exists, and as JSON where that was asked for."""
    ran = await venice("quote", "wan-2.6-text-to-vidoe", "--duration", "5s", "--json")
    assert ran.code == 1
    assert ran.json["error"]["type"] == "InvalidRequestError"
    assert "Did you mean 'wan-2.6-text-to-video'?" in ran.err


async def test_no_server(venice: Command) -> None:
    """Nobody listening is one sentence."""
    ran = await venice("models", "--base-url", "http://127.0.0.1:9/api/v1", "--time-scale", "100")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("venice-async: Cannot connect to 127.0.0.1:9 for models: connection refused.")
    assert ran.err.count("\n") == 1


async def test_a_reader_that_leaves(emulator: Emulator, tmp_path: Path) -> None:
    """`venice-async models | head` leaves no traceback behind."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "venice_async", "models", "--json",
        cwd=tmp_path, env=clean_environment(VENICE_BASE_URL=emulator.url),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]  # closes our end of the pipe
    assert await process.stderr.read() == b""
    assert await process.wait() == 1
