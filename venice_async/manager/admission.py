"""Which job is queued next: in the order of submission, at the account's pace, a few paid calls at a time."""

import heapq
import itertools
import math
from collections import deque

MAX_PAID_IN_FLIGHT = 3
"""A crash leaves as many outcomes unknown as paid calls were in flight; 40 a minute need no more than three."""


class Admission:
    """Jobs that wait for their paid call. Pure: `now` is monotonic seconds of the caller's clock."""

    def __init__(self) -> None:
        self._line: deque[str] = deque()
        self._delayed: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._waiting: set[str] = set()
        self._in_flight = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, job_id: str) -> None:
        """Put a job at the end of the line."""
        self._waiting.add(job_id)
        self._line.append(job_id)

    def put_back(self, job_id: str, *, now: float, delay: float) -> None:
        """A job whose call was certainly not processed: before the line again, after the delay."""
        self._waiting.add(job_id)
        heapq.heappush(self._delayed, (now + delay, next(self._order), job_id))

    def discard(self, job_id: str) -> None:
        """A job that must not be sent any more; nothing happens where it does not wait."""
        self._waiting.discard(job_id)

    def clear(self) -> list[str]:
        """Take everything out of the line."""
        entries = (*(entry[2] for entry in sorted(self._delayed)), *self._line)
        taken = [job_id for job_id in dict.fromkeys(entries) if job_id in self._waiting]
        self._line.clear()
        self._delayed.clear()
        self._waiting.clear()
        return taken

    def wait(self, now: float) -> float:
        """Seconds until `pick` may give a job, as far as this line knows; infinity: not before something changes."""
        self._drop_gone()
        if self._in_flight >= MAX_PAID_IN_FLIGHT:
            return math.inf
        if self._line:
            return 0.0
        return max(0.0, self._delayed[0][0] - now) if self._delayed else math.inf

    def pick(self, now: float) -> str | None:
        """Take the next job for its paid call; `done` must follow."""
        self._drop_gone()
        if self._in_flight >= MAX_PAID_IN_FLIGHT:
            return None
        if self._delayed and self._delayed[0][0] <= now:
            job_id = heapq.heappop(self._delayed)[2]
        elif self._line:
            job_id = self._line.popleft()
        else:
            return None
        self._waiting.discard(job_id)
        self._in_flight += 1
        return job_id

    def done(self) -> None:
        """A paid call has ended, however it did."""
        self._in_flight -= 1

    def _drop_gone(self) -> None:
        while self._line and self._line[0] not in self._waiting:
            self._line.popleft()
        while self._delayed and self._delayed[0][2] not in self._waiting:
            heapq.heappop(self._delayed)
