"""States and their legal moves, records, and errors as the ledger keeps them."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pytest
from harness import job_record
from hypothesis import given
from hypothesis import strategies as st

from venice_async import errors
from venice_async.errors import Charge, LedgerError, VeniceError
from venice_async.jobs import ACTIVE, MOVES, JobState, PaidAnswer, error_from_text, error_text, present_state
from venice_async.ledger.protocol import moved

ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VeniceError)]


@given(st.lists(st.sampled_from(JobState), max_size=12))
def test_a_walk_follows_the_table(wishes: list[JobState]) -> None:
    """A record takes exactly the moves that the table has, each counted, and nothing follows a terminal state."""
    record = job_record()
    for state in wishes:
        if state is record.state or state in MOVES[record.state]:
            after = moved(record, {"state": state})
            assert (after.state, after.version) == (state, record.version + 1)
            record = after
        else:
            with pytest.raises(LedgerError):
                moved(record, {"state": state})
        assert record.state.terminal == (not MOVES[record.state])


def test_every_state_can_be_reached_and_left_for_an_end() -> None:
    """No state is dead, and from each that is not terminal there is a way to COMPLETED and to CANCELLED."""
    reach = {state: set(MOVES[state]) for state in JobState}
    for _ in JobState:
        reach = {state: near.union(*(MOVES[each] for each in near)) for state, near in reach.items()}
    assert reach[JobState.PENDING] == set(JobState)
    for state in JobState:
        assert state.terminal or {JobState.COMPLETED, JobState.CANCELLED} <= reach[state]


def test_nothing_is_sent_twice_by_the_table() -> None:
    """Once the server has taken a job there is no way back to where it would be paid for again, but a person's."""
    for state in (JobState.QUEUED, JobState.DOWNLOADING):
        assert JobState.PENDING not in MOVES[state]
        assert JobState.QUEUEING not in MOVES[state]


def test_secrets_stay_out_of_the_repr() -> None:
    """A private link is as good as the video, and a prompt is nobody's business."""
    text = repr(job_record(download_url="https://media/secret", request="private words", error="secret"))
    assert "secret" not in text
    assert "private words" not in text


def test_the_video_of_a_record() -> None:
    """Where it is, what it is, and what it cost."""
    record = job_record(size=5, sha256="ab", price_usd=Decimal("0.35"), queue_id="q")
    video = record.video()
    assert (video.path, video.size, video.sha256) == (Path("/videos/1.mp4"), 5, "ab")
    assert (video.cost_usd, video.job_id, video.key, video.queue_id) == (Decimal("0.35"), "id-1", "key-1", "q")


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_come_back_as_they_were(kind: type[VeniceError]) -> None:
    """Type, words and money survive the ledger."""
    error = kind("What happened.", charge=Charge.CHARGED, advice="Do this.")
    back = error_from_text(error_text(error))
    assert type(back) is kind
    assert str(back) == str(error)
    assert back.charge is Charge.CHARGED


def test_facts_of_errors_come_back() -> None:
    """Prices as money, lists as tuples, trees as they were."""
    error = errors.BudgetExceededError("Too much.", needed_usd=Decimal("0.10"), available_usd=None)
    back = error_from_text(error_text(error))
    assert vars(back) == vars(error)
    asked = errors.ConsentRequiredError("Read this.", policy_text="Terms\nof use", face_media_roles=("image",))
    assert vars(error_from_text(error_text(asked))) == vars(asked)
    unpaid = errors.PaymentRequiredError("Pay.", payment={"accepts": [{"amount": Decimal("1.5")}]})
    assert vars(error_from_text(error_text(unpaid))) == vars(unpaid)


@pytest.mark.parametrize("kind", ["FutureError", "Charge", "Mapping"])
def test_an_error_of_another_version_keeps_its_words(kind: str) -> None:
    """An unknown type becomes the root of all errors, facts that it does not know are dropped."""
    text = f'{{"type":"{kind}","message":"What happened.","facts":{{"new":1,"charge":"charged"}}}}'
    back = error_from_text(text)
    assert type(back) is VeniceError
    assert str(back) == "What happened. It was charged."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FACTS = sorted({name for kind in ERRORS for name in dir(kind) if not name.startswith("__")})


