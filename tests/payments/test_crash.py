"""Cut off at every step, and run again: never two payments that can both move money, never above the cap."""

import asyncio
import contextlib
import itertools
import random
from typing import Any

import pytest
from scripted import Played
from stepping import CancelledAt

from payments.bank import Signer, World, virtual
from payments.test_topup import states
from venice_async.errors import VeniceError
from venice_async.payments import book
from venice_async.payments.store import Store


class Death(BaseException):
    """The program ends here: not an error that anybody handles."""


class MortalStore(Store):
    """A file whose k-th step is the program's last: before it, or with it done."""

    left = 10**9
    done_first = False

    def _do(self, step: Any, *, write: bool = False) -> Any:
        cls = type(self)
        cls.left -= 1
        if cls.left < 0 or (cls.left == 0 and not cls.done_first):
            raise Death
        result = super()._do(step, write=write)
        if cls.left == 0:
            raise Death
        return result


async def run_until_it_dies(world: World, *, script: list[object], calls: int = 1) -> None:
    """Some calls of a program that ends somewhere in between, or comes through."""
    world.bank.script = list(script)
    for _ in range(calls):
        try:
            await world.wallet().top_up(10, cap_usd=10)
        except (Death, VeniceError):
            return


async def run_to_the_end(world: World, *, give_up_after: int = 30) -> None:
    """What a user does: the same call again and again, with a pause, until it is credited."""
    for _ in range(give_up_after):
        try:
            await world.wallet().top_up(10, cap_usd=10)
        except VeniceError:
            assert len(world.bank.alive) <= 1
            await world.clock.sleep(130)
        else:
            return
    raise AssertionError("never credited")


