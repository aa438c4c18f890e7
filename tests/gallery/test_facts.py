"""What the page says of a job."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.errors import Charge, DownloadError, UnknownOutcomeError
from venice_async.gallery.facts import Facts, facts_of
from venice_async.gallery.files import look
from venice_async.jobs import Delivery, JobRecord, JobState, error_text
from venice_async.models import Element, Keyframe, MediaFile

from .conftest import made


def facts(record: JobRecord, folder: Path) -> Facts:
    return facts_of(record, look(record, folder), folder=folder)


def test_a_finished_job(tmp_path: Path) -> None:
    """Its time runs from the server's taking it to the whole file."""
    told = facts(made("a", tmp_path, fields={"aspect_ratio": "16:9", "audio": True}), tmp_path)
    assert (told.key, told.prompt, told.took, told.cost) == ("a", "A quay", 42.0, Decimal("0.50"))
    assert told.settings == ("5s", "16:9", "audio")
    assert told.at == 1_800_000_052.0


def test_media_are_counted_and_never_named(tmp_path: Path) -> None:
    """A name may be a private link, or a path of this machine."""
    file = MediaFile.from_path("/home/anna/secret.png")
    fields: dict[str, Any] = {
        "image_url": file, "reference_image_urls": ["https://x.example/secret?sig=1", file], "audio": False,
        "elements": [Element(frontal_image_url=file)], "keyframes": [Keyframe(image_url=file, frame_index=1)],
        "extra": {"new": "secret"}, "anon_user_id": "secret", "upscale_factor": 2, "negative_prompt": "rain",
    }  # fmt: skip
    told = facts(made("a", tmp_path, fields=fields), tmp_path)
    assert told.settings == (
        "5s", "2x upscale", "no audio", "start image", "2 reference images", "element", "keyframe", "without: rain",
    )  # fmt: skip
    assert "secret" not in str(told)


@pytest.mark.parametrize(
    ("changes", "money", "cost"),
    [
        ({"state": JobState.FAILED, "charge": Charge.REFUNDED}, "The charge was refunded.", "0"),
        ({"state": JobState.FAILED, "charge": Charge.CHARGED}, "It was charged.", "0.50"),
        ({"state": JobState.HELD, "charge": Charge.NONE}, "Nothing was charged. $0.50 stays reserved.", "0.50"),
        (
            {"state": JobState.UNKNOWN, "charge": Charge.UNVERIFIED},
            "Whether it was charged is not known. $0.50 stays reserved.",
            "0.50",
        ),
        (
            {"state": JobState.FAILED, "charge": Charge.NONE, "doubtful_usd": Decimal("0.50")},
            "Nothing was charged. $0.50 may have been charged before.",
            "0.50",
        ),
    ],
)
def test_what_became_of_the_money(tmp_path: Path, changes: dict[str, Any], money: str, cost: str) -> None:
    """In a sentence, and as what it holds."""
    told = facts(made("a", tmp_path, **changes), tmp_path)
    assert (told.money, told.cost, told.took) == (money, Decimal(cost), None)


def test_a_price_that_nobody_knows(tmp_path: Path) -> None:
    """Is not told as nothing."""
    assert facts(made("a", tmp_path, price_usd=None), tmp_path).cost is None


def test_reasons_and_advice(tmp_path: Path) -> None:
    """The error's words, for what a held job waits, and what a person decided."""
    lost = error_text(UnknownOutcomeError("The answer was lost"))
    told = facts(made("a", tmp_path, state=JobState.UNKNOWN, error=lost, decision="resubmit (attempt 1)"), tmp_path)
    assert told.reason == "The answer was lost. Decided: resubmit (attempt 1)."
    assert told.advice.startswith("Look at the account's usage")
    assert facts(made("a", tmp_path, state=JobState.HELD, held_for="key"), tmp_path).reason == (
        "It waits for a person (key)."
    )
    assert facts(made("a", tmp_path, state=JobState.QUEUED), tmp_path).reason == "The server is making it."
    handed = facts(made("a", tmp_path, delivery=Delivery.CALLER), tmp_path)
    assert handed.reason.startswith("It was handed to the program")


def test_a_reason_tells_no_private_link_and_no_path(tmp_path: Path) -> None:
    """Whether the link stands there as a whole or in parts, and with blanks in the path."""
    link = "https://media.example.com/private/3f9a77c0e1d2?sig=abcdefghijkl"
    said = f"{tmp_path}/my films/a b.mp4: 3f9a77c0e1d2 at {link}; /opt/other one/x.png"
    record = made(
        "a", tmp_path, state=JobState.HELD, download_url=link, output=f"{tmp_path}/my films/a b.mp4",
        error=error_text(DownloadError(said, advice=f"Look at {tmp_path}/.part")),
        fields={"image_url": MediaFile.from_path("/opt/other one/x.png")},
    )  # fmt: skip
    told = facts(record, tmp_path)
    assert told.reason == "my films/a b.mp4: (a private link) at (a private link); x.png."
    assert told.advice == "Look at (this folder)/.part"


def test_a_word_that_is_a_path_too_stays(tmp_path: Path) -> None:
    """A ledger may hold a path without folders, and anything may be given as a link."""
    said = error_text(DownloadError("The videos of a day"))
    record = made("a", tmp_path, state=JobState.FAILED, output="videos", error=said, fields={"image_url": "a"})
    assert facts(record, tmp_path).reason == "The videos of a day."


def test_the_name_is_the_key_or_the_prompts_beginning(tmp_path: Path) -> None:
    """A key that we made ourselves tells a person nothing."""
    assert facts(made("k", tmp_path, id="k", prompt="x" * 100), tmp_path).key == "x" * 60
    assert facts(made("k", tmp_path, id="k", prompt=None), tmp_path).key == "k"


@pytest.mark.parametrize(
    "request_text", ["", "[]", "{}", '{"model": 7}', '"x"', "[" * 5000, '{"model": "a", "keyframes": 1}']
)
def test_a_request_that_somebody_changed(tmp_path: Path, request_text: str) -> None:
    """Costs its words, and not the page."""
    told = facts(made("a", tmp_path, request=request_text), tmp_path)
    assert (told.prompt, told.settings, told.key) == ("", (), "a")


@pytest.mark.parametrize("at", [float("inf"), float("nan"), -5.0, 1e30])
def test_an_instant_that_is_none(tmp_path: Path, at: float) -> None:
    """No calendar has it."""
    assert facts(made("a", tmp_path, finished_at=at), tmp_path).at == 0.0
