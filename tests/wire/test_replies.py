"""Good answers as values, and what is not one."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import Charge, GenerationFailedError, UnexpectedReplyError, VeniceError
from venice_async.models import Completed, ModelRateLimit, Processing, QueuedVideo, Quote, Transcript, UsageRow
from venice_async.wire import replies
from venice_async.wire.exchange import ReplyHead

OK = ReplyHead(status=200, headers={"content-type": "application/json", "cf-ray": "8f-VIE"})

READERS: dict[str, Callable[[ReplyHead, bytes], Any]] = {
    "quote": replies.quote_of,
    "queue": lambda head, body: replies.queued_of(head, body, model="m"),
    "retrieve": replies.status_of,
    "complete": replies.success_of,
    "transcribe": replies.transcript_of,
    "models": replies.models_of,
    "rate_limits": replies.account_limits_of,
    "usage_history": replies.usage_page_of,
}
every_reader = pytest.mark.parametrize("endpoint", READERS)

NAMES = [
    "quote", "queue_id", "download_url", "model", "status", "average_execution_time", "success", "transcript",
    "lang", "data", "type", "id", "model_spec", "constraints", "durations", "aspect_ratios", "deprecation",
    "removesAt", "apiTier", "balances", "USD", "rateLimits", "amount", "accessPermitted", "prompt_character_limit",
    "timestamp", "sku", "nextCursor", "pagination", "inferenceDetails", "requestId", "x",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            NAMES
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


MODEL_WITH_LIMIT = '{"data":[{"type":"video","id":"m","model_spec":{"constraints":{"prompt_character_limit":%s}}}]}'
ACCOUNT_WITH_LIMIT = (
    '{"data":{"accessPermitted":true,"apiTier":{"id":"x"},"rateLimits":[{"rateLimits":[{"type":"RPM","amount":%s}]}]}}'
)


def body(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def assert_ours(endpoint: str, head: ReplyHead, data: bytes) -> None:
    """A value or one of our own errors comes out, and nothing foreign rides along."""
    raised: VeniceError | None = None
    try:
        READERS[endpoint](head, data)
    except VeniceError as error:
        raised = error
    assert raised is None or raised.__context__ is None


class TestEverything:
    @every_reader
    @given(
        st.binary(max_size=100),
        st.integers(200, 299),
        st.sampled_from(["", "text/plain", "application/json", "\xff;x"]),
    )
    def test_arbitrary_bytes_raise_nothing_foreign(self, endpoint: str, data: bytes, status: int, kind: str) -> None:
        """Whatever comes, a value or one of our errors comes out."""
        head = ReplyHead(status=status, headers={"content-type": kind})
        assert_ours(endpoint, head, data)

    @every_reader
    @given(JSON)
    def test_arbitrary_trees_raise_nothing_foreign(self, endpoint: str, tree: Any) -> None:
        """Also where the answer has the documented names in undocumented places."""
        assert_ours(endpoint, OK, body(tree))

    @every_reader
    @pytest.mark.parametrize(
        "data",
        [b"", b"null", b"[]", b'"text"', b"17", b"<html>502</html>", b'{"quote":', b"[" * 50_000, b"\xff" * 10,
         b'{"data": 1}', b'{"data": {"accessPermitted": null}}'],
        ids=lambda data: repr(data[:12]),
    )  # fmt: skip
    def test_what_is_not_documented_is_an_error_that_names_the_endpoint(self, endpoint: str, data: bytes) -> None:
        """With status and ray to quote to support, and never the body."""
        with pytest.raises(UnexpectedReplyError, match=f"answer to {endpoint}") as caught:
            READERS[endpoint](OK, data)
        assert (caught.value.status, caught.value.ray) == (200, "8f-VIE")

    @pytest.mark.parametrize(
        ("endpoint", "text"),
        [("models", MODEL_WITH_LIMIT), ("rate_limits", ACCOUNT_WITH_LIMIT), ("quote", '{"quote":%s}'),
         ("retrieve", '{"status":"PROCESSING","average_execution_time":%s}')],
        ids=["models", "rate_limits", "quote", "retrieve"],
    )  # fmt: skip
    @pytest.mark.parametrize(
        "number",
        ["1e999999999", "-1e999999999", "1e-999999999", "0." + "1" * 1_000_000, "9" * 4000],
        ids=lambda text: text[:12],
    )
    @pytest.mark.timeout(10)
    def test_monstrous_numbers_cost_no_time(self, endpoint: str, text: str, number: str) -> None:
        """A few bytes of an answer must not keep the event loop busy for minutes."""
        with contextlib.suppress(UnexpectedReplyError):
            READERS[endpoint](OK, (text % number).encode())


class TestQuote:
    @pytest.mark.parametrize(
        ("number", "usd"), [("0.35", "0.35"), ("0", "0"), ("12", "12"), ("0.1", "0.1"), ("1e1", "10")]
    )
    def test_a_price_is_exact(self, number: str, usd: str) -> None:
        """Dollars and cents, as the server wrote them."""
        assert replies.quote_of(OK, f'{{"quote":{number},"more":1}}'.encode()) == Quote(usd=Decimal(usd))

    @pytest.mark.parametrize(
        "price", ["null", '"0.35"', "true", "-0.01", "NaN", "Infinity", "1e999", "[]", "{}", "10000000"]
    )
    def test_what_is_no_price_is_refused(self, price: str) -> None:
        """Nothing is coerced: a budget is kept by this number."""
        with pytest.raises(UnexpectedReplyError):
            replies.quote_of(OK, f'{{"quote":{price}}}'.encode())


class TestQueued:
    def test_a_job_is_taken_with_its_link(self) -> None:
        """The three documented fields, and no complaint about others."""
        found = replies.queued_of(
            OK, body({"model": "m2", "queue_id": "q", "download_url": "https://x", "new": 1}), model="m"
        )
        assert found == QueuedVideo(model="m2", queue_id="q", download_url="https://x")

    @pytest.mark.parametrize(
        "extra", [{}, {"model": None, "download_url": None}, {"model": 5, "download_url": ""}, {"model": ""}]
    )
    def test_all_that_is_needed_is_the_id(self, extra: dict[str, Any]) -> None:
        """A paid job is not refused because something beside its id is odd."""
        found = replies.queued_of(OK, body({"queue_id": "q", **extra}), model="m")
        assert found == QueuedVideo(model="m", queue_id="q")

    @pytest.mark.parametrize("queue_id", [None, "", "  ", 17, True, ["q"], {"id": "q"}, "x" * 513, "a\ud800"])
    def test_without_a_sound_id_the_outcome_is_unknown(self, queue_id: object) -> None:
        """The call may have been charged: the error says so, and warns of sending it again."""
        with pytest.raises(UnexpectedReplyError) as caught:
            replies.queued_of(OK, body({"queue_id": queue_id}), model="m")
        assert caught.value.charge is Charge.UNVERIFIED
        assert "Do not send it again" in str(caught.value)

    @pytest.mark.parametrize("field", ["model", "download_url"])
    def test_a_text_that_cannot_be_stored_is_left_out(self, field: str) -> None:
        """Half a surrogate pair would fail the ledger's commit, after the money is spent."""
        found = replies.queued_of(OK, body({"queue_id": "q", field: "a\ud800"}), model="m")
        assert found == QueuedVideo(model="m", queue_id="q")


