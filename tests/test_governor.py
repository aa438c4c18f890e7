"""The account's budgets behind one interface."""

import asyncio

import pytest

from venice_async.clock import SystemClock
from venice_async.emulator.manual_clock import ManualClock
from venice_async.errors import (
    BadRequestError,
    FailureBlockError,
    RateLimitError,
    ReplyLostError,
    ServerError,
    UnexpectedRedirectError,
    VeniceError,
    WalletConcurrencyError,
)
from venice_async.governor import COOLING, QUEUE_BURST, RETRIEVE_BURST, Governor, Kind, Ticket
from venice_async.lane import Lane
from venice_async.limits import RateLimits
from venice_async.models import AccountLimits, ModelRateLimit
from venice_async.wire.exchange import ReplyHead

OK = ReplyHead(status=200)


def governor(**limits: float) -> tuple[Governor, ManualClock]:
    """A fresh one in virtual time."""
    clock = ManualClock()
    return Governor(RateLimits(**limits), clock), clock  # type: ignore[arg-type]


def exhaust(governor: Governor, kind: Kind) -> list[Ticket]:
    """Take every right that is there now."""
    taken = []
    while governor.wait(kind) == 0.0:
        taken.append(governor.take(kind))
    return taken


class TestPacing:
    def test_a_start_is_no_burst(self) -> None:
        """An earlier process may just have used the limit up."""
        made, _ = governor()
        assert len(exhaust(made, Kind.QUEUE)) == QUEUE_BURST
        made, _ = governor()
        assert len(exhaust(made, Kind.RETRIEVE)) == 1

    def test_after_a_pause_only_a_few_leave_at_once(self) -> None:
        """Evenly spread requests come home sooner than a burst and a silence."""
        made, clock = governor()
        for ticket in exhaust(made, Kind.RETRIEVE):
            made.settle(ticket, OK)
        clock.advance(600.0)
        assert len(exhaust(made, Kind.RETRIEVE)) == RETRIEVE_BURST

    def test_what_has_no_limit_is_not_paced(self) -> None:
        """Quotes, the catalogue and private links are not counted by number."""
        made, _ = governor(failures=1000)
        assert [made.take(Kind.OTHER).permit for _ in range(50)] == [None] * 50
        assert made.wait(Kind.OTHER) == 0.0

    def test_the_kinds_do_not_take_from_each_other(self) -> None:
        """Queueing goes on while polls are at their limit."""
        made, _ = governor()
        exhaust(made, Kind.RETRIEVE)
        assert made.wait(Kind.QUEUE) == 0.0

    def test_an_outstanding_request_counts_until_it_is_settled(self) -> None:
        """The server counts it at some instant between sending and answer."""
        made, clock = governor(queue_per_minute=2)
        tickets = [made.take(Kind.QUEUE), made.take(Kind.QUEUE)]
        clock.advance(600.0)
        assert made.wait(Kind.QUEUE) > 0
        for ticket in tickets:
            made.settle(ticket, OK)
        assert made.wait(Kind.QUEUE) > 0
        clock.advance(62.0)
        assert made.wait(Kind.QUEUE) == 0.0


class TestTurns:
    def test_first_come_first_served(self) -> None:
        """Nobody starves, however many wait."""
        made, clock = governor()
        order: list[int] = []

        async def one(number: int) -> None:
            made.settle(await made.acquire(Kind.QUEUE), OK)
            order.append(number)

        async def everybody() -> None:
            await asyncio.gather(*(one(number) for number in range(100)))

        clock.run(everybody())
        assert order == list(range(100))

    def test_who_gives_up_takes_nothing(self) -> None:
        """A cancelled wait costs no right to send, and does not hold up the next."""
        made, clock = governor()

        async def give_up() -> float:
            exhaust(made, Kind.RETRIEVE)
            waiting = [asyncio.create_task(made.acquire(Kind.RETRIEVE)) for _ in range(5)]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await made.acquire(Kind.RETRIEVE)
            return clock.monotonic()

        assert clock.run(give_up()) < 2.0

    def test_a_settled_request_wakes_who_waits_for_it(self) -> None:
        """With everything in flight nobody can say when; the answer itself does."""
        made, clock = governor(failures=4)

        async def main() -> float:
            ticket = await made.acquire(Kind.OTHER)
            waiter = asyncio.create_task(made.acquire(Kind.OTHER))
            await clock.sleep(0.001)
            made.settle(ticket, OK)
            await waiter
            return clock.monotonic()

        assert clock.run(main()) < 0.1


