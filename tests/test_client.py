"""The client's verbs, what it repeats and what it never repeats, and the limits that it keeps."""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import canaries
import pytest
from canaries import assert_nothing_secret, assert_nothing_secret_logged
from raw_server import RawServer, Wire, always, closed_port, reply
from scripted import Played, ScriptedTransport

from venice_async import errors
from venice_async.auth import ApiKeyAuth, Auth, NoAuth
from venice_async.bodies import VideoBody
from venice_async.client import OFFICIAL_BASE_URL, VeniceClient
from venice_async.clock import SystemClock
from venice_async.emulator.emulator import Emulator
from venice_async.emulator.faults import ConsentFault, DropFault, JobFault, RejectFault, Stage, StatusFault
from venice_async.emulator.manual_clock import ManualClock
from venice_async.errors import Charge, VeniceError
from venice_async.limits import RateLimits
from venice_async.models import Completed, Processing, QueuedVideo, QuoteRequest, VideoRequest
from venice_async.signin import WalletAuth
from venice_async.transport import Timeouts

T = TypeVar("T")

SPEED = 200.0
WALLET_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
WALLET_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
REQUEST = VideoRequest(
    model="wan-2.2-a14b-text-to-video", prompt="A cat", duration="5s", aspect_ratio="16:9", resolution="480p"
)
PRIVATE = VideoRequest(
    model="grok-imagine-text-to-video-private", prompt="A cat", duration="5s", aspect_ratio="16:9", resolution="480p"
)
VIDEO = QueuedVideo(model="m", queue_id="q")
QUEUED = {"model": "m", "queue_id": "q-1"}
PLENTY = RateLimits(queue_per_minute=100_000, retrieve_per_minute=100_000, failures=10_000)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key or address of the machine that the tests run on."""
    monkeypatch.delenv("VENICE_API_KEY", raising=False)
    monkeypatch.delenv("VENICE_WALLET_KEY", raising=False)
    monkeypatch.delenv("VENICE_BASE_URL", raising=False)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """A server on a real socket whose jobs take a moment."""
    async with Emulator(
        time_scale=SPEED, seed=7, clips="plain", video_size=300_000, execution_time=lambda *_: 30.0
    ) as made:
        yield made


@pytest.fixture
async def venice(emulator: Emulator) -> AsyncIterator[VeniceClient]:
    """A client in the emulator's own time."""
    async with VeniceClient("any-key", base_url=emulator.url, clock=SystemClock(speed=SPEED)) as made:
        yield made


def scripted(*script: Played | VeniceError, **options: Any) -> tuple[VeniceClient, ScriptedTransport, ManualClock]:
    """A client over a script, in virtual time."""
    transport, clock = ScriptedTransport(script), ManualClock()
    return VeniceClient(canaries.KEY, transport=transport, clock=clock, limits=PLENTY, **options), transport, clock


def fails(clock: ManualClock, work: Coroutine[Any, Any, Any]) -> Any:
    """The error that a piece of work ends with."""
    with pytest.raises(VeniceError) as caught:
        clock.run(work)
    return caught.value


async def ready(venice: VeniceClient, video: QueuedVideo, emulator: Emulator) -> None:
    """Return when the job's own time has come."""
    job = next(job for job in emulator.jobs if job.queue_id == video.queue_id)
    await venice.clock.sleep(job.ready_at - emulator.now() + 1.0)


async def answered(venice: VeniceClient, video: QueuedVideo) -> Processing | Completed | bytes:
    """What retrieve says, a video read to its end."""
    async with venice.retrieve(video) as answer:
        return b"".join([chunk async for chunk in answer]) if isinstance(answer, VideoBody) else answer


