"""Disk work runs on its own threads, is never abandoned, and follows nothing that was planted."""

import asyncio
import errno
import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from venice_async import disk
from venice_async.disk import DiskPool
from venice_async.errors import DestinationExistsError, DownloadError

pytestmark = pytest.mark.anyio


async def test_work_runs_on_the_pools_own_threads() -> None:
    """The event loop's default threads stay free for name look-ups."""
    with DiskPool() as pool:
        name = await pool.run(lambda: threading.current_thread().name)
    assert name.startswith("venice-disk")


def test_writers_share_the_memory() -> None:
    """Few collect large blocks, many small ones, and hops never become smaller than a MiB."""
    with DiskPool() as pool:
        sizes = []
        for pool.writers in (0, 1, 4, 8, 16, 1000):
            sizes.append(pool.block_size() / 2**20)
    assert sizes == [4, 4, 4, 2, 1, 1]


async def test_results_and_errors_come_through() -> None:
    """A call gives what the function gives, or raises what it raises."""
    with DiskPool() as pool:
        assert await pool.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(FileNotFoundError):
            await pool.run(os.stat, "/no/such/file")


@pytest.mark.parametrize("cancels", [1, 3])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_call_waits_for_its_thread(*, cancels: int, fails: bool) -> None:
    """However often the caller is cancelled, it returns only when the thread is done; then it is cancelled."""
    release, done = threading.Event(), []

    def work() -> None:
        release.wait(30)
        done.append(True)
        if fails:
            raise OSError(errno.EIO, "nobody sees this")

    with DiskPool() as pool:
        task = asyncio.create_task(pool.run(work))
        for _ in range(cancels):
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert done
    assert task.cancelled()


async def test_closing_throws_away_work_that_has_not_begun() -> None:
    """Whoever waits for such work gets an error, not a cancellation that nobody asked for."""
    release, pool = threading.Event(), DiskPool(workers=1)
    first = asyncio.create_task(pool.run(release.wait, 30))
    second = asyncio.create_task(pool.run(os.getpid))
    await asyncio.sleep(0)
    pool.close()
    pool.close()
    release.set()
    assert await first is True
    with pytest.raises(DownloadError, match="closed"):
        await second


def test_a_dropped_pool_warns() -> None:
    """A pool that nobody closed says so."""
    pool = DiskPool()
    pool.executor.shutdown()
    held = [pool]
    del pool
    with pytest.warns(ResourceWarning, match="was not closed"):
        held.clear()


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "Free some space"), (errno.EDQUOT, "Free some space"), (errno.EACCES, "Check the folder")],
)
def test_system_errors_become_sentences(number: int, advice: str) -> None:
    """The error names the file, the reason, and what to do."""
    text = str(disk.disk_error(OSError(number, os.strerror(number)), Path("/videos/a.mp4")))
    assert f"/videos/a.mp4 cannot be written or read: {os.strerror(number)}." in text
    assert advice in text


def test_the_way_is_cleared(tmp_path: Path) -> None:
    """Folders are made, and what an earlier try left goes; where a link pointed stays."""
    part = tmp_path / "a" / "b" / "part"
    disk.clear_way(part)
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    part.symlink_to(target)
    disk.clear_way(part)
    assert not os.path.lexists(part)
    assert target.read_bytes() == b"precious"


