"""Death at a named instant, from inside the worker: the package's seams are wrapped, never the package changed."""

import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from attrs import frozen

from venice_async import disk, download
from venice_async.client import VeniceClient
from venice_async.jobs import JobRecord
from venice_async.ledger import SqliteLedger
from venice_async.models import QueuedVideo


@frozen(kw_only=True)
class Knife:
    """Where to die: `point` is a name of `POINTS`, and `key` the job that is to meet it."""

    point: str
    key: str


class _Killer:
    def __init__(self, knife: Knife, pipe: Connection) -> None:
        self._knife = knife
        self._pipe = pipe
        self.job_id = ""
        self.queue_id: str | None = None

    def sees(self, record: JobRecord) -> None:
        """Learn what the victim is called elsewhere."""
        if record.key == self._knife.key:
            self.job_id = record.id
            self.queue_id = record.queue_id

    def victims(self, path: object) -> str:
        """The victim's key where this file is its own: parts and videos are named after the key or the id."""
        text = str(path)
        return self._knife.key if self._knife.key in text or (self.job_id and self.job_id in text) else ""

    def downloading(self) -> str:
        """The victim's key from its first byte on: its life is lived one job at a time, so the step is its own."""
        return self._knife.key if self.job_id else ""

    def cleaning(self, video: QueuedVideo) -> str:
        """The victim's key where this is its video at the server."""
        return self._knife.key if video.queue_id == self.queue_id else ""

    def at(self, point: str, key: str) -> None:
        if point == self._knife.point and key == self._knife.key:
            self._pipe.send(("died", point))
            os.kill(os.getpid(), signal.SIGKILL)


class _DyingLedger:
    """The real ledger; the process dies before or after the commit that the knife names."""

    def __init__(self, ledger: SqliteLedger, killer: _Killer) -> None:
        self._ledger = ledger
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def add(self, record: JobRecord, **options: Any) -> JobRecord:
        self._killer.at("before-pending", record.key)
        kept = await self._ledger.add(record, **options)
        self._killer.at("after-pending", record.key)
        return kept

    async def move(self, record: JobRecord, **changes: Any) -> JobRecord:
        name = _name_of(changes)
        self._killer.at(f"before-{name}", record.key)
        after = await self._ledger.move(record, **changes)
        self._killer.sees(after)
        self._killer.at(f"after-{name}", record.key)
        return after


def _name_of(changes: dict[str, Any]) -> str:
    if "state" in changes:
        return str(changes["state"].value)
    if "sha256" in changes:
        return "hash"
    return "cleanup" if "cleanup" in changes else "other"


def fit(knife: Knife, ledger: SqliteLedger, client: VeniceClient, pipe: Connection) -> Any:
    """Put the knife where it belongs, and give the ledger to use."""
    killer = _Killer(knife, pipe)
    _around(disk, "create_private", killer, "open")
    _around(disk, "reserve", killer, "reserve", named=False)
    _around(download, "_verify", killer, "fsync", named=False)
    _around(disk, "give_free_name", killer, "publish")
    _mid_write(killer)
    _around_delete(client, killer)
    return _DyingLedger(ledger, killer)


def _around(module: Any, name: str, killer: _Killer, point: str, *, named: bool = True) -> None:
    whole: Callable[..., Any] = getattr(module, name)

    def cut(*args: Any) -> Any:
        key = killer.victims(args[0]) if named else killer.downloading()
        killer.at(f"before-{point}", key)
        result = whole(*args)
        killer.at(f"after-{point}", key)
        return result

    setattr(module, name, cut)


def _mid_write(killer: _Killer) -> None:
    whole = download._PartWriter.write  # noqa: SLF001

    async def cut(self: Any, block: Sequence[bytes]) -> None:
        data = b"".join(block)
        await whole(self, [data[: len(data) // 2]])
        await self._pool.finish(self._opened.flush())
        killer.at("mid-write", killer.victims(self._part))
        await whole(self, [data[len(data) // 2 :]])

    download._PartWriter.write = cut  # type: ignore[method-assign]  # noqa: SLF001


def _around_delete(client: VeniceClient, killer: _Killer) -> None:
    for name in ("revoke", "complete"):
        whole = getattr(client, name)

        async def cut(video: QueuedVideo, *args: Any, whole: Any = whole, **options: Any) -> Any:
            killer.at("before-delete", killer.cleaning(video))
            result = await whole(video, *args, **options)
            killer.at("after-delete", killer.cleaning(video))
            return result

        setattr(client, name, cut)