@given(
    st.text(max_size=30)
    | JSON.map(json.dumps)
    | st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from([kind.__name__ for kind in ERRORS]) | JSON,
            "message": JSON,
            "facts": st.dictionaries(st.sampled_from(FACTS), JSON, max_size=4) | JSON,
        },
    ).map(json.dumps)
)
def test_a_tampered_error_is_still_an_error(text: str) -> None:
    """A ledger's content is not trusted: whatever it says, an error that can be shown and raised comes out."""
    error = error_from_text(text)
    assert isinstance(error, VeniceError)
    assert isinstance(str(error), str)
    assert isinstance(error.charge, Charge)


def test_facts_that_make_no_sense_are_dropped() -> None:
    """And the others stay."""
    text = error_text(errors.BadRequestError("No.", charge=Charge.CHARGED, advice="Look."))
    tree = json.loads(text)
    tree["facts"] |= {"charge": "free", "transient": "yes", "args": ["x"], "message": "y", "with_traceback": 1}
    back = error_from_text(json.dumps(tree))
    assert vars(back) == {"advice": "Look."}
    assert back.args == ("No.",)
    assert "cannot be read" in str(error_from_text("[" * 100_000))


def test_active_jobs_are_those_that_somebody_works_on() -> None:
    """The others rest until a person decides, or are done."""
    resting = {JobState.HELD, JobState.UNKNOWN}
    assert set(JobState) - resting - {state for state in JobState if state.terminal} == ACTIVE


def test_a_request_is_told_by_its_hash() -> None:
    """The same for the same request, whoever asks, and with no word of it."""
    first, same, other = (job_record(request=text) for text in ("a cat", "a cat", "a dog \ud800"))
    assert first.request_hash == same.request_hash == hashlib.sha256(b"a cat").hexdigest()[:16]
    assert len(other.request_hash) == 16
    assert other.request_hash != first.request_hash


ANSWER = PaidAnswer(job_id="i", attempt=2, model="m", queue_id="q\n", download_url="https://secret", queued_at=1.5)


@given(st.builds(PaidAnswer, attempt=st.integers(0), queued_at=st.floats(0, 1e12), download_url=st.none() | st.text()))
def test_a_paid_answer_comes_back_as_it_was(answer: PaidAnswer) -> None:
    """From one line of plain characters."""
    text = answer.to_text()
    assert text.isascii()
    assert "\n" not in text
    assert PaidAnswer.from_text(text) == PaidAnswer.from_text(text.encode()) == answer


def test_a_paid_answer_hides_its_link() -> None:
    """Whoever has it has the video."""
    assert "secret" not in repr(ANSWER)


@pytest.mark.parametrize(
    "change",
    [{"job_id": 1}, {"attempt": "1"}, {"queue_id": None}, {"download_url": 0}, {"queued_at": None}, {"new": 1}],
)
def test_a_tampered_answer_is_refused(change: dict[str, object]) -> None:
    """Nothing is coerced, and nothing else is raised."""
    tree = json.loads(ANSWER.to_text())
    for text in (json.dumps({**tree, **change}), json.dumps([tree]), "", "{", b"\xff", "[" * 100_000):
        with pytest.raises(LedgerError, match="cannot be read") as error:
            PaidAnswer.from_text(text)
        assert error.value.__context__ is None


def test_the_present_state_as_an_event() -> None:
    """A new listener learns where the job stands."""
    event = present_state(job_record(state=JobState.QUEUED, charge=Charge.CHARGED))
    assert (event.job_id, event.key, event.state, event.charge) == ("id-1", "key-1", JobState.QUEUED, Charge.CHARGED)
    assert event.previous is None
