"""Which line of the account credits a payment is told by what was there before, and by no clock."""

from typing import Any

import pytest
from scripted import Played

from payments.bank import PAYEE, Signer, World, virtual
from payments.test_settling import line
from payments.test_topup import states
from venice_async.errors import Charge, SpendingCapError, TopUpError, TopUpPendingError, VeniceError
from venice_async.models import TopUp
from venice_async.payments.caps import Limits, Mark, Wish
from venice_async.payments.makers import this_maker
from venice_async.payments.payment import Purse
from venice_async.payments.store import Store
from venice_async.payments.wallet import origin_of


def lagging(world: World, seconds: float) -> None:
    """The account's lines are stamped so long before they are written."""
    move = world.bank._move

    def late(header: str) -> None:
        ahead, world.bank.ahead = world.bank.ahead, world.bank.ahead - seconds
        try:
            move(header)
        finally:
            world.bank.ahead = ahead

    world.bank._move = late  # type: ignore[method-assign]


def from_elsewhere(world: World, name: str) -> dict[str, Any]:
    """A credit of $10 that no payment of ours made, written now."""
    return line(world, name)


@pytest.mark.parametrize("lag", [5, 15, 60, 7200, -7200])
def test_a_credit_is_found_whatever_its_stamp(lag: float, tmp_path: Any) -> None:
    """No second payment is signed, at once or when the first one is over."""

    @virtual
    async def attempt(world: World) -> None:
        lagging(world, lag)
        world.bank.script, world.bank.forgetful = ["lost", 504], True
        world.bank.lines = [from_elsewhere(world, "old")]
        world.bank.hidden_lines = False
        done = await world.wallet().top_up(10, cap_usd=10)
        await world.clock.sleep(900)
        assert (done.usd, world.signer.signed_usd, states(world)) == (10, 10, ["settled"])

    attempt(tmp_path)


@pytest.mark.parametrize("lag", [5, 15, 60, 1800])
def test_where_the_account_could_not_be_read_before_the_margin_is_wide(lag: float, tmp_path: Any) -> None:
    """Then instants decide."""

    @virtual
    async def attempt(world: World) -> None:
        lagging(world, lag)
        world.bank.script, world.bank.forgetful = ["lost", 504], True
        world.bank.books = Played(500, {"error": "down"})
        with pytest.raises(TopUpPendingError):
            await world.wallet().top_up(10, cap_usd=10)
        world.bank.books = None
        await world.clock.sleep(900)
        assert (await world.wallet().top_up(10, cap_usd=10)).resumed
        assert world.signer.signed_usd == 10

    attempt(tmp_path)


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("usd", [10.0, 12.0])
def test_a_line_that_was_there_before_is_not_ours(dated: bool, usd: float, tmp_path: Any) -> None:
    """Somebody topped up on a page a moment ago, with the same amount or about it."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.dated = dated
        world.bank.lines = [{**from_elsewhere(world, "page"), "amount": usd}]
        world.bank.script = ["cut"]
        with pytest.raises(TopUpPendingError):
            await world.wallet().top_up(10, cap_usd=10)
        await world.clock.sleep(90_000)
        world.bank.script = ["cut", "cut", "cut", "cut", "pay"]
        done = await world.wallet().top_up(10, cap_usd=10)
        assert (done.resumed, states(world)) == (False, ["expired", "settled"])

    attempt(tmp_path)


@virtual
async def test_only_lines_of_before_are_read_past(world: World) -> None:
    """The look stops at the first of them, though an account has thousands."""
    old = [line(world, f"old {number}", type="CHARGE", amount=-0.01) for number in range(2100)]
    world.bank.lines = list(old)
    world.bank.script = ["lost", 504]
    world.bank.forgetful = True
    before = len(world.bank.calls)
    assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10
    assert [call.name for call in world.bank.calls[before:]].count("wallet_transactions") == 2


@virtual
async def test_a_page_of_unreadable_lines_is_no_look(world: World) -> None:
    """An old top-up behind it would seem to be new: instants decide instead."""
    odd = [line(world, f"odd {number}", type="ADJUSTMENT", balanceAfter=None) for number in range(100)]
    world.bank.lines = [*odd, line(world, "old", createdAt="2020-01-01T00:00:00.000Z")]
    world.bank.script = ["cut"]
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    (payment,) = await world.wallet().open_payments()
    assert payment.known is None


@virtual
async def test_a_receipt_of_another_payment_keeps_its_line(world: World) -> None:
    """One that was thought to be over is settled late by its receipt: the line that it made is not the next one's."""
    world.bank.script = ["cut"]
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    await world.clock.sleep(500)
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    assert states(world) == ["expired", "signed"]
    world.bank.lines = [line(world, "late", balanceAfter=33.0)]
    Store(world.path).settle_late(1, payment_id="late", balance=33, closed_at=world.clock.wall())
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    assert states(world) == ["settled", "signed"]


