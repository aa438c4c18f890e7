"""Many jobs at once: `JobManager`, and the rooms of its house.

`intake` checks, prices and records a new job; `pump` spends the account's requests, paid calls in the
order of `admission`; `roster` tells everybody whom it concerns (`job`, `events`, `budget`); `cleaner`
deletes at the server what is safe here; `steward` takes jobs on, at a start and from processes that are gone, and
carries out what a person decides (`decisions`); `lookout` looks at the ledger for what others did there,
and goes on with jobs that it could not take before. `rooms` puts the house together.
"""

from venice_async.manager.decisions import Resolution
from venice_async.manager.manager import JobManager

__all__ = ["JobManager", "Resolution"]
