"""The page's text."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from venice_async.gallery.facts import facts_of
from venice_async.gallery.files import Found
from venice_async.gallery.page import page
from venice_async.jobs import JobState

from .conftest import Example, made

HOSTILE = [
    "</script><script>window.owned = 1</script>",
    "\"><img src=x onerror='window.owned = 1'>",
    "' onmouseover='window.owned = 1' x='",
    "<!-- <style>body { display: none }</style>",
    "javascript:window.owned = 1 &lt;b&gt; &amp;",
    "\u202egnp.exe \u2066 نص עברית \u200f end",
    "null \0 bell \x07 half \ud800 end",
    "{{ 7 * 7 }} ${window.owned = 1} `x` \\u003cscript\\u003e",
]


class Reader(HTMLParser):
    """What a browser would see: elements with attributes, and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def hostile_page(folder: Path) -> str:
    jobs = []
    for number, text in enumerate(HOSTILE):
        shown = Found(path=folder / "a.mp4", name=f"{number}.mp4", length=2.0)
        for state, found in ((JobState.COMPLETED, shown), (JobState.FAILED, Found())):
            fields = {"negative_prompt": text, "aspect_ratio": text}
            record = made(
                text, folder, prompt=text, fields=fields, model=text, held_for=text, state=state, decision=text
            )
            jobs.append(facts_of(record, found, folder=folder))
    return page(jobs, posters={}, title=HOSTILE[0], sheet=None)


def test_nothing_of_a_record_becomes_html(tmp_path: Path) -> None:
    """Elements are our own, none has a handler, and the text comes out as it went in."""
    text = hostile_page(tmp_path)
    text.encode()
    read = Reader(text)
    names = [name for name, _ in read.elements]
    assert (names.count("script"), names.count("style"), names.count("img")) == (1, 1, 0)
    assert not [key for _, attributes in read.elements for key in attributes if key.startswith("on")]
    assert all(each in read.texts for each in HOSTILE[:6])
    assert "\0" not in text


def test_every_address_is_relative(example: Example) -> None:
    """And the browser is told to load nothing else."""
    read = Reader(example.page.read_text())
    addresses = [value for _, found in read.elements for name, value in found.items() if name in {"href", "src"}]
    assert len(addresses) == 9 * 2 + 1
    assert all((value or "").startswith(("./", "gallery/", "contact-sheet.png")) for value in addresses)
    policy = next(found["content"] for name, found in read.elements if found.get("http-equiv"))
    assert (policy or "").startswith("default-src 'none'; ")
    assert "http" not in "".join(value or "" for value in addresses)


def test_the_same_records_give_the_same_page(tmp_path: Path) -> None:
    """No clock and no chance is in it."""
    assert hostile_page(tmp_path) == hostile_page(tmp_path)


def test_totals_and_filters(example: Example) -> None:
    """What was made, and what became of the money; a button for each state that there is."""
    read = Reader(example.page.read_text())
    joined = "|".join(read.texts)
    assert "videos of 12 jobs|9|spent|$3.04|reserved|$1.14|refunded|$0.10|of video|18 s" in joined
    states = [found["data-state"] for name, found in read.elements if name == "button" and "data-state" in found]
    assert states == ["", "completed", "held", "unknown", "failed"]


def test_one_job_needs_no_filters(tmp_path: Path) -> None:
    """Neither does none."""
    one = facts_of(made("a", tmp_path), Found(), folder=tmp_path)
    for jobs in ([one], []):
        values: dict[str, Any] = {"posters": {}, "title": " ", "sheet": None}
        read = Reader(page(jobs, **values))
        assert not [name for name, _ in read.elements if name in {"form", "select"}]
        assert "Videos" in read.texts