@pytest.mark.parametrize("ahead", [-10_800, -200, 200, 10_800])
def test_clocks_that_disagree_have_nothing_signed(ahead: float, tmp_path: Any) -> None:
    """Every payment would arrive expired, or be good for hours: the clock is named before a signature is asked for."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.ahead = ahead
        with pytest.raises(TopUpError, match=f"clock is {abs(ahead)} seconds") as caught:
            await world.wallet().top_up(10, cap_usd=10)
        assert caught.value.charge is Charge.NONE
        assert not world.signer.asked
        assert not states(world)
        world.bank.dated = False
        world.bank.ahead = 0
        assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10

    attempt(tmp_path)


@pytest.mark.parametrize("ahead", [-50, -20, 0, 20, 50])
def test_no_payment_is_good_for_longer_than_offered(ahead: float, tmp_path: Any) -> None:
    """By either clock."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.ahead = ahead
        await world.wallet().top_up(10, cap_usd=10)
        (payment,) = world.signer.asked
        assert payment.valid_before == 1_800_000_300 + min(0, ahead)

    attempt(tmp_path)


def reserved(world: World, maker: str | None) -> None:
    """A row of a program that was killed before it signed."""
    import sqlite3
    from contextlib import closing

    wish = Wish(units=10**7, limits=Limits(cap=10**7), mark=Mark(last=0), pay_to=PAYEE)
    purse = Purse(origin=origin_of("https://api.venice.ai"), wallet=Signer().address.lower())
    Store(world.path).reserve(purse, wish, now=world.clock.wall(), stale_after=1)
    with closing(sqlite3.connect(world.path)) as connection, connection:
        connection.execute("UPDATE payments SET maker = ?", (maker,))


@virtual
async def test_a_program_that_was_killed_before_it_signed_is_not_waited_for(world: World) -> None:
    """Its process has ended: that can be seen at once."""
    maker = this_maker()
    if maker is None:
        pytest.skip("this system does not tell processes apart")
    reserved(world, f"{maker}0")
    began = world.clock.monotonic()
    assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10
    assert world.clock.monotonic() == began
    assert states(world) == ["void", "settled"]


@virtual
async def test_a_program_that_may_be_alive_is_named_with_its_end(world: World) -> None:
    """How much it wants, and until when it counts."""
    reserved(world, None)
    with pytest.raises(TopUpPendingError) as caught:
        await world.wallet(signing_within=200).top_up(10, cap_usd=10)
    said = str(caught.value)
    assert "Another program began a top-up of $10 of this wallet and has not signed it yet." in said
    assert "until 2027-01-15 08:04:20 UTC at the latest" in said
    assert "Nothing was charged" in said
    assert (caught.value.expires_at, caught.value.usd) == (1_800_000_260, 10)


