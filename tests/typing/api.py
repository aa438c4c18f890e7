"""The public face as its users' type checkers see it. Checked by mypy, never run."""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import assert_type

from venice_async import (
    AccountLimits,
    AiohttpTransport,
    ApiKeyAuth,
    Auth,
    Backoff,
    Catalog,
    CatalogKeeper,
    Charge,
    Clock,
    Completed,
    Element,
    Emulator,
    Job,
    JobDelayed,
    JobEvent,
    JobManager,
    JobPolled,
    JobProgress,
    JobState,
    JobStateChanged,
    Keyframe,
    Ledger,
    MediaFile,
    MemoryLedger,
    Overwrite,
    Problem,
    Processing,
    QueuedVideo,
    Quote,
    QuoteRequest,
    RateLimits,
    Review,
    SeedanceConsent,
    SqliteLedger,
    SystemClock,
    Timeouts,
    TopUp,
    TopUpPolicy,
    Totals,
    Transcript,
    Transport,
    VeniceClient,
    VeniceError,
    VideoBody,
    VideoFile,
    VideoModel,
    VideoRequest,
    WalletAuth,
    WalletBalance,
    WalletTransaction,
    seedance_stitch,
    text_to_video,
)
from venice_async.emulator import ManualClock
from venice_async.errors import (
    APIStatusError,
    BadRequestError,
    ConsentRequiredError,
    ContentRejectedError,
    InvalidRequestError,
    JobHeldError,
    PaymentRequiredError,
    RateLimitError,
    UnknownOutcomeError,
)

REQUEST = VideoRequest(
    model="seedance-2-0-reference-to-video",
    prompt="A cat",
    duration="5s",
    aspect_ratio="16:9",
    audio=False,
    image_url=MediaFile.from_path("cat.png"),
    reference_image_urls=["https://example.com/1.png", MediaFile.from_bytes(b"", content_type="image/png")],
    elements=[Element(frontal_image_url="https://example.com/2.png")],
    keyframes=[Keyframe(image_url="https://example.com/3.png", frame_index=0)],
    consent=SeedanceConsent(
        confirmed_terms_and_privacy=True, confirmed_legal_right=True, confirmed_screening_acknowledged=True
    ),
    extra={"seed": 7},
)


async def client_verbs() -> None:
    """Each verb's answer has its own type."""
    async with VeniceClient() as venice:
        assert_type(venice, VeniceClient)
        quote = await venice.quote(REQUEST)
        assert_type(quote, Quote)
        assert_type(quote.usd, Decimal)
        assert_type(await venice.quote(QuoteRequest.of(REQUEST)), Quote)
        queued = await venice.queue(REQUEST, retry=None)
        assert_type(queued, QueuedVideo)
        assert_type(queued.download_url, str | None)
        async with venice.retrieve(queued) as answer:
            assert_type(answer, Processing | Completed | VideoBody)
            if isinstance(answer, VideoBody):
                assert_type(answer.content_length, int | None)
                async for chunk in answer:
                    assert_type(chunk, bytes)
        async with venice.download(queued) as body:
            assert_type(body, VideoBody)
        assert_type(await venice.complete(queued), bool)
        assert_type(await venice.transcribe("https://example.com/v.mp4", response_format="text"), Transcript)
        assert_type(await venice.models(), tuple[VideoModel, ...])
        assert_type(await venice.rate_limits(), AccountLimits)


def client_options(auth: Auth, transport: Transport) -> None:
    """Everything behind a seam can be given, by name only."""
    clock: Clock = SystemClock(speed=50)
    virtual: Clock = ManualClock()
    limits = RateLimits(queue_per_minute=40, retrieve_per_minute=120, failures=20, failure_window=30.0)
    VeniceClient("key", base_url="http://127.0.0.1:8402/api/v1", limits=limits, clock=clock)
    VeniceClient(auth=auth, timeouts=Timeouts(read=30), transport=transport, clock=virtual)
    VeniceClient(auth=ApiKeyAuth("key"), transport=AiohttpTransport(base_url="https://api.venice.ai/api/v1"))
    VeniceClient("key", "https://api.venice.ai/api/v1")  # type: ignore[call-arg, arg-type]
    Backoff(base=1.0, cap=20.0, max_attempts=4)


async def wallets(venice: VeniceClient) -> None:
    """A wallet is a way in like an API key; no top-up goes without a cap."""
    VeniceClient(auth=WalletAuth("0x" + "11" * 32), payments="payments.sqlite3")
    WalletAuth(address="0x", signer=lambda asked: asked.summary.encode())
    assert_type(await venice.wallet.balance(), WalletBalance)
    async for line in venice.wallet.transactions():
        assert_type(line, WalletTransaction)
    assert_type(await venice.wallet.top_up(10, cap_usd="20"), TopUp)
    await venice.wallet.top_up(10)  # type: ignore[call-arg]
    policy = TopUpPolicy(usd=5, per_payment_usd=5, per_day_usd="10", total_usd=Decimal(50))
    JobManager(venice, ledger="jobs.sqlite3", output_dir="videos", top_up=policy)


