"""One top-up from the first question to the receipt, and everything that may come in between."""

import asyncio
import logging
from decimal import Decimal
from typing import Any

import pytest
from scripted import Played

from payments.bank import ADDRESS, BASE_URL, PAYEE, Bank, Signer, World, opened, payer_of, virtual
from venice_async.errors import (
    Charge,
    ConfigurationError,
    LedgerError,
    SignerError,
    SpendingCapError,
    TopUpError,
    TopUpPendingError,
    TopUpRefusedError,
    VeniceError,
)
from venice_async.payments import PaymentState, TopUpPolicy, Wallet
from venice_async.payments.caps import Limits, Mark, Wish
from venice_async.payments.payment import Purse
from venice_async.payments.store import Store
from venice_async.payments.wallet import origin_of
from venice_async.signin import Chain


def states(world: World) -> list[str]:
    """The states of all payments on record, oldest first."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(world.path)) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM payments ORDER BY n")]


@virtual
async def test_a_payment_is_what_was_asked(world: World) -> None:
    """Signed by the wallet, to the payee of the offer, in USDC on Base, for the amount, for five minutes."""
    done = await world.wallet().top_up("7.25", cap_usd=10)
    assert (done.usd, done.balance_usd, done.payment_id) == (Decimal("7.25"), Decimal("7.25"), "payment_1")
    assert done.transaction == "0x" + "ab" * 32
    assert not done.resumed
    (header,) = world.bank.posts
    sent = opened(header)
    authorization = sent["payload"]["authorization"]
    assert payer_of(sent["payload"]) == ADDRESS.lower()
    assert (authorization["from"], authorization["to"].lower(), authorization["value"]) == (ADDRESS, PAYEE, "7250000")
    assert int(authorization["validBefore"]) - world.clock.wall() == 300
    assert sent["accepted"] == {
        "scheme": "exact",
        "network": "eip155:8453",
        "asset": "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",
        "amount": "7250000",
        "payTo": PAYEE,
        "maxTimeoutSeconds": 300,
        "extra": {"name": "USD Coin", "version": "2"},
    }
    assert set(sent) == {"x402Version", "payload", "accepted"}
    assert states(world) == ["settled"]


@virtual
async def test_no_sign_in_goes_along(world: World) -> None:
    """A payment says by itself who pays: neither the question nor the payment carries a credential."""
    await world.wallet().top_up(5, cap_usd=5)
    assert [call.name for call in world.bank.calls] == ["top_up", "wallet_transactions", "top_up"]
    for call in world.bank.calls[::2]:
        assert not {name.lower() for name in call.headers} & {"authorization", "sign-in-with-x", "x-sign-in-with-x"}


@virtual
async def test_each_of_several_calls_has_the_whole_cap(world: World) -> None:
    """The cap is for what runs at the same time."""
    for _ in range(3):
        await world.wallet().top_up(10, cap_usd=10)
    assert sum(world.bank.moved.values()) == 30


@virtual
async def test_a_hundred_at_once_stay_under_one_cap(world: World) -> None:
    """One pays; the others are told why they do not, and none of them asks the server."""
    wallet = world.wallet()
    results = await asyncio.gather(*(wallet.top_up(10, cap_usd=10) for _ in range(100)), return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in results) == 1
    assert sum(isinstance(each, SpendingCapError) for each in results) == 99
    assert world.signer.signed_usd == sum(world.bank.moved.values()) == 10
    assert len(world.bank.calls) == 3


@virtual
async def test_a_hundred_programs_at_once_stay_under_one_cap(world: World) -> None:
    """Wallets that know nothing of each other share the record: what one signs, another finishes or counts."""
    wallets = [world.wallet() for _ in range(100)]
    await asyncio.gather(*(wallet.top_up(10, cap_usd=10) for wallet in wallets), return_exceptions=True)
    assert world.signer.signed_usd <= 10
    assert len(world.bank.headers) == 1
    assert sum(world.bank.moved.values()) == 10


@virtual
async def test_a_lost_answer_is_asked_for_with_the_same_bytes(world: World) -> None:
    """It moved money once, and only one payment was ever signed."""
    world.bank.script = ["lost", "cut", 500, 429, "pay"]
    done = await world.wallet().top_up(10, cap_usd=10)
    assert done.usd == 10
    assert len(world.bank.headers) == 1
    assert sum(world.bank.moved.values()) == 10
    assert states(world) == ["settled"]


@pytest.mark.parametrize("forgetful", [False, True])
def test_a_payment_whose_answers_are_all_lost_is_found_in_the_account(forgetful: bool, tmp_path: Any) -> None:
    """Even from a server that never says again that it was paid."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.script = ["lost", 502]
        world.bank.forgetful = forgetful
        done = await world.wallet().top_up(10, cap_usd=10)
        assert done.usd == 10
        assert sum(world.bank.moved.values()) == 10

    attempt(tmp_path)


