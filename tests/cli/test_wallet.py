"""`wallet`: the credit, the transactions, and top-ups, which sign nothing without a cap and nothing above it."""

import asyncio
import io
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.cli import main
from venice_async.cli.batch_events import environment
from venice_async.cli.live import trouble_words
from venice_async.cli.options import ServerOptions
from venice_async.cli.terminal import Terminal
from venice_async.cli.wallet import _cells, _lines, rows_wanted
from venice_async.cli.wallet_top_up import TopUpOrder, _report
from venice_async.emulator import Emulator, StatusFault
from venice_async.errors import ConfigurationError, WalletBalanceError
from venice_async.models import TopUp, WalletBalance, WalletTransaction

from .conftest import SCALE, Command, Ran, clean_environment
from .ledger_files import record
from .test_generate import FAST, GOOD, _own_terminal, _read_until

pytestmark = pytest.mark.anyio

KEY = "0x" + "5e" * 31 + "07"
"""A key that owns nothing anywhere; the hunt for it in all that is printed is half of these tests."""
SCALED = ("--time-scale", f"{SCALE:g}")
SERVER = ServerOptions()


def address() -> str:
    from venice_async.signin import WalletAuth

    return WalletAuth(KEY).address


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """One in which nobody has any credit yet."""
    async with Emulator(time_scale=SCALE, clips="plain", execution_time=lambda *_: 1.0) as running:
        yield running


@pytest.fixture
def wallet(venice: Command, tmp_path: Path) -> Command:
    """Run `venice-async ARGUMENTS` with a wallet alone, and look that its key is nowhere."""

    async def run(*arguments: str, **options: Any) -> Ran:
        settings = {"VENICE_API_KEY": "", "VENICE_WALLET_KEY": KEY, "VENICE_PAYMENTS": str(tmp_path / "pay.sqlite3")}
        ran = await venice(*arguments, **{**settings, **options})
        assert KEY.removeprefix("0x") not in ran.out + ran.err
        assert "Traceback" not in ran.err
        return ran

    return run


def signed(emulator: Emulator) -> int:
    """How many payments reached the server."""
    return sum(seen.endpoint == "top_up" for seen in emulator.requests)


# What is typed


@pytest.mark.parametrize(
    "cap", [None, "", "0", "lots", "-5", "1e9", "5_000", "inf", "nan", "\u0665", "5.0000001", " 5"]
)
def test_there_is_no_top_up_without_a_cap(cap: str | None) -> None:
    """Whatever is no plain amount is none; the sentence names the option."""
    with pytest.raises(ConfigurationError, match="--cap"):
        TopUpOrder.of("5", cap, server=SERVER, approved=True)


@pytest.mark.parametrize("usd", ["0", "ten", "1e1", "+5", "5,00", "$", "1.0000001", "12345678901"])
def test_what_is_no_amount(usd: str) -> None:
    """Only digits and at most six decimals."""
    with pytest.raises(ConfigurationError, match="USD takes US dollars"):
        TopUpOrder.of(usd, "5", server=SERVER, approved=True)


def test_an_amount_above_the_cap() -> None:
    """Is refused before anybody is asked."""
    with pytest.raises(ConfigurationError, match=r"\$5\.01 is above --cap \$5\.00: nothing was signed"):
        TopUpOrder.of("5.01", "5", server=SERVER, approved=True)


def test_what_is_an_amount() -> None:
    """Exact, with or without the sign."""
    order = TopUpOrder.of("$7.50", "10", server=SERVER, approved=False)
    assert (order.usd, order.cap_usd) == (Decimal("7.50"), Decimal(10))


