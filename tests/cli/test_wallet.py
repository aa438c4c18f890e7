"""`wallet`: the credit, the transactions, and top-ups, which sign nothing without a cap and nothing above it."""

import asyncio
import io
import os
import pty
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.cli import main
from venice_async.cli.batch_events import environment
from venice_async.cli.live import trouble_words
from venice_async.cli.open_payments import payment_words, renewed_at, way_on
from venice_async.cli.options import ServerOptions
from venice_async.cli.terminal import Terminal
from venice_async.cli.wallet import _cells, _lines, rows_wanted
from venice_async.cli.wallet_top_up import TopUpOrder, _question, _report, _way_on, top_up
from venice_async.cli.words import moment
from venice_async.emulator import DropFault, Emulator, StatusFault, in_background
from venice_async.errors import Charge, ConfigurationError, TopUpPendingError, TopUpRefusedError, WalletBalanceError
from venice_async.models import TopUp, WalletBalance, WalletTransaction
from venice_async.payments import Payment, PaymentState
from venice_async.signin import Chain

from .conftest import SCALE, Command, Ran, clean_environment
from .ledger_files import record
from .test_generate import FAST, GOOD, _own_terminal, _read_until

KEY = "0x" + "5e" * 31 + "07"
"""A key that owns nothing anywhere; the hunt for it in all that is printed is half of these tests."""
SCALED = ("--time-scale", f"{SCALE:g}")
SERVER = ServerOptions()
LOST = DropFault(endpoints=("top_up",), after=1, times=1)
"""The answer to the first payment is lost; the call before that only asks for the terms."""


def address() -> str:
    from venice_async.signin import WalletAuth

    return WalletAuth(KEY).address


Wallet = Callable[..., Ran]


@pytest.fixture
def options() -> dict[str, Any]:
    """More options of the emulator."""
    return {}


@pytest.fixture
def emulator(options: dict[str, Any]) -> Iterator[Emulator]:
    """One in which nobody has any credit yet. It has a thread of its own: the commands are run in the test's."""
    usual: dict[str, Any] = {"time_scale": SCALE, "clips": "plain", "execution_time": lambda *_: 1.0}
    with in_background(Emulator(**{**usual, **options})) as running:
        yield running


