"""The file of an owner: a lock that dies with it, and room for answers on a full disk."""

import os
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from venice_async.jobs import PaidAnswer
from venice_async.ledger import owner_file
from venice_async.ledger.owner_file import SIZE, OwnerFile

LINK = "https://media/canary-link-77b2e0"
ANSWER = PaidAnswer(job_id="id", attempt=1, model="é", queue_id="q", download_url=LINK, queued_at=1.5)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[OwnerFile]:
    file = OwnerFile.create(tmp_path / "jobs.sqlite3")
    yield file
    file.close()


def inherited(file: OwnerFile) -> OwnerFile:
    """As a later process finds it."""
    file.close()
    heir = OwnerFile.inherit(file.path, lapsed=False)
    assert heir is not None
    return heir


def test_it_is_private_and_really_on_disk(file: OwnerFile) -> None:
    """Nobody else reads it, and a full disk cannot take its room."""
    found = file.path.stat()
    assert (found.st_mode & 0o777, found.st_size) == (0o600, SIZE)
    assert found.st_blocks * 512 >= SIZE
    assert file.path.name.startswith("jobs.sqlite3.owner-")


def test_nobody_inherits_from_the_living(file: OwnerFile) -> None:
    """Also not within the same process; and from the dead only one at a time."""
    assert OwnerFile.inherit(file.path, lapsed=True) is None
    heir = inherited(file)
    assert OwnerFile.inherit(file.path, lapsed=True) is None
    heir.close()
    heir.close()


def test_what_is_kept_can_be_read_by_an_heir(file: OwnerFile) -> None:
    """Word for word."""
    file.keep(ANSWER)
    file.keep(attrs.evolve(ANSWER, attempt=2, download_url=None))
    heir = inherited(file)
    assert heir.kept() == [ANSWER, attrs.evolve(ANSWER, attempt=2, download_url=None)]
    heir.close()


def test_what_is_dropped_is_wiped(file: OwnerFile) -> None:
    """The private link cannot be found on the disk any more; the others stay, and there is room again."""
    kept = attrs.evolve(ANSWER, download_url="https://media/other")
    for answer in (ANSWER, kept, attrs.evolve(ANSWER, attempt=2)):
        file.keep(answer)
    assert b"canary" in file.path.read_bytes()
    file.drop([ANSWER, attrs.evolve(ANSWER, attempt=2)])
    assert b"canary" not in file.path.read_bytes()
    assert file.kept() == [kept]
    file.drop([kept])
    assert file.path.read_bytes() == bytes(SIZE)
    file.keep(ANSWER)
    assert file.kept() == [ANSWER]


def test_every_write_reaches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its room, each answer, and each wipe, before the call returns."""
    synced: list[bytes] = []

    def sync(handle: int) -> None:
        os.fsync(handle)
        synced.append(os.pread(handle, SIZE, 0).strip(b"\0"))

    monkeypatch.setattr(owner_file, "_sync", sync)
    file = OwnerFile.create(tmp_path / "jobs.sqlite3")
    file.keep(ANSWER)
    file.drop([ANSWER])
    assert synced == [b"", f"{ANSWER.to_text()}\n".encode(), b""]
    file.close()


def test_a_full_file_says_so(file: OwnerFile) -> None:
    """It holds well over a hundred answers, keeps every one it took, and never grows."""

    def fill() -> None:
        for number in range(SIZE):
            file.keep(attrs.evolve(ANSWER, attempt=number))

    with pytest.raises(OSError, match="full"):
        fill()
    taken = [answer.attempt for answer in file.kept()]
    assert taken == list(range(len(taken)))
    assert len(taken) > 150
    assert file.path.stat().st_size == SIZE


def test_a_line_that_was_cut_spoils_no_other(file: OwnerFile) -> None:
    """A power failure in the middle of a write leaves a piece; what came before and comes after is whole."""
    file.keep(ANSWER)
    with file.path.open("r+b") as raw:
        raw.seek(len(ANSWER.to_text()) + 1)
        raw.write(b'{"job_id": "id", "atte')
    later = attrs.evolve(ANSWER, attempt=2)
    file.keep(later)
    assert file.kept() == [ANSWER, later]


def test_a_file_that_is_gone_keeps_nothing(file: OwnerFile) -> None:
    """What is written there could never be read."""
    assert not file.gone
    file.path.unlink()
    assert file.gone
    with pytest.raises(OSError, match="gone"):
        file.keep(ANSWER)


def test_a_closed_file_keeps_nothing(file: OwnerFile) -> None:
    """Its handle may be another file's by now."""
    file.remove()
    assert not file.path.exists()
    with pytest.raises(OSError, match="gone"):
        file.keep(ANSWER)


def test_only_regular_files_are_inherited(tmp_path: Path) -> None:
    """Nothing waits at a pipe, follows a link, or opens a folder."""
    for number, plant in enumerate((os.mkfifo, os.mkdir)):
        plant(tmp_path / str(number))
    (tmp_path / "2").symlink_to(tmp_path / "victim")
    (tmp_path / "victim").touch()
    for number in range(3):
        assert OwnerFile.inherit(tmp_path / str(number), lapsed=True) is None
    with pytest.raises(FileNotFoundError):
        OwnerFile.inherit(tmp_path / "nothing", lapsed=True)


def test_a_file_that_cannot_be_written_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the start is an error then, and not when a paid answer comes."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        OwnerFile.create(tmp_path / "jobs.sqlite3")
    assert list(tmp_path.iterdir()) == []
