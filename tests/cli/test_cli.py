"""The way in: `venice-async`, `python -m venice_async`, and what is said when an extra is missing."""

import subprocess
import sys

import pytest

from venice_async.cli import main

from .conftest import clean_environment


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    """One sentence and exit code 2, instead of an ImportError."""
    script = f"import sys; sys.modules[{missing!r}] = None; from venice_async.cli import main; sys.exit(main([]))"
    ran = python("-c", script)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"venice-async: the command line needs {missing}: pip install 'venice-async[cli]'\n"


def test_importing_it_is_cheap() -> None:
    """Nothing heavy comes in before a command needs it."""
    heavy = "{'cyclopts', 'rich', 'aiohttp', 'cattrs', 'av', 'attrs'}"
    ran = python("-c", f"import venice_async.cli, sys; print(sorted({heavy} & set(sys.modules)))")
    assert ran.stdout.strip() == "[]"


COMMANDS = (
    "demo", "emulator", "generate", "jobs", "models", "quote", "reconcile", "release", "resolve", "resume", "unknown",
    "wallet",
)  # fmt: skip


def test_help_names_every_command() -> None:
    """Without a command the help is shown, and it names all of them."""
    ran = python("-m", "venice_async")
    assert ran.returncode == 0
    for command in COMMANDS:
        assert command in ran.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command tells its options."""
    assert main([command, "--help"]) == 0
    assert f"Usage: venice-async {command}" in capsys.readouterr().out


def test_wrong_words_are_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A command or option that does not exist is one line with the way to help."""
    assert main(["generat"]) == 2
    assert main(["models", "--no-such"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith('venice-async: Unknown command "generat"')
    assert lines[1].endswith("See: venice-async models --help")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The installed version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip()
