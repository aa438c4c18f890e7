"""A second process on the same ledger, as the tests see it."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


class Neighbour:
    """Tells an owner process what to do, and gives its answer."""

    def __init__(self, path: Path) -> None:
        script = Path(__file__).with_name("owner_process.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read()

    def tell(self, order: str) -> str:
        """Its answer to an order."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(f"{order}\n")
        stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        """As the kernel does when memory runs out: nothing of the process runs any more."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """As Ctrl-Z does: it lives and does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """As `fg` does."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """No process and no pipe is left behind."""
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def neighbour(path: Path) -> Iterator[Neighbour]:
    """An owner process that has joined."""
    other = Neighbour(path)
    try:
        yield other
    finally:
        other.close()
