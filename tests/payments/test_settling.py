"""How a payment ends when server, account, clock and record do what they should not: never paid for twice."""

import asyncio
import base64
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from scripted import Played

from payments.bank import ADDRESS, Bank, World, virtual
from payments.test_topup import states
from venice_async.errors import (
    Charge,
    LedgerError,
    SpendingCapError,
    TopUpError,
    TopUpPendingError,
    TopUpRefusedError,
)
from venice_async.models import TopUp
from venice_async.payments import TopUpPolicy
from venice_async.payments.book import Book
from venice_async.payments.payment import PaymentState
from venice_async.wire.exchange import Call

DAY = 86_400
OTHER = "0x1111111111111111111111111111111111111111"


def line(world: World, name: str, **changes: Any) -> dict[str, Any]:
    """A line of the account, written now."""
    at = datetime.fromtimestamp(world.clock.wall() + world.bank.ahead, UTC).isoformat()
    told = {"id": name, "amount": 10.0, "balanceAfter": 10.0, "type": "TOP_UP", "createdAt": at}
    return {**told, "requestId": None, "modelId": None, **changes}


def crediting(bank: Bank, usd: float) -> None:
    """The bank credits another amount than it is paid, says so once, and calls it done from then on."""

    def receipt(header: str, **_: Any) -> Played:
        bank.lines[0]["amount"] = usd
        if bank.posts.count(header) > 1:
            return bank._played(409, {"error": "PAYMENT_IN_PROGRESS", "message": "already processed"})
        return Bank._receipt(bank, header, amountCredited=usd)

    bank._receipt = receipt  # type: ignore[method-assign]


@pytest.mark.parametrize("usd", [11.0, 9.7, 1000.0, 0.0])
def test_a_fee_or_a_bonus_makes_no_second_payment(usd: float, tmp_path: Any) -> None:
    """The receipt is believed at first sight, and says what was paid and what was credited."""

    @virtual
    async def attempt(world: World) -> None:
        crediting(world.bank, usd)
        done = await world.wallet().top_up(10, cap_usd=10)
        assert (done.usd, done.credited_usd) == (10, Decimal(str(usd)))
        assert f"$10 was paid, and the server says that it credited ${usd}" in done.difference
        assert states(world) == ["settled"]
        assert world.signer.signed_usd == 10

    attempt(tmp_path)


@virtual
async def test_a_fee_or_a_bonus_is_found_where_the_answer_was_lost(world: World) -> None:
    """Only the account shows it, with another amount: when the payment is over that is taken for it."""
    world.bank.script = ["lost", "busy"]
    world.bank.forgetful = world.bank.hidden_lines = True
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    world.bank.hidden_lines = False
    world.bank.lines[0]["amount"] = 9.7
    await world.clock.sleep(4200)
    done = await world.wallet().top_up(10, cap_usd=10)
    assert (done.resumed, done.usd, done.credited_usd) == (True, 10, Decimal("9.7"))
    assert world.signer.signed_usd == 10


def test_a_difference_is_told_only_where_there_is_one() -> None:
    """In words."""
    same = TopUp(wallet_address=ADDRESS, usd=Decimal(10), credited_usd=Decimal("10.00"))
    assert same.difference == TopUp(wallet_address=ADDRESS, usd=Decimal(10)).difference == ""


def elsewhere(bank: Bank) -> Played:
    """A receipt that names another wallet."""
    data = {"walletAddress": OTHER, "amountCredited": 10, "newBalance": 10, "paymentId": "p7"}
    return bank._played(200, {"success": True, "data": data})


