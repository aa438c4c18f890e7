"""The API as a plain object: a request goes in, an answer comes out, and time is told from outside."""

import email.utils
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from venice_async.emulator.billing import UsageBook
from venice_async.emulator.cashier import Cashier
from venice_async.emulator.catalogue import Catalogue, ModelSheet
from venice_async.emulator.endpoints import Endpoints
from venice_async.emulator.entrance import Entrance, too_many
from venice_async.emulator.faults import (
    CutFault,
    DropFault,
    Fault,
    FaultPlan,
    GarbageFault,
    PlaceholderFault,
    SlowFault,
    Stage,
    StatusFault,
)
from venice_async.emulator.garbage import garbled, is_foreign, page, status_page
from venice_async.emulator.jobs import EmulatedJob, ExecutionTime, JobBook
from venice_async.emulator.limiter import OWN_LIMITS, Limiter
from venice_async.emulator.links import serve_link
from venice_async.emulator.messages import MAX_BODY, Clips, EmulatedAnswer, EmulatedRequest, Piece, Refused, Video
from venice_async.emulator.plain_clips import PlainClips
from venice_async.emulator.settlement import Settlement
from venice_async.emulator.sheets import DEFAULT_SHEETS
from venice_async.emulator.siwx import claimed
from venice_async.emulator.validation import json_object
from venice_async.emulator.visits import MEDIA_ROOT, RequestRecord, Route, Visit, bearer, key_hash, route_of
from venice_async.emulator.wallet_pages import WalletPages
from venice_async.emulator.wallets import Stay, Wallets
from venice_async.emulator.x402 import Shop
from venice_async.limits import RateLimits

VIDEO_SIZE: Final = 300_000
"""Bytes of a video unless another size is asked for: with fewer it would look like the stand-in for a rejected one."""
PLACEHOLDER_SIZE: Final = 4096
"""Bytes of the tiny video that stands in for a rejected one."""


