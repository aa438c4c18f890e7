"""A batch in a pipe or a log file: one line for each job that comes to rest, and now and then where it all stands."""

from venice_async.cli.board import Board, Line
from venice_async.cli.live import Outlook, count_words, money_words, ready_words, trouble_words
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import brief
from venice_async.clock import Clock
from venice_async.jobs import JobDelayed, JobEvent, JobState, JobStateChanged
from venice_async.manager.job import RESTING

PAUSE = 30.0
"""Real seconds between two lines about the whole, and between two about the same kind of trouble."""


class BatchLines:
    """Lines that stay few however many jobs there are. `clock` is the real one: a log is read in real time."""

    def __init__(self, board: Board, outlook: Outlook, terminal: Terminal, *, clock: Clock) -> None:
        self._board = board
        self._outlook = outlook
        self._terminal = terminal
        self._clock = clock
        self._due = clock.monotonic() + PAUSE
        self._quiet_until: dict[str, float] = {}
        self._untold: dict[str, int] = {}
        self._said = ""
        self._causes: set[str] = set()

    def show(self, event: JobEvent, line: Line) -> None:
        """Tell that a job has come to rest, or that a kind of trouble has begun."""
        if isinstance(event, JobStateChanged) and line.state in RESTING:
            done = line.state is JobState.COMPLETED
            rest = self._outlook.outcome(line.job_id) if done else self._reason(line)
            self._terminal.note(f"{line.state.value:<11} {line.name}  {rest}".rstrip())
        elif isinstance(event, JobDelayed):
            self._trouble(event, line)

    def _reason(self, line: Line) -> str:
        """Why it came to rest. Where many wait for the same, that is said once: the end tells it again."""
        why = brief(line.trouble)
        if line.state is not JobState.HELD or why not in self._causes:
            self._causes.add(why)
            return why
        return "for the same reason"

    def _trouble(self, event: JobDelayed, line: Line) -> None:
        what, now = trouble_words(event.error), self._clock.monotonic()
        if now < self._quiet_until.get(what, 0.0):
            self._untold[what] = self._untold.get(what, 0) + 1
            return
        self._quiet_until[what] = now + PAUSE
        missed = self._untold.pop(what, 0)
        more = f" ({missed} more times before)" if missed else ""
        self._terminal.note(f"{'delayed':<11} {line.name}  {what}{more}")

    def refresh(self) -> None:
        """Where it all stands, when that is due and something has changed."""
        now = self._clock.monotonic()
        if now < self._due:
            return
        self._due = now + PAUSE
        words = "   ".join(count_words(self._board))
        line = f"{words}   {money_words(self._outlook)}"
        if line != self._said:
            self._said = line
            self._terminal.note(line + ready_words(self._board, self._outlook))
