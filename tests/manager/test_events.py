"""Events reach whoever listens."""

import asyncio

import pytest

from venice_async.jobs import JobEvent, JobPolled, JobProgress
from venice_async.manager.events import EventHub, EventStream

pytestmark = pytest.mark.anyio


def polled(job: str = "a") -> JobPolled:
    return JobPolled(job_id=job, key=job, model="m", at=0.0)


def progress(received: int, job: str = "a") -> JobProgress:
    return JobProgress(job_id=job, key=job, model="m", at=0.0, received=received)


async def heard(stream: EventStream) -> list[JobEvent]:
    return [event async for event in stream]


async def test_everybody_hears_what_concerns_them() -> None:
    """One job's listener hears of that job only, the others of all."""
    hub = EventHub()
    everything, of_a, of_b = hub.listen(), hub.listen("a"), hub.listen("b")
    hub.emit(polled("a"))
    hub.emit(polled("b"))
    hub.end()
    assert await heard(everything) == [polled("a"), polled("b")]
    assert await heard(of_a) == [polled("a")]
    assert await heard(of_b) == [polled("b")]


async def test_a_stream_of_one_job_ends_with_it() -> None:
    """What waited is still read; the other streams go on."""
    hub = EventHub()
    of_a, everything = hub.listen("a"), hub.listen()
    hub.emit(polled("a"))
    hub.end_job("a")
    hub.emit(polled("a"))
    hub.end()
    assert await heard(of_a) == [polled("a")]
    assert len(await heard(everything)) == 2


async def test_a_slow_listener_gets_the_latest_progress() -> None:
    """Unread progress is replaced by newer progress of the same job, and by nothing else."""
    hub = EventHub()
    stream = hub.listen()
    for event in (progress(1), progress(2), progress(5, "b"), progress(3), polled(), progress(4)):
        hub.emit(event)
    hub.end()
    assert await heard(stream) == [progress(2), progress(5, "b"), progress(3), polled(), progress(4)]


async def test_a_listener_waits_for_news() -> None:
    """A stream with nothing in it waits and then gives what comes."""
    hub = EventHub()
    listening = asyncio.create_task(heard(hub.listen("a")))
    await asyncio.sleep(0)
    hub.emit(polled())
    await asyncio.sleep(0)
    assert not listening.done()
    hub.end_job("a")
    assert await listening == [polled()]


async def test_a_closed_stream_hears_nothing_more() -> None:
    """Whoever stops listening costs nothing from then on."""
    hub = EventHub()
    stream = hub.listen()
    hub.emit(polled())
    stream.close()
    hub.emit(polled())
    assert await heard(stream) == []


async def test_a_stream_made_after_the_end_is_at_its_end() -> None:
    """Nobody waits for what can never come."""
    hub = EventHub()
    hub.end()
    assert await heard(hub.listen()) == []
    assert await heard(hub.listen("a")) == []
