"""The page as people meet it: in a browser, opened from the disk."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from venice_async.gallery import write_gallery
from venice_async.gallery.facts import facts_of
from venice_async.gallery.files import look
from venice_async.gallery.page import page

from .browser import Browser, browsers
from .conftest import Example, made
from .test_page import HOSTILE, hostile_page

pytest.importorskip("av")

PLAYS = "const v = document.querySelector(arguments[0]); return v && !v.paused && v.currentTime > 0.1 && v.currentTime"
WIDTHS = pytest.mark.parametrize("width", [1280, 360])


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: VENICE_GALLERY_SHOTS, or a folder of pytest's."""
    named = os.environ.get("VENICE_GALLERY_SHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    yield from browsers(tmp_path_factory.mktemp("browser"))


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """The page must have nothing to complain of."""
    window.errors()
    yield window
    assert window.errors() == []


def test_a_video_plays_under_the_pointer(browser: Browser, example: Example) -> None:
    """Silently, one at a time, and it stops when the pointer leaves."""
    browser.open(example.page)
    browser.point_at("#cards > li:nth-child(1) a")
    assert browser.until(PLAYS, "#cards > li:nth-child(1) video") < 2.1
    browser.point_at("#cards > li:nth-child(2) a")
    assert browser.until(PLAYS, "#cards > li:nth-child(2) video")
    assert browser.run("return [...document.querySelectorAll('video')].map((v) => v.muted)") == [True]
    browser.point_at("h1")
    browser.until("return !document.querySelector('video')")


def test_with_the_keyboard_alone(browser: Browser, example: Example) -> None:
    """Focus previews, Enter shows it large, arrows go on to what has no video too, Escape returns to the card."""
    browser.open(example.page)
    browser.run("document.getElementById('order').focus()")
    browser.press("TAB")
    assert browser.until(PLAYS, "#cards > li:nth-child(1) video")
    browser.press("ENTER")
    assert browser.until(PLAYS, "dialog[open] video")
    assert browser.find("dialog h2").text == "slow-tide"
    browser.press("ARROW_RIGHT", "ARROW_RIGHT", "ARROW_RIGHT")
    assert browser.find("dialog h2").text == "night-train"
    assert "Whether it was charged is not known." in browser.find("dialog").text
    browser.press("ARROW_LEFT", "ESCAPE")
    browser.until("return !document.querySelector('dialog[open], dialog video')")
    assert browser.run("return document.activeElement.closest('li').querySelector('h2').textContent") == "waking-hill"


def test_with_a_finger(browser: Browser, example: Example, artefacts: Path) -> None:
    """A tap shows it large, with the browser's controls; all facts are there."""
    browser.open(example.page, width=360, height=740)
    browser.tap("#cards > li:nth-child(2) a")
    assert browser.until(PLAYS, "dialog[open] video")
    assert browser.run("return document.querySelector('dialog video').controls")
    text = browser.find("dialog").text
    assert all(part in text for part in ("clockwork", "9:16", "kling-2.6-pro", "180 x 320", "clockwork.mp4", "$0.70"))
    browser.driver.save_screenshot(str(artefacts / "phone-player.png"))
    browser.tap("#close")
    browser.until("return !document.querySelector('dialog[open]')")


@WIDTHS
def test_sorting(browser: Browser, example: Example, width: int) -> None:
    """By each of them, both ways; what has no value stays at the end."""
    browser.open(example.page, width=width)
    submitted = browser.shown()
    assert submitted[:3] == ["slow-tide", "clockwork", "waking-hill"]
    browser.choose("#sort", "key")
    assert browser.shown() == sorted(submitted)
    browser.find("#order").click()
    assert browser.shown() == sorted(submitted, reverse=True)
    facts = [
        facts_of(record, look(record, example.folder.resolve()), folder=example.folder) for record in example.records
    ]
    for by in ("cost", "took", "length", "at", "model"):
        browser.choose("#sort", {"at": "time"}.get(by, by))
        values = {job.key: getattr(job, by) if by != "length" else job.found.length for job in facts}
        row = [values[key] for key in browser.shown()]
        known = [value for value in row if value is not None]
        assert known == sorted(known, reverse=True)
        assert row == known + [None] * (len(row) - len(known))


@WIDTHS
def test_filtering(browser: Browser, example: Example, width: int) -> None:
    """By state, model and words, all together; and it says how many are left."""
    browser.open(example.page, width=width)
    browser.find("[data-state=failed].chip").click()
    assert browser.shown() == ["market-crowd"]
    assert browser.find("#count").text == "1 of 12 jobs"
    browser.find("[data-state=completed].chip").click()
    browser.choose("#model", "wan-2.6-text-to-video")
    assert browser.shown() == ["slow-tide", "glass-city"]
    browser.find("#search").send_keys("BEACH  chess")
    assert browser.shown() == ["slow-tide"]
    browser.find("#search").send_keys(" nothing")
    assert browser.shown() == []
    assert browser.find("#none").text == "Nothing here fits these filters."
    browser.press("ENTER")
    browser.find("#search").clear()
    browser.find("[data-state=''].chip").click()
    browser.choose("#model", "")
    assert len(browser.shown()) == 12
    assert browser.find("#count").text == "12 jobs"


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (360, False), (360, True)])
def test_it_fits(browser: Browser, example: Example, artefacts: Path, width: int, dark: bool) -> None:
    """Nothing is wider than the window, every poster shows, and nothing was asked of any other place."""
    browser.asked()
    browser.open(example.page, width=width, height=1200, dark=dark)
    assert browser.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    visible = "[...document.images].filter((i) => i.getBoundingClientRect().top < innerHeight)"
    assert browser.until(f"const s = {visible}; return s.every((i) => i.complete && i.naturalWidth) && s.length") > 1
    asked = browser.asked()
    assert len(asked) > 3
    assert [address for address in asked if not address.startswith(f"{example.page.parent.as_uri()}/")] == []
    browser.driver.save_screenshot(str(artefacts / f"gallery-{width}-{'dark' if dark else 'light'}.png"))


