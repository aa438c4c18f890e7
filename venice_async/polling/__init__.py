"""Which job to ask about next, and when: pure, without I/O or a clock of its own.

`scheduler` decides; `durations` and `lognormals` are what it believes about how long jobs take;
`index` is what an answer is worth; `queue` and `jobs` are its books; `estimates` is what users see of it.
"""

from venice_async.polling.estimates import Estimate
from venice_async.polling.scheduler import PollScheduler

__all__ = ["Estimate", "PollScheduler"]
