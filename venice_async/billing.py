"""The account's books: what was charged and given back, as the server tells it. Read only, and free."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeVar

from venice_async.auth import ApiKeyAuth
from venice_async.backoff import Backoff
from venice_async.clock import Clock
from venice_async.errors import (
    AuthenticationError,
    InvalidRequestError,
    PermissionDeniedError,
    UnexpectedReplyError,
    VeniceError,
)
from venice_async.exchanger import Exchanger
from venice_async.governor import Governor, Kind
from venice_async.limits import RateLimits
from venice_async.models import UsageRow
from venice_async.wire import calls, replies
from venice_async.wire.exchange import Call

T = TypeVar("T")

MOST_PAGES = 500
"""Of a thousand lines each. Whoever has more than that in one period asks for a shorter one."""

_RETRY = Backoff(base=1.0, cap=20.0, max_attempts=4)
_WANTS_ADMIN = "The account's books take an admin key; the keys that make videos are refused."


class Reader(Protocol):
    """What reading the books needs of a client."""

    base_url: str
    clock: Clock
    exchanger: Exchanger

    def check_credential(self) -> None: ...

    async def again(
        self, attempt: Callable[[], Awaitable[T]], retry: Backoff | None, *, safe: Callable[[VeniceError], bool]
    ) -> T: ...


async def usage_history(
    client: Reader, start: datetime, end: datetime, *, admin_key: str | None
) -> tuple[UsageRow, ...]:
    """Every line from `start` up to and without `end`, oldest first; see `VeniceClient.usage_history`.

    The pages are read one after the other, each tried again on passing trouble. Raises
    UnexpectedReplyError where they do not come to an end.
    """
    _check(start, end)
    if admin_key is None:
        client.check_credential()
    exchanger = client.exchanger if admin_key is None else _for_admin(client, admin_key)
    rows: list[UsageRow] = []
    call, seen = calls.usage_call(client.base_url, start, end), set[str]()
    while True:
        more, cursor = await _page(client, exchanger, call)
        rows += more
        if cursor is None:
            return tuple(rows)
        if cursor in seen or len(seen) >= MOST_PAGES:
            raise UnexpectedReplyError("The account's books do not come to an end.", status=200)
        seen.add(cursor)
        call = calls.more_usage_call(client.base_url, cursor)


async def _page(client: Reader, exchanger: Exchanger, call: Call) -> tuple[tuple[UsageRow, ...], str | None]:
    try:
        return await client.again(
            lambda: exchanger.answer(call, Kind.OTHER, replies.usage_page_of), _RETRY, safe=_passes
        )
    except (AuthenticationError, PermissionDeniedError) as error:
        error.advice = _WANTS_ADMIN
        raise


def _for_admin(client: Reader, admin_key: str) -> Exchanger:
    # Limits of its own: the server counts by key, and what it says of this one is not true of the client's.
    governor = Governor(RateLimits(), client.clock)
    return Exchanger(transport=client.exchanger.transport, governor=governor, auth=ApiKeyAuth(admin_key))


def _check(start: datetime, end: datetime) -> None:
    problem = ""
    if start.tzinfo is None or end.tzinfo is None:
        problem = "The instants of a usage history need a time zone."
    elif start >= end:
        problem = "A usage history ends after it begins."
    if problem:
        raise InvalidRequestError(problem, problems=(problem,))


def _passes(error: VeniceError) -> bool:
    return error.transient
