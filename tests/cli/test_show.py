"""`show`: everything about one job."""

import json
from pathlib import Path

import pytest

from venice_async.cli.show import what_to_do
from venice_async.errors import Charge, ContentRejectedError
from venice_async.jobs import JobState, error_text
from venice_async.models import MediaFile, VideoRequest
from venice_async.wire.stored import request_to_text

from .conftest import Command
from .ledger_files import keep, record

pytestmark = pytest.mark.anyio

LEDGER = "venice-jobs.sqlite3"
LINK = "https://media.venice.ai/secret-token"


async def test_where_it_is_why_what_it_cost_and_what_to_do(venice: Command, tmp_path: Path) -> None:
    """One fact a line, and the command that goes on from there."""
    error = ContentRejectedError("The prompt violates the policy", charge=Charge.REFUNDED, advice="Change it.")
    failed = record(
        "deep sea", tmp_path, state=JobState.FAILED, charge=Charge.REFUNDED, error=error_text(error), queue_id="q-1",
        created_at=1.0, queueing_at=2.0, queued_at=3.0, finished_at=63.0, attempt=2,
    )  # fmt: skip
    await keep(tmp_path / LEDGER, failed)
    ran = await venice("show", "deep sea", TZ="UTC")
    assert ran.code == 0
    facts = dict(line.strip().split(None, 1) for line in ran.out.splitlines()[1:] if line.strip() != "request")
    assert facts["state"] == "failed"
    assert facts["price"] == "$0.39, refunded: The charge was refunded."
    assert facts["sent"].startswith("1970-01-01 00:00:02")
    assert facts["sent"].endswith("(attempt 2)")
    assert facts["ended"].endswith("(took 1:00)")
    assert facts["why"] == "The prompt violates the policy. The charge was refunded. Change it."
    assert facts["prompt:"] == "About deep sea"
    assert facts["do"].startswith("venice-async generate --like 'deep sea' --prompt TEXT (")
    assert "correct the row and give it another key" in facts["do"]
    assert (await venice("show", "shallow sea")).code == 2


async def test_a_file_that_is_gone_is_told_and_nothing_is_secret(venice: Command, tmp_path: Path) -> None:
    """Neither a private link nor the bytes of media are shown; control characters are not passed on."""
    request = VideoRequest(
        model="m", prompt="a\x1b[31mb\u202ec" + "x" * 900,
        image_url=MediaFile.from_bytes(b"12345", content_type="image/png"),
        end_image_url="data:image/png;base64," + "A" * 5000, video_url=MediaFile.from_path(tmp_path / "a.mp4"),
    )  # fmt: skip
    done = record(
        "sea", tmp_path, state=JobState.COMPLETED, request=request_to_text(request), download_url=LINK, size=2_000_000
    )
    await keep(tmp_path / LEDGER, done)
    ran = await venice("show", "sea")
    assert "videos/sea.mp4 (2.0 MB, not there any more)" in ran.out
    assert "5 bytes of image/png" in ran.out
    assert str(tmp_path / "a.mp4") in ran.out
    assert "AAAAAAAAAAAAAAAAAAAAAA" not in ran.out
    assert max(map(len, ran.out.splitlines())) < 300
    assert not {"\x1b", "\u202e"} & set(ran.out)
    document = (await venice("show", "sea", "--json")).json
    assert (document["state"], document["do"], document["request"]["image_url"]) == (
        "completed", None, "5 bytes of image/png",
    )  # fmt: skip
    assert LINK not in ran.out + json.dumps(document)


@pytest.mark.parametrize(
    ("state", "held_for", "command"),
    [
        (JobState.COMPLETED, None, None),
        (JobState.CANCELLED, None, "venice-async retry sea --ledger l"),
        (JobState.UNKNOWN, None, "venice-async unknown --ledger l"),
        (JobState.HELD, "balance", "venice-async release sea --ledger l"),
        (JobState.HELD, "consent", "venice-async consent sea --ledger l"),
        (JobState.QUEUED, None, "venice-async resume --ledger l"),
    ],
)
def test_each_state_has_its_way_on(tmp_path: Path, state: JobState, held_for: str | None, command: str | None) -> None:
    """What is done needs nothing."""
    assert what_to_do(record("sea", tmp_path, state=state, held_for=held_for), Path("l")) == command
