"""The emulator as its users hold it: one brain, with a socket door and an in-memory door."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from venice_async.clock import Clock, SystemClock
from venice_async.emulator.brain import VIDEO_SIZE, Brain
from venice_async.emulator.catalogue import ModelSheet
from venice_async.emulator.faults import Fault, FaultPlan
from venice_async.emulator.jobs import Charge, EmulatedJob, ExecutionTime
from venice_async.emulator.memory import MemoryTransport
from venice_async.emulator.messages import MEMORY_BASE, Clips
from venice_async.emulator.plain_clips import PlainClips
from venice_async.emulator.sheets import DEFAULT_SHEETS
from venice_async.emulator.signatures import load
from venice_async.emulator.visits import RequestRecord
from venice_async.emulator.wallets import USDC, Amount, EmulatedWallet, Transfer, Wallets
from venice_async.emulator.x402 import PAY_TO, Offer, Shop
from venice_async.errors import ConfigurationError
from venice_async.limits import RateLimits
from venice_async.links import is_loopback

if TYPE_CHECKING:
    from venice_async.emulator.server import SocketDoor


class Emulator:
    """An emulated Venice video API on this machine: free, and as strict and as faulty as the real one.

    `async with Emulator() as emulator:` serves it on a loopback socket at `emulator.url`.
    `emulator.transport(clock)` gives the same API without a socket, for virtual time.

    Everything it remembers (`charges`, `jobs`, `requests`) is in job seconds: with `time_scale` S one
    real second is S of them, limits and faults included. Through the socket they count from the
    emulator's making, in memory they are the clock's `monotonic()`.

    :param time_scale: job seconds per real second.
    :param seed: decides every duration and id; the same seed and requests give the same run.
    :param limits: what the server enforces; `windows` is "sliding" or "fixed", `reset_unit` "seconds" or
        "milliseconds" for the announced resets.
    :param faults: what goes wrong, see `venice_async.emulator.faults`; `emulator.faults` takes more at any time.
    :param clips: "auto" encodes real videos where PyAV is installed and makes plain ones elsewhere, "plain"
        always makes plain ones; or any object with a `video` method. `video_size` is the size of each in bytes.
    :param sheets: the models offered.
    :param execution_time: seconds for a model id and job number (from 1), in place of each model's lognormal
        law with the coefficient of variation `execution_cv`.
    :param announced: seconds by model id told as `average_execution_time` in place of the true P80.
    :param parallel: how many jobs run at the same time; the others wait their turn. None for all of them.
    :param api_keys: the keys accepted; None for any that does not look like a real one.
    :param balance_usd: the account's money; None for no end of it.
    :param transcriptions_retired: answer transcriptions with 410.
    :param usage_delay: job seconds from a charge or refund until the account's books show it.
    :param usage_request_ids: put each job's queue_id into its lines of the books; nobody knows whether Venice does.
    :param wallets: the credit of wallets in US dollars, by address; any other wallet may sign in too, and starts
        with none. Checking signatures takes the extra `wallet`; without it such requests are answered with 501.
    :param usdc: what each wallet holds on the emulated chain, in dollars.
    :param diem: DIEM by address, for wallets linked to some: it is spent first, and no credit before it is gone.
    :param wallet_in_flight: how many requests one wallet may have there at the same time.
    :param pay_to: whom payments go to, an EVM address.
    :param settle_delay: job seconds from a payment, which moves USDC at once, until its credit and its answer; the
        same payment posted meanwhile is a 409.
    :param repeat_conflicts: answer a payment that was credited before with 409, too, in place of its first answer:
        the vendor's notes allow both.
    :param offer: makes the server a hostile one: fields that replace those of the Base entry of `accepts`, or a
        function from the honest list to the one that is told. It then takes every payment, of any amount.

    Raises ConfigurationError for a host that is not this machine, and for wallets and amounts that cannot be.
    """

    def __init__(
        self,
        *,
        time_scale: float = 1.0,
        seed: int = 0,
        limits: RateLimits | None = None,
        faults: Iterable[Fault] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        windows: str = "sliding",
        reset_unit: str = "seconds",
        clips: Clips | str = "auto",
        video_size: int | None = VIDEO_SIZE,
        sheets: tuple[ModelSheet, ...] = DEFAULT_SHEETS,
        execution_time: ExecutionTime | None = None,
        execution_cv: float = 0.3,
        announced: Mapping[str, float] | None = None,
        parallel: int | None = None,
        api_keys: Iterable[str] | None = None,
        balance_usd: Decimal | None = None,
        transcriptions_retired: bool = False,
        usage_delay: float = 0.0,
        usage_request_ids: bool = False,
        wallets: Mapping[str, Amount] | None = None,
        usdc: Amount = USDC,
        diem: Mapping[str, Amount] | None = None,
        wallet_in_flight: int = 5,
        pay_to: str = PAY_TO,
        settle_delay: float = 0.0,
        repeat_conflicts: bool = False,
        offer: Offer | None = None,
    ) -> None:
        if not is_loopback(host):
            raise ConfigurationError("The emulator serves this machine only: host must be a loopback address.")
        self.time_scale = time_scale
        self.seed = seed
        self._host, self._port = host, port
        self._clock = SystemClock(speed=time_scale)
        self._zero = self._clock.monotonic()
        self._door: SocketDoor | None = None
        self._brain = Brain(
            seed=seed, limits=limits, windows=windows, reset_unit=reset_unit, faults=faults, clips=_clips(clips),
            video_size=video_size, sheets=sheets, execution_time=execution_time, execution_cv=execution_cv,
            announced=announced, parallel=parallel, api_keys=api_keys, balance_usd=balance_usd,
            transcriptions_retired=transcriptions_retired, usage_delay=usage_delay, usage_request_ids=usage_request_ids,
            wallets=Wallets(wallets, usdc=usdc, diem=diem, in_flight=wallet_in_flight),
            shop=Shop(pay_to=pay_to, offer=offer), settle_delay=settle_delay,
            repeat_conflicts=repeat_conflicts,
        )  # fmt: skip

    @property
    def url(self) -> str:
        """The base URL of the socket door, ending in /api/v1."""
        if self._door is None:
            raise RuntimeError("the emulator is not running: use `async with`")
        return self._door.url

    @property
    def memory_url(self) -> str:
        """The base URL to use with `transport`."""
        return MEMORY_BASE

    @property
    def faults(self) -> FaultPlan:
        """The faults in force; `append` and `extend` add more while it runs."""
        return self._brain.faults

    @property
    def charges(self) -> tuple[Charge, ...]:
        """Every charge, in order: the truth that a client's records must agree with."""
        return tuple(self._brain.book.charges)

    @property
    def jobs(self) -> tuple[EmulatedJob, ...]:
        """Every accepted job, in order."""
        return tuple(self._brain.book.jobs)

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """Every request, in order; no credentials in it."""
        return tuple(self._brain.requests)

    @property
    def violations(self) -> tuple[RequestRecord, ...]:
        """Requests to private links that carried a credential."""
        return tuple(record for record in self._brain.requests if record.violation)

    @property
    def spent_usd(self) -> Decimal:
        """What was charged and not given back."""
        return self._brain.book.spent_usd

    @property
    def wallets(self) -> Mapping[str, EmulatedWallet]:
        """Every wallet by its address, in any case: credit, ledger, USDC, and the most requests that it had in flight.

        Asking for one that was never seen makes it.
        """
        return self._brain.wallets

    @property
    def transfers(self) -> tuple[Transfer, ...]:
        """Every transfer of USDC, in order: the truth about what payments moved."""
        return tuple(self._brain.settlement.transfers)

    def now(self) -> float:
        """Job seconds of the socket door."""
        return self._clock.monotonic() - self._zero

    def transport(self, clock: Clock, *, latency: float = 0.0) -> MemoryTransport:
        """The same API without a socket, in the time of `clock`; `latency` is the round trip in its seconds."""
        return MemoryTransport(self._brain, clock, latency=latency)

    async def __aenter__(self) -> Self:
        from venice_async.emulator.server import SocketDoor

        if self._brain.wallets:
            await asyncio.get_running_loop().run_in_executor(None, load)
        door = SocketDoor(self._brain, now=self.now, wall=time.time, sleep=self._clock.sleep)
        await door.start(self._host, self._port)
        self._door = door
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        door, self._door = self._door, None
        if door is not None:
            await door.aclose()

    def __repr__(self) -> str:
        where = "not serving" if self._door is None else self._door.url
        book = self._brain.book
        return f"<Emulator {where}, {len(book.jobs)} jobs, ${book.spent_usd}, {len(self._brain.requests)} requests>"


def _clips(clips: Clips | str) -> Clips:
    if not isinstance(clips, str):
        return clips
    if clips not in {"auto", "plain"}:
        raise ConfigurationError(f"clips must be 'auto', 'plain' or an object that makes videos, not {clips!r}.")
    return _library() if clips == "auto" else PlainClips()


def _library() -> Clips:
    import importlib.util

    if importlib.util.find_spec("av") is None:
        return PlainClips()
    from venice_async.emulator.clips import ClipLibrary

    library: Any = ClipLibrary()
    return library  # type: ignore[no-any-return]
