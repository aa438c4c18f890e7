"""What each error means for a job: the tables, row by row."""

import itertools
import random
from collections.abc import Callable

import attrs
import pytest

from venice_async import errors
from venice_async.errors import Charge, VeniceError
from venice_async.jobs import JobState
from venice_async.verdicts import (
    DAY,
    Tries,
    Verdict,
    account_trouble,
    failed,
    held,
    judge_link,
    judge_missing_link,
    judge_queue,
    judge_retrieve,
    judge_transfer,
)

NOW = 1000.0
AN_HOUR = 3600.0
FAILED, HELD, PENDING, QUEUED, UNKNOWN = (
    JobState.FAILED,
    JobState.HELD,
    JobState.PENDING,
    JobState.QUEUED,
    JobState.UNKNOWN,
)


def tries(seed: int = 1) -> Tries:
    return Tries(random.Random(seed))


def row(verdict: Verdict) -> tuple[JobState | None, str | None, Charge | None, bool, bool, bool]:
    """A verdict without the exact delay: state, held for, charge, whether it is repeated, busy, account."""
    return verdict.state, verdict.held_for, verdict.charge, verdict.delay is not None, verdict.busy, verdict.account


def again(state: JobState | None = None, *, busy: bool = False, account: bool = False) -> tuple[object, ...]:
    return state, None, None, True, busy, account


def waits(reason: str, *, account: bool = False) -> tuple[object, ...]:
    return HELD, reason, None, False, False, account


def ends(charge: Charge) -> tuple[object, ...]:
    return FAILED, None, charge, False, False, False


UNKNOWN_OUTCOME = (UNKNOWN, None, Charge.UNVERIFIED, False, False, False)

QUEUE = [
    (errors.BadRequestError("400"), ends(Charge.NONE)),
    (errors.NotFoundError("404", status=404), ends(Charge.NONE)),
    (errors.PayloadTooLargeError("413"), ends(Charge.NONE)),
    (errors.UnsupportedMediaTypeError("415"), ends(Charge.NONE)),
    (errors.PermissionDeniedError("403", status=403), ends(Charge.NONE)),
    (errors.ConflictError("409", status=409), ends(Charge.NONE)),
    (errors.UnexpectedRedirectError("302"), ends(Charge.NONE)),
    (errors.InvalidRequestError("a file is gone"), ends(Charge.NONE)),
    (errors.ConnectError("certificate", transient=False), ends(Charge.NONE)),
    (errors.AuthenticationError("401"), waits("key", account=True)),
    (errors.ConfigurationError("no key"), waits("key", account=True)),
    (errors.PaymentRequiredError("402"), waits("balance", account=True)),
    (errors.WalletBalanceError("402"), waits("balance", account=True)),
    (errors.DiscoveryError("402"), waits("key", account=True)),
    (errors.SignInError("401", code="X402_SIGN_IN_EXPIRED"), waits("key", account=True)),
    (errors.SignerError("the device said no"), waits("key", account=True)),
    (errors.WalletMismatchError("403", status=403), waits("key")),
    (errors.WalletConcurrencyError("429"), again(PENDING)),
    (errors.PermissionDeniedError("403", status=403, code="API_ACCESS_DISABLED"), waits("key", account=True)),
    (errors.ConsentRequiredError("409"), waits("consent")),
    (errors.ContentRejectedError("422", charge=Charge.REFUNDED), ends(Charge.REFUNDED)),
    (errors.ContentRejectedError("422", charge=Charge.CHARGED), ends(Charge.CHARGED)),
    (errors.ContentRejectedError("422", charge=Charge.UNVERIFIED), ends(Charge.UNVERIFIED)),
    (errors.RateLimitError("429", retry_after=7.0), again(PENDING)),
    (errors.FailureBlockError("429"), again(PENDING)),
    (errors.CapacityError("503"), again(PENDING)),
    (errors.ServerError("521", status=521), again(PENDING)),
    (errors.ConnectError("refused"), again(PENDING)),
    (errors.SendError("cut"), again(PENDING)),
    (errors.ServerError("500", status=500, charge=Charge.UNVERIFIED), UNKNOWN_OUTCOME),
    (errors.ServerError("502", status=502, charge=Charge.UNVERIFIED), UNKNOWN_OUTCOME),
    (errors.APIStatusError("408", status=408, charge=Charge.UNVERIFIED), UNKNOWN_OUTCOME),
    (errors.ReplyLostError("reset", charge=Charge.UNVERIFIED), UNKNOWN_OUTCOME),
    (errors.ReplyLostError("reset, and nobody said what it means"), UNKNOWN_OUTCOME),
    (errors.UnexpectedReplyError("no queue_id", charge=Charge.UNVERIFIED), UNKNOWN_OUTCOME),
    (errors.UnexpectedReplyError("endless answer"), UNKNOWN_OUTCOME),
    (VeniceError("something new"), UNKNOWN_OUTCOME),
]