@virtual
async def test_what_is_in_progress_is_waited_for(world: World) -> None:
    """With the same payment, not too often, until it is done."""
    world.bank.script = ["busy"] * 5 + ["pay"]
    began = world.clock.monotonic()
    await world.wallet().top_up(10, cap_usd=10)
    assert 5 <= world.clock.monotonic() - began <= 120
    assert len(world.bank.headers) == 1


@virtual
async def test_what_stays_in_progress_is_left_to_the_next_call(world: World) -> None:
    """After two minutes; it signs nothing new, whatever amount it is asked for, and says so."""
    world.bank.script = ["busy"]
    with pytest.raises(TopUpPendingError) as caught:
        await world.wallet().top_up(10, cap_usd=10)
    assert caught.value.charge is Charge.UNVERIFIED
    assert caught.value.usd == 10
    assert caught.value.expires_at is not None
    assert 60 < world.clock.wall() - 1_800_000_000 <= 125
    (payment,) = await world.wallet().open_payments()
    assert (payment.usd, payment.state, payment.expires_at) == (10, PaymentState.SIGNED, caught.value.expires_at)
    world.bank.script = ["pay"]
    done = await world.wallet().top_up(50, cap_usd=50)
    assert (done.resumed, done.usd) == (True, 10)
    assert len(world.signer.asked) == 1
    assert (await world.wallet().top_up(50, cap_usd=50)).usd == 50


