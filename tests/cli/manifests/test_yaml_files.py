"""YAML 1.2, without what makes it dangerous."""

import builtins
from typing import Any

import pytest

from venice_async.cli.manifests.yaml_files import read_yaml
from venice_async.errors import ConfigurationError

from .reading import fields, read, said

RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "9:21"]


@pytest.fixture
def _library() -> None:
    pytest.importorskip("yaml")


@pytest.mark.usefixtures("_library")
def test_every_ratio_is_a_text() -> None:
    """Version 1.1 reads 16:9 as 969 minutes or seconds of something."""
    for ratio in RATIOS:
        assert (
            fields(read(read_yaml, f"- aspect_ratio: {ratio}\n- {{aspect_ratio: {ratio}}}"))
            == [{"aspect_ratio": ratio}] * 2
        )


@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("NO", "NO"), ("true", True), ("False", False), ("~", None),
        ("", None), ("null", None), ("12", 12), ("-3", -3), ("012", 12), ("0x1f", 31), ("0o17", 15), ("1_000", "1_000"),
        ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), (".inf", ".inf"), (".nan", ".nan"), ("5s", "5s"),
        ("2026-11-21", "2026-11-21"), ('"12"', "12"), ("'true'", "true"), ("!!str 12", "12"), ("|\n   a\n   b", "a\nb"),
        ("9" * 5000, "9" * 5000), ("=", "="), ('"\\u2028"', "\u2028"),
    ],
)  # fmt: skip
def test_plain_words_mean_what_version_1_2_says(text: str, value: Any) -> None:
    """Dates and other bases of 1.1 are texts; quotes make anything one."""
    assert fields(read(read_yaml, f"- a: {text}")) == [{"a": value}]


@pytest.mark.usefixtures("_library")
def test_a_mapping_with_defaults() -> None:
    """Comments, blocks and flow; each row knows its line."""
    text = "# shots\ndefaults:\n  model: m\njobs:\n  - key: a\n    keyframes: [{frame_index: 1}, []]\n\n  - {key: b}\n"
    entries = read(read_yaml, text)
    assert fields(entries) == [{"key": "a", "keyframes": [{"frame_index": 1}, []]}, {"key": "b"}]
    assert [row.place for row in entries.rows] == ["m:5", "m:8"]
    assert entries.defaults is not None
    assert (entries.defaults.place, entries.defaults.fields) == ("m:2 (defaults)", {"model": "m"})


BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BOMB, "m:1: manifest: has an anchor (&)"),
        ("- {a: *b}", "m:1: manifest: "),
        ("- a: &x 1\n- b: *x", "m:1: manifest: has an anchor (&)"),
        ("- a: !!python/object/apply:os.system [ls]", "m:1: manifest: has a tag"),
        ("- a: !!float 5", "m:1: manifest: has a tag"),
        ("- a: 1\n  a: 2", "m:2: manifest: has the name 'a' twice in one mapping."),
        ("- <<: {a: 1}", "m:1: manifest: has a merge (<<)"),
        ("- 5: a", "m:1: manifest: has a name that is not a text."),
        ("- [a]: b", "m:1: manifest: has a name that is not a text."),
        ("[" * 40 + "]" * 40, "m:1: manifest: is nested too deep"),
        ("- a: 1\n---\n- b: 1", "m:2: manifest: has a second document"),
        ("- a: [", "manifest: is not YAML: "),
        ("\ttab: 1", "m:1: manifest: is not YAML: "),
        ("- a: \x07", "m:1: manifest: is not YAML"),
        ("5", "m:1: manifest: must be a list of mappings"),
        ("defaults: {}", "m:1: jobs: is missing."),
        ("jobs: {a: 1}", "m:1: jobs: must be a list."),
        ("jobs: []\nextra: 5", "m:2: extra: is not known here"),
        ("jobs:\n- 5\n- [a]", "m:3: job: must be an object"),
        ("defaults: [a]\njobs: []", "m:1: defaults: must be an object"),
        ("- a: 1\n- [b]", "m:2: job: must be an object"),
    ],
)
def test_a_mistake_has_its_line(text: str, sentence: str) -> None:
    """What could stand for more than the file says is refused when it is met."""
    assert sentence in "\n".join(said(read(read_yaml, text)))


@pytest.mark.usefixtures("_library")
def test_an_empty_file_is_nothing() -> None:
    """That there are no rows is said elsewhere."""
    assert fields(read(read_yaml, "# nothing yet\n")) == []


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    real = builtins.__import__

    def lacking(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ConfigurationError, match="PyYAML is needed"):
        read(read_yaml, "[]")
