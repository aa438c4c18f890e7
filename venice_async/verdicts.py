"""What an error means for a job: pure tables, one for each step of its life.

The rule behind all of them: the paid call is repeated only after a proof that it was not processed;
what was paid for is asked for as long as there is hope, and then waits for a person instead of failing.
"""

import random
from collections.abc import Callable

from attrs import define, field, frozen

from venice_async.backoff import Backoff
from venice_async.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    CapacityError,
    Charge,
    ConfigurationError,
    ConnectError,
    ConsentRequiredError,
    ContentRejectedError,
    DestinationExistsError,
    DiscoveryError,
    DownloadError,
    GenerationFailedError,
    GoneError,
    IncompleteDownloadError,
    InvalidRequestError,
    InvalidVideoError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    SendError,
    ServerError,
    SignerError,
    UnexpectedRedirectError,
    UnexpectedReplyError,
    VeniceError,
    VideoTooLargeError,
    WalletConcurrencyError,
    WalletMismatchError,
)
from venice_async.jobs import JobState

DAY = 24 * 3600.0
"""Seconds that the server keeps a queue_id."""
_REPLICATION = 120.0  # seconds in which a fresh queue_id may not be known everywhere yet

_CONNECT = Backoff(base=1.0, cap=60.0)
_QUEUE_CONNECT = Backoff(base=1.0, cap=60.0, max_elapsed=DAY)
_QUEUE_LIMIT = Backoff(base=1.0, cap=60.0, max_elapsed=DAY)
_LANE = Backoff(base=1.0, cap=10.0)
_QUEUE_LANE = Backoff(base=1.0, cap=10.0, max_elapsed=DAY)
_SEND = Backoff(base=2.0, cap=60.0, max_attempts=5)
_CAPACITY = Backoff(base=5.0, cap=120.0, max_attempts=10)
_LIMIT = Backoff(base=1.0, cap=60.0)
_REPLAYED_500 = Backoff(base=10.0, cap=300.0, max_attempts=8)
_GARBLED = Backoff(base=2.0, cap=60.0, max_attempts=8)
_TRANSFER = Backoff(base=2.0, cap=60.0, max_attempts=6)
_NOT_YET = Backoff(base=3.0, cap=30.0)
_REFUSED = Backoff(base=10.0, cap=300.0, max_attempts=8)
_LINK_WAITS = (2.0, 8.0, 30.0)
_BELIEVE_500_AFTER = 20 * 60.0
_MONEY = 5.0  # seconds after which what an empty wallet refused may be sent again; the gates may say later


@frozen(kw_only=True)
class Verdict:
    """What to do about an error.

    `state` is the state to move to (None: stay); `delay` the seconds after which the step may be
    repeated (None: never by itself); `busy` says that the model, not this job, has trouble;
    `account` that every other request would meet the same answer.
    """

    state: JobState | None = None
    delay: float | None = None
    busy: bool = False
    account: bool = False
    held_for: str | None = None
    charge: Charge | None = None


@define
class Tries:
    """How often a job has met each kind of trouble since the last good answer, and since when."""

    rng: random.Random
    _met: dict[str, tuple[int, float]] = field(factory=dict)

    def count(self, kind: str, now: float) -> tuple[int, float]:
        """Count one more; how many there are now, and the seconds since the first."""
        number, since = self._met.get(kind, (0, now))
        self._met[kind] = (number + 1, since)
        return number + 1, now - since

    def good_answer(self) -> None:
        """The server answered well. What a link has met stays: COMPLETED is said before each fetch of it."""
        self._met = {kind: met for kind, met in self._met.items() if kind.startswith("link")}

    def again(self, kind: str, backoff: Backoff, now: float, error: VeniceError) -> float | None:
        """Seconds until the next try, or None where this kind of trouble is given up."""
        number, elapsed = self.count(kind, now)
        if backoff.gives_up(number, elapsed):
            return None
        return backoff.delay(number, rng=self.rng, retry_after=getattr(error, "retry_after", None))


def held(reason: str, *, account: bool = False) -> Verdict:
    """The job waits for a person."""
    return Verdict(state=JobState.HELD, held_for=reason, account=account)


def failed(charge: Charge) -> Verdict:
    """Nothing will come of the job."""
    return Verdict(state=JobState.FAILED, charge=charge)


