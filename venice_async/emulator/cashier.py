"""Whose money pays for a job: the account's behind an API key, or a wallet's credit."""

from decimal import Decimal
from typing import Final

from attrs import frozen

from venice_async.emulator.billing import UsageBook
from venice_async.emulator.jobs import EmulatedJob, JobBook
from venice_async.emulator.messages import Refused
from venice_async.emulator.visits import Visit
from venice_async.emulator.wallets import Wallets

_SHORT: Final = "Insufficient USD or Diem balance to complete request"


@frozen(kw_only=True)
class Cashier:
    """Checks, takes and gives back, over the books of all who pay."""

    book: JobBook
    usage: UsageBook
    wallets: Wallets

    def check(self, visit: Visit, usd: Decimal) -> None:
        """Raises Refused with 402 where the price is not covered."""
        if visit.wallet is not None:
            if not visit.wallet.affords(usd):
                raise Refused(402, f"{_SHORT}. Top up, or wait for the next DIEM epoch.")
        elif self.book.balance_usd is not None and self.book.balance_usd < usd:
            raise Refused(402, _SHORT, code="INSUFFICIENT_BALANCE")

    def charge(self, visit: Visit, job: EmulatedJob, usd: Decimal) -> None:
        """Take the price of a job that was accepted."""
        if visit.wallet is not None:
            visit.wallet.charge(job.model, job.queue_id, usd, at=visit.now, wall=visit.wall)
        else:
            self.usage.charge(job.model, job.queue_id, usd, at=visit.now, wall=visit.wall)

    def refund(self, visit: Visit, job: EmulatedJob) -> None:
        """Give the price of a failed job back to whoever paid it, once."""
        charge = self.book.charges[job.number - 1]
        self.book.refund(job, visit.now)
        if charge.wallet is not None:
            wallet = self.wallets[charge.wallet]
            wallet.refund(job.model, job.queue_id, charge.usd, at=visit.now, wall=visit.wall)
        else:
            self.usage.refund(job.model, job.queue_id, charge.usd, at=visit.now, wall=visit.wall)
