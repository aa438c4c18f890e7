"""The brain with the clock in the test's hand."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from attrs import frozen

from venice_async.emulator.brain import Brain
from venice_async.emulator.messages import EmulatedAnswer, EmulatedRequest

WALL = 1_800_000_000.0


@frozen
class Answer:
    """A finished answer, read."""

    raw: EmulatedAnswer

    @property
    def status(self) -> int:
        return self.raw.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.raw.headers

    @property
    def content(self) -> bytes:
        return b"".join(bytes(chunk) for chunk in self.raw.chunks())

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.content)


class Api:
    """A caller of one brain. `now` stands still until the test moves it."""

    def __init__(self, **options: Any) -> None:
        self.brain = Brain(**options)
        self.now = 0.0

    def send(self, method: str, path: str, *, body: bytes = b"", query: Any = (), **headers: Any) -> Answer:
        named: dict[str, str | None] = {"authorization": "Bearer test-key", "content-type": "application/json"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = EmulatedRequest(
            method=method,
            path=path,
            query=dict(query),
            headers={name: value for name, value in named.items() if value is not None},
            body=body,
        )
        answer = self.brain.answer(request, now=self.now, wall=WALL + self.now)
        return Answer(answer if answer.drop else answer.finished())

    def post(self, path: str, tree: Any, **headers: Any) -> Answer:
        return self.send("POST", f"/api/v1{path}", body=json.dumps(tree).encode(), **headers)

    def get(self, path: str, *, query: Any = (), **headers: Any) -> Answer:
        return self.send("GET", f"/api/v1{path}", query=query, **headers)

    def body(self, **changes: Any) -> dict[str, Any]:
        plain = {"model": "wan-2.6-text-to-video", "prompt": "a quay", "duration": "5s", "aspect_ratio": "16:9"}
        return {name: value for name, value in {**plain, **changes}.items() if value is not None}

    def queue(self, **changes: Any) -> Answer:
        return self.post("/video/queue", self.body(**changes))

    def queued(self, **changes: Any) -> dict[str, Any]:
        answer = self.queue(**changes)
        assert answer.status == 200, answer.content
        return dict(answer.json)

    def private(self) -> dict[str, Any]:
        return self.queued(model="grok-imagine-text-to-video-private")

    def retrieve(self, job: Mapping[str, Any], **fields: Any) -> Answer:
        return self.post("/video/retrieve", {"model": job["model"], "queue_id": job["queue_id"], **fields})

    def finish(self) -> None:
        """Move on until every job so far is ready."""
        self.now = max([self.now, *(job.ready_at for job in self.brain.book)])

    def link(self, job: Mapping[str, Any], method: str = "GET", **headers: Any) -> Answer:
        token = job["download_url"].rpartition("/")[2]
        return self.send(method, f"/media/{token}", **{"authorization": None, "content_type": None, **headers})


@pytest.fixture
def make_api() -> Callable[..., Api]:
    return Api


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    return make_api(video_size=5_000)
