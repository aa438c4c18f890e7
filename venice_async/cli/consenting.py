"""The face consent: a person reads the policy and makes each confirmation; nothing here makes one for them."""

import shlex
import time
from pathlib import Path
from typing import Any

from attrs import frozen

from venice_async.cli.ledgers import found, handle, of_ledger, opened
from venice_async.cli.records import record_document
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import name_of
from venice_async.errors import ConfigurationError, ConsentRequiredError, InvalidRequestError
from venice_async.jobs import JobRecord, JobState, error_from_text
from venice_async.manager.decisions import consented
from venice_async.models import SeedanceConsent
from venice_async.wire.text import clean, clean_lines

QUESTIONS = {
    "confirmed_terms_and_privacy": "I agree to the terms and the privacy policy.",
    "confirmed_legal_right": "I have the legal right to use these media and the faces in them.",
    "confirmed_screening_acknowledged": "I understand that these media are screened.",
}
"""The three confirmations, by the API's names, as a person makes them."""
_OPTIONS = {
    "confirmed_terms_and_privacy": "--confirm-terms-and-privacy",
    "confirmed_legal_right": "--confirm-legal-right",
    "confirmed_screening_acknowledged": "--confirm-screening",
}


@frozen(kw_only=True)
class Answer:
    """What was typed: the job, and for those who have no terminal the version that they read and each confirmation."""

    job: str
    ledger: Path
    read_version: str | None = None
    confirmed: frozenset[str] = frozenset()


def consent(answer: Answer, terminal: Terminal) -> int:
    """Show a held job's policy, take the confirmations, and let the job go on; 1 where one is missing.

    Sends nothing. Raises ConfigurationError for an unknown job, InvalidRequestError for one that does not wait
    for consent or was held for another version than the one that was read, and LedgerError.
    """
    record = run(_record(answer.ledger, answer.job))
    asked = policy_of(record)
    show_policy(record, asked, terminal)
    given = _given(answer, asked, terminal)
    if given is None:
        terminal.tell(_document(record, asked, answer.ledger))
        terminal.note(f"Nothing was changed: the job waits.{_later(record, asked, answer.ledger, terminal)}")
        return 1
    record = run(give(answer.ledger, record, given))
    terminal.tell(_document(record, asked, answer.ledger))
    terminal.result(f"{name_of(record)} is {record.state.value}: the consent is in the ledger.")
    terminal.note(
        "A program that works on this ledger goes on with it now, and it is paid for then; without one: "
        f"venice-async resume{of_ledger(answer.ledger)}"
    )
    return 0


def waits_for_consent(record: JobRecord) -> bool:
    """Whether a person's consent is what a job waits for."""
    return record.state is JobState.HELD and record.held_for == "consent"


def policy_of(record: JobRecord) -> ConsentRequiredError:
    """What the server wants a person to read. Raises InvalidRequestError for a job that does not wait for it."""
    error = error_from_text(record.error) if record.error and waits_for_consent(record) else None
    if isinstance(error, ConsentRequiredError):
        return error
    sentence = f"Job {clean(record.key, limit=60)!r} is {record.state.value}, and does not wait for consent."
    raise InvalidRequestError(sentence, problems=(sentence,))


def show_policy(record: JobRecord, asked: ConsentRequiredError, terminal: Terminal) -> None:
    """The policy as it was written, and what it is about."""
    roles = ", ".join(clean(role, limit=60) for role in asked.face_media_roles)
    terminal.note(f"{name_of(record)} waits for consent: {clean(asked.message)}")
    terminal.note(f"Faces may show in: {roles or 'media of the request'}. Nothing was charged.")
    terminal.note(f"\n{clean_lines(asked.policy_text, limit=100_000)}\n")
    terminal.note(f"Version: {clean(asked.consent_version) or 'not told'}")
    if asked.docs_url:
        terminal.note(f"More: {clean(asked.docs_url)}")


def asked_for(asked: ConsentRequiredError, terminal: Terminal) -> SeedanceConsent | None:
    """The three confirmations of the person at the terminal, one by one; None where one is not made."""
    if not asked.policy_text:
        terminal.note("The server sent no policy text, so that there is nothing to agree to.")
        return None
    for sentence in QUESTIONS.values():
        if not terminal.confirm(sentence):
            return None
    return SeedanceConsent(**dict.fromkeys(QUESTIONS, True))


async def give(ledger: Path, record: JobRecord, given: SeedanceConsent) -> JobRecord:
    """Write a person's consent to the ledger: the job goes on, and its request is sent again with it."""
    async with opened(ledger) as kept:
        # As it was shown: where somebody else has moved it since, the ledger refuses.
        return await kept.move(record, **consented(record, given, now=time.time()))


def _given(answer: Answer, asked: ConsentRequiredError, terminal: Terminal) -> SeedanceConsent | None:
    if answer.read_version is None:
        if answer.confirmed:
            raise ConfigurationError("The confirmations want --i-have-read VERSION: the version of the policy above.")
        return asked_for(asked, terminal) if terminal.can_ask else None
    if not asked.consent_version or not asked.policy_text:
        raise ConfigurationError("The server told no version or no text to read: ask Venice's support.")
    if answer.read_version != asked.consent_version:
        sentence = f"The policy is of version {clean(asked.consent_version)!r}: have a person read that one."
        raise InvalidRequestError(sentence, problems=(sentence,))
    missing = [option for name, option in _OPTIONS.items() if name not in answer.confirmed]
    if missing:
        raise ConfigurationError(f"All three confirmations are needed; missing: {', '.join(missing)}.")
    return SeedanceConsent(**dict.fromkeys(QUESTIONS, True))


def consent_command(record: JobRecord, ledger: Path) -> str:
    """What a person types to read the policy and to answer."""
    return f"venice-async consent {handle(record)}{of_ledger(ledger)}"


def _later(record: JobRecord, asked: ConsentRequiredError, ledger: Path, terminal: Terminal) -> str:
    if terminal.can_ask:
        return ""
    command = consent_command(record, ledger)
    script = f"{command} --i-have-read {shlex.quote(clean(asked.consent_version))} {' '.join(_OPTIONS.values())}"
    return (
        f" There is no terminal to ask at. A person who agrees types:\n  {command}\n"
        f"or, once they have read the text above, has a script say:\n  {script}"
    )


def _document(record: JobRecord, asked: ConsentRequiredError, ledger: Path) -> dict[str, Any]:
    facts = ("policy_text", "consent_version", "consent_flow", "face_media_roles", "docs_url")
    return {
        "job": record_document(record),
        **{name: getattr(asked, name) for name in facts},
        "confirmations": QUESTIONS,
        "command": consent_command(record, ledger),
    }


async def _record(ledger: Path, name: str) -> JobRecord:
    async with opened(ledger) as kept:
        return await found(kept, name)
