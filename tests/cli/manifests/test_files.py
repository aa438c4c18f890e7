"""A manifest's file: its kind, its size, its letters."""

import os
from pathlib import Path

import pytest

from venice_async.cli.manifests import entries, files
from venice_async.cli.manifests.files import read_manifest
from venice_async.errors import ConfigurationError


def test_a_byte_order_mark_is_no_letter(tmp_path: Path) -> None:
    """Spreadsheets write one."""
    (tmp_path / "a.CSV").write_bytes("\ufeffmodel,prompt\nm,é\n".encode())
    manifest = read_manifest(tmp_path / "a.CSV")
    assert [(row.request.model, row.request.prompt) for row in manifest.rows] == [("m", "é")]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", b"", "must end in one of"),
        ("a.json", b'["\xff"]', r"is not UTF-8 \(line 1\)"),
        ("b.json", None, "cannot be read: No such file"),
        ("a.jsonl", b"{}" * 50, "has more than 0 MiB"),
    ],
)
def test_what_is_no_manifest(
    tmp_path: Path, name: str, data: bytes | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused in a sentence."""
    monkeypatch.setattr(files, "MAX_BYTES", 99)
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigurationError, match=said):
        read_manifest(tmp_path / name)


def test_a_manifest_of_nothing_is_a_mistake(tmp_path: Path) -> None:
    """Rather than a batch that is done at once."""
    (tmp_path / "a.json").write_text("[]")
    assert "has no rows" in str(read_manifest(tmp_path / "a.json").all_mistakes()[0])


def test_too_many_rows_are_one_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not one for each."""
    monkeypatch.setattr(entries, "MAX_ENTRIES", 2)
    (tmp_path / "a.jsonl").write_text('{"model": "m"}\n' * 9)
    mistakes = [str(mistake) for mistake in read_manifest(tmp_path / "a.jsonl").all_mistakes()]
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"{os.fspath(tmp_path / 'a.jsonl')}:3: job: is row 3")
