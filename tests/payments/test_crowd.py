"""What a call counts beside itself."""

from venice_async.payments.caps import Mark
from venice_async.payments.crowd import Crowd


def test_a_call_counts_what_was_worked_on_while_it_ran() -> None:
    """From its first instant on; what rested before is another time's."""
    crowd = Crowd()
    crowd.works_on(1)
    crowd.rests()
    with crowd.call() as early:
        crowd.works_on(2)
        with crowd.call() as late:
            crowd.reserves(3)
            crowd.rests()
        crowd.reserves(5)
        with crowd.call() as last:
            pass
    mark = Mark(last=7, beside=frozenset({6}))
    assert early.earlier(mark) == Mark(last=2, beside=frozenset({2, 3, 5, 6}))
    assert late.earlier(mark) == Mark(last=2, beside=frozenset({2, 3, 6}))
    assert last.earlier(mark) == Mark(last=7, beside=frozenset({5, 6}))
    assert Crowd().call().__enter__().earlier(mark) == mark
