"""Private links: fetched and revoked without any credential, a few times, for a day."""

import re
from collections.abc import Callable
from typing import Final

import attrs

from venice_async.emulator.jobs import EmulatedJob
from venice_async.emulator.messages import EmulatedAnswer, Piece, Refused, Video, json_answer
from venice_async.emulator.visits import Visit

MOST_GETS: Final = 5
"""How often a link may be fetched; whole or in part."""

_METHODS: Final = ("GET", "HEAD", "DELETE")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def serve_link(visit: Visit, video: Callable[[EmulatedJob], Video]) -> EmulatedAnswer:
    """Answer a request to the private link of `visit.job`. Raises Refused where there is nothing to give."""
    method, job = visit.request.method, visit.job
    if job is None:
        raise Refused(404, "Not found")
    if method not in _METHODS:
        raise Refused(405, "Method not allowed", headers={"allow": ", ".join(_METHODS)})
    _check_there(job, visit.now)
    if method == "DELETE":
        job.delete(visit.now)
        return json_answer(200, {"success": True})
    headers = {"content-type": "video/mp4", "accept-ranges": "bytes", "etag": f'"{job.queue_id}"'}
    answer = EmulatedAnswer(status=200, headers=headers)
    if method == "HEAD":
        return attrs.evolve(answer, later=lambda answer: _headed(answer, video(job)))
    _count_get(job)
    wanted = _wanted_range(visit, headers["etag"])
    return attrs.evolve(answer, later=lambda answer: _ranged(answer, video(job), wanted))


def _wanted_range(visit: Visit, etag: str) -> str:
    """The Range header, unless it is about another file than this one."""
    headers = visit.request.headers
    return headers.get("range", "") if headers.get("if-range", etag) == etag else ""


def _check_there(job: EmulatedJob, now: float) -> None:
    if job.deleted_at is not None or not job.is_known(now):
        raise Refused(410, "This link has expired or was revoked")
    if not job.is_ready(now) or job.failure is not None:
        raise Refused(404, "The video is not there")


def _count_get(job: EmulatedJob) -> None:
    if job.link_gets >= MOST_GETS:
        raise Refused(429, "This link was fetched too often", headers={"retry-after": "60"})
    job.link_gets += 1


def _headed(answer: EmulatedAnswer, whole: Video) -> EmulatedAnswer:
    return answer.with_headers({"content-length": str(whole.size)})


def _ranged(answer: EmulatedAnswer, whole: Video, wanted: str) -> EmulatedAnswer:
    """The whole, or the one range that was asked for. Anything else in a Range header is ignored, as HTTP allows."""
    found = _RANGE.fullmatch(wanted)
    if found is None or found[1] == found[2] == "":
        return attrs.evolve(answer, body=Piece(video=whole, start=0, length=whole.size))
    start, end = _bounds(found[1], found[2], whole.size)
    if start >= whole.size or end < start:
        refused = Refused(416, "Range not satisfiable", headers={"content-range": f"bytes */{whole.size}"})
        return refused.answer
    ranged = attrs.evolve(answer, status=206, body=Piece(video=whole, start=start, length=end - start + 1))
    return ranged.with_headers({"content-range": f"bytes {start}-{end}/{whole.size}"})


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1
