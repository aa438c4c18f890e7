"""Faults as text."""

import pytest

from venice_async.emulator.fault_text import parse_fault
from venice_async.emulator.faults import (
    ConsentFault,
    CutFault,
    DropFault,
    Fault,
    GarbageFault,
    JobFault,
    PlaceholderFault,
    RejectFault,
    SlowFault,
    Stage,
    StatusFault,
)
from venice_async.errors import ConfigurationError

READ = {
    "503": StatusFault(status=503),
    "503:from=20,to=65,model=wan-*|veo3.1-fast-text-to-video": StatusFault(
        status=503, start=20.0, end=65.0, models=("wan-*", "veo3.1-fast-text-to-video")
    ),
    "429:times=3,retry_after=5,endpoint=queue": StatusFault(status=429, times=3, retry_after=5.0, endpoints=("queue",)),
    "502:page=html,message=x": StatusFault(status=502, page="html", message="x"),
    "504:endpoint=top_up,after=1,processed=yes": StatusFault(
        status=504, endpoints=("top_up",), after=1, processed=True
    ),
    "cut:at=0.3,after=2,times=1": CutFault(at=0.3, after=2, times=1),
    "reject:prompt=a gun,suggest=a flower": RejectFault(prompt="a gun", suggested_prompt="a flower"),
    "fail:job=2|5,kind=content,refunded=no,recommend=m": JobFault(
        jobs=(2, 5), kind="content", refunded=False, recommended_model="m"
    ),
    "consent": ConsentFault(),
    "slow:delay=9,pace=1000": SlowFault(delay=9.0, pace=1000.0),
    "garbage:kind=empty": GarbageFault(kind="empty"),
    "drop:stage=unprocessed": DropFault(stage=Stage.UNPROCESSED),
    " placeholder ": PlaceholderFault(),
}


@pytest.mark.parametrize("text", READ)
def test_faults_are_read(text: str) -> None:
    """A text gives the fault that it names, option by option."""
    fault: Fault = parse_fault(text)
    assert fault == READ[text]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("explode", "cut, reject, fail"),
        ("200", "from 400 to 599"),
        ("", "an error status"),
        ("503:until=7", "it takes from, to, model"),
        ("cut:retry_after=7", "it takes"),
        ("503:from=soon", "from=soon"),
        ("fail:job=two", "job=two"),
        ("fail:refunded=maybe", "yes or no"),
        ("drop:stage=middle", "stage=middle"),
        ("cut:at=2", "must be"),
        ("garbage:kind=noise", "must be in"),
    ],
)
def test_errors_say_what_is_possible(text: str, said: str) -> None:
    """A text that cannot be read is refused with what could stand there."""
    with pytest.raises(ConfigurationError, match=said.replace("|", r"\|")):
        parse_fault(text)