def test_the_cap_has_no_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Not in the environment either: exit code 2, one line."""
    assert main(["wallet", "top-up", "5", "--yes"]) == 2
    assert capsys.readouterr().err.startswith("venice-async: --cap USD is missing")
    assert main(["wallet", "top-up", "--help"]) == 0
    told = capsys.readouterr().out
    assert "VENICE_PAYMENTS" in told
    assert "payments.sqlite3" in told


@pytest.mark.parametrize(
    ("limit", "everything", "rows"), [(None, False, 20), (3, False, 3), (500, False, 500), (None, True, None)]
)
def test_how_many_rows(limit: int | None, everything: bool, rows: int | None) -> None:
    """The newest twenty, so many, or all."""
    assert rows_wanted(limit, everything=everything, usual=20) == rows


@pytest.mark.parametrize(("limit", "everything"), [(0, False), (-1, False), (5, True)])
def test_how_many_rows_cannot_be(limit: int, everything: bool) -> None:
    """None at all, and both ways of saying it."""
    with pytest.raises(ConfigurationError, match="--limit"):
        rows_wanted(limit, everything=everything, usual=20)


# What is shown


def test_a_transaction_is_in_utc_and_signed() -> None:
    """Whatever zone its instant is written in; what comes from the server may be missing."""
    at = datetime(2026, 9, 30, 21, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    row = WalletTransaction(
        id="t1", usd=Decimal("-0.055"), balance_after_usd=Decimal("4.2"), kind="CHARGE", created_at=at,
        request_id=None, model="wan",
    )  # fmt: skip
    assert _cells(row) == ["2026-09-30 19:00:05", "charge", "-$0.055", "$4.20", "wan", "-"]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ["  credit        $4.20", "  can consume   yes"]),
        ({"diem_usd": Decimal(1)}, ["  DIEM          $1.00, spent before the credit"]),
        ({"can_consume": False}, ["  can consume   no: venice-async wallet top-up USD --cap USD, $5.00 or more"]),
    ],
)
def test_a_balance(facts: dict[str, Any], said: list[str]) -> None:
    """The credit, DIEM where there is any, and what to do where it is too little."""
    usual = {
        "wallet_address": "0xA", "usd": Decimal("4.2"), "can_consume": True, "minimum_top_up_usd": Decimal(5),
        "suggested_top_up_usd": Decimal(10),
    }  # fmt: skip
    lines = _lines(WalletBalance(**{**usual, **facts}), (), SERVER)
    assert set(said) <= set(lines)


def test_a_video_that_waits_for_credit_says_so() -> None:
    """It is paid for and nobody is asked, so the line that tells of the delay tells the command."""
    assert "venice-async wallet top-up" in trouble_words(WalletBalanceError("Payment required"))


def reported(asked: str, **facts: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    order = TopUpOrder.of(asked, asked, server=SERVER, approved=True)
    code = _report(TopUp(wallet_address="0xA", **facts), order, Terminal(out=out, err=err))
    return code, out.getvalue(), err.getvalue()


def test_what_was_credited() -> None:
    """The server's words are cleaned for the terminal."""
    code, out, err = reported("5", usd=Decimal(5), balance_usd=Decimal("7.5"), payment_id="p\x1b[31m1")
    assert (code, out) == (0, "$5.00 credited; the balance is $7.50.\n")
    assert "\x1b" not in err


@pytest.mark.parametrize(("asked", "code"), [("5", 0), ("4", 0), ("10", 1)])
def test_an_earlier_payment_may_be_less_than_what_was_asked_for(asked: str, code: int) -> None:
    """Then not all that was asked is done, and it says how to go on."""
    got, _, err = reported(asked, usd=Decimal(5), resumed=True)
    assert got == code
    assert "nothing new was signed" in err
    assert ("type the same command again" in err) is bool(code)


# Against the emulator


async def test_from_nothing_to_a_video(wallet: Command, emulator: Emulator) -> None:
    """Balance, top-up, a video, and the books: with a wallet alone, and no API key anywhere."""
    ran = await wallet("wallet", "balance", *SCALED)
    assert (ran.code, ran.out.splitlines()[0]) == (0, address()), ran
    assert "can consume   no" in ran.out
    ran = await wallet("wallet", "top-up", "10", "--cap", "10", "--yes", *SCALED)
    assert (ran.code, ran.out) == (0, "$10.00 credited; the balance is $10.00.\n"), ran
    assert [transfer.usd for transfer in emulator.transfers] == [Decimal(10)]
    ran = await wallet("generate", FAST, "A lighthouse", *GOOD, "--yes")
    assert ran.code == 0, ran
    ran = await wallet("wallet", "transactions", *SCALED)
    heading, charge, top_up = ran.out.splitlines()
    assert heading.split()[:3] == ["time", "(UTC)", "kind"]
    assert charge.split()[2:6] == ["charge", "-$0.39", "$9.61", FAST]
    assert top_up.split()[2:5] == ["top-up", "+$10.00", "$10.00"]


