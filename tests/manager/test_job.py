"""What a caller holds of a job."""

import asyncio
from decimal import Decimal
from typing import Any

import attrs
import pytest
from harness import Owner, job_record, video_request

from venice_async.errors import (
    BadRequestError,
    Charge,
    ConsentRequiredError,
    ContentRejectedError,
    JobCancelledError,
    JobHeldError,
    LedgerError,
    ManagerClosedError,
    ReplyLostError,
    UnknownOutcomeError,
    VeniceError,
)
from venice_async.jobs import JobState, VideoFile, error_text
from venice_async.manager.job import Job
from venice_async.wire.stored import request_to_text

pytestmark = pytest.mark.anyio


def make_job(**changes: Any) -> Job:
    return Job(job_record(**changes), Owner())


async def test_many_can_await_one_job() -> None:
    """Each gets the video, also whoever comes later."""
    job = make_job()
    waiting = [asyncio.create_task(_result(job)) for _ in range(3)]
    await asyncio.sleep(0)
    job.update(job_record(state=JobState.COMPLETED, size=7, sha256="ab", price_usd=Decimal(1)))
    videos = await asyncio.gather(*waiting, _result(job))
    assert {video.size for video in videos} == {7}


async def _result(job: Job) -> VideoFile:
    return await job


async def test_a_cancelled_awaiter_leaves_the_job_alone() -> None:
    """It can be awaited again."""
    job = make_job()
    waiting = asyncio.create_task(_result(job))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    job.update(job_record(state=JobState.COMPLETED))
    assert (await job).job_id == "id-1"


@pytest.mark.parametrize(
    ("changes", "kind", "charge"),
    [
        ({"state": JobState.FAILED, "error": error_text(BadRequestError("No."))}, BadRequestError, Charge.NONE),
        ({"state": JobState.CANCELLED, "charge": Charge.CHARGED}, JobCancelledError, Charge.CHARGED),
        ({"state": JobState.HELD, "held_for": "consent"}, JobHeldError, Charge.NONE),
        ({"state": JobState.UNKNOWN}, UnknownOutcomeError, Charge.UNVERIFIED),
    ],
)
async def test_an_end_without_a_video_raises(
    changes: dict[str, object], kind: type[VeniceError], charge: Charge
) -> None:
    """The error says what became of the money."""
    with pytest.raises(kind) as raised:
        await make_job(**changes)
    assert raised.value.charge is charge


async def test_a_held_job_says_what_stopped_it() -> None:
    """With the text that a person has to read."""
    asked = ConsentRequiredError("A person must confirm.", policy_text="The terms.")
    job = make_job(state=JobState.HELD, held_for="consent", error=error_text(asked))
    with pytest.raises(JobHeldError, match="waits for a person \\(consent\\)") as raised:
        await job
    assert raised.value.reason == "consent"
    assert isinstance(raised.value.problem, ConsentRequiredError)
    assert raised.value.problem.policy_text == "The terms."


async def test_an_unknown_job_says_what_was_lost() -> None:
    """The cause is at hand."""
    job = make_job(state=JobState.UNKNOWN, error=error_text(ReplyLostError("The answer was lost.")))
    with pytest.raises(UnknownOutcomeError, match="The answer was lost") as raised:
        await job
    assert isinstance(raised.value.problem, ReplyLostError)


async def test_each_awaiter_gets_an_error_of_its_own() -> None:
    """Or their tracebacks would pile up on one."""
    job = make_job(state=JobState.UNKNOWN)
    raised = await asyncio.gather(_result(job), _result(job), return_exceptions=True)
    assert raised[0] is not raised[1]


async def test_closing_tells_whoever_waits() -> None:
    """The ledger keeps the job, so it is no failure; but a cause is told, where there is one."""
    job, broken = make_job(), make_job()
    waiting = [asyncio.create_task(_result(each)) for each in (job, broken)]
    await asyncio.sleep(0)
    job.close()
    broken.close(LedgerError("The disk is full."))
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], ManagerClosedError)
    assert isinstance(answers[1], LedgerError)


async def test_closing_does_not_hide_a_result() -> None:
    """A finished job stays finished."""
    job = make_job(state=JobState.COMPLETED)
    job.close()
    assert (await job).key == "key-1"


async def test_a_released_job_is_awaited_on() -> None:
    """HELD is a rest, not an end: after it the same job is waited for again."""
    job = make_job(state=JobState.HELD)
    with pytest.raises(JobHeldError):
        await job
    job.update(job_record(state=JobState.PENDING))
    waiting = asyncio.create_task(_result(job))
    await asyncio.sleep(0)
    assert not waiting.done()
    job.update(job_record(state=JobState.COMPLETED))
    await waiting


async def test_watchers_are_called_once() -> None:
    """When the job comes to rest, or at once where it has."""
    job = make_job()
    seen: list[Job] = []
    job.watch(seen.append)
    job.update(job_record(state=JobState.QUEUED))
    assert seen == []
    job.update(job_record(state=JobState.COMPLETED))
    job.close()
    job.watch(seen.append)
    assert seen == [job, job]


async def test_the_request_comes_back_from_the_record() -> None:
    """Also in a later process, so that what a refusal proposes can be submitted as it reads."""
    request = video_request(2, image_url="https://a/b.png")
    refused = ContentRejectedError("No.", suggested_prompt="a cat", recommended_model="m-2")
    facts = {"state": JobState.FAILED, "error": error_text(refused), "request": request_to_text(request)}
    job = Job(job_record(**facts), Owner())
    assert job.request == request
    assert isinstance(job.error, ContentRejectedError)
    assert job.request.with_suggestion(job.error) == attrs.evolve(request, prompt="a cat", model="m-2")


async def test_what_can_be_read_of_a_job() -> None:
    """Names, state and nothing secret."""
    job = make_job(state=JobState.QUEUED, queue_id="q", download_url="https://media/secret")
    assert (job.id, job.key, job.state, job.queue_id, job.eta) == ("id-1", "key-1", JobState.QUEUED, "q", None)
    assert job.error is None
    assert not job.at_rest
    assert repr(job) == "<Job 'key-1' queued longcat-distilled-text-to-video>"
