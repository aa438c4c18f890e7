"""The contact sheet."""

import io
from pathlib import Path

import pytest

from venice_async.gallery.facts import facts_of
from venice_async.gallery.files import MARK, Found
from venice_async.gallery.sheet import Layout, contact_sheet

from .conftest import made

image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("number", [1, 2, 12, 60, 250, 1000])
def test_the_layout_holds_all(number: int) -> None:
    """No cell lies outside of the sheet or on another, and the sheet stays of a size that can be opened."""
    layout = Layout.of(number)
    width, height = layout.size
    corners = {layout.corner(each) for each in range(number)}
    assert len(corners) == number
    assert max(x for x, _ in corners) + layout.cell <= width <= 3700
    assert max(y for _, y in corners) + layout.height <= height <= 4500


def test_a_sheet(tmp_path: Path) -> None:
    """Pictures where there are some, and no trouble with names of any length or script, or with a broken picture."""
    image.new("RGB", (160, 90), "#ff0000").save(tmp_path / "red.jpg", quality=95)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    names = ["a", "ملف " * 40, "x" * 3000, "line\nbreak", "b"]
    records = [made(name, tmp_path) for name in names]
    jobs = [facts_of(record, Found(name=record.key), folder=tmp_path) for record in records]
    data = contact_sheet(jobs, {"a": "red.jpg", "b": "broken.jpg"}, tmp_path, title="A title " * 90)
    assert MARK in data[:400]
    layout = Layout.of(len(names))
    with image.open(io.BytesIO(data)) as sheet:
        assert sheet.size == layout.size
        x, y = layout.corner(0)
        red, green, _ = sheet.convert("RGB").getpixel((x + layout.cell // 2, y + layout.stage // 2))
    assert (red > 240, green < 20) == (True, True)


def test_many_are_cut(tmp_path: Path) -> None:
    """More than 1,000 would be too small to see."""
    jobs = [facts_of(made("a", tmp_path), Found(), folder=tmp_path)] * 1003
    with image.open(io.BytesIO(contact_sheet(jobs, {}, tmp_path, title="T"))) as sheet:
        assert sheet.size == Layout.of(1000).size
