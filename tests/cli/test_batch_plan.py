"""What a batch would do, before anything is paid."""

import asyncio
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venice_async.catalog import snapshot
from venice_async.cli.batch import BatchOrder, _agreed
from venice_async.cli.batch_plan import Plan, Planned, Standing, _Checks, standing_of
from venice_async.cli.manifests.entries import Entries
from venice_async.cli.manifests.rows import Row, rows_of
from venice_async.cli.options import ServerOptions
from venice_async.cli.terminal import Terminal
from venice_async.cli.unsent import Unsent
from venice_async.errors import BudgetExceededError
from venice_async.jobs import JobRecord, JobState
from venice_async.models import SeedanceConsent, VideoRequest
from venice_async.wire.stored import request_from_text, request_to_text

from .ledger_files import record

REQUEST = VideoRequest(model="m", prompt="sea", duration="5s")
ROW = Row(place="m:1", key="sea", request=REQUEST, output="sea.mp4")
CONSENT = SeedanceConsent(
    confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
)


def kept(request: VideoRequest = REQUEST, state: JobState = JobState.COMPLETED) -> JobRecord:
    return JobRecord(id="1", key="sea", model="m", request=request_to_text(request), output="", state=state)


@pytest.mark.parametrize(
    ("record", "standing"),
    [
        (None, Standing.NEW),
        (kept(), Standing.DONE),
        (kept(state=JobState.PENDING), Standing.OPEN),
        (kept(state=JobState.QUEUEING), Standing.OPEN),
        (kept(state=JobState.HELD), Standing.STUCK),
        (kept(state=JobState.UNKNOWN), Standing.STUCK),
        (kept(state=JobState.FAILED), Standing.ENDED),
        (kept(state=JobState.CANCELLED), Standing.ENDED),
        (kept(attrs.evolve(REQUEST, duration="6s")), Standing.CHANGED),
        (kept(attrs.evolve(REQUEST, consent=CONSENT)), Standing.DONE),
    ],
)
def test_a_row_stands_where_its_key_does(record: JobRecord | None, standing: Standing) -> None:
    """A consent that a person gave later does not make it another request."""
    assert standing_of(ROW, record) is standing


def test_the_budget_has_room_for_all_or_for_none() -> None:
    """Beside what the ledger holds; a price that nobody knows fits under no budget."""
    plan = Plan(rows=[Planned(row=ROW, standing=Standing.NEW, price_usd=Decimal("0.5"))] * 2, held_usd=Decimal(1))
    assert plan.price_usd == 1
    plan.check_budget(None)
    plan.check_budget(Decimal(2))
    with pytest.raises(BudgetExceededError):
        plan.check_budget(Decimal("1.99"))
    with pytest.raises(BudgetExceededError, match="not known"):
        Plan(rows=[Planned(row=ROW, standing=Standing.NEW)]).check_budget(Decimal(9))
    Plan(rows=[Planned(row=ROW, standing=Standing.DONE)]).check_budget(Decimal(0))


class Silent(Terminal):
    """A terminal at which nobody says yes; it keeps the question."""

    def __init__(self) -> None:
        super().__init__(out=io.StringIO(), err=io.StringIO())
        self.asked = ""

    @property
    def can_ask(self) -> bool:
        return True

    def ask(self, question: str) -> bool:
        self.asked = question
        return False


@pytest.mark.parametrize(
    ("new", "unsent", "budget", "question"),
    [
        (1, 0, None, "Pay $0.50 for 1 video?"),
        (2, 1, None, "Pay $1.39 for 2 videos and 1 job of this ledger that was not sent yet?"),
        (0, 1, None, "Pay $0.39 for 1 job of this ledger that was not sent yet?"),
        (0, 0, None, ""),
        (1, 1, Decimal(9), ""),
    ],
)
def test_the_question_names_all_that_is_paid(
    tmp_path: Path, new: int, unsent: int, budget: Decimal | None, question: str
) -> None:
    """A budget that it fits under is a yes, at a terminal too."""
    rows = [Planned(row=ROW, standing=Standing.NEW, price_usd=Decimal("0.5"))] * new
    waiting = Unsent(records=tuple(record(str(number), tmp_path) for number in range(unsent)))
    order = BatchOrder(
        manifest=tmp_path, output_dir=tmp_path, ledger=tmp_path, server=ServerOptions(), budget_usd=budget
    )
    person = Silent()
    assert _agreed(Plan(rows=rows, unsent=waiting), order, person) is (not question)
    assert person.asked == question


FIELDS = [*(attribute.name for attribute in attrs.fields(VideoRequest)), "consents", "key", "output"]
NAMES = ["image_url", "frame_index", "frontal_image_url", "reference_image_urls", "seedance", "x"]
WORDS = ["http://x/a.png", "https://[", "/etc/passwd", "\0", "16:9", "data:image/png;base64,xx", "\ud800"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
CATALOG = snapshot()


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.sampled_from(FIELDS), TREES, max_size=4), max_size=3),
    model=st.sampled_from([*[*(model.id for model in CATALOG)][:20], "nobody-knows"]),
)
def test_whatever_stands_in_a_row_is_a_request_or_a_mistake(rows: list[dict[str, Any]], model: str) -> None:
    """Never a traceback; what passes can be kept and read again."""
    entries = Entries(name="m")
    entries.take_defaults("m:0", {"model": model, "prompt": "x", "duration": "5s"})
    for row in rows:
        entries.take("m:1", row)
    folder = Path(__file__).parent
    manifest = rows_of(entries, folder=folder)
    checks = _Checks(catalog=CATALOG, folder=folder, known=())
    for made in manifest.rows:
        manifest.refuse(made, asyncio.run(checks.problems(made)))
    if not [str(mistake) for mistake in manifest.all_mistakes()]:
        for made in manifest.rows:
            assert request_from_text(request_to_text(made.request)) == made.request
