"""`--disk`: a disk that is full or broken, for a while or for good, from the k-th operation on.

What was paid for must be found again: in the ledger, or kept beside it until the ledger can be written.
"""

import asyncio
import contextlib
import errno
import functools
import inspect
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from benchmarks._crash_world import World, at_rest, check_the_rest, submit_all
from venice_async import disk, download
from venice_async.errors import VeniceError
from venice_async.jobs import JobState
from venice_async.manager.job import Job

FILE_STEPS: Final = (
    (disk, "clear_way"), (disk, "create_private"), (disk, "reserve"), (download, "_verify"), (disk, "make_ordinary"),
    (disk, "give_free_name"), (disk, "sync_folder"), (download._PartWriter, "_hashed"),  # noqa: SLF001
)  # fmt: skip
"""Every step that touches a video's file."""
CODES: Final = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE)
LAST: Final = 500
PATIENCE: Final = 300.0
"""Seconds of virtual time that the program is given while the disk is full."""


@define(kw_only=True)
class DiskTally:
    """What one kind of trouble came to."""

    points: int = 0
    kept: int = 0
    """Points at which a paid answer could not be recorded and was kept beside the ledger."""
    held: int = 0
    """Points at which a job came to wait for a person."""
    wrong: list[str] = field(factory=list)


class _Breaking:
    """Makes the k-th call of any of the steps fail, and so many more."""

    def __init__(self, *, at: int, code: int, times: int) -> None:
        self._at = at
        self._times = times
        self._code = code
        self._calls = 0
        self.struck = False

    def check(self) -> None:
        self._calls += 1
        if self._at <= self._calls < self._at + self._times:
            self.struck = True
            raise OSError(self._code, os.strerror(self._code))

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """While the block runs."""
        whole = [(place, name, getattr(place, name)) for place, name in FILE_STEPS]
        for place, name, step in whole:
            setattr(place, name, self._around(step))
        try:
            yield
        finally:
            for place, name, step in whole:
                setattr(place, name, step)

    def _around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(step):

            def fed(*args: Any) -> Iterator[Any]:
                self.check()
                yield from step(*args)

            return fed

        @functools.wraps(step)
        def broken(*args: Any) -> Any:
            self.check()
            return step(*args)

        return broken


async def _program(world: World, **options: Any) -> tuple[int, int]:
    """The program on a bad disk. How many jobs came to be held, and how many answers are kept beside the ledger."""
    held = 0
    try:
        async with world.manager(**options) as jobs:
            made = await submit_all(jobs)
            patience = asyncio.ensure_future(world.clock.sleep(PATIENCE))
            await asyncio.wait(
                {patience, asyncio.ensure_future(_all_at_rest(made))}, return_when=asyncio.FIRST_COMPLETED
            )
            patience.cancel()
            held = sum(job.state is JobState.HELD for job in made)
            for each in world.venice.jobs:
                record = next((job.record for job in made if job.queue_id == each.queue_id), None)
                home = record is not None and record.state is JobState.COMPLETED
                assert home or each.deleted_at is None, "deleted at the server and not here"
    except VeniceError:
        pass  # a program may end with a typed error; what it leaves is looked at by the next one
    return held, _kept_beside(world)


async def _all_at_rest(jobs: Iterable[Job]) -> None:
    await asyncio.gather(*(at_rest(job) for job in jobs))


def _kept_beside(world: World) -> int:
    files = world.ledger_path.parent.glob(f"{world.ledger_path.name}.owner-*")
    return sum(path.read_bytes().count(b"\n") for path in files)


def one_file_fault(folder: Path, *, at: int, code: int, times: int, tally: DiskTally) -> bool:
    """Trouble with the k-th step on a video's file. Whether there were so many steps."""
    world = World(folder, durable=True)
    breaking = _Breaking(at=at, code=code, times=times)
    with breaking.in_force():
        held, _ = world.clock.run(_program(world))
    tally.points += breaking.struck
    tally.held += held > 0
    world.clock.run(check_the_rest(world, release=True, doubts=False))
    return breaking.struck


class Tiny:
    """A file system of its own, of so many bytes, that can be filled to the last one."""

    def __init__(self, folder: Path, *, size: int = 2**20) -> None:
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)],
            check=True,
            capture_output=True,
        )

    def fill(self) -> None:
        """Leave no byte."""
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """Room again."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True, capture_output=True)


def one_full_ledger(folder: Path, *, at: int, heals: int | None, tally: DiskTally) -> bool:
    """The ledger's disk is full from its k-th change on, for `heals` more changes or for good."""
    folder.mkdir()
    tiny = Tiny(folder / "tiny")
    changes = 0

    def before(name: str) -> None:
        nonlocal changes
        if name in {"add", "move"}:
            changes += 1
            if changes == at:
                tiny.fill()
        if heals is not None and changes >= at + heals:
            tiny.free()

    try:
        world = World(folder, durable=True, ledger_at=tiny.folder)
        held, kept = world.clock.run(_program(world, before=before))
        tally.points += changes >= at
        tally.held += held > 0
        tally.kept += kept > 0
        tiny.free()
        world.clock.run(check_the_rest(world, release=True, doubts=False))
    finally:
        tiny.close()
    return changes >= at


def can_mount() -> bool:
    """Whether this process may mount a file system."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            tiny = Tiny(Path(folder) / "try")
        except (OSError, subprocess.CalledProcessError):
            return False
        tiny.close()
    return True


def campaign(*, every: int = 1) -> Mapping[str, DiskTally]:
    """Every step on a video's file with every kind of trouble, and a full disk at every change of the ledger."""
    tallies: dict[str, DiskTally] = {}
    with tempfile.TemporaryDirectory(prefix="venice-crash-") as top:
        for times, word in ((1, "once"), (10**9, "for good")):
            for code in CODES:
                one = functools.partial(one_file_fault, code=code, times=times)
                _each(f"file: {errno.errorcode[code]} {word}", one, Path(top), tallies, every)
        if can_mount():
            for heals, word in (
                (0, "for one change"),
                (1, "for two changes"),
                (4, "for five changes"),
                (None, "for good"),
            ):
                _each(
                    f"ledger: full {word}", functools.partial(one_full_ledger, heals=heals), Path(top), tallies, every
                )
    return tallies


def _each(name: str, one: Callable[..., bool], top: Path, tallies: dict[str, DiskTally], every: int) -> None:
    tally = tallies[name] = DiskTally()
    for at in range(1, LAST, every):
        try:
            if not one(top / f"{name} {at}", at=at, tally=tally):
                return
        except Exception as error:  # noqa: BLE001 -- the campaign goes on and tells all of it
            tally.wrong.append(f"operation {at}: {type(error).__name__}: {error}")