@pytest.mark.anyio
class TestVerbs:
    async def test_quote(self, venice: VeniceClient, emulator: Emulator) -> None:
        """A price in dollars, exact, without a charge; for a request or for its price inputs."""
        quote = await venice.quote(REQUEST)
        assert quote.usd > 0
        assert quote == await venice.quote(QuoteRequest.of(REQUEST))
        assert (emulator.charges, emulator.jobs) == ((), ())

    async def test_queue(self, venice: VeniceClient, emulator: Emulator) -> None:
        """One call, one job, one charge."""
        video = await venice.queue(REQUEST)
        assert (video.model, video.queue_id, video.download_url) == (REQUEST.model, emulator.jobs[0].queue_id, None)
        assert len(emulator.charges) == len(emulator.jobs) == 1

    async def test_retrieve_still_processing(self, venice: VeniceClient) -> None:
        """Kind one: the server's expectation and the time so far, in seconds."""
        answer = await answered(venice, await venice.queue(REQUEST))
        assert isinstance(answer, Processing)
        assert answer.average_execution_time is not None
        assert answer.execution_duration is not None
        assert 0 <= answer.execution_duration <= 30 < answer.average_execution_time

    async def test_retrieve_the_file(self, venice: VeniceClient, emulator: Emulator) -> None:
        """Kind two: the answer is the video; asked for twice, it comes twice."""
        video = await venice.queue(REQUEST)
        await ready(venice, video, emulator)
        first, second = await answered(venice, video), await answered(venice, video)
        assert isinstance(first, bytes)
        assert (first == second, len(first), first[4:8]) == (True, 300_000, b"ftyp")

    async def test_retrieve_completed_at_its_link(self, venice: VeniceClient, emulator: Emulator) -> None:
        """Kind three: the link of the queue answer holds the video; no credential goes there; it can be revoked."""
        video = await venice.queue(PRIVATE)
        assert video.download_url is not None
        await ready(venice, video, emulator)
        assert isinstance(await answered(venice, video), Completed)
        async with venice.download(video) as body:
            assert body.content_length == 300_000
            assert len(b"".join([chunk async for chunk in body])) == 300_000
        await venice.revoke(video)
        await venice.revoke(video)
        with pytest.raises(errors.GoneError):
            async with venice.download(video):
                pass
        assert emulator.violations == ()

    @pytest.mark.parametrize(
        ("fault", "kind", "charge"),
        [(JobFault(kind="content"), errors.ContentRejectedError, Charge.REFUNDED),
         (JobFault(kind="provider", refunded=False), errors.ContentRejectedError, Charge.CHARGED),
         (JobFault(kind="server"), errors.ServerError, Charge.UNVERIFIED)],
    )  # fmt: skip
    async def test_retrieve_the_job_s_own_failure(
        self, venice: VeniceClient, emulator: Emulator, fault: JobFault, kind: type[VeniceError], charge: Charge
    ) -> None:
        """Kind four: the failure of the job, with what became of the money."""
        emulator.faults.append(fault)
        video = await venice.queue(REQUEST)
        await ready(venice, video, emulator)
        with pytest.raises(kind) as caught:
            async with venice.retrieve(video, retry=None):
                pass
        assert caught.value.charge is charge

    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    async def test_retrieve_through_passing_trouble(
        self, venice: VeniceClient, emulator: Emulator, status: int
    ) -> None:
        """Kind five passes by itself, and is waited for."""
        video = await venice.queue(REQUEST)
        emulator.faults.append(StatusFault(status=status, endpoints=("retrieve",), times=2))
        assert isinstance(await answered(venice, video), Processing | bytes)
        asked = [record.status for record in emulator.requests if record.endpoint == "retrieve"]
        assert asked == [status, status, 200]

    async def test_complete(self, venice: VeniceClient, emulator: Emulator) -> None:
        """The stored video is deleted; what is not known there is an error."""
        video = await venice.queue(REQUEST)
        await ready(venice, video, emulator)
        assert await venice.complete(video) is True
        with pytest.raises(errors.NotFoundError):
            await answered(venice, video)
        with pytest.raises(errors.BadRequestError):
            await venice.complete(QueuedVideo(model=REQUEST.model, queue_id="unknown"))

    async def test_delete_on_completion_only_when_asked(self, venice: VeniceClient, emulator: Emulator) -> None:
        """The server deletes what it has sent, and has it no more."""
        video = await venice.queue(REQUEST)
        await ready(venice, video, emulator)
        async with venice.retrieve(video, delete_media_on_completion=True) as answer:
            assert isinstance(answer, VideoBody)
        with pytest.raises(errors.NotFoundError):
            await answered(venice, video)

    async def test_transcribe_in_both_forms(self, venice: VeniceClient) -> None:
        """With the language, and as plain text."""
        spoken = await venice.transcribe("https://a/v.mp4")
        plain = await venice.transcribe("https://a/v.mp4", response_format="text")
        assert (spoken.transcript, spoken.lang, plain.lang) == (plain.transcript, "en", None)

    async def test_transcribe_is_retired(self) -> None:
        """The error names where the work is done now."""
        async with (
            Emulator(transcriptions_retired=True) as emulator,
            VeniceClient("k", base_url=emulator.url) as venice,
        ):
            with pytest.raises(errors.GoneError) as caught:
                await venice.transcribe("https://a/v.mp4")
        assert caught.value.successor == "/api/v1/audio/transcriptions"

    async def test_models_without_a_key(self, emulator: Emulator) -> None:
        """The catalogue and quotes are for everybody."""
        async with VeniceClient(base_url=emulator.url) as venice:
            models = {model.id: model for model in await venice.models()}
            assert models[REQUEST.model].constraints.durations == ("5s",)
            assert (await venice.quote(REQUEST)).usd > 0
        assert not any(record.had_authorization for record in emulator.requests)

    async def test_rate_limits(self, venice: VeniceClient) -> None:
        """What the account may do."""
        limits = await venice.rate_limits()
        assert (limits.access_permitted, limits.usd) == (True, Decimal("1000.0"))
        assert {limit.amount for limit in limits.limits} == {40}

    async def test_consent_is_left_to_a_person(self, venice: VeniceClient, emulator: Emulator) -> None:
        """The policy comes back; nothing is charged, and nothing is confirmed by itself."""
        emulator.faults.append(ConsentFault())
        with pytest.raises(errors.ConsentRequiredError) as caught:
            await venice.queue(REQUEST)
        assert caught.value.policy_text
        assert emulator.charges == ()

    async def test_a_rejected_prompt_comes_with_a_better_one(self, venice: VeniceClient, emulator: Emulator) -> None:
        """A refusal that may still cost money is not repeated."""
        emulator.faults.append(RejectFault(suggested_prompt="A dog"))
        with pytest.raises(errors.ContentRejectedError) as caught:
            await venice.queue(REQUEST)
        assert (caught.value.suggested_prompt, len(emulator.requests)) == ("A dog", 1)

    async def test_the_key_goes_to_the_api_and_nowhere_else(self, venice: VeniceClient, emulator: Emulator) -> None:
        """Every call to the API carries it."""
        await venice.queue(REQUEST)
        await venice.models()
        assert all(record.had_authorization for record in emulator.requests)


