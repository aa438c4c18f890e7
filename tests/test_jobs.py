"""States and their legal moves, records, and errors as the ledger keeps them."""

from decimal import Decimal
from pathlib import Path

import pytest
from harness import job_record
from hypothesis import given
from hypothesis import strategies as st

from venice_async import errors
from venice_async.errors import Charge, LedgerError, VeniceError
from venice_async.jobs import MOVES, JobState, error_from_text, error_text, present_state
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
    assert error_from_text(error_text(unpaid)).payment == {"accepts": [{"amount": "1.5"}]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["FutureError", "Charge", "Mapping"])
def test_an_error_of_another_version_keeps_its_words(kind: str) -> None:
    """An unknown type becomes the root of all errors, facts that it does not know are dropped."""
    text = f'{{"type":"{kind}","message":"What happened.","facts":{{"new":1,"charge":"charged"}}}}'
    back = error_from_text(text)
    assert type(back) is VeniceError
    assert str(back) == "What happened. It was charged."


def test_the_present_state_as_an_event() -> None:
    """A new listener learns where the job stands."""
    event = present_state(job_record(state=JobState.QUEUED, charge=Charge.CHARGED))
    assert (event.job_id, event.key, event.state, event.charge) == ("id-1", "key-1", JobState.QUEUED, Charge.CHARGED)
    assert event.previous is None
