"""Where a ledger may stand, and what is not taken for one."""

import os
from pathlib import Path

import pytest

from venice_async.errors import Charge, LedgerError
from venice_async.jobs import PaidAnswer
from venice_async.ledger import SqliteLedger
from venice_async.ledger.place import found_or_made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An owner-only file."""
    path = tmp_path / "jobs.sqlite3"
    path.touch(mode=0o600)
    return path


def test_a_new_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    """So are the folders that were made for it; those that were there stay as they are."""
    tmp_path.chmod(0o755)
    place = found_or_made(tmp_path / "a" / "b" / "jobs.sqlite3")
    assert place.path.stat().st_mode & 0o777 == 0o600
    assert [folder.stat().st_mode & 0o777 for folder in place.path.parents[:3]] == [0o700, 0o700, 0o755]
    place.check()
    assert found_or_made(tmp_path / "a" / "b" / "jobs.sqlite3") == place


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601, 0o660])
def test_a_file_that_others_may_touch_is_refused(path: Path, mode: int) -> None:
    """It holds private links; the advice says how to close it."""
    path.chmod(mode)
    with pytest.raises(LedgerError, match="other users") as error:
        found_or_made(path)
    assert f"chmod 600 {path}" in error.value.advice
    path.chmod(0o600)
    found_or_made(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_user_s_file_is_refused(path: Path) -> None:
    """Whoever owns it can open it to others at any time."""
    os.chown(path, 12345, -1)
    with pytest.raises(LedgerError, match="another user"):
        found_or_made(path)


def test_what_is_no_regular_file_is_refused(tmp_path: Path, path: Path) -> None:
    """A folder, a pipe, a symbolic link wherever it leads: nothing is opened or made."""
    folder, pipe, link, nowhere = (tmp_path / name for name in ("folder", "pipe", "link", "nowhere"))
    folder.mkdir()
    os.mkfifo(pipe, 0o600)
    link.symlink_to(path)
    nowhere.symlink_to(tmp_path / "made")
    for wrong in (folder, pipe, link, nowhere):
        with pytest.raises(LedgerError, match="not a regular file"):
            found_or_made(wrong)
    assert not (tmp_path / "made").exists()


def test_a_file_with_two_names_is_refused(tmp_path: Path, path: Path) -> None:
    """Processes that know it by different names would not see each other's journals."""
    other = tmp_path / "other.sqlite3"
    other.hardlink_to(path)
    with pytest.raises(LedgerError, match="second name"):
        found_or_made(path)
    other.unlink()
    found_or_made(path)


def test_a_place_where_nothing_can_be_made_is_refused(path: Path) -> None:
    """With the system's reason, and without the system's error behind ours."""
    with pytest.raises(LedgerError, match="cannot be opened: Not a directory") as error:
        found_or_made(path / "jobs.sqlite3")
    assert error.value.__context__ is None


def test_names_are_one_place_through_linked_folders(tmp_path: Path, path: Path) -> None:
    """Neighbours find each other's owner files however they name the folder."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path, target_is_directory=True)
    assert found_or_made(link / path.name) == found_or_made(path)


@pytest.mark.parametrize("change", ["deleted", "replaced", "moved"])
def test_a_place_notices_that_its_file_is_another(tmp_path: Path, path: Path, change: str) -> None:
    """What is written to a file without a name is lost without a word."""
    place = found_or_made(path)
    if change == "deleted":
        path.unlink()
    else:
        other = tmp_path / "other"
        other.touch(mode=0o600)
        (path if change == "moved" else other).replace(tmp_path / "gone" if change == "moved" else path)
    with pytest.raises(LedgerError, match="deleted or replaced") as error:
        place.check()
    assert error.value.__context__ is None


@pytest.mark.anyio
async def test_a_new_ledger_does_not_forget_what_an_old_one_kept(tmp_path: Path) -> None:
    """The file is gone, and beside it stands the proof of a paid job: a new one would pay for it again."""
    path = tmp_path / "jobs.sqlite3"
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.join()
    answer = PaidAnswer(job_id="id-1", attempt=1, model="m", queue_id="q-17", download_url=None, queued_at=1.0)
    ledger.keep(answer)
    path.unlink()
    await ledger.aclose()
    for _ in range(2):
        with pytest.raises(LedgerError, match="took jobs under 'q-17'") as refused:
            await SqliteLedger(path).open()
        assert refused.value.charge is Charge.CHARGED
    assert not path.exists()
    (kept,) = tmp_path.iterdir()
    kept.unlink()
    fresh = SqliteLedger(path)
    await fresh.open()
    await fresh.aclose()


def test_it_is_called_by_its_name(tmp_path: Path) -> None:
    """In every sentence: whoever reads it has to find the right file."""
    path = tmp_path / "p"
    place = found_or_made(path, "payments file")
    path.chmod(0o644)
    (tmp_path / "folder").mkdir()
    for wrong in (path, tmp_path / "folder"):
        with pytest.raises(LedgerError, match=r"^The payments file /"):
            found_or_made(wrong, "payments file")
    path.unlink()
    with pytest.raises(LedgerError, match=r"^The payments file /"):
        place.check()