class TestRepeating:
    """Virtual time, scripted answers: what is sent how often."""

    FREE: tuple[tuple[str, Callable[[VeniceClient], Awaitable[Any]], object], ...] = (
        ("quote", lambda venice: venice.quote(REQUEST), {"quote": 1}),
        ("models", lambda venice: venice.models(), {"data": []}),
        ("rate_limits", lambda venice: venice.rate_limits(), {"data": {"accessPermitted": True,
        "apiTier": {"id": "x"}}}),
        ("retrieve", lambda venice: answered(venice, VIDEO), {"status": "PROCESSING"}),
    )  # fmt: skip
    PASSING = (
        Played(429), Played(500), Played(502), Played(503), Played(504), errors.ConnectError("x"),
         errors.SendError("x"),
        errors.ReplyLostError("x"),
    )  # fmt: skip

    @pytest.mark.parametrize(("name", "ask", "good"), FREE, ids=[name for name, _, _ in FREE])
    @pytest.mark.parametrize(
        "trouble",
        PASSING,
        ids=lambda trouble: str(getattr(getattr(trouble, "head", None), "status", type(trouble).__name__)),
    )
    def test_free_calls_are_repeated(
        self, name: str, ask: Callable[[VeniceClient], Any], good: object, trouble: Played | VeniceError
    ) -> None:
        """Whatever passes by itself is waited for, four attempts in all, with a growing pause."""
        venice, transport, clock = scripted(trouble, trouble, trouble, Played(200, good))
        clock.run(ask(venice))
        assert [call.name for call in transport.calls] == [name] * 4
        assert 0 < clock.monotonic() < 40
        venice, transport, clock = scripted(trouble)
        assert fails(clock, ask(venice)).transient
        assert (len(transport.calls), transport.open) == (4, 0)

    @pytest.mark.parametrize(("name", "ask", "good"), FREE, ids=[name for name, _, _ in FREE])
    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 301])
    def test_hopeless_answers_are_not(
        self, name: str, ask: Callable[[VeniceClient], Any], good: object, status: int
    ) -> None:
        """Each would count towards the failures that block the key."""
        venice, transport, clock = scripted(Played(status, {"error": "x"}))
        assert fails(clock, ask(venice)).status == status
        assert (len(transport.calls), clock.monotonic()) == (1, 0.0)

    @pytest.mark.parametrize(
        "trouble",
        [errors.ConnectError("x", proof="p"), errors.SendError("x", proof="p"), Played(429), Played(503,
         {"error": "at capacity"}),
         Played(521), Played(523), Played(525), Played(526), Played(530)],
        ids=lambda trouble: str(getattr(getattr(trouble, "head", None), "status", type(trouble).__name__)),
    )  # fmt: skip
    def test_the_paid_call_is_repeated_after_a_proof(self, trouble: Played | VeniceError) -> None:
        """Only where it certainly was not processed, and not for ever."""
        venice, transport, clock = scripted(trouble, trouble, Played(200, QUEUED))
        assert clock.run(venice.queue(REQUEST)).queue_id == "q-1"
        assert len(transport.calls) == 3
        venice, transport, clock = scripted(trouble)
        assert fails(clock, venice.queue(REQUEST)).charge is Charge.NONE
        assert len(transport.calls) == 5

    @pytest.mark.parametrize(
        "trouble",
        [errors.ReplyLostError("x"), Played(408), Played(500, {"error": "x"}), Played(502), Played(503), Played(503,
         b"<html>"),
         Played(503, {"message": "Service Unavailable"}), Played(504), Played(520), Played(522), Played(524),
         Played(200), Played(200, {}), Played(200, b"<html>"), Played(202), Played(204), Played(200,
          {"queue_id": None}),
         Played(200, b'{"queue_id":"q', cut=True), Played(200, b"x" * (16 * 2**20 + 1))],
        ids=lambda trouble: str(getattr(getattr(trouble, "head", None), "status", type(trouble).__name__)),
    )  # fmt: skip
    def test_the_paid_call_is_never_repeated_without_one(self, trouble: Played | VeniceError) -> None:
        """Nobody can tell whether it was taken: one request, and an error that says so."""
        venice, transport, clock = scripted(trouble)
        error = fails(clock, venice.queue(REQUEST))
        assert (len(transport.calls), error.charge, clock.monotonic()) == (1, Charge.UNVERIFIED, 0.0)
        assert "Do not send it again" in str(error)

    def test_an_outage_uses_up_the_repeats(self) -> None:
        """New work is still tried once; repeats stop until answers are good again."""
        venice, transport, clock = scripted(Played(502))

        async def many() -> None:
            for _ in range(20):
                with pytest.raises(errors.ServerError):
                    await venice.quote(REQUEST)

        clock.run(many())
        assert len(transport.calls) == 20 + 100 // 5

    def test_no_retry_means_one_attempt(self) -> None:
        """Also after a proof, for callers that decide themselves."""
        venice, transport, clock = scripted(errors.ConnectError("x", proof="p"))
        fails(clock, venice.queue(REQUEST, retry=None))
        assert len(transport.calls) == 1

    @pytest.mark.parametrize(
        "broken",
        [Played(200, b'{"queue_id":"q-1","model":"m"', cut=True), Played(200, b'{"queue_id":"q-1"} trailing'),
         Played(200, b'{"queue_id":"q-1",' + b"x" * (16 * 2**20))],
    )  # fmt: skip
    def test_an_id_that_arrived_whole_is_kept(self, broken: Played) -> None:
        """An answer that broke after the id was paid for, and its video can be had."""
        venice, transport, clock = scripted(broken)
        assert clock.run(venice.queue(REQUEST)).queue_id == "q-1"
        assert len(transport.calls) == 1

    @pytest.mark.parametrize(
        "trouble", [errors.ReplyLostError("x"), Played(500), Played(200, b"{"), Played(200, b"{", cut=True)]
    )
    def test_transcriptions_may_cost_and_are_not_repeated(self, trouble: Played | VeniceError) -> None:
        """The same caution as with the other call that costs money."""
        venice, transport, clock = scripted(trouble)
        error = fails(clock, venice.transcribe("https://a/v.mp4"))
        assert (len(transport.calls), error.charge) == (1, Charge.UNVERIFIED)

    def test_the_server_s_wish_is_kept(self) -> None:
        """Retry-After is the least that is waited."""
        venice, _, clock = scripted(Played(503, retry_after="50"), Played(200, {"quote": 1}))
        clock.run(venice.quote(REQUEST))
        assert 50 <= clock.monotonic() <= 51

    def test_a_ticket_means_one_attempt_and_is_given_back(self) -> None:
        """Orchestrators repeat by themselves; a right to send that is not given back would be lost for good."""
        for trouble in (*self.PASSING, Played(404), Played(200, b"{"), Played(200, b"{", cut=True)):
            venice, transport, clock = scripted(trouble)

            async def ask(venice: VeniceClient = venice) -> None:
                ticket = await venice.governor.acquire(_kind("RETRIEVE"))
                async with venice.retrieve(VIDEO, ticket=ticket):
                    pass

            fails(clock, ask())
            assert (len(transport.calls), transport.open) == (1, 0)
            assert "0 in flight" in repr(venice)

    def test_only_the_answer_that_is_handed_out_stays_open(self) -> None:
        """Attempts that were given up hold no connection while the next one is waited for."""
        venice, transport, clock = scripted(Played(200, b"", cut=True), Played(200, {"status": "PROCESSING"}))

        async def ask() -> int:
            async with venice.retrieve(VIDEO):
                return transport.open

        assert clock.run(ask()) == 1
        assert transport.open == 0

    def test_clean_up_is_content_with_what_is_gone(self) -> None:
        """Deleting what is not there any more is done."""
        linked = QueuedVideo(model="m", queue_id="q", download_url="https://media.example/abc")
        for status in (404, 410):
            venice, _, clock = scripted(Played(status))
            clock.run(venice.revoke(linked))
        venice, _, clock = scripted(Played(404))
        assert clock.run(venice.complete(VIDEO)) is True

    def test_a_video_without_a_link_is_not_downloaded(self) -> None:
        """It is said where its video is to be had, before anything is sent."""
        venice, transport, clock = scripted(Played(200))

        async def fetch() -> None:
            async with venice.download(VIDEO):
                pass

        for work in (fetch(), venice.revoke(VIDEO)):
            assert type(fails(clock, work)) is errors.InvalidRequestError
        assert transport.calls == []