@pytest.mark.parametrize("later", [400, "busy", 504])
def test_a_receipt_of_another_wallet_is_kept(later: object, tmp_path: Any) -> None:
    """Said once, and never again: the payment is not thought to have moved nothing, and no other is signed for it."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.script = [elsewhere(world.bank), later]
        with pytest.raises(TopUpError) as caught:
            await world.wallet().top_up(10, cap_usd=10)
        assert states(world) == ["signed"]
        await world.clock.sleep(4200)
        with pytest.raises(TopUpError, match=f"credited \\$10 to {OTHER}") as caught:
            await world.wallet().top_up(10, cap_usd=10)
        assert caught.value.charge is Charge.CHARGED
        assert "p7" in caught.value.advice
        assert states(world) == ["settled"]
        assert len(world.signer.asked) == 1

    attempt(tmp_path)


@virtual
async def test_a_receipt_of_ours_goes_before_one_of_another_wallet(world: World) -> None:
    """The server has thought better of it."""
    world.bank.script = [elsewhere(world.bank), "pay"]
    done = await world.wallet().top_up(10, cap_usd=10)
    assert (done.usd, done.credited_usd, done.payment_id) == (10, 10, "payment_1")


@virtual
async def test_what_a_hostile_receipt_names_is_safe_to_show(world: World) -> None:
    """In errors, and in the file."""
    data = {"walletAddress": "\x1b[31mEVIL\n0x1", "amountCredited": 1, "newBalance": 1, "paymentId": "\x1b]0;x\x07p"}
    world.bank.script = [world.bank._played(200, {"success": True, "data": data})]
    for _ in range(2):
        with pytest.raises(TopUpError) as caught:
            await world.wallet().top_up(10, cap_usd=10)
        assert "EVIL" in str(caught.value)
        assert str(caught.value).isprintable()
        await world.clock.sleep(600)
    with closing(sqlite3.connect(world.path)) as connection:
        (kept,) = connection.execute("SELECT payment_id || credited_to FROM payments").fetchone()
    assert kept.isprintable()


@pytest.mark.parametrize("after_it_was_recorded", [False, True])
def test_the_cap_holds_though_the_clock_is_set_back(after_it_was_recorded: bool, tmp_path: Any) -> None:
    """The second call began while the first one ran: that counts, whenever the clock says that it was."""

    @virtual
    async def attempt(world: World) -> None:
        gate, real = asyncio.Event(), world.clock.wall

        async def wait(_: str) -> None:
            if len(world.bank.calls) == 2:
                await gate.wait()
                if not after_it_was_recorded:
                    set_back()

        def set_back() -> None:
            world.clock.wall = lambda: real() - 30  # type: ignore[method-assign]

        world.bank.wait = wait
        wallet = world.wallet()
        first = asyncio.ensure_future(wallet.top_up(10, cap_usd=10))
        await world.clock.sleep(5)
        second = asyncio.ensure_future(wallet.top_up(10, cap_usd=10))
        await world.clock.sleep(5)
        first.add_done_callback(lambda _: set_back())
        gate.set()
        results = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(each) for each in results] == [TopUp, SpendingCapError]
        assert world.signer.signed_usd == 10

    attempt(tmp_path)


@virtual
async def test_what_was_settled_while_a_call_began_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its first instant and its look at the record, which then shows nothing open."""
    gate, real = asyncio.Event(), Book.mark
    wallet = world.wallet()
    looks = 0

    async def late(book: Book) -> Any:
        nonlocal looks
        looks += 1
        if looks == 2:
            await gate.wait()
        return await real(book)

    async def slowly(_: str) -> None:
        await world.clock.sleep(10)

    monkeypatch.setattr(Book, "mark", late)
    world.bank.wait = slowly
    world.bank.script = ["busy"]
    with pytest.raises(TopUpPendingError):
        await world.wallet(settled_within=1).top_up(10, cap_usd=10)  # it looks first, and leaves one open
    world.bank.script = ["pay"]
    first = asyncio.ensure_future(_after(world, 1, wallet.top_up(10, cap_usd=10)))
    looks = 0
    second = asyncio.ensure_future(_after(world, 2, wallet.top_up(10, cap_usd=10)))
    assert (await first).resumed
    gate.set()
    with pytest.raises(SpendingCapError):
        await second
    assert world.signer.signed_usd == 10


async def _after(world: World, seconds: float, call: Any) -> Any:
    await world.clock.sleep(seconds)
    return await call