def _again_or(otherwise: Verdict, delay: float | None, *, state: JobState | None, busy: bool = False) -> Verdict:
    return otherwise if delay is None else Verdict(state=state, delay=delay, busy=busy)


def account_trouble(error: VeniceError) -> str | None:
    """Why the account itself was refused, or None: then the error is about this one request."""
    if isinstance(error, AuthenticationError | ConfigurationError | DiscoveryError | SignerError):
        return "key"
    if isinstance(error, PaymentRequiredError):
        return "balance"
    if isinstance(error, PermissionDeniedError) and error.code == "API_ACCESS_DISABLED":
        return "key"
    return None


def is_mended_by_money(error: VeniceError) -> bool:
    """Whether a top-up of the wallet may mend it. A 402 that asks for a credential is none of these."""
    return isinstance(error, PaymentRequiredError) and not isinstance(error, DiscoveryError)


_PROVES_NOT_TAKEN = (
    APIStatusError,
    ConnectError,
    SendError,
    InvalidRequestError,
    ConfigurationError,
    SignerError,
    UnexpectedRedirectError,
)
"""The errors whose `charge` can be believed when it says that nothing was taken; any other proves nothing."""


def judge_queue(error: VeniceError, tries: Tries, now: float, *, tops_up: bool = False) -> Verdict:
    """After a paid call that did not end with a queue_id. `tops_up`: somebody sees to an empty wallet by himself."""
    if isinstance(error, ContentRejectedError):
        return failed(error.charge)
    if error.charge is Charge.UNVERIFIED or not isinstance(error, _PROVES_NOT_TAKEN):
        return Verdict(state=JobState.UNKNOWN, charge=Charge.UNVERIFIED)
    if tops_up and is_mended_by_money(error):
        return Verdict(state=JobState.PENDING, delay=_MONEY, account=True)
    if (reason := account_trouble(error)) is not None:
        return held(reason, account=True)
    if isinstance(error, WalletMismatchError):
        return held("key")
    if isinstance(error, ConsentRequiredError):
        return held("consent")
    if not error.transient:
        return failed(error.charge)
    kind, backoff = _queue_backoff(error)
    # Nothing was charged and nothing is wrong with the request: given up by us, it waits to be told to go on.
    return _again_or(held(kind), tries.again(kind, backoff, now, error), state=JobState.PENDING)


def _queue_backoff(error: VeniceError) -> tuple[str, Backoff]:
    if isinstance(error, SendError):
        return "network", _SEND
    if isinstance(error, WalletConcurrencyError):
        return "limit", _QUEUE_LANE
    if isinstance(error, RateLimitError):
        return "limit", _QUEUE_LIMIT
    return ("capacity", _CAPACITY) if isinstance(error, CapacityError) else ("network", _QUEUE_CONNECT)


def judge_retrieve(error: VeniceError, tries: Tries, now: float, *, age: float, tops_up: bool = False) -> Verdict:
    """After a retrieve that brought no answer of use. `age` is the seconds since the job was queued."""
    if tops_up and is_mended_by_money(error):
        return Verdict(delay=_MONEY, account=True)
    if account_trouble(error) is not None:
        return Verdict(delay=60.0, account=True)
    if age > DAY and not isinstance(error, _DEFINITE):
        return _expired(error)
    for kinds, judge in _RETRIEVE:
        if isinstance(error, kinds):
            return judge(error, tries, now, age)
    return held("answer")


def _expired(error: VeniceError) -> Verdict:
    gone = isinstance(error, BadRequestError | NotFoundError)
    return failed(Charge.CHARGED) if gone else held("overdue")


def _rejected(error: VeniceError, _tries: Tries, _now: float, _age: float) -> Verdict:
    return failed(error.charge)


def _not_found(error: VeniceError, tries: Tries, now: float, age: float) -> Verdict:
    if age < _REPLICATION:
        return Verdict(delay=tries.again("young", _NOT_YET, now, error))
    _, elapsed = tries.count("not found", now)
    # Two such answers half a minute apart: the media is gone, and it was paid for.
    return failed(Charge.CHARGED) if elapsed >= 30.0 else Verdict(delay=30.0)


def _limited(error: VeniceError, tries: Tries, now: float, _age: float) -> Verdict:
    backoff = _LANE if isinstance(error, WalletConcurrencyError) else _LIMIT
    return Verdict(delay=tries.again("limit", backoff, now, error))


