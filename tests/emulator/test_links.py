"""Private links: no credentials, ranges, few fetches, one day."""

from typing import Any

import pytest

from venice_async.emulator.links import MOST_GETS


@pytest.fixture
def ready(api: Any) -> Any:
    """An api with one private job that is ready, as `api.job`."""
    api.job = api.private()
    api.finish()
    return api


def test_nothing_before_it_is_ready(api: Any) -> None:
    """A link to a video that is still being made is a 404."""
    assert api.link(api.private()).status == 404


def test_unknown_links(api: Any) -> None:
    """A token that was never given out is a 404 in JSON."""
    assert api.send("GET", "/media/guess").json == {"error": "Not found"}


def test_head_tells_the_size(ready: Any) -> None:
    """HEAD has the headers of GET and no body, and does not count as a fetch."""
    head = ready.link(ready.job, "HEAD")
    assert (head.status, head.headers["content-length"], head.content) == (200, "5000", b"")
    assert ready.brain.book.jobs[0].link_gets == 0


@pytest.mark.parametrize(
    ("wanted", "status", "content_range", "length"),
    [
        ("bytes=0-99", 206, "bytes 0-99/5000", 100),
        ("bytes=4990-", 206, "bytes 4990-4999/5000", 10),
        ("bytes=-7", 206, "bytes 4993-4999/5000", 7),
        ("bytes=10-99999", 206, "bytes 10-4999/5000", 4990),
        ("bytes=5000-", 416, "bytes */5000", None),
        ("bytes=9-2", 416, "bytes */5000", None),
        ("bytes=-0", 416, "bytes */5000", None),
        ("bytes=0-1,5-6", 200, None, 5000),
        ("bytes=-", 200, None, 5000),
        ("lines=1-2", 200, None, 5000),
    ],
)
def test_ranges(ready: Any, wanted: str, status: int, content_range: str | None, length: int | None) -> None:
    """One range is served, an impossible one is a 416, anything else gives the whole."""
    answer = ready.link(ready.job, range=wanted)
    assert (answer.status, answer.headers.get("content-range")) == (status, content_range)
    if length is not None:
        assert len(answer.content) == length


def test_a_resumed_file_is_the_file(ready: Any) -> None:
    """The parts before and after a break join to the whole."""
    whole = ready.link(ready.job).content
    assert (
        ready.link(ready.job, range="bytes=0-1233").content + ready.link(ready.job, range="bytes=1234-").content
        == whole
    )


def test_if_range(ready: Any) -> None:
    """A range of another file than the one there is gives the whole."""
    etag = ready.link(ready.job, "HEAD").headers["etag"]
    assert ready.link(ready.job, range="bytes=0-9", if_range=etag).status == 206
    assert ready.link(ready.job, range="bytes=0-9", if_range='"other"').status == 200


def test_a_link_wears_out(ready: Any) -> None:
    """After a handful of fetches it answers 429 with Retry-After."""
    for _ in range(MOST_GETS):
        assert ready.link(ready.job).status == 200
    worn = ready.link(ready.job)
    assert (worn.status, worn.headers["retry-after"]) == (429, "60")


def test_a_revoked_link_is_gone(ready: Any) -> None:
    """DELETE works without a key; afterwards everything is a 410, and retrieve a 404."""
    assert ready.link(ready.job, "DELETE").status == 200
    assert [ready.link(ready.job, method).status for method in ("GET", "HEAD", "DELETE")] == [410] * 3
    assert ready.retrieve(ready.job).status == 404


def test_a_link_lives_for_a_day(ready: Any) -> None:
    """After 24 hours it is a 410."""
    ready.now = 86_400.0
    assert ready.link(ready.job).status == 410


def test_other_methods(ready: Any) -> None:
    """A link cannot be written to."""
    assert ready.link(ready.job, "PUT").status == 405


@pytest.mark.parametrize("header", ["authorization", "cookie", "sign_in_with_x"])
def test_credentials_at_a_link_are_told_on(ready: Any, header: str) -> None:
    """Whoever sends a credential to a link is served, and recorded as a violation that does not repeat it."""
    assert ready.link(ready.job, **{header: "secret-value"}).status == 200
    record = ready.brain.requests[-1]
    assert header.replace("_", "-") in record.violation
    assert "secret-value" not in repr(record)


def test_links_are_outside_the_account(ready: Any) -> None:
    """Nothing at a link counts towards the key's limits or failures."""
    for _ in range(100):
        ready.send("GET", "/media/guess")
    assert ready.brain.limiter.block("anonymous", ready.now) == 0.0
    assert "x-ratelimit-remaining" not in ready.link(ready.job).headers
