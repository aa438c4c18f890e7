"""The account's books beside the jobs of a ledger whose outcome is unknown: read only, and a person decides."""

from collections.abc import Sequence

from venice_async.charges import rows_of_usage
from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.jobs import JobRecord, JobState
from venice_async.reconcile import SETTLE, Finding, findings, period


async def compared(client: VeniceClient, records: Sequence[JobRecord], *, admin_key: str | None) -> list[Finding]:
    """A finding for each record that is UNKNOWN; the others' charges are told apart first.

    Raises what `VeniceClient.usage_history` raises; asks nothing where nothing is unknown.
    """
    doubted = [record for record in records if record.state is JobState.UNKNOWN]
    if not doubted:
        return []
    speed = client.clock.speed if isinstance(client.clock, SystemClock) else 1.0
    settle = SETTLE / speed  # an emulator's books have their time in job seconds too
    now = client.clock.wall()
    start, end = period(doubted, records, now, settle=settle)
    usage = await client.usage_history(start, end, admin_key=admin_key)
    return findings(doubted, rows_of_usage(usage), records, now, since=start, settle=settle)
