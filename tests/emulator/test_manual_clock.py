"""Virtual time moves when, and only when, nothing else can."""

import asyncio
import socket
import threading
import time

import pytest

from venice_async.emulator.manual_clock import ManualClock


def test_hours_pass_at_once() -> None:
    """A sleep of a day takes no real time, and the clock says that it passed."""
    clock = ManualClock(start=5.0, wall=1000.0)
    started = time.monotonic()
    clock.run(clock.sleep(86_400.0))
    assert (clock.monotonic(), clock.wall()) == (86_405.0, 87_400.0)
    assert time.monotonic() - started < 60


def test_sleepers_wake_in_order() -> None:
    """The earliest first; at the same instant, whoever went to sleep first."""
    clock = ManualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async def main() -> None:
        await asyncio.gather(sleeper("c", 2.0), sleeper("a", 1.0), sleeper("d", 2.0), sleeper("b", 1.0))

    clock.run(main())
    assert woken == [("a", 1.0), ("b", 1.0), ("c", 2.0), ("d", 2.0)]


def test_time_stands_still_while_something_can_go_on() -> None:
    """A sleeper does not wake before all other work is done."""
    clock = ManualClock()

    async def main() -> float:
        sleeper = asyncio.ensure_future(clock.sleep(1.0))
        for _ in range(1000):
            await asyncio.sleep(0)
        before = clock.monotonic()
        await sleeper
        return before

    assert clock.run(main()) == 0.0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_sleep_is_a_yield(seconds: float) -> None:
    """Sleeping for nothing lets the others run and takes no time."""
    clock = ManualClock()
    seen: list[str] = []

    async def main() -> None:
        other = asyncio.ensure_future(asyncio.to_thread(seen.append, "thread"))
        await clock.sleep(seconds)
        await other

    clock.run(main())
    assert (clock.monotonic(), seen) == (0.0, ["thread"])


def test_work_in_threads_holds_time() -> None:
    """As long as a thread of the executor works, no sleeper wakes."""
    clock = ManualClock()
    release = threading.Event()
    finished_at: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        sleeper = asyncio.ensure_future(clock.sleep(10.0))
        work = loop.run_in_executor(None, release.wait)
        await asyncio.sleep(0.01)  # real time, in which virtual time could run off
        release.set()
        await work
        finished_at.append(clock.monotonic())
        await sleeper

    clock.run(main())
    assert (finished_at, clock.monotonic()) == ([0.0], 10.0)


def test_hold() -> None:
    """Inside `hold` time stands still for work that asyncio does not know of."""
    clock = ManualClock()

    async def main() -> float:
        sleeper = asyncio.ensure_future(clock.sleep(10.0))
        with clock.hold():
            await asyncio.sleep(0.01)  # real time
            held_at = clock.monotonic()
        await sleeper
        return held_at

    assert clock.run(main()) == 0.0


def test_cancelled_sleepers_move_nothing() -> None:
    """A sleep that was cancelled neither wakes anybody nor moves the clock."""
    clock = ManualClock()

    async def main() -> None:
        sleepers = [asyncio.ensure_future(clock.sleep(1.0 + index)) for index in range(500)]
        await asyncio.sleep(0)
        for sleeper in sleepers:
            sleeper.cancel()
        await asyncio.gather(*sleepers, return_exceptions=True)
        await clock.sleep(1000.0)

    clock.run(main())
    assert clock.monotonic() == 1000.0
    assert "0 sleepers" in repr(clock)


def test_cancelled_sleepers_do_not_pile_up() -> None:
    """Racing a long sleep against an event, over and over, keeps the clock's memory small."""
    clock = ManualClock()

    async def main() -> None:
        for _ in range(2000):
            sleeper = asyncio.ensure_future(clock.sleep(1e9))
            await asyncio.sleep(0)
            sleeper.cancel()
            await asyncio.wait([sleeper])

    clock.run(main())
    assert len(clock._sleepers) < 200


def test_a_woken_sleeper_can_be_cancelled() -> None:
    """Cancelled in the very step in which its time has come, it ends as cancelled."""
    clock = ManualClock()

    async def main() -> bool:
        async def first() -> None:
            await clock.sleep(5.0)
            second.cancel()

        task = asyncio.ensure_future(first())
        second = asyncio.ensure_future(clock.sleep(5.0))
        await asyncio.wait([task, second])
        return second.cancelled()

    assert clock.run(main())
    assert clock.monotonic() == 5.0


def test_deadlocks_are_told() -> None:
    """A program that waits for what can never come ends with an error that names the task."""

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match=r"deadlock in virtual time.*waiting: Task-"):
        ManualClock().run(main())


def test_a_thread_of_somebody_elses_may_still_wake_it() -> None:
    """What another thread brings in is waited for, not called a deadlock."""
    clock = ManualClock()

    async def main() -> str:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        threading.Timer(0.01, loop.call_soon_threadsafe, (future.set_result, "late")).start()
        return await future

    assert clock.run(main()) == "late"


def test_sockets_work() -> None:
    """Real input is waited for where nobody sleeps."""
    clock = ManualClock()
    ours, theirs = socket.socketpair()

    async def main() -> bytes:
        reader, writer = await asyncio.open_connection(sock=ours)
        threading.Timer(0.01, theirs.sendall, (b"hello",)).start()
        try:
            return await reader.readexactly(5)
        finally:
            writer.close()

    with theirs:
        assert clock.run(main()) == b"hello"


def test_moving_it_by_hand() -> None:
    """`advance` moves the clock and wakes whoever is due by then."""
    clock = ManualClock()

    async def main() -> list[bool]:
        sleepers = [asyncio.ensure_future(clock.sleep(seconds)) for seconds in (1.0, 3.0)]
        await asyncio.sleep(0)
        clock.advance(2.0)
        for _ in range(3):
            await asyncio.sleep(0)
        done = [sleeper.done() for sleeper in sleepers]
        await asyncio.gather(*sleepers)
        return done

    assert clock.run(main()) == [True, False]
    assert clock.monotonic() == 3.0


def test_errors_come_out() -> None:
    """What the coroutine raises is raised by `run`."""

    async def main() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        ManualClock().run(main())
