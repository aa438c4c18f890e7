"""Libraries that change the interpreter are loaded without doing so."""

import subprocess
import sys

import pytest

from venice_async.loading import load

_WAYS_IN = (
    "from venice_async import WalletAuth; WalletAuth('0x' + '11' * 32).address",
    "from venice_async.payments import signing; signing._library()",
    "from venice_async.emulator import signatures; signatures.load()",
    "from venice_async.emulator import signatures; signatures.typed_signer({}, b'')",
)


def _told(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("way", _WAYS_IN)
def test_the_recursion_limit_stays(way: str) -> None:
    """Whoever meets deeply nested JSON afterwards gets a RecursionError, and not the end of the process."""
    code = f"import sys; before = sys.getrecursionlimit()\n{way}\nprint(before, sys.getrecursionlimit())"
    before, after = _told(code).split()
    assert before == after


def test_the_library_does_change_it() -> None:
    """Or this module has no reason any more."""
    before, after = _told(
        "import sys; before = sys.getrecursionlimit(); import eth_account; print(before, sys.getrecursionlimit())"
    ).split()
    assert int(after) > int(before)


def test_a_missing_module_is_an_import_error() -> None:
    """Each time it is asked for."""
    for _ in range(2):
        with pytest.raises(ImportError):
            load("venice_no_such_module")
