"""The rules of the API, asked of the brain directly."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venice_async.emulator.brain import Brain
from venice_async.emulator.faults import JobFault
from venice_async.emulator.messages import EmulatedRequest
from venice_async.limits import RateLimits

DAY = 86_400.0


def test_a_job_is_charged_when_it_is_queued(api: Any) -> None:
    """The queue answers with the model and an id, and the charge is the quoted price."""
    quoted = api.post("/video/quote", {"model": "wan-2.6-text-to-video", "duration": "5s"}).json["quote"]
    job = api.queued()
    (charge,) = api.brain.book.charges
    assert job == {"model": "wan-2.6-text-to-video", "queue_id": charge.queue_id}
    assert (float(charge.usd), charge.refunded_at) == (quoted, None)


def test_the_same_request_twice_is_charged_twice(api: Any) -> None:
    """There is no idempotency: equal bodies make two jobs, whose charges share the request's hash."""
    api.queued()
    api.queued()
    first, second = api.brain.book.charges
    assert first.queue_id != second.queue_id
    assert first.request_hash == second.request_hash


def test_quote_ignores_what_does_not_price(api: Any) -> None:
    """A field that the model does not use is dropped by the quote, so a good quote proves nothing."""
    tree = {"model": "longcat-text-to-video", "duration": "5s", "resolution": "720p", "fps": 24}
    assert api.post("/video/quote", tree).status == 200


def test_prices_follow_what_is_asked(api: Any) -> None:
    """Longer, finer and with sound costs more."""

    def quote(**fields: Any) -> float:
        tree = {"model": "veo3.1-fast-text-to-video", "duration": "4s", "resolution": "720p", "audio": False}
        return float(api.post("/video/quote", {**tree, **fields}).json["quote"])

    assert quote() < quote(audio=True)
    assert quote() < quote(resolution="4k")
    assert quote() * 2 == quote(duration="8s")


def test_quote_needs_no_key_except_for_upscaling(api: Any) -> None:
    """Prices are public, but an upscale quote wants a Bearer."""
    upscale = {"model": "topaz-video-upscale", "video_url": "https://example.com/a.mp4"}
    plain = {"model": "wan-2.6-text-to-video", "duration": "5s"}
    assert api.post("/video/quote", plain, authorization=None).status == 200
    assert api.post("/video/quote", upscale, authorization=None).status == 401
    assert api.post("/video/quote", upscale).status == 200


def test_a_job_is_processing_until_its_time_has_come(api: Any) -> None:
    """Polls say milliseconds: the model's P80 and how long this job has run."""
    job = api.queued()
    api.now = 12.5
    answer = api.retrieve(job)
    assert answer.json == {"status": "PROCESSING", "average_execution_time": 150_000, "execution_duration": 12_500}


@pytest.mark.parametrize("announced", [float("nan"), float("inf"), -1.0, 1e308])
def test_nonsense_can_be_announced(make_api: Any, announced: float) -> None:
    """A test of a client can have it told any number as the average time."""
    api = make_api(announced={"wan-2.6-text-to-video": announced})
    assert b'"status":"PROCESSING"' in api.retrieve(api.queued()).content


def test_the_poll_that_finds_completion_is_the_download(api: Any) -> None:
    """An inline job is delivered by retrieve itself, any number of times, always with the same bytes."""
    job = api.queued()
    api.finish()
    first, second = api.retrieve(job), api.retrieve(job)
    assert first.headers["content-type"] == "video/mp4"
    assert len(first.content) == 5_000
    assert first.content == second.content
    assert api.brain.book.jobs[0].delivered_at == api.now
    assert api.brain.book.jobs[0].deliveries == 2


def test_every_job_has_its_own_bytes(api: Any) -> None:
    """The same prompt twice gives two different files."""
    first, second = api.queued(), api.queued()
    api.finish()
    assert api.retrieve(first).content != api.retrieve(second).content


