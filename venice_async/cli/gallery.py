"""`gallery`: a page and a contact sheet beside the videos of a ledger."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from venice_async.cli.options import DEFAULT_LEDGER, DEFAULT_OUTPUT_DIR, Json, Ledger, OutputDir
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal, guarded
from venice_async.errors import ConfigurationError


def gallery(
    *,
    output_dir: OutputDir = None,
    ledger: Ledger = DEFAULT_LEDGER,
    title: Annotated[str, Parameter(help="The heading of the page.")] = "Videos",
    json: Json = False,
) -> int:
    """Write index.html, a page that shows and plays the videos of a folder, and contact-sheet.png beside them.

    The jobs come from the ledger: also those that failed or wait, with the reason. No server is asked.
    """
    terminal = Terminal(document=json)

    def work() -> int:
        folder = output_dir or DEFAULT_OUTPUT_DIR
        if not folder.is_dir():
            raise ConfigurationError(f"There is no folder {folder}.", advice="Name it with --output-dir.")
        return run(make(ledger, folder, terminal, title=title))

    return guarded(terminal, work)


async def make(ledger: Path, folder: Path, terminal: Terminal, *, title: str) -> int:
    """Write the gallery of the jobs whose videos belong into `folder`, and print the page's path.

    Raises ConfigurationError where there is no ledger, and what `write_gallery` raises.
    """
    import asyncio

    from venice_async.cli.ledgers import opened
    from venice_async.gallery import can_make_posters, write_gallery

    async with opened(ledger) as kept:
        records = await kept.records()
    here = [record for record in records if _belongs(record.output, folder)]
    page = await asyncio.to_thread(write_gallery, folder, here, title=title)
    sheet = page.with_name("contact-sheet.png") if can_make_posters() and here else None
    terminal.tell({"page": page, "contact_sheet": sheet, "jobs": len(here), "elsewhere": len(records) - len(here)})
    terminal.result(str(page))
    _explain(terminal, len(here), len(records) - len(here))
    return 0


def _belongs(output: str, folder: Path) -> bool:
    return Path(output).parent.resolve().is_relative_to(folder.resolve())


def _explain(terminal: Terminal, here: int, elsewhere: int) -> None:
    from venice_async.gallery import can_make_posters

    if elsewhere:
        terminal.note(f"{elsewhere} of the ledger's {here + elsewhere} jobs have their place in another folder.")
    if not can_make_posters():
        terminal.note("Without posters and contact sheet: these need pip install 'venice-async[gallery]'.")
