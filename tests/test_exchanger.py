"""A wallet's exchanges: five at once at most, each signed anew, and one more attempt for a signature that was late."""

import asyncio
import gc
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from scripted import Played, ScriptedTransport
from wallet_server import (
    DATE,
    DATED,
    EMPTY,
    PLENTY,
    PROCESSING,
    QUEUED,
    REQUEST,
    VERBS,
    VIDEO,
    Server,
    Wallet,
    client,
    nonces,
    read,
    refused,
)

from venice_async.auth import ApiKeyAuth
from venice_async.emulator.manual_clock import ManualClock
from venice_async.errors import (
    AuthenticationError,
    BadRequestError,
    PaymentRequiredError,
    ReplyLostError,
    SignerError,
    SignInError,
    VeniceError,
    WalletBalanceError,
)
from venice_async.exchanger import Exchanger, Opened
from venice_async.governor import COOLING, Governor, Kind
from venice_async.lane import Lane
from venice_async.limits import RateLimits
from venice_async.signin import WalletAuth
from venice_async.wire.exchange import Call

ONE_READING = "<Lane 1/5 in flight, 1 long, 0 waiting>"


class TestTheLane:
    @pytest.mark.parametrize("seed", range(5))
    def test_never_six_whatever_happens(self, seed: int) -> None:
        """Hundreds of calls of every kind, some cut, refused or given up at any moment: five at once at most, also
        at a server that learns of a broken exchange half a second later; and in the end all places are free.
        """
        clock = ManualClock()
        server = Server(clock, seed=seed, troubled=True)
        venice = client(clock, server)
        chance = random.Random(seed)

        async def one(number: int) -> None:
            await clock.sleep(chance.uniform(0, 30))
            task = asyncio.create_task(list(VERBS.values())[number % 4](venice))
            patience = chance.choice([0.0, 1.0, 5.0, 1e6])
            waiting = asyncio.create_task(clock.sleep(patience))
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            for each in (task, waiting):
                each.cancel()
            await asyncio.gather(task, waiting, return_exceptions=True)

        async def crowd() -> None:
            await asyncio.gather(*(one(number) for number in range(400)))
            await clock.sleep(COOLING + 0.1)

        clock.run(crowd())
        assert server.most == 5
        assert repr(venice.governor.lane) == EMPTY
        assert "0 in flight" in repr(venice.governor)
        assert len(set(nonces(server.calls))) == len(server.calls)

    def test_a_paid_call_does_not_wait_for_downloads(self) -> None:
        """Four at most are retrieves; the fifth place is for what is short."""
        clock = ManualClock()
        server = Server(clock)
        server._played = lambda call: (  # type: ignore[method-assign]
            Played(200, b"\x00\x00\x00\x18ftypmp42" + b"x" * 4000) if call.name == "retrieve" else
            Played(200, {"queue_id": "q", "model": "m"})
        )  # fmt: skip
        venice = client(clock, server)

        async def crowd() -> None:
            downloads = [asyncio.create_task(read(venice)) for _ in range(20)]
            await clock.sleep(3.0)
            assert server.busy == 4
            before = clock.monotonic()
            await venice.queue(REQUEST)
            assert clock.monotonic() - before < 4
            await asyncio.gather(*downloads)

        clock.run(crowd())

    def test_nobody_starves(self) -> None:
        """Five loops that ask for quotes without a pause let everything else have its turn."""
        clock = ManualClock()
        server = Server(clock)
        venice = client(clock, server)

        async def without_end() -> None:
            while True:
                await venice.quote(REQUEST)

        async def crowd() -> None:
            loops = [asyncio.create_task(without_end()) for _ in range(5)]
            await clock.sleep(10.0)
            for name in ("queue", "retrieve", "complete"):
                before = clock.monotonic()
                await VERBS[name](venice)
                assert clock.monotonic() - before < 60
            for loop in loops:
                loop.cancel()

        clock.run(crowd())

    def test_no_right_to_send_is_spent_on_standing_in_line(self) -> None:
        """Whoever waits for a place has taken nothing from the budget of the minute."""
        clock = ManualClock()
        server = Server(clock)
        venice = client(clock, server)

        async def crowd() -> None:
            tasks = [asyncio.create_task(venice.queue(REQUEST)) for _ in range(9)]
            await clock.sleep(0.005)
            assert venice.governor.budgets[Kind.QUEUE].used(clock.monotonic()) == 5
            await asyncio.gather(*tasks)

        clock.run(crowd())

    def test_a_right_to_send_that_is_not_used_gives_its_place_back(self) -> None:
        """Whoever took it may find that there is nothing to send."""
        clock = ManualClock()
        venice = client(clock, ScriptedTransport([Played(200)]))
        governor = venice.governor

        async def unused() -> None:
            for kind in Kind:
                ticket = governor.take(kind)
                assert await governor.board(kind, ticket) is ticket is await governor.board(kind, ticket)
                assert repr(governor.lane) != EMPTY
                governor.settle(ticket)
                governor.settle(ticket)
                assert repr(governor.lane) == EMPTY
                governor.settle(await governor.board(kind))

        clock.run(unused())
        assert repr(governor.lane) == EMPTY

    def test_retrieves_are_not_started_for_the_line(self) -> None:
        """While four may be downloads, `wait` says that a fifth is not worth its right to send."""
        venice = client(ManualClock(), ScriptedTransport([Played(200)]))
        tickets = []
        while venice.governor.wait(Kind.RETRIEVE) <= 0 or len(tickets) < 4:
            venice.governor._clock.advance(1.0)  # type: ignore[attr-defined]
            tickets.append(venice.governor.take(Kind.RETRIEVE))
        assert len(tickets) == 4
        assert venice.governor.wait(Kind.QUEUE) == 0.0
        venice.governor._clock.advance(9.0)  # type: ignore[attr-defined]
        assert 0 < venice.governor.wait(Kind.RETRIEVE) < 1
        venice.governor.settle(tickets[0])
        assert venice.governor.wait(Kind.RETRIEVE) == 0.0

    def test_a_body_that_was_read_gives_its_place_back(self) -> None:
        """Also while its owner still holds the answer: with one place for each of five processes it can go on."""
        clock = ManualClock()
        venice = client(clock, Server(clock))
        venice.governor.share(5)

        async def nested() -> None:
            async with venice.retrieve(VIDEO) as answer:
                if hasattr(answer, "content_length"):
                    async for _ in answer:
                        pass
                await venice.complete(VIDEO)

        clock.run(nested())
        assert repr(venice.governor.lane) == "<Lane 0/1 in flight, 0 long, 0 waiting>"

    def test_private_links_need_no_place(self) -> None:
        """Their host is another one, and no wallet signs there."""
        clock = ManualClock()
        server = Server(clock)
        venice = client(clock, server)

        async def crowd() -> None:
            for _ in range(5):
                await venice.governor.board(Kind.OTHER)
            async with venice.download(VIDEO) as body:
                assert [chunk async for chunk in body]

        clock.run(crowd())
        assert server.calls == []
        assert venice._auth.signed == 0  # type: ignore[attr-defined]

    def test_an_api_key_has_no_lane(self) -> None:
        """It pays nothing for what it does not need."""
        venice = client(ManualClock(), ScriptedTransport([Played(200)]), auth=ApiKeyAuth("k"))
        call = Call(name="quote", method="POST", url="https://api.venice.ai/x")
        assert venice.governor.lane is None
        assert type(venice.exchanger.open(call, Kind.OTHER)) is Opened

    def test_closing_does_not_wait_for_servers(self) -> None:
        """What was broken off needs its moment only as long as more may be sent."""
        clock = ManualClock()
        venice = client(clock, Server(clock))

        async def cut() -> None:
            task = asyncio.create_task(venice.quote(REQUEST))
            await clock.sleep(0.02)
            task.cancel()
            await asyncio.wait({task})
            assert repr(venice.governor.lane) == "<Lane 1/5 in flight, 0 long, 0 waiting>"
            await venice.aclose()
            for _ in range(3):
                await asyncio.sleep(0)
            assert repr(venice.governor.lane) == EMPTY

        clock.run(cut())
        assert clock.monotonic() < COOLING

    def test_two_clients_of_one_wallet_share_it(self) -> None:
        """What the server counts is the wallet, whoever asks for it."""
        pytest.importorskip("eth_account")
        clock = ManualClock()
        server = Server(clock)
        wallet = WalletAuth("0x" + "11" * 32, wall=clock.wall)
        clients = [client(clock, server, auth=wallet) for _ in range(2)]

        async def crowd() -> None:
            for name in ("quote", "retrieve"):
                await asyncio.gather(*(VERBS[name](each) for each in clients for _ in range(10)))
            await clock.sleep(COOLING + 0.1)

        clock.run(crowd())
        assert server.most == 5
        assert repr(wallet.lane) == EMPTY

    @pytest.mark.parametrize("keeps_body", [False, True])
    def test_who_forgets_to_leave_takes_no_place_with_it(self, keeps_body: bool) -> None:
        """An answer that is entered, never left and thrown away; one that is still held on to may yet be read."""
        clock = ManualClock()
        video = Played(200, b"\x00\x00\x00\x18ftypmp42" + b"x" * 4000)
        venice = client(clock, ScriptedTransport([video]))
        kept: list[object] = []

        async def forgets() -> None:
            for _ in range(12):
                answer = await venice.retrieve(VIDEO).__aenter__()
                if keeps_body:
                    kept[:] = [answer]
                del answer
                gc.collect()
                await clock.sleep(COOLING + 0.1)
            assert repr(venice.governor.lane) == (
                EMPTY if not keeps_body else EMPTY.replace("0/5", "1/5").replace("0 long", "1 long")
            )
            kept.clear()
            gc.collect()
            await clock.sleep(COOLING + 0.1)

        clock.run(forgets())
        assert repr(venice.governor.lane) == EMPTY

    def test_what_is_forgotten_is_noticed_after_the_loop_too(self) -> None:
        """The next loop has all places."""
        clock = ManualClock()
        video = Played(200, b"\x00\x00\x00\x18ftypmp42" + b"x" * 4000)
        venice = client(clock, ScriptedTransport([video]))
        kept: list[object] = []

        async def forgets() -> None:
            kept.append(await venice.retrieve(VIDEO).__aenter__())

        clock.run(forgets())
        kept.clear()
        gc.collect()
        assert repr(venice.governor.lane) == EMPTY