def test_lag_is_the_time_from_ready_to_delivery(api: Any) -> None:
    """The record of a job says how late it was collected."""
    job = api.queued()
    api.finish()
    api.now += 4.0
    api.retrieve(job)
    assert api.brain.book.jobs[0].lag == pytest.approx(4.0)


def test_private_models_answer_with_a_link(api: Any) -> None:
    """The link is in the queue answer alone; retrieve only ever says COMPLETED."""
    job = api.private()
    assert job["download_url"].startswith("https://media.venice.invalid/")
    api.finish()
    answer = api.retrieve(job)
    assert answer.json["status"] == "COMPLETED"
    assert "download_url" not in answer.json
    assert api.link(job).content[4:8] == b"ftyp"


def test_delete_on_completion_loses_a_second_try(api: Any) -> None:
    """With the flag the media are gone once they were sent."""
    job = api.queued()
    api.finish()
    assert api.retrieve(job, delete_media_on_completion=True).status == 200
    assert api.retrieve(job).status == 404


def test_complete_deletes_once(api: Any) -> None:
    """Complete says false before there is anything, true once, and false again; then retrieve is a 404."""
    job = api.queued()
    body = {"model": job["model"], "queue_id": job["queue_id"]}
    early = api.post("/video/complete", body).json
    api.finish()
    assert early == {"success": False}
    assert api.post("/video/complete", body).json == {"success": True}
    assert api.post("/video/complete", body).json == {"success": False}
    assert api.retrieve(job).status == 404


def test_queue_ids_live_for_a_day(api: Any) -> None:
    """After 24 hours an id is as unknown as one that never was."""
    job = api.queued()
    api.now = DAY - 1
    assert api.retrieve(job).status == 200
    api.now = DAY
    stale = api.retrieve(job)
    assert (stale.status, stale.json["error"]) == (400, "Request ID is invalid.")
    assert api.retrieve({**job, "queue_id": "never"}).json["error"] == "Request ID is invalid."
    assert api.post("/video/complete", {"model": "m", "queue_id": "never"}).status == 400


def test_an_id_belongs_to_its_model(api: Any) -> None:
    """Retrieve with another model's name does not find the job."""
    assert api.retrieve({**api.queued(), "model": "longcat-text-to-video"}).status == 400


@pytest.mark.parametrize(("kind", "status"), [("content", 422), ("provider", 422), ("server", 500)])
@pytest.mark.parametrize("refunded", [True, False])
def test_failures_are_replayed(make_api: Any, kind: str, status: int, *, refunded: bool) -> None:
    """A failed job answers every poll alike from its ready time on; the charge is given back if it says so."""
    api = make_api(faults=[JobFault(kind=kind, refunded=refunded)])
    job = api.queued()
    assert api.retrieve(job).json["status"] == "PROCESSING"
    api.finish()
    answers = [api.retrieve(job) for _ in range(3)]
    assert {answer.status for answer in answers} == {status}
    assert len({answer.content for answer in answers}) == 1
    assert (api.brain.book.charges[0].refunded_at is not None) is refunded
    assert (api.brain.book.spent_usd == 0) is refunded


def test_consent_is_asked_for_once_per_media(api: Any) -> None:
    """Media that may show a face are a 409 without charge until confirmed; the same media pass afterwards."""
    request = {
        "model": "seedance-2-5-reference-to-video-basic",
        "reference_image_urls": ["https://example.com/face.png"],
    }
    asked = api.queue(**request)
    assert (asked.status, asked.json["error"]["code"]) == (409, "needs_consent")
    assert asked.json["face_media_roles"] == ["reference_image"]
    assert asked.json["consent"]["policy_text"]
    assert not api.brain.book.charges
    names = ("confirmed_terms_and_privacy", "confirmed_legal_right", "confirmed_screening_acknowledged")
    assert api.queue(**request, consents={"seedance": dict.fromkeys(names, True)}).status == 200
    assert api.queue(**request).status == 200
    assert api.queue(**{**request, "reference_image_urls": ["https://example.com/other.png"]}).status == 409


