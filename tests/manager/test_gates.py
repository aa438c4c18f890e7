"""What lets requests out, and what shuts them in."""

import math

from venice_async.governor import Kind
from venice_async.manager.gates import Gates


def test_an_empty_balance_stops_paid_calls_only() -> None:
    """What is paid for is still brought home; a refused retrieve stops both."""
    gates = Gates()
    assert gates.refuse(Kind.QUEUE, "balance", 0.0)
    assert (gates.wait(Kind.QUEUE, 0.0), gates.wait(Kind.RETRIEVE, 0.0)) == (60.0, 0.0)
    assert gates.refuse(Kind.RETRIEVE, "balance", 10.0)
    assert (gates.wait(Kind.QUEUE, 10.0), gates.wait(Kind.RETRIEVE, 10.0)) == (60.0, 60.0)


def test_one_refused_key_may_be_about_one_model() -> None:
    """The next probe tells."""
    gates = Gates()
    assert not gates.refuse(Kind.QUEUE, "key", 0.0)
    assert gates.refuse(Kind.QUEUE, "key", 60.0)


def test_a_pause_lets_no_paid_call_out() -> None:
    """Not even a probe, and not because another one went well; retrieves go on."""
    gates = Gates()
    gates.refuse(Kind.QUEUE, "balance", 0.0)
    gates.pause()
    assert gates.wait(Kind.QUEUE, 1000.0) == math.inf
    assert not gates.allows(Kind.QUEUE, 1000.0)
    gates.went_well(Kind.QUEUE)
    assert not gates.allows(Kind.QUEUE, 1000.0)
    assert gates.allows(Kind.RETRIEVE, 1000.0)
    gates.end_pause()
    assert gates.allows(Kind.QUEUE, 1000.0)


def test_after_a_pause_the_gate_is_as_the_answers_left_it() -> None:
    """Shut for a minute after the refusal, unless it is opened."""
    gates = Gates()
    gates.refuse(Kind.QUEUE, "balance", 0.0)
    gates.pause()
    gates.end_pause()
    assert gates.wait(Kind.QUEUE, 10.0) == 50.0
    gates.open()
    assert gates.wait(Kind.QUEUE, 10.0) == 0.0


def test_a_refusal_from_before_a_top_up_is_no_news() -> None:
    """Of a key it always is."""
    gates = Gates()
    turn = gates.turn
    assert not gates.is_stale("balance", turn=turn)
    gates.pause()
    gates.end_pause()
    assert gates.is_stale("balance", turn=turn)
    assert not gates.is_stale("key", turn=turn)
