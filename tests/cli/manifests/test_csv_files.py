"""CSV as spreadsheets write it."""

import pytest

from venice_async.cli.manifests.csv_files import read_csv

from .reading import fields, read, said


def test_cells_become_what_their_fields_take() -> None:
    """Texts, truths, numbers, several media, JSON; an empty cell says nothing."""
    text = (
        "key,aspect_ratio,audio,upscale_factor,reference_video_seconds,reference_image_urls,keyframes,extra.seed,prompt\n"
        'a,16:9,TRUE,2,6.5,a.png | b.png,"[{""frame_index"": 1}]",7,"One, two"\n'
        ',,false,,,"[""c.png""]",,anna,\n'
    )
    assert fields(read(read_csv, text)) == [
        {
            "key": "a", "aspect_ratio": "16:9", "audio": True, "upscale_factor": 2, "reference_video_seconds": 6.5,
            "reference_image_urls": ["a.png", "b.png"], "keyframes": [{"frame_index": 1}], "extra": {"seed": 7},
            "prompt": "One, two",
        },
        {"audio": False, "reference_image_urls": ["c.png"], "extra": {"seed": "anna"}},
    ]  # fmt: skip


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_the_sign_between_cells_is_that_of_the_heading(sign: str) -> None:
    """Spreadsheets of many countries write semicolons. Lines are counted as an editor does."""
    lines = [("key", "prompt"), ("a", '"two\nlines"'), ("", ""), ("b", "x")]
    entries = read(read_csv, "\r\n".join(sign.join(cells) for cells in lines))
    assert fields(entries) == [{"key": "a", "prompt": "two\nlines"}, {"key": "b", "prompt": "x"}]
    assert [row.place for row in entries.rows] == ["m:2", "m:5"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("key,,b\n", "m:1: heading: has no name in column 2."),
        ("key,key\n", "m:1: key: stands twice in the heading."),
        ("key,prompt\na,b,c\n", "m:2: row: has 3 cells, and the heading 2."),
        ("audio\nyes\n", "m:2: audio: must be true or false."),
        ("upscale_factor\n2.5\n", "m:2: upscale_factor: must be a whole number."),
        ("reference_video_seconds\nnan\n", "m:2: reference_video_seconds: must be a number."),
        ("keyframes\n{\n", "m:2: keyframes: must be JSON."),
        ("extra.a\n[\n", "m:2: extra.a: must be JSON."),
        ('key\n"a"b\n', "m:2: manifest: is not CSV"),
        ('key\nx\n"a', "m:3: manifest: is not CSV"),
        (f"key\n{'x' * 200_000}\n", "m:2: manifest: is not CSV: field larger"),
    ],
)
def test_a_mistake_has_its_line(text: str, sentence: str) -> None:
    """And its column's name."""
    assert sentence in "\n".join(said(read(read_csv, text)))
