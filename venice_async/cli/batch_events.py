"""What happens to a batch, told to other programs: a file of events, and a command for each job that comes to rest."""

import asyncio
import contextlib
import json
import os
import shlex
import subprocess
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from attrs import define, field

from venice_async.cli.terminal import Terminal, error_document
from venice_async.errors import ConfigurationError
from venice_async.jobs import (
    JobDelayed,
    JobEvent,
    JobPolled,
    JobProgress,
    JobRecord,
    JobState,
    JobStateChanged,
    JobWarning,
)
from venice_async.manager import JobManager
from venice_async.manager.events import EventStream
from venice_async.manager.job import RESTING
from venice_async.wire.text import clean

AT_ONCE = 4
"""Commands that run at the same time."""
PATIENCE = 60.0
"""Real seconds for which commands are waited for when everything else is done."""
_LAST_WORDS = 2.0
"""Real seconds that a command has to end when it is asked to."""
_STEP = 1 / 20
"""The part of a video that must have come in until its progress is written again."""


class Told(Protocol):
    """Somebody to whom events are told."""

    def tell(self, event: JobEvent) -> None: ...

    async def aclose(self, *, patience: float) -> None: ...


@contextlib.asynccontextmanager
async def telling(jobs: JobManager, listeners: Sequence[Told]) -> AsyncIterator[None]:
    """Tell the manager's events to some listeners for as long as this is open."""
    if not listeners:
        yield
        return
    stream = jobs.events()
    follower = asyncio.create_task(_follow(stream, listeners))
    patience = 0.0
    try:
        yield
        patience = PATIENCE
    finally:
        stream.end()
        await asyncio.wait({follower})  # what has happened is still told
        stream.close()
        for listener in listeners:
            await listener.aclose(patience=patience)
    follower.result()


async def _follow(events: EventStream, listeners: Sequence[Told]) -> None:
    async for event in events:
        for listener in listeners:
            listener.tell(event)


class EventFile:
    """Appends one line of JSON for each event. Where that fails it says so once, and nothing else is harmed.

    Raises ConfigurationError where the file cannot be opened.
    """

    def __init__(self, path: Path, terminal: Terminal) -> None:
        self._path = path
        self._terminal = terminal
        self._progress: dict[str, int] = {}
        self._file: IO[str] | None = None
        problem = ""
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            problem = f"{path} cannot be written: {error.strerror}."
        if problem:
            raise ConfigurationError(problem, advice="Choose another file for --events.")

    def tell(self, event: JobEvent) -> None:
        """Write an event, unless it is progress that is hardly any."""
        if self._file is None or (isinstance(event, JobProgress) and not self._is_news(event)):
            return
        try:
            self._file.write(json.dumps(event_document(event), default=str) + "\n")
            self._file.flush()
        except OSError as error:
            self._terminal.note(f"{self._path} cannot be written any more: {error.strerror}.")
            self._close()

    def _is_news(self, event: JobProgress) -> bool:
        before = self._progress.get(event.job_id)
        step = max(1, int((event.total or 2**22) * _STEP))
        if before is not None and before <= event.received < before + step and event.received != event.total:
            return False
        self._progress[event.job_id] = event.received
        return True

    async def aclose(self, *, patience: float) -> None:
        del patience
        self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


def event_document(event: JobEvent) -> dict[str, Any]:
    """An event as JSON. Seconds are Unix time; nothing in it is secret."""
    about = {
        "at": event.at,
        "event": _WORDS.get(type(event), "event"),
        "key": event.key,
        "job": event.job_id,
        "model": event.model,
    }
    match event:
        case JobStateChanged():
            facts: dict[str, Any] = {
                "state": event.state.value,
                "previous": event.previous.value if event.previous else None,
                "charge": event.charge.value,
                "error": error_document(event.error) if event.error else None,
            }
        case JobPolled():
            facts = {
                "average_execution_time": event.average_execution_time,
                "execution_duration": event.execution_duration,
            }
        case JobProgress():
            facts = {"received": event.received, "total": event.total}
        case JobDelayed():
            facts = {"delay": event.delay, "error": error_document(event.error)}
        case JobWarning():
            facts = {"warning": event.warning}
        case _:
            facts = {}
    return about | facts


