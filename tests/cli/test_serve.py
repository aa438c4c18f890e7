"""`emulator`: a server for tests and for a person's own program."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from venice_async.cli.serve import EmulatorOptions, parse_limits
from venice_async.client import VeniceClient
from venice_async.errors import ConfigurationError
from venice_async.limits import RateLimits

from .conftest import Command, clean_environment

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_and_stops(tmp_path: Path, number: signal.Signals) -> None:
    """Its first line is the address of a working server; a signal ends it with exit code 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "venice_async", "emulator", "--port", "0", "--time-scale", "9", "--limits", "queue=3",
        "--fault", "503:endpoint=quote",
        cwd=tmp_path, env=clean_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with VeniceClient("emulated", base_url=url) as client:
        assert len(await client.models()) > 20
    process.send_signal(number)
    out, err = await process.communicate()
    assert process.returncode == 0
    assert f"export VENICE_BASE_URL={url}" in out.decode()
    assert err.decode() == "Stopped after 1 requests and 0 jobs for $0.00.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--host", "192.0.2.1"), 2, "serves this machine only"),
        (("--limits", "queue=none"), 2, "--limits takes queue=NUMBER"),
        (("--fault", "meteor"), 2, "There is no fault 'meteor'"),
        (("--port", "70000"), 2, "--port must be between"),
        (("--time-scale", "-1"), 2, "--time-scale must be a positive number"),
        (("--wallet", "0x12"), 2, "--wallet takes ADDRESS=USD"),
        (("--wallet", "0x12=5"), 2, "is no address of a wallet"),
        (("--wallet", "0x" + "1" * 40 + "=much"), 2, "wallets takes amounts of US dollars"),
    ],
)
async def test_what_cannot_be(venice: Command, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    """Each mistake is one sentence."""
    ran = await venice("emulator", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1


async def test_a_port_that_is_taken(venice: Command) -> None:
    """A taken port is told with its number."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ran = await venice("emulator", "--port", str(port))
    server.close()
    await server.wait_closed()
    assert ran.code == 1
    assert f"port {port}: address already in use" in ran.err


def test_wallets_are_given_credit() -> None:
    """Each `--wallet` is one wallet and what it has."""
    address = "0x" + "aB" * 20
    plain = {"host": "127.0.0.1", "port": 0, "time_scale": 1.0, "seed": 0, "limits": "", "faults": ()}
    emulator = EmulatorOptions(wallets=(f"{address}=25.5", f" {'1' * 32} = 3"), **plain).emulator()  # type: ignore[arg-type]
    assert {name: float(wallet.credit_usd) for name, wallet in emulator.wallets.items()} == {
        address.lower(): 25.5, "1" * 32: 3.0,
    }  # fmt: skip


def test_limits_are_read() -> None:
    """What is not named stays as documented."""
    assert parse_limits("") == RateLimits()
    assert parse_limits("queue=3, window=9") == RateLimits(queue_per_minute=3, failure_window=9)
    with pytest.raises(ConfigurationError, match="not 'pause=1'"):
        parse_limits("pause=1")
