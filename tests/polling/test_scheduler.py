"""PollScheduler: which job to ask about next, and when."""

import itertools
import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venice_async.polling.scheduler import FIRST_LOOK, LONGEST_SILENCE, SHORTEST_GAP, PollScheduler

MODELS = {"quick": 8.0, "middling": 45.0, "long": 145.0}


def scheduler() -> PollScheduler:
    return PollScheduler(rng=random.Random(1))


def processing(polls: PollScheduler, job_id: str, *, now: float, age: float | None = None, hint: float = 100.0) -> None:
    polls.saw_processing(job_id, now=now, execution_duration=now if age is None else age, average_execution_time=hint)


def ask(polls: PollScheduler, now: float) -> tuple[str, float]:
    """Go on from due instant to due instant until a job is named; returns it and the instant."""
    for _ in range(1000):
        now = max(now, polls.next_due(now))
        job_id = polls.pick(now)
        if job_id is not None:
            return job_id, now
    raise AssertionError("nobody was ever due")


class Play:
    """A world in which each job is ready after a known time, with one permit every half second."""

    def __init__(self, polls: PollScheduler, *, jobs: int, seed: int) -> None:
        rng = random.Random(seed)
        self.polls = polls
        self.requests = 0
        self.lags: list[float] = []
        self.asked: dict[str, list[float]] = {}
        self._coming = [
            (1.5 * number, f"job-{number}", rng.choice(list(MODELS)), rng.gauss(0.0, 0.3)) for number in range(jobs)
        ]
        self._ready: dict[str, tuple[float, float, float]] = {}

    def run(self) -> "Play":
        now, wanted = 0.0, len(self._coming)
        while len(self.lags) < wanted:
            while self._coming and self._coming[0][0] <= now:
                queued, job_id, model, z = self._coming.pop(0)
                self._ready[job_id] = (queued, queued + MODELS[model] * math.exp(z - 0.25), MODELS[model])
                self.polls.add(job_id, model, now=queued)
            job = self.polls.pick(now)
            if job is not None:
                self._answer(job, now)
            arrival = self._coming[0][0] if self._coming else math.inf
            now = max(now + 0.5, min(self.polls.next_due(now + 0.5), arrival))
        return self

    def _answer(self, job_id: str, now: float) -> None:
        self.requests += 1
        self.asked.setdefault(job_id, []).append(now)
        queued, ready, hint = self._ready[job_id]
        if now >= ready:
            self.lags.append(now - ready)
            self.polls.saw_finished(job_id, now=now)
        else:
            processing(self.polls, job_id, now=now, age=now - queued, hint=hint)


def test_every_job_comes_home_soon_and_with_few_requests() -> None:
    """Sixty mixed jobs at full pace: a mean lag of seconds, not of poll intervals."""
    play = Play(scheduler(), jobs=60, seed=5).run()
    assert len(play.lags) == 60
    assert sum(play.lags) / 60 < 3.0
    assert max(play.lags) < 40.0
    assert len(play.polls) == 0


def test_no_job_is_asked_twice_within_the_shortest_gap_or_forgotten() -> None:
    """Between two requests about one job lie at least half a second and never much over the longest silence."""
    play = Play(scheduler(), jobs=40, seed=6).run()
    gaps = [later - earlier for asked in play.asked.values() for earlier, later in itertools.pairwise(asked)]
    assert min(gaps) >= SHORTEST_GAP
    assert max(gaps) < 2.5 * LONGEST_SILENCE


def test_what_was_learned_saves_waiting_or_requests() -> None:
    """A second batch, by a scheduler that loaded what the first one learned, costs less of both together."""
    first = Play(scheduler(), jobs=60, seed=7).run()
    learned = json.loads(json.dumps(first.polls.export()))
    cold = [Play(scheduler(), jobs=6, seed=seed).run() for seed in range(20, 40)]
    warm = []
    for seed in range(20, 40):
        polls = scheduler()
        polls.load(learned)
        warm.append(Play(polls, jobs=6, seed=seed).run())

    def cost(plays: list[Play]) -> float:
        return sum(play.requests for play in plays) * sum(sum(play.lags) for play in plays)

    assert cost(warm) < 0.95 * cost(cold)


