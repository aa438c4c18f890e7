"""The budgets: what the server allows, kept on our side."""

import heapq
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venice_async.limits import AccountGate, FailureBudget, Permit, RateHeaders, RateLimits, RequestBudget, RetryBudget


@pytest.mark.parametrize("name", ["queue_per_minute", "retrieve_per_minute", "failures", "failure_window"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_limits_must_be_positive_and_finite(name: str, value: Any) -> None:
    """Each validator refuses."""
    with pytest.raises(ValueError, match=name):
        RateLimits(**{name: value})


def spend(budget: RequestBudget, *, seconds: float, latency: random.Random, worst: float) -> list[float]:
    """Send as fast as the budget allows; returns the instants at which the server counted, each before its answer."""
    now = 0.0
    counted: list[float] = []
    replies: list[tuple[float, int, Permit]] = []
    while now < seconds:
        while replies and replies[0][0] <= now:
            at, _, permit = heapq.heappop(replies)
            budget.settle(permit, at)
        wait = budget.wait(now)
        if wait <= 0:
            there, back = latency.uniform(0.0, worst), latency.uniform(0.0, worst)
            counted.append(now + there)
            heapq.heappush(replies, (now + there + back, len(counted), budget.take(now)))
            continue
        now = min(now + wait, replies[0][0]) if replies else now + wait
    return sorted(counted)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    worst=st.sampled_from([0.0, 0.05, 1.0, 20.0]),
    limit=st.integers(1, 60),
    burst=st.integers(1, 200),
)
def test_no_window_of_the_server_ever_sees_more_than_the_limit(seed: int, worst: float, limit: int, burst: int) -> None:
    """Whatever the latency: any 60 seconds of the server's own counting hold at most `limit` requests."""
    budget = RequestBudget(limit, burst=burst, start=burst)
    counted = spend(budget, seconds=400.0, latency=random.Random(seed), worst=worst)
    assert counted
    for first, later in zip(counted, counted[limit:], strict=False):
        assert later - first >= 60.0


def test_the_full_limit_is_used_with_an_ordinary_network() -> None:
    """Keeping clear of the limit costs at most two requests a minute."""
    budget = RequestBudget(120, burst=6)
    counted = spend(budget, seconds=600.0, latency=random.Random(1), worst=0.05)
    assert len(counted) >= 118 * 10


def test_it_starts_with_few_tokens() -> None:
    """A previous process may have used up the limit: the first request goes alone."""
    budget = RequestBudget(120, burst=6)
    assert budget.wait(0.0) == 0.0
    budget.take(0.0)
    assert budget.wait(0.0) == pytest.approx(0.5)


def test_saved_tokens_may_go_at_once_but_no_more_than_burst() -> None:
    """After a pause as many as `burst` leave together."""
    budget = RequestBudget(120, burst=3)
    budget.wait(0.0)
    sent = 0
    while budget.wait(100.0) == 0.0:
        budget.take(100.0)
        sent += 1
    assert sent == 3


def test_a_permit_counts_until_a_window_after_its_answer() -> None:
    """A slow answer keeps its permit: the server may have counted the request at the very end."""
    budget = RequestBudget(1, burst=1)
    permit = budget.take(0.0)
    assert budget.used(500.0) == 1
    assert 0.0 < budget.wait(500.0) <= 1.0
    budget.settle(permit, 500.0)
    budget.settle(permit, 900.0)
    assert budget.wait(500.0) == pytest.approx(60.25)
    assert budget.used(560.3) == 0


def test_a_block_stops_everything_and_the_longer_one_stands() -> None:
    """After a 429 nothing is sent before the announced instant."""
    budget = RequestBudget(120, burst=6)
    budget.block(30.0)
    budget.block(10.0)
    assert budget.wait(0.0) == 30.0
    assert budget.wait(30.0) == 0.0


def test_the_servers_limit_is_adopted_in_both_directions() -> None:
    """A lower or higher limit in the headers replaces the configured one."""
    budget = RequestBudget(120, burst=6)
    for limit in (10, 500):
        budget.learn(RateHeaders(limit=limit), 0.0)
        assert budget.limit == limit


def test_the_first_answer_shows_what_the_previous_process_used() -> None:
    """After a restart the rest of the minute is shared with our own past, which fades away within it."""
    budget = RequestBudget(120, burst=6)
    budget.settle(budget.take(0.0), 0.1)
    budget.learn(RateHeaders(limit=120, remaining=20), 0.1)
    assert budget.available(0.1) <= 21
    assert budget.available(60.2) == 120


def test_when_nothing_remains_nothing_is_sent_for_a_while() -> None:
    """The server's own count outranks ours."""
    budget = RequestBudget(120, burst=6)
    budget.settle(budget.take(0.0), 0.1)
    budget.learn(RateHeaders(limit=120, remaining=0), 0.1)
    assert budget.wait(2.0) > 0.0


@pytest.mark.parametrize("wrong", [{"per_minute": 0}, {"burst": 0}, {"window": 0.0}, {"window": math.inf}])
def test_a_senseless_budget_is_refused(wrong: dict[str, Any]) -> None:
    """Each check refuses."""
    given_: dict[str, Any] = {"per_minute": 10, "burst": 2, **wrong}
    with pytest.raises(ValueError, match="must be"):
        RequestBudget(given_.pop("per_minute"), **given_)


def test_failures_and_requests_in_flight_together_stay_clear_of_the_block() -> None:
    """With 20 allowed, failures plus requests that may yet fail are at most 17."""
    budget = FailureBudget()
    assert budget.may_send(0.0, 16)
    assert not budget.may_send(0.0, 17)
    for number in range(5):
        budget.failed(number * 0.1)
    assert budget.may_send(1.0, 11)
    assert not budget.may_send(1.0, 12)
    assert budget.wait(1.0, 12) == pytest.approx(30.0)
    assert budget.may_send(31.5, 16)


def test_an_outage_costs_one_probe_at_a_time() -> None:
    """After six failures in a row the next request waits 2.5 s, and goes alone; one success ends that."""
    budget = FailureBudget()
    for _ in range(6):
        budget.failed(10.0)
    assert budget.wait(10.0, 0) == pytest.approx(2.5)
    assert budget.may_send(12.5, 0)
    assert not budget.may_send(12.5, 1)
    budget.succeeded(12.6)
    assert budget.may_send(12.6, 1)


def test_an_endless_outage_never_reaches_the_block() -> None:
    """Sending whenever it is allowed, for ten minutes of failures: no 30 s hold more than 20."""
    budget, now, failed = FailureBudget(), 0.0, []
    while now < 600.0:
        wait = budget.wait(now, 0)
        if wait <= 0:
            failed.append(now)
            budget.failed(now)
        now += max(wait, 0.01)
    assert len(failed) > 100
    assert all(later - first > 30.0 for first, later in zip(failed, failed[20:], strict=False))


def test_a_lock_is_waited_out() -> None:
    """ "Too many failed attempts" stops everything for 30.5 s."""
    budget = FailureBudget()
    budget.blocked(100.0)
    assert budget.wait(100.0, 0) == pytest.approx(30.5)
    assert budget.may_send(130.5, 0)


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"window": 0.0}, {"window": math.nan}])
def test_a_senseless_failure_budget_is_refused(wrong: dict[str, Any]) -> None:
    """Each check refuses."""
    with pytest.raises(ValueError, match="must be"):
        FailureBudget(**wrong)


