"""An emulator in a thread of its own, for programs and tests that are not on its event loop."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from venice_async.emulator.emulator import Emulator


@contextlib.contextmanager
def in_background(emulator: Emulator) -> Iterator[Emulator]:
    """Serve the emulator from another thread while the block runs; whatever it raises at the start is raised here."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=_run, args=(emulator, started), name="venice-emulator", daemon=True)
    thread.start()
    try:
        loop, stop = started.result()
        try:
            yield emulator
        finally:
            loop.call_soon_threadsafe(stop.set)
    finally:
        thread.join()


def _run(emulator: Emulator, started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    try:
        asyncio.run(_serve(emulator, started))
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)


async def _serve(emulator: Emulator, started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    stop = asyncio.Event()
    async with emulator:
        started.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
