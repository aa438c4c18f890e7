"""Faults strike where, when and as often as they say."""

import math
from typing import Any

import pytest

from venice_async.emulator.faults import (
    ConsentFault,
    CutFault,
    DropFault,
    FaultPlan,
    GarbageFault,
    JobFault,
    Occasion,
    PlaceholderFault,
    RejectFault,
    SlowFault,
    Stage,
    StatusFault,
)


def at(endpoint: str = "retrieve", now: float = 0.0, **facts: Any) -> Occasion:
    return Occasion(endpoint=endpoint, now=now, **facts)


def strikes(fault: StatusFault, *occasions: Occasion) -> list[bool]:
    plan = FaultPlan([fault])
    return [plan.take(StatusFault, occasion) is not None for occasion in occasions]


def test_a_spell_has_a_beginning_and_an_end() -> None:
    """A fault with a span strikes from its start up to, and not at, its end."""
    fault = StatusFault(start=20.0, end=65.0)
    assert strikes(fault, at(now=19.9), at(now=20.0), at(now=64.9), at(now=65.0)) == [False, True, True, False]


def test_times_and_after() -> None:
    """It lets the first fitting ones pass and then strikes so often; the others are not counted."""
    fault = StatusFault(after=1, times=2, models=("a",))
    occasions = [at(model=model) for model in "abaaba"]
    assert strikes(fault, *occasions) == [False, False, True, True, False, False]


def test_what_it_fits() -> None:
    """Models by pattern, endpoints and jobs by name and number, prompts by a part of them."""
    assert strikes(StatusFault(models=("wan-*",)), at(model="wan-2"), at(model="veo")) == [True, False]
    assert strikes(StatusFault(endpoints=("queue",)), at("queue"), at("retrieve")) == [True, False]
    assert strikes(StatusFault(jobs=(2,)), at(job=1), at(job=2)) == [False, True]
    assert strikes(StatusFault(prompt="cat"), at(prompt="a cat"), at(prompt="a dog")) == [True, False]


def test_the_first_that_fits_strikes() -> None:
    """Faults are tried in order, and one that is used up makes room for the next."""
    plan = FaultPlan([StatusFault(status=500, times=1), StatusFault(status=503)])
    taken = [plan.take(StatusFault, at()) for _ in range(2)]
    assert [fault.status for fault in taken if fault] == [500, 503]


def test_the_plan_can_change() -> None:
    """Faults can be added and lifted at any time."""
    plan = FaultPlan()
    plan.append(StatusFault())
    plan.extend([CutFault(), SlowFault()])
    assert len(list(plan)) == len(plan) == 3
    plan.clear()
    assert plan.take(StatusFault, at()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: StatusFault(status=200),
        lambda: StatusFault(page="pdf"),
        lambda: StatusFault(times=0),
        lambda: StatusFault(after=-1),
        lambda: CutFault(at=1.0),
        lambda: CutFault(at=-0.1),
        lambda: SlowFault(delay=-1.0),
        lambda: SlowFault(pace=0.0),
        lambda: GarbageFault(kind="noise"),
        lambda: JobFault(kind="bored"),
    ],
)
def test_impossible_faults(wrong: Any) -> None:
    """A fault that cannot be is refused when it is made."""
    with pytest.raises(ValueError, match="must be"):
        wrong()


def test_a_status_is_not_processed(make_api: Any) -> None:
    """A queue call that is answered with an error status makes no job and no charge."""
    api = make_api(faults=[StatusFault(status=503, retry_after=7, endpoints=("queue",), times=1)])
    refused = api.queue()
    assert (refused.status, refused.headers["retry-after"]) == (503, "7")
    assert isinstance(refused.json["error"], str)
    assert not api.brain.book.charges
    assert api.queue().status == 200


def test_a_429_takes_no_place_in_the_window(make_api: Any) -> None:
    """What is refused as too much does not count as a request; a 503 does."""
    api = make_api(faults=[StatusFault(status=429, times=1), StatusFault(status=503, times=1)])
    assert [api.queue().headers["x-ratelimit-remaining-requests"] for _ in range(3)] == ["40", "39", "38"]


