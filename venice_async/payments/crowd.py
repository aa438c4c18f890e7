"""The top-ups of one wallet that are under way in one program: what each of them has to count beside itself."""

import contextlib
from collections.abc import Iterator

from attrs import define, field

from venice_async.payments.caps import Mark


@define(eq=False)
class Call:
    """One top-up while it runs. It reads the record a little after it began: this is what came before.

    `first` is the first payment that was reserved here since it began, `beside` are those that were worked on here.
    """

    first: int | None = None
    beside: set[int] = field(factory=set)

    def earlier(self, mark: Mark) -> Mark:
        """The mark as it would be, had the record been read at once."""
        last = mark.last if self.first is None else min(mark.last, self.first - 1)
        return Mark(last=last, beside=mark.beside | self.beside)


@define(eq=False)
class Crowd:
    """Tells every call what happens beside it."""

    _calls: set[Call] = field(factory=set)
    _at_work: set[int] = field(factory=set)

    @contextlib.contextmanager
    def call(self) -> Iterator[Call]:
        """A call, from its first instant to its last."""
        call = Call(beside=set(self._at_work))
        self._calls.add(call)
        try:
            yield call
        finally:
            self._calls.discard(call)

    def works_on(self, number: int) -> None:
        """What may move money now does so at the same time as every call that is under way."""
        self._at_work.add(number)
        for call in self._calls:
            call.beside.add(number)

    def reserves(self, number: int) -> None:
        """A new payment: it counts whatever becomes of it."""
        self.works_on(number)
        for call in self._calls:
            call.first = number if call.first is None else min(call.first, number)

    def rests(self) -> None:
        """Nothing is worked on any more."""
        self._at_work.clear()
