"""What the account's books say about jobs in doubt."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from harness import job_record

from venice_async.charges import SKEW, ChargeKind, ChargeRow
from venice_async.errors import Charge
from venice_async.jobs import JobRecord, JobState
from venice_async.reconcile import SETTLE, Evidence, findings, period

SENT = 1_800_000_000.0
LATER = SENT + 2 * SETTLE
BEGINNING = datetime.fromtimestamp(SENT - 86_400, UTC)
PRICE = Decimal("0.40")
MODEL = "wan-2.6-text-to-video"


def doubted(number: int = 1, **changes: Any) -> JobRecord:
    facts = {
        "model": MODEL, "state": JobState.UNKNOWN, "charge": Charge.UNVERIFIED, "queueing_at": SENT,
        "price_usd": PRICE,
    }  # fmt: skip
    return job_record(number, **{**facts, **changes})


def paid(number: int = 50, sent: float = SENT + 200, **changes: Any) -> JobRecord:
    facts = {
        "model": MODEL, "state": JobState.QUEUED, "charge": Charge.CHARGED, "queueing_at": sent, "queued_at": sent + 1,
        "queue_id": f"q-{number}", "price_usd": PRICE,
    }  # fmt: skip
    return job_record(number, **{**facts, **changes})


def charge(number: int = 1, at: float = SENT + 1, **changes: Any) -> ChargeRow:
    facts: dict[str, Any] = {"id": f"row-{number}", "at": at, "amount_usd": PRICE, "sku": f"{MODEL}-video"}
    return ChargeRow(**{**facts, **changes})


def refund(number: int = 90, at: float = SENT + 300, **changes: Any) -> ChargeRow:
    return charge(number, at, kind=ChargeKind.REFUND, **changes)


def verdicts(
    unknown: list[JobRecord], rows: list[ChargeRow], known: list[JobRecord] | None = None, now: float = LATER
) -> list[tuple[str, tuple[str, ...], bool]]:
    """Each finding as its verdict, the rows it rests on, and whether it is settled."""
    found = findings(unknown, rows, known or [], now, since=BEGINNING)
    assert [finding.job_id for finding in found] == [record.id for record in unknown]
    return [(finding.verdict.value, tuple(row.id for row in finding.rows), finding.settled) for finding in found]


FOUND = ("charge_found", ("row-1",), False)
NOTHING = ("nothing_found", (), False)
NOT_THERE = ("nothing_found", (), True)
EARLY = ("too_early", (), False)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(charge(), FOUND, id="the price, the name, the moment"),
        pytest.param(charge(at=SENT - SKEW), FOUND, id="the server's clock is behind by all that it may be"),
        pytest.param(charge(at=SENT - SKEW - 1), NOTHING, id="before the call was sent"),
        pytest.param(charge(at=SENT + SETTLE), FOUND, id="at the last moment"),
        pytest.param(charge(at=SENT + SETTLE + 1), NOTHING, id="too late to be ours"),
        pytest.param(charge(amount_usd=Decimal("0.404")), FOUND, id="one percent more"),
        pytest.param(charge(amount_usd=Decimal("0.396")), FOUND, id="one percent less"),
        pytest.param(charge(amount_usd=Decimal("0.4041")), NOTHING, id="more than one percent more"),
        pytest.param(charge(amount_usd=Decimal("0.3959")), NOTHING, id="more than one percent less"),
        pytest.param(charge(amount_usd=None), FOUND, id="an amount that is not told in dollars"),
        pytest.param(charge(sku=MODEL), FOUND, id="the model's own name"),
        pytest.param(charge(sku=f"{MODEL.upper()}-Video"), FOUND, id="in other letters"),
        pytest.param(charge(sku=None, model=MODEL), FOUND, id="a row that names the model itself"),
        pytest.param(charge(sku=None, model=None), NOTHING, id="a row without any name"),
        pytest.param(charge(sku="gpt-chat", amount_usd=Decimal("0.01")), NOTHING, id="something else altogether"),
        pytest.param(refund(1, SENT + 1), NOTHING, id="money that came back and never went"),
    ],
)
def test_one_row_beside_one_job(row: ChargeRow, expected: tuple[str, tuple[str, ...], bool]) -> None:
    """A charge fits by its name, its price and its moment."""
    assert verdicts([doubted()], [row]) == [expected]


@pytest.mark.parametrize("name", [{"sku": "video-generation"}, {"sku": None, "model": "wan-2.7-text-to-video"}])
def test_a_name_that_cannot_be_read_is_no_proof(name: dict[str, str | None]) -> None:
    """How the books name a model is not documented: the right price at the right moment is at least a doubt."""
    assert verdicts([doubted()], [charge(**name)]) == [("ambiguous", ("row-1",), False)]
    assert verdicts([doubted(price_usd=None)], [charge(**name)]) == [NOTHING]


def test_a_readable_name_goes_before_one_that_is_not() -> None:
    """The known job takes the row with its name, and leaves the doubtful one to the job in doubt."""
    rows = [charge(1, SENT + 201), charge(2, SENT + 201, sku="video-generation")]
    assert verdicts([doubted()], rows, [paid()]) == [("ambiguous", ("row-2",), False)]


def test_the_name_of_a_longer_model_is_not_ours() -> None:
    """Where the ledger knows a model whose name begins with this one's, the row is that one's."""
    fast = paid(model=f"{MODEL}-fast", price_usd=Decimal(9))
    row = charge(sku=f"{MODEL}-fast-video")
    assert verdicts([doubted()], [row], [fast]) == [NOTHING]
    assert verdicts([doubted()], [charge(sku=f"{MODEL}2-video", amount_usd=Decimal(1))]) == [NOTHING]


def test_a_price_that_is_not_known_cannot_speak_against_a_row() -> None:
    """The name and the moment have to do."""
    assert verdicts([doubted(price_usd=None)], [charge(amount_usd=Decimal(7))]) == [FOUND]


def test_too_early() -> None:
    """Before the books have had their time, nothing is said about what is not there; after it, it is."""
    assert verdicts([doubted()], [], now=SENT + SETTLE - 1) == [EARLY]
    assert verdicts([doubted()], [], now=SENT + SETTLE) == [NOTHING]
    (finding,) = findings([doubted()], [], [], SENT + 1, since=BEGINNING)
    assert datetime.fromtimestamp(SENT + SETTLE, UTC).isoformat(sep=" ")[:19] in finding.sentence


def test_a_charge_is_found_at_once() -> None:
    """There is no need to wait for what is there."""
    assert verdicts([doubted()], [charge()], now=SENT + 5) == [FOUND]


@pytest.mark.parametrize(
    ("known", "rows", "expected"),
    [
        pytest.param(paid(), [charge(1, SENT + 201)], NOT_THERE, id="a later charge of ours is there"),
        pytest.param(paid(sent=SENT + SKEW), [charge(1, SENT + SKEW)], NOTHING, id="later by too little"),
        pytest.param(paid(), [], NOTHING, id="the later one is not there either"),
        pytest.param(paid(sent=SENT - 60), [charge(1, SENT - 59)], NOTHING, id="only an earlier one is there"),
        pytest.param(
            paid(sent=SENT + 3600), [charge(1, SENT + 3601)], NOT_THERE, id="a much later one is there"
        ),
        pytest.param(
            paid(model="other", price_usd=Decimal(2)),
            [charge(1, SENT + 201, sku="other-video", amount_usd=Decimal(2))], NOT_THERE, id="of whatever model",
        ),
        pytest.param(
            paid(model="other", price_usd=Decimal(2)), [charge(1, SENT + 201, sku="thing", amount_usd=Decimal(2))],
            NOTHING, id="but not under a name that nobody can read",
        ),
        pytest.param(
            paid(state=JobState.FAILED, charge=Charge.NONE, queue_id=None, queued_at=None), [], NOTHING,
            id="a later job that was refused proves nothing",
        ),
    ],
)  # fmt: skip
def test_the_watermark(known: JobRecord, rows: list[ChargeRow], expected: tuple[str, tuple[str, ...], bool]) -> None:
    """That nothing is there means something only where the books are shown to be up to date."""
    assert verdicts([doubted()], rows, [known]) == [expected]
    early = verdicts([doubted()], rows, [known], now=SENT + 5)
    assert early == [EARLY]


def test_books_that_are_known_to_have_a_gap() -> None:
    """What they lack proves nothing, and the sentence says why; what they have is found as ever."""
    later = [paid(50, SENT + 200)]
    rows = [charge(2, SENT + 200)]
    (finding,) = findings([doubted()], rows, later, LATER, since=BEGINNING)
    assert (finding.verdict, finding.settled) == (Evidence.NOTHING_FOUND, True)
    (finding,) = findings([doubted()], rows, later, LATER, since=BEGINNING, gap="a line is missing")
    assert (finding.verdict, finding.settled) == (Evidence.NOTHING_FOUND, False)
    assert finding.sentence == "No charge fits, but that proves nothing: a line is missing."
    (finding,) = findings([doubted()], [charge(), *rows], later, LATER, since=BEGINNING, gap="a line is missing")
    assert finding.verdict is Evidence.CHARGE_FOUND


def test_a_gap_in_the_books() -> None:
    """Where the charge of any job before the later one is missing, the later one proves nothing."""
    known = [paid(2, SENT - 60), paid(3, SENT + 30, model="other", price_usd=Decimal(2)), paid(4, SENT + 200)]
    rows = [charge(2, SENT - 59), charge(4, SENT + 201)]
    assert verdicts([doubted()], rows, known) == [NOTHING]
    rows += [charge(3, SENT + 31, sku="other-video", amount_usd=Decimal(2))]
    assert verdicts([doubted()], rows, known) == [NOT_THERE]


def test_a_later_job_does_not_take_an_earlier_charge() -> None:
    """A charge stamped a minute before the known job was sent is the one in doubt's, unless nobody else wants it."""
    assert verdicts([doubted()], [charge(1, SENT + 1)], [paid(sent=SENT + 60)]) == [FOUND]
    assert verdicts([doubted()], [charge(1, SENT + 1)], [paid(sent=SENT + 5)]) == [NOTHING]


