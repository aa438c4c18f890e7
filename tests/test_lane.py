"""The line of places for a wallet's requests."""

import asyncio
import random

import pytest

from venice_async.lane import Lane


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


class Visitors:
    """Tasks that enter a lane, and stay until they are told to leave."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.inside: list[int] = []
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def come(self, *numbers: int) -> None:
        for number in numbers:
            self.tasks[number] = asyncio.create_task(self._enter(number))
        await settled()

    async def _enter(self, number: int) -> None:
        await self.lane.enter()
        self.inside.append(number)

    async def go(self, number: int) -> None:
        self.inside.remove(number)
        self.lane.leave()
        await settled()


@pytest.mark.anyio
class TestPlaces:
    async def test_first_come_first_served(self) -> None:
        """As many as there are places are inside, and the rest follow in their order."""
        visitors = Visitors(Lane(3))
        await visitors.come(*range(6))
        assert visitors.inside == [0, 1, 2]
        await visitors.go(1)
        await visitors.go(0)
        assert visitors.inside == [2, 3, 4]
        assert repr(visitors.lane) == "<Lane 3/3 in flight, 0 long, 1 waiting>"
        await visitors.go(4)
        assert visitors.inside == [2, 3, 5]

    async def test_nobody_pushes_in(self) -> None:
        """Who leaves and comes back at once stands behind those who wait, also before they have woken up."""
        lane = Lane(1)
        await lane.enter()
        waiting = asyncio.create_task(lane.enter())
        await settled()
        lane.leave()
        again = asyncio.create_task(lane.enter())
        await settled()
        assert (waiting.done(), again.done()) == (True, False)
        lane.leave()
        await again

    async def test_who_gives_up_leaves_no_gap(self) -> None:
        """Whether the place was given to it already or not."""
        visitors = Visitors(Lane(1))
        await visitors.come(0, 1, 2, 3)
        visitors.tasks[1].cancel()
        await settled()
        visitors.inside.remove(0)
        visitors.lane.leave()  # the place is 2's from now on
        visitors.tasks[2].cancel()
        await settled()
        assert visitors.inside == [3]
        await visitors.go(3)
        assert repr(visitors.lane) == "<Lane 0/1 in flight, 0 long, 0 waiting>"

    async def test_any_order_of_coming_going_and_giving_up(self) -> None:
        """Never more inside than places, and in the end all of them are free."""
        chance = random.Random(7)
        visitors = Visitors(Lane(4))
        for number in range(300):
            await visitors.come(number)
            if visitors.inside and chance.random() < 0.6:
                visitors.inside.remove(leaving := chance.choice(visitors.inside))
                visitors.lane.leave()
                del leaving
            if chance.random() < 0.3:
                visitors.tasks[chance.choice(list(visitors.tasks))].cancel()
            assert len(visitors.inside) <= 4
        await settled()
        while visitors.inside:
            await visitors.go(visitors.inside[0])
        assert all(task.done() for task in visitors.tasks.values())
        assert repr(visitors.lane) == "<Lane 0/4 in flight, 0 long, 0 waiting>"

    async def test_places_are_divided(self) -> None:
        """Among processes, one at least for each; what is inside already stays, and a larger part lets more in."""
        visitors = Visitors(Lane(5))
        visitors.lane.share(2)
        await visitors.come(*range(6))
        assert len(visitors.inside) == 2
        visitors.lane.share(1)
        await settled()
        assert len(visitors.inside) == 5
        visitors.lane.share(9)
        await visitors.go(0)
        assert len(visitors.inside) == 4
        for number in (1, 2, 3, 4):
            await visitors.go(number)
        assert visitors.inside == [5]

    def test_who_waits_in_a_loop_that_is_closed_gets_no_place(self) -> None:
        """Nobody would give it back; the next loop finds all of them."""
        lane = Lane(1)

        async def left_behind() -> None:
            await lane.enter()
            waiting.append(asyncio.create_task(lane.enter()))
            await settled()

        waiting: list[asyncio.Task[None]] = []
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # a task that never ends is told there
        loop.run_until_complete(left_behind())
        loop.close()
        lane.leave()
        assert repr(lane) == "<Lane 0/1 in flight, 0 long, 0 waiting>"
        waiting.clear()
        asyncio.run(lane.enter())


class TestLongStays:
    @pytest.mark.parametrize(("places", "most"), [(1, 1), (2, 1), (5, 4)])
    def test_one_place_is_for_short_ones(self, places: int, most: int) -> None:
        """Where there is more than one."""
        lane = Lane(places)
        for _ in range(most):
            assert lane.takes_long
            lane.begin_long()
        assert not lane.takes_long
        lane.end_long()
        assert lane.takes_long
