"""The root of the tree, what an error says of the money, and what is refused before the network."""

import enum
from decimal import Decimal
from typing import Any

from venice_async.errors.problems import Problem


class Charge(enum.Enum):
    """What happened to the money of the call or job that an error speaks of."""

    NONE = "none"
    """Nothing was charged."""
    REFUNDED = "refunded"
    """Charged at first, and the server says that it was given back."""
    CHARGED = "charged"
    """Charged and, by the server's own word or by rule, not given back."""
    UNVERIFIED = "unverified"
    """The answer does not tell: look at the account's usage page."""

    @property
    def sentence(self) -> str:
        """The same as a short sentence for a person."""
        return {
            Charge.NONE: "Nothing was charged.",
            Charge.REFUNDED: "The charge was refunded.",
            Charge.CHARGED: "It was charged.",
            Charge.UNVERIFIED: "Whether it was charged is not known.",
        }[self]


class VeniceError(Exception):
    """The root of every error of this package.

    `message` says what went wrong, `charge` what happened to the money, `advice` what to do next;
    `str()` joins the three.
    """

    charge: Charge = Charge.NONE
    advice: str = ""
    transient: bool = False
    """Whether the same call may well succeed a little later."""

    def __init__(self, message: str = "", **facts: Any) -> None:
        super().__init__(message)
        for name, value in facts.items():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} knows no fact {name!r}")
            setattr(self, name, value)

    @property
    def message(self) -> str:
        """What went wrong, without the money and the advice."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        message = self.message
        if message and message[-1] not in ".!?…":  # the server's own words often end without
            message += "."
        return " ".join(part for part in (message, self.charge.sentence, self.advice) if part)


class ConfigurationError(VeniceError):
    """A setting is missing, contradictory or unsafe; nothing was sent. Its message says what would do."""


class InvalidRequestError(VeniceError):
    """A request was refused here, before any network call; `problems` lists all that is wrong with it.

    `located` holds the same as values, each with its field, where the trouble lies in fields of the request.
    """

    problems: tuple[str, ...] = ()
    located: tuple[Problem, ...] = ()


class BudgetExceededError(VeniceError):
    """The price of a job does not fit under what is left of `budget_usd`; it was not sent."""

    advice = "Raise the budget, or cancel jobs that hold some of it."
    needed_usd: Decimal | None = None
    available_usd: Decimal | None = None