class TestSalvage:
    WHOLE = b'{"model":"m2","queue_id":"q-\\u0041","download_url":"https://x/y"}'

    def test_a_cut_answer_gives_what_arrived_whole(self) -> None:
        """At every place where it can be cut: the id only when its closing quote is there."""
        for end in range(len(self.WHOLE)):
            found = replies.salvaged_of(self.WHOLE[:end], model="m")
            if b'"queue_id":"q-\\u0041"' not in self.WHOLE[:end]:
                assert found is None
            else:
                assert found is not None
                assert found.queue_id == "q-A"
                assert found.download_url in (None, "https://x/y")

    @pytest.mark.parametrize(
        "partial",
        [b"", b'{"queue_id":', b'{"queue_id":""', b'{"queue_id":" "', b'{"queue_id":null', b'{"queue_id":17',
         b'{"x":"\\"queue_id\\":\\"q\\""',
         b'{"queue_id":"' + b"x" * 600 + b'"', b'{"queue_id":"a\\ud800"', b'{"queue_id":"bad\\x"', b"<html>"],
    )  # fmt: skip
    def test_what_is_no_id_is_not_taken_for_one(self, partial: bytes) -> None:
        """A wrong id would be asked for until the deadline, while the money is gone."""
        assert replies.salvaged_of(partial, model="m") is None

    def test_a_whole_answer_is_not_searched(self) -> None:
        """An id somewhere inside a whole answer is somebody else's."""
        assert replies.salvaged_of(b'{"error":"x","previous":{"queue_id":"other"}}', model="m") is None

    @given(st.binary(max_size=200))
    def test_no_bytes_make_it_stumble(self, partial: bytes) -> None:
        """It works on what broke."""
        replies.salvaged_of(partial, model="m")
        replies.salvaged_of(b'{"queue_id":"' + partial, model="m")


