"""A server that is newer than this package: what it added must not stop what was there before."""

import json
from pathlib import Path
from typing import Any

import pytest

from venice_async.cli import main
from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.emulator import Emulator, in_background
from venice_async.emulator.catalogue import Catalogue
from venice_async.jobs import JobState
from venice_async.manager import JobManager
from venice_async.models import VideoRequest

pytestmark = pytest.mark.anyio

SCALE = 50.0
NEW = {"since": "2031-01-01", "tags": [None, {"a": 1e9}]}
KNOWN = "ltx-2-v2-3-fast-text-to-video"
"""A model whose entry only has more in it."""
ODD = "longcat-text-to-video"
"""A model whose known fields have other types than today."""
NULLS = "longcat-distilled-text-to-video"
"""A model whose fields are all there and all null."""


def later(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as a server of some later year may tell it."""
    spec, limits = entry["model_spec"], entry["model_spec"]["constraints"]
    entry |= {"version": NEW, "created": "long ago"}
    spec |= {"capabilities": NEW, "privacy": "quantum", "pricing": {"usd": 0.1}, "deprecation": None}
    limits |= {"model_type": "text-to-hologram", "frame_rates": [24, 48], "resolutions_v2": NEW}
    if entry["id"] == ODD:
        limits |= {
            "aspect_ratios": {"list": ["16:9"]}, "durations": "5s", "resolutions": [{"id": "480p"}], "audio": "yes",
            "audio_configurable": [True], "prompt_character_limit": {"max": 5000},
        }  # fmt: skip
        spec["regionRestrictions"] = {"deny": ["XX"]}
    if entry["id"] == NULLS:
        entry["model_spec"] = {**dict.fromkeys(spec), "constraints": dict.fromkeys(limits)}
    return entry


@pytest.fixture
def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Catalogue.listing

    def newer(self: Catalogue, kind: str) -> dict[str, Any]:
        found = json.loads(json.dumps(listing(self, kind)))
        entries = [later(entry) for entry in found["data"]]
        strange = [{"id": 7, "type": "video"}, {"id": "x", "type": "hologram"}, "text", None, {"type": "video"}]
        return {**found, "data": [*strange, *entries], "next": NEW, "object": 5}

    monkeypatch.setattr(Catalogue, "listing", newer)


@pytest.mark.usefixtures("_later")
@pytest.mark.parametrize("model", [KNOWN, ODD, NULLS])
async def test_jobs_of_a_later_catalogue_are_made(tmp_path: Path, model: str) -> None:
    """Over a real socket: listed, priced under a budget, submitted and brought home."""
    duration = "6s" if model == KNOWN else "5s"
    request = VideoRequest(model=model, prompt="A lighthouse", duration=duration, aspect_ratio="16:9")
    clock = SystemClock(speed=SCALE)
    async with Emulator(time_scale=SCALE, clips="plain", execution_time=lambda *_: 2.0) as emulator:
        async with VeniceClient("any-key", base_url=emulator.url, clock=clock) as venice:
            models = {each.id: each for each in await venice.models()}
            assert models[model].id == model
            price = (await venice.quote(request)).usd
            manager = JobManager(venice, ledger=tmp_path / "a.sqlite3", output_dir=tmp_path, budget_usd=price)
            async with manager as jobs:
                job = await jobs.submit(request, output="a.mp4")
                video = await job
        assert (job.state, video.cost_usd, len(emulator.charges)) == (JobState.COMPLETED, price, 1)


@pytest.mark.usefixtures("_later")
def test_the_command_line_makes_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`models`, `quote` and `generate` against the same server."""
    with in_background(Emulator(time_scale=SCALE, clips="plain", execution_time=lambda *_: 2.0)) as emulator:
        monkeypatch.setenv("VENICE_BASE_URL", emulator.url)
        monkeypatch.setenv("VENICE_API_KEY", "any-key")
        monkeypatch.chdir(tmp_path)
        shape = ("--duration", "5s", "--aspect-ratio", "16:9", "--time-scale", f"{SCALE:g}")
        assert main(["models", "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert {KNOWN, ODD, NULLS} <= {each["id"] for each in listed}
        assert main(["quote", ODD, *shape]) == 0
        assert main(["generate", ODD, "A lighthouse", *shape, "--yes", "-o", "a.mp4"]) == 0
    assert (tmp_path / "a.mp4").is_file()