class Brain:
    """The emulated API without I/O, clock or threads.

    Whoever holds it tells the time: `now` in job seconds, `wall` in Unix seconds. Calls must not
    overlap.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        limits: RateLimits | None = None,
        windows: str = "sliding",
        reset_unit: str = "seconds",
        faults: Iterable[Fault] = (),
        clips: Clips | None = None,
        video_size: int | None = VIDEO_SIZE,
        sheets: tuple[ModelSheet, ...] = DEFAULT_SHEETS,
        execution_time: ExecutionTime | None = None,
        execution_cv: float = 0.3,
        announced: Mapping[str, float] | None = None,
        parallel: int | None = None,
        api_keys: Iterable[str] | None = None,
        balance_usd: Decimal | None = None,
        transcriptions_retired: bool = False,
        usage_delay: float = 0.0,
        usage_request_ids: bool = False,
        wallets: Wallets | None = None,
        shop: Shop | None = None,
        settle_delay: float = 0.0,
        repeat_conflicts: bool = False,
    ) -> None:
        """The options are those of `Emulator`; `wallets` and `shop` are made of those for wallets."""
        self.limiter = Limiter(limits or RateLimits(), windows=windows, reset_unit=reset_unit)
        self.faults = FaultPlan(faults)
        self.book = JobBook(
            seed=seed, cv=execution_cv, execution_time=execution_time, announced=announced or {}, parallel=parallel,
            balance_usd=balance_usd,
        )  # fmt: skip
        self.requests: list[RequestRecord] = []
        self.wallets = Wallets() if wallets is None else wallets
        self.settlement = Settlement(wallets=self.wallets, delay=settle_delay, conflicts=repeat_conflicts)
        self._clips = clips or PlainClips()
        self._video_size = video_size
        usage, shop = UsageBook(delay=usage_delay, request_ids=usage_request_ids), shop or Shop()
        self._entrance = Entrance(
            limiter=self.limiter, wallets=self.wallets, shop=shop,
            api_keys=None if api_keys is None else frozenset(api_keys),
        )  # fmt: skip
        self._pages = WalletPages(
            shop=shop, settlement=self.settlement, delay=usage_delay, request_ids=usage_request_ids
        )
        self._endpoints = Endpoints(
            catalogue=Catalogue(sheets), book=self.book, faults=self.faults, limits=self.limiter.limits, usage=usage,
            cashier=Cashier(book=self.book, usage=usage, wallets=self.wallets),
            transcriptions_retired=transcriptions_retired, consented=set(),
        )  # fmt: skip

    def arrive(self, path: str, headers: Mapping[str, str]) -> Stay:
        """Let a request in whose head has come, and count it among those of its wallet until `leave()` is called.

        A door calls this, and tells `answer` by `crowded` where there was no room.
        """
        wallet, _ = claimed(headers)
        try:
            takes_wallet = route_of(path).takes_wallet
        except Refused:
            takes_wallet = False
        return Stay() if wallet is None or not takes_wallet else self.wallets.enter(wallet)

    def answer(self, request: EmulatedRequest, *, now: float, wall: float) -> EmulatedAnswer:
        """Answer one request. Never raises, whatever the request holds; anything wrong is answered as JSON."""
        self.settlement.advance(now, wall)
        visit = Visit(request=request, now=now, wall=wall, number=self.book.next_number)
        visit.key = bearer(request)
        if visit.key is not None:
            visit.account = key_hash(visit.key)
        try:
            answer = self._enter(visit) or self._serve(visit)
        except Refused as refused:
            answer = refused.answer
        return self._close(visit, answer)

    def _enter(self, visit: Visit) -> EmulatedAnswer | None:
        """Find out what the request is about, and whether its sender may ask: None, else the answer that is due."""
        request = visit.request
        if request.path.startswith(MEDIA_ROOT):
            visit.endpoint = "media"
            visit.job = self.book.find_link(request.path.removeprefix(MEDIA_ROOT))
            return None
        route = route_of(request.path)
        visit.endpoint = route.endpoint
        self._check_method(visit, route)
        refusal = self._entrance.admit(visit, route)
        if refusal is None and route.takes_json:
            visit.tree = _read_tree(request)
            visit.job = self.book.find(visit.text("queue_id"), visit.now)
        return refusal

    def _serve(self, visit: Visit) -> EmulatedAnswer:
        dropped = self.faults.take(DropFault, visit.occasion())
        if dropped is not None and dropped.stage is not Stage.REPLY:
            if visit.wallet is not None:
                visit.wallet.unuse(visit.nonce)
            return EmulatedAnswer(status=0, drop=dropped.stage)
        fault = self._admit(visit)
        if fault is None or fault.processed:
            answer = self._handle(visit)
        if fault is not None:
            visit.delivers, answer = False, status_page(fault, visit.endpoint)
        return answer if dropped is None else attrs.evolve(answer, drop=dropped.stage)

    def _check_method(self, visit: Visit, route: Route) -> None:
        if visit.request.method != route.method:
            raise Refused(405, "Method not allowed", headers={"allow": route.method})

    def _admit(self, visit: Visit) -> StatusFault | None:
        """None for a request that may be handled, else what befalls it. What is refused with 429 takes no room."""
        fault = self.faults.take(StatusFault, visit.occasion())
        if fault is None or fault.status != 429:
            wait = self.limiter.admit(visit.account, visit.endpoint, visit.now)
            if wait is not None and visit.endpoint in OWN_LIMITS:
                raise too_many("Rate limit exceeded. Please try again later.", wait)
            if wait is not None:
                raise too_many("Rate limit exceeded", wait, code="RATE_LIMIT_EXCEEDED")
        return fault

    def _handle(self, visit: Visit) -> EmulatedAnswer:
        garbage = self.faults.take(GarbageFault, visit.occasion())
        if garbage is not None and visit.endpoint not in {"queue", "top_up"} and garbage.kind != "mislabelled":
            return page(garbage.kind)
        answer = self._through_faults(visit, self._respond(visit))
        return answer if garbage is None else garbled(answer, garbage.kind)

    def _respond(self, visit: Visit) -> EmulatedAnswer:
        if visit.endpoint == "media":
            return serve_link(visit, self._video)
        handler = getattr(self._pages if visit.endpoint in OWN_LIMITS else self._endpoints, visit.endpoint)
        answer: EmulatedAnswer = handler(visit)
        if visit.delivers and visit.job is not None and visit.job.token is None:
            return attrs.evolve(answer, later=self._attaching(visit.job))
        return answer

    def _attaching(self, job: EmulatedJob) -> Callable[[EmulatedAnswer], EmulatedAnswer]:
        def attach(answer: EmulatedAnswer) -> EmulatedAnswer:
            video = self._video(job)
            return attrs.evolve(answer, body=Piece(video=video, start=0, length=video.size))

        return attach

    def _video(self, job: EmulatedJob) -> Video:
        # JSON text may hold half a surrogate pair, and an encoder must never see one.
        prompt = job.prompt.encode("utf-8", "replace").decode()
        return self._clips.video(
            prompt, aspect_ratio=job.aspect_ratio, unique=job.queue_id.encode(), size=self._video_size
        )

    def _through_faults(self, visit: Visit, answer: EmulatedAnswer) -> EmulatedAnswer:
        """What can happen to an answer that is on its way."""
        occasion = visit.occasion()
        is_video = answer.later is not None and visit.request.method != "HEAD"
        slow = self.faults.take(SlowFault, occasion)
        if slow is not None:
            answer = attrs.evolve(answer, delay=slow.delay, pace=slow.pace)
        if is_video and self.faults.take(PlaceholderFault, occasion):
            visit.delivers = False
            tiny = PlainClips().video("", aspect_ratio=None, unique=b"", size=PLACEHOLDER_SIZE)
            answer = attrs.evolve(answer, later=None, body=Piece(video=tiny, start=0, length=tiny.size))
        if is_video and (cut := self.faults.take(CutFault, occasion)):
            visit.delivers = False
            answer = attrs.evolve(answer, cut_at=cut.at)
        return answer

    def _close(self, visit: Visit, answer: EmulatedAnswer) -> EmulatedAnswer:
        """Count and record the answer, and give it the headers that every answer has."""
        if visit.delivers and visit.job is not None and answer.status == 200 and answer.drop is None:
            visit.job.deliver(visit.now)
        self.requests.append(visit.record(0 if answer.drop else answer.status, answer.drop))
        edge = {"cf-ray": f"{len(self.requests):016x}-EMU", "date": email.utils.formatdate(visit.wall, usegmt=True)}
        headers = dict(edge)
        if visit.endpoint != "media":
            if visit.endpoint != "top_up" or answer.status != 402:  # asking what can be paid is no failure
                self.limiter.note_status(visit.account, answer.status, visit.now)
            headers |= self.limiter.headers(visit.account, visit.endpoint, now=visit.now, wall=visit.wall)
        if is_foreign(answer):
            return answer.with_headers(edge)
        if visit.wallet is not None and 200 <= answer.status < 300:
            headers["x-balance-remaining"] = f"{visit.wallet.credit_usd:.6f}"
        return answer.with_headers({"x-venice-version": "emulator", **headers, **answer.headers})


def _read_tree(request: EmulatedRequest) -> dict[str, Any]:
    if request.oversized or len(request.body) > MAX_BODY:
        raise Refused(413, "Payload too large: the limit is 35 MB", code="PAYLOAD_TOO_LARGE")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and (kind or request.body):
        raise Refused(415, "Unsupported content type: send application/json")
    return json_object(request.body)
