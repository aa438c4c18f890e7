"""The shape of the package: floors, keepers, sizes, and what an import costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import venice_async

ROOT = Path(venice_async.__file__).parent

FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "errors models clock backoff limits polling lowwater plausible",
        "loading mp4 links naming decoding alarm lane disk jobs auth wire builders",
        "signin",
        "resolver arrival media catalog money mp4_stream charges",
        "media_checks sending",
        "governor ledger transport verdicts download reconcile",
        "bodies",
        "exchanger streams",
        "billing credentials retrieval payments",
        "client recorder",
        "recovery outlet",
        "transfers",
        "runner",
        "manager",
        "emulator gallery",
        "cli",
    )
)
"""Lowest first. A unit is a module or a folder; it imports from lower floors only, and nothing beside it."""

KEEPERS = {
    "aiohttp": {"transport", "resolver", "emulator.server"},
    "cattrs": {"wire.structure", "wire.stored"},
    "anyio": {"clock"},
    "aiofiles": {"download"},
    "av": {"emulator.clips", "gallery.posters"},
    "PIL": {"gallery.posters", "gallery.sheet"},
    "pytest": {"emulator.pytest_plugin"},
    "yaml": {"cli.manifests.yaml_files"},
    "eth_account": {"signin.keys", "emulator.signatures"},
    "eth_utils": {"signin.keys"},
    "nacl": {"signin.keys", "emulator.signatures"},
    "base58": {"signin.keys", "emulator.signatures"},
    "x402": {"payments.signing"},
}
"""Third parties and the modules that may know them. attrs is everywhere; rich and cyclopts are the command line's."""
HEAVY = (
    *("aiohttp", "cattrs", "anyio", "aiofiles", "sqlite3", "av", "rich", "cyclopts", "yarl", "pytest"),
    *("eth_account", "eth_utils", "nacl", "base58", "coincurve", "x402"),
)

MOST_LINES = 350
MOST_BODY_LINES = 40

SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in SOURCES.items()}
INNER = sorted(set(SOURCES) - {"__init__", "__main__"})


def imported(name: str) -> Iterator[str]:
    """The full names of the modules that a module imports, anywhere in it."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if _is_module(inner) else module


def _is_module(name: str) -> bool:
    return name.startswith("venice_async.") and name.removeprefix("venice_async.") in SOURCES


def unit(name: str) -> str:
    """The module or folder that a module belongs to."""
    return name.removeprefix("venice_async.").partition(".")[0]


def floor(name: str) -> int:
    """On which floor a unit stands."""
    found = [number for number, names in enumerate(FLOORS) if name in names]
    assert found, f"{name} stands on no floor: give it one in this table"
    return found[0]


def below(name: str) -> set[str]:
    """The units of this package that a module imports, other than its own."""
    return {unit(other) for other in imported(name) if other.startswith("venice_async.")} - {unit(name)}


@pytest.mark.parametrize("name", INNER)
def test_imports_point_down(name: str) -> None:
    """What decides knows nothing of what acts, and no module can drag in the whole package."""
    for other in below(name):
        assert floor(other) < floor(unit(name)), f"{name} imports {other}"


def test_no_imports_go_in_circles() -> None:
    """Also within a folder."""
    graph = {
        name: {other.removeprefix("venice_async.") for other in imported(name) if _is_module(other)} for name in INNER
    }
    for package in ("emulator", "cli", "errors", "ledger", "limits", "manager", "polling", "wire"):
        graph.pop(package, None)  # what a folder hands on comes from its own modules
    while graph:
        free = {name for name, others in graph.items() if not others & graph.keys()}
        assert free, f"imports in a circle: {sorted(graph)}"
        graph = {name: others for name, others in graph.items() if name not in free}


def test_every_floor_is_lived_on() -> None:
    """The table names nothing that is gone."""
    assert {name for names in FLOORS for name in names} == {unit(name) for name in INNER}


@pytest.mark.parametrize("name", INNER)
def test_nothing_is_imported_from_the_package_root(name: str) -> None:
    """A module names the module that it needs; the root's names are for users."""
    assert "venice_async" not in set(imported(name))


@pytest.mark.parametrize("name", SOURCES)
def test_third_parties_stay_with_their_keepers(name: str) -> None:
    """One module to look at when a dependency changes."""
    for other in {module.partition(".")[0] for module in imported(name)} - set(sys.stdlib_module_names):
        if other in KEEPERS:
            assert name in KEEPERS[other], f"{name} imports {other}"
        else:
            allowed = {"venice_async", "attrs", "attr"} | ({"rich", "cyclopts"} if unit(name) == "cli" else set())
            assert other in allowed, f"{name} imports {other}"


@pytest.mark.parametrize("name", SOURCES)
def test_modules_are_short(name: str) -> None:
    """What does not fit on a few screens is two things."""
    assert len(SOURCES[name].read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", SOURCES)
def test_functions_are_short(name: str) -> None:
    """A body that does not fit on a screen hides a step that deserves a name."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert length <= MOST_BODY_LINES, f"{name}.{node.name} has {length} lines"


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_is_left_for_later(name: str) -> None:
    """Open ends are in the tracker, not in the code."""
    text = SOURCES[name].read_text()
    assert not [mark for mark in ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK") if mark in text]


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    ["import venice_async", "import venice_async.errors", "from venice_async import VideoRequest, VeniceError",
     "from venice_async import VeniceClient, JobManager, RateLimits", "import venice_async.emulator",
     "import venice_async.emulator.emulator"],
)  # fmt: skip
def test_an_import_is_cheap(statement: str) -> None:
    """A command line that only prints its help, or a test that only names a type, waits for no HTTP library."""
    heavy = loaded_by(statement) & set(HEAVY)
    assert not heavy


def test_every_public_name_is_there() -> None:
    """`__all__` promises nothing that cannot be imported, and names nothing twice."""
    assert len(set(venice_async.__all__)) == len(venice_async.__all__)
    for name in venice_async.__all__:
        assert getattr(venice_async, name) is not None
        assert name in dir(venice_async)
    with pytest.raises(AttributeError, match="no_such_name"):
        venice_async.no_such_name  # noqa: B018 -- looking is the test