@virtual
async def test_a_clock_that_jumps_ahead_signs_nothing_where_the_server_tells_no_time(world: World) -> None:
    """The first one is still good by the chain's clock."""
    world.bank.script, world.bank.dated = ["cut"], False
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    real = world.clock.wall
    for hours in (1, 12, 23):
        world.clock.wall = lambda hours=hours: real() + hours * 3600  # type: ignore[misc]
        world.bank.ahead = -hours * 3600
        with pytest.raises(TopUpPendingError):
            await world.wallet(settled_within=5).top_up(10, cap_usd=10)
        assert len(world.bank.alive) == world.signer.signed_usd / 10 == 1
    world.bank.ahead = 0
    await world.clock.sleep(2 * 3600)
    world.bank.script = ["cut", "cut", "cut", "cut", "pay"]
    assert not (await world.wallet().top_up(10, cap_usd=10)).resumed  # a day is the end of it


@pytest.mark.parametrize("answer", ["lost", 400, 504])
def test_a_record_that_fails_after_the_payment_was_sent_says_so(answer: object, tmp_path: Any) -> None:
    """Nobody knows whether it moved: how much, until when, and what to do are in the words."""

    @virtual
    async def attempt(world: World) -> None:
        hidden = world.path.with_name("hidden")

        async def breaks(_: str) -> None:
            if world.signer.asked and not hidden.exists():
                world.path.rename(hidden)

        world.bank.script, world.bank.wait = [answer], breaks
        with pytest.raises(LedgerError) as caught:
            await world.wallet().top_up(10, cap_usd=10)
        assert (caught.value.charge, caught.value.usd) == (Charge.UNVERIFIED, 10)
        assert caught.value.expires_at == 1_800_000_300
        assert "A top-up of $10 was signed and sent, and may move money until 2027-01-15 08:05:00 UTC" in str(
            caught.value
        )
        assert "call top_up again" in caught.value.advice
        assert caught.value.__context__ is None
        hidden.rename(world.path)
        world.bank.script, world.bank.wait = ["pay"], None
        assert (await world.wallet().top_up(10, cap_usd=10)).resumed
        assert world.signer.signed_usd == 10

    attempt(tmp_path)


@virtual
async def test_a_refusal_that_cannot_be_recorded_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server holds the payment all the same."""
    real = Book.move

    async def full(book: Book, payment: Any, state: PaymentState, **changes: Any) -> Any:
        if state is PaymentState.REFUSED:
            raise LedgerError("The disk is full.")
        return await real(book, payment, state, **changes)

    monkeypatch.setattr(Book, "move", full)
    world.bank.script = [400]
    with pytest.raises(LedgerError, match="signed and sent") as caught:
        await world.wallet().top_up(10, cap_usd=10)
    assert caught.value.charge is Charge.UNVERIFIED


@virtual
async def test_a_wallet_that_goes_on_spending_is_not_stuck(world: World) -> None:
    """Thousands of lines since: they are read at the pace that the server allows, and the next payment is made."""
    world.bank.script = [504]
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    await world.clock.sleep(900)
    charges = [line(world, f"charge {number}", type="CHARGE", amount=-0.01) for number in range(2100)]
    world.bank.lines = charges
    world.bank.script = [504, 504, 504, 504, "pay"]
    before = len(world.bank.calls)
    began = world.clock.monotonic()
    done = await world.wallet().top_up(10, cap_usd=10)
    assert (done.resumed, states(world)) == (False, ["expired", "settled"])
    pages = sum(call.name == "wallet_transactions" for call in world.bank.calls[before:]) - 1  # one before it is signed
    assert pages == 21
    assert (world.clock.monotonic() - began) / pages >= 60 / 20 * (pages - 1) / pages


@pytest.mark.parametrize("odd", [{"balanceAfter": None}, {"createdAt": "yesterday"}, {"amount": "1"}])
def test_a_line_that_cannot_be_read_blocks_nothing_unless_it_is_a_top_up(odd: dict[str, Any], tmp_path: Any) -> None:
    """Then the error names it."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.script = [504]
        with pytest.raises(TopUpPendingError):
            await world.wallet().top_up(10, cap_usd=10)
        await world.clock.sleep(900)
        world.bank.lines = [line(world, "odd", **odd)]
        with pytest.raises(TopUpPendingError, match=r"cannot be read to the end \(.*transactions\[0\]") as caught:
            await world.wallet().top_up(10, cap_usd=10)
        assert "nothing new is signed until it can" in str(caught.value)
        world.bank.script = [400]
        with pytest.raises(TopUpRefusedError, match=r"cannot be read to the end \(.*transactions\[0\]"):
            await world.wallet().top_up(10, cap_usd=10)
        world.bank.lines = [line(world, "odd", type="ADJUSTMENT", **odd)]
        world.bank.script = [400, "pay"]
        assert not (await world.wallet().top_up(10, cap_usd=10)).resumed

    attempt(tmp_path)