async def test_as_json(wallet: Command) -> None:
    """One document each, with numbers."""
    ran = await wallet("wallet", "top-up", "5", "--cap", "6", "--yes", "--json", *SCALED)
    assert (ran.code, ran.json["usd"], ran.json["balance_usd"], ran.json["resumed"]) == (0, 5.0, 5.0, False), ran
    await wallet("wallet", "top-up", "6", "--cap", "6", "--yes", *SCALED)
    ran = await wallet("wallet", "balance", "--json", *SCALED)
    assert (ran.json["wallet"], ran.json["balance_usd"]) == (address(), 11.0)
    assert (ran.json["can_consume"], ran.json["open_payments"]) == (True, [])
    ran = await wallet("wallet", "transactions", "--limit", "1", "--json", *SCALED)
    assert ([row["usd"] for row in ran.json["transactions"]], ran.json["more"]) == ([6.0], True)
    row = ran.json["transactions"][0]
    assert row["kind"] == "TOP_UP"
    assert datetime.fromisoformat(row["created_at"]).utcoffset() == timedelta(0)
    ran = await wallet("wallet", "transactions", "--all", "--json", *SCALED)
    assert ([row["usd"] for row in ran.json["transactions"]], ran.json["more"]) == ([6.0, 5.0], False)
    assert datetime.fromisoformat(ran.json["transactions"][0]["created_at"]).tzinfo == UTC


async def test_no_transactions(wallet: Command) -> None:
    """Is said, and is no failure."""
    ran = await wallet("wallet", "transactions", *SCALED)
    assert (ran.code, ran.out, ran.err) == (0, "", "This wallet has no transactions.\n")


async def test_a_wallet_goes_before_a_key_here(wallet: Command) -> None:
    """An API key has no such books; the commands are about the wallet."""
    ran = await wallet("wallet", "balance", *SCALED, VENICE_API_KEY="some-key")
    assert (ran.code, ran.out.splitlines()[0]) == (0, address())


@pytest.mark.parametrize("command", [("balance",), ("transactions",), ("top-up", "5", "--cap", "5", "--yes")])
@pytest.mark.parametrize("key", ["", "0x1234", "wrong-canary"])
async def test_without_a_key_nothing_is_sent(
    venice: Command, emulator: Emulator, command: tuple[str, ...], key: str
) -> None:
    """Or with one that is none: exit code 2, a sentence about it, and not what it holds."""
    ran = await venice("wallet", *command, VENICE_WALLET_KEY=key)
    assert (ran.code, ran.out, len(emulator.requests)) == (2, "", 0)
    assert ("private key" if key else "VENICE_WALLET_KEY is not set") in ran.err
    assert not (key and key in ran.err)


async def test_solana_signs_in_and_pays_nothing(wallet: Command, emulator: Emulator) -> None:
    """Its balance is shown; a top-up is refused before anything is asked for or signed."""
    key = {"VENICE_WALLET_KEY": "4c2YcE8KwRa1TzdEXv4xRsMk1tTMx2mNZJ6uY6cR6M6j"}  # 32 bytes: a seed
    ran = await wallet("wallet", "balance", *SCALED, **key)
    assert (ran.code, "credit        $0.00" in ran.out) == (0, True), ran
    ran = await wallet("wallet", "top-up", "5", "--cap", "5", "--yes", *SCALED, **key)
    assert (ran.code, "on Solana" in ran.err, signed(emulator)) == (2, True, 0), ran


