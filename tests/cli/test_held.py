"""Jobs that wait for a person: told by cause, with a command that lets those go on and no others."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.cli.held import by_cause, missing_usd, names, release_command, release_lines
from venice_async.errors import AuthenticationError, PaymentRequiredError
from venice_async.errors.stored import error_text
from venice_async.jobs import JobRecord, JobState

from .ledger_files import record

LEDGER = Path("b.sqlite3")


def held(key: str, folder: Path, held_for: str = "balance", **facts: Any) -> JobRecord:
    error = PaymentRequiredError("No credit") if held_for == "balance" else AuthenticationError("No such key")
    usual = {"state": JobState.HELD, "held_for": held_for, "error": error_text(error)}
    return record(key, folder, **{**usual, **facts})


def test_one_cause(tmp_path: Path) -> None:
    """All that wait are let go at once; one alone by its name."""
    done = record("done", tmp_path, state=JobState.COMPLETED)
    some = [held("a", tmp_path), held("b", tmp_path)]
    command = "venice-async release --all --ledger b.sqlite3"
    told = f"2 wait for a person (balance); once the cause is gone: {command}"
    assert release_lines([done, *some], LEDGER) == [told]
    (told,) = release_lines([done, some[0]], Path("venice-jobs.sqlite3"))
    assert told == "1 waits for a person (balance); once the cause is gone: venice-async release a"
    assert release_lines([done], LEDGER) == []


def test_several_causes(tmp_path: Path) -> None:
    """Each with the jobs that it is about: when one is gone, the others are not."""
    records = [held("a", tmp_path), held("b", tmp_path, "key"), held("c", tmp_path)]
    balance, key = release_lines(records, LEDGER)
    assert balance.endswith("(balance); once the cause is gone: venice-async release a c --ledger b.sqlite3")
    assert key.endswith("(key); once the cause is gone: venice-async release b --ledger b.sqlite3")


def test_too_many_to_be_typed(tmp_path: Path) -> None:
    """Then all of them go: what still has its cause is held again, for nothing."""
    records = [held(f"a{number}", tmp_path) for number in range(21)]
    assert release_command(records, [*records, held("b", tmp_path, "key")], LEDGER).split()[2] == "--all"


def test_consent_is_given_and_not_released(tmp_path: Path) -> None:
    """A job that waits for it is none of these, and others are not let go together with it."""
    records = [held("a", tmp_path), held("b", tmp_path), held("face", tmp_path, "consent")]
    (told,) = release_lines(records, LEDGER)
    assert told.endswith("venice-async release a b --ledger b.sqlite3")


def test_the_same_words_are_one_cause(tmp_path: Path) -> None:
    """Another reason, or another thing that is waited for, is another."""
    other = error_text(PaymentRequiredError("The limit of the key is reached"))
    records = [held("a", tmp_path), held("b", tmp_path), held("c", tmp_path, error=other), held("d", tmp_path, "key")]
    assert [[record.key for record in some] for some in by_cause(records).values()] == [["a", "b"], ["c"], ["d"]]


@pytest.mark.parametrize(
    ("count", "said"), [(1, "a0"), (2, "2 jobs (a0, a1)"), (6, "6 jobs (a0, a1, a2, a3, a4, ...)")]
)
def test_names(tmp_path: Path, count: int, said: str) -> None:
    """The first few of many."""
    assert names([held(f"a{number}", tmp_path) for number in range(count)]) == said


def test_how_much_is_missing(tmp_path: Path) -> None:
    """The price of what waits for credit alone, as far as it is known; None where nothing does."""
    some = [held("a", tmp_path, price_usd=Decimal(2)), held("b", tmp_path, price_usd=None)]
    assert missing_usd([*some, held("c", tmp_path, "key", price_usd=Decimal(7))]) == Decimal(2)
    assert missing_usd([held("c", tmp_path, "key")]) is None
