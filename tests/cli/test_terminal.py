"""Two streams, and trouble in sentences."""

import io
from decimal import Decimal

import pytest

from venice_async.cli.running import Stopped, run
from venice_async.cli.terminal import Terminal, error_document, guarded
from venice_async.errors import (
    BudgetExceededError,
    ConfigurationError,
    ConsentRequiredError,
    ContentRejectedError,
    JobHeldError,
)


class Screen(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def streams() -> tuple[io.StringIO, io.StringIO]:
    return io.StringIO(), io.StringIO()


def test_with_json_only_the_document_is_on_stdout(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """Results and tables keep silent; notes go to stderr."""
    out, err = streams
    terminal = Terminal(document=True, out=out, err=err)
    terminal.result("done")
    terminal.table({"a": {}}, [["1"]])
    terminal.note("beside")
    terminal.tell({"a": 1})
    assert (out.getvalue(), err.getvalue()) == ('{\n  "a": 1\n}\n', "beside\n")


def test_without_json_there_is_no_document(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """The same calls print for a person."""
    out, err = streams
    terminal = Terminal(out=out, err=err)
    terminal.tell({"a": 1})
    terminal.table({"first": {}, "b": {}}, [["1\x1b[2J", "[bold]2"]])
    assert out.getvalue() == "first  b\n1 [2J  [bold]2\n"


def test_a_table_in_a_terminal_fits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a screen rows are broken to its width, and control characters and markup have no effect."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    Terminal(out=screen, err=screen).table({"name": {"overflow": "fold"}}, [["x" * 50 + "\x1b[2J[red]"]])
    assert "\x1b[2J" not in screen.getvalue()
    assert "[red]" in screen.getvalue()
    assert max(len(line) for line in screen.getvalue().splitlines()[1:]) <= 40


def test_live_only_where_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe on either side means lines, unless stdout is kept for the document anyway."""
    monkeypatch.setenv("TERM", "xterm")
    assert Terminal(out=Screen(), err=Screen()).live
    assert not Terminal(out=io.StringIO(), err=Screen()).live
    assert not Terminal(out=Screen(), err=io.StringIO()).live
    assert not Terminal(out=Screen(), err=Screen(), plain=True).live
    assert Terminal(out=io.StringIO(), err=Screen(), document=True).live
    monkeypatch.setenv("TERM", "dumb")
    assert not Terminal(out=Screen(), err=Screen()).live


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ConfigurationError("No."), 2, "venice-async: No.\n"),
        (BudgetExceededError("Too dear.", advice=""), 1, "venice-async: Too dear. Nothing was charged.\n"),
        (FileNotFoundError(2, "No such file", "x.mp4"), 1, "venice-async: x.mp4: No such file.\n"),
        (Stopped(15), 143, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_trouble_has_a_sentence_and_a_code(
    streams: tuple[io.StringIO, io.StringIO], error: BaseException, code: int, sentence: str
) -> None:
    """Foreseeable trouble is told, not raised."""
    out, err = streams

    def work() -> int:
        raise error

    assert guarded(Terminal(out=out, err=err), work) == code
    assert err.getvalue() == sentence


def test_a_mistake_of_ours_is_not_hidden(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """What nobody foresaw keeps its traceback."""
    with pytest.raises(ZeroDivisionError):
        guarded(Terminal(out=streams[0], err=streams[1]), lambda: 1 // 0)


def test_the_facts_of_an_error_are_in_its_document() -> None:
    """For programs: what was said beside the words, money exact, and an error inside of another."""
    inner = ConsentRequiredError("Read.", policy_text="A\nB", consent_version="1")
    held = error_document(JobHeldError("Held.", reason="consent", problem=inner, job_id="j"))
    assert held["facts"]["reason"] == "consent"
    assert held["facts"]["problem"]["facts"] == {"policy_text": "A\nB", "consent_version": "1"}
    dear = error_document(BudgetExceededError("Dear.", needed_usd=Decimal("0.10")))
    assert dear["facts"] == {"needed_usd": Decimal("0.10")}
    assert "facts" not in error_document(ConfigurationError("No."))
    assert error_document(ContentRejectedError("No.", credits_refunded=False))["facts"] == {"credits_refunded": False}


@pytest.mark.parametrize(("typed", "meant"), [("yes\n", True), (" YES \n", True), ("y\n", False), ("", False)])
def test_a_confirmation_is_the_whole_word(
    monkeypatch: pytest.MonkeyPatch, streams: tuple[io.StringIO, io.StringIO], typed: str, meant: bool
) -> None:
    """A y may slip; a word does not. The end of the input is no consent."""
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert Terminal(out=streams[0], err=streams[1]).confirm("I agree.") is meant
    assert streams[1].getvalue() == "I agree. Type yes to confirm: "


def test_run_gives_the_result() -> None:
    """Without a signal the coroutine's value comes back."""

    async def work() -> int:
        return 7

    assert run(work()) == 7
