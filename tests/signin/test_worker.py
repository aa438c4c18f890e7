"""The thread that signs."""

import asyncio
import gc
import threading
import weakref

import pytest

from venice_async.emulator import ManualClock
from venice_async.signin import WalletAuth
from venice_async.signin.worker import Worker

pytestmark = pytest.mark.anyio

KEY = f"{7:064x}"


async def test_what_it_runs_returns_or_raises() -> None:
    """As if it were called here, in another thread."""
    worker = Worker()
    assert await worker.run(int, "17", base=10) == 17
    assert await worker.run(threading.current_thread) is not threading.main_thread()
    with pytest.raises(ZeroDivisionError):
        await worker.run(divmod, 1, 0)


async def test_all_in_the_order_of_asking() -> None:
    """More than are handed over at a time."""
    worker, done = Worker(), list[int]()
    await asyncio.gather(*(worker.run(done.append, number) for number in range(50)))
    assert done == list(range(50))


async def test_a_cancelled_one_makes_room() -> None:
    """Also one that waits for its turn, and one whose work has begun."""
    worker, begun, go = Worker(), threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        go.wait(30)

    tasks = [asyncio.ensure_future(worker.run(block)) for _ in range(20)]
    await asyncio.get_running_loop().run_in_executor(None, begun.wait, 30)
    for task in tasks:
        task.cancel()
    assert all(isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*tasks, return_exceptions=True))
    go.set()
    assert await worker.run(int, "3") == 3


def test_two_loops_at_the_same_time() -> None:
    """Each in a thread of its own: what one waits for does not trouble the other."""
    worker, found = Worker(), list[int]()

    async def many() -> None:
        found.extend(await asyncio.gather(*(worker.run(int, "1") for _ in range(300))))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 600


def test_the_thread_ends_with_its_wallet() -> None:
    """Nobody has to close it."""
    before = set(threading.enumerate())
    auth = WalletAuth(KEY)
    asyncio.run(_sign(auth))
    (thread,) = (one for one in set(threading.enumerate()) - before if one.name.startswith("venice-wallet"))
    gone = weakref.ref(auth._worker._executor)  # type: ignore[arg-type]
    del auth
    gc.collect()
    assert gone() is None
    thread.join(30)
    assert not thread.is_alive()


async def _sign(auth: WalletAuth) -> None:
    await auth.headers()


def test_virtual_time_stands_still_while_it_signs() -> None:
    """A sign-in takes no time of a test's clock."""
    clock = ManualClock()
    auth = WalletAuth(KEY, wall=clock.wall)

    async def main() -> float:
        sleeper = asyncio.ensure_future(clock.sleep(1000))
        await asyncio.gather(*(auth.headers() for _ in range(20)))
        before = clock.monotonic()
        await sleeper
        return before

    assert clock.run(main()) == 0.0
