"""When a whole batch will be done: what runs as the scheduler sees it, and what still waits to be sent. Pure."""

from collections.abc import Sequence

from venice_async.polling import Estimate

_FEW = 5
"""Fewer finished jobs tell less than the server's own figure."""


def forecast(
    running: Estimate | None, takes: Estimate | None, *, waiting: int, queue_per_minute: float
) -> Estimate | None:
    """Seconds from now until all is done; None while that cannot be told.

    `running` is for what is queued, `takes` for one job from its paid call to its end, and `waiting` how many have
    not been sent. The last of them goes out when the account's pace allows it.
    """
    if not waiting:
        return running
    if takes is None or queue_per_minute <= 0:
        return None
    sent = waiting * 60.0 / queue_per_minute
    first = running or Estimate(p50=0.0, p90=0.0)
    return Estimate(p50=max(first.p50, sent + takes.p50), p90=max(first.p90, sent + takes.p90))


def usual(took: Sequence[float], announced: Sequence[float]) -> Estimate | None:
    """How long one job takes: as those of this run took (seconds), else as the server announces it (its P80)."""
    if len(took) < _FEW:
        longest = max(announced, default=0.0)
        return Estimate(p50=0.8 * longest, p90=1.2 * longest) if longest else None
    ordered = sorted(took)
    return Estimate(p50=ordered[len(ordered) // 2], p90=ordered[len(ordered) * 9 // 10])