async def manager(venice: VeniceClient, ledger: Ledger, requests: list[VideoRequest]) -> None:
    """A job is awaited for its file, or watched."""
    async with JobManager(venice, ledger="jobs.sqlite3", output_dir="videos", budget_usd="10") as jobs:
        job = await jobs.submit(REQUEST, key="scene-12", output="scene-12.mp4")
        assert_type(job, Job)
        video = await job
        assert_type(video, VideoFile)
        assert_type(video.path, Path)
        assert_type((video.size, video.sha256, video.cost_usd), tuple[int, str, Decimal | None])
        assert_type((job.id, job.key, job.state, job.queue_id), tuple[str, str, JobState, str | None])
        assert_type(job.request, VideoRequest)
        async for done in jobs.as_completed(requests):
            assert_type(done, Job)
        async for event in job.events():
            assert_type(event, JobEvent)
            read(event)
        async for event in jobs.events():
            assert_type(event, JobEvent)
        assert_type(jobs.unknown(), list[Job])
        assert_type(await jobs.retry("scene-12", pay_again=True), Job)
        assert_type(jobs.get("scene-12"), Job | None)
        assert_type(jobs.totals, Totals)
        await job.cancel()
        await jobs.resume()
    JobManager(venice, ledger=ledger, output_dir=Path("videos"), downloads=4, overwrite=Overwrite.REFUSE)
    JobManager(venice, ledger=SqliteLedger("jobs.sqlite3"), output_dir="videos", budget_usd=Decimal(5))
    JobManager(venice, ledger=MemoryLedger(), output_dir="videos")
    assert_type(JobManager.from_env(), JobManager)


def read(event: JobEvent) -> str:
    """Events are told apart by their class."""
    match event:
        case JobStateChanged(state=state, error=error):
            assert_type((state, error), tuple[JobState, VeniceError | None])
            return state.value
        case JobProgress(received=received, total=total):
            assert_type((received, total), tuple[int, int | None])
        case JobPolled(average_execution_time=average):
            assert_type(average, float | None)
        case JobDelayed(error=error, delay=delay):
            assert_type((error, delay), tuple[VeniceError, float])
        case _:
            assert_type(event.at, float)
    return event.job_id


def handle(error: VeniceError) -> str | None:
    """Every error tells its facts."""
    assert_type((error.charge, error.advice, error.transient), tuple[Charge, str, bool])
    match error:
        case ContentRejectedError():
            return assert_type(error.suggested_prompt, str | None)
        case ConsentRequiredError():
            return assert_type(error.policy_text, str)
        case RateLimitError():
            assert_type(error.retry_after, float | None)
        case BadRequestError():
            assert_type(error.issues, tuple[object, ...])  # type: ignore[assert-type]  # any JSON
        case PaymentRequiredError():
            return None if error.payment is None else str(error.payment.get("accepts"))
        case APIStatusError():
            assert_type((error.status, error.code, error.ray), tuple[int, str | None, str | None])
        case InvalidRequestError():
            assert_type(error.problems, tuple[str, ...])
        case UnknownOutcomeError() | JobHeldError():
            assert_type((error.job_id, error.problem), tuple[str, VeniceError | None])
        case _:
            pass
    return None


async def checked(venice: VeniceClient, clock: Clock) -> VideoRequest:
    """Requests by their purpose, and everything wrong with one as values."""
    request = text_to_video("m", "p", duration="5s", aspect_ratio="16:9", extra={"seed": 7})
    assert_type(request, VideoRequest)
    text_to_video("m", "p", duration="5s", ratio="16:9")  # type: ignore[call-arg]  # options are fields
    seedance_stitch("m", videos=["https://a", MediaFile.from_path("b.mp4")], transitions=["a cut"], duration="5s")
    keeper = CatalogKeeper(venice.models, clock=clock)
    assert_type(await keeper.catalog(), Catalog)
    review = await keeper.review(request, region="US")
    assert_type(review, Review)
    problems: tuple[Problem, ...] = (*review.problems, *review.warnings)
    assert_type([(problem.field, problem.nearest) for problem in problems], list[tuple[str, str | None]])
    try:
        await keeper.check(request)
    except InvalidRequestError as error:
        assert_type(error.located, tuple[Problem, ...])
    return request.with_suggestion(ContentRejectedError("refused", suggested_prompt="milder"))


class Wallet:
    """A credential of one's own needs no base class."""

    async def headers(self) -> Mapping[str, str]:
        return {"SIGN-IN-WITH-X": "signed anew"}

    def secrets(self) -> tuple[str, ...]:
        return ()


def own_auth() -> VeniceClient:
    """It fits the protocol."""
    auth: Auth = Wallet()
    return VeniceClient(auth=auth)


async def emulated(clock: ManualClock) -> AsyncIterator[VeniceClient]:
    """The emulator gives an address or a transport."""
    async with Emulator(time_scale=50, seed=7, limits=RateLimits()) as server:
        assert_type(server.url, str)
        assert_type(server.spent_usd, Decimal)
        yield VeniceClient("key", base_url=server.url, clock=SystemClock(speed=50))
        yield VeniceClient("key", base_url=server.memory_url, transport=server.transport(clock), clock=clock)
