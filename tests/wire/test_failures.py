"""Error answers: status and body to a typed error, its facts, and what it means for the money."""

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async import errors
from venice_async.errors import APIStatusError, Charge, VeniceError
from venice_async.errors.stored import error_from_text, error_text
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.failures import failure_of

ENDPOINTS = ("queue", "quote", "retrieve", "complete", "transcribe", "models", "rate_limits", "download", "revoke",
             "wallet_balance", "wallet_transactions", "top_up")  # fmt: skip
OWN = {"content-type": "application/json", "x-venice-version": "1", "cf-ray": "8f-VIE"}
NONE, REFUNDED, CHARGED, UNVERIFIED = Charge.NONE, Charge.REFUNDED, Charge.CHARGED, Charge.UNVERIFIED

TYPES: dict[int, type[VeniceError]] = {
    400: errors.BadRequestError, 401: errors.AuthenticationError, 402: errors.PaymentRequiredError,
    403: errors.PermissionDeniedError, 404: errors.NotFoundError, 405: APIStatusError, 408: APIStatusError,
    409: errors.ConflictError, 410: errors.GoneError, 413: errors.PayloadTooLargeError,
    415: errors.UnsupportedMediaTypeError, 418: APIStatusError, 422: errors.ContentRejectedError,
    429: errors.RateLimitError, 500: errors.ServerError, 501: errors.ServerError, 502: errors.ServerError,
    504: errors.ServerError, 520: errors.ServerError, 521: errors.ServerError, 522: errors.ServerError,
    523: errors.ServerError, 524: errors.ServerError, 525: errors.ServerError, 526: errors.ServerError,
    530: errors.ServerError, 599: errors.ServerError,
    301: errors.UnexpectedRedirectError, 302: errors.UnexpectedRedirectError, 303: errors.UnexpectedRedirectError,
    304: errors.UnexpectedRedirectError, 307: errors.UnexpectedRedirectError, 308: errors.UnexpectedRedirectError,
    100: errors.UnexpectedReplyError, 101: errors.UnexpectedReplyError,
}  # fmt: skip
REFUSED = {400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 429}
UNREACHED = {521, 523, 525, 526, 530}

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "html": b"<html><h1>Error</h1></html>",
    "cut": b'{"error": "te',
    "text": b'{"error":"text"}',
    "object": b'{"error":{"message":"text","type":"t","code":"c","param":null}}',
    "message": b'{"message":"text"}',
    "odd": b'{"error":[1],"code":{},"details":7,"issues":"x","consent":3}',
    "list": b"[1]",
}


def failure(status: int, tree: Any = None, *, endpoint: str = "queue", headers: dict[str, str] | None = None) -> Any:
    """The error of an answer whose body is a tree, or bytes."""
    body = tree if isinstance(tree, bytes) else b"" if tree is None else json.dumps(tree).encode()
    return failure_of(endpoint, ReplyHead(status=status, headers=OWN if headers is None else headers), body)


class TestTypes:
    @pytest.mark.parametrize("status", TYPES)
    def test_the_status_decides_the_type(self, status: int) -> None:
        """Whatever a body is like, and without one: the status names the error, and is kept with the ray."""
        for endpoint, body in itertools.product(ENDPOINTS, BODIES.values()):
            error = failure(status, body, endpoint=endpoint)
            assert type(error) is TYPES[status]
            assert (error.status, error.ray) == (status, "8f-VIE")
            assert f"{status}" in str(error)
            assert endpoint in str(error)

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_every_status_has_its_error(self, endpoint: str) -> None:
        """No status falls through, on no endpoint."""
        for status in (*range(100, 200), *range(300, 600), 999):
            for body in BODIES.values():
                assert isinstance(failure(status, body, endpoint=endpoint), VeniceError)

    @given(st.integers(100, 999), st.sampled_from(ENDPOINTS), st.binary(max_size=60),
           st.dictionaries(st.sampled_from(["retry-after", "link", "payment-required", "date", "cf-ray", "content-type",
                                            "x-ratelimit-reset-requests"]), st.text(max_size=30)))  # fmt: skip
    def test_no_answer_makes_it_stumble(self, status: int, endpoint: str, body: bytes, headers: dict[str, str]) -> None:
        """It works on what nobody documented."""
        assert isinstance(failure(status, body, endpoint=endpoint, headers=headers), VeniceError)

    @given(st.sampled_from(sorted(TYPES)), st.sampled_from(ENDPOINTS), st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
            ["error", "message", "code", "type", "details", "issues", "consent", "policy_text", "consent_version",
             "consent_flow",
             "accepts", "x402Version", "authOptions", "topUpInstructions", "siwxChallenge", "currentBalanceUsd", "info",
             "payTo", "extra", "supportedChains",
             "face_media_roles", "docs_url", "credits_refunded", "suggested_prompt", "recommended_model", "hint"]),
             inner, max_size=5),
        max_leaves=15))  # fmt: skip
    def test_no_tree_makes_it_stumble(self, status: int, endpoint: str, tree: Any) -> None:
        """Documented names in undocumented places."""
        assert isinstance(failure(status, tree, endpoint=endpoint), VeniceError)

    def test_nesting_without_bottom_does_not_either(self) -> None:
        """Neither in the body nor where a text is due."""
        for depth in (100, 500, 900, 960, 980, 990, 100_000):
            nested = b"[" * depth + b"]" * depth
            body = b'{"error":{"code":"needs_consent"},"consent":{"policy_text":' + nested + b"}}"
            assert isinstance(failure(409, body), APIStatusError)
            offer = b'{"x402Version":2,"accepts":[{"extra":' + nested + b'}],"siwxChallenge":' + nested + b"}"
            hidden = {"payment-required": base64.b64encode(offer).decode()}
            for endpoint in ENDPOINTS:
                error = failure(402, offer, endpoint=endpoint, headers=hidden)
                assert isinstance(error_from_text(error_text(error)), errors.PaymentRequiredError)


