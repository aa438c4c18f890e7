"""What the account's books say about paid calls whose outcome is unknown: a pure comparison, never a decision.

The books tell what was charged, when and under which name; neither our key for a job nor (as far as
anybody knows) its queue_id. So they can show that a charge is there, never bring a video back, and what
anything else on the same account has bought looks just like ours. A person reads the findings and decides.
"""

import enum
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from attrs import frozen

from venice_async.charges import NAMELESS, SKEW, Books, ChargeRow, sent_at
from venice_async.errors import Charge
from venice_async.jobs import JobRecord, JobState

SETTLE = 18 * 60.0
"""Seconds from the sending of a paid call until its charge should be in the books.

Three minutes that the call itself may take, and fifteen for the books.
"""
PROMPT = 5.0
"""Seconds by which a charge may be stamped before its job was sent where a job in doubt could be its owner too."""
_DAY = 24 * 3600.0


class Evidence(enum.Enum):
    """What the books say about one job."""

    CHARGE_FOUND = "charge_found"
    """One charge fits this job, and no other job of the ledger could be the one it was for."""
    AMBIGUOUS = "ambiguous"
    """Several charges fit, or several jobs, or the charge's name does not tell the model."""
    NOTHING_FOUND = "nothing_found"
    """No charge fits, and the time in which one should have appeared is over."""
    REFUNDED = "refunded"
    """It was charged and given back."""
    TOO_EARLY = "too_early"
    """No charge fits yet, and one may still appear."""


@frozen(kw_only=True)
class Finding:
    """What the books say about one job.

    `rows` are the charges and refunds that this rests on, `sentence` says it for a person. `settled`
    goes with NOTHING_FOUND: the charges of the ledger's other jobs are there without a gap up to one that
    was sent later (by more than the clocks may differ), so the books are up to date. Without it nothing is proved.
    """

    job_id: str
    verdict: Evidence
    rows: tuple[ChargeRow, ...] = ()
    sentence: str
    settled: bool = False


def period(
    unknown: Iterable[JobRecord], known: Iterable[JobRecord], now: float, *, settle: float = SETTLE
) -> tuple[datetime, datetime]:
    """From when to when the books are needed for these jobs, of which there must be one at least.

    It begins at a quiet moment of the ledger, a day back at most: a charge that belongs to a job from
    before it would be left over, and look like that of a job in doubt.
    """
    first = min(map(sent_at, unknown)) - SKEW
    earliest = first - _DAY
    for record in sorted(filter(_surely_charged, known), key=sent_at, reverse=True):
        if sent_at(record) + settle < first:
            break
        first = min(first, sent_at(record) - SKEW)
    # Whole seconds: rounded up by a microsecond, the period would leave out the very job that it begins with.
    start, end = math.floor(max(first, earliest)), math.ceil(now + SKEW)
    return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)


def findings(
    unknown: Iterable[JobRecord],
    rows: Iterable[ChargeRow],
    known: Iterable[JobRecord],
    now: float,
    *,
    since: datetime,
    settle: float = SETTLE,
    gap: str = "",
) -> list[Finding]:
    """What the books say about each job of unknown outcome, in the order given. Decides and sends nothing.

    `rows` are all there are `since` the start of the `period` of these jobs. `known` are the other jobs
    of the ledger, in any state: what was charged for them is taken out first. Every row counts for one
    job at most. `now` is Unix seconds, and `settle` is how many of them after its sending a job's charge
    should be in the books. Where the books are known to have a `gap` (said as the
    end of a sentence), what they lack proves nothing.
    """
    doubted = list(unknown)
    if not doubted:
        return []
    in_doubt = {record.id for record in doubted}
    others = [record for record in known if record.id not in in_doubt]
    books = Books(rows, models={record.model for record in (*doubted, *others)}, settle=settle)
    case = _Case(books, doubted, others, since=since.timestamp(), gap=gap)
    return [case.finding(record, now) for record in doubted]


