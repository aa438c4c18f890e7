"""Every answer has a documented status, content type and body."""

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from venice_async.emulator.faults import ConsentFault, JobFault, RejectFault, StatusFault
from venice_async.emulator.sheets import DEFAULT_SHEETS
from venice_async.emulator.wallets import Wallets
from venice_async.limits import RateLimits


def as_json_schema(tree: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type."""
    if isinstance(tree, list):
        return [as_json_schema(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    plain = {name: as_json_schema(item) for name, item in tree.items()}
    if plain.pop("nullable", False) is True and "type" in plain:
        plain["type"] = [plain["type"], "null"]
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
    for bound in ("exclusiveMinimum", "exclusiveMaximum"):
        if plain.get(bound) is True:
            plain[bound] = plain.pop(bound.replace("exclusiveM", "m"))
    return plain


class Spec:
    def __init__(self, path: Path) -> None:
        tree = json.loads(path.read_text())
        self.paths = as_json_schema(tree["paths"])
        self.components = as_json_schema(tree["components"])

    def check(self, method: str, path: str, answer: Any) -> None:
        documented = self.paths[path][method]["responses"]
        assert str(answer.status) in documented, f"{answer.status} is not documented for {path}"
        contents = documented[str(answer.status)].get("content", {})
        content_type = answer.headers["content-type"].partition(";")[0]
        assert content_type in contents
        if content_type == "application/json":
            schema = {**contents[content_type]["schema"], "components": self.components}
            jsonschema.Draft7Validator(schema).validate(answer.json)


@pytest.fixture(scope="module")
def spec(openapi_path: Path) -> Spec:
    return Spec(openapi_path)


def test_the_catalogue(spec: Spec, api: Any) -> None:
    """Every entry has the official shape."""
    answer = api.get("/models", query={"type": "video"})
    spec.check("get", "/models", answer)
    video = next(
        part
        for part in spec.components["schemas"]["ModelResponse"]["properties"]["model_spec"]["properties"][
            "constraints"
        ]["anyOf"]
        if part.get("title") == "Video Model Constraints"
    )
    for entry in answer.json["data"]:
        jsonschema.validate(entry["model_spec"]["constraints"], video)


@pytest.mark.parametrize("query", [{}, {"type": "all"}, {"type": "text"}, {"type": "nonsense"}])
def test_other_listings(spec: Spec, api: Any, query: dict[str, str]) -> None:
    """Whatever is asked for, the listing has the official shape."""
    spec.check("get", "/models", api.get("/models", query=query))


def test_the_life_of_jobs(spec: Spec, api: Any) -> None:
    """Queue, polls, delivery, clean-up and what comes after, inline and by link."""
    for job in (api.queued(), api.private()):
        spec.check("post", "/video/retrieve", api.retrieve(job))
        api.finish()
        spec.check("post", "/video/retrieve", api.retrieve(job))
        body = {"model": job["model"], "queue_id": job["queue_id"]}
        spec.check("post", "/video/complete", api.post("/video/complete", body))
        spec.check("post", "/video/retrieve", api.retrieve(job))
        spec.check("post", "/video/complete", api.post("/video/complete", {**body, "queue_id": "x"}))
    spec.check("post", "/video/queue", api.queue(model="grok-imagine-text-to-video-private"))
    spec.check("post", "/video/queue", api.queue())


QUEUE_ANSWERS: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {
    400: ({}, {"prompt": ""}),
    402: ({"balance_usd": Decimal(0)}, {}),
    409: ({"faults": [ConsentFault()]}, {}),
    422: ({"faults": [RejectFault(suggested_prompt="a flower")]}, {}),
    429: ({"faults": [StatusFault(status=429)]}, {}),
    500: ({"faults": [StatusFault(status=500)]}, {}),
    503: ({}, {"model": "sora-2-text-to-video", "duration": "8s"}),
}


@pytest.mark.parametrize("status", QUEUE_ANSWERS)
def test_refusals_of_the_queue(spec: Spec, make_api: Any, status: int) -> None:
    """Each documented refusal has its documented body."""
    options, changes = QUEUE_ANSWERS[status]
    answer = make_api(**options).queue(**changes)
    assert answer.status == status
    spec.check("post", "/video/queue", answer)


def test_limits(spec: Spec, make_api: Any) -> None:
    """The real 429s, of the window and of the failure budget, have the documented body."""
    api = make_api(limits=RateLimits(queue_per_minute=1, failures=1))
    answers = [api.queue(), api.queue(), api.queue(prompt=""), api.queue(prompt=""), api.queue()]
    assert [answer.status for answer in answers] == [200, 429, 429, 429, 429]
    job = {"model": "m", "queue_id": "x"}
    polls = [api.retrieve(job) for _ in range(3)]
    assert [answer.status for answer in polls] == [400, 400, 429]
    for answer in answers:
        spec.check("post", "/video/queue", answer)
    for answer in polls:
        spec.check("post", "/video/retrieve", answer)


@pytest.mark.parametrize("kind", ["content", "server"])
def test_failed_jobs(spec: Spec, make_api: Any, kind: str) -> None:
    """A failed job's answer has a documented body."""
    api = make_api(faults=[JobFault(kind=kind, recommended_model="veo3.1-fast-text-to-video")])
    job = api.queued()
    api.finish()
    spec.check("post", "/video/retrieve", api.retrieve(job))


@pytest.mark.parametrize("endpoint", ["queue", "retrieve", "complete", "transcriptions", "quote"])
def test_refusals_before_any_work(spec: Spec, api: Any, endpoint: str) -> None:
    """No key, another content type, no body, a wrong body: documented for each endpoint."""
    path = f"/video/{endpoint}"
    upscale = {"model": "topaz-video-upscale", "video_url": "https://example.com/a.mp4"}
    refusals = {
        401: api.post(path, upscale, authorization=None if endpoint == "quote" else "Basic x"),
        415: api.post(path, {}, content_type="text/plain"),
        400: api.post(path, {}),
    }
    for status, answer in refusals.items():
        assert answer.status == status
        spec.check("post", path, answer)


def test_the_other_pages(spec: Spec, api: Any) -> None:
    """Quote, transcriptions, account and wallet answers have their documented shapes."""
    quote = api.post("/video/quote", {"model": "wan-2.6-text-to-video", "duration": "5s"})
    spec.check("post", "/video/quote", quote)
    for form in ("json", "text"):
        body = {"url": "https://example.com/v", "response_format": form}
        spec.check("post", "/video/transcriptions", api.post("/video/transcriptions", body))
    for path in ("/api_keys/rate_limits", "/billing/balance"):
        spec.check("get", path, api.get(path))
        spec.check("get", path, api.get(path, authorization=None))
    for page in ("balance", "transactions"):
        answer = api.get(f"/x402/{page}/0x" + "a" * 40)
        spec.check("get", f"/x402/{page}/{{walletAddress}}", answer)
    for headers in ({}, {"payment_signature": "x"}):
        spec.check("post", "/x402/top-up", api.send("POST", "/api/v1/x402/top-up", **headers))
    spec.check("post", "/x402/top-up", api.send("POST", "/api/v1/x402/top-up", body=b"\0"))


@pytest.mark.parametrize("sheet", DEFAULT_SHEETS, ids=lambda sheet: sheet.id)
def test_every_model_takes_a_documented_body(spec: Spec, api: Any, sheet: Any) -> None:
    """For each model there is a body that the document allows and that makes a job (or says that it is offline)."""
    media = {
        "image_url": "https://example.com/a.png",
        "end_image_url": "https://example.com/b.png",
        "video_url": "https://example.com/a.mp4",
        "reference_image_urls": ["https://example.com/a.png"],
    }
    names = {name: media[name] for name in sheet.required}
    ratio = {"aspect_ratio": sheet.aspect_ratios[0]} if sheet.aspect_ratios else {}
    seconds = sheet.durations[0] if sheet.takes_duration else "5s"
    body = {"model": sheet.id, "prompt": "a quay", "duration": seconds, **ratio, **names}
    schema = {**spec.components["schemas"]["QueueVideoRequest"], "components": spec.components}
    jsonschema.Draft7Validator(schema).validate(body)
    answer = api.post("/video/queue", body)
    assert answer.status == (503 if sheet.offline else 200), answer.content
    spec.check("post", "/video/queue", answer)


def test_the_402s_of_wallets(spec: Spec, make_api: Any) -> None:
    """No credential, no credit, too little credit: each is exactly one of the documented shapes."""
    from .purse import Purse

    purse, poor = Purse(1), Purse(2)
    api = make_api(wallets=Wallets({purse.address: "0.2"}))
    forms = spec.components["schemas"]["X402InferencePaymentRequired"]["anyOf"]
    answers = {0: api.post("/video/queue", api.body(), authorization=None)}
    answers[1] = api.post("/video/queue", api.body(), **poor.credentials())
    for index, answer in answers.items():
        spec.check("post", "/video/queue", answer)
        fits = [jsonschema.Draft7Validator(form).is_valid(answer.json) for form in forms]
        assert fits == [number == index for number in range(len(forms))]
    spec.check("post", "/video/queue", api.post("/video/queue", api.body(), **purse.credentials()))
    for endpoint in ("retrieve", "complete", "transcriptions"):
        for credentials in ({"authorization": None}, poor.credentials()):
            spec.check("post", f"/video/{endpoint}", api.post(f"/video/{endpoint}", {}, **credentials))


def test_the_answers_to_wallets(spec: Spec, make_api: Any) -> None:
    """Pages, refusals and top-ups have their documented bodies."""
    from .purse import Purse

    purse = Purse(1)
    api = make_api(wallets=Wallets({purse.address: 9}, diem={purse.address: 1}), usage_request_ids=True)
    paid = api.send("POST", "/api/v1/x402/top-up", payment_signature=packed(purse.payment()))
    api.post("/video/queue", api.body(), **purse.credentials())
    api.brain.wallets[purse.address].diem_usd = None
    api.post("/video/queue", api.body(), **purse.credentials())
    assert paid.status == 200
    spec.check("post", "/x402/top-up", paid)
    for page, query in (("balance", {}), ("transactions", {}), ("transactions", {"limit": "500"})):
        path = f"/x402/{page}/{{walletAddress}}"
        spec.check("get", path, api.get(f"/x402/{page}/{purse.address}", query=query, **purse.credentials()))
        spec.check("get", path, api.get(f"/x402/{page}/{Purse(2).address}", **purse.credentials()))
        spec.check("get", path, api.get(f"/x402/{page}/{purse.address}", authorization=None, sign_in_with_x="x"))
    for credentials in ({"sign_in_with_x": "x"}, {"sign_in_with_x": "x", "payment_signature": "x"}):
        answer = api.post("/video/queue", api.body(), authorization=None, **credentials)
        assert answer.json["code"]
        spec.check("post", "/video/queue", answer)


def packed(tree: Any) -> str:
    return base64.b64encode(json.dumps(tree).encode()).decode()