class TestCharge:
    @pytest.mark.parametrize("endpoint", ["queue", "transcribe"])
    @pytest.mark.parametrize("status", sorted(TYPES))
    def test_a_paid_call_is_free_only_where_it_was_refused(self, status: int, endpoint: str) -> None:
        """Everything else leaves open whether the money is gone, and says so."""
        refused = status in REFUSED or status in UNREACHED or 300 <= status < 400
        for body in BODIES.values():
            error = failure(status, body, endpoint=endpoint)
            assert error.charge is (NONE if refused else UNVERIFIED)
            assert ("Do not send it again" in str(error)) == (not refused and status != 422)

    @pytest.mark.parametrize(
        ("headers", "tree", "taken"),
        [
            (OWN, {"error": "at capacity"}, NONE),
            ({"cf-ray": "8f-VIE"}, {"error": {"message": "offline", "code": "MODEL_OFFLINE"}}, NONE),
            (OWN, {"message": "Service Unavailable"}, UNVERIFIED),
            (OWN, b"<html>", UNVERIFIED),
            (OWN, None, UNVERIFIED),
            (OWN, {"error": ""}, UNVERIFIED),
            (OWN, {"error": None, "message": "x"}, UNVERIFIED),
            ({}, {"error": "The model is at capacity."}, NONE),
            ({}, {"error": {"message": "no", "code": "MODEL_OFFLINE"}}, NONE),
            ({"server": "istio-envoy"}, {"error": "upstream request timeout"}, UNVERIFIED),
            ({}, {"error": "the model backend did not answer in time"}, UNVERIFIED),
        ],
    )  # fmt: skip
    def test_a_503_is_a_refusal_only_where_venice_itself_says_it(
        self, headers: dict[str, str], tree: Any, taken: Charge
    ) -> None:
        """A gateway's 503 may come after the request was taken: sent again, it could be paid twice."""
        error = failure(503, tree, headers=headers)
        assert error.charge is taken
        assert (type(error) is errors.CapacityError) == (taken is NONE)

    @pytest.mark.parametrize(
        ("said", "charge"),
        [(True, REFUNDED), (False, CHARGED), (None, UNVERIFIED), ("yes", UNVERIFIED), (1, UNVERIFIED)],
    )
    @pytest.mark.parametrize("endpoint", ["queue", "retrieve", "download"])
    def test_a_rejection_costs_what_the_server_says(self, endpoint: str, said: object, charge: Charge) -> None:
        """Silence proves nothing: some public models bill a rejection."""
        for tree in ({"error": "x", "credits_refunded": said}, {"error": {"message": "x", "credits_refunded": said}}):
            error = failure(422, tree, endpoint=endpoint)
            assert error.charge is charge
            assert error.credits_refunded is (said if isinstance(said, bool) else None)

    @pytest.mark.parametrize("endpoint", ["retrieve", "download"])
    @pytest.mark.parametrize(
        ("status", "charge"),
        [(400, UNVERIFIED), (401, CHARGED), (402, CHARGED), (403, CHARGED), (404, CHARGED), (410, CHARGED), (429,
         CHARGED),
         (500, UNVERIFIED), (502, UNVERIFIED), (503, UNVERIFIED), (504, UNVERIFIED), (301, CHARGED)],
    )  # fmt: skip
    def test_delivery_is_about_a_job_that_was_paid_for(self, endpoint: str, status: int, charge: Charge) -> None:
        """An error on the way to a paid video never says that nothing was charged."""
        assert failure(status, {"error": "x"}, endpoint=endpoint).charge is charge

    @pytest.mark.parametrize(
        "endpoint", ["quote", "models", "rate_limits", "complete", "revoke", "wallet_balance", "wallet_transactions"]
    )
    @pytest.mark.parametrize("status", sorted(set(TYPES) - {422}))
    def test_free_calls_cost_nothing(self, endpoint: str, status: int) -> None:
        """Whatever they end with."""
        assert failure(status, {"error": "x"}, endpoint=endpoint).charge is NONE