def test_known_jobs_take_their_rows_first() -> None:
    """A row is for one job at most: two equal jobs and one row leave nothing for the one in doubt."""
    known = paid(sent=SENT + 2)
    assert verdicts([doubted()], [charge(1, SENT + 3)], [known]) == [NOTHING]
    assert verdicts([doubted()], [charge(1, SENT + 1), charge(2, SENT + 3)], [known]) == [FOUND]


def test_a_known_job_moves_on_where_it_can() -> None:
    """The nearest row is not always the right one: what explains more jobs is preferred."""
    known = paid(sent=SENT - SETTLE + 60, queued_at=SENT - SETTLE + 61)
    rows = [charge(1, SENT + 50), charge(2, SENT - SETTLE + 600)]
    assert verdicts([doubted()], rows, [known]) == [FOUND]
    assert verdicts([doubted()], rows[:1], [known]) == [NOTHING]


def test_a_person_s_word_counts() -> None:
    """A job that was resolved as charged takes its row; one that was resolved as not charged takes none."""
    charged = doubted(9, state=JobState.FAILED, charge=Charge.CHARGED)
    free = doubted(9, state=JobState.FAILED, charge=Charge.NONE)
    assert verdicts([doubted()], [charge()], [charged]) == [NOTHING]
    assert verdicts([doubted()], [charge()], [free]) == [FOUND]


