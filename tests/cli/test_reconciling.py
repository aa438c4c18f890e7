"""`reconcile`: jobs in doubt beside the emulator's books."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.emulator import Emulator
from venice_async.errors import Charge
from venice_async.jobs import JobRecord, JobState
from venice_async.models import VideoRequest
from venice_async.signin import WalletAuth

from .conftest import SCALE, Command
from .ledger_files import MODEL, keep, kept, record

pytestmark = pytest.mark.anyio

ADMIN = {"VENICE_API_KEY": "", "BOOKS_KEY": "admin-key"}
OPTIONS = ("--time-scale", f"{SCALE:g}", "--admin-key-env", "BOOKS_KEY")


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """One whose books name the queue_id of each charge."""
    async with Emulator(time_scale=SCALE, clips="plain", usage_request_ids=True) as running:
        yield running


async def bought(emulator: Emulator) -> None:
    """A charge in the books."""
    request = VideoRequest(model=MODEL, prompt="a quay", duration="6s", aspect_ratio="16:9", resolution="1080p")
    async with VeniceClient("any-key", base_url=emulator.url, clock=SystemClock(speed=SCALE)) as client:
        await client.queue(request)


def doubted(key: str, tmp_path: Path, emulator: Emulator, **changes: Any) -> JobRecord:
    usd = emulator.charges[0].usd if emulator.charges else 1
    facts = {
        "state": JobState.UNKNOWN, "charge": Charge.UNVERIFIED, "queueing_at": time.time(), "attempt": 1,
        "price_usd": usd,
    }  # fmt: skip
    return record(key, tmp_path, **{**facts, **changes})


async def test_a_charge_that_is_found(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """It is told with its amount, and the commands that fit begin with the one that may bring the video home."""
    await bought(emulator)
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("scene", tmp_path, emulator))
    ran = await venice("reconcile", "--ledger", str(path), *OPTIONS, **ADMIN)
    assert ran.code == 0, ran
    lines = ran.out.splitlines()
    assert lines[0] == "scene: charge found"
    assert f"${emulator.charges[0].usd}" in lines[1]
    command = f"venice-async resolve scene --ledger {path}"
    assert lines[2].strip() == f"{command} --queue-id {emulator.jobs[0].queue_id}"
    assert [line.strip() for line in lines[3:]] == [
        f"{command} --charged",
        f"{command} --resubmit  # may be paid twice",
    ]


async def test_reconcile_as_json(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """The finding with its rows, for scripts."""
    await bought(emulator)
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("scene", tmp_path, emulator))
    ran = await venice("reconcile", "--ledger", str(path), *OPTIONS, "--json", **ADMIN)
    (finding,) = ran.json["findings"]
    assert (finding["verdict"], finding["job"]["key"]) == ("charge_found", "scene")
    assert finding["rows"][0]["kind"] == "charge"
    assert finding["rows"][0]["amount_usd"] == float(emulator.charges[0].usd)
    assert len(finding["commands"]) == 3


async def test_nothing_is_decided(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """The ledger stays as it was, and nothing is bought."""
    await bought(emulator)
    path = tmp_path / "kept.sqlite3"
    before = doubted("scene", tmp_path, emulator)
    await keep(path, before)
    await venice("reconcile", "--ledger", str(path), *OPTIONS, **ADMIN)
    assert (await kept(path))["scene"].state is JobState.UNKNOWN
    assert len(emulator.charges) == 1


async def test_too_early(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """While a charge may still appear there is nothing to do but to wait."""
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("scene", tmp_path, emulator, queueing_at=time.time() + 60))
    ran = await venice("reconcile", "--ledger", str(path), *OPTIONS, **ADMIN)
    lines = ran.out.splitlines()
    assert (len(lines), lines[0]) == (2, "scene: too early")


async def test_not_charged(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Where later charges of the ledger are in the books and this one's is not, the job was most likely not taken."""
    await bought(emulator)
    path = tmp_path / "kept.sqlite3"
    now = time.time()
    later = doubted(
        "later", tmp_path, emulator, state=JobState.QUEUED, charge=Charge.CHARGED, queueing_at=now - 1, queue_id="q"
    )
    await keep(path, doubted("scene", tmp_path, emulator, queueing_at=now - 1000), later)
    ran = await venice("reconcile", "--ledger", str(path), *OPTIONS, "--json", **ADMIN)
    (finding,) = ran.json["findings"]
    assert (finding["verdict"], finding["settled"]) == ("nothing_found", True)
    assert finding["commands"][0].endswith("--not-charged")