class TestStatus:
    def test_processing_in_seconds(self) -> None:
        """Milliseconds stay on the wire."""
        found = replies.status_of(
            OK, body({"status": "PROCESSING", "average_execution_time": 145000, "execution_duration": 53200})
        )
        assert found == Processing(status="PROCESSING", average_execution_time=145.0, execution_duration=53.2)

    @pytest.mark.parametrize("word", ["COMPLETED", "completed", "Completed", " completed "])
    def test_completed_in_any_case(self, word: str) -> None:
        """The guides write it both ways."""
        assert isinstance(replies.status_of(OK, body({"status": word})), Completed)

    @pytest.mark.parametrize("word", ["FAILED", "failed", "Failed"])
    def test_failed_is_the_job_s_failure(self, word: str) -> None:
        """Without an error of its own; nobody knows what became of the money."""
        with pytest.raises(GenerationFailedError) as caught:
            replies.status_of(OK, body({"status": word}))
        assert caught.value.charge is Charge.UNVERIFIED

    @pytest.mark.parametrize("word", ["queued", "running", "PENDING", "whatever", ""])
    def test_an_unknown_word_means_not_yet(self, word: str) -> None:
        """A new word of the server must not fail a paid job."""
        assert replies.status_of(OK, body({"status": word})) == Processing(status=word)

    @pytest.mark.parametrize("number", [None, "5", True, -1, "NaN", 1e300, [], {}])
    def test_a_time_that_is_none_is_left_out(self, number: object) -> None:
        """Garbage must not teach the scheduler."""
        found = replies.status_of(
            OK, body({"status": "x", "average_execution_time": number, "execution_duration": number})
        )
        assert (found.average_execution_time, found.execution_duration) == (None, None)

    @pytest.mark.parametrize("status", [None, 1, True, []])
    def test_no_status_is_an_error_about_a_paid_job(self, status: object) -> None:
        """The job was paid for: the error must not say that nothing was charged."""
        with pytest.raises(UnexpectedReplyError) as caught:
            replies.status_of(OK, body({"status": status}))
        assert caught.value.charge is Charge.CHARGED


