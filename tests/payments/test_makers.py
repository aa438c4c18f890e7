"""Whether the process that reserved a payment is still there."""

import subprocess
import sys
from pathlib import Path

import pytest

from venice_async.payments import makers
from venice_async.payments.makers import is_gone, this_maker

pytestmark = pytest.mark.skipif(this_maker() is None, reason="this system does not tell processes apart")
_CHILD = (
    "import sys; from venice_async.payments.makers import this_maker; print(this_maker(), flush=True); sys.stdin.read()"
)


def child() -> tuple[subprocess.Popen[str], str]:
    """A process that lives until it is killed, and its name."""
    process = subprocess.Popen([sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_process_is_gone_when_it_was_killed() -> None:
    """Also while nobody has taken note of its end."""
    process, maker = child()
    with process:
        assert not is_gone(maker)
        process.kill()
        process.stdin.close() if process.stdin else None
        with Path(f"/proc/{process.pid}/stat").open() as stat:  # until the system has come to it
            while stat.seek(0) or stat.read().rpartition(")")[2].split()[0] not in "ZX":
                pass
        assert is_gone(maker)
    assert is_gone(maker)


def test_a_number_that_was_given_to_another_process_is_not_the_same() -> None:
    """It began at another instant."""
    system, number, began = (this_maker() or "").split(" ")
    assert not is_gone(f"{system} {number} {began}")
    assert is_gone(f"{system} {number} {int(began) + 1}")


@pytest.mark.parametrize("maker", [None, "", "x", "a b c", "a 1 2 3", "elsewhere/pid:[1] 999999999 1"])
def test_what_is_not_known_here_is_not_thought_to_be_dead(maker: str | None) -> None:
    """Another machine's, another container's, or nobody's."""
    assert not is_gone(maker)


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Has no makers, and no dead ones."""
    maker = this_maker()
    monkeypatch.setattr(makers, "_PROC", tmp_path)
    assert this_maker() is None
    assert not is_gone(maker)
