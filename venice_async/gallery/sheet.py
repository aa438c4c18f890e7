"""The contact sheet: all videos as one picture, each with its key and state. Blocks; needs Pillow."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from venice_async.gallery import words
from venice_async.gallery.facts import Facts
from venice_async.gallery.files import MARK
from venice_async.jobs import JobState

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_MOST = 1000
"""So many videos are shown: more would be too small to see."""
_WIDTH = 3200
_MOST_CELL = 320
_BACK, _CARD, _INK, _MUTED, _STAGE = "#f4f5f7", "#ffffff", "#1b1f27", "#667080", "#171a20"
COLOURS = {
    JobState.PENDING: "#3a5f9e",
    JobState.QUEUEING: "#3a5f9e",
    JobState.QUEUED: "#3a5f9e",
    JobState.DOWNLOADING: "#3a5f9e",
    JobState.COMPLETED: "#1f7a4d",
    JobState.FAILED: "#b3342e",
    JobState.CANCELLED: "#667080",
    JobState.UNKNOWN: "#7a3ea8",
    JobState.HELD: "#9a6200",
}
_FONTS = ("NotoSansCJK-Regular.ttc", "DejaVuSans.ttf", "Arial.ttf")
"""What knows more scripts than the font that comes with Pillow, where the system has it."""


@frozen(kw_only=True)
class Layout:
    """The sizes of a sheet, in pixels."""

    columns: int
    rows: int
    cell: int
    gap: int
    text: int

    @classmethod
    def of(cls, number: int) -> "Layout":
        """For so many cells: as large as they can be, and about as wide as the sheet is high."""
        columns = max(1, min(number, math.ceil(math.sqrt(number * 1.15))))
        cell = min(_MOST_CELL, _WIDTH // columns)
        gap, text = max(4, cell // 20), max(9, cell // 20)
        return cls(columns=columns, rows=max(1, math.ceil(number / columns)), cell=cell, gap=gap, text=text)

    @property
    def stage(self) -> int:
        """The height of a picture."""
        return self.cell * 9 // 16

    @property
    def height(self) -> int:
        """The height of a cell: the picture, the key, and the state."""
        return self.stage + self.text * 7 // 2 + self.gap // 2

    @property
    def head(self) -> int:
        """The height of the heading."""
        return self.text * 3 + self.gap

    @property
    def size(self) -> tuple[int, int]:
        """The whole sheet."""
        step = self.gap
        return self.columns * (self.cell + step) + step, self.head + self.rows * (self.height + step)

    def corner(self, number: int) -> tuple[int, int]:
        """Where a cell begins."""
        row, column = divmod(number, self.columns)
        return self.gap + column * (self.cell + self.gap), self.head + row * (self.height + self.gap)


def contact_sheet(jobs: Sequence[Facts], posters: Mapping[str, str], folder: Path, *, title: str) -> bytes:
    """A PNG file; `posters` are the names of the pictures in `folder`, by the videos' names. At most 1,000 jobs."""
    from PIL import Image, ImageDraw
    from PIL.PngImagePlugin import PngInfo

    layout = Layout.of(min(len(jobs), _MOST))
    sheet = Image.new("RGB", layout.size, _BACK)
    draw, font = ImageDraw.Draw(sheet), _font(layout.text)
    heading = _fitted(draw, _heading(jobs, title), font, layout.size[0] - 2 * layout.gap)
    draw.text((layout.gap, layout.text), heading, fill=_INK, font=font)
    for number, job in enumerate(jobs[:_MOST]):
        x, y = layout.corner(number)
        poster = posters.get(job.found.name)
        draw.rectangle((x, y, x + layout.cell - 1, y + layout.height - 1), fill=_CARD)
        stage = _STAGE if poster else _tint(COLOURS[job.state])
        draw.rectangle((x, y, x + layout.cell - 1, y + layout.stage - 1), fill=stage)
        if poster:
            _paste(sheet, folder / poster, (x, y, layout.cell, layout.stage))
        _label(draw, job, layout, (x, y), font)
    about = PngInfo()
    about.add_text("Software", MARK.decode())
    data = io.BytesIO()
    sheet.save(data, "PNG", pnginfo=about)
    return data.getvalue()


def _heading(jobs: Sequence[Facts], title: str) -> str:
    done = sum(job.state is JobState.COMPLETED for job in jobs)
    text = f"{' '.join(title.split())}: {words.count(done, 'video')} of {words.count(len(jobs), 'job')}"
    return text if len(jobs) <= _MOST else f"{text}, the first {_MOST:,}"


def _tint(colour: str) -> tuple[int, ...]:
    """A light shade of a colour."""
    return tuple(255 - (255 - part) // 8 for part in bytes.fromhex(colour[1:]))


def _paste(sheet: "Image", path: Path, box: tuple[int, int, int, int]) -> None:
    from PIL import Image, UnidentifiedImageError

    x, y, width, height = box
    try:
        with Image.open(path) as opened:
            opened.thumbnail((width, height))
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return  # an empty stage says it
    sheet.paste(picture, (x + (width - picture.width) // 2, y + (height - picture.height) // 2))


def _label(
    draw: "ImageDraw", job: Facts, layout: Layout, corner: tuple[int, int], font: "FreeTypeFont | ImageFont"
) -> None:
    x, y = corner[0] + layout.gap // 2, corner[1] + layout.stage + layout.text // 2
    width = layout.cell - layout.gap
    draw.text((x, y), _fitted(draw, " ".join(job.key.split()), font, width), fill=_INK, font=font)
    y += layout.text * 3 // 2
    dot = layout.text * 2 // 3
    colour = COLOURS[job.state]
    top = y + layout.text // 4
    draw.ellipse((x, top, x + dot, top + dot), fill=colour)
    draw.text((x + dot * 3 // 2, y), _fitted(draw, job.state.value, font, width - dot * 2), fill=colour, font=font)


def _fitted(draw: "ImageDraw", text: str, font: "FreeTypeFont | ImageFont", width: int) -> str:
    if draw.textlength(text, font=font) <= width:
        return text
    text = text[:200]
    while text and draw.textlength(text + "…", font=font) > width:
        text = text[:-1]
    return text + "…"


def _font(height: int) -> "FreeTypeFont | ImageFont":
    from PIL import ImageFont

    for name in _FONTS:
        try:
            return ImageFont.truetype(name, height)
        except OSError:
            continue
    return ImageFont.load_default(height)