class _Case:
    """All jobs beside the books: which row is whose, as far as that can be told."""

    def __init__(
        self, books: Books, doubted: Sequence[JobRecord], others: Sequence[JobRecord], *, since: float, gap: str
    ) -> None:
        self._books = books
        self._gap = gap
        self._wanted = {row.id for record in doubted for row in books.charges_for(record)}
        charged = [record for record in others if _surely_charged(record) and sent_at(record) - SKEW >= since]
        self._paid = {record.id: record for record in sorted(charged, key=sent_at)}
        self._taken: dict[str, str] = {}
        for record in self._paid.values():
            self._take(record)
        self._complete_until = self._watermark()
        for record in sorted(doubted, key=sent_at):
            self._make_room(record)
        perhaps = [record for record in others if _perhaps_charged(record)]
        self._claims = self._claims_of((*doubted, *perhaps))
        self._given_back = _Refunds(books, others, since=since)
        self._alone = [record for record in doubted if self._sole_charge(record)]

    def _take(self, record: JobRecord) -> bool:
        """Give a job that was charged the best row that is free."""
        row = next((row for row in self._plausible(record) if row.id not in self._taken), None)
        if row is not None:
            self._taken[row.id] = record.id
        return row is not None

    def _plausible(self, record: JobRecord) -> Iterator[ChargeRow]:
        # Stamped well before the job was sent: the clocks differ, or it is another job's. Where there is one, that.
        earliest = sent_at(record) - PROMPT
        return (row for row in self._books.charges_for(record) if row.at >= earliest or row.id not in self._wanted)

    def _make_room(self, record: JobRecord) -> None:
        """The nearest row is not always the right one: whoever took the only one of a job in doubt may have another."""
        fitting = list(self._books.charges_for(record))
        if any(row.id not in self._taken for row in fitting):
            return
        left = [row.at for row in self._books.charges_like(record) if row.id not in self._taken]
        for row in fitting:
            holder = self._paid[self._taken[row.id]]
            first, last = self._books.time_of(holder)
            if any(first <= at <= last for at in left) and self._take(holder):
                del self._taken[row.id]
                return

    def _free(self, record: JobRecord) -> list[ChargeRow]:
        return [row for row in self._books.charges_for(record) if row.id not in self._taken]

    def _claims_of(self, records: Iterable[JobRecord]) -> Mapping[str, set[str]]:
        claims: dict[str, set[str]] = defaultdict(set)
        for record in records:
            for row in self._free(record):
                claims[row.id].add(record.id)
        return claims

    def _watermark(self) -> float:
        """When the last job was sent up to which every charge of ours is in the books, by a name that we can read."""
        until, taken = float("-inf"), {job: row for row, job in self._taken.items()}
        for record in self._paid.values():
            row = taken.get(record.id)
            if row is None or not self._books.names(row):
                break
            until = sent_at(record)
        return until

    def _sole_charge(self, record: JobRecord) -> ChargeRow | None:
        free = self._free(record)
        sole = len(free) == 1 and self._books.names(free[0].id) and self._claims[free[0].id] == {record.id}
        return free[0] if sole else None

    def finding(self, record: JobRecord, now: float) -> Finding:
        if (row := self._sole_charge(record)) is not None:
            return self._charged(record, row)
        if free := self._free(record):
            return self._ambiguous(record, free)
        end = sent_at(record) + self._books.settle
        if now < end:
            sentence = f"No charge fits yet, and one may still appear. Look again after {_instant(end)}."
            return Finding(job_id=record.id, verdict=Evidence.TOO_EARLY, sentence=sentence)
        settled = not self._gap and self._complete_until > sent_at(record) + SKEW
        sentence = _NOT_THERE if settled else _GAP.format(self._gap) if self._gap else _NO_PROOF
        return Finding(job_id=record.id, verdict=Evidence.NOTHING_FOUND, sentence=sentence, settled=settled)

    def _charged(self, record: JobRecord, row: ChargeRow) -> Finding:
        back, sure = self._given_back.of(record, row, [other for other in self._alone if other is not record])
        if back and sure:
            sentence = f"It was charged ({_told(row)}) and given back ({_told(back[0])})."
            return Finding(job_id=record.id, verdict=Evidence.REFUNDED, rows=(row, back[0]), sentence=sentence)
        sentence = f"One charge fits, and no other job of this ledger: {_told(row)}. {_ALONE}"
        if back:
            sentence += " There is a refund of this amount as well; whether it belongs to this job cannot be told."
        return Finding(job_id=record.id, verdict=Evidence.CHARGE_FOUND, rows=(row, *back), sentence=sentence)

    def _ambiguous(self, record: JobRecord, free: Sequence[ChargeRow]) -> Finding:
        rivals = set[str]().union(*(self._claims[row.id] for row in free))
        if any(self._books.names(row.id) for row in free):
            sentence = f"{_count(len(free), 'charge fits', 'charges fit')} {_count(len(rivals), 'job', 'jobs')}: "
            sentence += f"{_list(free)}. Which is whose, if any, cannot be told. {_ALONE}"
        else:
            sentence = f"There is a charge of this price under a name that does not tell the model: {_list(free)}."
        return Finding(job_id=record.id, verdict=Evidence.AMBIGUOUS, rows=tuple(free), sentence=sentence)


