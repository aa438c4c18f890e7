"""The ways of polling that the scheduler is compared with: how people write it by hand, and the oracle."""

import heapq
import math
from collections.abc import Mapping


class DueTimes:
    """Jobs in order of the instant at which each wants to be asked; subclasses say when that is."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str]] = []
        self._number = 0

    def add(self, job_id: str, model: str, *, now: float) -> None:
        self.put_back(job_id, now=now, delay=self.first_delay(job_id))

    def pick(self, now: float) -> str | None:
        if not self._heap or self._heap[0][0] > now:
            return None
        return heapq.heappop(self._heap)[2]

    def next_due(self, now: float) -> float:
        return max(now, self._heap[0][0]) if self._heap else math.inf

    def saw_processing(
        self, job_id: str, *, now: float, execution_duration: float | None, average_execution_time: float | None
    ) -> None:
        self.put_back(job_id, now=now, delay=self.next_delay(job_id))

    def saw_finished(self, job_id: str, *, now: float) -> None:
        pass

    def saw_busy(self, job_id: str, *, now: float, retry_after: float | None = None) -> None:
        self.put_back(job_id, now=now, delay=self.next_delay(job_id))

    def put_back(self, job_id: str, *, now: float, delay: float) -> None:
        self._number += 1
        heapq.heappush(self._heap, (now + delay, self._number, job_id))

    def first_delay(self, job_id: str) -> float:
        return self.next_delay(job_id)

    def next_delay(self, job_id: str) -> float:
        raise NotImplementedError


class FixedInterval(DueTimes):
    """Every job, every so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def next_delay(self, job_id: str) -> float:
        return self._seconds


class ExponentialBackoff(DueTimes):
    """Twice as long after each look, up to a cap."""

    def __init__(self, first: float = 2.0, cap: float = 60.0) -> None:
        super().__init__()
        self._first = first
        self._cap = cap
        self._delays: dict[str, float] = {}

    def next_delay(self, job_id: str) -> float:
        delay = self._delays.get(job_id, self._first)
        self._delays[job_id] = min(self._cap, delay * 2)
        return delay


class Oracle(DueTimes):
    """Knows when each job will be ready, and asks exactly then: what no client can do."""

    def __init__(self, durations: Mapping[str, float]) -> None:
        super().__init__()
        self._durations = durations

    def first_delay(self, job_id: str) -> float:
        return self._durations[job_id]

    def next_delay(self, job_id: str) -> float:
        return 1.0