def test_the_same_seed_gives_the_same_run() -> None:
    """Chance is an argument: nothing else decides."""
    one, other = (Play(scheduler(), jobs=20, seed=9).run() for _ in range(2))
    assert one.asked == other.asked


def test_the_first_job_of_an_unknown_model_is_asked_early() -> None:
    """Its answer brings the hint that the others need; they are not asked yet."""
    polls = scheduler()
    polls.add("a", "new", now=0.0)
    polls.add("b", "new", now=0.0)
    assert ask(polls, 0.0) == ("a", FIRST_LOOK)
    processing(polls, "a", now=2.0, hint=400.0)
    assert ask(polls, 2.0)[1] > 10.0


def test_a_job_in_flight_is_not_picked_again() -> None:
    """Until something was told of it."""
    polls = scheduler()
    polls.add("a", "m", now=0.0)
    assert polls.pick(2.0) == "a"
    assert polls.pick(100.0) is None
    assert polls.next_due(100.0) == math.inf
    polls.put_back("a", now=100.0, delay=5.0)
    assert polls.pick(104.9) is None
    assert polls.pick(105.0) == "a"


def test_a_restart_takes_the_jobs_age_into_account() -> None:
    """A job that was queued long before this process is asked at once."""
    polls = scheduler()
    polls.load(
        {"version": 1, "laws": [{"model": "m", "variant": "", "hint": 60.0, "deaths": [0.0], "exposure": [1.0]}]}
    )
    polls.add("old", "m", now=1000.0, age=120.0)
    polls.add("young", "m", now=1000.0)
    assert polls.next_due(1000.0) <= 1000.0 + SHORTEST_GAP
    assert ask(polls, 1000.0)[0] == "old"


def test_the_servers_execution_duration_corrects_the_age() -> None:
    """A job that waited at the server before it started is not asked as if it had run all the time."""
    polls = scheduler()
    for job_id in ("waited", "ran"):
        polls.add(job_id, "m", now=0.0)
        assert ask(polls, 0.0)[0] == job_id
        processing(polls, job_id, now=80.0, age=1.0 if job_id == "waited" else 80.0, hint=100.0)
    waited, ran = polls.eta("waited", now=80.0), polls.eta("ran", now=80.0)
    assert waited is not None
    assert ran is not None
    assert waited.p50 > ran.p50 + 20.0


def test_three_busy_answers_suspend_a_model_and_no_other() -> None:
    """The model is asked one probe at a time, each time another job; a good answer wakes all."""
    polls = scheduler()
    for number in range(10):
        polls.add(f"busy-{number}", "busy", now=0.0, age=500.0)
    now = 0.0
    for _ in range(3):
        job_id, now = ask(polls, now)
        polls.saw_busy(job_id, now=now)
    polls.add("well", "well", now=now, age=500.0)
    probes = []
    for _ in range(4):
        job_id, now = ask(polls, now)
        if job_id == "well":
            polls.saw_finished(job_id, now=now)
            continue
        assert polls.pick(now) in {None, "well"}
        probes.append((job_id, now))
        polls.saw_busy(job_id, now=now)
    assert len({job_id for job_id, _ in probes}) == len(probes) >= 3
    assert all(later - earlier > 0.8 for (_, earlier), (_, later) in itertools.pairwise(probes))
    job_id, now = ask(polls, now)
    polls.saw_finished(job_id, now=now)
    woken = [polls.pick(now) for _ in range(9)]
    assert None not in woken


