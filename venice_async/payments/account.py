"""A wallet's account as the server keeps it: credit and lines. Read only, and free."""

import contextlib
import email.utils
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol, TypeVar

from venice_async.backoff import Backoff
from venice_async.clock import Clock
from venice_async.errors import InvalidRequestError, UnexpectedReplyError, VeniceError
from venice_async.exchanger import Exchanger
from venice_async.governor import Kind
from venice_async.models import WalletBalance, WalletPage, WalletTransaction
from venice_async.wire import wallet as calls
from venice_async.wire.exchange import ReplyHead

T = TypeVar("T")

MOST_PAGES = 500
LARGEST_PAGE = 100

LONGEST_WAIT = 60.0
"""Seconds for which a server is obeyed that asks for patience; above that the error says how many it wants."""

_RETRY = Backoff(base=1.0, cap=20.0, max_attempts=4, max_elapsed=LONGEST_WAIT)
_BRIEF = Backoff(base=1.0, cap=2.0, max_attempts=3)
_BRIEF_WAIT = 5.0


class Payer(Protocol):
    """What a wallet needs of a client."""

    base_url: str
    clock: Clock
    exchanger: Exchanger

    async def again(
        self, attempt: Callable[[], Awaitable[T]], retry: Backoff | None, *, safe: Callable[[VeniceError], bool]
    ) -> T: ...


class Account:
    """What the server tells about one wallet, signed in as that wallet."""

    def __init__(self, client: Payer, address: str) -> None:
        self._client = client
        self._address = address

    async def balance(self) -> WalletBalance:
        """Its credit. Raises UnexpectedReplyError for an answer about another wallet."""
        call = calls.balance_call(self._client.base_url, self._address)
        exchanger = self._client.exchanger
        balance = await patiently(self._client, lambda: exchanger.answer(call, Kind.OTHER, calls.balance_of))
        if not is_same(balance.wallet_address, self._address):
            raise UnexpectedReplyError("The server told the balance of another wallet.", status=200)
        return balance

    async def newest(self) -> frozenset[str] | None:
        """The ids of the newest lines, by which later ones are told from them; None where they cannot be had.

        In short, because a payment waits to be signed.
        """
        page: WalletPage | None = None
        with contextlib.suppress(VeniceError):
            page, _date = await self.page(limit=LARGEST_PAGE, offset=0, read=calls.credits_of, brief=True)
        ids = frozenset(line.id for line in page.transactions) if page is not None else frozenset()
        # Older lines behind a page on which none could be read would look like new ones.
        return ids if ids or (page is not None and not page.has_more) else None

    async def page(
        self,
        *,
        limit: int,
        offset: int,
        read: Callable[[ReplyHead, bytes], WalletPage] = calls.page_of,
        brief: bool = False,
    ) -> tuple[WalletPage, float | None]:
        """So many lines, newest first, as `read` reads them; and the server's time as it tells it."""
        call = calls.transactions_call(self._client.base_url, self._address, limit=limit, offset=offset)
        exchanger = self._client.exchanger

        def dated(head: ReplyHead, body: bytes) -> tuple[WalletPage, float | None]:
            return read(head, body), server_time(head)

        return await patiently(self._client, lambda: exchanger.answer(call, Kind.OTHER, dated), brief=brief)

    async def lines(self, *, page_size: int) -> AsyncGenerator[WalletTransaction, None]:
        """Every line, newest first; see `Wallet.transactions`."""
        if type(page_size) is not int or not 1 <= page_size <= LARGEST_PAGE:
            problem = f"page_size must be a whole number from 1 to {LARGEST_PAGE}."
            raise InvalidRequestError(problem, problems=(problem,))
        seen: set[str] = set()
        offset = 0
        for _ in range(MOST_PAGES):
            page, _date = await self.page(limit=page_size, offset=offset)
            for line in page.transactions:
                # A line that is written between two pages pushes others down, which then come twice.
                if line.id not in seen:
                    seen.add(line.id)
                    yield line
            offset += len(page.transactions)
            if not page.has_more or not page.transactions:
                return
        raise UnexpectedReplyError("The wallet's account does not come to an end.", status=200)


async def patiently(client: Payer, attempt: Callable[[], Awaitable[T]], *, brief: bool = False) -> T:
    """A call that costs nothing, tried again on passing trouble, within a minute or so."""
    retry, longest = (_BRIEF, _BRIEF_WAIT) if brief else (_RETRY, LONGEST_WAIT)

    def passes(error: VeniceError) -> bool:
        return error.transient and (getattr(error, "retry_after", None) or 0.0) <= longest

    try:
        return await client.again(attempt, retry, safe=passes)
    except VeniceError as error:
        failure = error.with_traceback(None)
    asked = getattr(failure, "retry_after", None) or 0.0
    if asked > LONGEST_WAIT:
        said = failure.message.rstrip(".")
        failure.args = (f"{said}. It asks for a pause of {asked:.0f} seconds or more.",)
    raise failure


def is_same(one: str, other: str) -> bool:
    """Whether two addresses are the same wallet's. The case of hex digits means nothing; that of base58 does."""
    return one == other or (other.startswith("0x") and one.lower() == other.lower())


def server_time(head: ReplyHead) -> float | None:
    """Unix seconds by the server's clock, where it tells them."""
    with contextlib.suppress(TypeError, ValueError, OverflowError, OSError):
        return email.utils.parsedate_to_datetime(head.headers.get("date", "")).timestamp()
    return None