class TestSettling:
    def test_twice_is_once(self) -> None:
        """Whoever is sure may settle again."""
        made, _ = governor()
        ticket = made.take(Kind.QUEUE)
        for _ in range(3):
            made.settle(ticket, OK)
        made.settle(ticket)
        assert "1/40 queues" in repr(made)
        assert "0 in flight" in repr(made)

    @pytest.mark.parametrize(
        ("head", "error", "counts"),
        [(ReplyHead(status=400), BadRequestError("x", status=400), True), (ReplyHead(status=500), ServerError("x"),
         True),
         (ReplyHead(status=404), None, True), (ReplyHead(status=429), RateLimitError("x"), False),
         (ReplyHead(status=302), UnexpectedRedirectError("x"), False), (OK, None, False), (None, ReplyLostError("x"),
         False)],
    )  # fmt: skip
    def test_what_counts_as_a_failed_request(
        self, head: ReplyHead | None, error: VeniceError | None, counts: bool
    ) -> None:
        """4xx other than 429, and 5xx: also where the caller is content with the answer."""
        made, _ = governor(failures=4)
        made.settle(made.take(Kind.OTHER), head, error)
        assert (made.wait(Kind.OTHER) > 0) is counts

    def test_a_block_stops_everything(self) -> None:
        """The key is locked for 30 s; asking only lengthens that."""
        made, clock = governor()
        made.settle(made.take(Kind.OTHER), ReplyHead(status=429), FailureBlockError("x"))
        assert all(made.wait(kind) >= 30 for kind in Kind)
        clock.advance(31.0)
        assert made.wait(Kind.QUEUE) == 0.0

    @pytest.mark.parametrize(
        ("headers", "least"),
        [
            ({"retry-after": "20"}, 20.0),
            ({"x-ratelimit-reset-requests": "15"}, 15.0),
            ({}, 1.0),
            ({"retry-after": "garbage"}, 1.0),
        ],
    )
    def test_a_429_stops_its_own_kind_for_as_long_as_it_says(self, headers: dict[str, str], least: float) -> None:
        """And a little longer, because two clocks are never the same."""
        made, _ = governor()
        made.settle(made.take(Kind.RETRIEVE), ReplyHead(status=429, headers=headers), RateLimitError("x"))
        assert least < made.wait(Kind.RETRIEVE) < least + 1.0
        assert made.wait(Kind.QUEUE) == 0.0

    def test_too_many_in_flight_says_nothing_of_the_minute(self) -> None:
        """One of them will soon be done: the next request does not wait for the window's reset, only where told to."""
        made, _ = governor()
        headers = {"x-ratelimit-reset-requests": "50"}
        made.settle(made.take(Kind.RETRIEVE), ReplyHead(status=429, headers=headers), WalletConcurrencyError("x"))
        assert 1.0 < made.wait(Kind.RETRIEVE) < 2.0
        headers["retry-after"] = "20"
        made.settle(made.take(Kind.QUEUE), ReplyHead(status=429, headers=headers), WalletConcurrencyError("x"))
        assert 20.0 < made.wait(Kind.QUEUE) < 21.0

    def test_the_server_s_own_limit_is_taken_over(self) -> None:
        """Accounts differ, and limits change."""
        made, _ = governor()
        head = ReplyHead(status=200, headers={"x-ratelimit-limit-requests": "12"})
        made.settle(made.take(Kind.QUEUE), head)
        assert "/12 queues" in repr(made)


def test_the_repr_is_an_instrument() -> None:
    """How full the budgets are."""
    made, _ = governor()
    made.take(Kind.QUEUE)
    assert repr(made) == "<Governor 1/40 queues, 0/120 retrieves, 1 in flight>"