@pytest.mark.parametrize(
    "rival",
    [
        doubted(9, state=JobState.CANCELLED),
        doubted(9, state=JobState.QUEUEING, charge=Charge.NONE),
    ],
)
def test_other_jobs_in_doubt_make_it_ambiguous(rival: JobRecord) -> None:
    """One that was given up, or is on its way just now, may be the one that the charge was for."""
    assert verdicts([doubted()], [charge()], [rival]) == [("ambiguous", ("row-1",), False)]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_two_equal_jobs_cannot_be_told_apart(rows: int) -> None:
    """Whether there are fewer charges than jobs, as many, or more."""
    books = [charge(number, SENT + number) for number in range(1, rows + 1)]
    ids = tuple(row.id for row in books)
    found = verdicts([doubted(1), doubted(2, queueing_at=SENT + 1)], books)
    assert [(verdict, sorted(about)) for verdict, about, _ in found] == [("ambiguous", [*ids])] * 2


def test_more_charges_than_jobs() -> None:
    """Something else buys on this account: which charge is ours cannot be told."""
    (finding,) = findings([doubted()], [charge(1), charge(2, SENT + 9)], [], LATER, since=BEGINNING)
    assert finding.verdict is Evidence.AMBIGUOUS
    assert finding.sentence.startswith("2 charges fit 1 job: $0.40 for wan-2.6-text-to-video-video at ")


