"""What a refusal says reaches whoever can act on it: the event, the awaiter, and the program that starts again."""

from typing import Any

import pytest
from harness import World, video_request, virtual

from venice_async.emulator.faults import ConsentFault, JobFault, RejectFault
from venice_async.errors import Charge, ConsentRequiredError, ContentRejectedError, JobHeldError, VeniceError
from venice_async.jobs import JobState, JobStateChanged
from venice_async.models import SeedanceConsent


def facts(error: VeniceError | None) -> dict[str, Any]:
    assert error is not None
    return {"type": type(error), "message": error.message, **vars(error)}


async def told(world: World) -> tuple[VeniceError, VeniceError, VeniceError | None]:
    """The error of the event, that of the awaiter, and that of the job in a later manager."""
    async with world.manager(client=world.client()) as jobs:
        events = jobs.events()
        job = await jobs.submit(video_request(), key="a")
        with pytest.raises(VeniceError) as raised:
            await job
        async for event in events:
            if isinstance(event, JobStateChanged) and event.error is not None:
                break
        assert isinstance(event, JobStateChanged)
        assert event.error is not None
    async with world.manager() as jobs:
        later = jobs.get("a")
        assert later is not None
        return event.error, raised.value, later.error


@virtual(faults=[RejectFault(suggested_prompt="a calm sea")])
async def test_a_proposal_survives_a_restart_and_can_be_submitted(world: World) -> None:
    """With every fact; the new job is another one, and paid for."""
    event, raised, later = await told(world)
    assert facts(event) == facts(raised) == facts(later)
    assert isinstance(later, ContentRejectedError)
    assert later.suggested_prompt == "a calm sea"
    world.emulator.faults.clear()
    async with world.manager() as jobs:
        refused = jobs.get("a")
        assert refused is not None
        job = await jobs.submit(refused.request.with_suggestion(later), key="b")
        await job
    assert [each.prompt for each in world.emulator.jobs] == ["a calm sea"]


@pytest.mark.parametrize(("refunded", "charge"), [(True, Charge.REFUNDED), (False, Charge.CHARGED)])
def test_what_became_of_the_money_survives_a_restart(tmp_path: Any, refunded: bool, charge: Charge) -> None:
    """A job that was taken and then refused for its content."""

    @virtual(faults=[JobFault(kind="content", refunded=refunded)])
    async def run(world: World) -> None:
        event, raised, later = await told(world)
        assert facts(event) == facts(raised) == facts(later)
        assert isinstance(later, ContentRejectedError)
        assert (later.credits_refunded, later.charge) == (refunded, charge)

    run(tmp_path=tmp_path)


@virtual(faults=[ConsentFault(times=1)])
async def test_a_policy_can_be_read_after_a_restart(world: World) -> None:
    """And consent given then; the advice names the ways to do it, not a release."""
    event, raised, later = await told(world)
    assert isinstance(raised, JobHeldError)
    assert isinstance(later, JobHeldError)
    assert isinstance(later.problem, ConsentRequiredError)
    assert facts(event) == facts(raised.problem) == facts(later.problem)
    assert later.problem.policy_text
    assert "give_consent" in later.advice
    assert "release" not in later.advice
    async with world.manager() as jobs:
        job = jobs.get("a")
        assert job is not None
        confirmed = {
            "confirmed_terms_and_privacy": True,
            "confirmed_legal_right": True,
            "confirmed_screening_acknowledged": True,
        }
        await job.give_consent(SeedanceConsent(**confirmed))
        await job
        assert job.state is JobState.COMPLETED
