"""How values read, and what is not to be read."""

from decimal import Decimal

import pytest

from venice_async.gallery import words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  a quay\r\nat dawn\t ", "a quay \nat dawn"),
        ("مدينة من الزجاج", "مدينة من الزجاج"),
        ("half a \ud83d pair", "half a \ufffd pair"),
        ("bell\x07 and \x1b[31mred", "bell  and  [31mred"),
        ("two\u2028lines", "two\nlines"),
    ],
)
def test_words_keep_their_script_and_lose_what_no_page_can_show(text: str, shown: str) -> None:
    """Whatever comes out can be written as UTF-8."""
    assert words.shown(text) == shown
    words.shown(text).encode()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("See https://media.example.com/v/1?sig=abc for it.", "See (a link) for it."),
        ("Got data:image/png;base64,AAAA, sorry", "Got (a link) sorry"),
        ("/home/anna/films/a.png cannot be read: No such file.", "(a file) cannot be read: No such file."),
        ("'/home/anna/my films/a b.png' is gone", "(a file) is gone"),
        ("~/films/a.png, C:\\Users\\anna\\a.png and \\\\host\\share\\a.png.", "(a file), (a file) and (a file)."),
        ("The server refused retrieve (422): 16:9 and/or 5s", "The server refused retrieve (422): 16:9 and/or 5s"),
    ],
)
def test_a_message_tells_no_address_and_no_path(said: str, told: str) -> None:
    """The page may be shown to anybody."""
    assert words.discreet(said, {}) == told


def test_known_paths_and_secrets_go_first() -> None:
    """A path with blanks is known as a whole; the longest first, or a part of it would stay."""
    names = {"/my films": "(this folder)", "/my films/day one/a b.mp4": "day one/a b.mp4"}
    said = words.discreet("/my films/day one/a b.mp4 is full, /my films too, token s3cret", names, ["s3cret"])
    assert said == "day one/a b.mp4 is full, (this folder) too, token (a private link)"


def test_values_read_well() -> None:
    """Money exactly, sizes and times as short as they can be."""
    assert [words.money(Decimal(usd)) for usd in ("0.5", "0.0375", "1234.5", "0")] == [
        "$0.50", "$0.0375", "$1,234.50", "$0.00",
    ]  # fmt: skip
    assert [words.size(count) for count in (900, 27_236, 186_988, 2_500_000_000)] == [
        "1 kB", "27 kB", "0.2 MB", "2.5 GB",
    ]  # fmt: skip
    assert [words.span(seconds) for seconds in (-3, 42.4, 187, 3723)] == ["0 s", "42 s", "3:07 min", "1:02:03 h"]
    assert [words.length(seconds) for seconds in (2.0, 6.54, 61)] == ["2 s", "6.5 s", "1:01 min"]
    assert words.moment(1_800_000_000.0) == "2027-01-15 08:00 UTC"
    assert words.machine_moment(1_800_000_000.0) == "2027-01-15T08:00:00Z"
    assert (words.count(1, "job"), words.count(1200, "job")) == ("1 job", "1,200 jobs")
    assert words.sentences("It broke", "", "Try again!") == "It broke. Try again!"