def test_offline_models_refuse(api: Any) -> None:
    """A model that is offline is a 503 of the API itself, and nothing is charged."""
    answer = api.queue(model="sora-2-text-to-video", duration="8s")
    assert (answer.status, answer.json["code"]) == (503, "MODEL_OFFLINE")
    assert not api.brain.book.charges


def test_deprecated_models_warn(api: Any) -> None:
    """Answers for a model that goes away name its date and its replacement."""
    headers = api.queue(model="kling-2.5-turbo-pro-text-to-video").headers
    assert headers["x-venice-model-deprecation-date"] == "2027-06-30T00:00:00.000Z"
    assert "kling-2.6-pro-text-to-video" in headers["x-venice-model-deprecation-warning"]


def test_the_balance_runs_out(make_api: Any) -> None:
    """A job that costs more than is left is a 402, and charges nothing."""
    api = make_api(balance_usd=Decimal("0.90"))
    api.queued()
    refused = api.queue()
    assert (refused.status, refused.json["code"]) == (402, "INSUFFICIENT_BALANCE")
    assert api.get("/billing/balance").json["balances"]["usd"] == pytest.approx(0.40)
    assert len(api.brain.book.charges) == 1


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Basic dGVzdA=="])
@pytest.mark.parametrize("path", ["/video/queue", "/video/retrieve", "/video/complete", "/video/transcriptions"])
def test_no_key_no_work(api: Any, path: str, authorization: str | None) -> None:
    """Endpoints that cost or show something want a Bearer."""
    assert api.post(path, {}, authorization=authorization).status == 401


@pytest.mark.parametrize("authorization", [None, "", " "])
@pytest.mark.parametrize("path", ["/video/queue", "/video/retrieve", "/video/complete", "/video/transcriptions"])
def test_no_credential_at_all(api: Any, path: str, authorization: str | None) -> None:
    """Who shows nothing is told how to pay; where no wallet is taken it is a 401."""
    assert api.post(path, {}, authorization=authorization).status == 402
    assert api.get("/billing/balance", authorization=authorization).status == 401


def test_keys_that_look_real_are_refused(api: Any) -> None:
    """The emulator does not take a key that could open a paid account, and does not repeat it."""
    key = "VENICE_INFERENCE_KEY_" + "x" * 42
    answer = api.post("/video/queue", api.body(), authorization=f"Bearer {key}")
    assert answer.status == 401
    assert key not in answer.content.decode() + repr(api.brain.requests)


def test_named_keys_alone_are_taken(make_api: Any) -> None:
    """With a set of keys, any other is a 401."""
    api = make_api(api_keys=["good"])
    assert api.post("/video/queue", api.body(), authorization="Bearer good").status == 200
    assert api.post("/video/queue", api.body(), authorization="Bearer bad").status == 401


def test_unknown_paths_and_methods(api: Any) -> None:
    """Both are answered in JSON, with what would be allowed."""
    assert api.get("/nothing").status == 404
    assert api.send("GET", "/").json == {"error": "Not found"}
    wrong = api.get("/video/queue")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")


def test_models_are_listed_by_type(api: Any) -> None:
    """Videos are what there is: at least two dozen, and no other type has any."""
    videos = api.get("/models", query={"type": "video"}, authorization=None).json
    assert len(videos["data"]) >= 24
    assert api.get("/models", query={"type": "all"}).json["data"] == videos["data"]
    for kind in ("image", "text", "nonsense"):
        assert api.get("/models", query={"type": kind}).json["data"] == []


def test_transcriptions(make_api: Any) -> None:
    """JSON or plain text as asked; retired, it is a 410 that names its successor."""
    body = {"url": "https://www.youtube.com/watch?v=x"}
    api = make_api()
    spoken = api.post("/video/transcriptions", body).json
    assert spoken["lang"] == "en"
    text = api.post("/video/transcriptions", {**body, "response_format": "text"})
    assert text.headers["content-type"].startswith("text/plain")
    assert text.content.decode() == spoken["transcript"]
    gone = make_api(transcriptions_retired=True).post("/video/transcriptions", body)
    assert gone.status == 410
    assert "successor" in gone.headers["link"]
    assert "deprecation" in gone.headers