def test_without_posters(browser: Browser, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser shows first frames itself, of the cards that are near; they play as well."""
    monkeypatch.setitem(sys.modules, "av", None)
    records = [attrs.evolve(record, output=str(tmp_path / Path(record.output).name)) for record in example.records]
    for path in example.folder.glob("*.mp4"):
        shutil.copy(path, tmp_path)
    browser.open(write_gallery(tmp_path, records), width=360, height=600)
    first = "document.querySelector('#cards > li:nth-child(1) video.still')"
    assert browser.until(f"const v = {first}; return v && v.readyState >= 2 && v.videoWidth") == 320
    assert browser.run("return document.querySelectorAll('video.still').length") < 5
    browser.tap("#cards > li:nth-child(1) a")
    assert browser.until(PLAYS, "dialog[open] video")


def test_without_scripts(browser: Browser, example: Example) -> None:
    """Pictures, words and plain links to the videos are there; controls that would do nothing are not."""
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(example.page)
        assert not browser.find("#controls").is_displayed()
        assert browser.find(".details").is_displayed() is False
        assert "The charge was refunded." in browser.find("#cards").text
        assert browser.find("a.stage").get_attribute("href") == (example.page.parent / "slow-tide.mp4").as_uri()
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)


def test_hostile_records(browser: Browser, example: Example, tmp_path: Path) -> None:
    """Nothing of theirs runs, and their words are shown as they are."""
    for number in range(len(HOSTILE)):
        shutil.copy(example.folder / "clockwork.mp4", tmp_path / f"{number}.mp4")
    (tmp_path / "index.html").write_text(hostile_page(tmp_path))
    browser.open(tmp_path / "index.html", width=360)
    assert browser.run("return window.owned === undefined")
    assert browser.run("return document.querySelectorAll('#cards > li').length") == 2 * len(HOSTILE)
    prompts = browser.run("return [...document.querySelectorAll('.prompt')].map((e) => e.textContent)")
    assert prompts[: 2 * 6 : 2] == HOSTILE[:6]
    assert browser.run("return document.documentElement.scrollWidth") == 360
    browser.find("#search").send_keys("</script>")
    assert len(browser.shown()) == 2


def test_names_of_any_kind_play(browser: Browser, example: Example, tmp_path: Path) -> None:
    """What an address gives a meaning to is only a name here."""
    path = tmp_path / "day 1" / '50% "off"? #1 & \'é:x.mp4'
    path.parent.mkdir()
    shutil.copy(example.folder / "clockwork.mp4", path)
    browser.open(write_gallery(tmp_path, [made("odd", tmp_path, output=str(path))]))
    browser.point_at("a.stage")
    assert browser.until(PLAYS, "#cards video")


def test_a_thousand_videos(browser: Browser, example: Example, tmp_path: Path) -> None:
    """Only the posters near the window are fetched, no video is, and it sorts and filters."""
    shutil.copytree(example.folder / "gallery", tmp_path / "gallery")
    poster = next((tmp_path / "gallery").iterdir()).name
    one = next(job for job in example.records if job.key == "clockwork")
    found = look(one, example.folder.resolve())
    jobs = [
        facts_of(
            made(f"scene-{number}", tmp_path, prompt=f"Number {number} " + "of many words " * 20),
            attrs.evolve(found, name=f"{number}.mp4"),
            folder=tmp_path,
        )
        for number in range(1000)
    ]
    # Each poster has an address of its own, so that the browser's memory does not hide a request.
    posters = {f"{number}.mp4": f"gallery/{poster}?{number}" for number in range(1000)}
    (tmp_path / "index.html").write_text(page(jobs, posters=posters, title="Many", sheet=None))
    browser.open(tmp_path / "index.html")
    loaded = "return [...document.images].filter((i) => i.complete && i.naturalWidth).length"
    assert 0 < browser.until(loaded) < 200
    assert browser.run("return document.querySelectorAll('video').length") == 0
    browser.choose("#sort", "key")
    browser.find("#order").click()
    assert browser.shown()[:2] == ["scene-999", "scene-998"]
    browser.find("#search").send_keys("number 77 ")
    assert "scene-77" in browser.shown()