@pytest.fixture
def settings(emulator: Emulator, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has a wallet alone."""
    payments = str(tmp_path / "pay.sqlite3")
    return {"VENICE_BASE_URL": emulator.url, "VENICE_WALLET_KEY": KEY, "VENICE_PAYMENTS": payments, "COLUMNS": "80"}


@pytest.fixture
def wallet(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Wallet:
    """Run `venice-async ARGUMENTS` in this process and an empty folder, and look that the key is nowhere."""
    for name in [name for name in os.environ if name.startswith("VENICE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **changes: str) -> Ran:
        with monkeypatch.context() as patch:
            for name, value in (settings | changes).items():
                patch.setenv(name, value)
            code = main(arguments)
        said = capsys.readouterr()
        assert KEY.removeprefix("0x") not in said.out + said.err
        assert "Traceback" not in said.err
        return Ran(code, said.out, said.err)

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


def test_more_than_can_be_paid_at_once() -> None:
    """The most that the vendor takes is no secret: it is refused before anything is shown as to be signed."""
    with pytest.raises(ConfigurationError, match=r"at most \$10000\.00: nothing was signed"):
        TopUpOrder.of("10000.01", "20000", server=SERVER, approved=True)


@pytest.mark.parametrize("usd", ["0", "ten", "1e1", "+5", "5,00", "$", "1.0000001", "12345678901"])
def test_what_is_no_amount(usd: str) -> None:
    """Only digits and at most six decimals."""
    with pytest.raises(ConfigurationError, match=r"USD takes US dollars .* six decimals at most"):
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
    lines = _lines(WalletBalance(**{**usual, **facts}), (), SERVER, chain=Chain.BASE, now=0.0)
    assert set(said) <= set(lines)
    lines = _lines(WalletBalance(**{**usual, **facts}), (), SERVER, chain=Chain.SOLANA, now=0.0)
    assert "wallet top-up" not in "".join(lines)


def payment(usd: int = 50, *, state: PaymentState = PaymentState.SIGNED, expires_at: int | None = 1000) -> Payment:
    return Payment(
        number=1, origin="https://a:443", wallet="0xa", units=usd * 10**6, pay_to="0xb", automatic=False, state=state,
        created_at=700.0, since=700.0, expires_at=expires_at,
    )  # fmt: skip


@pytest.mark.parametrize("state", [PaymentState.SIGNED, PaymentState.REFUSED])
@pytest.mark.parametrize("now", [900.0, 1119.0, 1121.0, 1e9])
def test_an_open_payment_tells_when_another_can_be_signed(state: PaymentState, now: float) -> None:
    """Until then the command that sends it again; after that none, for it would sign a new one."""
    one = payment(state=state)
    words, command = payment_words(one, now), way_on(one, SERVER, now)
    assert ("refused by the server" in words) is (state is PaymentState.REFUSED)
    assert ("its time is over" in words, command is None) == ((now > 1120.0,) * 2)
    assert (moment(1120.0) in words) is (now < 1120.0)
    assert command is None or command.endswith(": venice-async wallet top-up 50 --cap 50")


def test_a_payment_whose_end_is_not_known() -> None:
    """It is told without instants."""
    one = payment(expires_at=None)
    assert (payment_words(one, 1e9), renewed_at(None)) == ("$50.00, signed, outcome open", None)
    assert way_on(one, SERVER, 1e9) == "To finish it: venice-async wallet top-up 50 --cap 50"


@pytest.mark.parametrize(
    ("open_ones", "now", "asked"),
    [
        ((), 0.0, "Sign and pay $6.00?"),
        ((payment(),), 1121.0, "Sign and pay a new one of $6.00, unless the $50.00 from earlier were credited after"),
        ((payment(),), 900.0, "Send the open payment of $50.00 again; or, where it is over ("),
        ((payment(),), 900.0, "), sign and pay a new one of $6.00?"),
        ((payment(expires_at=None),), 900.0, "Send the open payment of $50.00 again?"),
    ],
)
def test_a_question_names_every_amount_that_a_yes_may_move(
    open_ones: tuple[Payment, ...], now: float, asked: str
) -> None:
    """Also the new one that is signed where the open one is over by the time that somebody answers."""
    assert asked in _question(TopUpOrder.of("6", "6", server=SERVER, approved=False), open_ones, now)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (TopUpPendingError("x", usd=Decimal(50), expires_at=1000.0), "To finish it: venice-async wallet top-up 50"),
        (TopUpPendingError("x"), "To finish it: venice-async wallet top-up 6 --cap 6"),
        (TopUpPendingError("x", charge=Charge.NONE, expires_at=1000.0), "Nothing was signed here. Type the same"),
        (TopUpRefusedError("x", usd=Decimal(50)), "To send this one again: venice-async wallet top-up 50"),
        (TopUpRefusedError("x", usd=Decimal(50), expires_at=1000.0), "the next top-up signs a new one"),
        (TopUpRefusedError("x", usd=Decimal(50), expires_at=9e9), "To drop it, wait: a new one can be signed from 22"),
    ],
)
def test_a_payment_that_did_not_end_well(failure: Any, said: str) -> None:
    """The command is that of the payment, which may be an earlier one than was asked for."""
    assert said in _way_on(failure, TopUpOrder.of("6", "6", server=SERVER, approved=True))


def test_a_video_that_waits_for_credit_says_so() -> None:
    """It is paid for and nobody is asked, so the line that tells of the delay tells the command."""
    words = trouble_words(WalletBalanceError("Payment required"))
    assert "within 24 h" in words
    assert "venice-async wallet top-up USD --cap USD" in words


def reported(asked: str, **facts: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    order = TopUpOrder.of(asked, asked, server=SERVER, approved=True)
    code = _report(TopUp(wallet_address="0xA", **facts), order, Terminal(out=out, err=err))
    return code, out.getvalue(), err.getvalue()


def test_another_amount_was_credited_than_was_paid() -> None:
    """A bonus, a fee or a mistake: a person should know."""
    code, out, err = reported("5", usd=Decimal(5), credited_usd=Decimal("4.5"), balance_usd=Decimal("4.5"))
    assert (code, out.startswith("$5.00 ")) == (0, True)
    assert "$5 was paid, and the server says that it credited $4.5 for it" in err


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


def test_from_nothing_to_a_video(wallet: Wallet, emulator: Emulator) -> None:
    """Balance, top-up, a video, and the books: with a wallet alone, and no API key anywhere."""
    ran = wallet("wallet", "balance", *SCALED)
    assert (ran.code, ran.out.splitlines()[0]) == (0, address()), ran
    assert "can consume   no" in ran.out
    ran = wallet("wallet", "top-up", "10", "--cap", "10", "--yes", *SCALED)
    assert (ran.code, ran.out) == (0, "$10.00 credited; the balance is $10.00.\n"), ran
    assert [transfer.usd for transfer in emulator.transfers] == [Decimal(10)]
    ran = wallet("generate", FAST, "A lighthouse", *GOOD, "--yes")
    assert ran.code == 0, ran
    ran = wallet("wallet", "transactions", *SCALED)
    heading, charge, top_up = ran.out.splitlines()
    assert heading.split()[:3] == ["time", "(UTC)", "kind"]
    assert charge.split()[2:6] == ["charge", "-$0.39", "$9.61", FAST]
    assert top_up.split()[2:5] == ["top-up", "+$10.00", "$10.00"]


def test_as_json(wallet: Wallet) -> None:
    """One document each, with numbers."""
    ran = wallet("wallet", "top-up", "5", "--cap", "6", "--yes", "--json", *SCALED)
    assert (ran.code, ran.json["usd"], ran.json["balance_usd"], ran.json["resumed"]) == (0, 5.0, 5.0, False), ran
    wallet("wallet", "top-up", "6", "--cap", "6", "--yes", *SCALED)
    ran = wallet("wallet", "balance", "--json", *SCALED)
    assert (ran.json["wallet"], ran.json["balance_usd"]) == (address(), 11.0)
    assert (ran.json["can_consume"], ran.json["open_payments"]) == (True, [])
    ran = wallet("wallet", "transactions", "--limit", "1", "--json", *SCALED)
    assert ([row["usd"] for row in ran.json["transactions"]], ran.json["more"]) == ([6.0], True)
    row = ran.json["transactions"][0]
    assert row["kind"] == "TOP_UP"
    assert datetime.fromisoformat(row["created_at"]).utcoffset() == timedelta(0)
    ran = wallet("wallet", "transactions", "--all", "--json", *SCALED)
    assert ([row["usd"] for row in ran.json["transactions"]], ran.json["more"]) == ([6.0, 5.0], False)
    assert datetime.fromisoformat(ran.json["transactions"][0]["created_at"]).tzinfo == UTC


def test_no_transactions(wallet: Wallet) -> None:
    """Is said, and is no failure."""
    ran = wallet("wallet", "transactions", *SCALED)
    assert (ran.code, ran.out, ran.err) == (0, "", "This wallet has no transactions.\n")


def test_a_wallet_goes_before_a_key_here(wallet: Wallet) -> None:
    """An API key has no such books; the commands are about the wallet."""
    ran = wallet("wallet", "balance", *SCALED, VENICE_API_KEY="some-key")
    assert (ran.code, ran.out.splitlines()[0]) == (0, address())


@pytest.mark.parametrize("command", [("balance",), ("transactions",), ("top-up", "5", "--cap", "5", "--yes")])
@pytest.mark.parametrize("key", ["", "0x1234", "wrong-canary"])
def test_without_a_key_nothing_is_sent(wallet: Wallet, emulator: Emulator, command: tuple[str, ...], key: str) -> None:
    """Or with one that is none: exit code 2, a sentence about it, and not what it holds."""
    ran = wallet("wallet", *command, VENICE_WALLET_KEY=key)
    assert (ran.code, ran.out, len(emulator.requests)) == (2, "", 0)
    assert ("private key" if key else "VENICE_WALLET_KEY is not set") in ran.err
    assert not (key and key in ran.err)


def test_solana_signs_in_and_pays_nothing(wallet: Wallet, emulator: Emulator) -> None:
    """Its balance is shown; a top-up is refused before anything is asked for or signed."""
    key = {"VENICE_WALLET_KEY": "4c2YcE8KwRa1TzdEXv4xRsMk1tTMx2mNZJ6uY6cR6M6j"}  # 32 bytes: a seed
    ran = wallet("wallet", "balance", *SCALED, **key)
    assert (ran.code, "credit        $0.00" in ran.out) == (0, True), ran
    ran = wallet("wallet", "top-up", "5", "--cap", "5", "--yes", *SCALED, **key)
    assert (ran.code, "on Solana" in ran.err, signed(emulator)) == (2, True, 0), ran


def test_without_a_terminal_it_must_be_agreed_to(wallet: Wallet, emulator: Emulator, tmp_path: Path) -> None:
    """Exit code 2, nothing is sent, and no store is begun."""
    ran = wallet("wallet", "top-up", "5", "--cap", "5")
    assert (ran.code, "--yes" in ran.err, len(emulator.requests)) == (2, True, 0)
    assert not (tmp_path / "pay.sqlite3").exists()


def test_less_than_the_server_takes(wallet: Wallet, emulator: Emulator) -> None:
    """The amount is not raised; it is told before anything is shown as to be signed."""
    ran = wallet("wallet", "top-up", "4", "--cap", "100", "--yes", *SCALED)
    assert (ran.code, signed(emulator), "To be signed" in ran.err) == (2, 0, False), ran
    assert "at least $5.00 at this server, and $4.00 was asked for: nothing was signed" in ran.err


def test_a_refused_payment(wallet: Wallet, emulator: Emulator) -> None:
    """The wallet has too little: why, the command that sends it again, and from when on a new one can be signed."""
    emulator.wallets[address()].usdc = Decimal(3)
    ran = wallet("wallet", "top-up", "50", "--cap", "50", "--yes", "--json", *SCALED)
    facts = ran.json["error"]["facts"]
    assert (ran.code, ran.json["error"]["type"], facts["code"]) == (1, "TopUpRefusedError", "SETTLEMENT_FAILED")
    assert datetime.fromisoformat(facts["expires_at"]).utcoffset() == timedelta(0)
    command = f"venice-async wallet top-up 50 --cap 50 --base-url {emulator.url} --time-scale {SCALE:g}"
    assert f"To send this one again: {command}\nTo drop it, wait: a new one can be signed from 2" in ran.err
    shown = wallet("wallet", "balance", *SCALED)
    assert "$50.00, signed, refused by the server; to drop it, wait: a new one can be signed from 2" in shown.out
    assert f"When the cause is mended, to send it again: {command}" in shown.out
    (told,) = wallet("wallet", "balance", "--json", *SCALED).json["open_payments"]
    begun, over, new = (datetime.fromisoformat(told[name]) for name in ("created_at", "expires_at", "new_one_from"))
    assert begun < over < new
    assert new.utcoffset() == timedelta(0)


def test_an_open_payment_above_the_cap_is_not_sent_again(wallet: Wallet, emulator: Emulator) -> None:
    """Though it was agreed to once: this command may move no more than its own cap."""
    emulator.wallets[address()].usdc = Decimal(3)
    wallet("wallet", "top-up", "50", "--cap", "50", "--yes", *SCALED)
    emulator.wallets[address()].usdc = Decimal(1000)
    before = signed(emulator)
    ran = wallet("wallet", "top-up", "6", "--cap", "6", "--yes", *SCALED)
    assert (ran.code, len(emulator.transfers), signed(emulator)) == (2, 0, before), ran
    assert "It is above --cap $6.00, so it is not sent again. Nothing was signed." in ran.err
    assert "venice-async wallet top-up 50 --cap 50" in ran.err
    assert wallet("wallet", "top-up", "6", "--cap", "50", "--yes", *SCALED).code == 0
    assert [transfer.usd for transfer in emulator.transfers] == [Decimal(50)]


@pytest.mark.parametrize("options", [{"repeat_conflicts": True, "faults": [LOST]}])
def test_a_lost_receipt_at_a_server_that_keeps_none(wallet: Wallet, emulator: Emulator) -> None:
    """Where the same payment is a conflict for ever after, the wallet's account shows that it was credited."""
    ran = wallet("wallet", "top-up", "5", "--cap", "5", "--yes", *SCALED)
    assert (ran.code, ran.out.split()[0], signed(emulator) > 2) == (0, "$5.00", True), ran
    assert [transfer.usd for transfer in emulator.transfers] == [Decimal(5)]


def test_a_pending_payment_is_finished_by_the_same_command(wallet: Wallet, emulator: Emulator) -> None:
    """Exit code 1 and the command; the next one signs nothing new, and the money moves once."""
    emulator.faults.append(StatusFault(status=503, endpoints=("top_up",), after=1))
    ran = wallet("wallet", "top-up", "5", "--cap", "5", "--yes", "--json", *SCALED)
    assert (ran.code, ran.json["error"]["type"], ran.json["error"]["charge"]) == (1, "TopUpPendingError", "unverified")
    command = f"venice-async wallet top-up 5 --cap 5 --base-url {emulator.url} --time-scale {SCALE:g}"
    assert command in ran.err
    shown = wallet("wallet", "balance", *SCALED)
    assert "open payment  $5.00" in shown.out
    assert command in shown.out
    emulator.faults.clear()
    ran = wallet("wallet", "top-up", "8", "--cap", "8", "--yes", *SCALED)
    assert (ran.code, ran.out.split()[0], "nothing new was signed" in ran.err) == (1, "$5.00", True), ran
    assert [transfer.usd for transfer in emulator.transfers] == [Decimal(5)]
    assert "open payment" not in (wallet("wallet", "balance", *SCALED)).out


@pytest.mark.anyio
async def test_stopped_while_it_pays(venice: Command, settings: dict[str, str], emulator: Emulator) -> None:
    """Ctrl-C says how to finish what may have been signed."""
    emulator.faults.append(StatusFault(status=503, endpoints=("top_up",), after=1))
    stop: dict[str, Any] = {"until": "Signing", "send": signal.SIGINT}
    ran = await venice("wallet", "top-up", "5", "--cap", "5", "--yes", **stop, **settings)
    assert ran.code == 130, ran
    assert "nothing is signed twice" in ran.err
    assert "venice-async wallet top-up 5 --cap 5" in ran.err
    assert not emulator.transfers


@pytest.mark.anyio
@pytest.mark.parametrize(("reply", "code"), [("y\n", 0), ("\x03", 130)])
async def test_a_person_is_asked(
    emulator: Emulator, settings: dict[str, str], tmp_path: Path, reply: str, code: int
) -> None:
    """At a terminal: what is signed, how much at most, on which chain, from which wallet, at which server."""
    ours, theirs = pty.openpty()
    moved = int(code == 0)
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
    os.close(ours)
    assert ("Nothing was signed." in (await rest).decode()) is not bool(moved)
    assert (len(emulator.transfers), signed(emulator) > 0) == (moved, bool(moved))


class Asking(Terminal):
    """A terminal with somebody at it."""

    can_ask = True


@pytest.mark.parametrize("reply", ["", "\n", "n\n", "yess\n"])
def test_anything_but_yes_is_no(
    wallet: Wallet, emulator: Emulator, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, reply: str
) -> None:
    """Exit code 1, and nothing is even offered to be signed."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", io.StringIO(reply))
    order = TopUpOrder.of("5", "7", server=ServerOptions(base_url=emulator.url), approved=False)
    err = io.StringIO()
    assert top_up(order, Asking(out=io.StringIO(), err=err)) == 1
    assert err.getvalue().endswith("Sign and pay $5.00? [y/N] Nothing was signed.\n")
    assert signed(emulator) == 0


def test_a_command_of_a_batch_never_gets_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--on-complete runs other people's programs."""
    monkeypatch.setenv("VENICE_WALLET_KEY", KEY)
    assert KEY not in environment(record("a", tmp_path)).values()
