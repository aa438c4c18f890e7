"""Names of output files: from words that anybody wrote to a path that stays where it belongs."""

import hashlib
import string
import unicodedata
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath

from venice_async.errors import InvalidRequestError

_FIELDS = ("key", "model", "job_id", "date")
_MAX_VALUE_BYTES = 100
_MAX_NAME_BYTES = 255
_JOINERS = "\u200c\u200d"  # invisible, but Persian, Hindi and emoji are misspelt without them
_PLAIN_CHARACTERS = frozenset(" ._-()" + _JOINERS)
_UNNAMED = "untitled"
_WINDOWS_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³")]
)


def slug(value: str) -> str:
    """`value` as one safe part of a file name, at most 100 bytes of UTF-8.

    Letters, digits and marks of every script, symbols, spaces and `._-()` stay (in Unicode's composed form,
    NFC); anything else becomes `_`; leading dots, dashes and spaces and trailing dots and spaces go; names that
    Windows keeps for devices get a leading `_`. Where that loses anything, eight digits of a hash of the value
    are added, so that two different values hardly ever share a name.
    """
    composed = unicodedata.normalize("NFC", value)
    kept = "".join(character if _is_safe(character) else "_" for character in composed)
    name = _unreserved(_shortened(kept, _MAX_VALUE_BYTES).lstrip(" .-").rstrip(" .") or _UNNAMED)
    if name == composed:
        return name
    digest = hashlib.sha256(composed.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_shortened(name, _MAX_VALUE_BYTES - 9)}-{digest}"


def check_template(template: str) -> None:
    """Raises `InvalidRequestError` unless every name that `template` makes is a file name of a job's own.

    A template is the user's: it may hold folders. It must hold `{key}` or `{job_id}`, or two jobs would write
    to one file.
    """
    fields = {field for _, field in _template_parts(template)}
    if not fields & {"key", "job_id"}:
        raise _template_refusal(template, "must hold {key} or {job_id}: all jobs would write to one file")
    longest = render_name(template, key="k" * _MAX_VALUE_BYTES, model="m" * _MAX_VALUE_BYTES, job_id="j" * 16, at=0)
    if problem := _name_problem(longest):
        raise _template_refusal(template, f"makes a name that {problem}")


def render_name(template: str, *, key: str, model: str, job_id: str, at: float) -> str:
    """The output name of a job, from a template such as `"{date}/{key}.mp4"`.

    The fields are `{key}`, `{model}`, `{job_id}` and `{date}`, the day of the Unix time `at` in UTC (so that a name
    does not depend on the machine), such as 2026-11-21; each value passes through `slug`, so no value can add a
    folder. Raises `InvalidRequestError` for a template with any other field, a conversion, a format, or a brace that
    does not match. Whether the name stays in a folder is `safe_destination`'s to say.
    """
    date = datetime.fromtimestamp(at, tz=UTC).date().isoformat()
    values = dict(zip(_FIELDS, map(slug, (key, model, job_id, date)), strict=True))
    return "".join(literal + (values[field] if field else "") for literal, field in _template_parts(template))


def safe_destination(output_dir: Path, name: str) -> Path:
    """The path of `name`, which may hold folders, in `output_dir`.

    Follows symbolic links of folders on the disk, never one at the last part. Raises `InvalidRequestError`
    before anything is paid when the path would leave `output_dir`, is absolute or empty, or has a part that
    cannot be a file name everywhere.
    """
    if problem := _name_problem(name):
        raise _refusal(name, problem)
    parts = name.split("/")
    root = output_dir.resolve()
    folder = root.joinpath(*parts[:-1]).resolve()
    if not folder.is_relative_to(root):
        raise _refusal(name, "leads out of the output directory through a link")
    return folder / parts[-1]


def part_path(destination: Path, job_id: str) -> Path:
    """Where the bytes of a job's video wait until they are whole: a hidden name beside `destination`.

    It carries the job's id, so what a crash leaves there belongs to the same job.
    """
    ending = f".{slug(job_id)}.part"
    name = _shortened(f".{destination.name}", _MAX_NAME_BYTES - len(ending.encode()))
    return destination.with_name(name + ending)


def _template_parts(template: str) -> list[tuple[str, str | None]]:
    """A template's pieces of text, each with the field that follows it."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError:
        parsed = None
    if parsed is None:
        raise _template_refusal(template, "has a brace that does not match")
    for _, field, format_spec, conversion in parsed:
        if field is not None and (field not in _FIELDS or format_spec or conversion):
            known = ", ".join(f"{{{known}}}" for known in _FIELDS)
            raise _template_refusal(template, f"may hold only these fields, plainly: {known}")
    return [(literal, field) for literal, field, _, _ in parsed]


def _is_safe(character: str) -> bool:
    # Letters, marks, numbers and symbols such as emoji. Controls and the invisible characters that reverse or
    # join text are in category C, separators in Z, and what shells and file systems give a meaning to in P and S.
    category = unicodedata.category(character)
    return character in _PLAIN_CHARACTERS or category[0] in "LMN" or category == "So"


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in _JOINERS


def _unreserved(name: str) -> str:
    return f"_{name}" if name.partition(".")[0].rstrip().upper() in _WINDOWS_DEVICES else name


def _shortened(text: str, limit: int) -> str:
    """As much of `text` as fits in `limit` bytes of UTF-8, without half a character."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _name_problem(name: str) -> str | None:
    """Why `name`, which may hold folders, cannot be a file below a folder, or None when it can."""
    problem = next((problem for part in name.split("/") if (problem := _part_problem(part))), None)
    return problem or ("names a drive" if PureWindowsPath(name).drive else None)


def _part_problem(part: str) -> str | None:
    """Why `part` cannot be a file or folder name, or None when it can."""
    if part in ("", ".", ".."):
        return "is absolute, or has an empty, '.' or '..' part"
    if any(character == "\\" or _is_invisible(character) for character in part):
        return "has a backslash or an invisible character"
    if len(part.encode()) > _MAX_NAME_BYTES:
        return f"has a part of more than {_MAX_NAME_BYTES} bytes"
    if part != part.rstrip(" .") or part != _unreserved(part):
        return "has a part that is no file name on Windows"
    return None


def _refusal(name: str, problem: str) -> InvalidRequestError:
    text = f"The output name {name[:200]!r} {problem}."
    return InvalidRequestError(text, problems=(text,))


def _template_refusal(template: str, problem: str) -> InvalidRequestError:
    text = f"The output template {template[:200]!r} {problem}."
    return InvalidRequestError(text, problems=(text,))
