"""Runs a command's coroutine so that Ctrl-C and SIGTERM end it in order."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 -- a person's wish, not an error
    """The work was ended by a signal, and has cleaned up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end. Raises Stopped after SIGINT or SIGTERM: each cancels the work, which gets to clean up."""
    received: list[int] = []

    async def watched() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: int) -> None:
            received.append(number)
            if task is not None:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has KeyboardInterrupt alone
                loop.add_signal_handler(number, stop, number)
        return await work

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        if not received:
            raise
    raise Stopped(received[0])
