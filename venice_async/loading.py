"""Imports of libraries that change the interpreter for everybody when they are loaded."""

import functools
import importlib
import sys
import threading

_TURN = threading.Lock()


@functools.cache
def load(module: str) -> None:
    """Import a module, and leave the interpreter's recursion limit as it was.

    Below eth-account stands a library that raises the limit to 100,000. Under such a limit deeply nested JSON, which
    ends in a RecursionError otherwise, runs over the end of the stack and takes the process with it.

    Raises ImportError where it is missing.
    """
    with _TURN:
        limit = sys.getrecursionlimit()
        try:
            importlib.import_module(module)
        finally:
            sys.setrecursionlimit(limit)
