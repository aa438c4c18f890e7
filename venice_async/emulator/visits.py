"""One request's way through the emulator, and what is kept of it."""

import hashlib
import re
from typing import Any, Final

from attrs import define, field, frozen

from venice_async.emulator.faults import Occasion, Stage
from venice_async.emulator.jobs import EmulatedJob
from venice_async.emulator.messages import EmulatedRequest, Refused
from venice_async.emulator.siwx import HEADERS as WALLET_HEADERS
from venice_async.emulator.siwx import claimed
from venice_async.emulator.wallets import EmulatedWallet

API_ROOT: Final = "/api/v1"
MEDIA_ROOT: Final = "/media/"

_REAL_KEY = re.compile(r"VENICE[_-](?:ADMIN|INFERENCE)[_-]KEY[_-][\w-]{30,}", re.IGNORECASE)


@frozen(kw_only=True)
class Route:
    """An endpoint: its name, its one method, whether it wants a credential and a JSON body.

    `takes_wallet` where a wallet may sign in instead of showing a key; `of_wallet` where nothing else will do.
    """

    endpoint: str
    method: str = "POST"
    needs_key: bool = True
    takes_json: bool = True
    takes_wallet: bool = False
    of_wallet: bool = False


_ROUTES: Final = {
    "/video/queue": Route(endpoint="queue", takes_wallet=True),
    "/video/retrieve": Route(endpoint="retrieve", takes_wallet=True),
    "/video/complete": Route(endpoint="complete", takes_wallet=True),
    "/video/quote": Route(endpoint="quote", needs_key=False),
    "/video/transcriptions": Route(endpoint="transcriptions", takes_wallet=True),
    "/models": Route(endpoint="models", method="GET", needs_key=False, takes_json=False),
    "/api_keys/rate_limits": Route(endpoint="rate_limits", method="GET", takes_json=False),
    "/billing/balance": Route(endpoint="balance", method="GET", takes_json=False),
    "/billing/usage-history": Route(endpoint="usage_history", method="GET", takes_json=False),
    "/x402/top-up": Route(endpoint="top_up", needs_key=False, takes_json=False),
}
_WALLET_ROUTES: Final = {
    page: Route(endpoint=f"wallet_{page}", method="GET", takes_json=False, takes_wallet=True, of_wallet=True)
    for page in ("balance", "transactions")
}
_WALLET_PATH = re.compile(r"/x402/(balance|transactions)/[^/]+")


def route_of(path: str) -> Route:
    """The endpoint of a path. Raises Refused with 404 where there is none."""
    if not path.startswith(API_ROOT):
        raise Refused(404, "Not found")
    inner = path.removeprefix(API_ROOT)
    route = _ROUTES.get(inner)
    page = _WALLET_PATH.fullmatch(inner)
    if route is None and page is not None:
        return _WALLET_ROUTES[page[1]]
    if route is None:
        raise Refused(404, "Not found")
    return route


@frozen(kw_only=True)
class RequestRecord:
    """What is remembered of one request: never a credential, a body or a private link.

    `at` is in job seconds, `status` 0 where nothing was answered because of `dropped`. `key` is a short
    hash that tells keys apart. A `violation` is a credential that was sent where none belongs. `wallet` (in
    lower case on EVM) and `nonce` are what a wallet's sign-in names, whether or not it was looked at and held.
    """

    at: float
    method: str
    endpoint: str
    status: int
    model: str | None = None
    queue_id: str | None = None
    job: int | None = None
    key: str | None = None
    had_authorization: bool = False
    had_cookie: bool = False
    had_wallet_sign_in: bool = False
    wallet: str | None = None
    nonce: str | None = None
    violation: str | None = None
    dropped: Stage | None = None


@define(kw_only=True)
class Visit:
    """A request while it is being answered."""

    request: EmulatedRequest
    now: float
    wall: float
    endpoint: str = "unknown"
    key: str | None = field(default=None, repr=False)
    account: str = "anonymous"
    """What limits are kept by: a short hash of the key or of the wallet's address."""
    wallet: EmulatedWallet | None = None
    """Who signed in."""
    nonce: str = field(default="", repr=False)
    """What its sign-in used up."""
    tree: dict[str, Any] = field(factory=dict, repr=False)
    job: EmulatedJob | None = None
    number: int = 0
    delivers: bool = False
    """Whether the answer hands the job's video over, unless something breaks on the way."""

    def text(self, name: str) -> str:
        """A field of the body where it is a text, else nothing."""
        value = self.tree.get(name)
        return value if isinstance(value, str) else ""

    def occasion(self) -> Occasion:
        """The request as faults see it."""
        job = self.job
        return Occasion(
            endpoint=self.endpoint,
            now=self.now,
            model=job.model if job else self.text("model"),
            job=job.number if job else self.number if self.endpoint == "queue" else 0,
            prompt=job.prompt if job else self.text("prompt"),
        )

    def record(self, status: int, dropped: Stage | None) -> RequestRecord:
        """What is kept of it."""
        headers = self.request.headers
        job = self.job
        wallet, nonce = claimed(headers)
        return RequestRecord(
            at=self.now,
            method=self.request.method,
            endpoint=self.endpoint,
            status=status,
            model=job.model if job else self.text("model")[:200] or None,
            queue_id=job.queue_id if job else self.text("queue_id")[:200] or None,
            job=job.number if job else None,
            key=None if self.key is None else self.account,
            had_authorization="authorization" in headers,
            had_cookie="cookie" in headers,
            had_wallet_sign_in=any(name in headers for name in WALLET_HEADERS),
            wallet=wallet,
            nonce=nonce,
            violation=self._violation(),
            dropped=dropped,
        )

    def _violation(self) -> str | None:
        if self.endpoint != "media":
            return None
        sent = [name for name in ("authorization", "cookie", *WALLET_HEADERS) if name in self.request.headers]
        return f"sent to a private link: {', '.join(sent)}" if sent else None


def bearer(request: EmulatedRequest) -> str | None:
    """The API key that a request carries."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def looks_real(key: str) -> bool:
    """Whether a key has the form of those that open paid accounts."""
    return _REAL_KEY.fullmatch(key) is not None


def key_hash(key: str) -> str:
    """A short hash that tells keys apart and gives nothing away."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
