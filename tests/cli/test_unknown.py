"""`unknown`: the jobs in doubt, and the ways out of each."""

from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from venice_async.cli.ledgers import handle
from venice_async.cli.terminal import Terminal
from venice_async.cli.unknown import show_unknown, ways_out
from venice_async.emulator import Emulator
from venice_async.errors import Charge, ServerError
from venice_async.jobs import JobRecord, JobState, error_text

from .conftest import Command
from .ledger_files import MODEL, keep, record

SENT = 1_800_000_000.0
LOST = error_text(ServerError("The server failed", status=502, ray="8f-VIE", charge=Charge.UNVERIFIED))


def doubted(key: str, tmp_path: Path, **changes: Any) -> JobRecord:
    facts = {"state": JobState.UNKNOWN, "charge": Charge.UNVERIFIED, "queueing_at": SENT, "attempt": 2, "error": LOST}
    return record(key, tmp_path, **{**facts, **changes})


def shown(*records: JobRecord, ledger: str = "venice-jobs.sqlite3", now: float = SENT + 4 * 3600) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    show_unknown(records, Path(ledger), Terminal(out=out, err=err), now=now)
    return out.getvalue(), err.getvalue()


@pytest.mark.anyio
async def test_unknown(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Each job in doubt with all that is known of its paid call, and the commands to decide; no server is asked."""
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("scene", tmp_path), record("done", tmp_path, state=JobState.FAILED))
    ran = await venice("unknown", "--ledger", str(path), VENICE_API_KEY="", TZ="UTC")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "scene (unknown)"
    facts = dict(line.strip().split(maxsplit=1) for line in lines[1:8])
    assert facts["job"] == "id-scene"
    assert facts["sent"].startswith("2027-01-15 08:00:00+00:00, ")
    assert facts["sent"].endswith(" ago (attempt 2)")
    assert (facts["model"], facts["price"], facts["CF-RAY"]) == (MODEL, "$0.39", "8f-VIE")
    assert facts["request"] == doubted("scene", tmp_path).request_hash
    assert facts["what"] == "The server failed. Whether it was charged is not known."
    assert lines[-1] == "1 job: $0.00 spent, $0.39 reserved, $0.00 refunded"
    for option in ("--queue-id ID", "--not-charged", "--charged", "--resubmit"):
        assert f"venice-async resolve scene --ledger {path} {option}" in ran.err
    assert "Look at the account's usage" in ran.err
    assert not emulator.requests


@pytest.mark.anyio
async def test_unknown_as_json(venice: Command, tmp_path: Path) -> None:
    """The same for scripts, and no private link in it."""
    path = tmp_path / "kept.sqlite3"
    link = "https://media.example.com/secret"
    await keep(path, doubted("scene", tmp_path, download_url=link))
    ran = await venice("unknown", "--ledger", str(path), "--json")
    (job,) = ran.json["jobs"]
    assert (job["key"], job["ray"], job["attempt"], job["queueing_at"]) == ("scene", "8f-VIE", 2, SENT)
    assert set(job["resolve"]) == {"adopt", "not_charged", "charged", "resubmit"}
    assert ran.json["totals"]["reserved_usd"] == 0.39
    assert "secret" not in ran.out + ran.err


@pytest.mark.anyio
async def test_nothing_unknown(venice: Command, tmp_path: Path) -> None:
    """Is said, and is not an error."""
    path = tmp_path / "kept.sqlite3"
    await keep(path, record("waiting", tmp_path))
    ran = await venice("unknown", "--ledger", str(path))
    assert (ran.code, ran.out) == (0, "0 jobs: $0.00 spent, $0.00 reserved, $0.00 refunded\n")
    assert ran.err == "There is no job whose outcome is unknown.\n"


def test_the_age(tmp_path: Path) -> None:
    """How long ago the paid call was sent, as a person says it."""
    assert ", 4 h ago" in shown(doubted("scene", tmp_path))[0]


def test_one_that_is_still_queueing(tmp_path: Path) -> None:
    """It may be in doubt, but cannot be decided about before it is made certain."""
    record = doubted("scene", tmp_path, state=JobState.QUEUEING, charge=Charge.NONE, error=None)
    out, err = shown(record, ledger="other.sqlite3")
    assert "scene (queueing)" in out
    assert "venice-async resolve" not in err
    assert "venice-async resume --ledger other.sqlite3" in err


def test_without_an_error_or_an_instant(tmp_path: Path) -> None:
    """What is not known is told so."""
    out, _ = shown(doubted("scene", tmp_path, error=None, queueing_at=None, price_usd=None))
    assert "sent    not known" in out
    assert "CF-RAY  -" in out


def test_the_usual_ledger_need_not_be_named(tmp_path: Path) -> None:
    """The shortest command that works is the one to show."""
    assert "  venice-async resolve scene --charged\n" in shown(doubted("scene", tmp_path))[1]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("scene-12", "scene-12"),
        ("two words", "'two words'"),
        ("$(reboot)", "'$(reboot)'"),
        ("--all", "id-it"),
        ("a\x1b[2Jb", "id-it"),
        ("a\u202eb", "id-it"),
        (" blank", "id-it"),
        ("x" * 61, "id-it"),
    ],
)
def test_commands_can_be_pasted(tmp_path: Path, key: str, expected: str) -> None:
    """A key that a shell or a terminal would take for something else is quoted, or the job goes by its id."""
    assert handle(record(key, tmp_path, id="id-it")) == expected


def test_what_the_server_said_cannot_move_the_cursor(tmp_path: Path) -> None:
    """Terminal codes in its words are taken out."""
    error = error_text(ServerError("bad\x1b]0;title\x07 news", status=500, charge=Charge.UNVERIFIED))
    out, err = shown(doubted("sce\x1bne", tmp_path, error=error))
    assert "\x1b" not in out + err
    assert "\x07" not in out + err


def test_what_each_way_means(tmp_path: Path) -> None:
    """The money is named."""
    ways = ways_out(doubted("scene", tmp_path, price_usd=Decimal("1.5")), Path("venice-jobs.sqlite3"))
    assert ways["resubmit"][1] == "Send it again: it may be paid twice, $1.50 each time."