class TestSigningAnew:
    @pytest.mark.parametrize("code", ["X402_SIGN_IN_EXPIRED", "X402_SIGN_IN_NONCE_REUSED", None])
    def test_a_late_signature_is_followed_by_a_fresh_one(self, code: str | None) -> None:
        """On the paid call too: what was refused at the door was not processed."""
        clock = ManualClock()
        transport = ScriptedTransport([refused(code, date=DATE), QUEUED])
        venice = client(clock, transport)
        assert clock.run(venice.queue(REQUEST, retry=None)).queue_id == "q-1"
        assert nonces(transport.calls) == ["signed-1-canary", "signed-2-canary"]
        assert venice.governor.budgets[Kind.QUEUE].used(clock.monotonic()) == 2
        assert (repr(venice.governor.lane), transport.open) == (EMPTY, 0)
        assert "0 in flight" in repr(venice.governor)

    def test_it_is_one_more_and_no_third(self) -> None:
        """Whatever the server goes on saying."""
        clock = ManualClock()
        for codes in (["EXPIRED"], ["EXPIRED", "NONCE_REUSED"]):
            for verb in ("queue", "retrieve", "quote"):
                transport = ScriptedTransport([refused(f"X402_SIGN_IN_{code}") for code in codes])
                venice = client(clock, transport)
                with pytest.raises(SignInError):
                    clock.run(VERBS[verb](venice))
                assert (len(transport.calls), transport.open, repr(venice.governor.lane)) == (2, 0, EMPTY)

    @pytest.mark.parametrize(
        ("answer", "error"),
        [(refused("X402_SIGN_IN_INVALID_SIGNATURE"), SignInError),
         (Played(401, {"error": "Authentication failed"}), AuthenticationError),
         (refused("X402_SIGN_IN_EXPIRED", status=400), BadRequestError)],
    )  # fmt: skip
    def test_other_refusals_stand(self, answer: Played, error: type[VeniceError]) -> None:
        """A new signature would say the same again."""
        clock = ManualClock()
        transport = ScriptedTransport([answer])
        with pytest.raises(error):
            clock.run(client(clock, transport).queue(REQUEST))
        assert len(transport.calls) == 1

    @pytest.mark.parametrize(
        ("code", "date", "learned"),
        [("EXPIRED", DATE, [DATED]), ("FUTURE_TIMESTAMP", DATE, [DATED]), ("NOT_BEFORE", DATE, [DATED]),
         ("NONCE_REUSED", DATE, []), ("EXPIRED", "not a date", []), ("EXPIRED", "", []),
         ("EXPIRED", "Sat, 21 Nov 99999 10:00:00 GMT", [])],
    )  # fmt: skip
    def test_the_clock_is_set_by_the_server_s(self, code: str, date: str, learned: list[float]) -> None:
        """Where the clock is what was wrong, and the answer has an instant."""
        clock = ManualClock()
        wallet = Wallet()
        transport = ScriptedTransport([refused(f"X402_SIGN_IN_{code}", date=date), QUEUED])
        clock.run(client(clock, transport, auth=wallet).queue(REQUEST))
        assert wallet.learned == learned

    def test_an_auth_that_learns_no_time(self) -> None:
        """It is asked for a fresh signature all the same."""

        class Plain(Wallet):
            learn_time = None  # type: ignore[assignment]

        clock = ManualClock()
        transport = ScriptedTransport([refused("X402_SIGN_IN_EXPIRED", date=DATE), QUEUED])
        clock.run(client(clock, transport, auth=Plain()).queue(REQUEST))
        assert len(transport.calls) == 2

    @pytest.mark.parametrize("limits", [PLENTY, RateLimits(queue_per_minute=1)], ids=["signature", "right to send"])
    def test_while_the_fresh_one_is_waited_for_nothing_may_have_left(self, limits: RateLimits) -> None:
        """What left before was refused: whoever gave the right to send sees that on it. Later bytes may have left."""
        clock = ManualClock()

        class Person(Wallet):
            async def headers(self) -> Mapping[str, str]:
                if self.signed == 1:
                    await clock.sleep(3600.0)
                return await super().headers()

        transport = ScriptedTransport([refused("X402_SIGN_IN_EXPIRED"), ReplyLostError("The answer was lost.")])
        venice = client(clock, transport, auth=Person(), limits=limits)

        async def main() -> None:
            ticket = venice.governor.take(Kind.QUEUE)
            step = asyncio.create_task(venice.queue_with(ticket, REQUEST))
            await clock.sleep(30.0)
            assert len(transport.calls) == 1
            step.cancel()
            await asyncio.wait({step})
            assert ticket.signed is False
            await clock.sleep(COOLING + 0.1)

        clock.run(main())
        assert "0 in flight" in repr(venice.governor)
        assert repr(venice.governor.lane) == EMPTY

    def test_a_fresh_one_that_was_sent_may_have_been_taken(self) -> None:
        """As with the first."""
        clock = ManualClock()
        lost = ReplyLostError("The answer was lost.")
        venice = client(clock, ScriptedTransport([refused("X402_SIGN_IN_EXPIRED"), lost]))
        ticket = venice.governor.take(Kind.QUEUE)
        with pytest.raises(ReplyLostError):
            clock.run(venice.queue_with(ticket, REQUEST))
        assert ticket.signed is True

    def test_every_attempt_is_signed_for_itself(self) -> None:
        """Repeats, fresh signatures and retrieves with a ticket: no nonce leaves twice."""
        clock = ManualClock()
        trouble = [Played(503), ReplyLostError("x"), refused("X402_SIGN_IN_EXPIRED"), Played(200, {"quote": 1})]
        transport = ScriptedTransport([*trouble, refused("X402_SIGN_IN_EXPIRED"), Played(200, PROCESSING)])
        venice = client(clock, transport)

        async def work() -> None:
            await venice.quote(REQUEST)
            async with venice.retrieve(VIDEO, ticket=await venice.governor.acquire(Kind.RETRIEVE)):
                pass

        clock.run(work())
        assert len(set(nonces(transport.calls))) == len(transport.calls) == 6
        assert repr(venice.governor.lane) == EMPTY

    def test_a_signer_that_fails_has_sent_nothing(self) -> None:
        """The right to send and the place are given back."""

        class Broken(Wallet):
            async def headers(self) -> Mapping[str, str]:
                raise SignerError("The device said no.")

        clock = ManualClock()
        transport = ScriptedTransport([QUEUED])
        venice = client(clock, transport, auth=Broken())
        with pytest.raises(SignerError):
            clock.run(venice.queue(REQUEST))
        assert (transport.calls, repr(venice.governor.lane)) == ([], EMPTY)
        assert "0 in flight" in repr(venice.governor)