@pytest.mark.parametrize(("error", "expected"), QUEUE, ids=lambda value: str(value)[:30])
def test_queue(error: VeniceError, expected: tuple[object, ...]) -> None:
    """After a paid call: repeated only after a proof, and UNKNOWN where nothing proves anything."""
    assert row(judge_queue(error, tries(), NOW)) == expected


TOPPED_UP = [
    (errors.WalletBalanceError("402"), again(PENDING, account=True)),
    (errors.PaymentRequiredError("402"), again(PENDING, account=True)),
    (errors.DiscoveryError("402"), waits("key", account=True)),
    (errors.AuthenticationError("401"), waits("key", account=True)),
    (errors.PaymentRequiredError("402", charge=Charge.UNVERIFIED), UNKNOWN_OUTCOME),
]


@pytest.mark.parametrize(("error", "expected"), TOPPED_UP, ids=lambda value: str(value)[:30])
def test_queue_where_the_wallet_is_topped_up(error: VeniceError, expected: tuple[object, ...]) -> None:
    """Only what money may mend waits for money; everything else is as it is without."""
    assert row(judge_queue(error, tries(), NOW, tops_up=True)) == expected


def test_retrieve_where_the_wallet_is_topped_up() -> None:
    """The gates decide when it is asked for again; it need not wait a minute more after them."""
    for error in (errors.WalletBalanceError("402"), errors.PaymentRequiredError("402")):
        verdict = judge_retrieve(error, tries(), NOW, age=AN_HOUR, tops_up=True)
        assert row(verdict) == again(account=True)
        assert verdict.delay == 5.0
    for error in (errors.DiscoveryError("402"), errors.SignInError("401")):
        assert judge_retrieve(error, tries(), NOW, age=AN_HOUR, tops_up=True).delay == 60.0


def test_a_crowded_lane_is_soon_tried_again() -> None:
    """Whoever is in a wallet's lane leaves it in seconds: a minute's pause would be for nothing."""
    crowd = errors.WalletConcurrencyError("429")
    met = tries()
    waits_s = [judge_queue(crowd, met, NOW).delay for _ in range(50)]
    assert all(delay is not None and delay <= 11.0 for delay in waits_s)
    asked = tries()
    waits_s = [judge_retrieve(crowd, asked, NOW, age=9.0).delay for _ in range(50)]
    assert all(delay is not None and delay <= 11.0 for delay in waits_s)


RETRIEVE = [
    (errors.ContentRejectedError("422", charge=Charge.REFUNDED), ends(Charge.REFUNDED)),
    (errors.ContentRejectedError("422", charge=Charge.CHARGED), ends(Charge.CHARGED)),
    (errors.GenerationFailedError("failed"), ends(Charge.UNVERIFIED)),
    (errors.NotFoundError("404", status=404), again()),
    (errors.BadRequestError("400"), waits("queue_id")),
    (errors.AuthenticationError("401"), again(account=True)),
    (errors.PaymentRequiredError("402"), again(account=True)),
    (errors.DiscoveryError("402"), again(account=True)),
    (errors.SignInError("401"), again(account=True)),
    (errors.SignerError("the device said no"), again(account=True)),
    (errors.WalletMismatchError("403", status=403), again()),
    (errors.WalletConcurrencyError("429"), again()),
    (errors.PermissionDeniedError("403", status=403), again()),
    (errors.RateLimitError("429"), again()),
    (errors.FailureBlockError("429"), again()),
    (errors.ServerError("500", status=500), again()),
    (errors.ServerError("502", status=502), again(busy=True)),
    (errors.CapacityError("503"), again(busy=True)),
    (errors.ServerError("504", status=504), again(busy=True)),
    (errors.UnexpectedReplyError("HTML"), again()),
    (errors.ConnectError("refused"), again(busy=True)),
    (errors.SendError("cut"), again(busy=True)),
    (errors.ReplyLostError("reset"), again(busy=True)),
    (errors.ConflictError("409", status=409), waits("answer")),
]


@pytest.mark.parametrize(("error", "expected"), RETRIEVE, ids=lambda value: str(value)[:30])
def test_retrieve(error: VeniceError, expected: tuple[object, ...]) -> None:
    """What was paid for is asked for as long as there is hope."""
    assert row(judge_retrieve(error, tries(), NOW, age=AN_HOUR)) == expected