SCRIPTS: dict[str, list[object]] = {
    "paid": ["pay"],
    "answer lost": ["lost", "pay"],
    "request lost": ["cut", "pay"],
    "refused": [402],
    "in progress": ["busy", "busy", "pay"],
    "settles late": ["moved 504", "pay"],
    "answers lost for good": ["lost", 500],
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("done_first", [False, True])
def test_a_death_at_any_step_of_the_record(
    script: str, done_first: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One payment is wanted: one moves money, whatever happened before."""
    monkeypatch.setattr("venice_async.payments.store.Store", MortalStore)
    for step in range(1, 13):
        MortalStore.left, MortalStore.done_first = step, done_first
        folder = tmp_path / str(step)
        folder.mkdir()

        @virtual
        async def attempt(world: World) -> None:
            await run_until_it_dies(world, script=SCRIPTS[script])
            MortalStore.left = 10**9
            world.bank.script = ["pay"]
            assert len(world.bank.alive) <= 1
            before = sum(world.bank.moved.values())
            resumes = bool(await world.wallet().open_payments())
            await run_to_the_end(world)
            assert sum(world.bank.moved.values()) <= (10 if resumes else before + 10)
            assert len(world.bank.moved) == len([state for state in states(world) if state == "settled"])

        attempt(folder)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_cancellation_at_any_await(script: str, tmp_path: Any) -> None:
    """The row is void, or open and finished by the next call."""
    for at in itertools.count(1):
        folder = tmp_path / str(at)
        folder.mkdir()
        struck: list[bool] = []

        @virtual
        async def attempt(world: World, at: int = at, struck: list[bool] = struck) -> None:
            async def turn(_: str = "") -> None:
                await asyncio.sleep(0)

            world.bank.wait = turn
            world.bank.script = list(SCRIPTS[script])
            call = world.wallet(signer=Signer(before=turn)).top_up(10, cap_usd=10)
            struck.append(await CancelledAt(call, at=at).run())
            assert "reserved" not in (states(world) if world.path.exists() else [])
            resumes = bool(await world.wallet().open_payments())
            moved = len(world.bank.moved)
            world.bank.script = ["pay"]
            await run_to_the_end(world)
            assert len(world.bank.alive) == len(world.bank.moved) == (1 if resumes else moved + 1)

        attempt(folder)
        if struck != [True]:
            assert at > 10
            break


@virtual
async def test_a_cancelled_reservation_is_void(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread cannot be stopped; what it reserved is given up."""
    wallet = world.wallet()
    entered = asyncio.Event()
    in_thread = book.in_thread

    async def watched(step: Any) -> Any:
        if "reserve" in getattr(step, "__qualname__", ""):
            asyncio.get_running_loop().call_soon(entered.set)
        return await in_thread(step)

    monkeypatch.setattr(book, "in_thread", watched)
    task = asyncio.ensure_future(wallet.top_up(10, cap_usd=10))
    await entered.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert states(world) == ["void"]
    assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10


@virtual
async def test_two_programs_that_finish_the_same_payment(world: World) -> None:
    """Both tell that it was credited; it was once."""
    world.bank.script = ["busy"]
    with pytest.raises(VeniceError):
        await world.wallet().top_up(10, cap_usd=10)
    world.bank.script = ["busy", "busy", "busy", "pay"]
    results = await asyncio.gather(*(world.wallet().top_up(10, cap_usd=10) for _ in range(3)))
    assert all(each.resumed and each.usd == 10 for each in results)
    assert sum(world.bank.moved.values()) == 10


ACTS: list[object] = ["pay", "lost", "cut", "busy", 400, 402, 429, 500, 503, "moved 504"]


class Life:
    """A wallet's life by chance: deaths, cancellations, crowds, a server in all its moods, clocks that disagree."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        world.bank.ahead = rng.choice([0, 0, 0, -55, 55])

    async def _pause(self) -> None:
        await self.world.clock.sleep(0.01)

    async def episode(self) -> None:
        """One program, or several; then time passes."""
        bank, rng = self.world.bank, self.rng
        bank.script = [rng.choice(ACTS) for _ in range(rng.randint(1, 6))]
        bank.forgetful = rng.random() < 0.3
        bank.books = Played(500) if rng.random() < 0.15 else None
        signer = Signer(before=self._pause)
        act = rng.choice([self._dies, self._is_cancelled, self._is_one_of_many])
        with contextlib.suppress(Death, VeniceError):
            await act(signer)
        MortalStore.left = 10**9
        assert signer.signed_usd <= 10
        assert len(bank.alive - set(bank.moved)) <= 1
        await self.world.clock.sleep(rng.choice([0, 1, 60, 299, 301, 430, 4000]))

    async def _dies(self, signer: Signer) -> None:
        MortalStore.left, MortalStore.done_first = self.rng.randint(1, 14), self.rng.random() < 0.5
        await self.world.wallet(signer=signer).top_up(10, cap_usd=10)

    async def _is_cancelled(self, signer: Signer) -> None:
        call = self.world.wallet(signer=signer).top_up(10, cap_usd=10)
        await CancelledAt(call, at=self.rng.randint(1, 60)).run()

    async def _is_one_of_many(self, signer: Signer) -> None:
        calls = (self.world.wallet(signer=signer).top_up(10, cap_usd=10) for _ in range(4))
        for each in await asyncio.gather(*calls, return_exceptions=True):
            assert not isinstance(each, BaseException) or isinstance(each, VeniceError)

    async def ends_well(self) -> None:
        """The server recovers: what is open is finished, and one more is paid."""
        self.world.bank.books, self.world.bank.script = None, ["pay"]
        for _ in range(20):
            with contextlib.suppress(VeniceError):
                if not (await self.world.wallet().top_up(10, cap_usd=10)).resumed:
                    return
            await self.world.clock.sleep(500)
        raise AssertionError("never credited")


@pytest.mark.parametrize("seed", range(12))
def test_lives_by_chance(seed: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never two payments that can both move money; what the record calls settled is what moved, no more, no less."""
    monkeypatch.setattr("venice_async.payments.store.Store", MortalStore)
    MortalStore.left = 10**9

    @virtual
    async def attempt(world: World) -> None:
        rng = random.Random(seed)
        life = Life(world, rng)
        for _ in range(rng.randint(2, 8)):
            await life.episode()
        await life.ends_well()
        assert set(states(world)) <= {"settled", "void", "expired"}
        assert states(world).count("settled") == len(world.bank.moved)

    attempt(tmp_path)
