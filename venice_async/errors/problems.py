"""One thing that is wrong with a request, as a value: programs read its fields, people its sentence."""

from typing import Any

import attrs
from attrs import frozen


@frozen(kw_only=True)
class Problem:
    """What is wrong in which field of a request, and what would be right.

    `field` is the API's name with the place in it, such as `keyframes[2].frame_index`. `value` is what was given,
    None where nothing was; media are never repeated here, since a link may be private. `allowed` holds the
    values that would do, where they can be listed, and `nearest` the one that was probably meant.
    """

    field: str
    message: str
    value: Any = attrs.field(default=None, repr=False)
    allowed: tuple[str, ...] = ()
    nearest: str | None = None

    def __str__(self) -> str:
        allowed = f" Allowed: {', '.join(self.allowed)}." if self.allowed else ""
        nearest = f" Did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.field}: {self.message}{allowed}{nearest}"

    def document(self) -> dict[str, Any]:
        """The same for JSON, with the whole sentence."""
        return {
            "field": self.field,
            "value": self.value,
            "allowed": list(self.allowed),
            "nearest": self.nearest,
            "message": self.message,
            "sentence": str(self),
        }
