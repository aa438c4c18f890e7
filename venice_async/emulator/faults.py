"""What can go wrong on request: faults as frozen values, and the plan that says which one is due.

Each fault says which requests it fits (`models`, `endpoints`, `jobs`, `prompt`, the span from
`start` to `end` in job seconds), how many fitting ones it lets pass first (`after`) and how often it
strikes (`times`, None for always). Job numbers count accepted jobs from 1.
"""

import enum
import math
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import ClassVar, TypeVar

from attrs import define, field, frozen, validators

__all__ = [
    "ConsentFault",
    "CutFault",
    "DropFault",
    "Fault",
    "FaultPlan",
    "GarbageFault",
    "JobFault",
    "Occasion",
    "PlaceholderFault",
    "RejectFault",
    "SlowFault",
    "Stage",
    "StatusFault",
]


class Stage(enum.Enum):
    """How far a request gets before its connection breaks."""

    CONNECT = "connect"
    """No connection is made."""
    SEND = "send"
    """The connection breaks before the request was read."""
    UNPROCESSED = "unprocessed"
    """The request is read, nothing is done with it, and no answer comes."""
    REPLY = "reply"
    """The request is processed, and charged if it costs anything, and no answer comes."""


@frozen(kw_only=True)
class Occasion:
    """A request as the faults see it."""

    endpoint: str
    now: float
    model: str = ""
    job: int = 0
    prompt: str = ""


@frozen(kw_only=True)
class Fault:
    """Which requests a fault strikes. Model names may hold `*` and `?`."""

    at_endpoints: ClassVar[tuple[str, ...]] = ()
    """Where this kind of fault strikes unless `endpoints` says otherwise; empty for everywhere."""

    times: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    after: int = field(default=0, validator=validators.ge(0))
    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    jobs: tuple[int, ...] = ()
    prompt: str = ""
    start: float = 0.0
    end: float = math.inf

    def fits(self, occasion: Occasion) -> bool:
        """Whether this fault is about that request at all."""
        endpoints = self.endpoints or self.at_endpoints
        return (
            self.start <= occasion.now < self.end
            and (not endpoints or occasion.endpoint in endpoints)
            and (not self.models or any(fnmatchcase(occasion.model, model) for model in self.models))
            and (not self.jobs or occasion.job in self.jobs)
            and self.prompt in occasion.prompt
        )


@frozen(kw_only=True)
class StatusFault(Fault):
    """An error status instead of an answer; the request is not processed.

    `page` is "json" for an answer of the API itself, "html" for one of the edge in front of it. With
    `processed` the request is processed after all, and charged if it costs anything: a queue call made its
    job, a top-up moved its money, and only the answer says otherwise.
    """

    at_endpoints = ("queue", "retrieve", "complete", "quote")

    status: int = field(default=503, validator=validators.and_(validators.ge(400), validators.le(599)))
    retry_after: float | None = None
    message: str = ""
    page: str = field(default="json", validator=validators.in_(("json", "html")))
    processed: bool = False


@frozen(kw_only=True)
class CutFault(Fault):
    """A video that breaks off at the fraction `at` of its bytes; its Content-Length names the whole."""

    at_endpoints = ("retrieve", "media")

    at: float = field(default=0.5, validator=validators.and_(validators.ge(0.0), validators.lt(1.0)))


@frozen(kw_only=True)
class RejectFault(Fault):
    """A queue call refused with 422 for its content; nothing is charged."""

    at_endpoints = ("queue",)

    suggested_prompt: str | None = None


@frozen(kw_only=True)
class JobFault(Fault):
    """A job that is taken, charged and then fails: the same error on every poll from its ready time on.

    Decided when the job is queued. `kind` is "content" (422 of the provider's policy), "provider"
    (422 with a hint: media that cannot be processed) or "server" (500). `refunded` says whether the
    charge is given back.
    """

    at_endpoints = ("queue",)

    kind: str = field(default="content", validator=validators.in_(("content", "provider", "server")))
    refunded: bool = True
    recommended_model: str | None = None


@frozen(kw_only=True)
class ConsentFault(Fault):
    """A queue call answered with 409 needs_consent until it holds `consents.seedance`; nothing is charged."""

    at_endpoints = ("queue",)


@frozen(kw_only=True)
class SlowFault(Fault):
    """An answer whose head comes `delay` job seconds late and whose body trickles at `pace` bytes per job second."""

    delay: float = field(default=0.0, validator=validators.ge(0.0))
    pace: float = field(default=math.inf, validator=validators.gt(0.0))


@frozen(kw_only=True)
class GarbageFault(Fault):
    """An answer that nobody documented, to a request that was processed (and charged if it costs anything).

    `kind`: "html" (502 with a page), "truncated" (JSON that stops half way), "mislabelled" (the
    wrong content type), "empty" (200 and nothing), "no-queue-id" (a queue answer without its id).
    """

    at_endpoints = ("queue", "retrieve")

    kind: str = field(
        default="html", validator=validators.in_(("html", "truncated", "mislabelled", "empty", "no-queue-id"))
    )

    def fits(self, occasion: Occasion) -> bool:
        return super().fits(occasion) and (self.kind != "no-queue-id" or occasion.endpoint == "queue")


@frozen(kw_only=True)
class DropFault(Fault):
    """A connection that breaks at a `stage` of the exchange.

    The in-memory door raises what a transport would for each stage. Through a socket the request has
    to be read before it is known whether it fits, so CONNECT and SEND look like UNPROCESSED there.
    """

    at_endpoints = ("queue", "retrieve")

    stage: Stage = Stage.REPLY


@frozen(kw_only=True)
class PlaceholderFault(Fault):
    """A tiny video in place of the real one, as some content rejections arrive."""

    at_endpoints = ("retrieve", "media")


F = TypeVar("F", bound=Fault)


@define
class _Armed:
    fault: Fault
    met: int = 0

    def strikes(self, occasion: Occasion) -> bool:
        fault = self.fault
        if fault.times is not None and self.met >= fault.after + fault.times:
            return False
        if not fault.fits(occasion):
            return False
        self.met += 1
        return self.met > fault.after


class FaultPlan:
    """The faults in force, in order. More can be added while the emulator runs."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._armed: list[_Armed] = []
        self.extend(faults)

    def append(self, fault: Fault) -> None:
        """Put one more fault in force."""
        self._armed.append(_Armed(fault))

    def extend(self, faults: Iterable[Fault]) -> None:
        """Put several more faults in force."""
        for fault in faults:
            self.append(fault)

    def clear(self) -> None:
        """Let everything go well again. What faults have done to jobs already stays done."""
        self._armed.clear()

    def take(self, kind: type[F], occasion: Occasion) -> F | None:
        """The first fault of a kind that strikes here; asking counts as meeting it."""
        for armed in self._armed:
            if isinstance(armed.fault, kind) and armed.strikes(occasion):
                return armed.fault
        return None

    def __iter__(self) -> Iterator[Fault]:
        return iter([armed.fault for armed in self._armed])

    def __len__(self) -> int:
        return len(self._armed)

    def __repr__(self) -> str:
        return f"<FaultPlan {len(self)} faults>"
