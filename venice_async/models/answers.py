"""What is answered: prices, jobs, their status, and the account."""

from datetime import datetime
from decimal import Decimal

from attrs import field, frozen


@frozen(kw_only=True)
class Quote:
    """A price in US dollars. Asking for it creates no job and charges nothing."""

    usd: Decimal


@frozen(kw_only=True)
class QueuedVideo:
    """A job that the server has taken, and charged.

    `download_url` is there for some (private) models only and is shown once: whoever has it has the
    video, so it is kept out of the repr; treat it as a secret.
    """

    model: str
    queue_id: str
    download_url: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Processing:
    """The video is not ready. Seconds; None where the answer does not say.

    `average_execution_time` is the P80 of the model's execution times: about 4 jobs in 5 are done by
    then. `execution_duration` is how long this one has run.
    """

    status: str = "PROCESSING"
    average_execution_time: float | None = None
    execution_duration: float | None = None


@frozen(kw_only=True)
class Completed:
    """The video is ready at the `download_url` of the queue answer: fetch it there."""

    status: str = "COMPLETED"
    average_execution_time: float | None = None
    execution_duration: float | None = None


@frozen(kw_only=True)
class Transcript:
    """What is said in a video; `lang` is the detected language, None for the plain-text form."""

    transcript: str
    lang: str | None = None


@frozen(kw_only=True)
class ModelRateLimit:
    """One limit of the account: `amount` per period `type` (RPM: a minute, RPD: a day)."""

    model: str | None
    type: str
    amount: int


@frozen(kw_only=True)
class AccountLimits:
    """What the account may do and what is left, from `GET /api_keys/rate_limits`."""

    access_permitted: bool
    tier: str
    usd: Decimal | None = None
    diem: Decimal | None = None
    limits: tuple[ModelRateLimit, ...] = ()


@frozen(kw_only=True)
class UsageRow:
    """One line of the account's books, from `GET /billing/usage-history`.

    `amount` is signed: below nothing for a charge, above it for money given back. It is in `currency`,
    which need not be dollars; `usd` is what the line is worth in them. `request_id` is the server's name
    for the request, and often missing: nobody promises that it is a queue_id.
    """

    timestamp: datetime
    sku: str
    amount: Decimal
    currency: str = "USD"
    units: Decimal | None = None
    price_per_unit_usd: Decimal | None = None
    notes: str = ""
    request_id: str | None = None

    @property
    def usd(self) -> Decimal | None:
        """US dollars, never below nothing; None where a line in another currency does not tell its price."""
        if self.currency.upper() == "USD":
            return abs(self.amount)
        if self.units is None or self.price_per_unit_usd is None:
            return None
        return abs(self.units * self.price_per_unit_usd)
