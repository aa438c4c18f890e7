"""JSON and JSON Lines: rows with their lines, and mistakes with theirs."""

import pytest

from venice_async.cli.manifests.entries import Entries
from venice_async.cli.manifests.json_files import read_json, read_jsonl

from .reading import fields, read, said

LIST = '[\n  {"a": 1},\n  {"b": [2,\n 3]}\n]\n'
OBJECT = '\n{"defaults":\n {"model": "m"},\n "jobs": [\n {"a": 1}, {"b": [2, 3]}]}'


def places(entries: Entries) -> list[str]:
    return [row.place for row in entries.rows]


def test_a_list_of_objects() -> None:
    """Each row knows the line on which it begins."""
    entries = read(read_json, LIST)
    assert fields(entries) == [{"a": 1}, {"b": [2, 3]}]
    assert places(entries) == ["m:2", "m:3"]
    assert entries.defaults is None


def test_an_object_with_defaults() -> None:
    """In either order."""
    entries = read(read_json, OBJECT)
    assert fields(entries) == [{"a": 1}, {"b": [2, 3]}]
    assert places(entries) == ["m:5", "m:5"]
    assert entries.defaults is not None
    assert (entries.defaults.place, entries.defaults.fields) == ("m:2 (defaults)", {"model": "m"})
    assert fields(read(read_json, '{"jobs": [], "defaults": {}}')) == []


def test_lines() -> None:
    """Empty ones are nothing, defaults may stand on any of them, and only a line feed ends one."""
    entries = read(read_jsonl, '{"a": "x\u2028y"}\r\n\n{"defaults": {"model": "m"}}\n{"b": 1}')
    assert fields(entries) == [{"a": "x\u2028y"}, {"b": 1}]
    assert places(entries) == ["m:1", "m:4"]
    assert entries.defaults is not None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "m:1: manifest: is not JSON: Expecting '[' (column 1)."),
        ("[{}\n,{]", "m:2: manifest: is not JSON: Expecting property name"),
        ('[{"a": 1, "a": 2}]', "m:1: manifest: has the name 'a' twice in one object."),
        ('{"jobs": [], "jobs": []}', "m:1: manifest: has the name 'jobs' twice in one object."),
        ("[{}] x", "m:1: manifest: is not JSON: Extra data (column 6)."),
        ("[{} {}]", "m:1: manifest: is not JSON: Expecting ',' or ']' (column 5)."),
        ("[NaN]", "m:1: manifest: is not JSON: NaN is no number in JSON."),
        ("[" * 100_000, "m:1: manifest: is nested too deep."),
        ("[" + "9" * 5000 + "]", "m:1: manifest: is not JSON: Exceeds the limit"),
        ("[\n5]", "m:2: job: must be an object"),
        ("{}", "m:1: jobs: is missing"),
        ('{"jobs": 5}', "m:1: jobs: must be a list."),
        ('{"jobs": [],\n"job": []}', "m:2: job: is not known here"),
        ('{"jobs": [], "defaults": []}', "m:1: defaults: must be an object"),
        ('{"jobs": [], "defaults": {"key": "a"}}', "m:1: defaults.key: belongs to one job"),
        ("{5: 6}", "m:1: manifest: is not JSON: Expecting a name and ':'"),
    ],
)
def test_a_mistake_in_json_has_its_line(text: str, sentence: str) -> None:
    """And never a traceback."""
    assert sentence in "\n".join(said(read(read_json, text)))


def test_a_broken_line_hides_no_other() -> None:
    """Each has its own sentence, and the good rows are read."""
    entries = read(read_jsonl, '{"a": 1}\n{\n[]\n{"b": 1, "b": 2}\nInfinity\n{"c": 1}')
    assert [sentence.partition(" ")[0] for sentence in said(entries)] == ["m:2:", "m:3:", "m:4:", "m:5:"]
    assert places(entries) == ["m:1", "m:6"]


def test_defaults_stand_once() -> None:
    """Which of two would count, nobody could tell."""
    entries = read(read_jsonl, '{"defaults": {"a": 1}}\n{"defaults": {"a": 2}}')
    assert said(entries) == ["m:2: defaults: stands twice."]