_WORDS: Mapping[type[JobEvent], str] = {
    JobStateChanged: "state",
    JobPolled: "polled",
    JobProgress: "progress",
    JobDelayed: "delayed",
    JobWarning: "warning",
}


@define(kw_only=True)
class Commands:
    """Runs a command for each job that comes to rest, `AT_ONCE` at a time, without a shell.

    Nothing waits for them but the end of the batch, and that not for ever. `record_of` gives a job's record.
    """

    command: Sequence[str]
    record_of: Callable[[str], JobRecord | None]
    terminal: Terminal
    _waiting: deque[JobRecord] = field(factory=deque, init=False)
    _running: set[asyncio.Task[None]] = field(factory=set, init=False)

    def tell(self, event: JobEvent) -> None:
        """Have the command run where the event is a job's end."""
        if isinstance(event, JobStateChanged) and event.state in RESTING:
            record = self.record_of(event.job_id)
            if record is not None:
                self._waiting.append(record)
                self._start()

    def _start(self) -> None:
        while self._waiting and len(self._running) < AT_ONCE:
            task = asyncio.create_task(self._run(self._waiting.popleft()))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.result()
            self._start()

    async def _run(self, record: JobRecord) -> None:
        with tempfile.TemporaryFile() as words:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self.command,
                    env=environment(record),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    start_new_session=True,  # our Ctrl-C is not its own
                )
            except (OSError, ValueError) as error:
                self._failed(record, getattr(error, "strerror", None) or "cannot be started")
                return
            try:
                code = await process.wait()
            except asyncio.CancelledError:
                await _end(process)
                raise
            if code:
                self._failed(record, f"ended with {code}. {_tail(words)}")

    def _failed(self, record: JobRecord, what: str) -> None:
        self.terminal.note(clean(f"--on-complete for {record.key}: {what}", limit=400))

    async def aclose(self, *, patience: float) -> None:
        """Wait `patience` seconds for what runs and waits; then end it, and say so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._running:
                    await asyncio.wait(set(self._running))
        left = len(self._waiting) + len(self._running)
        self._waiting.clear()
        if left:
            self.terminal.note(f"--on-complete: {left} commands were not waited for any longer.")
        for task in (running := set(self._running)):
            task.cancel()
        if running:
            await asyncio.wait(running)


def environment(record: JobRecord) -> dict[str, str]:
    """What a command is told: our environment without the key, and the job's facts."""
    done = record.state is JobState.COMPLETED
    facts = {
        "KEY": record.key,
        "ID": record.id,
        "STATE": record.state.value,
        "MODEL": record.model,
        "PATH": record.output if done else "",
        "SIZE": record.size if done else "",
        "SHA256": record.sha256 if done else "",
        "PRICE_USD": record.price_usd,
        "CHARGE": record.charge.value,
        "QUEUE_ID": record.queue_id,
    }
    inherited = {name: value for name, value in os.environ.items() if not _is_secret(name)}
    told = {f"VENICE_JOB_{name}": "" if value is None else str(value) for name, value in facts.items()}
    return inherited | {name: value.replace("\0", "") for name, value in told.items()}


def _is_secret(name: str) -> bool:
    return name.startswith("VENICE_") and "KEY" in name


def command_of(text: str) -> list[str]:
    """The words of a command line. Raises ConfigurationError where they cannot be told apart."""
    words: list[str] = []
    with contextlib.suppress(ValueError):
        words = shlex.split(text)
    if not words:
        raise ConfigurationError("--on-complete takes a command, such as 'upload.sh' or 'python notify.py --quiet'.")
    return words


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, and end it."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _LAST_WORDS)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _tail(words: IO[bytes]) -> str:
    size = words.seek(0, os.SEEK_END)
    words.seek(max(0, size - 300))
    return words.read().decode("utf-8", "replace").strip()
