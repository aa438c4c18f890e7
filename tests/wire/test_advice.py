"""What to do next, by the call that an error answers."""

import json
from typing import Any

import pytest

from venice_async.wire.exchange import ReplyHead
from venice_async.wire.failures import failure_of

SUCCESSOR = {"link": '</api/v1/audio/transcriptions>; rel="successor-version"'}
MISMATCH = {"error": "You can only access balance for your own wallet"}
SIGN_IN = {"error": "No", "code": "X402_SIGN_IN_EXPIRED"}


@pytest.mark.parametrize(
    ("endpoint", "status", "tree", "headers", "advice"),
    [
        ("queue", 401, {"error": "No"}, {}, "Check the API key (VENICE_API_KEY)"),
        ("queue", 401, SIGN_IN, {}, "The sign-in was too old when it arrived"),
        ("retrieve", 401, {"error": "No", "code": "X402_SIGN_IN_NONCE_REUSED"}, {}, "Sign each request anew"),
        ("queue", 401, {"error": "No", "code": "X402_SIGN_IN_NEWER"}, {}, "Check this machine's clock"),
        ("wallet_balance", 401, {"error": "Invalid Sign-in-with-x signature"}, {}, "Check this machine's clock"),
        ("wallet_balance", 403, MISMATCH, {}, "Ask with the wallet that it is about"),
        ("wallet_transactions", 403, {}, {}, "Check base_url"),
        ("wallet_balance", 404, {}, {}, "Check base_url: it ends in /api/v1."),
        ("retrieve", 400, {"error": "x", "code": "PAYMENT_HEADER_NOT_ACCEPTED"}, {}, "Send no payment header"),
        ("queue", 402, {"error": "Insufficient balance"}, {}, "Top up the balance or raise the key's spending limit"),
        (
            "queue",
            402,
            {"error": "Payment required", "code": "PAYMENT_REQUIRED"},
            {},
            "Top up with `venice-async wallet",
        ),
        ("quote", 402, {"x402Version": 2, "accepts": []}, {}, "Set VENICE_API_KEY, or VENICE_WALLET_KEY"),
        ("queue", 429, {"error": "x", "code": "X402_CONCURRENCY_LIMIT"}, {}, "Let other programs that use this wallet"),
        ("top_up", 400, {"error": "AMOUNT_TOO_LOW", "message": "x"}, {}, "The payment was not taken"),
        ("top_up", 402, {"error": "SETTLEMENT_FAILED", "message": "x"}, {}, "No USDC moved"),
        ("top_up", 402, {"x402Version": 2, "accepts": []}, {}, "The payment was not taken"),
        ("top_up", 401, {}, {}, "Check base_url"),
        ("top_up", 404, {}, {}, "Check base_url: it ends in /api/v1."),
        ("top_up", 408, {}, {}, "Look at the wallet's balance"),
        ("top_up", 409, {"error": "PAYMENT_IN_PROGRESS", "message": "x"}, {}, "It is being settled"),
        ("top_up", 422, {}, {}, "Look at the wallet's balance"),
        ("top_up", 429, {"error": "Rate limit exceeded."}, {}, "Wait, then try again."),
        ("top_up", 503, {"error": "X402_NOT_CONFIGURED", "message": "x"}, {}, "Look at the wallet's balance"),
        ("top_up", 504, {"error": "SETTLEMENT_TIMEOUT", "message": "x"}, {}, "Look at the wallet's balance"),
        ("top_up", 307, {}, {}, "Check base_url: it must be the API's own address. Look at"),
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
