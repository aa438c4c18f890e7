"""A manifest from its file. What kind it is, its ending says."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from venice_async.cli.manifests.csv_files import read_csv
from venice_async.cli.manifests.entries import MAX_BYTES, Entries
from venice_async.cli.manifests.json_files import read_json, read_jsonl
from venice_async.cli.manifests.rows import Manifest, rows_of
from venice_async.cli.manifests.yaml_files import read_yaml
from venice_async.errors import ConfigurationError

KINDS: Mapping[str, Callable[[str, Entries], None]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".csv": read_csv,
}


def read_manifest(path: Path, *, allowed: Sequence[Path] = ()) -> Manifest:
    """The manifest in a file; local media may lie in its folder, and in those that are `allowed`.

    Raises ConfigurationError for a file that cannot be read, is too large or is of no known kind.
    """
    read = KINDS.get(path.suffix.lower())
    if read is None:
        raise ConfigurationError(f"{path} is no manifest: its name must end in one of {', '.join(KINDS)}.")
    entries = Entries(name=str(path))
    read(_text(path), entries)
    return rows_of(entries, folder=path.parent, allowed=allowed)


def _text(path: Path) -> str:
    problem = ""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) <= MAX_BYTES:
            return data.decode("utf-8-sig")  # as spreadsheets write it
        problem = f"has more than {MAX_BYTES // 2**20} MiB"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = f"is not UTF-8 (line {line})"
    raise ConfigurationError(f"{path} {problem}.")