def test_probes_keep_coming_at_most_five_seconds_apart() -> None:
    """However long the outage, its end is noticed soon."""
    polls = scheduler()
    for number in range(3):
        polls.add(f"job-{number}", "m", now=0.0, age=500.0)
    now, asked = 0.0, []
    for _ in range(30):
        job_id, now = ask(polls, now)
        asked.append(now)
        polls.saw_busy(job_id, now=now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked[5:])]
    assert max(gaps) < 6.0
    assert min(gaps) > 1.0


def test_a_suspended_model_outlives_its_probe() -> None:
    """When the probe is discarded another job takes its place, also one that comes later."""
    polls = scheduler()
    for number in range(3):
        polls.add(f"job-{number}", "m", now=0.0, age=500.0)
    now = 0.0
    for _ in range(4):
        job_id, now = ask(polls, now)
        polls.saw_busy(job_id, now=now)
    while len(polls):
        job_id, now = ask(polls, now)
        polls.discard(job_id)
    polls.add("late", "m", now=now)
    assert ask(polls, now)[0] == "late"


def test_one_job_that_is_always_busy_does_not_hold_up_the_others() -> None:
    """Probing rotates, so the others' good answers end the suspension."""
    polls = scheduler()
    for job_id in ("bad", "b", "c"):
        polls.add(job_id, "m", now=0.0, age=500.0)
    now = 0.0
    for _ in range(40):
        job_id, now = ask(polls, now)
        if job_id == "bad":
            polls.saw_busy(job_id, now=now)
        else:
            polls.saw_finished(job_id, now=now)
        if len(polls) == 1:
            break
    assert len(polls) == 1
    assert now < 20.0


def test_retry_after_is_honoured() -> None:
    """The server's own word is a lower bound, within reason."""
    polls = scheduler()
    polls.add("a", "m", now=0.0)
    _, now = ask(polls, 0.0)
    polls.saw_busy("a", now=now, retry_after=20.0)
    assert ask(polls, now)[1] >= now + 20.0
    polls.saw_busy("a", now=50.0, retry_after=1e9)
    assert polls.next_due(50.0) <= 50.0 + 120.0


def test_failures_teach_nothing_about_durations() -> None:
    """Ten jobs that failed after a second do not make the others be asked after a second."""
    polls = scheduler()
    polls.add("a", "m", now=0.0)
    ask(polls, 0.0)
    processing(polls, "a", now=2.0, hint=100.0)
    before = polls.eta("a", now=2.0)
    for number in range(10):
        polls.add(f"failed-{number}", "m", now=2.0)
        polls.saw_failed(f"failed-{number}", now=3.0)
    assert polls.eta("a", now=2.0) == before
    assert len(polls) == 1


def test_a_finished_job_leaves_and_late_answers_are_ignored() -> None:
    """An answer may arrive after its job was discarded."""
    polls = scheduler()
    polls.add("a", "m", now=0.0)
    assert "a" in polls
    polls.saw_finished("a", now=5.0)
    assert "a" not in polls
    polls.saw_finished("a", now=6.0)
    polls.saw_failed("a", now=6.0)
    polls.saw_busy("a", now=6.0)
    polls.put_back("a", now=6.0, delay=1.0)
    polls.discard("a")
    processing(polls, "a", now=6.0)
    assert polls.eta("a", now=6.0) is None
    assert polls.eta_all(now=6.0) is None
    assert polls.next_due(6.0) == math.inf


def test_adding_twice_changes_nothing() -> None:
    """The same job id is one job."""
    polls = scheduler()
    polls.add("a", "m", now=0.0)
    polls.add("a", "m", now=1.0)
    assert len(polls) == 1
    polls.discard("a")
    assert polls.next_due(1.0) == math.inf


def test_etas_are_ordered_and_the_last_is_the_latest() -> None:
    """The median comes before the 90th percentile, and the set ends no earlier than each of its jobs."""
    polls = scheduler()
    for job_id, age in (("a", 0.0), ("b", 50.0)):
        polls.add(job_id, "m", now=100.0, age=age)
    one, everything = polls.eta("a", now=100.0), polls.eta_all(now=100.0)
    assert one is not None
    assert everything is not None
    assert 0.0 < one.p50 < one.p90
    assert everything.p50 >= one.p50 - 1e-6


