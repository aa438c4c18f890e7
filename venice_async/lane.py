"""How many requests of one wallet may be in flight at once: a line of places, first come, first served."""

import asyncio
import contextlib
from collections import deque


class Lane:
    """A number of places that can be divided among processes. For one event loop at a time.

    Some stays may be long: the answer to a retrieve can be a whole video. Those take all places but one at most,
    so that whatever is short, the paid call above all, does not wait behind downloads. A single place, which is the
    part of each where three processes or more divide five, is for both: there the short ones wait for a download.
    And because each process has one at least, more processes than places take more than there are.
    """

    def __init__(self, places: int) -> None:
        self._all = self._places = max(1, places)
        self._inside = 0
        self._long = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def share(self, processes: int) -> None:
        """So many processes, this one included, divide the places; each has one at least."""
        self._places = max(1, self._all // max(1, processes))
        self._hand_on()

    @property
    def takes_long(self) -> bool:
        """Whether one more long stay may begin."""
        return self._long < max(1, self._places - 1)

    def begin_long(self) -> None:
        """Count a long stay, before it enters. Only where `takes_long`."""
        self._long += 1

    def end_long(self) -> None:
        """It is over, or never began."""
        self._long -= 1

    async def enter(self) -> None:
        """Wait for a place, and take it."""
        if self._inside < self._places and not self._waiting:
            self._inside += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave()  # the place was given in the very moment in which its taker gave up
            with contextlib.suppress(ValueError):
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """Give a place back: to whoever waits longest."""
        self._inside -= 1
        self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting and self._inside < self._places:
            turn = self._waiting.popleft()
            if not turn.done() and not turn.get_loop().is_closed():
                self._inside += 1
                turn.set_result(None)

    def __repr__(self) -> str:
        return f"<Lane {self._inside}/{self._places} in flight, {self._long} long, {len(self._waiting)} waiting>"
