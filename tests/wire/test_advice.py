"""What to do next, by the call that an error answers."""

import json
from typing import Any

import pytest

from venice_async.wire.exchange import ReplyHead
from venice_async.wire.failures import failure_of

SUCCESSOR = {"link": '</api/v1/audio/transcriptions>; rel="successor-version"'}
SIGN_IN = {"error": "No", "code": "X402_SIGN_IN_EXPIRED"}


@pytest.mark.parametrize(
    ("endpoint", "status", "tree", "headers", "advice"),
    [
        ("queue", 401, {"error": "No"}, {}, "Check the API key (VENICE_API_KEY)"),
        ("queue", 401, SIGN_IN, {}, "Sign in anew"),
        ("queue", 403, {"error": "Region"}, {}, "Check whether the model is meant for your country"),
        ("queue", 404, {"error": "No such model"}, {}, "Check the model's id: `venice-async models` lists them."),
        ("quote", 404, {"error": "No such model"}, {}, "Check the model's id: `venice-async models` lists them."),
        ("models", 404, {}, {}, "Check base_url: it ends in /api/v1."),
        ("retrieve", 404, {"error": "Gone"}, {}, "The server keeps a video for 24 hours"),
        ("retrieve", 400, {"error": "Request ID is invalid."}, {}, "Where it means the queue_id"),
        ("queue", 400, {"error": "Bad"}, {}, "Correct the request"),
        ("retrieve", 403, {"error": "No"}, {}, "Check the key, and the network"),
        ("download", 404, {}, {}, "The server keeps a video for 24 hours"),
        ("download", 410, {}, {}, "The server keeps a video for 24 hours"),
        ("transcribe", 410, {}, SUCCESSOR, "Its successor is /api/v1/audio/transcriptions."),
        ("transcribe", 410, {}, {}, "It will not come back"),
        ("queue", 413, {"error": "Big"}, {}, "Use smaller media"),
        ("queue", 415, {"error": "Type"}, {}, "It was JSON when it left"),
        ("queue", 422, {"error": "No"}, {}, "Change the prompt or the media."),
        (
            "queue",
            422,
            {"error": "No", "suggested_prompt": "a cat"},
            {},
            "`venice-async generate --like JOB --suggested`",
        ),
        ("retrieve", 422, {"error": {"recommended_model": "m"}}, {}, "`venice-async generate --like JOB --suggested`"),
        ("queue", 500, {}, {}, "Do not send it again blindly"),
        ("quote", 500, {}, {}, "Try again in a while."),
    ],
)
def test_the_same_status_means_another_thing_on_each_call(
    endpoint: str, status: int, tree: Any, headers: dict[str, str], advice: str
) -> None:
    """A person learns what to do about this call, not about the status in general."""
    error = failure_of(endpoint, ReplyHead(status=status, headers=headers), json.dumps(tree).encode())
    assert error.advice.startswith(advice)
    assert str(error).endswith(error.advice)
