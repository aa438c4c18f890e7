"""What wallets and top-ups are refused with, and what that means for the money."""

import json
from typing import Any

import pytest

from venice_async import errors
from venice_async.errors import Charge, VeniceError
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.failures import failure_of
from wire.test_payments import DISCOVERY, PLAIN, WALLET, refused


class TestRefusals:
    @pytest.mark.parametrize("endpoint", ["queue", "transcribe"])
    @pytest.mark.parametrize(
        ("status", "tree", "kind"),
        [
            (401, {"error": "Expired", "code": "X402_SIGN_IN_EXPIRED"}, errors.SignInError),
            (401, {"error": "New", "code": "X402_SIGN_IN_SOMETHING_NEW"}, errors.SignInError),
            (401, {"error": "Invalid Sign-in-with-x signature"}, errors.SignInError),
            (401, {"error": "Authentication failed"}, errors.AuthenticationError),
            (401, {"error": "Send an API key or a Sign-in-with-x header"}, errors.AuthenticationError),
            (402, DISCOVERY, errors.DiscoveryError),
            (402, WALLET, errors.WalletBalanceError),
            (402, PLAIN, errors.PaymentRequiredError),
            (403, {"error": "You can only access balance for your own wallet"}, errors.WalletMismatchError),
            (403, {"error": "Not in your region"}, errors.PermissionDeniedError),
            (429, {"error": "Too many concurrent requests", "code": "X402_CONCURRENCY_LIMIT"},
             errors.WalletConcurrencyError),
            (429, {"error": "Too many failed attempts", "code": "x"}, errors.FailureBlockError),
            (429, {"error": "Rate limit exceeded. Please try again later."}, errors.RateLimitError),
            (400, {"error": "No", "code": "PAYMENT_HEADER_NOT_ACCEPTED"}, errors.BadRequestError),
        ],
    )  # fmt: skip
    def test_a_paid_call_that_is_refused_costs_nothing(
        self, status: int, tree: Any, kind: type[VeniceError], endpoint: str
    ) -> None:
        """Each by its own type, each before any work."""
        error = refused(status, tree, endpoint=endpoint)
        assert (type(error), error.charge) == (kind, Charge.NONE)
        assert error.code == tree.get("code")

    @pytest.mark.parametrize("words", ["Invalid Sign-in-with-x signature", "Missing Sign-in-with-x authentication"])
    def test_the_account_s_own_endpoints_tell_no_code(self, words: str) -> None:
        """So the cause may be the clock."""
        error = refused(401, {"error": words}, endpoint="wallet_transactions")
        assert (type(error), error.code, error.is_stale) == (errors.SignInError, None, True)
        assert type(refused(401, b"<html>", endpoint="wallet_balance")) is errors.AuthenticationError

    @pytest.mark.parametrize(
        ("status", "code", "kind", "charge"),
        [(400, "AMOUNT_TOO_LOW", errors.BadRequestError, Charge.NONE),
         (400, "PAYMENT_VERIFICATION_FAILED", errors.BadRequestError, Charge.NONE),
         (402, "SETTLEMENT_FAILED", errors.PaymentRequiredError, Charge.NONE),
         (409, "PAYMENT_IN_PROGRESS", errors.ConflictError, Charge.UNVERIFIED),
         (500, "INTERNAL_ERROR", errors.ServerError, Charge.UNVERIFIED),
         (503, "X402_NOT_CONFIGURED", errors.ServerError, Charge.UNVERIFIED),
         (504, "SETTLEMENT_TIMEOUT", errors.ServerError, Charge.UNVERIFIED)],
    )  # fmt: skip
    def test_a_top_up_has_its_code_in_error(
        self, status: int, code: str, kind: type[VeniceError], charge: Charge
    ) -> None:
        """And its words in `message`; both are where every other error has them."""
        tree = {"error": code, "message": "What happened", "details": {"reason": "x"}}
        head = ReplyHead(status=status, headers={"cf-ray": "8f-VIE", "x-venice-version": "1"})
        error: Any = failure_of("top_up", head, json.dumps(tree).encode())
        assert (type(error), error.code, error.charge) == (kind, code, charge)
        assert error.message.startswith(f"The server refused top_up ({status}): What happened")
        assert failure_of("top_up", head, json.dumps({"error": code}).encode()).message.endswith(code)

    @pytest.mark.parametrize(
        ("status", "charge"),
        [*dict.fromkeys((400, 401, 402, 403, 404, 405, 410, 413, 415, 429), Charge.NONE).items(),
         *dict.fromkeys((302, 307, 408, 409, 418, 422, 500, 502, 503, 504, 521, 524), Charge.UNVERIFIED).items()],
    )  # fmt: skip
    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"error":"at capacity"}', b'{"error":7,"message":8}'])
    def test_what_a_top_up_may_have_moved(self, status: int, charge: Charge, body: bytes) -> None:
        """Only a plain refusal is one; everything else leaves it open, and says to look first."""
        error = refused(status, body, endpoint="top_up")
        assert error.charge is charge
        assert type(error) is not errors.CapacityError
        assert charge is Charge.NONE or status == 409 or "before anything new is signed" in error.advice

    @pytest.mark.parametrize("words", ["Rate limit exceeded.", "lower_case", "A B", "X" * 65, "AB", "ÉCODE", "7X"])
    def test_words_in_error_are_no_code(self, words: str) -> None:
        """The limits of the road there have the plain shape."""
        error = refused(429, {"error": words}, endpoint="top_up")
        assert error.code is None
        assert words in error.message

    def test_elsewhere_the_code_stays_where_it_is(self) -> None:
        """Capitals in `error` are words on every other call."""
        error = refused(400, {"error": "BAD_THING", "message": "words"})
        assert (error.code, "BAD_THING" in error.message) == (None, True)