async def test_without_a_terminal_it_must_be_agreed_to(wallet: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Exit code 2, nothing is sent, and no store is begun."""
    ran = await wallet("wallet", "top-up", "5", "--cap", "5")
    assert (ran.code, "--yes" in ran.err, len(emulator.requests)) == (2, True, 0)
    assert not (tmp_path / "pay.sqlite3").exists()


async def test_less_than_the_server_takes(wallet: Command, emulator: Emulator) -> None:
    """The amount is not raised: exit code 1, and nothing moves."""
    ran = await wallet("wallet", "top-up", "4", "--cap", "100", "--yes", *SCALED)
    assert (ran.code, len(emulator.transfers)) == (1, 0), ran


async def test_a_pending_payment_is_finished_by_the_same_command(wallet: Command, emulator: Emulator) -> None:
    """Exit code 1 and the command; the next one signs nothing new, and the money moves once."""
    emulator.faults.append(StatusFault(status=503, endpoints=("top_up",), after=1))
    ran = await wallet("wallet", "top-up", "5", "--cap", "5", "--yes", "--json", *SCALED)
    assert (ran.code, ran.json["error"]["type"], ran.json["error"]["charge"]) == (1, "TopUpPendingError", "unverified")
    command = f"venice-async wallet top-up 5 --cap 5 --base-url {emulator.url} --time-scale {SCALE:g}"
    assert command in ran.err
    shown = await wallet("wallet", "balance", *SCALED)
    assert "open payment  $5.00" in shown.out
    assert command in shown.out
    emulator.faults.clear()
    ran = await wallet("wallet", "top-up", "8", "--cap", "8", "--yes", *SCALED)
    assert (ran.code, ran.out.split()[0], "nothing new was signed" in ran.err) == (1, "$5.00", True), ran
    assert [transfer.usd for transfer in emulator.transfers] == [Decimal(5)]
    assert "open payment" not in (await wallet("wallet", "balance", *SCALED)).out


async def test_stopped_while_it_pays(wallet: Command, emulator: Emulator) -> None:
    """Ctrl-C says how to finish what may have been signed."""
    emulator.faults.append(StatusFault(status=503, endpoints=("top_up",), after=1))
    stop: dict[str, Any] = {"until": "Signing", "send": signal.SIGINT}
    ran = await wallet("wallet", "top-up", "5", "--cap", "5", "--yes", **stop)
    assert ran.code == 130, ran
    assert "nothing is signed twice" in ran.err
    assert "venice-async wallet top-up 5 --cap 5" in ran.err
    assert not emulator.transfers


@pytest.mark.parametrize(("reply", "code", "moved"), [("y\n", 0, 1), ("\n", 1, 0), ("n\n", 1, 0), ("\x03", 130, 0)])
async def test_a_person_is_asked(emulator: Emulator, tmp_path: Path, reply: str, code: int, moved: int) -> None:
    """At a terminal: what is signed, how much at most, on which chain, from which wallet, at which server."""
    ours, theirs = pty.openpty()
    settings = {"VENICE_WALLET_KEY": KEY, "VENICE_BASE_URL": emulator.url, "VENICE_PAYMENTS": str(tmp_path / "p.db")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "venice_async", "wallet", "top-up", "5", "--cap", "7", *SCALED,
        cwd=tmp_path, env=clean_environment(**settings), stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=lambda: _own_terminal(theirs),
    )  # fmt: skip
    os.close(theirs)
    seen = (await asyncio.to_thread(_read_until, ours, b"[y/N] ")).decode()
    for fact in ("Sign and pay $5.00?", "at most $7.00", "USDC", "Base", address(), emulator.url.split("/")[2]):
        assert fact in seen
    os.write(ours, reply.encode())
    rest = asyncio.create_task(asyncio.to_thread(_read_until, ours, None))
    assert await process.wait() == code
    await rest
    os.close(ours)
    assert (len(emulator.transfers), signed(emulator) > 0) == (moved, bool(moved))


def test_a_command_of_a_batch_never_gets_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--on-complete runs other people's programs."""
    monkeypatch.setenv("VENICE_WALLET_KEY", KEY)
    assert KEY not in environment(record("a", tmp_path)).values()