def test_a_page_of_the_edge(make_api: Any) -> None:
    """An HTML error carries nothing of the API's own headers."""
    answer = make_api(faults=[StatusFault(status=502, page="html")]).queue()
    assert (answer.status, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert "x-venice-version" not in answer.headers
    assert "x-ratelimit-remaining" not in answer.headers


def test_a_cut_delivery(make_api: Any) -> None:
    """The body breaks off at the fraction, is not counted as delivered, and is whole the next time."""
    api = make_api(video_size=5_000, faults=[CutFault(at=0.3, times=1)])
    job = api.queued()
    api.finish()
    cut = api.retrieve(job)
    assert (cut.raw.cut_after, len(cut.content), cut.raw.length) == (1_500, 1_500, 5_000)
    assert api.brain.book.jobs[0].delivered_at is None
    whole = api.retrieve(job)
    assert (whole.raw.cut_after, len(whole.content)) == (None, 5_000)


def test_a_cut_link(make_api: Any) -> None:
    """Links are cut as well, at the fraction of what was asked for."""
    api = make_api(video_size=5_000, faults=[CutFault(at=0.5, endpoints=("media",))])
    job = api.private()
    api.finish()
    assert len(api.link(job, range="bytes=1000-2999").content) == 1_000
    assert api.link(job, "HEAD").raw.cut_after is None


def test_a_rejected_prompt(make_api: Any) -> None:
    """A queue call can be refused for its content, with a better prompt, and is not charged."""
    api = make_api(faults=[RejectFault(prompt="gun", suggested_prompt="a flower")])
    refused = api.queue(prompt="a gun")
    assert (refused.status, refused.json["suggested_prompt"]) == (422, "a flower")
    assert not api.brain.book.charges
    assert api.queue(prompt="a dog").status == 200


def test_a_job_that_fails_by_number(make_api: Any) -> None:
    """Jobs can be told to fail by their number; the answer recommends another model."""
    api = make_api(faults=[JobFault(jobs=(2,), recommended_model="veo3.1-fast-text-to-video")])
    first, second = api.queued(), api.queued()
    api.finish()
    assert api.retrieve(first).status == 200
    failed = api.retrieve(second)
    assert (failed.status, failed.json["error"]["recommended_model"]) == (422, "veo3.1-fast-text-to-video")


def test_consent_where_it_is_not_expected(make_api: Any) -> None:
    """Any model can be made to ask for consent."""
    api = make_api(faults=[ConsentFault(models=("wan-*",), times=1)])
    assert [api.queue().status for _ in range(2)] == [409, 200]


def test_slow_answers(make_api: Any) -> None:
    """The door is told how long to wait and how fast to send."""
    api = make_api(faults=[SlowFault(delay=9.0, pace=100.0, endpoints=("retrieve",))])
    job = api.queued()
    raw = api.retrieve(job).raw
    assert (raw.delay, raw.pace) == (9.0, 100.0)
    assert (api.queue().raw.delay, api.queue().raw.pace) == (0.0, math.inf)


@pytest.mark.parametrize(
    ("kind", "status", "content_type"),
    [
        ("html", 502, "text/html; charset=utf-8"),
        ("truncated", 200, "application/json"),
        ("empty", 200, "application/json"),
        ("mislabelled", 200, "text/html"),
        ("no-queue-id", 200, "application/json"),
    ],
)
def test_garbage_to_a_paid_call(make_api: Any, kind: str, status: int, content_type: str) -> None:
    """Garbage comes after the work: the job is there and is charged, though the answer says nothing of use."""
    api = make_api(faults=[GarbageFault(kind=kind)])
    answer = api.queue()
    assert (answer.status, answer.headers["content-type"]) == (status, content_type)
    assert len(api.brain.book.charges) == 1
    assert (api.brain.book.jobs[0].queue_id.encode() in answer.content) is (kind == "mislabelled")


def test_a_missing_queue_id_is_a_matter_of_the_queue(make_api: Any) -> None:
    """That kind of garbage waits for a queue call, whatever else is asked before."""
    api = make_api(faults=[GarbageFault(kind="no-queue-id", after=1, times=1)])
    job = api.queued()
    assert api.retrieve(job).json["status"] == "PROCESSING"
    assert "queue_id" not in api.queue().json


@pytest.mark.parametrize("kind", ["html", "truncated", "empty"])
def test_garbage_to_a_poll(make_api: Any, kind: str) -> None:
    """A poll answered with garbage delivers nothing; the next one does."""
    api = make_api(faults=[GarbageFault(kind=kind, endpoints=("retrieve",), times=1)])
    job = api.queued()
    api.finish()
    assert b"ftyp" not in api.retrieve(job).content
    assert api.brain.book.jobs[0].delivered_at is None
    assert api.retrieve(job).headers["content-type"] == "video/mp4"


def test_a_mislabelled_video(make_api: Any) -> None:
    """A video that says that it is JSON is a delivery nevertheless."""
    api = make_api(faults=[GarbageFault(kind="mislabelled", endpoints=("retrieve",))])
    job = api.queued()
    api.finish()
    answer = api.retrieve(job)
    assert (answer.headers["content-type"], answer.content[4:8]) == ("application/json", b"ftyp")


@pytest.mark.parametrize("stage", Stage)
def test_lost_connections(make_api: Any, stage: Stage) -> None:
    """Only a loss of the reply leaves a job and a charge behind."""
    api = make_api(faults=[DropFault(stage=stage, times=1)])
    assert api.queue().raw.drop is stage
    assert len(api.brain.book.charges) == (1 if stage is Stage.REPLY else 0)
    assert (api.brain.requests[0].status, api.brain.requests[0].dropped) == (0, stage)
    assert api.queue().raw.drop is None


def test_a_lost_delivery_is_none(make_api: Any) -> None:
    """A job whose delivery was lost on the way counts as not yet delivered."""
    api = make_api(faults=[DropFault(endpoints=("retrieve",), times=1)])
    job = api.queued()
    api.finish()
    assert api.retrieve(job).raw.drop is Stage.REPLY
    assert api.brain.book.jobs[0].delivered_at is None


def test_placeholders(make_api: Any) -> None:
    """A tiny video takes the place of the real one."""
    api = make_api(faults=[PlaceholderFault(times=1)])
    job = api.queued()
    api.finish()
    assert len(api.retrieve(job).content) < 10_000 < len(api.retrieve(job).content)


def test_faults_at_links(make_api: Any) -> None:
    """Links can be refused, lost and spoilt like everything else, where a fault says so."""
    faults = [
        DropFault(endpoints=("media",), times=1),
        StatusFault(status=503, endpoints=("media",), after=1, times=1),
        GarbageFault(kind="html", endpoints=("media",), after=1, times=1),
    ]
    api = make_api(faults=faults)
    job = api.private()
    api.finish()
    answers = [api.link(job) for _ in range(4)]
    assert answers[0].raw.drop is Stage.REPLY
    assert [answer.status for answer in answers[1:]] == [503, 502, 200]