OVERDUE = [
    (errors.NotFoundError("404"), ends(Charge.CHARGED)),
    (errors.BadRequestError("400"), ends(Charge.CHARGED)),
    (errors.ContentRejectedError("422", charge=Charge.REFUNDED), ends(Charge.REFUNDED)),
    (errors.AuthenticationError("401"), again(account=True)),
    (errors.ServerError("502", status=502), waits("overdue")),
    (errors.ConnectError("refused"), waits("overdue")),
]


@pytest.mark.parametrize(("error", "expected"), OVERDUE, ids=lambda value: str(value)[:30])
def test_retrieve_after_a_day(error: VeniceError, expected: tuple[object, ...]) -> None:
    """The server forgets a job after a day: then "not known" is the end, and trouble waits for a person."""
    assert row(judge_retrieve(error, tries(), NOW, age=DAY + 1)) == expected


TRANSFER = [
    (errors.ReplyLostError("cut"), again(QUEUED)),
    (errors.IncompleteDownloadError("short"), again(QUEUED)),
    (errors.InvalidVideoError("HTML"), again(QUEUED)),
    (errors.DestinationExistsError("taken"), waits("destination")),
    (errors.VideoTooLargeError("large"), waits("size")),
    (errors.DownloadError("the disk is full"), waits("disk")),
]


@pytest.mark.parametrize(("error", "expected"), TRANSFER, ids=lambda value: str(value)[:30])
def test_transfer(error: VeniceError, expected: tuple[object, ...]) -> None:
    """A cut body is fetched again; trouble on our side waits for a person, for another request would not mend it."""
    assert row(judge_transfer(error, tries(), NOW)) == expected


LINK = [
    *TRANSFER,
    (errors.ConnectError("refused"), again(QUEUED)),
    (errors.GoneError("410"), again(QUEUED)),
    (errors.NotFoundError("404"), again(QUEUED)),
    (errors.RateLimitError("429"), again(QUEUED)),
    (errors.PermissionDeniedError("403"), again(QUEUED)),
    (errors.ServerError("502", status=502), again(QUEUED)),
    (errors.UnexpectedReplyError("a link to nowhere"), again(QUEUED)),
]


@pytest.mark.parametrize(("error", "expected"), LINK, ids=lambda value: str(value)[:30])
def test_link(error: VeniceError, expected: tuple[object, ...]) -> None:
    """The first trouble with a private link is always followed by another try."""
    assert row(judge_link(error, tries(), NOW, requests=1)) == expected


def verdicts_of(judge: Callable[[Tries], Verdict]) -> list[Verdict]:
    """The verdicts on the same trouble, again and again, until there is no next try."""
    met = tries()
    given: list[Verdict] = []
    while not given or (given[-1].delay is not None and len(given) < 50):
        given.append(judge(met))
    return given


def link_verdicts(error: errors.VeniceError) -> list[Verdict]:
    """The same for a private link, whose requests are counted in the job's record."""
    requests = itertools.count(1)
    return verdicts_of(lambda met: judge_link(error, met, NOW, requests=next(requests)))


def test_a_link_is_asked_four_times_in_all() -> None:
    """After 2, 8 and 30 seconds; a link bears only a few requests."""
    given = link_verdicts(errors.ReplyLostError("cut"))
    assert [verdict.delay for verdict in given] == [2.0, 8.0, 30.0, None]
    assert given[-1] == held("link")


def test_a_link_that_is_gone_is_believed_the_second_time() -> None:
    """The server is asked once more whether it knows better; then the video was paid for and lost."""
    given = link_verdicts(errors.GoneError("410"))
    assert [row(verdict) for verdict in given] == [again(QUEUED), ends(Charge.CHARGED)]


def test_a_link_fetched_too_often_rests_a_minute() -> None:
    """At most twice; then a person decides."""
    given = link_verdicts(errors.RateLimitError("429", retry_after=90.0))
    assert [row(verdict) for verdict in given] == [again(QUEUED), again(QUEUED), waits("link")]
    assert all(verdict.delay is not None and 90.0 <= verdict.delay < 91.0 for verdict in given[:2])
    short = judge_link(errors.RateLimitError("429", retry_after=1.0), tries(), NOW, requests=1)
    assert short.delay is not None
    assert short.delay >= 60.0


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (errors.ReplyLostError("cut"), held("link")),
        (errors.RateLimitError("429"), held("link")),
        (errors.PermissionDeniedError("403"), held("link")),
        (errors.GoneError("410"), failed(Charge.CHARGED)),
    ],
)
def test_the_requests_of_an_earlier_process_count(error: errors.VeniceError, end: Verdict) -> None:
    """A link bears four in all, whoever made them: the fourth is the last, however new the trouble is to us."""
    assert judge_link(error, tries(), NOW, requests=4) == end


