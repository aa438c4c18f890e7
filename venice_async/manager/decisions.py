"""What a person decides about a job that cannot go on by itself. Pure, but for the one write to the ledger."""

import datetime as dt
import enum
from decimal import Decimal
from typing import Any

import attrs

from venice_async.errors import Charge, InvalidRequestError, JobError
from venice_async.jobs import JobRecord, JobState, error_text
from venice_async.ledger import Ledger
from venice_async.ledger.protocol import REPLACEABLE
from venice_async.models import SeedanceConsent
from venice_async.transfers import LINK_REQUESTS
from venice_async.wire.stored import request_from_text, request_to_text


class Resolution(enum.Enum):
    """What became of a paid call whose outcome nobody could tell."""

    ADOPT = "adopt"
    """It was taken, and its queue_id has been found: the video is brought home."""
    NOT_CHARGED = "not_charged"
    """It was not taken: the job ends, and its price is free again."""
    CHARGED = "charged"
    """It was charged, and its queue_id cannot be found: the job ends, and its price counts as spent."""
    RESUBMIT = "resubmit"
    """Send it again, knowing that it may be paid twice: the first price stays counted as spent."""


async def decide(
    ledger: Ledger,
    record: JobRecord,
    resolution: Resolution | str,
    *,
    queue_id: str | None = None,
    download_url: str | None = None,
    now: float,
    cap_usd: Decimal | None = None,
) -> JobRecord:
    """Record what a person found out about an UNKNOWN job; whoever works on the ledger then goes on with it.

    Sends nothing. Raises what `decided` raises, BudgetExceededError where another price does not fit
    under `cap_usd`, and LedgerError. `now` is Unix time in seconds.
    """
    changes = decided(record, resolution, queue_id=queue_id, download_url=download_url, now=now)
    return await ledger.move(record, cap_usd=cap_usd, **changes)


async def let_go(ledger: Ledger, record: JobRecord, *, cap_usd: Decimal | None = None) -> JobRecord:
    """A HELD job may go on, because its cause is gone. Sends nothing; raises as `decide` does."""
    return await ledger.move(record, cap_usd=cap_usd, **released(record))


def decided(
    record: JobRecord,
    resolution: Resolution | str,
    *,
    queue_id: str | None = None,
    download_url: str | None = None,
    now: float,
) -> dict[str, Any]:
    """What the decision changes in the record.

    Raises InvalidRequestError for a job that is not UNKNOWN, and for ADOPT without a `queue_id` (or
    a `queue_id` without ADOPT).
    """
    choice = _choice(resolution)
    mistaken = record.adopted and record.held_for == "queue_id"  # what was adopted is not known at the server
    if record.state is not JobState.UNKNOWN and not mistaken:
        raise _refusal(f"Job {record.key!r} is {record.state.value}: only one that is unknown can be resolved.")
    if (choice is Resolution.ADOPT) is (queue_id is None):
        raise _refusal("To adopt a job, and only then, a queue_id is needed.")
    facts = {"decision": _noted(record, choice.value, now), "error": None, "held_for": None, **_OUTCOMES[choice]}
    match choice:
        case Resolution.ADOPT:
            _check_queue_id(queue_id or "")
            facts |= {"queue_id": queue_id, "download_url": download_url, "queued_at": record.queueing_at or now}
        case Resolution.RESUBMIT:
            doubtful = (record.doubtful_usd or Decimal(0)) + (record.price_usd or Decimal(0))
            facts |= {"doubtful_usd": doubtful, "queue_id": None, "download_url": None}
        case _:
            words = "it was not taken" if choice is Resolution.NOT_CHARGED else "it was charged, and is lost"
            settled = JobError(f"A person decided: {words}.", job_id=record.id, charge=facts["charge"])
            facts |= {"finished_at": now, "error": error_text(settled), "queue_id": None}
    return facts


def _check_queue_id(text: str) -> None:
    """A slip of the pen, found before the evidence is overwritten: what the server gives is one printable word."""
    if not text.isascii() or not text.isprintable() or not text or " " in text or len(text) > 200:
        raise _refusal("A queue_id is one word of at most 200 printable characters.")