async def test_several_jobs_for_one_charge(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """All the ways out are shown: only a person can tell."""
    await bought(emulator)
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("a", tmp_path, emulator), doubted("b", tmp_path, emulator))
    ran = await venice("reconcile", "--ledger", str(path), *OPTIONS, "--json", **ADMIN)
    assert [finding["verdict"] for finding in ran.json["findings"]] == ["ambiguous", "ambiguous"]
    assert len(ran.json["findings"][0]["commands"]) == 4


async def test_a_key_that_may_not_read_the_books(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Exit code 1, and what kind of key it takes; the key itself is in no message."""
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("scene", tmp_path, emulator))
    ran = await venice("reconcile", "--ledger", str(path), VENICE_API_KEY="plain-canary")
    assert (ran.code, "admin key" in ran.err, "plain-canary" in ran.err) == (1, True, False), ran


async def test_no_key_at_all(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Exit code 2, before anything is sent."""
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("scene", tmp_path, emulator))
    ran = await venice("reconcile", "--ledger", str(path), "--admin-key-env", "BOOKS_KEY")
    assert (ran.code, ran.err) == (2, "venice-async: The environment variable BOOKS_KEY holds no key.\n")
    assert (await venice("reconcile", "--ledger", str(path), VENICE_API_KEY="")).code == 2
    assert not emulator.requests


async def test_nothing_in_doubt(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Then no server is asked, and no key needed."""
    path = tmp_path / "kept.sqlite3"
    await keep(path, record("done", tmp_path, state=JobState.FAILED))
    ran = await venice("reconcile", "--ledger", str(path), VENICE_API_KEY="")
    assert (ran.code, ran.err) == (0, "There is no job whose outcome is unknown.\n")
    assert not emulator.requests


WALLET_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


async def test_a_wallet_needs_no_admin_key(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """It reads its own transactions; what was charged to it is found."""
    wallet = emulator.wallets[ADDRESS]
    wallet.top_up(Decimal(25), at=emulator.now(), wall=time.time())
    request = VideoRequest(model=MODEL, prompt="a quay", duration="6s", aspect_ratio="16:9", resolution="1080p")
    auth, clock = WalletAuth(WALLET_KEY), SystemClock(speed=SCALE)
    async with VeniceClient(auth=auth, base_url=emulator.url, clock=clock) as client:
        await client.queue(request)
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("scene", tmp_path, emulator))
    options = ("--time-scale", f"{SCALE:g}", "--ledger", str(path))
    ran = await venice("reconcile", *options, VENICE_API_KEY="", VENICE_WALLET_KEY=WALLET_KEY)
    assert (ran.code, ran.err) == (0, ""), ran
    assert ran.out.splitlines()[0] == "scene: charge found"
    assert f"--queue-id {emulator.jobs[0].queue_id}" in ran.out
    assert "usage" not in {record.endpoint for record in emulator.requests}


async def test_neither_key_nor_wallet(venice: Command, emulator: Emulator, tmp_path: Path) -> None:
    """Exit code 2, and both ways in are named."""
    path = tmp_path / "kept.sqlite3"
    await keep(path, doubted("scene", tmp_path, emulator))
    ran = await venice("reconcile", "--ledger", str(path), VENICE_API_KEY="")
    assert (ran.code, "VENICE_API_KEY" in ran.err, "VENICE_WALLET_KEY" in ran.err) == (2, True, True)
    assert not emulator.requests
