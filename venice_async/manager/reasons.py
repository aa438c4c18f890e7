"""Why jobs wait, in words that are theirs: one request was refused, or one payment is open, and many wait for it."""

import copy
import re

from venice_async.errors import Charge, LedgerError, TopUpError, VeniceError

_OF_ONE_VIDEO = re.compile(r"^The server (refused|answered) retrieve ")


def is_of_a_payment(error: VeniceError) -> bool:
    """Whether what it says of the money is about a top-up, and not about a job."""
    return isinstance(error, TopUpError) or (isinstance(error, LedgerError) and error.usd is not None)


def for_who_waits(error: VeniceError) -> VeniceError:
    """The same trouble of the account, for jobs that were not sent: another job's price is none of theirs.

    A payment that is open stays so, whoever waits for it.
    """
    told = copy.copy(error)
    if not is_of_a_payment(error):
        told.charge = Charge.NONE
        told.args = (_OF_ONE_VIDEO.sub(r"The server \1 the account's requests ", error.message),)
    return told


def kept_apart(cause: VeniceError, charge: Charge) -> str:
    """What is to be said of a top-up's money before anything is said of the job's; nothing where both are the same."""
    if not is_of_a_payment(cause) or cause.charge in {Charge.NONE, charge}:
        return ""
    return "Whether that top-up moves money is open. The job is another matter: it was not sent."