class TestFacts:
    def test_a_text_is_shown_and_cleaned(self) -> None:
        """The server's words, safe for a terminal and of bearable length."""
        error = failure(403, {"error": "no\n\x1b[31m" + "x" * 1000})
        assert "no  [31mxxx" in error.message
        assert len(error.message) < 600

    @pytest.mark.parametrize(
        ("tree", "code"),
        [({"error": "x", "code": "A"}, "A"), ({"error": {"code": "B", "type": "C"}}, "B"), ({"error": {"type": "C"}},
         "C"),
         ({"error": "x"}, None), ({"error": "x", "code": 5}, None)],
    )  # fmt: skip
    def test_the_code_from_all_shapes(self, tree: Any, code: str | None) -> None:
        """At the top, or inside the error."""
        assert failure(401, tree).code == code

    def test_400_keeps_details_and_issues(self) -> None:
        """A tree or a text, and the single problems."""
        error = failure(
            400, {"error": "x", "details": {"prompt": {"_errors": ["Required"]}}, "issues": [{"path": ["prompt"]}]}
        )
        assert error.details == {"prompt": {"_errors": ["Required"]}}
        assert error.issues == ({"path": ["prompt"]},)
        assert failure(400, {"error": "x", "details": "a\nb"}).details == "a b"
        assert (failure(400).details, failure(400).issues) == (None, ())

    def test_consent_is_asked_of_a_person(self) -> None:
        """The policy keeps its lines; nothing was charged."""
        error = failure(409, {
            "error": {"code": "needs_consent", "message": "Confirm."}, "consent_flow": "seedance",
            "face_media_roles": ["reference_image", 5], "docs_url": "https://docs",
            "consent": {"consent_version": "v1", "policy_text": "Line 1\nLine\x1b 2"},
        })  # fmt: skip
        assert type(error) is errors.ConsentRequiredError
        assert (error.policy_text, error.consent_version, error.consent_flow) == ("Line 1\nLine  2", "v1", "seedance")
        assert (error.face_media_roles, error.docs_url, error.charge) == (("reference_image",), "https://docs", NONE)

    @pytest.mark.parametrize(
        "tree", [{"error": {"code": "needs_consent"}}, {"error": "x", "consent": {}}, {"code": "PAYMENT_IN_PROGRESS"}]
    )
    def test_other_conflicts_are_not_consent(self, tree: Any) -> None:
        """Without a policy there is nothing to read."""
        assert type(failure(409, tree)) is errors.ConflictError

    @pytest.mark.parametrize(
        ("link", "successor"),
        [('</audio>; rel="successor-version"', "/audio"), ('</a>; rel="x", </b>; rel="successor-version"', "/b"),
         ('</a>; rel="alternate"', None), ("garbage", None), ("", None)],
    )  # fmt: skip
    def test_410_names_the_successor(self, link: str, successor: str | None) -> None:
        """A retired endpoint says where its work is done now."""
        assert failure(410, endpoint="transcribe", headers={"link": link}).successor == successor

    def test_422_keeps_what_helps(self) -> None:
        """In both shapes."""
        top = failure(422, {"error": "x", "suggested_prompt": "A cat", "hint": "h", "recommended_model": "m"})
        inner = failure(
            422, {"error": {"message": "x", "suggested_prompt": "A cat", "hint": "h", "recommended_model": "m"}}
        )
        for error in (top, inner):
            assert (error.suggested_prompt, error.hint, error.recommended_model) == ("A cat", "h", "m")

    @pytest.mark.parametrize("status", [429, 500, 503])
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [({}, None), ({"retry-after": "7"}, 7.0), ({"retry-after": "0"}, 0.0), ({"retry-after": "-1"}, None),
         ({"retry-after": "soon"}, None), ({"retry-after": "1e9"}, 120.0), ({"retry-after": "nan"}, None),
         ({"retry-after": "Sat, 21 Nov 2026 03:00:30 GMT", "date": "Sat, 21 Nov 2026 03:00:00 GMT"}, 30.0),
         ({"retry-after": "Sat, 21 Nov 2026 03:00:00 GMT", "date": "Sat, 21 Nov 2026 03:00:30 GMT"}, 0.0),
         ({"retry-after": "Sat, 21 Nov 2026 03:00:30 GMT", "date": "garbage"}, 120.0)],
    )  # fmt: skip
    def test_retry_after_in_seconds(self, status: int, headers: dict[str, str], seconds: float | None) -> None:
        """A number, or an instant by the server's own clock; never more than is bearable."""
        assert failure(status, {"error": "x"}, headers=headers).retry_after == seconds

    @pytest.mark.parametrize("text", ["Too many failed attempts", "too many FAILED requests: blocked"])
    def test_the_block_after_failures_is_told_apart(self, text: str) -> None:
        """It concerns the key, not the model."""
        assert type(failure(429, {"error": text})) is errors.FailureBlockError
        assert type(failure(429, {"error": {"message": text}})) is errors.FailureBlockError
        assert type(failure(429, {"error": "Too many requests"})) is errors.RateLimitError
