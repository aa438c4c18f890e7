"""The account's books beside the jobs of a ledger whose outcome is unknown: read only, and a person decides."""

from collections.abc import Sequence
from datetime import datetime

from venice_async.charges import gap_in, rows_of_transactions, rows_of_usage
from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.jobs import JobRecord, JobState
from venice_async.models import WalletTransaction
from venice_async.reconcile import SETTLE, Finding, findings, period


async def compared(client: VeniceClient, records: Sequence[JobRecord], *, admin_key: str | None) -> list[Finding]:
    """A finding for each record that is UNKNOWN; the others' charges are told apart first.

    A client with a wallet reads its transactions, unless there is an `admin_key` for the usage history. Raises what
    `Wallet.transactions` or `VeniceClient.usage_history` raises; asks nothing where nothing is unknown.
    """
    doubted = [record for record in records if record.state is JobState.UNKNOWN]
    if not doubted:
        return []
    speed = client.clock.speed if isinstance(client.clock, SystemClock) else 1.0
    settle = SETTLE / speed  # an emulator's books have their time in job seconds too
    now = client.clock.wall()
    start, end = period(doubted, records, now, settle=settle)
    if admin_key is None and client.has_wallet:
        lines = await _transactions(client, start)
        since = [line for line in lines if line.created_at >= start]
        rows = rows_of_transactions(since, models={record.model for record in records})
        gap = gap_in(lines) or await _diem(client)
        return findings(doubted, rows, records, now, since=start, settle=settle, gap=gap)
    usage = await client.usage_history(start, end, admin_key=admin_key)
    return findings(doubted, rows_of_usage(usage), records, now, since=start, settle=settle)


async def _transactions(client: VeniceClient, start: datetime) -> list[WalletTransaction]:
    """Newest first, back to the first from before `start`: from it one can tell that none after it is missing."""
    lines = []
    async for line in client.wallet.transactions():
        lines.append(line)
        if line.created_at < start:
            break
    return lines


async def _diem(client: VeniceClient) -> str:
    has_diem = (await client.wallet.balance()).diem_usd is not None
    return "this wallet spends staked DIEM first, and its transactions may not show that" if has_diem else ""