def test_retries_stop_when_nothing_succeeds() -> None:
    """A hundred tokens pay for twenty retries, or ten after timeouts; successes earn them back."""
    budget = RetryBudget()
    assert sum(budget.spend() for _ in range(50)) == 20
    for _ in range(10):
        budget.succeeded()
    assert budget.spend(timed_out=True)
    assert not budget.spend()


def test_the_bucket_does_not_overflow() -> None:
    """Long success saves no more than a hundred tokens."""
    budget = RetryBudget()
    for _ in range(1000):
        budget.succeeded()
    assert sum(budget.spend(timed_out=True) for _ in range(50)) == 10


def test_an_account_refusal_closes_the_gate_for_all_but_one_probe() -> None:
    """Closed at once; one probe per minute; a success opens it."""
    gate = AccountGate()
    assert gate.allows(0.0)
    gate.close(0.0, "no balance")
    assert gate.reason == "no balance"
    assert not gate.allows(59.9)
    assert gate.wait(59.0) == pytest.approx(1.0)
    assert [gate.allows(60.0), gate.allows(60.1)] == [True, False]
    gate.open()
    assert gate.wait(60.2) == 0.0
    assert gate.allows(60.2)


@pytest.mark.parametrize("interval", [0.0, -1.0, math.inf, math.nan])
def test_a_senseless_probe_interval_is_refused(interval: float) -> None:
    """The check refuses."""
    with pytest.raises(ValueError, match="probe_interval"):
        AccountGate(probe_interval=interval)


def test_reprs_are_instruments() -> None:
    """Each says in one line how full it is."""
    budget = RequestBudget(120, burst=6)
    budget.take(0.0)
    assert repr(budget) == "<RequestBudget 1/120>"
    assert repr(FailureBudget()) == "<FailureBudget 0/17, 0 in a row>"
    assert repr(RetryBudget()) == "<RetryBudget 100/100>"
    assert repr(AccountGate()) == "<AccountGate open>"
