"""The whole: a page, posters and a contact sheet beside the videos."""

import shutil
import sys
from pathlib import Path

import attrs
import pytest
from canaries import assert_nothing_secret

from venice_async.errors import DestinationExistsError
from venice_async.gallery import write_gallery
from venice_async.jobs import JobRecord, JobState

from .conftest import Example, made


@pytest.fixture
def folder(example: Example, tmp_path: Path) -> Path:
    """The example's videos once more, to write beside."""
    copy = tmp_path / "videos"
    copy.mkdir()
    for path in example.folder.glob("*.mp4"):
        shutil.copy2(path, copy)
    return copy


def moved(example: Example, folder: Path) -> list[JobRecord]:
    return [attrs.evolve(record, output=str(folder / Path(record.output).name)) for record in example.records]


def test_what_it_writes(example: Example) -> None:
    """A page, nine posters, a contact sheet, and nothing that is hidden or half done."""
    names = {path.name for path in example.folder.iterdir() if path.suffix != ".mp4"}
    assert names == {"index.html", "contact-sheet.png", "gallery"}
    assert len(list((example.folder / "gallery").iterdir())) == 9


def test_it_tells_no_secrets(example: Example) -> None:
    """No key, no private link, no queue_id, and no path of this machine."""
    text = example.page.read_text()
    assert_nothing_secret(text)
    private = next(record for record in example.records if record.key == "private-garden")
    for record in example.records:
        assert record.queue_id is None or record.queue_id not in text
        assert record.id not in text
    assert private.download_url is None or private.download_url not in text
    assert str(example.folder.parent) not in text
    assert "any-key" not in text


def test_again_it_replaces_its_own(example: Example, folder: Path) -> None:
    """The videos stay untouched, posters of videos that went go, and the rest is the same."""
    records = moved(example, folder)
    before = {path: path.read_bytes() for path in folder.glob("*.mp4")}
    page = write_gallery(folder, records, title="Coast and city, first cut")
    first = page.read_bytes()
    assert write_gallery(str(folder), records, title="Coast and city, first cut").read_bytes() == first
    assert {path: path.read_bytes() for path in folder.glob("*.mp4")} == before
    (folder / "lighthouse.mp4").unlink()
    write_gallery(folder, records)
    assert "Its file is not here any more." in page.read_text()
    assert len(list((folder / "gallery").iterdir())) == 8


@pytest.mark.parametrize("name", ["index.html", "contact-sheet.png"])
def test_a_page_of_somebody_else_stays(example: Example, folder: Path, name: str) -> None:
    """It is refused before anything is written."""
    (folder / name).write_text("mine")
    with pytest.raises(DestinationExistsError, match=name):
        write_gallery(folder, moved(example, folder))
    assert (folder / name).read_text() == "mine"
    assert {path.name for path in folder.iterdir() if path.suffix != ".mp4"} == {name}


def test_without_the_extra(example: Example, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is there all the same."""
    monkeypatch.setitem(sys.modules, "av", None)
    text = write_gallery(folder, moved(example, folder)).read_text()
    assert {path.name for path in folder.iterdir() if path.suffix != ".mp4"} == {"index.html"}
    assert "contact-sheet.png" not in text
    assert text.count('class="stage"') == 9


def test_no_jobs_and_no_folder(tmp_path: Path) -> None:
    """An empty page in a new folder."""
    page = write_gallery(tmp_path / "new", [])
    assert page == (tmp_path / "new" / "index.html").resolve()
    assert {path.name for path in page.parent.iterdir()} == {"index.html"}


def test_every_state_has_its_place(tmp_path: Path) -> None:
    """Also jobs that go on."""
    text = write_gallery(tmp_path, [made(state.value, tmp_path, state=state) for state in JobState]).read_text()
    for state in JobState:
        assert (
            f'<li class="card" data-state="{state.value}"' in text or f'data-state="{state.value}" class="chip"' in text
        )
    assert text.count('class="card"') == len(JobState)
