"""The jobs in the order in which they deserve a request, under a price that follows the demand.

Dues wait in a heap. What is due moves to a small ready set, where indices are compared when a permit
is at hand. Price and laws change all the time and dues are not recomputed for it: one that has come
too early corrects itself when it is popped, and a few jobs in turn are looked at for whether theirs
should come earlier. So a decision costs O(log N).
"""

import heapq
import math
from collections import deque
from typing import Final

from venice_async.polling.index import due_age, index
from venice_async.polling.jobs import PolledJob

BLIND_PRICE: Final = 0.022
"""Least price of a request, in seconds of waiting, while a model has no completions: courtesy where nothing presses."""

KNOWN_PRICE: Final = 0.01
"""Least price once its law is known and each request is better aimed."""

PRICE_BAND: Final = 0.7
"""The price aims at this share of what requests turn out to be worth, so that a few jobs are always ready."""

PRICE_RISE: Final = 0.1
PRICE_FALL: Final = 0.6

READY_AT_ONCE: Final = 12
GATHERINGS: Final = 4
REPLANNED_PER_PICK: Final = 3
REPLANNED_ON_FALL: Final = 8

NEARLY: Final = 0.999
"""An index this close to the price has reached it: rounding must not send a job back for a nanosecond."""

PATIENCE: Final = 10.0
"""Seconds past its `ask_by` after which a job counts for twice the price."""


class PollQueue:
    """Which job is worth the next request, and when one will be."""

    def __init__(self) -> None:
        self.price = KNOWN_PRICE
        self.fall_interval = 0.5
        """Seconds between two falls of the price: what one request takes at full rate."""
        self._next_fall = -math.inf
        self._heap: list[tuple[float, int, PolledJob]] = []
        self._ready: list[PolledJob] = []
        self._round: deque[PolledJob] = deque()
        self._tickets = 0

    def add(self, job: PolledJob, now: float) -> None:
        """Take up a job."""
        self._round.append(job)
        self.plan(job, now)

    def plan(self, job: PolledJob, now: float) -> None:
        """Let it wait until its index reaches the price."""
        self.enter(job, self._due(job, now))

    def enter(self, job: PolledJob, due: float) -> None:
        """Let it wait until the instant `due`."""
        self._tickets += 1
        job.ticket = self._tickets
        job.due = due
        heapq.heappush(self._heap, (due, job.ticket, job))
        if len(self._heap) > 2 * len(self._round) + 64:
            self._heap = [entry for entry in self._heap if entry[2].ticket == entry[1]]
            heapq.heapify(self._heap)

    def take(self, now: float) -> PolledJob | None:
        """The job that is worth a request now, taken out of the queue; None where no job is."""
        self._replan_some(now)
        best = self._best(now)
        if best is None and self._lower_price(now):
            best = self._best(now)
        if best is None:
            return None
        worth, job = best
        self._ready.remove(job)
        self._raise_price(job, worth, now)
        self._next_fall = now + self.fall_interval
        return job

    def next_due(self, now: float) -> float:
        """The instant from which `take` may answer other than None; inf where no job waits."""
        if any(_waits(job) for job in self._ready):
            return now
        while self._heap and self._heap[0][2].ticket != self._heap[0][1]:
            heapq.heappop(self._heap)
        if not self._heap:
            return math.inf
        due = self._heap[0][0]
        if self.price > KNOWN_PRICE:
            due = min(due, self._next_fall)
        return max(now, due)

    def _price_for(self, job: PolledJob) -> float:
        return max(self.price, KNOWN_PRICE if job.model.law.completions else BLIND_PRICE)

    def _worth(self, job: PolledJob, now: float) -> float:
        worth = index(job.model.law.hazard, job.seen_hazard(), now - job.began)
        if now < job.ask_by:
            return worth
        return max(worth, self._price_for(job) * (1.0 + (now - job.ask_by) / PATIENCE))

    def _due(self, job: PolledJob, now: float) -> float:
        start = max(now, job.not_before)
        if job.ask_by <= start:
            return start
        since, until = start - job.began, job.ask_by - job.began
        age = due_age(job.model.law.hazard, job.seen_hazard(), since=since, until=until, price=self._price_for(job))
        return max(start, min(job.began + age, job.ask_by))

    def _best(self, now: float) -> tuple[float, PolledJob] | None:
        for _ in range(GATHERINGS):
            self._gather(now)
            best = self._best_ready(now)
            if best is not None or not self._heap or self._heap[0][0] > now:
                return best
        return None

    def _gather(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now and len(self._ready) < READY_AT_ONCE:
            _, ticket, job = heapq.heappop(self._heap)
            if job.ticket != ticket:
                continue
            job.ticket = 0
            if job.model.admits(job):
                self._ready.append(job)
            else:
                job.model.park(job)

    def _best_ready(self, now: float) -> tuple[float, PolledJob] | None:
        """The ready job of greatest index. What had become due under an older price or law is planned anew."""
        best: tuple[float, PolledJob] | None = None
        still_ready: list[PolledJob] = []
        for job in self._ready:
            if not _waits(job):
                continue
            if not job.model.admits(job):
                job.model.park(job)
                continue
            worth = self._worth(job, now)
            if worth < NEARLY * self._price_for(job) and (due := self._due(job, now)) > now:
                self.enter(job, due)
                continue
            still_ready.append(job)
            if best is None or worth > best[0]:
                best = (worth, job)
        self._ready = still_ready
        return best

    def _raise_price(self, job: PolledJob, worth: float, now: float) -> None:
        # Of a job that is surely ready, as after an outage, the index says "at once" and not what requests
        # are worth: no request has ever saved more waiting than the time since the job was last seen.
        worth = min(worth, now - job.began - job.seen)
        self.price += PRICE_RISE * max(0.0, PRICE_BAND * worth - self.price)

    def _lower_price(self, now: float) -> bool:
        """A permit is free and no job is worth it: requests are cheaper than thought. The front is planned anew."""
        if self.price <= KNOWN_PRICE or now < self._next_fall:
            return False
        self._next_fall = now + self.fall_interval
        self.price = max(KNOWN_PRICE, self.price * PRICE_FALL)
        front: list[PolledJob] = []
        while self._heap and len(front) < REPLANNED_ON_FALL:
            _, ticket, job = heapq.heappop(self._heap)
            if job.ticket == ticket:
                front.append(job)
        for job in front:
            self.enter(job, min(job.due, self._due(job, now)))
        return True

    def _replan_some(self, now: float) -> None:
        for _ in range(min(REPLANNED_PER_PICK, len(self._round))):
            job = self._round.popleft()
            if job.gone:
                continue
            self._round.append(job)
            if job.ticket and job.due > now:
                due = self._due(job, now)
                if due < job.due - 0.02 * (job.due - now):
                    self.enter(job, due)


def _waits(job: PolledJob) -> bool:
    """Whether a job in the ready set still is what it was when it came there."""
    return job.ticket == 0 and not (job.in_flight or job.parked or job.gone)
