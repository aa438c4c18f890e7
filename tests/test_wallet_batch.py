"""Small shares of the campaigns about wallets; the whole ones are commands in `benchmarks`."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("eth_account", reason="the extra `wallet` is not installed")

ROOT = Path(__file__).resolve().parents[1]


def assert_right(*words: str) -> None:
    """A campaign that finds nothing wrong."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_a_batch_by_wallet_keeps_to_its_lane() -> None:
    """Each nonce once, five requests in flight at most, one charge and one file for each job."""
    assert_right("benchmarks.wallet_batch", "--jobs", "10", "--time-scale", "100", "--latency", "2")


def test_hostile_offers_move_nothing_above_the_cap() -> None:
    """One by one, a hundred at once, and for a manager with a policy."""
    assert_right("benchmarks.hostile_offers", "offers", "--runs", "40", "--parallel", "2", "--managers", "6")


def test_a_killed_top_up_is_finished_by_the_next_one() -> None:
    """Never two payments at a time, and each credit on record once."""
    assert_right("benchmarks.hostile_offers", "kills", "--top-ups", "3")
