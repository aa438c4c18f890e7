"""The commands and their options. Each imports what it runs only when it is called."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from venice_async.cli.asking import NO_FIELDS, USUAL_SERVER, Model, Prompt, check, models, quote
from venice_async.cli.batch_commands import COMMANDS as BATCH_COMMANDS
from venice_async.cli.gallery import gallery
from venice_async.cli.ledger_commands import COMMANDS
from venice_async.cli.options import (
    DEFAULT_LEDGER,
    Budget,
    Json,
    Ledger,
    OutputDir,
    RequestOptions,
    ServerOptions,
    Texts,
    dollars,
)
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal, guarded
from venice_async.cli.wallet_commands import wallet

Seed = Annotated[int, Parameter(help="The same seed gives the same jobs their durations.")]


def _version() -> str:
    from importlib.metadata import version

    return version("venice-async")


app = App(
    name="venice-async",
    help="Make videos with the Venice.ai video API, many at once, each paid for once. Begin with: venice-async demo",
    version=_version,
    result_action="return_value",
    print_error=False,
    exit_on_error=False,
    default_parameter=Parameter(negative_bool=(), negative_iterable=(), negative_none=()),
)


for _command in (quote, check, models, gallery):
    app.command(_command)


def run_app(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    problem = ""
    try:
        code = app(list(arguments))
        return code if isinstance(code, int) else 0
    except CycloptsError as error:
        problem = str(error)
    sys.stderr.write(f"venice-async: {problem} See: venice-async {_named(arguments)}--help\n")
    return 2


def _named(arguments: Sequence[str]) -> str:
    known = [word for word in arguments[:1] if word in app]
    return "".join(f"{word} " for word in known)


@app.command
def demo(
    *,
    output_dir: Annotated[Path, Parameter(help="A new folder; where it exists, one with a number.")] = Path(
        "venice-demo"
    ),
    seed: Seed = 7,
    json: Json = False,
    plain: Annotated[bool, Parameter(help="Lines instead of a live view.", show_default=False)] = False,
) -> int:
    """See it work: twelve jobs against an emulated Venice inside this process. No key, no network, no money."""
    terminal = Terminal(document=json, plain=plain)

    def work() -> int:
        from venice_async.cli.demo import demo as run_demo

        return run(run_demo(output_dir, terminal, seed=seed))

    return guarded(terminal, work)


@app.command
def generate(
    model: Model = None,
    prompt: Prompt = None,
    /,
    *,
    fields: RequestOptions = NO_FIELDS,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The video's file; beside --output-dir, a name in it.")
    ] = None,
    output_dir: OutputDir = None,
    like: Annotated[
        str | None,
        Parameter(help="A job of the ledger, by key or id: take its request, and what is said here above it."),
    ] = None,
    suggested: Annotated[
        bool,
        Parameter(help="With --like: with the prompt and the model that its refusal proposes.", show_default=False),
    ] = False,
    key: Annotated[str | None, Parameter(help="Your name for this job: the same key never pays twice.")] = None,
    budget: Budget = None,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Pay without asking.", show_default=False)] = False,
    send_anyway: Annotated[
        bool, Parameter(help="Send what the check would refuse; the server decides.", show_default=False)
    ] = False,
    ledger: Ledger = DEFAULT_LEDGER,
    server: ServerOptions = USUAL_SERVER,
    json: Json = False,
) -> int:
    """Make one video: check it, show its price and ask, then make it and print its path.

    Without a terminal to ask at, the price must be approved beforehand: with --yes, or with --budget.
    """
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.generate import Order, request_of
        from venice_async.cli.generate import generate as run_generate

        base = request_of(like, ledger, suggested=suggested)
        order = Order(
            request=fields.request(model, prompt, base=base),
            server=server,
            ledger=ledger,
            output_dir=output_dir,
            output=output,
            key=key,
            budget_usd=dollars(budget),
            approved=yes,
            checked=not send_anyway,
        )
        return run_generate(order, terminal)

    return guarded(terminal, work)


for command in (*BATCH_COMMANDS, *COMMANDS, wallet):
    app.command(command)


@app.command
def resume(
    *,
    ledger: Ledger = DEFAULT_LEDGER,
    held: Annotated[
        bool, Parameter(help="Also those that wait for a person, because their cause is gone.", show_default=False)
    ] = False,
    budget: Budget = None,
    yes: Annotated[
        bool, Parameter(name=["--yes", "-y"], help="Pay for what was not sent yet.", show_default=False)
    ] = False,
    server: ServerOptions = USUAL_SERVER,
    json: Json = False,
) -> int:
    """Go on with everything unfinished in a ledger. Jobs that were paid for are not paid again.

    For those that were not sent yet it says the price and asks; without a terminal it needs --yes or --budget.
    """
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.resume import Resume
        from venice_async.cli.resume import resume as run_resume

        order = Resume(ledger=ledger, server=server, release=held, budget_usd=dollars(budget), approved=yes)
        return run_resume(order, terminal)

    return guarded(terminal, work)


@app.command
def emulator(
    *,
    host: Annotated[str, Parameter(help="An address of this machine; no other is served.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="0 takes a free one.")] = 8402,
    time_scale: Annotated[float, Parameter(help="Job seconds per real second.")] = 50.0,
    seed: Seed = 0,
    limits: Annotated[
        str, Parameter(help="Such as queue=40,retrieve=120,failures=20,window=30.", show_default=False)
    ] = "",
    faults: Annotated[
        Texts,
        Parameter(
            name="--fault",
            help="What goes wrong, such as 503:from=20,to=65 or cut:times=2; may be repeated.",
            show_default=False,
        ),
    ] = (),
    wallets: Annotated[
        Texts,
        Parameter(
            name="--wallet",
            help="The credit of a wallet in US dollars, such as 0xADDRESS=25; may be repeated.",
            show_default=False,
        ),
    ] = (),
) -> int:
    """Serve an emulated Venice on this machine, to develop and test against for free, until Ctrl-C."""
    terminal = Terminal()

    def work() -> int:
        from venice_async.cli.running import Stopped
        from venice_async.cli.serve import EmulatorOptions, serve

        options = EmulatorOptions(
            host=host, port=port, time_scale=time_scale, seed=seed, limits=limits, faults=faults, wallets=wallets
        )
        try:
            return run(serve(options, terminal))
        except Stopped:
            return 0  # being stopped is how a server ends

    return guarded(terminal, work)
