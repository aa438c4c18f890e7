"""`VeniceClient`: the API's calls, typed, inside the account's limits, tried again only where that is safe."""

import contextlib
import functools
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

from venice_async.auth import Auth
from venice_async.backoff import Backoff
from venice_async.billing import usage_history
from venice_async.bodies import VideoBody
from venice_async.clock import Clock, SystemClock
from venice_async.credentials import auth_from, check_credential, lane_of, payer_of, wallet_of
from venice_async.errors import (
    APIConnectionError,
    Charge,
    ConfigurationError,
    InvalidRequestError,
    RateLimitError,
    ReplyLostError,
    ServerError,
    UnexpectedReplyError,
    VeniceError,
)
from venice_async.exchanger import Exchanger
from venice_async.governor import Governor, Kind, Ticket
from venice_async.limits import RateLimits
from venice_async.links import check_base_url, check_link, is_loopback
from venice_async.models import (
    AccountLimits,
    Completed,
    Processing,
    QueuedVideo,
    Quote,
    QuoteRequest,
    Transcript,
    UsageRow,
    VideoModel,
    VideoRequest,
)
from venice_async.retrieval import Retrieval
from venice_async.transport import AiohttpTransport, Timeouts, Transport
from venice_async.wire import calls, replies
from venice_async.wire.exchange import Call, ReplyHead
from venice_async.wire.ranges import Held

if TYPE_CHECKING:
    from venice_async.payments import Wallet

T = TypeVar("T")

OFFICIAL_BASE_URL = "https://api.venice.ai/api/v1"
FREE_RETRY = Backoff(base=1.0, cap=20.0, max_attempts=4)
"""For calls that cost nothing and change nothing."""
PAID_RETRY = Backoff(base=2.0, cap=60.0, max_attempts=5)
"""For the paid call, and only after a proof that it was not processed."""

_Attempt = Callable[[], Awaitable[T]]


