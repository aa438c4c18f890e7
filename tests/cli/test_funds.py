"""A wallet's credit beside what is to be paid: shown where it is the way in, and with what would be enough."""

import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.cli import main
from venice_async.cli.funds import Funds, tell_payer
from venice_async.cli.options import ServerOptions
from venice_async.cli.terminal import Terminal
from venice_async.emulator import Emulator, StatusFault, in_background
from venice_async.models import WalletBalance

from .conftest import SCALE, Ran

KEY = "0x" + "5e" * 31 + "09"
MODEL = "wan-2.6-text-to-video"
FIELDS = {"duration": "5s", "aspect_ratio": "16:9", "resolution": "720p"}
OPTIONS = ("--duration", "5s", "--aspect-ratio", "16:9", "--resolution", "720p", "--time-scale", f"{SCALE:g}")


def funds(usd: str | None = "2.5", *, on_base: bool = True, diem: str | None = None) -> Funds:
    if usd is None:
        return Funds(balance=None, on_base=on_base, server=ServerOptions())
    balance = WalletBalance(
        wallet_address="0xa", usd=Decimal(usd), can_consume=True, minimum_top_up_usd=Decimal(9000),
        suggested_top_up_usd=Decimal(9000), diem_usd=None if diem is None else Decimal(diem),
    )  # fmt: skip
    return Funds(balance=balance, on_base=on_base, server=ServerOptions())


@pytest.mark.parametrize(
    ("have", "price", "said"),
    [
        (funds("12"), "10", ["$10.00 needed; the wallet's credit is $12.00."]),
        (funds("2.5", diem="1"), "10", ["credit is $2.50, and $1.00 of DIEM, which is spent first."]),
        (funds(None), "10", ["$10.00 needed; what the wallet's credit is could not be had."]),
        (funds("2.5"), "10", ["That is too little", "top-up 7.6 --cap 7.6"]),
        (funds("2.5"), "2.50", ["What is left then ($0.00) is too little to fetch", "top-up 5 --cap 5"]),
        (funds("2.5"), "2.40", ["What is left then ($0.10)", "top-up 5 --cap 5"]),
        (funds("2.5"), "2.39", ["the wallet's credit is $2.50."]),
        (funds("0"), "0.000001", ["too little", "top-up 5 --cap 5"]),
        (funds("0"), "7.0000001", ["too little", "top-up 7.11 --cap 7.11"]),
        (funds("0"), "20000", ["too little", "top-up USD --cap USD"]),
        (funds("0", on_base=False), "1", ["too little", "with another tool"]),
    ],
)
def test_the_credit_beside_a_price(have: Funds, price: str, said: list[str]) -> None:
    """A line where it is enough; else what lacks, and what would do: what the vendor takes at least."""
    lines = have.lines(Decimal(price))
    assert len(lines) == len(said)
    for line, words in zip(lines, said, strict=True):
        assert words in line


@pytest.mark.parametrize(("api_key", "wallet", "told"), [("k", KEY, True), ("k", "", False), ("", KEY, False)])
def test_which_of_two_credentials_pays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], api_key: str, wallet: str, told: bool
) -> None:
    """One line where both are set, and none of what they hold."""
    monkeypatch.setenv("VENICE_API_KEY", api_key)
    monkeypatch.setenv("VENICE_WALLET_KEY", wallet)
    tell_payer(Terminal())
    said = capsys.readouterr().err
    assert bool(said) is told
    assert not said or said.startswith("VENICE_API_KEY pays; the wallet of VENICE_WALLET_KEY is not used.")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """One with a wallet that has $0.80; each video costs $0.50."""
    from venice_async.signin import WalletAuth

    wallets = {WalletAuth(KEY).address: "0.80"}
    running = Emulator(time_scale=SCALE, clips="plain", execution_time=lambda *_: 1.0, wallets=wallets)
    with in_background(running):
        yield running