_OUTCOMES: dict[Resolution, dict[str, Any]] = {
    Resolution.ADOPT: {"state": JobState.QUEUED, "charge": Charge.CHARGED},
    Resolution.NOT_CHARGED: {"state": JobState.FAILED, "charge": Charge.NONE},
    Resolution.CHARGED: {"state": JobState.FAILED, "charge": Charge.CHARGED},
    Resolution.RESUBMIT: {"state": JobState.PENDING, "charge": Charge.NONE},
}


def released(record: JobRecord) -> dict[str, Any]:
    """What changes in the record of a HELD job that may go on. Raises InvalidRequestError for any other."""
    if record.state is not JobState.HELD:
        raise _refusal(f"Job {record.key!r} is {record.state.value}: only one that is held can be released.")
    state = JobState.QUEUED if record.queue_id else JobState.PENDING
    once_more = {"link_requests": LINK_REQUESTS - 1} if record.held_for == "link" else {}
    return {"state": state, "held_for": None, "error": None, **once_more}


async def retry(
    ledger: Ledger, record: JobRecord, *, job_id: str, now: float, pay_again: bool, cap_usd: Decimal | None = None
) -> tuple[JobRecord, JobRecord]:
    """Have the work of a FAILED or CANCELLED job done by a new one under the same key.

    Gives the old record and the new one. Sends nothing. Raises what `again` raises, BudgetExceededError where it does
    not fit under `cap_usd`, and LedgerError.
    """
    new = again(record, job_id=job_id, now=now, pay_again=pay_again)
    return await ledger.replace(record, new, cap_usd=cap_usd)


def again(record: JobRecord, *, job_id: str, now: float, pay_again: bool) -> JobRecord:
    """A new record with the request, the place and the price of one that came to nothing. `job_id` is its own, new id.

    Raises InvalidRequestError for a job that is neither FAILED nor CANCELLED, and for one that was charged, or may
    have been, unless `pay_again` says that it may cost once more.
    """
    if record.state not in REPLACEABLE:
        raise _refusal(f"Job {record.key!r} is {record.state.value}: only one that failed or was cancelled is retried.")
    if not pay_again and record.charge in PAID:
        sentence = f"Job {record.key!r} has been charged, or may have been: to make it again costs again."
        advice = "Agree with pay_again=True, on the command line with --yes."
        raise InvalidRequestError(sentence, problems=(sentence,), charge=record.charge, advice=advice)
    return JobRecord(
        id=job_id,
        key=record.key,
        model=record.model,
        request=record.request,
        output=record.output,
        delivery=record.delivery,
        variant=record.variant,
        created_at=now,
        price_usd=record.price_usd,
    )


PAID = frozenset({Charge.CHARGED, Charge.UNVERIFIED})
"""A job that has come to nothing and was, or may have been, paid for."""


def consented(record: JobRecord, consent: SeedanceConsent, *, now: float) -> dict[str, Any]:
    """What changes in the record of a job that is HELD for consent, when a person has given it: the same body is sent
    again, with the confirmations. Raises InvalidRequestError for any other job, and where one of them is missing.
    """
    if record.state is not JobState.HELD or record.held_for != "consent":
        raise _refusal(f"Job {record.key!r} does not wait for consent.")
    refusal = None
    try:
        request = request_from_text(record.request).with_consent(**attrs.asdict(consent))
    except ValueError as error:
        refusal = _refusal(f"{error}.".capitalize())
    if refusal is not None:
        raise refusal
    return {"request": request_to_text(request), "decision": _noted(record, "consent", now), **released(record)}


def _choice(resolution: Resolution | str) -> Resolution:
    known = [choice.value for choice in Resolution]
    if isinstance(resolution, str) and resolution not in known:
        raise _refusal(f"A job is resolved by one of {', '.join(known)}; {resolution!r} is none of them.")
    return Resolution(resolution)


def _noted(record: JobRecord, what: str, now: float) -> str:
    at = dt.datetime.fromtimestamp(now, dt.UTC).isoformat(timespec="seconds")
    note = f"{what} (attempt {record.attempt}, {at})"
    return f"{record.decision}; {note}" if record.decision else note


def _refusal(sentence: str) -> InvalidRequestError:
    return InvalidRequestError(sentence, problems=(sentence,))
