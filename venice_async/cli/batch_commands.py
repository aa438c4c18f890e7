"""The commands for many videos and for single jobs of a ledger: `batch`, `show`, `retry`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from venice_async.cli.asking import USUAL_SERVER
from venice_async.cli.ledger_commands import Job
from venice_async.cli.options import (
    DEFAULT_LEDGER,
    DEFAULT_OUTPUT_DIR,
    Budget,
    Json,
    Ledger,
    OutputDir,
    ServerOptions,
    dollars,
)
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal, guarded


def batch(
    manifest: Annotated[Path, Parameter(help="The requests: .jsonl, .json, .yaml or .csv.")],
    /,
    *,
    output_dir: OutputDir = None,
    ledger: Ledger = DEFAULT_LEDGER,
    budget: Budget = None,
    dry_run: Annotated[
        bool, Parameter(help="Check and price every row; pay nothing. Needs no key.", show_default=False)
    ] = False,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Pay without asking.", show_default=False)] = False,
    allow_path: Annotated[
        tuple[Path, ...],
        Parameter(
            help="Another folder whose files the manifest may name as media; may be repeated.",
            show_default=False,
            negative=(),
        ),
    ] = (),
    on_complete: Annotated[
        str | None,
        Parameter(
            help="A command to run (without a shell) for each job that ends, with its facts in the environment: "
            "VENICE_JOB_KEY, _STATE, _PATH, _MODEL, _PRICE_USD, _CHARGE, _SIZE, _SHA256, _ID, _QUEUE_ID."
        ),
    ] = None,
    events: Annotated[Path | None, Parameter(help="A file that gets one line of JSON for each event.")] = None,
    server: ServerOptions = USUAL_SERVER,
    json: Json = False,
) -> int:
    """Make every video of a manifest. Run the same command again and it goes on; nothing is paid twice.

    A row has the API's fields (model, prompt, duration, aspect_ratio, image_url, ...) and, if you like, key, your name
    for it, and output, the file's name. Fields of all rows go into defaults. A file shots.yaml may say:

    ```
    defaults:
      model: wan-2.6-text-to-video
      duration: 5s
      aspect_ratio: 16:9
      resolution: 720p
    jobs:
      - key: quay
        prompt: A quay at dawn
      - key: storm
        prompt: A lighthouse in a storm
        duration: 10s
    ```

    JSON has the same shape, JSON Lines one row a line (and {"defaults": {...}}), CSV a heading with the fields' names.
    Local media are named relative to the manifest. All rows are checked before any is paid. At most 100,000 rows and
    64 MiB. Exit code 0 when every row's video is there.
    """
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.batch import BatchOrder
        from venice_async.cli.batch import batch as run_batch

        order = BatchOrder(
            manifest=manifest,
            output_dir=output_dir or DEFAULT_OUTPUT_DIR,
            ledger=ledger,
            server=server,
            budget_usd=dollars(budget),
            allowed=allow_path,
            approved=yes,
            dry_run=dry_run,
            on_complete=on_complete,
            events=events,
        )
        return run_batch(order, terminal)

    return guarded(terminal, work)


def show(job: Job, /, *, ledger: Ledger = DEFAULT_LEDGER, json: Json = False) -> int:
    """Tell everything about one job: where it is, why, what it cost, what was asked for, and what to do."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.show import show_job

        return run(show_job(job, ledger, terminal))

    return guarded(terminal, work)


def retry(
    job: Job,
    /,
    *,
    yes: Annotated[
        bool, Parameter(name=["--yes", "-y"], help="Also where the first one was charged.", show_default=False)
    ] = False,
    ledger: Ledger = DEFAULT_LEDGER,
    json: Json = False,
) -> int:
    """Have a failed or cancelled job made once more, under the same key. Sends nothing and needs no key.

    It costs again; where the first one was charged, or may have been, this must be agreed to.
    """
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.retrying import Retry
        from venice_async.cli.retrying import retry as run_retry

        return run_retry(Retry(job=job, ledger=ledger, approved=yes), terminal)

    return guarded(terminal, work)


COMMANDS = (batch, show, retry)