class _Refunds:
    """What was given back, without what belongs to jobs that are known to be refunded."""

    def __init__(self, books: Books, others: Sequence[JobRecord], *, since: float) -> None:
        self._books = books
        self._taken: set[str] = set()
        for record in others:
            if record.charge is Charge.REFUNDED and (record.finished_at or sent_at(record)) >= since:
                row = next((row for row in books.refunds_for(record) if row.id not in self._taken), None)
                self._taken |= {row.id} if row else set()
        self._rivals = [record for record in others if record.state in _ENDED and record.charge in _MAY_COME_BACK]

    def of(
        self, record: JobRecord, charge: ChargeRow, others: Iterable[JobRecord]
    ) -> tuple[tuple[ChargeRow, ...], bool]:
        """The refunds that fit a job's charge, and whether one of them is that charge's without doubt."""
        fitting = tuple(row for row in self._books.refunds_for(record) if self._follows(row, charge))
        for row in fitting:
            if charge.request_id is not None and row.request_id == charge.request_id:
                return (row,), True
        rivals = [
            rival for rival in (*self._rivals, *others) if not set(fitting).isdisjoint(self._books.refunds_for(rival))
        ]
        return fitting, len(fitting) == 1 and not rivals

    def _follows(self, row: ChargeRow, charge: ChargeRow) -> bool:
        told = row.request_id is not None and charge.request_id is not None
        same = row.request_id == charge.request_id if told else row.id not in self._taken
        return same and row.at >= charge.at


_ENDED = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.HELD})
_MAY_COME_BACK = frozenset({Charge.CHARGED, Charge.UNVERIFIED})
_ALONE = "This holds as long as nothing but this ledger buys on the account."
_NOT_THERE = (
    "No charge fits, and the books hold those of the jobs before and after it: most likely it was not charged. "
    "Before you act on it, look once more in five minutes or later."
)
_NO_PROOF = (
    "No charge fits, but nothing shows that the books are complete: for that they must hold the charges of the jobs "
    "around it and of a later one. Look again when another job was paid for."
)
_GAP = "No charge fits, but that proves nothing: {}."


def _surely_charged(record: JobRecord) -> bool:
    return record.charge in {Charge.CHARGED, Charge.REFUNDED} or record.queue_id is not None


def _perhaps_charged(record: JobRecord) -> bool:
    doubtful = record.charge is Charge.UNVERIFIED or record.state is JobState.QUEUEING
    return doubtful and not _surely_charged(record)


def _told(row: ChargeRow) -> str:
    amount = "an amount not told in dollars" if row.amount_usd is None else f"${_cents(row.amount_usd)}"
    return f"{amount} for {row.model or row.sku or NAMELESS} at {_instant(row.at)}"


def _cents(usd: Decimal) -> Decimal:
    """With two decimals at least."""
    exponent = usd.normalize().as_tuple().exponent
    return usd.quantize(Decimal("0.01")) if isinstance(exponent, int) and exponent > -2 else usd


def _list(rows: Sequence[ChargeRow]) -> str:
    more = f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
    return "; ".join(map(_told, rows[:3])) + more


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
