"""The ledger's thread: what waits goes there together, and nobody waits for ever."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from venice_async.errors import LedgerError
from venice_async.ledger.groups import Change, Groups

pytestmark = pytest.mark.anyio


class Thread:
    """Notes each group; holds the first one back until it is told to go on."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.free = threading.Event()

    def write_group(self, changes: Sequence[Change]) -> list[Any]:
        self.sizes.append(len(changes))
        self.free.wait(10)
        return [change.call() for change in changes]


def number(value: int) -> Change:
    return Change(lambda: value, writes=True)


@pytest.fixture
async def thread() -> Thread:
    return Thread()


@pytest.fixture
async def groups(thread: Thread) -> AsyncIterator[Groups]:
    groups = Groups()
    groups.write_group = thread.write_group
    yield groups
    thread.free.set()
    await groups.drain()
    groups.close()


async def test_what_waits_goes_together(groups: Groups, thread: Thread) -> None:
    """All that came at the same moment, and then all that came meanwhile; each caller gets its own outcome."""
    first = [asyncio.create_task(groups.call(number(each))) for each in range(5)]
    while not thread.sizes:
        await asyncio.sleep(0)
    later = [asyncio.create_task(groups.call(number(each))) for each in range(5, 12)]
    await asyncio.sleep(0)
    thread.free.set()
    assert await asyncio.gather(*first, *later) == list(range(12))
    assert thread.sizes == [5, 7]


async def test_an_error_among_the_outcomes_is_that_caller_s(groups: Groups, thread: Thread) -> None:
    """The others get what they asked for."""
    thread.free.set()
    answers = await asyncio.gather(
        groups.call(number(1)), groups.call(Change(lambda: LedgerError("No."), writes=True)), return_exceptions=True
    )
    assert answers[0] == 1
    assert isinstance(answers[1], LedgerError)


async def test_a_thread_that_breaks_tells_everybody(groups: Groups) -> None:
    """Each gets an error of its own, and later calls work."""

    def broken(_: Sequence[Change]) -> list[Any]:
        raise ZeroDivisionError

    working, groups.write_group = groups.write_group, broken
    answers = await asyncio.gather(*(groups.call(number(each)) for each in range(3)), return_exceptions=True)
    assert [str(answer)[:35] for answer in answers] == ["The ledger broke: ZeroDivisionError"] * 3
    assert len({id(answer) for answer in answers}) == 3
    groups.write_group = lambda changes: [change.call() for change in changes]
    assert await groups.call(number(7)) == 7
    groups.write_group = working


async def test_a_cancelled_caller_takes_nothing_back(groups: Groups, thread: Thread) -> None:
    """Neither while it waits nor while it is written."""
    done: list[int] = []
    changes = [Change(lambda each=each: done.append(each), writes=True) for each in range(3)]  # type: ignore[misc]
    calls = [asyncio.create_task(groups.call(change)) for change in changes]
    await asyncio.sleep(0)
    calls[0].cancel()
    while not thread.sizes:
        await asyncio.sleep(0)
    calls[1].cancel()
    thread.free.set()
    await calls[2]
    assert done == [0, 1, 2]
    assert calls[0].cancelled()
    assert calls[1].cancelled()


async def test_a_cancelled_caller_of_alone_waits_for_the_thread(groups: Groups) -> None:
    """Whoever cleans up afterwards meets no thread at work, also not after an error."""
    free, done = threading.Event(), []

    def work() -> None:
        free.wait(10)
        done.append(1)
        raise ZeroDivisionError

    calling = asyncio.create_task(groups.alone(work))
    await asyncio.sleep(0)
    for _ in range(3):
        calling.cancel()
        await asyncio.sleep(0)
    assert not calling.done()
    free.set()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert done == [1]


async def test_another_event_loop_is_refused(groups: Groups) -> None:
    """Its futures would never wake anybody."""

    def elsewhere() -> str:
        async def call() -> None:
            await groups.call(number(1))

        with pytest.raises(LedgerError) as error:
            asyncio.run(call())
        return str(error.value)

    assert "another event loop" in await asyncio.to_thread(elsewhere)


async def test_a_thread_that_is_gone_is_told(thread: Thread) -> None:
    """At the interpreter's end no thread takes work any more: callers must hear it and not wait."""
    groups = Groups()
    groups.write_group = thread.write_group
    groups.close()
    answers = await asyncio.gather(*(groups.call(number(each)) for each in range(2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LedgerError, LedgerError]
    with pytest.raises(LedgerError, match="interpreter ends"):
        await groups.alone(int)


def test_a_loop_that_ends_in_the_middle_leaves_no_noise(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    """What the thread was doing is done; nobody is there to be told."""
    thread, groups = Thread(), []

    async def leave() -> None:
        made = Groups()
        made.write_group = thread.write_group
        groups.append(made)
        asyncio.create_task(made.call(number(1)))  # noqa: RUF006 -- dropped on purpose
        while not thread.sizes:
            await asyncio.sleep(0)

    asyncio.run(leave())
    thread.free.set()
    groups[0].close()
    assert isinstance(groups[0]._executor, ThreadPoolExecutor)
    assert not caplog.records
    assert not recwarn.list


def test_asyncio_run_leaves_nobody_waiting() -> None:
    """It cancels every task at its end: a caller that will not be cancelled is answered all the same."""
    thread = Thread()
    answers: list[Any] = []

    async def stubborn(groups: Groups) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            answers.append(await groups.call(number(5)))
            groups.close()

    async def main() -> None:
        groups = Groups()
        groups.write_group = thread.write_group
        asyncio.create_task(stubborn(groups))  # noqa: RUF006 -- for asyncio.run to cancel
        await asyncio.sleep(0)

    thread.free.set()
    asyncio.run(main())
    assert answers == [5]