def _kind(name: str) -> Any:
    from venice_async.governor import Kind

    return Kind[name]


@pytest.mark.anyio
class TestRepeatingAtTheServer:
    """The same, counted by a server on a real socket."""

    @pytest.mark.parametrize("stage", [Stage.UNPROCESSED, Stage.REPLY])
    async def test_a_lost_answer_is_paid_at_most_once(
        self, venice: VeniceClient, emulator: Emulator, stage: Stage
    ) -> None:
        """Whether the server took it or not: one request."""
        emulator.faults.append(DropFault(stage=stage, endpoints=("queue",)))
        with pytest.raises(errors.ReplyLostError) as caught:
            await venice.queue(REQUEST)
        assert caught.value.charge is Charge.UNVERIFIED
        assert len(emulator.requests) == 1
        assert len(emulator.charges) == (1 if stage is Stage.REPLY else 0)

    async def test_a_refused_connection_is_tried_again(self) -> None:
        """Five times nobody is there, and nothing can have been charged."""
        clock = SystemClock(speed=10_000)
        async with VeniceClient("k", base_url=f"http://127.0.0.1:{closed_port()}", clock=clock) as venice:
            with pytest.raises(errors.ConnectError) as caught:
                await venice.queue(REQUEST)
        assert (caught.value.charge, caught.value.proof) == (Charge.NONE, "no connection was made")

    async def test_a_link_is_asked_once_per_download(self) -> None:
        """A private link bears only a few requests: each is the caller's own decision."""

        async def cut(wire: Wire) -> None:
            await wire.request()
            await wire.send(reply(body=b"\x00\x00\x00\x18ftyp", kind="video/mp4", length=1000))
            wire.close()

        async with RawServer(cut) as server, VeniceClient("k", base_url=server.url) as venice:
            linked = QueuedVideo(model="m", queue_id="q", download_url=f"{server.url}/media/x")

            async def fetch() -> None:
                async with venice.download(linked) as body:
                    async for _ in body:
                        pass

            with pytest.raises(errors.ReplyLostError):
                await fetch()
            assert len(server.requests) == 1

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_redirects_are_errors(self, status: int) -> None:
        """Neither the key nor the prompt goes to another place."""
        async with (
            RawServer(always(reply())) as elsewhere,
            RawServer(always(reply(status, Location=elsewhere.url))) as server,
        ):
            async with VeniceClient("k", base_url=server.url) as venice:
                linked = QueuedVideo(model="m", queue_id="q", download_url=f"{server.url}/media/x")
                for work in (venice.queue(REQUEST), venice.quote(REQUEST), venice.models(), venice.complete(VIDEO),
                             answered(venice, VIDEO), venice.revoke(linked)):  # fmt: skip
                    with pytest.raises(errors.UnexpectedRedirectError):
                        await work
            assert elsewhere.connections == 0


