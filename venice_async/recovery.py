"""From a record that somebody else left, or an answer that came too late for its record, to work that goes on."""

import contextlib
import itertools
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from venice_async import disk
from venice_async.disk import DiskPool
from venice_async.download import Overwrite, found_as
from venice_async.errors import (
    Charge,
    DownloadError,
    DuplicateQueueIdError,
    LedgerError,
    ReplyLostError,
    UnexpectedReplyError,
    VeniceError,
)
from venice_async.jobs import Cleanup, JobRecord, JobState, PaidAnswer, present_state
from venice_async.recorder import Recorder

NO_FILE: dict[str, Any] = {"size": None, "sha256": None, "cleanup": Cleanup.NONE}
"""What a record says again when a transfer came to nothing."""


class Recovery:
    """Needs nothing but the ledger and the disk: no request is sent here."""

    def __init__(self, *, recorder: Recorder, disk: DiskPool, overwrite: Overwrite) -> None:
        self._recorder = recorder
        self._disk = disk
        self._overwrite = overwrite
        self._unwritten: list[PaidAnswer] = []

    async def recover(self, record: JobRecord) -> JobRecord:
        """Bring a record that an earlier process left half-way into a state from which work goes on.

        A paid call that was on its way is UNKNOWN: it is never sent again.
        """
        if record.state is JobState.QUEUEING:
            error = ReplyLostError("The program ended while the paid call was on its way.", charge=Charge.UNVERIFIED)
            return await self._recorder.move(record, error, state=JobState.UNKNOWN, charge=Charge.UNVERIFIED)
        if record.state is not JobState.DOWNLOADING:
            return record
        path = await self.published(record)
        await self.drop_part(record)
        if path is not None:
            return await self.completed(record, output=str(path))
        return await self._recorder.move(record, state=JobState.QUEUED, part=None, **NO_FILE)

    async def published(self, record: JobRecord) -> Path | None:
        """Where the video stands already, if the crash came between its name and the record of it."""
        if not record.size or not record.sha256:
            return None
        try:
            return await found_as(
                Path(record.output),
                size=record.size,
                sha256=record.sha256,
                renamed=self._overwrite is Overwrite.RENAME,
                pool=self._disk,
            )
        except DownloadError:
            return None

    async def completed(self, record: JobRecord, **facts: Any) -> JobRecord:
        """The video is where it belongs: say so, with what else is known of it now."""
        now = self._recorder.clock.wall()
        return await self._recorder.move(record, state=JobState.COMPLETED, finished_at=now, part=None, **facts)

    async def drop_part(self, record: JobRecord) -> None:
        """Remove what a transfer left on disk."""
        if record.part is not None:
            await self._disk.run(disk.remove_part, Path(record.part))

    def remember(self, answer: PaidAnswer) -> None:
        """A paid answer that neither the ledger nor the owner file takes is not lost as long as this process lives."""
        self._unwritten.append(answer)

    async def take_answers(self) -> list[JobRecord]:
        """Record what could not be recorded when it came: it outranks whatever the records say. Raises LedgerError."""
        ledger, taken = self._recorder.ledger, []
        for answer in (*self._unwritten, *await ledger.kept()):
            with contextlib.suppress(LedgerError):  # it stays kept
                taken.append((answer, await self.take_answer(answer)))
        done = [answer for answer, _ in taken]
        self._unwritten = [answer for answer in self._unwritten if answer not in done]
        if done:
            await ledger.drop_kept(done)
        return [record for _, record in taken]

    async def take_answer(self, answer: PaidAnswer) -> JobRecord:
        """Record what was paid for, whatever became of the job's record while the answer was on its way.

        Raises LedgerError where it cannot be written.
        """
        record = await self._recorder.ledger.get(answer.job_id)
        if record is None:
            raise LedgerError(f"The ledger does not know job {answer.job_id}.", charge=Charge.CHARGED)
        if record.queue_id == answer.queue_id:
            return record
        waiting = record.state in {JobState.QUEUEING, JobState.UNKNOWN} and record.attempt == answer.attempt
        if waiting or (record.state is JobState.CANCELLED and record.queue_id is None):
            return await self.queued(record, answer)
        return await self._as_its_own(record, answer)

    async def queued(self, record: JobRecord, answer: PaidAnswer) -> JobRecord:
        """Record the server's name for the job; one that is cancelled stays so, but is known to be paid."""
        state = record.state if record.state.terminal else JobState.QUEUED
        facts = {**attrs.asdict(answer), "state": state, "charge": Charge.CHARGED}
        del facts["job_id"], facts["attempt"]
        try:
            return await self._recorder.move(record, **facts)
        except DuplicateQueueIdError as error:
            repeated = error.queue_id
        if record.state is not JobState.QUEUEING:
            return record
        sentence = f"The server named the queue_id {repeated!r}, which another job has already."
        doubt = UnexpectedReplyError(sentence, status=200, charge=Charge.UNVERIFIED)
        return await self._recorder.move(record, doubt, state=JobState.UNKNOWN, charge=Charge.UNVERIFIED)

    async def _as_its_own(self, record: JobRecord, answer: PaidAnswer) -> JobRecord:
        """The job was sent again, or given up, before this answer came: two videos are paid for, and both come home."""
        output, job_id = Path(record.output), secrets.token_hex(8)
        sibling = attrs.evolve(
            record,
            id=job_id,
            key=f"{record.key}~late",
            output=str(output.with_name(f"{output.stem}~{job_id}{output.suffix}")) if record.output else "",
            state=JobState.QUEUED,
            version=0,
            attempt=answer.attempt,
            queue_id=answer.queue_id,
            download_url=answer.download_url,
            model=answer.model,
            queued_at=answer.queued_at,
            finished_at=None,
            charge=Charge.CHARGED,
            proof=None,
            held_for=None,
            error=None,
            decision=f"a late answer to attempt {answer.attempt} of {record.key}",
            doubtful_usd=None,
            part=None,
            link_requests=0,
            **NO_FILE,
        )
        for name in _free_names(sibling.key):
            kept = await self._recorder.ledger.add(attrs.evolve(sibling, key=name))
            if kept.queue_id == answer.queue_id:
                break
        self._recorder.report(kept, present_state(kept))
        return kept


def _free_names(key: str) -> Iterator[str]:
    """Names for a job that nobody has named; the user's own keys come first."""
    yield key
    for number in itertools.count(2):
        yield f"{key}-{number}"


def lost(cause: VeniceError, answer: PaidAnswer, *, kept: bool) -> LedgerError:
    """The error of a paid answer that the ledger could not take."""
    place = "It is kept in a file beside the ledger and taken over at the next start." if kept else "Keep it."
    advice = f"The server took the job under the queue_id {answer.queue_id!r}. {place}"
    return LedgerError(cause.message, charge=Charge.CHARGED, advice=advice)
