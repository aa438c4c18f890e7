"""Many jobs at once: `JobManager`, and the rooms of its house.

`intake` checks, prices and records a new job; `pump` spends the account's requests, paid calls in the
order of `admission`; `roster` tells everybody whom it concerns (`job`, `events`, `budget`); `cleaner`
deletes at the server what is safe here; `steward` takes jobs on at a start and carries out what a
person decides; `follower` watches jobs that another process carries on.
"""

from venice_async.manager.manager import JobManager

__all__ = ["JobManager"]
