"""Output names stay in their folder, whatever anybody wrote."""

import string
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from venice_async.errors import InvalidRequestError
from venice_async.naming import check_template, part_path, render_name, safe_destination, slug

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


@given(anything, anything, anything, st.floats(0, 4e9))
def test_rendered_names_never_escape(key: str, model: str, job_id: str, at: float) -> None:
    """Whatever the values are, the path lies in the folder that the template names."""
    name = render_name("{date}/{model}/{key} {job_id}.mp4", key=key, model=model, job_id=job_id, at=at)
    path = safe_destination(Path("/videos"), name)
    assert path.parent.parent.parent == Path("/videos").resolve()


SAFE_TEMPLATES = ["{key}.mp4", "{model}-{key}.mp4", "films/{date}/{key}", "{job_id}/{key}.mp4"]


@given(template=st.sampled_from(SAFE_TEMPLATES), one=anything, other=anything)
@example(template="{key}.mp4", one="a/b", other="a:b")
@example(template="{key}.mp4", one="..", other="")
@example(template="{key}.mp4", one="nul", other="_nul")
@example(template="{key}.mp4", one="x" * 101, other="x" * 100)
def test_different_keys_get_different_names(template: str, one: str, other: str) -> None:
    """Whatever a key loses on its way into a name. Two spellings of one accent read alike, and are one name."""
    names = {render_name(template, key=key, model="m", job_id="j", at=0) for key in (one, other)}
    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    assert len(names) == (1 if same else 2)


pieces = st.sampled_from(["{key}", "{model}", "{job_id}", "{date}", "/", "..", ".", "\\", "C:", "{", "}", "{0}", "nul"])


@given(template=st.lists(pieces | anything, max_size=6).map("".join), key=anything, model=anything)
def test_any_template_is_refused_or_stays_in_the_folder(template: str, key: str, model: str) -> None:
    """Nothing but our own refusal ever comes of it."""
    try:
        check_template(template)
        path = safe_destination(Path("/videos"), render_name(template, key=key, model=model, job_id="j", at=0))
    except InvalidRequestError:
        return
    assert path.is_relative_to(Path("/videos").resolve())
    assert path != Path("/videos").resolve()


def test_a_key_that_imitates_another_ones_name_shares_it() -> None:
    """The one known collision, made on purpose: whoever hands out names has to refuse a name that is taken."""
    assert slug(slug("a/b")) == slug("a/b")


def test_a_template_names_its_fields() -> None:
    """Fields are replaced and doubled braces stand for themselves; the date is the day in UTC."""
    at = datetime(2026, 1, 2, 23, 59, 59, tzinfo=UTC).timestamp()
    name = render_name("{key} {{x}} {model}-{job_id} {date}.mp4", key="k", model="m", job_id="j", at=at)
    assert name == "k {x} m-j 2026-01-02.mp4"
    assert render_name("{date}", key="k", model="m", job_id="j", at=at + 1) == "2026-01-03"


@pytest.mark.parametrize(
    "template",
    [
        "{prompt}{key}",
        "{key.__class__}",
        "{key.__init__.__globals__}",
        "{key[0]}",
        "{key!r}",
        "{key:>99}",
        "{key:{model}}",
        "{0}",
        "{}",
        "{key",
        "key}",
        "{ key}",
        "{KEY}",
    ],
)
def test_templates_with_anything_else_are_refused(template: str) -> None:
    """Only the four fields may stand in a template, plainly; the error lists them."""
    for refuses in (check_template, lambda text: render_name(text, key="k", model="m", job_id="j", at=0)):
        with pytest.raises(InvalidRequestError, match="output template") as caught:
            refuses(template)
        assert caught.value.__context__ is None
        assert "brace" in str(caught.value) or "{key}, {model}, {job_id}, {date}" in str(caught.value)


@pytest.mark.parametrize("template", [*SAFE_TEMPLATES, "{job_id}", "{{x}} {key}.mp4", "日本/{key}.mp4", ".{key}"])
def test_templates_that_name_each_job_are_taken(template: str) -> None:
    """Folders may stand in the template itself."""
    check_template(template)


@pytest.mark.parametrize("template", ["", "video.mp4", "{model}.mp4", "{date}/{model}.mp4", "{{key}}.mp4"])
def test_a_template_that_names_all_jobs_alike_is_refused(template: str) -> None:
    """One job would overwrite the other's video."""
    with pytest.raises(InvalidRequestError, match=r"must hold \{key\} or \{job_id\}"):
        check_template(template)


@pytest.mark.parametrize(
    "template",
    [
        "/{key}.mp4",
        "../{key}.mp4",
        "a/../{key}",
        "a//{key}",
        "{key}/",
        "C:{key}",
        "a\\{key}",
        "{key}.",
        "nul/{key}",
        "{key}\n",
        "{key}{model}{key}",
        "x" * 200 + "{key}",
    ],
)
def test_a_template_that_leads_elsewhere_is_refused_at_once(template: str) -> None:
    """Not at the first job: what no value can make good is told when the template is given."""
    with pytest.raises(InvalidRequestError, match="output template") as caught:
        check_template(template)
    assert caught.value.message.isprintable()


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
