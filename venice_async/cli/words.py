"""How values read: money, sizes, times and names, short enough for a terminal's line."""

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from venice_async.errors import ConfigurationError, ContentRejectedError, VeniceError
from venice_async.jobs import JobRecord, JobState
from venice_async.wire.stored import request_from_text
from venice_async.wire.text import clean, clean_lines


def money(usd: Decimal | None) -> str:
    """`$0.35`, with more decimals where there are more; a dash where the price is not known."""
    if usd is None:
        return "-"
    exponent = usd.normalize().as_tuple().exponent
    decimals = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"${usd:.{decimals}f}"


def size(count: int | None) -> str:
    """Bytes as kB or MB; a dash where there are none."""
    if count is None:
        return "-"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def span(seconds: float | None) -> str:
    """`0:42` or `1:02:03`; a dash where it is not known."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(at: float) -> str:
    """Unix seconds as local time with its zone, such as `2026-11-21 14:05:09+01:00`."""
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(sep=" ", timespec="seconds")


def instant(at: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC, for JSON; None for what is no time of ours."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
    return None


def ago(seconds: float) -> str:
    """`42 s ago`, `5 min ago`, `3 h ago`, `2 days ago`."""
    for size_of_one, unit in ((86_400 * 2, "days"), (7200, "h"), (120, "min")):
        if seconds >= size_of_one:
            return f"{seconds / (size_of_one / 2):.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def near(path: str) -> str:
    """A path as seen from the working folder, where it lies in it."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def name_of(record: JobRecord) -> str:
    """What a person calls the job: the key that was given, else the beginning of the prompt."""
    if record.key != record.id:
        return clean(record.key, limit=60)
    prompt = request_from_text(record.request).prompt
    return clean(prompt or record.id, limit=60)


def brief(error: VeniceError | None) -> str:
    """The error's message and what became of the money, on one line."""
    return "" if error is None else clean(_sentences(error.message, error.charge.sentence), limit=400)


def with_advice(error: VeniceError) -> str:
    """Like `brief`, and what to do next."""
    return clean(_sentences(brief(error), *proposals(error), error.advice), limit=600)


def full(error: VeniceError) -> str:
    """What went wrong, what became of the money, and what to do."""
    # A wrong setting is found before anything is sent: that nothing was charged goes without saying.
    charge = "" if isinstance(error, ConfigurationError) else error.charge.sentence
    return clean_lines(_sentences(error.message, charge, *proposals(error), error.advice), limit=4000)


def proposes(error: VeniceError | None) -> bool:
    """Whether a refusal proposes another request: a prompt, a model, or both."""
    return isinstance(error, ContentRejectedError) and bool(error.suggested_prompt or error.recommended_model)


def proposals(error: VeniceError | None) -> list[str]:
    """What a refusal proposes, as sentences."""
    if not isinstance(error, ContentRejectedError):
        return []
    model = f"Recommended model: {error.recommended_model}." if error.recommended_model else ""
    prompt = f"Suggested prompt: {clean(error.suggested_prompt, limit=2500)}" if error.suggested_prompt else ""
    return [text for text in (f"Hint: {error.hint}" if error.hint else "", model, prompt) if text]


def _sentences(*texts: str) -> str:
    # The first may end in the server's words, which often lack their full stop.
    return " ".join(text if text[-1] in ".!?:" else f"{text}." for text in texts if text)


def values(choices: Iterable[str]) -> str:
    """A model's choices, with long runs of whole seconds as `4-15s`."""
    items = list(choices)
    seconds = [int(item[:-1]) for item in items if item.endswith("s") and item[:-1].isdigit()]
    others = [item for item in items if not (item.endswith("s") and item[:-1].isdigit())]
    if len(seconds) > 2 and seconds == list(range(seconds[0], seconds[-1] + 1)):
        texts = [f"{seconds[0]}-{seconds[-1]}s"]
    else:
        texts = ["/".join(map(str, seconds)) + "s"] if seconds else []
    return " ".join(texts + others)


STATE_STYLES = {
    JobState.PENDING: "dim",
    JobState.QUEUEING: "magenta",
    JobState.QUEUED: "cyan",
    JobState.DOWNLOADING: "blue",
    JobState.COMPLETED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "dim",
    JobState.UNKNOWN: "bold yellow",
    JobState.HELD: "yellow",
}
"""The colour of each state."""