def test_a_good_answer_forgives_everything_else() -> None:
    """Trouble is counted in a row."""
    met = tries()
    for _ in range(5):
        judge_transfer(errors.ReplyLostError("cut"), met, NOW)
    met.good_answer()
    assert judge_transfer(errors.ReplyLostError("cut"), met, NOW).delay is not None


@pytest.mark.parametrize(
    ("judge", "attempts", "end"),
    [
        (lambda met: judge_queue(errors.CapacityError("503"), met, NOW), 10, waits("capacity")),
        (lambda met: judge_queue(errors.SendError("cut"), met, NOW), 5, waits("network")),
        (lambda met: judge_retrieve(errors.UnexpectedReplyError("?"), met, NOW, age=9.0), 8, waits("answer")),
        (lambda met: judge_retrieve(errors.PermissionDeniedError("403"), met, NOW, age=9.0), 8, waits("answer")),
        (lambda met: judge_transfer(errors.ReplyLostError("cut"), met, NOW), 6, waits("transfer")),
        (lambda met: judge_missing_link(met, NOW), 4, waits("link")),
    ],
)
def test_what_is_given_up(judge: Callable[[Tries], Verdict], attempts: int, end: tuple[object, ...]) -> None:
    """Some trouble is met only so often; the job then waits for a person instead of failing."""
    given = verdicts_of(judge)
    assert len(given) == attempts
    assert row(given[-1]) == end


@pytest.mark.parametrize(
    "judge",
    [
        lambda met: judge_queue(errors.RateLimitError("429"), met, NOW),
        lambda met: judge_queue(errors.ConnectError("refused"), met, NOW),
        lambda met: judge_retrieve(errors.RateLimitError("429"), met, NOW, age=9.0),
        lambda met: judge_retrieve(errors.ReplyLostError("cut"), met, NOW, age=9.0),
        lambda met: judge_retrieve(errors.ServerError("502", status=502), met, NOW, age=9.0),
        lambda met: judge_link(errors.ConnectError("refused"), met, NOW, requests=1),
    ],
)
def test_what_is_never_given_up(judge: Callable[[Tries], Verdict]) -> None:
    """A limit passes and a network comes back; only the job's day bounds the waiting."""
    assert len(verdicts_of(judge)) == 50


def test_a_replayed_500_is_believed_after_twenty_minutes() -> None:
    """Not before, however often it was met; and nobody knows what became of the money."""
    met = tries()
    error = errors.ServerError("500", status=500)
    for second in range(0, 1200, 60):
        assert judge_retrieve(error, met, NOW + second, age=AN_HOUR).delay is not None
    assert row(judge_retrieve(error, met, NOW + 1200, age=AN_HOUR)) == ends(Charge.UNVERIFIED)


def test_not_found_is_believed_the_second_time() -> None:
    """Half a minute apart, and only when the job is old enough to be known everywhere."""
    met = tries()
    error = errors.NotFoundError("404")
    for _ in range(20):
        assert judge_retrieve(error, met, NOW, age=100.0).delay is not None
    assert judge_retrieve(error, met, NOW, age=200.0).delay == 30.0
    assert judge_retrieve(error, met, NOW + 29.0, age=229.0).delay == 30.0
    assert row(judge_retrieve(error, met, NOW + 30.0, age=230.0)) == ends(Charge.CHARGED)


def test_the_server_s_own_delay_is_respected() -> None:
    """A `Retry-After` is the least that is waited."""
    verdict = judge_queue(errors.RateLimitError("429", retry_after=33.0), tries(), NOW)
    assert verdict.delay is not None
    assert 33.0 <= verdict.delay <= 61.0


def test_account_trouble_names_what_a_person_must_mend() -> None:
    """Everything else is about the one request."""
    assert account_trouble(errors.AuthenticationError("401")) == "key"
    assert account_trouble(errors.PaymentRequiredError("402")) == "balance"
    assert account_trouble(errors.WalletBalanceError("402")) == "balance"
    assert account_trouble(errors.DiscoveryError("402")) == "key"
    assert account_trouble(errors.SignerError("no")) == "key"
    assert account_trouble(errors.WalletMismatchError("403")) is None
    assert account_trouble(errors.PermissionDeniedError("region")) is None


def test_verdicts_are_values() -> None:
    """Nothing can change one on its way."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        held("key").delay = 1.0  # type: ignore[misc]
