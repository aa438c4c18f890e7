"""What every kind of manifest becomes: entries with their places, and mistakes that say where they are."""

from collections.abc import Mapping
from typing import Any

from attrs import Factory, define, field, frozen

from venice_async.catalog import Problem
from venice_async.wire.text import clean

MAX_BYTES = 64 * 2**20
"""Of one manifest. Local media are named in it, so that even this is far more than 100,000 rows need."""
MAX_ENTRIES = 100_000

SETTINGS = frozenset({"defaults", "jobs"})


@frozen(kw_only=True)
class Mistake:
    """What is wrong, and where: `place` is the file with the line, or with the number of the job."""

    place: str
    problem: Problem
    key: str | None = None

    def __str__(self) -> str:
        name = f" ({clean(self.key, limit=60)})" if self.key else ""
        return clean(f"{self.place}{name}: {self.problem}", limit=2000)

    def document(self) -> dict[str, Any]:
        """The same for JSON."""
        return {"place": self.place, "key": self.key, **self.problem.document()}


@frozen(kw_only=True)
class Entry:
    """One row as it stands in the file. Its values are those of JSON."""

    place: str
    fields: Mapping[str, Any]


@define(kw_only=True)
class Entries:
    """What was read of a manifest. `defaults` go under every row."""

    name: str
    rows: list[Entry] = Factory(list)
    defaults: Entry | None = None
    mistakes: list[Mistake] = Factory(list)
    _full: bool = field(default=False, init=False)

    def at_line(self, line: int) -> str:
        """A place such as `shots.yaml:12`, which editors can go to."""
        return f"{self.name}:{line}"

    def wrong(self, place: str, message: str, *, name: str = "manifest") -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(place=place, problem=Problem(field=name, message=message)))

    def take(self, place: str, value: Any) -> None:
        """A row, which must be an object."""
        if not isinstance(value, dict):
            self.wrong(place, "must be an object with the fields of a request.", name="job")
        elif len(self.rows) < MAX_ENTRIES:
            self.rows.append(Entry(place=place, fields=value))
        elif not self._full:
            self._full = True
            self.wrong(place, f"is row {MAX_ENTRIES + 1:,}; a manifest has {MAX_ENTRIES:,} at most.", name="job")

    def take_defaults(self, place: str, value: Any) -> None:
        """The fields that every row has unless it says otherwise."""
        if not isinstance(value, dict):
            self.wrong(place, "must be an object with fields of a request.", name="defaults")
        elif self.defaults is not None:
            self.wrong(place, "stands twice.", name="defaults")
        else:
            own = sorted({"key", "output"} & value.keys())
            for name in own:
                self.wrong(place, "belongs to one job and cannot be a default.", name=f"defaults.{name}")
            kept = {field: given for field, given in value.items() if field not in own}
            self.defaults = Entry(place=f"{place} (defaults)", fields=kept)
