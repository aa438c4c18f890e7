"""What went wrong with a file, a job, or the record of it."""

from decimal import Decimal

from venice_async.errors.base import Charge, VeniceError


class DownloadError(VeniceError):
    """The video could not be made a whole file. What was paid for still waits at the server."""

    charge = Charge.CHARGED
    advice = "Mend the cause and fetch it again, which is free: the server keeps it for 24 hours."


class IncompleteDownloadError(DownloadError):
    """The transfer ended early, stalled, or was cut. The video can be fetched again."""

    advice = "Fetch it again, which is free: the server keeps it for 24 hours."
    transient = True


class InvalidVideoError(DownloadError):
    """All bytes came, but they are not an MP4 file."""

    advice = "Fetch it again, which is free; where it comes the same, ask Venice's support."


class VideoTooLargeError(DownloadError):
    """The video is larger than the size cap; nothing was kept."""

    advice = "Raise the size cap and fetch it again."


class DestinationExistsError(DownloadError):
    """Something already stands at the destination, and it is not overwritten."""

    charge = Charge.NONE
    advice = "Choose another output name, or move the file away."


class JobError(VeniceError):
    """About one job; `job_id` is our name for it."""

    job_id: str = ""


class JobCancelledError(JobError):
    """`cancel()` was called. We stopped waiting; the server has no cancel and gives no refund."""

    advice = "To have the video after all, submit it as a new job."


class JobHeldError(JobError):
    """The job waits for a person: `reason` says for what, `problem` is the error that stopped it."""

    advice = "When the cause is gone, let it go on: `jobs.release(job)` or `venice-async release`."
    reason: str = ""
    problem: VeniceError | None = None


class UnknownOutcomeError(JobError):
    """Nobody can tell whether the paid call was taken. It is not sent again by itself; its price stays reserved."""

    charge = Charge.UNVERIFIED
    advice = "Look at the account's usage, then decide: `venice-async unknown`."
    problem: VeniceError | None = None


class ManagerClosedError(VeniceError):
    """The JobManager was closed while this was awaited; the ledger keeps the job and the next start goes on."""

    advice = "Start a JobManager on the same ledger, or run `venice-async resume`."


class LedgerError(VeniceError):
    """The file of the ledger, or of the payments, cannot be used: foreign, newer than this version, or not writable.

    Where a payment was signed and its outcome could not be recorded, `usd` is its amount in US dollars, and
    `expires_at` (Unix seconds) until when it may move money; `charge` is then not NONE.
    """

    advice = "Check the file, who may write to it, and the room on its disk."
    usd: Decimal | None = None
    expires_at: float | None = None


class StaleRecordError(LedgerError):
    """Somebody else moved the record in the meantime, or works on the job: nothing was changed."""

    advice = "Nothing is lost: the ledger holds what the other one wrote."


class DuplicateQueueIdError(LedgerError):
    """Another job has this queue_id already: nothing was changed. `queue_id` is the server's name in question."""

    advice = "Look which job has it: `venice-async jobs`."
    queue_id: str = ""