@pytest.mark.parametrize("status", [200, 201, 204, 301, 307, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504])
def test_a_question_that_fails_says_that_nothing_was_signed(status: int, tmp_path: Any) -> None:
    """And that nothing was charged: it was no payment."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.discovery = Played(status, {"error": "X", "message": "no"}, location="https://evil.example")
        with pytest.raises(VeniceError) as caught:
            await world.wallet().top_up(10, cap_usd=10)
        assert caught.value.charge is Charge.NONE
        assert "Nothing was signed." in str(caught.value)
        assert "blindly" not in str(caught.value)
        assert not world.signer.asked

    attempt(tmp_path)


@pytest.mark.parametrize("later", [400, 401, 402, 403, 404])
def test_a_refusal_of_something_in_between_proves_nothing(later: int, tmp_path: Any) -> None:
    """The very first answer, without a code of the notes: the account is looked at before anything is said of money."""

    @virtual
    async def attempt(world: World) -> None:
        refusal = Played(later, {"error": "boom"})
        world.bank.script = [refusal]
        with pytest.raises(TopUpError) as caught:
            await world.wallet().top_up(10, cap_usd=10)
        assert caught.value.charge is Charge.UNVERIFIED
        assert "Nothing was charged" not in str(caught.value)
        assert states(world) == ["signed"]
        world.bank.lines = [line(world, "it came through")]
        done = await world.wallet().top_up(10, cap_usd=10)
        assert (done.resumed, world.signer.signed_usd) == (True, 10)

    attempt(tmp_path)


@pytest.mark.parametrize("place", ["discovery", "books"])
def test_a_server_that_asks_for_a_day_is_not_waited_for(place: str, tmp_path: Any) -> None:
    """The error comes at once, with what it asks for; a minute is obeyed."""

    @virtual
    async def attempt(world: World) -> None:
        def call() -> Any:
            wallet = world.wallet()
            return wallet.top_up(10, cap_usd=10) if place == "discovery" else anext(wallet.transactions())

        began = world.clock.monotonic()
        setattr(world.bank, place, Played(429, {"error": "Rate limit exceeded."}, retry_after="99999"))
        with pytest.raises(VeniceError, match="asks for a pause of") as caught:
            await call()
        assert getattr(caught.value, "retry_after", 0) > 60
        assert world.clock.monotonic() == began
        setattr(world.bank, place, Played(429, {"error": "Rate limit exceeded."}, retry_after="50"))
        with pytest.raises(VeniceError):
            await call()
        assert 50 <= world.clock.monotonic() - began <= 130

    attempt(tmp_path)


@virtual
async def test_a_look_before_a_signature_is_short(world: World) -> None:
    """A limit there does not keep a payment from being made."""
    world.bank.books = Played(429, {"error": "Rate limit exceeded."}, retry_after="30")
    assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10
    assert world.clock.monotonic() < 5


async def _left_open(world: World, *script: object) -> None:
    world.bank.script = list(script)
    with pytest.raises(TopUpError):
        await world.wallet().top_up(50, cap_usd=50)
    assert len(world.bank.headers) == 1


@pytest.mark.parametrize("first", ["busy", "cut", 400])
def test_an_open_payment_above_the_cap_is_not_sent(first: object, tmp_path: Any) -> None:
    """The error names it, when it is over, and the cap that would finish it."""

    @virtual
    async def attempt(world: World) -> None:
        await _left_open(world, first)
        world.bank.script = ["pay"]
        posts = len(world.bank.posts)
        with pytest.raises(TopUpPendingError) as caught:
            await world.wallet().top_up(6, cap_usd=6)
        said = str(caught.value)
        assert "An earlier top-up of $50 is open, and above this call's cap of $6: it was not sent again" in said
        assert "call top_up with a cap of $50 or more" in said
        assert f"it is over at 2027-01-15 {'09:05:00' if first == 'busy' else '08:07:00'} UTC" in said
        assert (caught.value.usd, caught.value.expires_at) == (50, 1_800_000_300)
        assert len(world.bank.posts) == posts
        assert not world.bank.moved
        done = await world.wallet().top_up(6, cap_usd=50)
        assert (done.resumed, done.usd) == (True, 50)

    attempt(tmp_path)


@virtual
async def test_an_open_payment_above_the_cap_is_given_where_it_has_landed(world: World) -> None:
    """The account shows it."""
    world.bank.hidden_lines = world.bank.forgetful = True
    await _left_open(world, "lost", "cut")
    world.bank.hidden_lines = False
    posts = len(world.bank.posts)
    done = await world.wallet().top_up(6, cap_usd=6)
    assert (done.resumed, done.usd, len(world.bank.posts)) == (True, 50, posts)
    assert world.signer.signed_usd == 50


@pytest.mark.parametrize("script", [["busy"], ["busy", 504], ["busy", "cut"]])
def test_what_the_server_was_at_is_not_over_so_soon(script: list[object], tmp_path: Any) -> None:
    """Also where the last answers told nothing, and for a call that does not ask; a plain refusal ends that."""

    @virtual
    async def attempt(world: World) -> None:
        await _left_open(world, *script)
        await world.clock.sleep(1000)
        for cap in (6, 50):
            with pytest.raises(TopUpPendingError):
                await world.wallet().top_up(6, cap_usd=cap)
        assert world.signer.signed_usd == 50
        world.bank.script = [400, "pay"]
        assert (await world.wallet().top_up(6, cap_usd=50)).usd == 6
        assert states(world) == ["expired", "settled"]

    attempt(tmp_path)


@pytest.mark.parametrize("first", ["cut", 400])
def test_an_open_payment_above_the_cap_that_is_over_makes_way(first: object, tmp_path: Any) -> None:
    """It is not sent for that either."""

    @virtual
    async def attempt(world: World) -> None:
        await _left_open(world, first)
        world.bank.script = ["pay"]
        posts = len(world.bank.posts)
        await world.clock.sleep(430)
        done = await world.wallet().top_up(6, cap_usd=6)
        assert (done.resumed, done.usd, len(world.bank.posts)) == (False, 6, posts + 1)
        assert states(world) == ["expired", "settled"]

    attempt(tmp_path)


@virtual
async def test_an_open_payment_above_the_cap_waits_for_the_account(world: World) -> None:
    """Where that cannot be read nothing is signed beside it."""
    await _left_open(world, "cut")
    await world.clock.sleep(430)
    world.bank.books = Played(403, {"error": "no"})
    with pytest.raises(TopUpPendingError, match="cannot be read to the end"):
        await world.wallet().top_up(6, cap_usd=6)
    assert world.signer.signed_usd == 50


@virtual
async def test_another_servers_open_payment_is_not_in_the_way(world: World) -> None:
    """Nor does it count under the cap of a call that begins beside it."""
    from payments.bank import Bank
    from venice_async.client import VeniceClient
    from venice_async.payments import Wallet

    await _left_open(world, "busy")
    client = VeniceClient("k", base_url="http://127.0.0.1:9/api/v1", transport=Bank(world.clock), clock=world.clock)
    done = await Wallet(client, world.signer, store=world.path).top_up(6, cap_usd=6)
    assert isinstance(done, TopUp)
    with pytest.raises(SpendingCapError):
        await world.wallet().top_up(60, cap_usd=50)
