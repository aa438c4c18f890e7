"""What the vendor's texts allow is let through, what they forbid is refused, and the emulated server agrees."""

import base64
import json
from typing import Any

import pytest

from venice_async.catalog import Catalog
from venice_async.emulator.brain import Brain
from venice_async.emulator.messages import EmulatedRequest
from venice_async.emulator.sheets import DEFAULT_SHEETS
from venice_async.errors import InvalidRequestError
from venice_async.models import VideoRequest
from venice_async.wire.calls import queue_call
from venice_async.wire.structure import video_model

from .cases import BASES, LENIENT, RIGHT, WRONG, request

CATALOG = Catalog([video_model(sheet.entry()) for sheet in DEFAULT_SHEETS])
RIGHT_NAMES = [f"{base} {'/'.join(changes)}" for base, changes in RIGHT]
WRONG_NAMES = [f"{base} {field}" for base, _, field in WRONG]


def served(wanted: VideoRequest) -> tuple[int, str]:
    """What an emulated Venice answers to a request."""
    call = queue_call("http://127.0.0.1/api/v1", wanted)
    body = b"".join(part if isinstance(part, bytes) else base64.b64encode(part.data or b"") for part in call.body)
    headers = {"authorization": "Bearer key", "content-type": "application/json"}
    sent = EmulatedRequest(method="POST", path="/api/v1/video/queue", query={}, headers=headers, body=body)
    answer = Brain().answer(sent, now=0.0, wall=1.8e9).finished()
    return answer.status, b"".join(bytes(chunk) for chunk in answer.chunks()).decode()


@pytest.mark.parametrize(("base", "changes"), RIGHT, ids=RIGHT_NAMES)
def test_what_is_allowed_passes(base: str, changes: dict[str, Any]) -> None:
    """No problem is found, and the server takes it (or asks for consent, which costs nothing)."""
    wanted = request(base, changes)
    assert CATALOG.problems(wanted) == ()
    status, text = served(wanted)
    assert status in {200, 409}, text


@pytest.mark.parametrize(("base", "changes", "field"), WRONG, ids=WRONG_NAMES)
def test_what_is_forbidden_is_refused_by_its_field(base: str, changes: dict[str, Any], field: str) -> None:
    """That field, and no other, is named; the message tells it, and so does the value in the error."""
    wanted = request(base, changes)
    with pytest.raises(InvalidRequestError) as caught:
        CATALOG.check(wanted)
    assert [problem.field for problem in caught.value.located] == [field]
    assert caught.value.problems == tuple(str(problem) for problem in caught.value.located)
    assert str(caught.value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("base", "changes", "field"), [case for case in WRONG if (case[0], case[2]) not in LENIENT],
    ids=[name for name, case in zip(WRONG_NAMES, WRONG, strict=True) if (case[0], case[2]) not in LENIENT],
)  # fmt: skip
def test_the_server_would_have_refused_it_too(base: str, changes: dict[str, Any], field: str) -> None:
    """Nothing is refused here that would have worked."""
    status, text = served(request(base, changes))
    assert status in {400, 404}, text
    if status == 400:
        assert field.partition("[")[0].replace("consent", "consents") in {
            issue["path"][0] for issue in json.loads(text)["issues"]
        }


def test_the_table_is_long_enough() -> None:
    """Sixty of each, and every family on both sides."""
    assert min(len(RIGHT), len(WRONG)) >= 60
    assert {base for base, _ in RIGHT} == set(BASES)
    assert len({base for base, _, _ in WRONG}) >= 15