def test_a_variant_begins_with_its_siblings_hint() -> None:
    """What the server said of one variant saves the early look at the next."""
    polls = scheduler()
    polls.add("a", "m", now=0.0, variant="5s")
    ask(polls, 0.0)
    processing(polls, "a", now=2.0, hint=400.0)
    polls.discard("a")
    polls.add("b", "m", now=2.0, variant="10s")
    assert ask(polls, 2.0)[1] > 12.0


@pytest.mark.parametrize(
    "garbage",
    [{}, {"version": 99, "laws": [1]}, {"version": 1, "laws": None}, {"version": 1, "laws": [None, {"model": 3}]}],
)
def test_garbage_is_not_loaded(garbage: dict[str, Any]) -> None:
    """What is not an export, or of another version, is passed over."""
    polls = scheduler()
    polls.load(garbage)
    assert polls.export() == {"version": 1, "laws": []}


@pytest.mark.parametrize("per_minute", [0.0, -1.0, math.inf, math.nan])
def test_a_senseless_rate_is_refused(per_minute: float) -> None:
    """The check refuses."""
    with pytest.raises(ValueError, match="per_minute"):
        PollScheduler(retrieve_per_minute=per_minute)


def test_repr_is_an_instrument() -> None:
    """Jobs, requests in flight, suspended models and the price in one line."""
    polls = scheduler()
    polls.add("a", "m", now=0.0)
    polls.pick(2.0)
    assert repr(polls).startswith("<PollScheduler 1 jobs, 1 in flight, 0/1 models suspended, price 0.01")


@given(
    steps=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5), st.floats(0.0, 200.0)), max_size=80),
    figures=st.tuples(st.none() | st.floats(), st.none() | st.floats()),
)
@settings(max_examples=150, deadline=None)
def test_any_walk_keeps_the_promises(
    steps: list[tuple[int, int, float]], figures: tuple[float | None, float | None]
) -> None:
    """Whatever happens: no job in flight twice, no standing still, nobody starves, time never runs backwards."""
    polls, now, in_flight = scheduler(), 0.0, set[str]()
    for kind, number, seconds in steps:
        job_id = f"job-{number}"
        now += seconds if kind == 0 else 0.01
        if kind == 1:
            polls.add(job_id, f"model-{number % 2}", now=now, age=seconds)
        elif kind == 2:
            picked = polls.pick(now)
            assert picked not in in_flight
            in_flight |= {picked} if picked else set()
        elif kind == 3:
            polls.saw_processing(job_id, now=now, execution_duration=figures[0], average_execution_time=figures[1])
        elif kind == 4:
            polls.saw_busy(job_id, now=now, retry_after=figures[0])
        elif kind == 5:
            polls.saw_finished(job_id, now=now)
        elif kind == 6:
            polls.put_back(job_id, now=now, delay=seconds)
        elif kind == 7:
            polls.discard(job_id)
        if kind >= 3:
            in_flight.discard(job_id)
        assert polls.next_due(now) >= now
    waiting = len(polls) - len(in_flight)
    for _ in range(waiting):
        job_id, now = ask(polls, now)
        assert job_id not in in_flight
        polls.saw_finished(job_id, now=now)
    assert len(polls) == len(in_flight)


def test_a_thousand_waiting_jobs_cost_little_to_choose_from() -> None:
    """A decision looks at a bounded number of jobs, however many wait."""
    polls = scheduler()
    for number in range(1000):
        polls.add(f"job-{number}", "m", now=0.0, age=300.0)
    looked: list[int] = []
    for step in range(20):
        job_id = polls.pick(0.5 + step * 0.5)
        assert job_id is not None
        looked.append(len(polls._queue._ready))
        polls.saw_finished(job_id, now=0.5 + step * 0.5)
    assert max(looked) <= 12
