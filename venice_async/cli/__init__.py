"""The command line: the only part of the package that prints. Start it with `main`."""

import importlib.util
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; without `arguments` those of this process.

    0: all that was asked is done. 1: it is not. 2: the command line or a setting is wrong, and nothing
    was sent. 130 and 143: stopped by Ctrl-C or SIGTERM.
    """
    missing = [name for name in ("cyclopts", "rich") if importlib.util.find_spec(name) is None]
    if missing:
        needed = " and ".join(missing)
        sys.stderr.write(f"venice-async: the command line needs {needed}: pip install 'venice-async[cli]'\n")
        return 2
    from venice_async.cli.app import run_app

    return run_app(sys.argv[1:] if arguments is None else list(arguments))