class TestTheAccountsOwnFigures:
    """`GET /api_keys/rate_limits` lists requests a minute per model."""

    @staticmethod
    def account(*limits: tuple[str | None, str, int]) -> AccountLimits:
        rows = tuple(ModelRateLimit(model=model, type=kind, amount=amount) for model, kind, amount in limits)
        return AccountLimits(access_permitted=True, tier="paid", limits=rows)

    def test_the_slowest_video_model_sets_the_pace(self) -> None:
        """One budget serves all models, so it keeps to the lowest figure."""
        made, _ = governor()
        made.learn_account(self.account(("a", "RPM", 30), ("b", "RPM", 20), ("b", "RPD", 5)), models={"a", "b"})
        assert made.budgets[Kind.QUEUE].limit == 20

    @pytest.mark.parametrize("limits", [(("text", "RPM", 5),), (("a", "RPM", 400),), (("a", "TPM", 5),), ()])
    def test_other_figures_change_nothing(self, limits: tuple[tuple[str | None, str, int], ...]) -> None:
        """Neither text models, nor tokens and days, nor more than we were told to use."""
        made, _ = governor()
        made.learn_account(self.account(*limits), models={"a"})
        assert made.budgets[Kind.QUEUE].limit == 40


def test_processes_divide_a_wallet_s_places() -> None:
    """Like every other limit; who waits is let in when others are gone."""
    clock = ManualClock()
    made = Governor(RateLimits(), clock, lane=Lane(5))
    made.share(2)

    async def two() -> None:
        first, second = await made.board(Kind.QUEUE), await made.board(Kind.OTHER)
        third = asyncio.create_task(made.board(Kind.OTHER))
        await clock.sleep(60.0)
        assert not third.done()
        made.share(1)
        for ticket in (first, second, await third):
            made.settle(ticket)

    clock.run(two())
    assert "<Lane 0/5 in flight, 0 long, 0 waiting>" in repr(made)


def test_without_a_lane_boarding_is_taking() -> None:
    """An API key has no limit of this kind: a ticket is as good as it was."""
    made, clock = governor()
    ticket = clock.run(made.board(Kind.QUEUE))
    assert clock.run(made.board(Kind.QUEUE, ticket)) is ticket
    made.leave(ticket, broken_off=True)
    made.settle(ticket)
    made.close()
    assert "1/40 queues" in repr(made)


class TestABrokenOffExchange:
    """Its place stays taken for a moment: the server may still be at it."""

    @staticmethod
    async def broken_off(made: Governor) -> None:
        for kind in (Kind.RETRIEVE, Kind.OTHER):
            while made.wait(kind) > 0:
                await made._clock.sleep(0.1)
            ticket = await made.board(kind, made.take(kind))
            ticket.sending = True
            made.settle(ticket)
            made.leave(ticket, broken_off=True)
        assert "<Lane 2/5 in flight, 1 long, 0 waiting>" in repr(made)

    def test_the_moment_passes(self) -> None:
        """By the clock."""
        clock = ManualClock()
        made = Governor(RateLimits(), clock, lane=Lane(5))

        async def main() -> None:
            await self.broken_off(made)
            await clock.sleep(COOLING + 0.1)
            assert "<Lane 0/5 in flight, 0 long, 0 waiting>" in repr(made)

        clock.run(main())

    def test_closing_ends_it_at_once(self) -> None:
        """Also where the event loop gets no further turn."""
        clock = ManualClock()
        made = Governor(RateLimits(), clock, lane=Lane(5))

        async def main() -> None:
            await self.broken_off(made)
            made.close()
            assert "<Lane 0/5 in flight, 0 long, 0 waiting>" in repr(made)

        clock.run(main())

    @pytest.mark.parametrize("kind", [Kind.RETRIEVE, Kind.OTHER])
    def test_a_loop_that_is_closed_meanwhile_takes_no_place_with_it(self, kind: Kind) -> None:
        """The next loop finds all of them free."""
        made = Governor(RateLimits(), SystemClock(), lane=Lane(2))

        async def cut() -> None:
            ticket = await made.board(kind, made.take(kind))
            ticket.sending = True
            made.settle(ticket)
            made.leave(ticket, broken_off=True)
            await asyncio.sleep(0)

        async def look() -> None:
            while made.wait(kind) > 1.0:
                await asyncio.sleep(0)
            made.settle(await made.board(kind, made.take(kind)))
            assert "<Lane 0/2 in flight, 0 long, 0 waiting>" in repr(made)

        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # a task that never ends is told there
        loop.run_until_complete(cut())
        loop.close()
        assert "<Lane 1/2 in flight" in repr(made)
        asyncio.run(look())
        made.close()