class TestLimits:
    """In virtual time, against the in-memory server, which refuses what is above the documented limits."""

    @pytest.mark.parametrize("windows", ["sliding", "fixed"])
    @pytest.mark.parametrize("latency", [0.0, 3.0])
    def test_never_above_40_and_120_a_minute(self, windows: str, latency: float) -> None:
        """Hundreds of calls at once: no window of a minute holds more than is allowed, and no time is wasted."""
        clock = ManualClock()
        server = Emulator(clips="plain", video_size=1000, windows=windows)
        venice = VeniceClient(
            "k", base_url=server.memory_url, transport=server.transport(clock, latency=latency), clock=clock
        )

        async def flood() -> None:
            video = await venice.queue(REQUEST)
            queues = [venice.queue(REQUEST) for _ in range(150)]
            await asyncio.gather(*queues, *(answered(venice, video) for _ in range(450)))

        clock.run(flood())
        for endpoint, limit, count in (("queue", 40, 151), ("retrieve", 120, 450)):
            sent = [record for record in server.requests if record.endpoint == endpoint]
            assert [record.status for record in sent] == [200] * count
            assert busiest_minute([record.at for record in sent]) <= limit
        assert clock.monotonic() < 300

    def test_a_full_failure_budget_holds_everything_back(self) -> None:
        """Hopeless jobs must not lock the key for those that are well."""
        clock = ManualClock()
        server = Emulator(clips="plain")
        venice = VeniceClient("k", base_url=server.memory_url, transport=server.transport(clock), clock=clock)

        async def flood() -> None:
            unknown = QueuedVideo(model="m", queue_id="nobody-knows")
            await asyncio.gather(*(answered(venice, unknown) for _ in range(60)), return_exceptions=True)

        clock.run(flood())
        assert {record.status for record in server.requests} == {400}

    def test_accepted_refusals_count_as_failures_too(self) -> None:
        """A 404 that a clean-up is content with still counts at the server."""
        venice, _, clock = scripted(Played(404))
        before = repr(venice.governor.failures)
        clock.run(venice.complete(VIDEO))
        assert repr(venice.governor.failures) != before


