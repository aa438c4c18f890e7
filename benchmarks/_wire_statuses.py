"""Every status with every kind of body to every endpoint: what the job does next, against the matrix written down
a second time. The two were written apart: where they differ, one of them is wrong."""

import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final

from benchmarks._crash_jobs import API_KEY
from benchmarks._wire_clock import SkippingClock
from benchmarks._wire_peer import GOOD, QUEUE_ID
from venice_async.client import VeniceClient
from venice_async.errors import Charge, VeniceError
from venice_async.jobs import JobState
from venice_async.models import QueuedVideo, QuoteRequest, VideoRequest
from venice_async.transport import Reply
from venice_async.verdicts import Tries, Verdict, judge_queue, judge_retrieve
from venice_async.wire.exchange import Call, ReplyHead

STATUSES: Final = (*range(100, 600), 999)
_VENICE = {"content-type": "application/json", "x-venice-version": "1", "cf-ray": "8f-VIE"}
_HTML = {"content-type": "text/html", "cf-ray": "8f-VIE", "server": "cloudflare"}
_REFUSED = frozenset({400, 403, 404, 405, 410, 413, 415})
_UNREACHED = frozenset({521, 523, 525, 526, 530})


def bodies(endpoint: str) -> Mapping[str, tuple[Mapping[str, str], bytes]]:
    """The kinds of body: what the API says, what the edge in front of it says, nothing, and another API's JSON."""
    return {
        "good": (_VENICE, GOOD[endpoint]),
        "venice": (_VENICE, b'{"error":"The model is at capacity"}'),
        "html": (_HTML, b"<html><title>Bad gateway</title></html>"),
        "empty": ({}, b""),
        "wrong": ({"content-type": "application/json"}, b'["something", {"else": null}]'),
    }


class _Canned:
    """A `Transport` with one answer for everything."""

    def __init__(self) -> None:
        self.head = ReplyHead(status=200, headers={})
        self.body = b""

    def send(self, call: Call) -> AbstractAsyncContextManager[Reply]:
        del call
        return self._answer()

    @contextlib.asynccontextmanager
    async def _answer(self) -> AsyncIterator["_Canned"]:
        yield self

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body."""
        if self.body:
            yield self.body

    async def aclose(self) -> None:
        """Nothing to close."""


def due_after_queue(status: int, kind: str) -> str:
    """What a job must do after this answer to its paid call."""
    if 200 <= status < 300:
        return "queued" if kind == "good" else "unknown"
    if 300 <= status < 400 or status in _REFUSED:
        return "failed none"
    if status in {401, 402}:
        return "held account"
    if status == 409:
        return "failed none"
    if status == 422:
        return "failed unverified"
    if status == 429 or status in _UNREACHED or (status == 503 and kind == "venice"):
        return "pending"
    return "unknown"


def due_after_retrieve(status: int, kind: str) -> str:
    """What a job that is paid for must do after this answer to its first retrieve, ten minutes after it was queued."""
    if 200 <= status < 300:
        return "answer" if kind == "good" else "again"
    if status in {401, 402}:
        return "again account"
    if status == 400:
        return "held"
    if status == 422:
        return "failed unverified"
    if 400 < status < 500 and status not in {403, 404, 429}:
        return "held or again"
    return "again"


def _queue_word(result: QueuedVideo | VeniceError) -> str:
    if isinstance(result, QueuedVideo):
        return "queued"
    verdict = judge_queue(result, Tries(random.Random(1)), 0.0)
    if verdict.state is JobState.FAILED:
        return f"failed {(verdict.charge or result.charge).value}"
    if verdict.state is JobState.HELD:
        return "held account" if verdict.account else "held"
    return verdict.state.value if verdict.state is not None else "stays"


def _retrieve_word(result: object) -> str:
    if not isinstance(result, VeniceError):
        return "answer"
    verdict: Verdict = judge_retrieve(result, Tries(random.Random(1)), 0.0, age=600.0)
    if verdict.state is JobState.FAILED:
        return f"failed {(verdict.charge or result.charge).value}"
    if verdict.state is JobState.HELD:
        return "held"
    return "again account" if verdict.account else "again"


async def _asked(client: VeniceClient, endpoint: str) -> object:
    """The answer or the error of one attempt."""
    video = QueuedVideo(model="m", queue_id=QUEUE_ID)
    try:
        if endpoint == "queue":
            return await client.queue(VideoRequest(model="m", prompt="A harbour"), retry=None)
        if endpoint == "retrieve":
            async with client.retrieve(video, retry=None) as said:
                return said
        if endpoint == "complete":
            return await client.complete(video)
        if endpoint == "quote":
            return await client.quote(QuoteRequest(model="m", duration="5s"))
        return await client.models()
    except VeniceError as error:
        return error


def _judge(endpoint: str, status: int, kind: str, result: object) -> tuple[str, str | None]:
    """The word for what came out, and what is wrong with it."""
    if endpoint == "queue":
        assert isinstance(result, QueuedVideo | VeniceError)
        word, due = _queue_word(result), due_after_queue(status, kind)
        return word, None if word == due else f"queue {status} {kind}: {word} where {due} is due ({result!r})"
    if endpoint == "retrieve":
        word, due = _retrieve_word(result), due_after_retrieve(status, kind)
        return word, None if word in due else f"retrieve {status} {kind}: {word} where {due} is due ({result!r})"
    word = type(result).__name__ if isinstance(result, VeniceError) else "answer"
    charged = isinstance(result, VeniceError) and result.charge is not Charge.NONE and endpoint != "complete"
    return word, f"{endpoint} {status} {kind}: a free call speaks of money ({result!r})" if charged else None


async def status_table() -> tuple[Counter[str], list[str]]:
    """How often each thing came out, and every answer that was taken wrongly."""
    came: Counter[str] = Counter()
    wrong = []
    for endpoint in ("queue", "retrieve", "complete", "quote", "models"):
        for status in STATUSES:
            for kind, (headers, body) in bodies(endpoint).items():
                canned = _Canned()
                canned.head, canned.body = ReplyHead(status=status, headers=headers), body
                # Each answer meets a client of its own, whose budgets no earlier answer has used up.
                client = VeniceClient(
                    API_KEY, base_url="http://127.0.0.1/api/v1", transport=canned, clock=SkippingClock()
                )
                word, mistake = _judge(endpoint, status, kind, await _asked(client, endpoint))
                came[f"{endpoint} {word}"] += 1
                wrong += [mistake] if mistake else []
    return came, wrong