def test_a_file_where_a_folder_is_due_is_an_error(tmp_path: Path) -> None:
    """A folder cannot be made in the place of a file."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        disk.clear_way(tmp_path / "file" / "part")


def test_free_space_is_known_before_the_folder_is(tmp_path: Path) -> None:
    """A folder that is not made yet will be on the disk of the nearest one that is."""
    free = disk.free_bytes(tmp_path / "not" / "yet")
    assert free > 0
    (tmp_path / "file").write_bytes(b"")
    assert disk.free_bytes(tmp_path / "file" / "below") > 0


@pytest.mark.parametrize(("free", "fits"), [(1_000, True), (999, False), (0, False)])
def test_a_shortage_is_said(*, free: int, fits: bool) -> None:
    """What is due and what must stay free both count; the sentence gives the three figures."""
    sentence = disk.shortage(free=free * 2**20, needed=600 * 2**20, spare=400 * 2**20)
    assert (sentence is None) == fits
    if sentence is not None:
        assert sentence == f"The disk has {free:,} MiB free, but 600 MiB are due and 400 MiB must stay free."


def test_a_file_is_rewound(tmp_path: Path) -> None:
    """What is behind the mark goes, what is before it is hashed, however large."""
    path, data = tmp_path / "part", bytes(range(256)) * 10_000
    path.write_bytes(data)
    digest = hashlib.sha256()
    with path.open("r+b") as file:
        disk.rewind(file.fileno(), 2_000_000, digest)
    assert path.read_bytes() == data[:2_000_000]
    assert digest.digest() == hashlib.sha256(data[:2_000_000]).digest()


def test_a_file_that_shrank_is_not_rewound(tmp_path: Path) -> None:
    """There is nothing to go on from, and nothing is made up."""
    path = tmp_path / "part"
    path.write_bytes(b"12345")
    with path.open("r+b") as file, pytest.raises(OSError, match="shorter than it was"):
        disk.rewind(file.fileno(), 6, hashlib.sha256())
    assert path.read_bytes() == b"12345"


def test_allocation_may_be_eased_again_and_again() -> None:
    """It keeps no state of its own."""
    disk.ease_allocation()
    disk.ease_allocation()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_published_files_have_ordinary_permissions(tmp_path: Path, umask: int) -> None:
    """A private file gets the permissions that the umask gives to any new file, and nothing else stays behind."""
    part = tmp_path / ".video.part"
    part.touch(0o600)
    before = os.umask(umask)
    try:
        disk.make_ordinary(part)
    finally:
        os.umask(before)
    assert stat.S_IMODE(part.stat().st_mode) == 0o666 & ~umask
    assert list(tmp_path.iterdir()) == [part]


def test_a_linked_part_is_not_published(tmp_path: Path) -> None:
    """Permissions are never changed through a link that took the part's place."""
    target = tmp_path / "target"
    target.touch(0o600)
    (tmp_path / "x.part").symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        disk.make_ordinary(tmp_path / "x.part")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_without_hard_links_a_name_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """On a file system without hard links a free name is taken, and a taken one is left alone."""

    def no_links(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_links)
    part, taken, free = tmp_path / "part", tmp_path / "taken", tmp_path / "free"
    part.write_bytes(b"video")
    taken.symlink_to(tmp_path / "nowhere")
    assert disk.give_free_name(part, [taken, free]) == free
    assert free.read_bytes() == b"video"
    assert {path.name for path in tmp_path.iterdir()} == {"free", "taken"}


def test_a_claim_that_fails_leaves_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the part cannot be moved over the claimed name, the name is free again."""

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(FileNotFoundError):
        disk.give_free_name(tmp_path / "missing", [tmp_path / "name"])
    assert not list(tmp_path.iterdir())


def test_other_link_errors_are_raised(tmp_path: Path) -> None:
    """A missing part is no reason to claim a name."""
    with pytest.raises(FileNotFoundError):
        disk.give_free_name(tmp_path / "missing", [tmp_path / "name"])
    assert not list(tmp_path.iterdir())


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    """A link in the way is refused rather than followed or removed."""
    part, name = tmp_path / "part", tmp_path / "name"
    part.write_bytes(b"video")
    name.symlink_to(tmp_path / "target")
    with pytest.raises(DestinationExistsError, match="not a regular file"):
        disk.replace_regular(part, name)
    name.unlink()
    disk.replace_regular(part, name)
    assert name.read_bytes() == b"video"


def test_pipes_are_not_read(tmp_path: Path) -> None:
    """Reading a planted pipe fails at once instead of waiting for a writer."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        disk.sha256_of_file(tmp_path / "pipe")
    assert disk.regular_size(tmp_path / "pipe") is None


def test_room_is_reserved(tmp_path: Path) -> None:
    """The bytes are taken before they come."""
    with (tmp_path / "file").open("wb") as file:
        disk.reserve(file.fileno(), 5000)
        assert os.fstat(file.fileno()).st_size == 5000