def test_jobs_of_different_prices_do_not_disturb_each_other() -> None:
    """Each has its own charge."""
    dear = doubted(2, price_usd=Decimal(2))
    rows = [charge(1), charge(2, amount_usd=Decimal(2))]
    assert verdicts([doubted(), dear], rows) == [FOUND, ("charge_found", ("row-2",), False)]


def test_jobs_of_different_hours_do_not_disturb_each_other() -> None:
    """Equal jobs far enough apart each have their own time."""
    late = doubted(2, queueing_at=SENT + 10_000)
    assert verdicts([doubted(), late], [charge()], now=SENT + 20_000) == [FOUND, NOTHING]


def test_rows_that_are_told_twice_count_once() -> None:
    """Pages that overlap repeat rows."""
    assert verdicts([doubted()], [charge(), charge()]) == [FOUND]


def test_a_refund() -> None:
    """A charge that came back, with both rows to show for it."""
    assert verdicts([doubted()], [charge(), refund()]) == [("refunded", ("row-1", "row-90"), False)]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(refund(at=SENT + 0.5), id="before the charge"),
        pytest.param(refund(amount_usd=Decimal(3)), id="of another amount"),
        pytest.param(refund(sku="other-video", amount_usd=Decimal(3)), id="of another model"),
    ],
)
def test_a_refund_of_something_else(row: ChargeRow) -> None:
    """It says nothing about our charge."""
    assert verdicts([doubted()], [charge(), row]) == [FOUND]


def test_a_refund_that_belongs_to_a_known_job() -> None:
    """What a job is known to have got back is taken out first."""
    known = paid(sent=SENT + 200, state=JobState.FAILED, charge=Charge.REFUNDED, finished_at=SENT + 299)
    rows = [charge(1), charge(2, SENT + 201), refund()]
    assert verdicts([doubted()], rows, [known]) == [FOUND]
    (verdict, *_) = verdicts([doubted()], [*rows, refund(91, SENT + 400)], [known])[0]
    assert verdict == "refunded"


def test_a_refund_that_may_belong_to_another() -> None:
    """A job that failed without a word about its money may be the one: then it is told, and not believed."""
    known = paid(sent=SENT + 200, state=JobState.FAILED, charge=Charge.UNVERIFIED)
    (finding,) = findings([doubted()], [charge(1), charge(2, SENT + 201), refund()], [known], LATER, since=BEGINNING)
    assert finding.verdict is Evidence.CHARGE_FOUND
    assert [row.id for row in finding.rows] == ["row-1", "row-90"]
    assert "cannot be told" in finding.sentence


def test_two_charges_and_one_refund() -> None:
    """One refund is not believed to be two jobs' at once."""
    other = doubted(2, queueing_at=SENT + 3000)
    rows = [charge(1), charge(2, SENT + 3001), refund(at=SENT + 3400)]
    found = verdicts([doubted(), other], rows, now=SENT + 9000)
    assert [verdict for verdict, *_ in found] == ["charge_found", "charge_found"]


def test_a_request_id_settles_whose_refund_it_is() -> None:
    """The same id on both rows is proof, another one is disproof."""
    known = paid(sent=SENT + 200, state=JobState.FAILED, charge=Charge.UNVERIFIED)
    rows = [charge(1, request_id="r-1"), charge(2, SENT + 201), refund(request_id="r-1")]
    assert verdicts([doubted()], rows, [known]) == [("refunded", ("row-1", "row-90"), False)]
    rows = [charge(1, request_id="r-1"), refund(request_id="r-2")]
    assert verdicts([doubted()], rows) == [FOUND]


def test_a_job_is_not_its_own_rival() -> None:
    """Who hands in the whole ledger as known jobs gets the same answer."""
    assert verdicts([doubted()], [charge()], [doubted(), paid()]) == [("charge_found", ("row-1",), False)]