@virtual
async def test_those_who_wait_share_what_could_not_be_finished(world: World) -> None:
    """A crowd does not stand in line for two minutes each."""
    world.bank.script = ["busy"]
    wallet = world.wallet()
    began = world.clock.monotonic()
    results = await asyncio.gather(*(wallet.top_up(10, cap_usd=100) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(each, TopUpPendingError) for each in results)
    assert world.clock.monotonic() - began <= 130
    assert len(world.bank.headers) == 1


@pytest.mark.parametrize("status", [400, 402])
def test_a_refused_payment_stays_the_only_one_until_it_expires(status: int, tmp_path: Any) -> None:
    """The server holds an authorisation, so another one would be two; what it said comes without the payment in it."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.script = [status]
        for _ in range(3):
            with pytest.raises(TopUpRefusedError) as caught:
                await world.wallet().top_up(10, cap_usd=10)
            assert caught.value.status == status
            assert world.bank.posts[0] not in f"{caught.value}{vars(caught.value)}"
        assert len(world.bank.headers) == len(world.signer.asked) == 1
        assert states(world) == ["refused"]
        await world.clock.sleep(300 + 100)
        with pytest.raises(TopUpRefusedError):
            await world.wallet().top_up(10, cap_usd=10)
        assert len(world.signer.asked) == 1
        await world.clock.sleep(30)
        world.bank.script = [status, "pay"]
        done = await world.wallet().top_up(10, cap_usd=10)
        assert not done.resumed
        assert states(world) == ["expired", "settled"]
        assert len(world.bank.alive) == 1

    attempt(tmp_path)


@virtual
async def test_a_refused_payment_is_credited_by_the_next_call_once_the_cause_is_mended(world: World) -> None:
    """For instance when USDC has arrived in the wallet."""
    world.bank.script = [402]
    with pytest.raises(TopUpRefusedError):
        await world.wallet().top_up(10, cap_usd=10)
    world.bank.script = ["pay"]
    assert (await world.wallet().top_up(10, cap_usd=10)).resumed
    assert len(world.signer.asked) == 1


@virtual
async def test_a_payment_that_is_refused_because_it_was_done_is_found_in_the_account(world: World) -> None:
    """A used nonce is a refusal to a server that forgot: the credit proves otherwise."""
    world.bank.script = ["lost", 400]
    world.bank.forgetful = True
    done = await world.wallet().top_up(10, cap_usd=10)
    assert done.usd == 10
    assert done.balance_usd == 10
    assert states(world) == ["settled"]


@virtual
async def test_another_payments_credit_is_not_taken_for_ours(world: World) -> None:
    """The account shows an earlier top-up of the same amount; this one did not land and is signed anew when over."""
    await world.wallet().top_up(10, cap_usd=10)
    world.bank.script = ["cut"]
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    await world.clock.sleep(500)
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)  # the next one is cut as well
    assert states(world) == ["settled", "expired", "signed"]
    assert sum(world.bank.moved.values()) == 10


@virtual
async def test_two_payments_of_one_amount_each_have_their_own_credit(world: World) -> None:
    """Two landed one after the other, and both are found though every answer was lost."""
    for _ in range(3):
        world.bank.script = ["lost", 500]
        world.bank.forgetful = True
        assert not (await world.wallet().top_up(10, cap_usd=10)).resumed
    assert sum(world.bank.moved.values()) == 30
    assert states(world) == ["settled"] * 3


@virtual
async def test_nothing_is_signed_anew_while_the_account_cannot_be_read(world: World) -> None:
    """Also long after the payment is over."""
    world.bank.script = ["lost", "cut"]
    world.bank.forgetful = True
    world.bank.books = Played(500, {"error": "down"})
    for _ in range(3):
        with pytest.raises(TopUpPendingError):
            await world.wallet().top_up(10, cap_usd=10)
        await world.clock.sleep(3600)
    assert len(world.signer.asked) == 1
    world.bank.books = None
    assert (await world.wallet().top_up(10, cap_usd=10)).resumed
    assert sum(world.bank.moved.values()) == 10


@pytest.mark.parametrize("pages", [1, 3, 25, 501])
def test_a_credit_behind_many_lines_is_found(pages: int, tmp_path: Any) -> None:
    """And where there are more lines than are read, nothing is concluded, and the error says why."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.script = ["lost", "cut"]
        world.bank.forgetful = True
        world.bank.books = Played(500)
        with pytest.raises(TopUpPendingError):
            await world.wallet().top_up(10, cap_usd=10)
        world.bank.books = None
        late = world.bank.lines[0]["createdAt"]
        charge = {
            "amount": -0.01,
            "balanceAfter": 9,
            "type": "CHARGE",
            "createdAt": late,
            "requestId": "r",
            "modelId": "m",
        }
        world.bank.lines[:0] = [{**charge, "id": f"charge-{number}"} for number in range(100 * pages)]
        await world.clock.sleep(900)
        if pages > 500:
            with pytest.raises(TopUpPendingError, match="there are more than 50000 lines"):
                await world.wallet().top_up(10, cap_usd=10)
        else:
            assert (await world.wallet().top_up(10, cap_usd=10)).resumed
        assert len(world.signer.asked) == 1

    attempt(tmp_path)


@virtual
async def test_a_clock_that_is_ahead_does_not_end_a_payment_early(world: World) -> None:
    """The server's date says that the first one is still good."""
    world.bank.script = ["cut"]
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    world.bank.ahead = -3600
    await world.clock.sleep(1800)
    with pytest.raises(TopUpPendingError):
        await world.wallet().top_up(10, cap_usd=10)
    assert len(world.signer.asked) == 1


@virtual
async def test_a_server_that_dates_itself_ahead_does_not_end_a_payment_early(world: World) -> None:
    """Nor does one whose clock is wrong the other way: both clocks have to agree."""
    world.bank.script = ["cut"]
    for _ in range(2):
        with pytest.raises(TopUpPendingError):
            await world.wallet().top_up(10, cap_usd=10)
        world.bank.ahead = 86_400
    assert len(world.signer.asked) == 1


@virtual
async def test_a_credit_is_found_though_our_clock_is_ahead(world: World) -> None:
    """Lines are dated by the server."""
    world.bank.ahead = -55
    world.bank.script = ["lost", 500]
    world.bank.forgetful = True
    assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10


@virtual
async def test_an_undated_server_is_compared_generously(world: World) -> None:
    """Without a date the credit may seem older than its payment."""
    world.bank.dated = False
    world.bank.ahead = -1800
    world.bank.script = ["lost", 500]
    world.bank.forgetful = True
    assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", {"success": False, "data": {}}, {"success": True}, b"\xff"])
def test_a_garbled_receipt_leaves_it_open(body: Any, tmp_path: Any) -> None:
    """And the next call asks again with the same payment."""

    @virtual
    async def attempt(world: World) -> None:
        world.bank.script = [Played(200, body)]
        with pytest.raises(TopUpPendingError):
            await world.wallet().top_up(10, cap_usd=10)
        world.bank.script = ["pay"]
        assert (await world.wallet().top_up(10, cap_usd=10)).resumed
        assert len(world.signer.asked) == 1

    attempt(tmp_path)


@virtual
async def test_a_signer_that_says_no_leaves_nothing(world: World) -> None:
    """No payment, no cap used up, and the next call asks again at once."""

    async def no() -> None:
        raise SignerError("The device said no.")

    refusing = Signer(before=no)
    with pytest.raises(SignerError):
        await world.wallet(signer=refusing).top_up(10, cap_usd=10)
    assert states(world) == ["void"]
    assert not world.bank.posts
    assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10


@virtual
async def test_a_signer_that_never_answers_is_given_up(world: World) -> None:
    """After its time, with nothing sent."""
    waiting = Signer(before=asyncio.Event().wait)  # type: ignore[arg-type]
    with pytest.raises(SignerError, match="did not sign within"):
        await world.wallet(signer=waiting, signing_within=0.05).top_up(10, cap_usd=10)
    assert states(world) == ["void"]


@virtual
async def test_a_signature_that_comes_too_late_is_not_sent(world: World) -> None:
    """It would only be refused, and stay in the way. It counts all the same: whoever else has it kept it."""

    async def slow() -> None:
        await world.clock.sleep(301)

    wallet = world.wallet(signer=Signer(before=slow))
    calls = await asyncio.gather(*(wallet.top_up(10, cap_usd=20) for _ in range(5)), return_exceptions=True)
    late = [str(call) for call in calls if isinstance(call, SignerError)]
    assert len(late) == 2
    assert all("expired" in words for words in late)
    assert sum(isinstance(call, SpendingCapError) for call in calls) == 3
    assert not world.bank.posts
    assert states(world) == ["expired"] * 2


@pytest.mark.parametrize(
    "signature", ["", "0x", "0x12", "0x" + "zz" * 65, "ab" * 65, "0x" + "ab" * 5000, "0x" + "ab" * 65 + "\n"]
)
def test_what_is_no_signature_is_not_sent(signature: str, tmp_path: Any) -> None:
    """Whatever a wallet gives."""

    class Odd(Signer):
        async def sign_payment(self, payment: Any) -> str:
            del payment
            return signature

    @virtual
    async def attempt(world: World) -> None:
        with pytest.raises(SignerError):
            await world.wallet(signer=Odd()).top_up(10, cap_usd=10)
        assert not world.bank.posts
        assert states(world) == ["void"]

    attempt(tmp_path)


@virtual
async def test_a_program_that_died_before_it_signed_is_not_waited_for_for_ever(world: World) -> None:
    """Its amount counts for as long as it may still sign, and then no more."""

    reserve = Wish(units=10**7, limits=Limits(cap=10**7), mark=Mark(last=0), pay_to=PAYEE)
    purse = Purse(origin=origin_of(BASE_URL), wallet=ADDRESS.lower())
    Store(world.path).reserve(purse, reserve, now=world.clock.wall(), stale_after=1)
    assert states(world) == ["reserved"]
    assert not await world.wallet().open_payments()
    with pytest.raises(TopUpPendingError, match="Another program") as caught:
        await world.wallet().top_up(10, cap_usd=10)
    assert caught.value.charge is Charge.NONE
    await world.clock.sleep(300)
    assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10
    assert states(world) == ["void", "settled"]


@virtual
async def test_one_that_is_being_signed_elsewhere_is_waited_for_and_finished(world: World) -> None:
    """Who waited sends what the other has signed, or finds it done; then it counts under the cap."""

    async def slow() -> None:
        await world.clock.sleep(20)

    slowly = Signer(before=slow)
    first = asyncio.ensure_future(world.wallet(signer=slowly).top_up(10, cap_usd=10))
    while not slowly.asked and not world.path.exists():
        await world.clock.sleep(1)
    await world.clock.sleep(1)
    try:
        second = await world.wallet().top_up(30, cap_usd=30)
    except SpendingCapError:
        pass
    else:
        assert (second.resumed, second.usd) == (True, 10)
    assert (await first).usd == 10
    assert sum(world.bank.moved.values()) == world.signer.signed_usd + slowly.signed_usd == 10


@virtual
async def test_a_policy_bounds_what_is_paid_in_a_day_and_ever(world: World) -> None:
    """And a person's own top-ups do not count there."""
    policy = TopUpPolicy(usd=10, per_payment_usd=10, per_day_usd=20, total_usd=30)
    wallet = world.wallet()
    await wallet.top_up(500, cap_usd=500)
    await wallet.top_up_within(policy)
    await world.clock.sleep(3600)
    await world.wallet().top_up_within(policy)
    with pytest.raises(SpendingCapError, match="24 hours"):
        await wallet.top_up_within(policy)
    await world.clock.sleep(82_000)
    with pytest.raises(SpendingCapError, match="24 hours"):
        await wallet.top_up_within(policy)
    await world.clock.sleep(3600)
    await wallet.top_up_within(policy)
    await world.clock.sleep(10 * 86_400)
    with pytest.raises(SpendingCapError, match="all automatic"):
        await wallet.top_up_within(policy)
    assert sum(world.bank.moved.values()) == 530


@virtual
async def test_a_server_that_denies_every_payment_gets_no_more_than_the_policy(world: World) -> None:
    """It may settle what it says it refused, and show none of it: what was signed counts, not what it tells."""
    policy = TopUpPolicy(usd=10, per_payment_usd=10, per_day_usd=30, total_usd=50)
    world.bank.script = [402]
    for _ in range(400):
        with pytest.raises((TopUpRefusedError, SpendingCapError)):
            await world.wallet().top_up_within(policy)
        assert world.signer.signed_usd <= (30 if world.clock.monotonic() < 80_000 else 50)
        await world.clock.sleep(500)
    assert world.signer.signed_usd == 50


@virtual
async def test_a_payment_that_is_over_before_it_was_taken_says_so(world: World) -> None:
    """A call that was given more time than a payment is good for."""
    world.bank.script = ["busy"]
    with pytest.raises(TopUpError, match="has expired") as caught:
        await world.wallet(settled_within=5000).top_up(10, cap_usd=10)
    assert caught.value.charge is Charge.NONE
    assert states(world) == ["expired"]
    world.bank.script = ["pay"]
    assert (await world.wallet().top_up(10, cap_usd=10)).usd == 10


@virtual
async def test_a_hundred_automatic_ones_at_once_pay_once(world: World) -> None:
    """per_payment_usd bounds all that run at the same time."""
    policy = TopUpPolicy(usd=10, per_payment_usd=10, per_day_usd=1000, total_usd=1000)
    wallet = world.wallet()
    await asyncio.gather(*(wallet.top_up_within(policy) for _ in range(100)), return_exceptions=True)
    assert sum(world.bank.moved.values()) == world.signer.signed_usd == 10


@virtual
async def test_a_solana_wallet_is_told_what_to_do_instead(world: World) -> None:
    """Before anything is asked."""
    wallet = world.wallet(signer=Signer(chain=Chain.SOLANA))
    with pytest.raises(ConfigurationError, match="Solana"):
        await wallet.top_up(10, cap_usd=10)
    with pytest.raises(ConfigurationError, match="Solana"):
        await wallet.top_up_within(TopUpPolicy(usd=5, per_payment_usd=5, per_day_usd=5, total_usd=5))
    assert not world.bank.calls


@virtual
async def test_a_settled_payment_that_cannot_be_recorded_says_that_it_was_charged(world: World) -> None:
    """And the next call finds out the same, without signing."""

    async def broken(name: str) -> None:
        if name == "top_up" and world.signer.asked:
            world.path.chmod(0o644)  # a file that others can read is not used

    world.bank.wait = broken
    with pytest.raises(LedgerError) as caught:
        await world.wallet().top_up(10, cap_usd=10)
    assert caught.value.charge is Charge.CHARGED
    world.bank.wait = None
    world.path.chmod(0o600)
    assert (await world.wallet().top_up(10, cap_usd=10)).resumed
    assert len(world.signer.asked) == 1


@virtual
async def test_a_record_that_cannot_be_kept_has_nothing_signed(world: World) -> None:
    """The intent comes before the signature."""
    world.path.mkdir(parents=True)
    with pytest.raises(LedgerError):
        await world.wallet().top_up(10, cap_usd=10)
    assert not world.signer.asked


def test_no_trace_of_a_signed_payment(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither header nor signature in errors, reprs, logs, or, once it is over, in the file."""
    caplog.set_level(logging.DEBUG)

    @virtual
    async def attempt(world: World) -> None:
        wallet = world.wallet()
        seen: list[object] = []
        for answer in (402, 500, "busy"):
            world.bank.script = [answer]
            with pytest.raises(VeniceError) as caught:
                await wallet.top_up(10, cap_usd=10)
            seen += [caught.value, vars(caught.value), caught.value.__context__, *await wallet.open_payments(), wallet]
        (header,) = world.bank.headers
        signature = opened(header)["payload"]["signature"]
        assert header.encode() in world.path.read_bytes()
        world.bank.script = ["pay"]
        seen += [await wallet.top_up(10, cap_usd=10), wallet, *world.signer.asked]
        told = " ".join(f"{each} {each!r}" for each in seen) + caplog.text
        for secret in (header, signature, signature[2:]):
            assert secret not in told
            assert secret.encode() not in world.path.read_bytes()

    attempt(tmp_path)


def test_servers_are_told_apart(tmp_path: Any) -> None:
    """An open payment at one is not sent to another; the same one may be spelled in several ways."""
    assert origin_of("https://API.venice.ai/api/v1") == origin_of("https://api.venice.ai:443/other")
    assert origin_of("http://127.0.0.1:80/") == "http://127.0.0.1:80"
    assert origin_of("http://[::1]:8402/api/v1") == "http://[::1]:8402"

    @virtual
    async def attempt(world: World) -> None:
        from venice_async.client import VeniceClient

        world.bank.script = ["busy"]
        with pytest.raises(TopUpPendingError):
            await world.wallet().top_up(10, cap_usd=10)
        other = Bank(world.clock)
        client = VeniceClient("k", base_url="http://127.0.0.1:9/api/v1", transport=other, clock=world.clock)
        wallet = Wallet(client, world.signer, store=world.path)
        assert (await wallet.top_up(10, cap_usd=10)).usd == 10  # a cap is for one wallet at one server
        assert other.headers.isdisjoint(world.bank.headers)

    attempt(tmp_path)