def busiest_minute(instants: list[float]) -> int:
    """The most requests within any 60 seconds."""
    window: deque[float] = deque()
    most = 0
    for instant in sorted(instants):
        window.append(instant)
        while window[0] <= instant - 60.0:
            window.popleft()
        most = max(most, len(window))
    return most


def asked(auth: WalletAuth) -> WalletAuth:
    """A wallet whose address has been looked at."""
    assert auth.address
    return auth


@pytest.mark.anyio
class TestConfiguration:
    async def test_the_environment_has_key_and_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both are read when the client is made; arguments come first."""
        async with RawServer(always(reply(body=b'{"quote":1}'))) as server:
            monkeypatch.setenv("VENICE_API_KEY", "from-environment")
            monkeypatch.setenv("VENICE_BASE_URL", server.url + "/env/")
            async with VeniceClient() as venice:
                await venice.quote(REQUEST)
            async with VeniceClient("given", base_url=server.url + "/given") as venice:
                await venice.quote(REQUEST)
            seen = [(request.target, request.headers["authorization"]) for request in server.requests]
        assert seen == [("/env/video/quote", "Bearer from-environment"), ("/given/video/quote", "Bearer given")]

    async def test_without_any_the_address_is_the_official_one(self) -> None:
        """Empty variables count as none."""
        async with VeniceClient() as venice:
            assert venice.base_url == OFFICIAL_BASE_URL == "https://api.venice.ai/api/v1"

    @pytest.mark.parametrize("name", ["queue", "transcribe", "rate_limits"])
    async def test_without_a_key_nothing_is_tried(self, name: str) -> None:
        """The error says what to set, and no request is wasted."""
        async with RawServer(always(reply())) as server, VeniceClient(base_url=server.url) as venice:
            work = {
                "queue": venice.queue(REQUEST),
                "transcribe": venice.transcribe("https://a"),
                "rate_limits": venice.rate_limits(),
            }
            for other in work.keys() - {name}:
                work[other].close()
            with pytest.raises(errors.ConfigurationError, match="VENICE_API_KEY"):
                await work[name]
            assert server.connections == 0

    async def test_a_key_and_an_auth_are_one_too_many(self) -> None:
        """Nobody should have to guess which one pays."""
        with pytest.raises(errors.ConfigurationError):
            VeniceClient("k", auth=ApiKeyAuth("k"))

    async def test_an_auth_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It comes before the environment, and its headers are asked for anew for each attempt."""
        monkeypatch.setenv("VENICE_API_KEY", "from-environment")

        class Nonce:
            count = 0

            async def headers(self) -> dict[str, str]:
                self.count += 1
                return {"sign-in-with-x": str(self.count)}

            def secrets(self) -> tuple[str, ...]:
                return ()

        async with (
            RawServer(always(reply(body=b'{"quote":1}'))) as server,
            VeniceClient(auth=Nonce(), base_url=server.url) as venice,
        ):
            await venice.quote(REQUEST)
            await venice.quote(REQUEST)
            assert [request.headers["sign-in-with-x"] for request in server.requests] == ["1", "2"]
            assert not any("authorization" in request.headers for request in server.requests)

    @pytest.mark.parametrize(
        "url", ["http://api.venice.ai/api/v1", "https://user:pw@api.venice.ai", "ftp://x", "nonsense"]
    )
    async def test_an_unsafe_address_is_refused(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """As an argument and from the environment."""
        with pytest.raises(errors.ConfigurationError):
            VeniceClient("k", base_url=url)
        monkeypatch.setenv("VENICE_BASE_URL", url)
        with pytest.raises(errors.ConfigurationError):
            VeniceClient("k")

    async def test_a_fast_clock_is_for_this_machine_only(self) -> None:
        """Faster than real time, every limit towards the real server would be broken."""
        with pytest.raises(errors.ConfigurationError, match="clock"):
            VeniceClient("k", clock=SystemClock(speed=2))
        for url in ("http://127.0.0.1:1", "http://localhost:1"):
            await VeniceClient("k", base_url=url, clock=SystemClock(speed=2)).aclose()
        await VeniceClient("k", clock=SystemClock()).aclose()

    async def test_closing_closes_the_transport(self) -> None:
        """Whoever closes the client need not know what is below it."""
        transport = ScriptedTransport([Played(200)])
        async with VeniceClient(auth=NoAuth(), transport=transport):
            assert not transport.closed
        assert transport.closed

    async def test_the_repr_is_an_instrument(self) -> None:
        """Where it goes and how full the budgets are; no secret."""
        async with VeniceClient(canaries.KEY) as venice:
            shown = repr(venice)
        assert_nothing_secret(shown, venice.exchanger, venice.governor)
        assert "0/40 queues" in shown

    @pytest.mark.parametrize(
        ("auth", "payer"),
        [
            (ApiKeyAuth(canaries.KEY), "API key"),
            (NoAuth(), "no credential"),
            (WalletAuth(WALLET_KEY), "wallet"),
            (asked(WalletAuth(WALLET_KEY)), "wallet 0xf39F...2266"),
            (asked(WalletAuth(address=WALLET_ADDRESS, signer=lambda _: "")), "wallet 0xf39F...2266"),
        ],
        ids=["key", "none", "unused", "wallet", "signer"],
    )
    async def test_the_repr_says_who_pays(self, auth: Auth, payer: str) -> None:
        """In a few words, none of them secret; the address where it is known already."""
        async with VeniceClient(auth=auth, base_url="https://api.venice.ai/api/v1") as venice:
            shown = repr(venice)
        assert shown.startswith(f"<VeniceClient https://api.venice.ai/api/v1 by {payer} <Governor")
        assert WALLET_KEY.removeprefix("0x") not in shown
        assert canaries.KEY not in shown


@pytest.mark.anyio
class TestSecrets:
    ECHO = ("error", "message", "code", "details", "hint", "suggested_prompt", "recommended_model")

    @staticmethod
    async def echo(wire: Wire) -> None:
        """A server that repeats everything it was sent, in every place, with a different status each time."""
        statuses = [400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504, 301]
        while True:
            seen = await wire.request()
            said = f"{seen.target} {seen.headers.get('authorization')} {seen.headers.get('host')}{seen.target}"
            status = statuses[int(seen.headers.get("x-turn", "0")) % len(statuses)]
            body = json.dumps(
                {**dict.fromkeys(TestSecrets.ECHO, said), "issues": [said], "error": {"message": said, "type": said}}
            )
            header = seen.headers.get("authorization", seen.target)
            await wire.send(
                reply(status, body.encode(), kind=header, CF_RAY=header.split()[-1], Link=f"<{header}>; rel=successor")
            )

    @pytest.mark.parametrize("turn", range(17))
    async def test_a_server_that_repeats_secrets_does_not_make_us_tell_them(
        self, caplog: pytest.LogCaptureFixture, turn: int
    ) -> None:
        """Key and private link are in no error, nor in a log record at any level, whatever the status."""
        caplog.set_level(logging.DEBUG)

        class Turned(ApiKeyAuth):
            async def headers(self) -> dict[str, str]:
                return {**await super().headers(), "x-turn": str(turn)}

        async with RawServer(self.echo) as server:
            clock = SystemClock(speed=100_000)
            timeouts = Timeouts(read=5, queue_read=5)
            auth = Turned(canaries.KEY)
            async with VeniceClient(
                auth=auth, base_url=server.url, clock=clock, timeouts=timeouts, limits=PLENTY
            ) as venice:
                linked = QueuedVideo(
                    model="m", queue_id="q", download_url=f"{server.url}/media/{canaries.LINK}?sig={canaries.KEY}"
                )

                async def download() -> None:
                    async with venice.download(linked):
                        pass

                for work in (venice.queue(REQUEST), venice.quote(REQUEST), venice.models(), venice.complete(VIDEO),
                             venice.rate_limits(), venice.transcribe("https://a"), answered(venice, VIDEO),
                             venice.revoke(linked), download()):  # fmt: skip
                    try:
                        await work
                    except VeniceError as error:
                        caught = error
                        assert_nothing_secret(caught)
        assert_nothing_secret_logged(caplog.records)

    async def test_a_short_key_does_not_mangle_good_answers(self) -> None:
        """Secrets are searched for in errors only: a key such as "video" is a word of the catalogue."""
        async with Emulator() as emulator, VeniceClient("video", base_url=emulator.url) as venice:
            assert await venice.models()

    async def test_a_wallet_of_the_environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Where there is no API key; its account is a part of the client, made once."""
        monkeypatch.setenv("VENICE_WALLET_KEY", WALLET_KEY)
        async with VeniceClient(payments=tmp_path / "payments.sqlite3") as venice:
            assert venice.has_wallet
            assert venice.wallet is venice.wallet
            assert venice.wallet.address == WALLET_ADDRESS
            assert venice.wallet.remaining_usd is None
            assert "0/5 in flight" in repr(venice)
        monkeypatch.setenv("VENICE_API_KEY", "k")
        async with VeniceClient() as venice:
            assert not venice.has_wallet
            with pytest.raises(errors.ConfigurationError, match="VENICE_WALLET_KEY"):
                _ = venice.wallet

    async def test_what_remains_is_known_from_any_answer(self, emulator: Emulator, tmp_path: Path) -> None:
        """Without asking for the balance, which is the same."""
        clock = SystemClock(speed=SPEED)
        emulator.wallets[WALLET_ADDRESS].top_up(Decimal(25), at=0.0, wall=0.0)
        async with VeniceClient(
            auth=WalletAuth(WALLET_KEY), base_url=emulator.url, clock=clock, payments=tmp_path / "p.sqlite3"
        ) as venice:
            await venice.queue(REQUEST)
            remaining = venice.wallet.remaining_usd
            assert remaining == Decimal(25) - emulator.spent_usd
            assert (await venice.wallet.balance()).usd == remaining

    @pytest.mark.parametrize("wrong", [-600.0, 600.0])
    async def test_a_wrong_clock_is_set_by_the_first_answer(self, emulator: Emulator, wrong: float) -> None:
        """One request is refused and signed anew; from then on sign-ins are dated by the server's time."""
        emulator.wallets[WALLET_ADDRESS].top_up(Decimal(25), at=0.0, wall=0.0)
        auth = WalletAuth(WALLET_KEY, wall=lambda: time.time() + wrong)
        async with VeniceClient(auth=auth, base_url=emulator.url, clock=SystemClock(speed=SPEED)) as venice:
            await venice.queue(REQUEST)
            await venice.queue(REQUEST)
        assert [record.status for record in emulator.requests] == [401, 200, 200]
        assert len(emulator.charges) == 2