@virtual
async def test_lines_that_are_left_out_are_counted(world: World) -> None:
    """The credit stands behind a whole page of them."""
    world.bank.script, world.bank.forgetful, world.bank.hidden_lines = ["lost", "cut"], True, True
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    await world.clock.sleep(900)
    odd = [line(world, f"odd {number}", type="ADJUSTMENT", balanceAfter=None) for number in range(150)]
    world.bank.lines, world.bank.hidden_lines = [*odd, *world.bank.lines], False
    assert (await world.wallet().top_up(10, cap_usd=10)).resumed
    assert world.signer.signed_usd == 10


@virtual
async def test_a_receipt_that_comes_after_the_end_is_believed(world: World) -> None:
    """Another program gave the payment up while its answer was on the way; that one's own is another payment."""
    world.bank.script = ["cut"]
    with pytest.raises(TopUpPendingError):
        await world.wallet(settled_within=5).top_up(10, cap_usd=10)
    await world.clock.sleep(430)
    entered, gate = asyncio.Event(), asyncio.Event()
    slow, quick = Bank(world.clock), world.bank

    async def wait(_: str) -> None:
        entered.set()
        await gate.wait()

    def late(call: Call) -> Played:
        data = {"walletAddress": ADDRESS, "amountCredited": 10, "newBalance": 10, "paymentId": "late"}
        settled = base64.b64encode(json.dumps({"success": True}).encode()).decode()
        return slow._played(200, {"success": True, "data": data}, payment_response=settled)

    slow.wait = wait
    slow._answer = late  # type: ignore[method-assign]
    first = asyncio.ensure_future(world.wallet(bank=slow).top_up(10, cap_usd=10))
    await entered.wait()
    quick.script = ["cut", "cut", "cut", "cut", "pay"]
    assert (await world.wallet().top_up(20, cap_usd=40)).usd == 20
    assert states(world) == ["expired", "settled"]
    gate.set()
    assert ((await first).payment_id, states(world)) == ("late", ["settled", "settled"])


@pytest.mark.parametrize("dated", [True, False])
def test_a_credit_of_another_is_not_told_as_ours(dated: bool, tmp_path: Any) -> None:
    """The receipt told a balance after a charge, so its line is not known by that; the next payment is refused."""

    @virtual
    async def attempt(world: World) -> None:
        bank = world.bank
        bank.dated = dated
        bank._receipt = lambda header, **_: Bank._receipt(bank, header, newBalance=9.5)  # type: ignore[method-assign]
        await world.wallet().top_up(10, cap_usd=10)
        await world.clock.sleep(5)
        bank.script = ["cut", 400]
        for _ in range(2):
            with pytest.raises(TopUpRefusedError):
                await world.wallet().top_up(10, cap_usd=10)
        assert sum(bank.moved.values()) == 10

    attempt(tmp_path)