def _server_trouble(error: VeniceError, tries: Tries, now: float, _age: float) -> Verdict:
    if getattr(error, "status", 0) != 500:
        tries.count("busy", now)
        return Verdict(delay=0.0, busy=True)
    number, elapsed = tries.count("500", now)
    # The same 500 for twenty minutes is the job's own failure, which the server replays on every poll.
    if _REPLAYED_500.gives_up(number, elapsed) and elapsed >= _BELIEVE_500_AFTER:
        return failed(Charge.UNVERIFIED)
    return Verdict(delay=_REPLAYED_500.delay(number, rng=tries.rng))


def _garbled(error: VeniceError, tries: Tries, now: float, _age: float) -> Verdict:
    return _again_or(held("answer"), tries.again("garbled", _GARBLED, now, error), state=None)


def _forbidden(error: VeniceError, tries: Tries, now: float, _age: float) -> Verdict:
    # Often the edge's word and not Venice's; the job is paid for, so it is not given up at the first one.
    return _again_or(held("answer"), tries.again("forbidden", _REFUSED, now, error), state=None)


def _connection(_error: VeniceError, _tries: Tries, _now: float, _age: float) -> Verdict:
    return Verdict(delay=0.0, busy=True)


def _bad_id(_error: VeniceError, _tries: Tries, _now: float, _age: float) -> Verdict:
    return held("queue_id")


_DEFINITE = (ContentRejectedError, GenerationFailedError)
"""The server's last word about a job, however late it is heard."""

_Judge = Callable[[VeniceError, Tries, float, float], Verdict]
_RETRIEVE: tuple[tuple[type[VeniceError] | tuple[type[VeniceError], ...], _Judge], ...] = (
    (_DEFINITE, _rejected),
    (NotFoundError, _not_found),
    (BadRequestError, _bad_id),
    (PermissionDeniedError, _forbidden),
    (RateLimitError, _limited),
    (ServerError, _server_trouble),
    (UnexpectedReplyError, _garbled),
    (APIConnectionError, _connection),
)


def judge_transfer(error: VeniceError, tries: Tries, now: float) -> Verdict:
    """After an inline body that did not become a file. The server still has it, and is asked again from the start."""
    if (verdict := _no_file(error)) is not None:
        return verdict
    delay = tries.again("transfer", _TRANSFER, now, error)
    return _again_or(held("transfer"), delay, state=JobState.QUEUED)


def judge_link(error: VeniceError, tries: Tries, now: float, *, requests: int) -> Verdict:
    """After a private link that did not become a file. It bears only a few: `requests` are made already, ever."""
    if (verdict := _no_file(error)) is not None:
        return verdict
    if isinstance(error, ConnectError):  # nothing reached the server, so it does not count against the link
        return Verdict(state=JobState.QUEUED, delay=tries.again("connect", _CONNECT, now, error))
    if isinstance(error, GoneError | NotFoundError):
        number, _ = tries.count("link gone", now)
        again = number < 2 and requests <= len(_LINK_WAITS)
        return Verdict(state=JobState.QUEUED, delay=2.0) if again else failed(Charge.CHARGED)
    if requests > len(_LINK_WAITS):
        return held("link")
    if isinstance(error, RateLimitError):
        number, _ = tries.count("link limit", now)
        wait = max(error.retry_after or 0.0, 60.0) + tries.rng.random()
        return Verdict(state=JobState.QUEUED, delay=wait) if number < 3 else held("link")
    if isinstance(error, PermissionDeniedError):
        number, _ = tries.count("link refused", now)
        return Verdict(state=JobState.QUEUED, delay=30.0) if number < 2 else held("link")
    return Verdict(state=JobState.QUEUED, delay=_LINK_WAITS[max(requests, 1) - 1])


def _no_file(error: VeniceError) -> Verdict | None:
    """Trouble on our side of the transfer, which another request would not mend."""
    if isinstance(error, DestinationExistsError):
        return held("destination")
    if isinstance(error, VideoTooLargeError):
        return held("size")
    if isinstance(error, DownloadError) and not isinstance(error, IncompleteDownloadError | InvalidVideoError):
        return held("disk")
    return None


def judge_missing_link(tries: Tries, now: float) -> Verdict:
    """After COMPLETED for a job whose link nobody knows: the server may yet send the file itself."""
    number, _ = tries.count("no link", now)
    return Verdict(delay=20.0) if number <= 3 else held("link")
