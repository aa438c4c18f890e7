"""`retry`: what came to nothing is made again, knowingly."""

import asyncio
import io
from decimal import Decimal
from pathlib import Path

import pytest

from venice_async.cli.retrying import Retry, retry
from venice_async.cli.terminal import Terminal
from venice_async.emulator import Emulator
from venice_async.errors import Charge
from venice_async.jobs import JobState

from .conftest import SCALE, Command
from .ledger_files import keep, kept, record

pytestmark = pytest.mark.anyio

LEDGER = "venice-jobs.sqlite3"


class Person(Terminal):
    """A terminal at which somebody gives one answer."""

    def __init__(self, *, agrees: bool) -> None:
        self.screen = io.StringIO()
        super().__init__(out=self.screen, err=self.screen)
        self._agrees = agrees

    @property
    def can_ask(self) -> bool:
        return True

    def ask(self, question: str) -> bool:
        self.note(question)
        return self._agrees


async def test_a_job_that_cost_nothing_is_simply_made_again(
    venice: Command, emulator: Emulator, tmp_path: Path
) -> None:
    """`retry` sends nothing; `resume` then makes it, under the same key."""
    failed = record("sea", tmp_path, state=JobState.FAILED, charge=Charge.REFUNDED)
    await keep(tmp_path / LEDGER, failed)
    ran = await venice("retry", "sea")
    assert (ran.code, ran.out) == (0, "sea is to be made again, for $0.39; the first is now sea~1.\n")
    assert "venice-async resume" in ran.err
    assert not emulator.requests
    assert (await venice("resume", "--yes", "--time-scale", f"{SCALE:g}")).code == 0
    records = await kept(tmp_path / LEDGER)
    assert {key: one.state for key, one in records.items()} == {
        "sea~1": JobState.FAILED,
        "sea": JobState.COMPLETED,
    }
    assert len(emulator.charges) == 1


@pytest.mark.parametrize("charge", [Charge.CHARGED, Charge.UNVERIFIED])
async def test_what_was_charged_wants_a_yes(venice: Command, tmp_path: Path, charge: Charge) -> None:
    """It says that it costs again; with --json both jobs are told."""
    await keep(tmp_path / LEDGER, record("sea", tmp_path, state=JobState.CANCELLED, charge=charge))
    refused = await venice("retry", "sea")
    assert (refused.code, refused.out) == (2, "")
    assert "To make it again costs $0.39 again. Agree with --yes." in refused.err
    assert list(await kept(tmp_path / LEDGER)) == ["sea"]
    ran = await venice("retry", "sea", "--yes", "--json")
    assert ran.code == 0
    assert (ran.json["job"]["key"], ran.json["job"]["state"]) == ("sea", "pending")
    assert (ran.json["before"]["key"], ran.json["before"]["charge"]) == ("sea~1", charge.value)


@pytest.mark.parametrize("agrees", [True, False])
def test_a_person_is_asked(tmp_path: Path, agrees: bool) -> None:
    """And may think better of it."""
    charged = record("sea", tmp_path, state=JobState.FAILED, charge=Charge.CHARGED, price_usd=Decimal("0.5"))
    asyncio.run(keep(tmp_path / "l.sqlite3", charged))
    person = Person(agrees=agrees)
    code = retry(Retry(job="sea", ledger=tmp_path / "l.sqlite3"), person)
    assert "sea: It was charged. To make it again costs $0.50 again. Do it?" in person.screen.getvalue()
    assert (code, len(asyncio.run(kept(tmp_path / "l.sqlite3")))) == ((0, 2) if agrees else (1, 1))


async def test_only_what_came_to_nothing_is_made_again(venice: Command, tmp_path: Path) -> None:
    """Neither --yes nor a wrong name changes that."""
    await keep(tmp_path / LEDGER, record("sea", tmp_path, state=JobState.UNKNOWN))
    ran = await venice("retry", "sea", "--yes")
    assert ran.code == 1
    assert "is unknown: only one that failed or was cancelled" in ran.err
    assert (await venice("retry", "lake")).code == 2


async def test_the_record_of_an_earlier_try_is_left_alone(venice: Command, tmp_path: Path) -> None:
    """Its key has a new job already. A key that only looks like one of those is as good as any."""
    failed = {"state": JobState.FAILED, "charge": Charge.REFUNDED}
    await keep(tmp_path / LEDGER, record("sea", tmp_path, **failed), record("a~1", tmp_path, **failed))
    assert (await venice("retry", "sea")).code == 0
    ran = await venice("retry", "sea~1")
    assert (ran.code, "sea~1 is kept as the record of an earlier try. Its work is now that of sea." in ran.err) == (
        2,
        True,
    )
    assert (await venice("retry", "a~1")).code == 0
