"""From the entries of a manifest to requests with keys: everything that can be wrong without asking a server."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import Factory, define, field, frozen

from venice_async.catalog import Problem
from venice_async.cli.manifests.entries import Entries, Entry, Mistake
from venice_async.cli.request_files import ReadRequest, read_request
from venice_async.errors import InvalidRequestError
from venice_async.models import MediaFile, VideoRequest
from venice_async.naming import slug
from venice_async.wire.calls import media_of
from venice_async.wire.stored import request_to_text

MAX_KEY = 200
"""Characters of a key."""

_TEXTS = (
    "model", "prompt", "duration", "negative_prompt", "aspect_ratio", "resolution", "voice_id",
    "omni_reference_task_type", "bitrate_mode", "anon_user_id",
)  # fmt: skip
_PLAIN = frozenset({*_TEXTS, "upscale_factor", "input_height", "reference_video_seconds", "audio"})
"""A row of these alone has no media, and most rows are such."""


@frozen(kw_only=True)
class Row:
    """One video that a manifest asks for. `output` is its file's name in the output folder.

    `own` are the fields that stand in the row itself: what is wrong with another is wrong with the defaults.
    `problems` is what is wrong with it already; the request is then as good as it could be read.
    """

    place: str
    key: str
    request: VideoRequest
    output: str
    has_media: bool = True
    own: frozenset[str] = field(default=frozenset(), repr=False)
    problems: tuple[Problem, ...] = ()


@define(kw_only=True)
class Manifest:
    """What a manifest asks for, and all that is wrong with it. With a mistake in it, none of it is paid for."""

    name: str
    defaults: Entry | None = None
    rows: list[Row] = Factory(list)
    mistakes: list[Mistake] = Factory(list)
    _of_defaults: dict[str, tuple[str, Problem]] = field(factory=dict, init=False)
    _times: Counter[str] = field(factory=Counter, init=False)

    def refuse(self, row: Row, problems: Iterable[Problem]) -> None:
        """Note what is wrong with a row. A mistake in the defaults is one mistake, and not one of every row."""
        for problem in problems:
            root = problem.field.partition("[")[0].partition(".")[0]
            if self.defaults is None or root in row.own or root not in self.defaults.fields:
                self.mistakes.append(Mistake(place=row.place, problem=problem, key=row.key))
            else:
                sentence = str(problem)
                self._times[sentence] += 1
                self._of_defaults.setdefault(sentence, (row.place, problem))

    @property
    def has_shared(self) -> bool:
        """Whether the defaults have mistakes."""
        return bool(self._of_defaults)

    def all_mistakes(self) -> list[Mistake]:
        """Those of the defaults first, each with how many jobs it is in; then those of the rows."""
        shared = []
        for sentence, (place, problem) in self._of_defaults.items():
            count, where = self._times[sentence], self.defaults.place if self.defaults else ""
            others = f" and {count - 1} others" if count > 1 else ""
            shared.append(Mistake(place=f"{where} for {place}{others}", problem=problem))
        return [*shared, *sorted(self.mistakes, key=_line)]


def rows_of(entries: Entries, *, folder: Path, allowed: Sequence[Path] = ()) -> Manifest:
    """The rows of a manifest in `folder`: local media may lie in it, and in the folders that are `allowed`."""
    if not entries.rows and not entries.mistakes:
        entries.wrong(entries.name, "has no rows: it asks for nothing.")
    reader = _Rows(entries=entries, folder=folder, roots=[each.resolve() for each in (folder, *allowed)])
    for entry in entries.rows:
        reader.take(entry)
    reader.manifest.mistakes[:0] = entries.mistakes
    return reader.manifest


@define(kw_only=True)
class _Rows:
    entries: Entries
    folder: Path
    roots: list[Path]
    manifest: Manifest = field(init=False)
    _keys: dict[str, str] = field(factory=dict, init=False)
    _outputs: dict[str, str] = field(factory=dict, init=False)
    _alike: Counter[str] = field(factory=Counter, init=False)

    def __attrs_post_init__(self) -> None:
        self.manifest = Manifest(name=self.entries.name, defaults=self.entries.defaults)

    def take(self, entry: Entry) -> None:
        """Make a row of an entry, or note what is wrong with it."""
        fields = {**(self.entries.defaults.fields if self.entries.defaults else {}), **entry.fields}
        key, output = fields.pop("key", None), fields.pop("output", None)
        read = read_request(fields, folder=self.folder)
        has_media = not fields.keys() <= _PLAIN
        problems = [
            *self._named(read),
            *(self._abroad(read.request) if has_media else ()),
            *_type_problems(read.request),
            *_output_problems(output),
            *_key_problems(key),
        ]
        if isinstance(key, str) or not problems:
            key, doubled = self._key(key, read.request, entry.place)
            output = output or f"{slug(key)}.mp4"
            problems += doubled or self._same_place(output, entry.place)
        row = Row(
            place=entry.place,
            key=key if isinstance(key, str) else "",
            request=read.request,
            output=str(output),
            has_media=has_media,
            own=frozenset(entry.fields),
            problems=tuple(problems),
        )
        self.manifest.rows.append(row)

    def _named(self, read: ReadRequest) -> Iterable[Problem]:
        yield from read.problems
        for name in read.unknown:
            message = "is no field of a request; put it into extra to send it all the same."
            yield Problem(field=name[:60], message=message)

    def _key(self, key: str | None, request: VideoRequest, place: str) -> tuple[str, list[Problem]]:
        """The row's key; without one of its own it is made from the request, and a number from the second on."""
        if key is None:
            try:
                text = request_to_text(request)
            except InvalidRequestError as error:
                return "", [Problem(field="request", message=message) for message in error.problems]
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
            self._alike[digest] += 1
            number = f"-{self._alike[digest]}" if self._alike[digest] > 1 else ""
            key = f"{slug(str(request.model))}-{digest}{number}"
        first = self._keys.setdefault(key, place)
        return key, [] if first is place else [Problem(field="key", message=f"{key[:60]!r} is that of {first} too.")]

    def _abroad(self, request: VideoRequest) -> Iterable[Problem]:
        for name, medium in media_of(request):
            if isinstance(medium, MediaFile) and medium.path is not None and not self._is_ours(medium.path):
                message = f"the file lies outside {self.folder.resolve()}; allow its folder with --allow-path."
                yield Problem(field=name, message=message)

    def _is_ours(self, path: Path) -> bool:
        return any(path.is_relative_to(root) for root in self.roots)  # it has been resolved: no link leads out of it

    def _same_place(self, name: Any, place: str) -> list[Problem]:
        # Two names that differ in case alone are one file on many disks.
        first = self._outputs.setdefault(str(name).casefold(), place)
        return [] if first is place else [Problem(field="output", message=f"is the file of {first} too.")]


