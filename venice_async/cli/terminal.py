"""Where words go: results to stdout, everything else to stderr, and with --json one document to stdout."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO

import attrs

from venice_async.cli.running import Stopped
from venice_async.cli.words import full, instant
from venice_async.errors import ConfigurationError, InvalidRequestError, VeniceError
from venice_async.wire.text import clean

if TYPE_CHECKING:
    from rich.console import Console

ROOMY = 110
"""Columns from which on a terminal holds long lines."""


class Terminal:
    """The two streams of one command.

    `document` asks for one JSON document on stdout; `plain` for lines instead of a live view.
    """

    def __init__(
        self, *, document: bool = False, plain: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.document = document
        self._plain = plain
        self._out = sys.stdout if out is None else out
        self._err = sys.stderr if err is None else err
        for stream in (self._out, self._err):
            _never_unprintable(stream)

    @property
    def live(self) -> bool:
        """Whether a person watches: then progress is drawn in place."""
        watched = self._err.isatty() and (self.document or self._out.isatty())
        return watched and not self._plain and os.environ.get("TERM") not in {"dumb", "unknown"}

    @property
    def can_ask(self) -> bool:
        """Whether a question would be seen and could be answered."""
        return self._err.isatty() and sys.stdin is not None and sys.stdin.isatty()

    @property
    def roomy(self) -> bool:
        """Whether lines may be long: a wide terminal, or none."""
        return not self._out.isatty() or self._console(self._out).width >= ROOMY

    def ask(self, question: str) -> bool:
        """A yes-or-no question; anything but yes is no."""
        return self._answer(f"{question} [y/N] ").lower() in {"y", "yes"}

    def confirm(self, sentence: str) -> bool:
        """A sentence that a person makes their own by typing the whole word yes; anything else is no."""
        return self._answer(f"{sentence} Type yes to confirm: ").lower() == "yes"

    def _answer(self, question: str) -> str:
        self._write(self._err, question, end="")
        try:
            return sys.stdin.readline().strip()
        except KeyboardInterrupt:
            self.note("")  # the shell's prompt belongs on a line of its own
            raise

    def result(self, text: str) -> None:
        """One line of what was asked for; nothing with --json."""
        if not self.document:
            self._write(self._out, text)

    def note(self, text: str) -> None:
        """One line beside the result."""
        self._write(self._err, text)

    def fail(self, error: VeniceError) -> None:
        """Say what went wrong, what became of the money, and what to do."""
        self.note(f"venice-async: {full(error)}")

    def tell(self, tree: Any) -> None:
        """The JSON document; nothing without --json."""
        if self.document:
            self._write(self._out, json.dumps(tree, indent=2, default=_plain_value))

    def table(self, columns: Mapping[str, Mapping[str, Any]], rows: Sequence[Sequence[Any]]) -> None:
        """A table on stdout, fitted to a terminal, elsewhere one unbroken line for each row. Nothing with --json."""
        if self.document:
            return
        if self._out.isatty():
            self._fitted(columns, rows)
        else:
            self._write(self._out, "\n".join(_aligned([list(columns), *rows])))

    def _fitted(self, columns: Mapping[str, Mapping[str, Any]], rows: Sequence[Sequence[Any]]) -> None:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        for title, options in columns.items():
            table.add_column(title, **options)
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._console(self._out).print(table)

    def err_console(self) -> "Console":
        """For a live view."""
        return self._console(self._err)

    def _console(self, stream: TextIO) -> "Console":
        from rich.console import Console

        return Console(file=stream, markup=False, highlight=False, emoji=False)

    def _write(self, stream: TextIO, text: str, *, end: str = "\n") -> None:
        stream.write(text + end)
        stream.flush()


def guarded(terminal: Terminal, work: Callable[[], int]) -> int:
    """The exit code of `work`; foreseeable trouble becomes one sentence instead of a traceback."""
    try:
        return work()
    except VeniceError as error:
        terminal.tell({"error": error_document(error)})
        terminal.fail(error)
        return 2 if isinstance(error, ConfigurationError) else 1
    except Stopped as stopped:
        return stopped.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output left, as `head` does. The interpreter would complain once more at its own flush.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        terminal.note(f"venice-async: {_disk_words(error)}")
        return 1


def error_document(error: VeniceError) -> dict[str, Any]:
    """An error as JSON."""
    return {
        "type": type(error).__name__,
        "message": error.message,
        "charge": error.charge.value,
        "advice": error.advice,
        **_located(error),
        **_facts(error),
    }


def _located(error: VeniceError) -> dict[str, Any]:
    found = error.located if isinstance(error, InvalidRequestError) else ()
    return {"problems": [problem.document() for problem in found]} if found else {}


_SAID = frozenset({"charge", "advice", "transient", "problems", "located"})


def _facts(error: VeniceError) -> dict[str, Any]:
    """What a program may go by: `suggested_prompt`, `policy_text`, `retry_after` and the like."""
    given = {name: value for name, value in vars(error).items() if name not in _SAID and value not in (None, "", ())}
    facts = {n: error_document(value) if isinstance(value, VeniceError) else value for n, value in given.items()}
    if isinstance(until := facts.get("expires_at"), int | float):  # of a payment; told as everywhere about wallets
        facts["expires_at"] = instant(until)
    return {"facts": facts} if facts else {}


def _disk_words(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return clean(f"{where}{error.strerror or type(error).__name__}.")


def _cell(value: Any) -> Any:
    from rich.text import Text

    return value if isinstance(value, Text) else Text(clean(str(value), limit=2000))


def _aligned(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Columns under each other, one line for each row whatever its length: for grep and awk."""
    texts = [[clean(str(value), limit=2000) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in texts]


def _plain_value(value: Any) -> Any:
    # Prices have few digits, so that the nearest binary number is written with the same ones.
    if isinstance(value, Decimal):
        return float(value)
    return attrs.asdict(value) if attrs.has(type(value)) else str(value)


def _never_unprintable(stream: TextIO) -> None:
    """A terminal that lacks a character shows a question mark, rather than ending the program."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