@pytest.fixture
def run(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Run `venice-async ARGUMENTS` with that wallet, in this process and a folder with a manifest of three videos."""
    for name in [name for name in os.environ if name.startswith("VENICE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("VENICE_BASE_URL", emulator.url)
    monkeypatch.setenv("VENICE_WALLET_KEY", KEY)
    rows = "".join(f"{name},{MODEL},a {name},{','.join(FIELDS.values())}\n" for name in ("bay", "cove", "dune"))
    Path("shots.csv").write_text(f"key,model,prompt,{','.join(FIELDS)}\n{rows}")

    def command(*arguments: str) -> Ran:
        code = main(arguments)
        said = capsys.readouterr()
        assert KEY[2:] not in said.out + said.err
        return Ran(code, said.out, said.err)

    return command


def balances(emulator: Emulator) -> int:
    """How often the balance was asked for."""
    return sum(seen.endpoint == "wallet_balance" for seen in emulator.requests)


def test_a_dry_run_tells_the_credit(run: Callable[..., Ran], emulator: Emulator) -> None:
    """Beside the price, with what would be enough; by one call."""
    ran = run("batch", "shots.csv", "--dry-run", "--time-scale", f"{SCALE:g}")
    assert (ran.code, balances(emulator)) == (0, 1), ran
    assert "$1.50 needed; the wallet's credit is $0.80. That is too little" in ran.err
    assert f"venice-async wallet top-up 5 --cap 5 --base-url {emulator.url}" in ran.err
    assert run("batch", "shots.csv", "--dry-run", "--json", "--time-scale", f"{SCALE:g}").json["credit_usd"] == 0.8


def test_a_dry_run_with_an_api_key_tells_none(
    run: Callable[..., Ran], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no such balance; and where both are set, one line says which pays."""
    monkeypatch.setenv("VENICE_API_KEY", "emulated")
    ran = run("batch", "shots.csv", "--dry-run", "--json", "--time-scale", f"{SCALE:g}")
    assert (ran.code, balances(emulator), "credit_usd" in ran.json) == (0, 0, False), ran
    assert ran.err.count("VENICE_API_KEY pays") == 1
    assert "credit" not in ran.err


def test_no_answer_about_the_credit_stops_nothing(run: Callable[..., Ran], emulator: Emulator) -> None:
    """It is a kindness: a video is made as if it had not been asked for."""
    emulator.faults.append(StatusFault(status=400, endpoints=("wallet_balance",)))
    ran = run("generate", MODEL, "a boat", *OPTIONS, "--yes")
    assert (ran.code, len(emulator.charges)) == (0, 1), ran
    assert "$0.50 needed; what the wallet's credit is could not be had." in ran.err


def test_a_batch_that_runs_out_of_credit(run: Callable[..., Ran], emulator: Emulator) -> None:
    """The cause once with all that wait for it, how much to add, and one command that lets them all go on."""
    ran = run("batch", "shots.csv", "--ledger", "b.sqlite3", "--yes", "--time-scale", f"{SCALE:g}")
    assert (ran.code, len(emulator.charges)) == (1, 1), ran
    assert ran.err.count("for the same reason") == 1
    end = ran.err.split("Wait for you.")[1]
    assert end.count("The server refused queue (402)") == 1
    assert " 2 jobs (" in end
    assert end.count("venice-async release --all --ledger b.sqlite3") == 1
    assert f"To add enough: venice-async wallet top-up 5 --cap 5 --base-url {emulator.url}" in end
    listed = run("jobs", "--ledger", "b.sqlite3")
    command = "venice-async release --all --ledger b.sqlite3"
    assert listed.err == f"2 wait for a person (balance); once the cause is gone: {command}\n"
    emulator.wallets[next(iter(emulator.wallets))].top_up(Decimal(5), at=0.0, wall=0.0)
    assert run(*command.split()[1:]).code == 0
    done = run("resume", "--ledger", "b.sqlite3", "--yes", "--time-scale", f"{SCALE:g}")
    assert (done.code, len(emulator.charges)) == (0, 3), done


def test_a_video_without_credit(run: Callable[..., Ran], emulator: Emulator) -> None:
    """It warns before, and at the end says how much to add, then how the job goes on."""
    emulator.wallets[next(iter(emulator.wallets))].credit_usd = Decimal("0.45")
    ran = run("generate", MODEL, "a boat", *OPTIONS, "--yes", "--key", "boat")
    assert (ran.code, len(emulator.charges)) == (1, 0), ran
    assert "$0.50 needed; the wallet's credit is $0.45. That is too little" in ran.err
    words = ran.err.split("The server refused queue (402)")[-1]
    assert words.index("venice-async wallet top-up 5 --cap 5") < words.index("Next: venice-async release boat")


def test_what_is_known_already_needs_no_credit(run: Callable[..., Ran], emulator: Emulator) -> None:
    """A key whose video is there is not paid again: nothing is asked and nothing told about money."""
    assert run("generate", MODEL, "a boat", *OPTIONS, "--yes", "--key", "boat").code == 0
    before: Any = balances(emulator)
    ran = run("generate", MODEL, "a boat", *OPTIONS, "--yes", "--key", "boat")
    assert (ran.code, balances(emulator) - before, "needed" in ran.err) == (0, 0, False), ran