class TestWhatAnswersSay:
    @pytest.mark.parametrize("verb", VERBS)
    def test_a_wallet_without_enough_credit_is_told_how_to_top_up(self, verb: str) -> None:
        """It has no key whose limit could be raised; an API key has, and no wallet."""
        clock = ManualClock()
        answer = Played(402, {"error": "Insufficient USD or Diem balance to complete request"})

        async def main(**options: Any) -> VeniceError:
            with pytest.raises(PaymentRequiredError) as short:
                await VERBS[verb](client(clock, ScriptedTransport([answer]), **options))
            return short.value

        by_wallet, by_key = clock.run(main()), clock.run(main(auth=ApiKeyAuth("k")))
        assert type(by_wallet) is PaymentRequiredError
        assert by_wallet.advice == WalletBalanceError.advice
        assert by_key.advice == PaymentRequiredError.advice

    def test_a_refused_payment_keeps_its_own_advice(self) -> None:
        """There a top-up is what failed."""
        clock = ManualClock()
        answer = Played(402, {"error": "SETTLEMENT_FAILED", "message": "No funds"})

        async def main() -> str:
            call = Call(name="top_up", method="POST", url="https://api.venice.ai/api/v1/x402/top-up")
            with pytest.raises(PaymentRequiredError) as failed:
                await client(clock, ScriptedTransport([answer])).exchanger.answer(call, Kind.OTHER, lambda *_: None)
            return failed.value.advice

        assert "USDC" in clock.run(main())

    def test_what_remains_of_the_credit(self) -> None:
        """From the header of any good answer; the latest counts, and nonsense does not."""
        clock = ManualClock()
        texts = ["4.230000", "", "nan", "1e9", "٣", "9" * 40, "0.1.2"]
        script = [Played(200, {"quote": 1}, x_balance_remaining=text) for text in texts]
        transport = ScriptedTransport([*script, Played(404, {}, x_balance_remaining="7")])
        venice = client(clock, transport)
        assert venice.exchanger.remaining_usd is None
        for _ in texts:
            clock.run(venice.quote(REQUEST))
            assert venice.exchanger.remaining_usd == Decimal("4.23")

    def test_a_signature_that_the_server_repeats_is_not_shown(self) -> None:
        """Also one that the credential has forgotten meanwhile."""
        clock = ManualClock()
        transport = ScriptedTransport([Played(400, {"error": "bad header signed-1-canary"})])
        with pytest.raises(BadRequestError) as caught:
            clock.run(client(clock, transport).quote(REQUEST))
        assert "canary" not in f"{caught.value} {vars(caught.value)}"
        assert "***" in str(caught.value)

    def test_a_payment_is_not_signed_in(self) -> None:
        """It says by itself who pays, and a person at a device is not asked twice."""
        clock = ManualClock()
        transport = ScriptedTransport([Played(200, {})])
        wallet = Wallet()
        exchanger = Exchanger(transport=transport, governor=Governor(PLENTY, clock, lane=Lane(5)), auth=wallet)
        call = Call(name="top_up", method="POST", url="https://api.venice.ai/api/v1/x402/top-up")
        clock.run(exchanger.answer(call, Kind.OTHER, lambda head, _: head.status))
        assert (wallet.signed, dict(transport.calls[0].headers)) == (0, {})
