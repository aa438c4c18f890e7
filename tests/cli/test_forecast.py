"""When a batch will be done."""

from venice_async.cli.forecast import forecast, usual
from venice_async.polling import Estimate

TAKES = Estimate(p50=60.0, p90=90.0)


def test_what_waits_goes_out_at_the_accounts_pace() -> None:
    """The last is ready when it has been sent and made, or when what runs is, whichever is later."""
    running = Estimate(p50=30.0, p90=200.0)
    assert forecast(running, TAKES, waiting=0, queue_per_minute=40) == running
    assert forecast(running, TAKES, waiting=40, queue_per_minute=40) == Estimate(p50=120.0, p90=200.0)
    assert forecast(None, TAKES, waiting=80, queue_per_minute=40) == Estimate(p50=180.0, p90=210.0)


def test_what_cannot_be_told_is_not() -> None:
    """Nothing runs and nothing waits; or nobody knows yet how long one takes; or nothing may be sent."""
    assert forecast(None, TAKES, waiting=0, queue_per_minute=40) is None
    assert forecast(TAKES, None, waiting=5, queue_per_minute=40) is None
    assert forecast(TAKES, TAKES, waiting=5, queue_per_minute=0) is None


def test_what_is_usual_is_learned() -> None:
    """At first by the server's word, which four jobs in five stay below; then by how long jobs have taken."""
    assert usual([], []) is None
    assert usual([1.0] * 4, [50.0, 100.0]) == Estimate(p50=80.0, p90=120.0)
    assert usual([5.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0], [100.0]) == Estimate(p50=6.0, p90=10.0)
