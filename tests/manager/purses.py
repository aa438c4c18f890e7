"""What the tests of top-ups share: a wallet that pays as it is told, and managers that use it."""

from decimal import Decimal
from typing import Any

from harness import World

from venice_async.emulator.faults import Fault, StatusFault
from venice_async.errors import SpendingCapError, VeniceError
from venice_async.manager import JobManager
from venice_async.models import TopUp, WalletBalance
from venice_async.payments import TopUpPolicy
from venice_async.signin import Chain

ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
POLICY = TopUpPolicy(usd=5, per_payment_usd=5, per_day_usd=20, total_usd=50)
EMPTY = StatusFault(endpoints=("queue",), status=402, message="Insufficient USD or Diem balance")


class Purse:
    """A wallet's face. A payment takes two seconds, and then paid calls are taken again unless it `helps` nothing.

    `credits` says whether the balance shows what was paid. `failing` is raised instead of paying, as often as it
    is there. The caps of the policy hold, as the true one keeps them.
    """

    chain = Chain.BASE

    def __init__(self, world: World, *, usd: str = "0", diem: str | None = None, fault: Fault = EMPTY) -> None:
        self.world = world
        self.usd = Decimal(usd)
        self.diem = None if diem is None else Decimal(diem)
        self.fault = fault
        self.paid: list[Decimal] = []
        self.looks = 0
        self.at_once = 0
        self.helps = True
        self.credits = True
        self.takes = 2.0
        self.failing: list[VeniceError] = []
        self.blind: VeniceError | None = None
        world.emulator.faults.append(fault)

    async def balance(self) -> WalletBalance:
        self.looks += 1
        await self.world.clock.sleep(0.1)
        if self.blind is not None:
            raise self.blind
        return WalletBalance(
            wallet_address=ADDRESS,
            usd=self.usd,
            can_consume=self.usd >= Decimal("0.10"),
            minimum_top_up_usd=Decimal(5),
            suggested_top_up_usd=Decimal(10),
            diem_usd=self.diem,
        )

    async def top_up_within(self, policy: TopUpPolicy) -> TopUp:
        self.at_once += 1
        assert self.at_once == 1, "two top-ups at once"
        try:
            await self.world.clock.sleep(self.takes)
            if self.failing:
                raise self.failing.pop(0)
            if sum(self.paid) + policy.usd > policy.per_day_usd:
                raise SpendingCapError("The day's cap is reached.", cap_usd=policy.per_day_usd)
        finally:
            self.at_once -= 1
        self.paid.append(policy.usd)
        if self.credits:
            self.usd += policy.usd
        if self.helps:
            self.served()
        return TopUp(wallet_address=ADDRESS, usd=policy.usd, balance_usd=self.usd)

    def served(self) -> None:
        """The server takes requests again."""
        self.world.emulator.faults.clear()

    def empty(self) -> None:
        """All is spent."""
        self.usd = Decimal(0)
        self.world.emulator.faults.append(self.fault)


def paying(world: World, purse: Any, *, latency: float = 0.0, **options: Any) -> JobManager:
    """A manager whose client pays by that wallet, and may top it up."""
    client = world.client(transport=world.emulator.transport(world.clock, latency=latency))
    vars(client)["wallet"] = purse  # as the client itself keeps it once it is made
    return world.manager(client=client, **{"top_up": POLICY, **options})