def test_account_pages(make_api: Any) -> None:
    """The limits told are those enforced; a key opens no wallet's pages; top-ups say what could be paid."""
    api = make_api(limits=RateLimits(queue_per_minute=7))
    told = api.get("/api_keys/rate_limits").json["data"]["rateLimits"]
    assert {limit["amount"] for group in told for limit in group["rateLimits"]} == {7}
    assert api.get("/x402/balance/0x" + "a" * 40).status == 401
    assert api.send("POST", "/api/v1/x402/top-up").json["accepts"]
    assert api.send("POST", "/api/v1/x402/top-up", payment_signature="x").status == 400


def test_requests_are_recorded_without_secrets(api: Any) -> None:
    """The record says who, what and how it ended, and holds no key, no link and no prompt."""
    job = api.private()
    api.finish()
    api.link(job)
    queue, media = api.brain.requests
    assert (queue.endpoint, queue.status, queue.queue_id, queue.had_authorization) == (
        "queue", 200, job["queue_id"], True,
    )  # fmt: skip
    assert (media.endpoint, media.queue_id, media.key, media.violation) == ("media", job["queue_id"], None, None)
    shown = repr(api.brain.requests) + repr(api.brain.book.jobs)
    assert "test-key" not in shown
    assert job["download_url"].rpartition("/")[2] not in shown


def test_the_same_seed_gives_the_same_run(make_api: Any) -> None:
    """Ids and durations follow from the seed and the order of the requests alone."""
    runs = [make_api(seed=seed) for seed in (7, 7, 8)]
    for api in runs:
        api.queued()
    first, again, other = (api.brain.book.jobs[0] for api in runs)
    assert (first.queue_id, first.ready_at) == (again.queue_id, again.ready_at)
    assert first.queue_id != other.queue_id


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
queue_fields = ["model", "prompt", "duration", "aspect_ratio", "resolution", "audio", "image_url", "keyframes"]
other_fields = ["elements", "consents", "queue_id", "url", "upscale_factor", "reference_video_total_duration"]
fields = st.sampled_from([*queue_fields, *other_fields])
models = st.sampled_from(["wan-2.6-text-to-video", "kling-o3-pro-reference-to-video", "ltx-2-5-pro-image-to-video"])
posts = ["queue", "quote", "retrieve", "complete", "transcriptions"]
gets = ["/api/v1/models", "/api/v1/x402/top-up", "/api/v1/api_keys/rate_limits", "/media/x", "/media/", "/"]
paths = st.text(max_size=30) | st.sampled_from([*(f"/api/v1/video/{name}" for name in posts), *gets])


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PUT"]) | st.text(max_size=8),
    path=paths,
    tree=st.dictionaries(fields | st.text(max_size=8), json_values, max_size=6),
    model=st.none() | models,
    body=st.none() | st.binary(max_size=50),
    key=st.text(max_size=20),
)
def test_nothing_makes_it_raise(  # noqa: PLR0917 -- Hypothesis names them
    method: str, path: str, tree: dict[str, Any], model: str | None, body: bytes | None, key: str
) -> None:
    """Whatever comes in, an answer goes out: never a 500, and errors in JSON."""
    if model is not None:
        tree["model"] = model
    request = EmulatedRequest(
        method=method,
        path=path,
        query={"type": key},
        headers={"authorization": f"Bearer {key}", "content-type": "application/json", "range": key},
        body=json.dumps(tree).encode() if body is None else body,
    )
    answer = Brain().answer(request, now=1.0, wall=2.0).finished()
    assert answer.status < 500
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/json"
        assert json.loads(b"".join(answer.chunks()))["error" if answer.status != 402 else "accepts"]
