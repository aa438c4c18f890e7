"""What jobs that only wait are told: in words about the account, and never of another job's money."""

import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from harness import World, video_request, virtual

from venice_async.emulator.faults import StatusFault
from venice_async.errors import (
    AuthenticationError,
    Charge,
    ConfigurationError,
    DiscoveryError,
    JobHeldError,
    LedgerError,
    PaymentRequiredError,
    PermissionDeniedError,
    SignerError,
    SignInError,
    SpendingCapError,
    TopUpPendingError,
    TopUpRefusedError,
    VeniceError,
    WalletBalanceError,
)
from venice_async.jobs import JobState
from venice_async.manager.reasons import for_who_waits, is_of_a_payment, kept_apart
from venice_async.verdicts import account_trouble

REFUSED = "The server refused retrieve (402): No."
TROUBLES = [
    PaymentRequiredError(REFUSED, status=402),
    WalletBalanceError(REFUSED, status=402),
    DiscoveryError(REFUSED, status=402),
    AuthenticationError("The server refused retrieve (401): No.", status=401),
    SignInError("The server answered retrieve with 401.", status=401, code="X402_SIGN_IN_INVALID_SIGNATURE"),
    PermissionDeniedError("The server refused retrieve (403): No.", status=403, code="API_ACCESS_DISABLED"),
    ConfigurationError("No key."),
    SignerError("The device is locked."),
]
OPEN = TopUpPendingError("A top-up of $5 was signed and sent, and is not settled yet.")


def named(error: VeniceError) -> str:
    return type(error).__name__


@pytest.mark.parametrize("trouble", TROUBLES, ids=named)
@virtual()
async def test_a_refused_retrieve_is_no_charge_of_jobs_that_wait(world: World, trouble: VeniceError) -> None:
    """The videos that were asked for are paid; those that were never sent are told that nothing was charged."""
    client = world.client()

    @contextlib.asynccontextmanager
    async def refused(*_: Any, ticket: Any, **__: Any) -> AsyncIterator[Any]:
        ticket.signed = True
        raise type(trouble)(trouble.message, **vars(trouble))
        yield

    vars(client)["retrieve"] = refused
    async with world.manager(client=client) as jobs:
        made = [await jobs.submit(video_request(number), key=f"job-{number}") for number in range(100)]
        await world.clock.sleep(300.0)
        waiting = [job for job in made if job.queue_id is None]
        assert {(job.state, job.record.held_for) for job in waiting} == {(JobState.HELD, account_trouble(trouble))}
        assert {job.state for job in made if job.queue_id is not None} == {JobState.QUEUED}
        errors = [job.error for job in waiting]
    for error in errors:
        assert isinstance(error, JobHeldError)
        assert error.problem is not None
        assert (error.charge, error.problem.charge) == (Charge.NONE, Charge.NONE)
        assert isinstance(error.problem, type(trouble))
        assert "retrieve" not in str(error)
        assert "It was charged." not in str(error.problem)


@pytest.mark.parametrize(("status", "reason"), [(401, "key"), (402, "balance")])
@virtual()
async def test_the_same_in_the_server_s_own_words(world: World, status: int, reason: str) -> None:
    """From the answer itself, also in a later program."""
    world.emulator.faults.append(StatusFault(endpoints=("retrieve",), status=status, message="Nothing left"))
    async with world.manager(ledger=world.sqlite()) as jobs:
        for number in range(100):
            await jobs.submit(video_request(number), key=f"job-{number}")
        await world.clock.sleep(300.0)
    async with world.manager(ledger=world.sqlite()) as later:
        problems = [job.error.problem for job in later.jobs() if isinstance(job.error, JobHeldError)]
        assert problems
        assert {job.record.held_for for job in later.jobs() if job.state is JobState.HELD} == {reason}
    for problem in problems:
        assert problem is not None
        assert str(problem).startswith(f"The server refused the account's requests ({status}): Nothing left.")
        assert "Nothing was charged." in str(problem)


def test_what_is_told_is_another_value() -> None:
    """The job that was asked for keeps its own words and its own charge."""
    refusal = PaymentRequiredError(REFUSED, status=402, charge=Charge.CHARGED)
    told = for_who_waits(refusal)
    assert (told.charge, told.message) == (Charge.NONE, "The server refused the account's requests (402): No.")
    assert (refusal.charge, refusal.message) == (Charge.CHARGED, REFUSED)
    assert isinstance(told, PaymentRequiredError)
    assert told.status == 402


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (OPEN, True),
        (TopUpRefusedError("No."), True),
        (LedgerError("Full.", usd=Decimal(5), charge=Charge.UNVERIFIED), True),
        (LedgerError("Full."), False),
        (PaymentRequiredError(REFUSED), False),
    ],
    ids=repr,
)
def test_what_is_said_of_a_payment_stays(error: VeniceError, is_one: bool) -> None:
    """Whoever waits for it: it is open all the same."""
    assert is_of_a_payment(error) is is_one
    if is_one:
        assert (for_who_waits(error).charge, for_who_waits(error).message) == (error.charge, error.message)


def test_a_payment_s_money_is_kept_apart_from_the_job_s() -> None:
    """Only where there is something to be told apart."""
    assert "another matter" in kept_apart(OPEN, Charge.NONE)
    assert kept_apart(SpendingCapError("Too much."), Charge.NONE) == ""
    assert kept_apart(PaymentRequiredError(REFUSED, charge=Charge.CHARGED), Charge.NONE) == ""
