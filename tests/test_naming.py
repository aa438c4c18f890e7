"""Output names stay in their folder, whatever anybody wrote."""

import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import ConfigurationError, InvalidRequestError
from venice_async.naming import part_path, render_name, safe_destination, slug

anything = st.text(st.characters(), max_size=200)  # lone surrogates too


@pytest.mark.parametrize(
    "title",
    [
        "scene-12",
        "Scene 12 (final)",
        "wan-2.5",
        "Grüße aus Köln",
        "東京の夜",
        "Привет",
        "नमस्ते",
        "می\u200cروم",
        "fox 🦊",
        "a_b.c",
    ],
)
def test_legitimate_titles_stay_as_they_are(title: str) -> None:
    """Words in any script need no change."""
    assert slug(title) == title


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("a\\b:c", "a_b_c"),
        ("..", "untitled"),
        ("", "untitled"),
        (".hidden", "hidden"),
        ("--rm", "rm"),
        ("name. ", "name"),
        ("line\nbreak\0", "line_break_"),
        ("gpj\u202e4pm", "gpj_4pm"),
        ("con", "_con"),
        ("NUL.tar.gz", "_NUL.tar.gz"),
        ("COM¹", "_COM¹"),
        ("\ud800", "_"),
    ],
)
def test_hostile_values_are_tamed_and_marked(value: str, name: str) -> None:
    """What is lost is replaced, and a hash tells the value from others that lose the same."""
    plain, _, digest = slug(value).rpartition("-")
    assert plain == name
    assert len(digest) == 8
    assert set(digest) <= set(string.hexdigits)


def test_values_that_lose_the_same_do_not_share_a_name() -> None:
    """Two keys that differ only in forbidden characters get two files."""
    assert slug("a/b") != slug("a:b")
    assert slug("x" * 200) != slug("x" * 201)


def test_composed_and_decomposed_letters_are_one_name() -> None:
    """A name has one spelling on the disk, however its accents were typed."""
    assert slug(unicodedata.normalize("NFD", "Köln")) == "Köln"


@given(anything)
def test_a_slug_is_always_one_safe_part(value: str) -> None:
    """A slug is short, has no separator, is never hidden, and never an option or a device."""
    name = slug(value)
    assert 0 < len(name.encode()) <= 100
    assert not set(name) & set('/\\:*?"<>|\0\n\r\u202e')
    assert name[0] not in ".- "
    assert name[-1] not in ". "
    assert unicodedata.is_normalized("NFC", name)


@given(anything, anything, anything, anything)
def test_rendered_names_never_escape(key: str, model: str, job_id: str, date: str) -> None:
    """Whatever the values are, the path lies in the folder that the template names."""
    name = render_name("{date}/{model}/{key}.mp4", key=key, model=model, job_id=job_id, date=date)
    path = safe_destination(Path("/videos"), name)
    assert path.parent.parent.parent == Path("/videos").resolve()


def test_a_template_names_its_fields() -> None:
    """Fields are replaced and doubled braces stand for themselves."""
    name = render_name("{key} {{x}} {model}-{job_id} {date}.mp4", key="k", model="m", job_id="j", date="2026-01-02")
    assert name == "k {x} m-j 2026-01-02.mp4"


@pytest.mark.parametrize(
    "template",
    ["{prompt}", "{key.__class__}", "{key[0]}", "{key!r}", "{key:>99}", "{0}", "{}", "{key", "key}", "{ key}"],
)
def test_templates_with_anything_else_are_refused(template: str) -> None:
    """Only the four fields may stand in a template, plainly."""
    with pytest.raises(ConfigurationError, match="output template") as caught:
        render_name(template, key="k", model="m", job_id="j", date="d")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", ["video.mp4", "act 1/scene-12.mp4", "日本/東京.mp4", ".hidden.mp4"])
def test_names_below_the_folder_are_taken(tmp_path: Path, name: str) -> None:
    """A name may hold folders."""
    assert safe_destination(tmp_path, name) == tmp_path.resolve() / name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../video.mp4",
        "a/../../video.mp4",
        "a/./b.mp4",
        "a//b.mp4",
        "folder/",
        "a\\b.mp4",
        "C:video.mp4",
        "C:/video.mp4",
        "line\nbreak.mp4",
        "null\0.mp4",
        "\u202emp4.exe",
        "\ud800.mp4",
        "nul",
        "con.mp4",
        "aux/video.mp4",
        "video.mp4.",
        "video.mp4 ",
        "x" * 256,
        "ü" * 128,
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    """A name that leaves the folder, or is no file name everywhere, is refused before anything is paid."""
    with pytest.raises(InvalidRequestError, match="output name") as caught:
        safe_destination(tmp_path, name)
    assert caught.value.message.isprintable()
    assert len(caught.value.problems) == 1


def test_a_linked_folder_that_leads_out_is_refused(tmp_path: Path) -> None:
    """A symbolic link inside the folder does not open a way out of it."""
    videos, outside = tmp_path / "videos", tmp_path / "outside"
    videos.mkdir()
    outside.mkdir()
    (videos / "way").symlink_to(outside)
    with pytest.raises(InvalidRequestError, match="through a link"):
        safe_destination(videos, "way/video.mp4")


def test_a_link_at_the_last_part_is_not_followed(tmp_path: Path) -> None:
    """The path is that of the link itself, which publishing then refuses."""
    (tmp_path / "video.mp4").symlink_to("/etc/passwd")
    assert safe_destination(tmp_path, "video.mp4") == tmp_path.resolve() / "video.mp4"


@given(
    name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=255),
    job=anything,
)
def test_part_names_fit_beside_any_destination(name: str, job: str) -> None:
    """The part is hidden, in the same folder, carries the job and fits in 255 bytes."""
    if name in (".", ".."):
        name = "dots"
    part = part_path(Path("/videos") / name, job)
    assert part.parent == Path("/videos")
    assert part.name.startswith(".")
    assert part.name.endswith(f".{slug(job)}.part")
    assert len(part.name.encode()) <= 255


def test_two_jobs_never_share_a_part() -> None:
    """Two jobs with one destination, however long its name, write to different parts."""
    destination = Path("/videos") / ("x" * 251 + ".mp4")
    assert part_path(destination, "job-1") != part_path(destination, "job-2")
