"""Events to whoever listens: nothing is lost but progress that a slow listener has not read yet."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from venice_async.jobs import JobEvent, JobProgress


class EventStream:
    """Iterate it with `async for`. It holds what happened since it was made and ends when its source is closed."""

    def __init__(self, leave: Callable[["EventStream"], None]) -> None:
        self._leave = leave
        self._waiting: deque[JobEvent] = deque()
        self._news = asyncio.Event()
        self._ended = False

    def put(self, event: JobEvent) -> None:
        """Add an event. Progress replaces an unread progress of the same job that is the latest event."""
        last = self._waiting[-1] if self._waiting else None
        if isinstance(event, JobProgress) and isinstance(last, JobProgress) and last.job_id == event.job_id:
            self._waiting[-1] = event
        else:
            self._waiting.append(event)
        self._news.set()

    def end(self) -> None:
        """No more events will come; what waits can still be read."""
        self._ended = True
        self._news.set()

    def close(self) -> None:
        """Stop listening."""
        self._leave(self)
        self._waiting.clear()
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JobEvent:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()


class EventHub:
    """Hands each event to the streams that listen, to all of it or to one job of it."""

    def __init__(self) -> None:
        self._all: set[EventStream] = set()
        self._by_job: dict[str, set[EventStream]] = {}
        self._ended = False

    def listen(self, job_id: str | None = None) -> EventStream:
        """A new stream, from now on: of one job, or of everything. Once everything is over it is at its end."""
        listeners = self._all if job_id is None else self._by_job.setdefault(job_id, set())
        stream = EventStream(listeners.discard)
        if self._ended:
            stream.end()
        else:
            listeners.add(stream)
        return stream

    def emit(self, event: JobEvent) -> None:
        """Hand an event to everybody who listens."""
        for stream in self._all:
            stream.put(event)
        for stream in self._by_job.get(event.job_id, ()):
            stream.put(event)

    def end_job(self, job_id: str) -> None:
        """The job has come to rest: its own streams end."""
        for stream in self._by_job.pop(job_id, ()):
            stream.end()

    def end(self) -> None:
        """Everything is over."""
        self._ended = True
        for stream in self._all:
            stream.end()
        for job_id in list(self._by_job):
            self.end_job(job_id)