class VeniceClient:
    """The Venice video API. Use it as an async context manager, or call `aclose` when done.

    Without `api_key` and `auth` the key comes from VENICE_API_KEY, else a wallet's from VENICE_WALLET_KEY;
    without `base_url` the address is VENICE_BASE_URL or else the official one. `limits` is what the account
    allows; the server's own headers correct it. `clock` other than real time is for emulators on this machine.
    `payments` is the file that remembers a wallet's top-ups, by default one for all wallets of this user.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        auth: Auth | None = None,
        base_url: str | None = None,
        limits: RateLimits | None = None,
        timeouts: Timeouts | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        payments: str | os.PathLike[str] | None = None,
    ) -> None:
        self.base_url = check_base_url(base_url or os.environ.get("VENICE_BASE_URL") or OFFICIAL_BASE_URL)
        self.clock = clock or SystemClock()
        self._check_speed()
        self._auth = auth_from(api_key, auth)
        self.governor = Governor(limits or RateLimits(), self.clock, lane=lane_of(self._auth))
        self._transport = transport or AiohttpTransport(base_url=self.base_url, timeouts=timeouts)
        self.exchanger = Exchanger(transport=self._transport, governor=self.governor, auth=self._auth)
        self._rng = rng or random.Random()
        self._video_models: frozenset[str] = frozenset()
        self._payments = None if payments is None else Path(payments)

    def _check_speed(self) -> None:
        fast = isinstance(self.clock, SystemClock) and self.clock.speed != 1.0
        if fast and not is_loopback(urlsplit(self.base_url).hostname or ""):
            raise ConfigurationError("A clock that runs faster than real time is only for an emulator on this machine.")

    @property
    def has_wallet(self) -> bool:
        """Whether a wallet is this client's way in."""
        return wallet_of(self._auth) is not None

    @functools.cached_property
    def wallet(self) -> "Wallet":
        """The wallet that pays: its credit, its transactions, its top-ups. Raises ConfigurationError for an API key."""
        from venice_async.payments import Wallet

        if (auth := wallet_of(self._auth)) is None:
            raise ConfigurationError(
                "This client has no wallet.", advice="Set VENICE_WALLET_KEY without VENICE_API_KEY, or give auth."
            )
        return Wallet(self, auth, store=self._payments, rng=self._rng)

    async def quote(self, request: VideoRequest | QuoteRequest) -> Quote:
        """The price of a request in US dollars (`POST /video/quote`). Creates no job and charges nothing.

        Raises BadRequestError where the server finds the price inputs wrong. Tried again on trouble.
        """
        inputs = QuoteRequest.of(request) if isinstance(request, VideoRequest) else request
        call = calls.quote_call(self.base_url, inputs)
        return await self._free(call, replies.quote_of)

    async def queue(self, request: VideoRequest, *, retry: Backoff | None = PAID_RETRY) -> QueuedVideo:
        """Have a video made (`POST /video/queue`). **This charges money**, and there is no undo.

        Sent again only after a proof that it was not processed: no connection, the last byte never
        left, or a refusal. Any other trouble raises with `charge` UNVERIFIED: then the video may
        have been paid for, and nobody but the account's usage page can tell. `retry=None` makes
        exactly one attempt. Keep the answer: `queue_id` cannot be asked for again, and a
        `download_url` is shown this once.
        """
        self.check_credential()
        call = calls.queue_call(self.base_url, request)
        return await self.again(lambda: self._queue_once(call, request.model), retry, safe=_not_processed)

    async def _queue_once(self, call: Call, model: str, ticket: Ticket | None = None) -> QueuedVideo:
        partial = bytearray()
        failure: VeniceError
        try:
            taken = functools.partial(replies.queued_of, model=model)
            return await self.exchanger.answer(call, Kind.QUEUE, taken, ticket, partial=partial)
        except (ReplyLostError, UnexpectedReplyError) as error:
            failure = _unsettled(error)
        salvaged = replies.salvaged_of(bytes(partial), model=model) if failure.charge is Charge.UNVERIFIED else None
        partial.clear()  # it may repeat a secret, and a traceback shows local names
        if salvaged is None:
            raise failure
        return salvaged

    async def queue_with(self, ticket: Ticket, request: VideoRequest) -> QueuedVideo:
        """One attempt of `queue` with a right to send that was taken from `governor` before. For orchestrators."""
        self.check_credential()
        return await self._queue_once(calls.queue_call(self.base_url, request), request.model, ticket)

    def retrieve(
        self,
        video: QueuedVideo,
        *,
        delete_media_on_completion: bool = False,
        retry: Backoff | None = FREE_RETRY,
        ticket: Ticket | None = None,
    ) -> AbstractAsyncContextManager[Processing | Completed | VideoBody]:
        """Ask for a video (`POST /video/retrieve`): still `Processing`, `Completed` at its link, or the file itself.

        Free and repeatable. With `delete_media_on_completion` the server deletes the file once it was
        sent: **a transfer cut half way is then lost for good, and so is the money**. Leave it off and
        call `complete` when the file is safe on disk.

        With a `ticket` (a right to send that was taken from `governor` before) exactly one attempt is made;
        only a wallet's signature that came too late is followed by a fresh one.
        Raises ContentRejectedError, ServerError, NotFoundError or BadRequestError for a job that
        failed or is gone, and GenerationFailedError where only the status word says so.
        """
        call = calls.retrieve_call(self.base_url, video, delete_media_on_completion=delete_media_on_completion)
        return Retrieval(self, call, retry if ticket is None else None, ticket)

    @contextlib.asynccontextmanager
    async def download(self, video: QueuedVideo, *, held: Held | None = None) -> AsyncIterator[VideoBody]:
        """The file behind a private `download_url`, without any credential. The server allows only a few such requests.

        With `held` only what is missing of a cut transfer is asked for; `wire.ranges.judge_rest` tells what came.

        Raises GoneError or NotFoundError for a link that is used up or expired, and InvalidRequestError
        for a video that has no link: `retrieve` delivers that one.
        """
        call = calls.download_call(self._link_of(video), held=held)
        async with self.exchanger.open(call, Kind.OTHER, accepted=(416,) if held else ()) as reply:
            yield VideoBody(reply.head, reply.chunks())

    async def revoke(self, video: QueuedVideo) -> None:
        """Delete a private video at its link. Only when the file is safe on disk: there is no second copy.

        A link that is gone already (404, 410) counts as done.
        """
        call = calls.revoke_call(self._link_of(video))
        await self.exchanger.answer(call, Kind.OTHER, lambda head, _: head.status, accepted=(404, 410))

    async def complete(self, video: QueuedVideo) -> bool:
        """Delete the stored media of a job (`POST /video/complete`). Only when the file is safe on disk.

        True when the server says that it is deleted. The API is known to refuse real ids at times, so
        treat this as best effort.
        """
        call = calls.complete_call(self.base_url, video)
        return await self.exchanger.answer(call, Kind.OTHER, _is_deleted, accepted=(404,))

    async def transcribe(self, url: str, *, response_format: str = "json") -> Transcript:
        """What is said in a public video (`POST /video/transcriptions`); `response_format` is "json" or "text".

        Raises GoneError, with the successor, since the vendor retired the endpoint. May be charged:
        it is not tried again.
        """
        self.check_credential()
        call = calls.transcribe_call(self.base_url, url, response_format=response_format)
        failure: VeniceError
        try:
            return await self.exchanger.answer(call, Kind.OTHER, replies.transcript_of)
        except (ReplyLostError, UnexpectedReplyError) as error:
            failure = _unsettled(error)
        raise failure

    async def models(self) -> tuple[VideoModel, ...]:
        """The catalogue of video models with their constraints (`GET /models?type=video`). Free; no key needed."""
        models = await self._free(calls.models_call(self.base_url), replies.models_of)
        self._video_models = frozenset(model.id for model in models)
        return models

    async def rate_limits(self) -> AccountLimits:
        """The account's limits and balances (`GET /api_keys/rate_limits`). Free.

        Where it grants a video model (known from `models`) fewer requests a minute than `limits`
        says, the client queues no faster than that from now on.
        """
        self.check_credential()
        account = await self._free(calls.rate_limits_call(self.base_url), replies.account_limits_of)
        self.governor.learn_account(account, models=self._video_models)
        return account

    async def usage_history(
        self, start: datetime, end: datetime, *, admin_key: str | None = None
    ) -> tuple[UsageRow, ...]:
        """The account's charges and refunds from `start` up to and without `end` (`GET /billing/usage-history`). Free.

        Both need a time zone; oldest first. The server wants an admin key: `admin_key` stands in for the
        client's own in this one call and is not kept. The fields are as the vendor's notes have them and may
        differ. Raises AuthenticationError or PermissionDeniedError for a key that may not read the books.
        """
        return await usage_history(self, start, end, admin_key=admin_key)

    async def _free(self, call: Call, decode: Callable[[ReplyHead, bytes], T]) -> T:
        return await self.again(lambda: self.exchanger.answer(call, Kind.OTHER, decode), FREE_RETRY, safe=_passes)

    async def again(self, attempt: _Attempt[T], retry: Backoff | None, *, safe: Callable[[VeniceError], bool]) -> T:
        """Repeat as long as `retry` goes and the error is `safe` to answer with the same call."""
        began = self.clock.monotonic()
        number = 0
        while True:
            number += 1
            try:
                return await attempt()
            except (APIConnectionError, RateLimitError, ServerError) as error:
                if retry is None or not safe(error) or retry.gives_up(number, self.clock.monotonic() - began):
                    raise
                if not self.governor.retries.spend():
                    raise  # in an outage the first tries of new work still go, repeats stop
                pause = retry.delay(number, rng=self._rng, retry_after=getattr(error, "retry_after", None))
            await self.clock.sleep(pause)

    def _link_of(self, video: QueuedVideo) -> str:
        if video.download_url is None:
            sentence = "This video has no private link: retrieve delivers it."
            raise InvalidRequestError(sentence, problems=(sentence,))
        return check_link(video.download_url, base_url=self.base_url)

    def check_credential(self) -> None:
        """Raises ConfigurationError where there is nothing to pay with: before anything else is done."""
        check_credential(self._auth)

    async def aclose(self) -> None:
        """Close the connections. The client cannot be used afterwards."""
        self.governor.close()
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<VeniceClient {self.base_url} by {payer_of(self._auth)} {self.governor!r}>"


def _is_deleted(head: ReplyHead, body: bytes) -> bool:
    return head.status == 404 or replies.success_of(head, body)


def _passes(error: VeniceError) -> bool:
    return error.transient


def _not_processed(error: VeniceError) -> bool:
    return error.transient and error.charge is Charge.NONE


def _unsettled(error: ReplyLostError | UnexpectedReplyError) -> VeniceError:
    """A paid call's good answer that is lost or not understood leaves open whether it was taken: say so."""
    if isinstance(error, ReplyLostError) or 200 <= error.status < 300:
        error.charge = Charge.UNVERIFIED
        error.advice = "Do not send it again blindly: look at the account's usage first."
    return error