def _line(mistake: Mistake) -> int:
    number = mistake.place.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


def _type_problems(request: VideoRequest) -> Iterable[Problem]:
    """Values of another kind than their fields take: a price could not even be asked for with them."""
    for name in _TEXTS:
        if not isinstance(getattr(request, name), str | None):
            yield Problem(field=name, message="must be a text: put it into quotes.")
    for name in ("upscale_factor", "input_height"):
        value = getattr(request, name)
        if isinstance(value, bool) or not isinstance(value, int | None):
            yield Problem(field=name, message="must be a whole number.")
    seconds: Any = request.reference_video_seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | None):
        yield Problem(field="reference_video_seconds", message="must be a number.")
    audio: Any = request.audio
    if not isinstance(audio, bool | None):
        yield Problem(field="audio", message="must be true or false.")


def _key_problems(key: Any) -> Iterable[Problem]:
    if key is None:
        return
    if not isinstance(key, str):
        yield Problem(field="key", message="must be a text: put it into quotes.")
    elif not key.strip() or len(key) > MAX_KEY:
        yield Problem(field="key", message=f"must have 1 to {MAX_KEY} characters.")
    elif any("\ud800" <= character <= "\udfff" for character in key):
        yield Problem(field="key", message="holds half a character (a lone surrogate).")


def _output_problems(output: Any) -> Iterable[Problem]:
    if output is not None and not (isinstance(output, str) and output):
        yield Problem(field="output", message="must be a file's name, as text.")
