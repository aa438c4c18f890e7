"""Values as a person reads them."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from venice_async.cli.words import ago, full, moment, money, name_of, near, proposes, size, span, values, with_advice
from venice_async.errors import Charge, ConfigurationError, ContentRejectedError
from venice_async.jobs import JobRecord
from venice_async.models import VideoRequest
from venice_async.wire.stored import request_to_text


@pytest.mark.parametrize(
    ("usd", "text"),
    [("0.35", "$0.35"), ("2", "$2.00"), ("0.0625", "$0.0625"), ("100", "$100.00"), ("0", "$0.00"), ("1E+2", "$100.00")],
)
def test_money(usd: str, text: str) -> None:
    """Cents at least, and never rounded."""
    assert money(Decimal(usd)) == text


def test_the_unknown_is_a_dash() -> None:
    """What is not known is not told as nothing."""
    assert (money(None), size(None), span(None)) == ("-", "-", "-")


def test_sizes_and_spans() -> None:
    """Decimal units, and minutes with seconds."""
    assert (size(28_400), size(2_000_000)) == ("28 kB", "2.0 MB")
    assert (span(0.4), span(62), span(3723), span(-5)) == ("0:00", "1:02", "1:02:03", "0:00")


def test_choices_are_shortened() -> None:
    """A run of seconds becomes a range, others share their unit, and words stay words."""
    assert values(f"{number}s" for number in range(4, 16)) == "4-15s"
    assert values(["5s", "10s", "auto", "-1"]) == "5/10s auto -1"
    assert values([]) == ""


def test_a_job_without_a_key_goes_by_its_prompt() -> None:
    """The prompt names it, on one line and without control characters."""
    text = request_to_text(VideoRequest(model="m", prompt="A \x1b[2Jsea\n" + "x" * 100))
    record = JobRecord(id="1f", key="1f", model="m", request=text, output="o")
    assert name_of(record).startswith("A  [2Jsea xxx")
    assert len(name_of(record)) <= 61
    assert name_of(JobRecord(id="1f", key="mine", model="m", request=text, output="o")) == "mine"


def test_a_sentence_ends_before_the_next_begins() -> None:
    """The server's words get their full stop; what a wrong setting costs goes without saying."""
    error = ContentRejectedError("It said no", charge=Charge.REFUNDED)
    assert full(error) == "It said no. The charge was refunded. Change the prompt or the media."
    assert full(ConfigurationError("No key.", advice="Set it.")) == "No key. Set it."


def test_paths_are_told_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What lies in the working folder is told from there."""
    monkeypatch.chdir(tmp_path)
    assert near(str(tmp_path / "videos" / "a.mp4")) == "videos/a.mp4"
    assert near("/elsewhere/a.mp4") == "/elsewhere/a.mp4"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7200, "2 h ago"), (172_800, "2 days ago")],
)
def test_ages(seconds: float, text: str) -> None:
    """In the largest unit of which there are two."""
    assert ago(seconds) == text


def test_moments() -> None:
    """To the second, with the zone, so that nobody takes them for another's."""
    assert datetime.fromisoformat(moment(1_800_000_000.7)).timestamp() == 1_800_000_000


def test_an_error_with_what_to_do() -> None:
    """On one line: what went wrong, the money, the advice."""
    error = ContentRejectedError("Refused", charge=Charge.NONE)
    assert with_advice(error) == "Refused. Nothing was charged. Change the prompt or the media."


def test_what_a_refusal_proposes_is_told_with_it() -> None:
    """Hint, model and prompt, each where it is there, and safe to show."""
    error = ContentRejectedError(
        "Refused.", hint="Softer", recommended_model="m-2", suggested_prompt="a\x1b[31m cat\nin a hat", advice="Go on."
    )
    proposed = "Hint: Softer. Recommended model: m-2. Suggested prompt: a [31m cat in a hat."
    assert full(error) == f"Refused. Nothing was charged. {proposed} Go on."
    assert proposes(error)
    assert not proposes(ContentRejectedError("Refused.", hint="Softer"))
    assert not proposes(ConfigurationError("No key."))
    assert not proposes(None)
