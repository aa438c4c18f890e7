"""A wallet's call is cancelled at every single await: its place in the lane comes back."""

import asyncio

import pytest
from scripted import Played
from stepping import CancelledAt
from wallet_server import EMPTY, REQUEST, VERBS, Server, client, refused

from venice_async.emulator.manual_clock import ManualClock
from venice_async.governor import COOLING, Kind


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("answer", ["good", "stale", "refused"])
def test_given_up_at_any_await(verb: str, answer: str) -> None:
    """The place comes back, and nobody who waits for one is forgotten."""
    answers = {"good": [], "stale": [refused("X402_SIGN_IN_EXPIRED")], "refused": [Played(422, {"error": "no"})]}

    def struck_at(at: int) -> bool:
        clock = ManualClock()
        server = Server(clock)
        script = [*answers[answer]]
        played = server._played
        server._played = lambda call: script.pop() if script else played(call)  # type: ignore[method-assign]
        venice = client(clock, server)

        async def scene() -> bool:
            inside = [await venice.governor.board(Kind.OTHER) for _ in range(5)]
            struck = CancelledAt(VERBS[verb](venice), at=at)
            given_up = asyncio.create_task(struck.run())
            behind = asyncio.create_task(venice.quote(REQUEST))
            for ticket in inside:
                await clock.sleep(0.5)
                venice.governor.settle(ticket)
            await asyncio.gather(given_up, behind, return_exceptions=True)
            await clock.sleep(COOLING + 0.1)
            assert server.most <= 5
            assert repr(venice.governor.lane) == EMPTY
            assert "0 in flight" in repr(venice.governor)
            return struck.struck

        return clock.run(scene())

    awaits = next(number for number in range(1, 200) if not struck_at(number))
    assert awaits > 3