def test_a_record_without_an_instant_of_sending() -> None:
    """Its beginning has to do."""
    record = doubted(queueing_at=None, created_at=SENT)
    assert verdicts([record], [charge()]) == [FOUND]


def test_nothing_in_doubt() -> None:
    """Then the books are not looked at."""
    assert findings([], [charge()], [paid()], LATER, since=BEGINNING) == []


@pytest.mark.parametrize("lag", [0.0, 30.0, 400.0])
def test_one_of_many_equal_jobs(lag: float) -> None:
    """Within an hour of equal jobs, however late their charges are stamped, one charge too many is told from none."""
    known = [paid(number, SENT + 1.5 * number) for number in range(2, 1200)]
    rows = [charge(number, SENT + 1.5 * number + lag) for number in range(2, 1200)]
    record = doubted(queueing_at=SENT + 600.3)
    assert verdicts([record], rows, known, now=LATER + 3600) == [NOT_THERE]
    ((verdict, about, _),) = verdicts([record], [*rows, charge(9999, SENT + 601 + lag)], known, now=LATER + 3600)
    assert (verdict, len(about)) == ("charge_found", 1)


def test_books_that_stop_prove_nothing() -> None:
    """Where the charges end before the job in doubt was sent, its own may still come."""
    known = [paid(number, SENT + 1.5 * number) for number in range(2, 802)]
    rows = [charge(number, SENT + 1.5 * number) for number in range(2, 302)]
    assert verdicts([doubted(queueing_at=SENT + 600)], rows, known) == [NOTHING]


def test_jobs_from_before_the_period_take_nothing() -> None:
    """Their charges are not among the rows, so that they would take others'."""
    earlier = [paid(number, SENT - 3600 + number) for number in range(2, 20)]
    (finding,) = findings([doubted()], [charge()], earlier, LATER, since=datetime.fromtimestamp(SENT - SKEW, UTC))
    assert finding.verdict is Evidence.CHARGE_FOUND


def asked(unknown: list[JobRecord], known: list[JobRecord]) -> tuple[float, float]:
    start, end = period(unknown, known, LATER)
    assert start.tzinfo is end.tzinfo is UTC
    return start.timestamp() - SENT, end.timestamp() - SENT


def test_the_period_to_ask_for() -> None:
    """From a little before the first job in doubt was sent until a little after now."""
    assert asked([doubted(2, queueing_at=SENT + 999), doubted()], []) == (-SKEW, LATER - SENT + SKEW)
    assert asked([doubted()], [paid(sent=SENT + 50)])[0] == -SKEW


def test_the_period_begins_at_a_quiet_moment() -> None:
    """It goes back as long as an earlier job's charge could be within it, and a day at most."""
    assert asked([doubted()], [paid(sent=SENT - SETTLE - SKEW - 1)])[0] == -SKEW
    assert asked([doubted()], [paid(sent=SENT - SETTLE)])[0] == -SETTLE - SKEW
    chain = [paid(number, SENT - 1000.0 * number) for number in (1, 2, 3, 9)]
    assert asked([doubted()], chain)[0] == -3000 - SKEW
    refused = paid(4, SENT - 4000, charge=Charge.NONE, queue_id=None)
    assert asked([doubted()], [*chain, refused])[0] == -3000 - SKEW
    week = [paid(number, SENT - 1000.0 * number) for number in range(1, 600)]
    assert asked([doubted()], week)[0] == -86_400 - SKEW


@pytest.mark.parametrize("fraction", [0.0, 0.1234564, 0.1234567, 0.4999999, 0.9999996])
def test_the_first_job_of_the_period_has_its_charge(fraction: float) -> None:
    """However its instant rounds: a charge that is left over would look like that of the job in doubt."""
    at = 1_795_279_979 + fraction
    known, doubt = paid(1, at), doubted(2, queueing_at=at + 10)
    row = ChargeRow(id="1", at=at + 0.5, amount_usd=known.price_usd, model=known.model)
    start, end = period([doubt], [known, doubt], at + 5000)
    assert start.timestamp() <= at - SKEW
    assert at + 5000 + SKEW <= end.timestamp()
    (found,) = findings([doubt], [row], [known, doubt], at + 5000, since=start)
    assert found.verdict is Evidence.NOTHING_FOUND
