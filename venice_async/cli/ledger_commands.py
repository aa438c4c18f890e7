"""The commands about a ledger and their options: `jobs`, `unknown`, `reconcile`, `resolve`, `release`, `consent`."""

from typing import Annotated

from cyclopts import Parameter

from venice_async.cli.options import DEFAULT_LEDGER, Json, Ledger, ServerOptions
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal, guarded
from venice_async.jobs import JobState

_USUAL_SERVER = ServerOptions()

Job = Annotated[str, Parameter(help="A job's key or id, from `venice-async jobs`.")]


def _flag(what: str, *names: str) -> Parameter:
    return Parameter(name=names or None, help=what, show_default=False)


def jobs(
    *,
    ledger: Ledger = DEFAULT_LEDGER,
    state: Annotated[
        tuple[JobState, ...],
        Parameter(help="Only jobs in this state; may be repeated.", show_default=False, negative=()),
    ] = (),
    json: Json = False,
) -> int:
    """List the jobs of a ledger: state, time, price, and where the video is or why there is none and what to do."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.jobs import list_jobs

        return run(list_jobs(ledger, terminal, states=set(state) or None))

    return guarded(terminal, work)


def unknown(*, ledger: Ledger = DEFAULT_LEDGER, json: Json = False) -> int:
    """List the jobs of which nobody can tell whether they were taken and charged, and what can be done."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.unknown import list_unknown

        return run(list_unknown(ledger, terminal))

    return guarded(terminal, work)


def reconcile(
    *,
    ledger: Ledger = DEFAULT_LEDGER,
    admin_key_env: Annotated[
        str | None,
        Parameter(
            help="The environment variable with an admin key, where VENICE_API_KEY is none. A wallet needs none."
        ),
    ] = None,
    server: ServerOptions = _USUAL_SERVER,
    json: Json = False,
) -> int:
    """Compare the jobs of unknown outcome with the account's books. Reads only: what to do is yours to decide."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.reconciling import reconcile as run_reconcile

        return run(run_reconcile(ledger, server, terminal, admin_key_env=admin_key_env))

    return guarded(terminal, work)


def resolve(
    job: Job,
    /,
    *,
    queue_id: Annotated[str | None, Parameter(help="It was taken under this queue_id: bring the video home.")] = None,
    download_url: Annotated[str | None, Parameter(help="With --queue-id: its private link, where it has one.")] = None,
    not_charged: Annotated[bool, _flag("It was not taken: end the job.")] = False,
    charged: Annotated[bool, _flag("It was charged and is lost: end the job.")] = False,
    resubmit: Annotated[bool, _flag("Send it again, though it may be paid twice.")] = False,
    yes: Annotated[bool, _flag("Send it again without asking.", "--yes", "-y")] = False,
    ledger: Ledger = DEFAULT_LEDGER,
    json: Json = False,
) -> int:
    """Write down what became of a job of unknown outcome. Sends nothing and needs no key."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.resolving import Decision
        from venice_async.cli.resolving import resolve as run_resolve

        decision = Decision(
            job=job,
            ledger=ledger,
            queue_id=queue_id,
            download_url=download_url,
            not_charged=not_charged,
            charged=charged,
            resubmit=resubmit,
            approved=yes,
        )
        return run_resolve(decision, terminal)

    return guarded(terminal, work)


def release(
    *job: Job,
    everything: Annotated[bool, _flag("Every job that is held.", "--all")] = False,
    ledger: Ledger = DEFAULT_LEDGER,
    json: Json = False,
) -> int:
    """Let jobs that are held go on, because their cause is gone. Sends nothing and needs no key."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.resolving import release as run_release

        return run(run_release(job, ledger, terminal, everything=everything))

    return guarded(terminal, work)


def consent(
    job: Job,
    /,
    *,
    i_have_read: Annotated[
        str | None,
        Parameter(help="For scripts: the version of the policy that a person has read; with all three confirmations."),
    ] = None,
    confirm_terms_and_privacy: Annotated[bool, _flag("That person agrees to its terms and privacy.")] = False,
    confirm_legal_right: Annotated[bool, _flag("That person confirms the legal right to the faces shown.")] = False,
    confirm_screening: Annotated[bool, _flag("That person knows that media are screened.")] = False,
    ledger: Ledger = DEFAULT_LEDGER,
    json: Json = False,
) -> int:
    """Read the policy that a held job waits for and, if you agree, confirm it. Sends nothing and needs no key.

    Shows the text and asks for each of the three confirmations; the job then goes on and is paid for as usual.
    """
    terminal = Terminal(document=json)
    confirmed = {
        "confirmed_terms_and_privacy": confirm_terms_and_privacy,
        "confirmed_legal_right": confirm_legal_right,
        "confirmed_screening_acknowledged": confirm_screening,
    }

    def work() -> int:
        from venice_async.cli.consenting import Answer
        from venice_async.cli.consenting import consent as run_consent

        made = frozenset(name for name, given in confirmed.items() if given)
        return run_consent(Answer(job=job, ledger=ledger, read_version=i_have_read, confirmed=made), terminal)

    return guarded(terminal, work)


COMMANDS = (jobs, unknown, reconcile, resolve, release, consent)