class TestOthers:
    def test_success(self) -> None:
        """True and false, and nothing in between."""
        assert replies.success_of(OK, b'{"success":true}') is True
        assert replies.success_of(OK, b'{"success":false}') is False
        with pytest.raises(UnexpectedReplyError):
            replies.success_of(OK, b'{"success":1}')

    def test_transcripts_in_both_forms(self) -> None:
        """JSON has the language, plain text has not; broken letters do not lose the rest."""
        assert replies.transcript_of(OK, '{"transcript":"hé","lang":"fr"}'.encode()) == Transcript(
            transcript="hé", lang="fr"
        )
        assert replies.transcript_of(OK, b'{"transcript":"a","lang":7}') == Transcript(transcript="a")
        plain = ReplyHead(status=200, headers={"content-type": "text/plain; charset=utf-8"})
        assert replies.transcript_of(plain, b"h\xff") == Transcript(transcript="h\ufffd")

    def test_only_videos_of_the_catalogue(self) -> None:
        """Entries of other types have other constraints."""
        entries = [{"type": "text", "id": "llm"}, {"type": "video", "id": "v", "model_spec": {}}, "odd", None]
        assert [model.id for model in replies.models_of(OK, body({"data": entries}))] == ["v"]

    def test_a_broken_entry_is_told_by_its_path_not_its_value(self) -> None:
        """Answers are not repeated in errors."""
        entry = {"type": "video", "id": ["canary"], "model_spec": {"name": 17, "privacy": ["canary"]}}
        with pytest.raises(UnexpectedReplyError, match=r"\$\.id") as caught:
            replies.models_of(OK, body({"data": [entry]}))
        assert "canary" not in str(caught.value)

    def test_account_limits(self) -> None:
        """As documented; each limit with its model."""
        found = replies.account_limits_of(OK, body({"data": {
            "accessPermitted": True, "apiTier": {"id": "paid", "isCharged": True},
            "balances": {"USD": 50.23, "DIEM": None},
            "rateLimits": [{"apiModelId": "m", "rateLimits": [{"amount": 40, "type": "RPM"}]}, {"rateLimits": []}],
        }}))  # fmt: skip
        assert (found.access_permitted, found.tier, found.usd, found.diem) == (True, "paid", Decimal("50.23"), None)
        assert found.limits == (ModelRateLimit(model="m", type="RPM", amount=40),)


LINE: dict[str, Any] = {
    "timestamp": "2026-01-01T10:00:00.000Z", "sku": "m-video", "units": 1, "pricePerUnitUsd": 0.4, "amount": -0.4,
    "currency": "USD", "notes": "API Inference", "inferenceDetails": {"requestId": "r-1", "promptTokens": 3},
}  # fmt: skip


def usage_row(**changes: Any) -> UsageRow:
    ((row,), _) = replies.usage_page_of(OK, body({"data": [{**LINE, **changes}]}))
    return row


def test_a_line_of_the_books() -> None:
    """Every field, the amounts exact, the instant with its zone."""
    assert usage_row() == UsageRow(
        timestamp=datetime(2026, 1, 1, 10, tzinfo=UTC), sku="m-video", amount=Decimal("-0.4"), currency="USD",
        units=Decimal(1), price_per_unit_usd=Decimal("0.4"), notes="API Inference", request_id="r-1",
    )  # fmt: skip


@pytest.mark.parametrize("details", [None, {}, {"requestId": None}, {"requestId": 7}, [], "r-1"])
def test_a_line_without_a_request_id(details: Any) -> None:
    """Lines of media mostly have none."""
    assert usage_row(inferenceDetails=details).request_id is None


def test_a_line_may_lack_the_rest() -> None:
    """Only its instant and its amount are needed; an instant without a zone is in UTC."""
    page = {"data": [{"timestamp": "2026-01-01T10:00:00", "amount": 2}]}
    (row,), cursor = replies.usage_page_of(OK, body(page))
    assert row == UsageRow(timestamp=datetime(2026, 1, 1, 10, tzinfo=UTC), sku="", amount=Decimal(2))
    assert cursor is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": None}, {"amount": "0.4"}, {"amount": True}, {"amount": 1e300}, {"timestamp": None},
        {"timestamp": "soon"}, {"timestamp": {}},
    ],
)  # fmt: skip
def test_a_line_that_is_not_understood_spoils_the_page(wrong: dict[str, Any]) -> None:
    """Books with a line left out would prove what is not so."""
    with pytest.raises(UnexpectedReplyError, match=r"data\[1\] has no timestamp or no amount"):
        replies.usage_page_of(OK, body({"data": [LINE, {**LINE, **wrong}]}))


@pytest.mark.parametrize("page", [{}, {"data": {}}, {"data": [LINE], "nextCursor": 7}, {"data": [None]}])
def test_a_page_that_is_none(page: dict[str, Any]) -> None:
    """No list of lines, or a cursor that is no text."""
    with pytest.raises(UnexpectedReplyError):
        replies.usage_page_of(OK, body(page))


def test_the_worth_of_a_line() -> None:
    """Its amount where that is in dollars, else its unit price, else nobody knows."""
    assert usage_row().usd == Decimal("0.4")
    assert usage_row(currency="DIEM", amount=-4, units=2).usd == Decimal("0.8")
    assert usage_row(currency="DIEM", units=None).usd is None
