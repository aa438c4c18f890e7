"""CSV: the first row names the fields, and each cell becomes the value that its field takes."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from venice_async.cli.manifests.entries import Entries

LIST_SIGN = "|"
"""Between several media in one cell: it stands in no URL."""

_DELIMITERS = ",;\t"


def read_csv(text: str, entries: Entries) -> None:
    """Rows of cells; an empty cell says nothing. Commas between them, semicolons or tabs."""
    heading = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    problem, began = "", 1
    try:
        names = _names(next(reader, []), entries)
        began = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                _take(cells, names, entries.at_line(began), entries)
            began = reader.line_num + 1
    except csv.Error as error:
        problem = f"is not CSV: {error}."
    if problem:
        entries.wrong(entries.at_line(began), problem)


def _names(cells: list[str], entries: Entries) -> list[str]:
    names = [cell.strip() for cell in cells]
    place = entries.at_line(1)
    for index, name in enumerate(names):
        if not name:
            entries.wrong(place, f"has no name in column {index + 1}.", name="heading")
        elif name in names[:index]:
            entries.wrong(place, "stands twice in the heading.", name=name[:60])
    return names


def _take(cells: list[str], names: list[str], place: str, entries: Entries) -> None:
    if len(cells) != len(names):
        message = f"has {len(cells)} cells, and the heading {len(names)}. A text with a comma in it needs quotes."
        entries.wrong(place, message, name="row")
        return
    fields: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        if text := cell.strip():
            try:
                _put(fields, name, text)
            except ValueError as error:
                entries.wrong(place, f"{error}", name=name[:60])
    entries.take(place, fields)


def _put(fields: dict[str, Any], name: str, text: str) -> None:
    if name.startswith("extra."):
        fields.setdefault("extra", {})[name.removeprefix("extra.")] = _anything(text)
    else:
        fields[name] = _READERS.get(name, str)(text)


def _truth(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError("must be true or false.")
    return text.lower() == "true"


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError("must be a whole number.")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text) if text[:1].isdigit() else float("")
    except ValueError:
        pass
    raise ValueError("must be a number.")


def _many(text: str) -> Any:
    return _json(text) if text.startswith("[") else [part.strip() for part in text.split(LIST_SIGN) if part.strip()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    raise ValueError("must be JSON.")


def _anything(text: str) -> Any:
    """JSON where it looks like that, else the text."""
    if text[:1] in ('"', "{", "["):
        return _json(text)
    try:
        return json.loads(text)
    except ValueError:
        return text


_READERS: Mapping[str, Callable[[str], Any]] = {
    "audio": _truth,
    "upscale_factor": _whole,
    "input_height": _whole,
    "reference_video_seconds": _number,
    "reference_image_urls": _many,
    "reference_video_urls": _many,
    "reference_audio_urls": _many,
    "reference_document_urls": _many,
    "scene_image_urls": _many,
    **dict.fromkeys(
        ("elements", "keyframes", "consents", "image_references", "video_references", "camera_trajectory", "extra"),
        _json,
    ),
}
