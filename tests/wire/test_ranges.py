"""A broken transfer goes on only where it is proved that the bytes are of the same file."""

import pytest

from venice_async.wire.exchange import ReplyHead
from venice_async.wire.ranges import Held, Resume, held_after, judge_rest, range_headers, strong_etag

HELD = Held(size=400, total=1000, etag='"abc"')
GOOD = {"content-range": "bytes 400-999/1000", "etag": '"abc"', "content-length": "600"}


def head(status: int, **headers: str | None) -> ReplyHead:
    """An answer's head; underscores stand for dashes, and None leaves a header out."""
    named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    return ReplyHead(status=status, headers=named)


def test_the_rest_is_asked_for_on_a_condition() -> None:
    """From the first byte that is missing on, and only of the same file."""
    assert range_headers(HELD) == {"range": "bytes=400-", "if-range": '"abc"'}


@pytest.mark.parametrize("missing", [(), ("etag",), ("content-length",)])
def test_the_exact_rest_is_appended(missing: tuple[str, ...]) -> None:
    """206 with the range that was asked for; a server need not repeat the ETag that it was asked about."""
    headers = {name: value for name, value in GOOD.items() if name not in missing}
    assert judge_rest(ReplyHead(status=206, headers=headers), HELD) is Resume.APPEND


def test_the_whole_file_replaces_what_is_here() -> None:
    """200 is the answer for a file that changed, and of servers that know no ranges."""
    assert judge_rest(head(200, content_length="1000"), HELD) is Resume.RESTART
    assert judge_rest(head(200, etag='"new"', content_length="7"), HELD) is Resume.RESTART


@pytest.mark.parametrize(
    "changes",
    [
        {"content-range": "bytes 399-999/1000"},
        {"content-range": "bytes 401-999/1000"},
        {"content-range": "bytes 400-998/1000"},
        {"content-range": "bytes 400-999/1001"},
        {"content-range": "bytes 400-999/*"},
        {"content-range": "bytes */1000"},
        {"content-range": "lines 400-999/1000"},
        {"content-range": ""},
        {"content-length": "599"},
        {"etag": '"other"'},
        {"etag": 'W/"abc"'},
        {"content-encoding": "gzip"},
    ],
)
def test_any_other_part_is_of_no_use(changes: dict[str, str]) -> None:
    """Another range, another length, another file, or packed bytes."""
    assert judge_rest(ReplyHead(status=206, headers={**GOOD, **changes}), HELD) is Resume.DISCARD


def test_a_refused_range_is_of_no_use() -> None:
    """416: the file is not what it was."""
    assert judge_rest(head(416, content_range="bytes */1000"), HELD) is Resume.DISCARD


@pytest.mark.parametrize("etag", ["", "abc", 'W/"abc"', '"a b"', '"a\r\nx: y"', '"ä"', '""', '"a"b"', f'"{"x" * 201}"'])
def test_only_a_strong_etag_counts(etag: str) -> None:
    """A weak one, none at all, or one that cannot be sent back proves nothing."""
    assert strong_etag(head(200, etag=etag)) is None
    with pytest.raises(ValueError, match="strong ETag"):
        Held(size=1, total=2, etag=etag)


@pytest.mark.parametrize(("size", "total"), [(0, 5), (5, 0), (-1, 5)])
def test_nothing_held_is_nothing_to_go_on_with(size: int, total: int) -> None:
    """Sizes are positive."""
    with pytest.raises(ValueError, match="must be > 0"):
        Held(size=size, total=total, etag='"abc"')


def test_what_came_is_worth_keeping_only_with_all_the_facts() -> None:
    """The whole file's length and a strong ETag, of a plain 200, and more to come."""
    facts = {"etag": '"abc"', "content_length": "1000"}
    assert held_after(head(200, **facts), 400) == HELD
    assert held_after(head(206, **facts), 400) is None
    assert held_after(head(200, **{**facts, "etag": None}), 400) is None
    assert held_after(head(200, **{**facts, "content_length": None}), 400) is None
    assert held_after(head(200, **facts, content_encoding="gzip"), 400) is None
    assert held_after(head(200, **facts), 0) is None
    assert held_after(head(200, **facts), 1000) is None


def test_the_etag_is_not_shown() -> None:
    """It may be made of what a private link holds."""
    assert "abc" not in repr(HELD)