@virtual
async def test_what_was_only_ever_refused_takes_a_credit_when_it_is_over(world: World) -> None:
    """Until then such a credit is rather another program's; then it might be a server that did not tell the truth."""
    world.bank.script = [400]
    with pytest.raises(TopUpRefusedError):
        await world.wallet().top_up(10, cap_usd=10)
    world.bank.lines = [line(world, "another's")]
    for _ in range(2):
        with pytest.raises(TopUpRefusedError):
            await world.wallet().top_up(10, cap_usd=10)
    assert [call.name for call in world.bank.calls].count("wallet_transactions") == 1
    await world.clock.sleep(500)
    world.bank.dated = False  # so that our clock alone does not end it
    with pytest.raises(TopUpRefusedError):
        await world.wallet().top_up(10, cap_usd=10)
    assert states(world) == ["refused"]
    world.bank.dated = True
    assert (await world.wallet().top_up(10, cap_usd=10)).resumed
    assert world.signer.signed_usd == 10


@virtual
async def test_what_was_in_doubt_once_takes_a_credit_at_once(world: World) -> None:
    """Refused before and after: its one lost answer may have been the receipt. Also in the next program."""
    world.bank.script = [400]
    with pytest.raises(TopUpRefusedError):
        await world.wallet().top_up(10, cap_usd=10)
    world.bank.script = ["cut", 400]
    with pytest.raises(TopUpRefusedError):
        await world.wallet().top_up(10, cap_usd=10)
    assert states(world) == ["signed"]
    world.bank.lines = [line(world, "late")]
    world.bank.script = [400]
    assert (await world.wallet().top_up(10, cap_usd=10)).resumed


@virtual
async def test_a_policy_says_what_was_never_credited(world: World) -> None:
    """Refused and over: it counts for good, and a person is told why so little was credited."""
    policy = TopUpPolicy(usd=10, per_payment_usd=10, per_day_usd=20, total_usd=20)
    world.bank.script = [402]
    for _ in range(2):
        with pytest.raises(TopUpRefusedError):
            await world.wallet().top_up_within(policy)
        await world.clock.sleep(600)
    with pytest.raises(SpendingCapError, match=r"of which \$20 were never credited"):
        await world.wallet().top_up_within(policy)


def short(bank: Bank) -> Played:
    """The chain does not take the transfer: too little USDC."""
    return bank._played(402, {"error": "SETTLEMENT_FAILED", "message": "Settlement failed, funds not transferred"})


@virtual
async def test_a_wallet_without_enough_usdc_is_told_what_to_do(world: World) -> None:
    """The code, how much is needed where, that the same call sends the same payment, and until when."""
    world.bank.script = [short(world.bank)]
    with pytest.raises(TopUpRefusedError) as caught:
        await world.wallet().top_up("12.5", cap_usd=20)
    assert (caught.value.code, caught.value.status) == ("SETTLEMENT_FAILED", 402)
    assert (caught.value.charge, caught.value.expires_at) == (Charge.NONE, 1_800_000_300)
    said = str(caught.value)
    for fact in (
        "The top-up of $12.5 was not taken (SETTLEMENT_FAILED).",
        "(402): Settlement failed, funds not transferred.",
        "Nothing was charged.",
        f"see that {ADDRESS.lower()} holds $12.5 or more in USDC on Base",
        "call top_up again (or type the same command)",
        "Until 2027-01-15 08:05:00 UTC, when this payment expires, that sends this same one again and signs no other",
        "a little later it signs a new one",
    ):
        assert fact in said
    world.bank.script = ["pay"]
    await world.clock.sleep(200)
    assert (await world.wallet().top_up("12.5", cap_usd=20)).resumed
    assert world.signer.signed_usd == Decimal("12.5")


@virtual
async def test_a_refused_payment_that_has_expired_says_that_a_new_one_follows(world: World) -> None:
    """Between its end and the server's word for it."""
    world.bank.script, world.bank.dated = [400], False
    for pause in (500, 0):
        with pytest.raises(TopUpRefusedError) as caught:
            await world.wallet().top_up(10, cap_usd=10)
        await world.clock.sleep(pause)
    said = str(caught.value)
    assert "(INVALID_PAYMENT)" in said
    assert "USDC on Base" not in said
    assert "This payment expired at 2027-01-15 08:05:00 UTC: as soon as the server confirms that" in said
