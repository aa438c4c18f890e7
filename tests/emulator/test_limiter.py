"""The server's side of the limits."""

from typing import Any

import pytest

from venice_async.emulator.limiter import Limiter
from venice_async.limits import RateLimits

WALL = 1_800_000_000.0


def small(**options: Any) -> Limiter:
    return Limiter(RateLimits(queue_per_minute=2, retrieve_per_minute=3, failures=4), **options)


def test_a_sliding_window_counts_the_last_minute() -> None:
    """Each request frees its place a minute later, and the wait told is until the oldest does."""
    limiter = small()
    assert [limiter.admit("k", "queue", at) for at in (0.0, 10.0)] == [None, None]
    assert limiter.admit("k", "queue", 20.0) == 40.0
    assert limiter.admit("k", "queue", 60.0) is None
    assert limiter.admit("k", "queue", 60.0) == 10.0


def test_a_fixed_window_starts_afresh_every_minute() -> None:
    """Places come back together at the turn of the minute."""
    limiter = small(windows="fixed")
    assert [limiter.admit("k", "queue", at) for at in (58.0, 59.0)] == [None, None]
    assert limiter.admit("k", "queue", 59.5) == 0.5
    assert [limiter.admit("k", "queue", 60.0) for _ in range(2)] == [None, None]


def test_refused_requests_take_no_place() -> None:
    """Asking in vain does not push the moment away at which it works again."""
    limiter = small()
    for at in range(50):
        limiter.admit("k", "queue", float(at))
    assert limiter.admit("k", "queue", 60.0) is None


def test_keys_and_endpoints_count_apart() -> None:
    """One key's requests are not another's, queueing is not retrieving, and other endpoints have no window."""
    limiter = small()
    for _ in range(2):
        limiter.admit("k", "queue", 0.0)
    assert limiter.admit("k", "queue", 0.0) is not None
    assert limiter.admit("other", "queue", 0.0) is None
    assert limiter.admit("k", "retrieve", 0.0) is None
    assert [limiter.admit("k", "complete", 0.0) for _ in range(100)] == [None] * 100


@pytest.mark.parametrize(("unit", "factor"), [("seconds", 1), ("milliseconds", 1000)])
def test_headers_tell_the_window(unit: str, factor: int) -> None:
    """Limit, what is left, and the Unix time at which there is more, in the unit that was chosen."""
    limiter = small(reset_unit=unit)
    limiter.admit("k", "retrieve", 100.0)
    headers = limiter.headers("k", "retrieve", now=110.0, wall=WALL)
    assert headers["x-ratelimit-limit-requests"] == "3"
    assert headers["x-ratelimit-remaining-requests"] == "2"
    assert headers["x-ratelimit-reset-requests"] == str(int((WALL + 50) * factor))


def test_too_many_failures_block_the_key() -> None:
    """One more than the limit within its span blocks for 30 s from then; the budget is whole afterwards."""
    limiter = small()
    for at in range(4):
        limiter.note_status("k", 400, float(at))
    assert (limiter.block("k", 3.0), limiter.headers("k", "models", now=3.0, wall=WALL)["x-ratelimit-remaining"]) == (
        0.0, "0",
    )  # fmt: skip
    limiter.note_status("k", 500, 4.0)
    assert limiter.block("k", 5.0) == 29.0
    assert limiter.block("other", 5.0) == 0.0
    assert limiter.block("k", 34.0) == 0.0
    assert limiter.headers("k", "models", now=34.0, wall=WALL)["x-ratelimit-remaining"] == "4"


def test_old_failures_are_forgotten() -> None:
    """Failures spread over more than the span never block."""
    limiter = small()
    for at in range(0, 600, 8):
        limiter.note_status("k", 404, float(at))
        assert limiter.block("k", float(at)) == 0.0


def test_429_and_success_are_no_failures() -> None:
    """Being refused for too many requests does not count as a failed one."""
    limiter = small()
    for _ in range(50):
        limiter.note_status("k", 429, 0.0)
        limiter.note_status("k", 200, 0.0)
    assert limiter.block("k", 0.0) == 0.0


@pytest.mark.parametrize("options", [{"windows": "rolling"}, {"reset_unit": "minutes"}])
def test_unknown_options(options: dict[str, str]) -> None:
    """A misspelt option is refused at once."""
    with pytest.raises(ValueError, match="must be one of"):
        small(**options)


def test_limits_as_answers(make_api: Any) -> None:
    """Beyond the limit a request is a 429 with Retry-After; after that many seconds it works again."""
    api = make_api(limits=RateLimits(queue_per_minute=2))
    assert [api.queue().headers["x-ratelimit-remaining-requests"] for _ in range(2)] == ["1", "0"]
    api.now = 10.5
    refused = api.queue()
    assert (refused.status, refused.headers["retry-after"]) == (429, "50")
    api.now += 50
    assert api.queue().status == 200


def test_the_block_as_answers(make_api: Any) -> None:
    """A blocked key gets 429 for everything, with the words that say why."""
    api = make_api(limits=RateLimits(failures=3))
    job = api.queued()
    statuses = [api.retrieve({**job, "queue_id": "x"}).status for _ in range(5)]
    assert statuses == [400, 400, 400, 400, 429]
    blocked = api.retrieve(job)
    assert (blocked.status, blocked.headers["retry-after"]) == (429, "30")
    assert "Too many failed attempts" in blocked.json["error"]
    api.now = 30.0
    assert api.retrieve(job).status == 200
