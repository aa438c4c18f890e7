"""How a good answer is read: its object, its texts and instants, and the error for what is not documented."""

from datetime import UTC, datetime
from typing import Any, TypeGuard

from venice_async.errors import Charge, UnexpectedReplyError
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.text import clean, parse_json

_LONGEST_NAME = 512


def is_name(value: Any) -> TypeGuard[str]:
    """A text that can name something, such as a queue_id."""
    return is_sound(value) and bool(value.strip()) and len(value) <= _LONGEST_NAME


def is_sound(value: Any) -> TypeGuard[str]:
    """A text that can be kept and sent. JSON may hold half a surrogate pair; neither SQLite nor UTF-8 takes it."""
    return isinstance(value, str) and value != "" and not any("\ud800" <= char <= "\udfff" for char in value)


def moment(text: Any) -> datetime | None:
    """An instant with its zone; one without is in UTC. None for what is not written as ISO 8601 has it."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def words(value: Any) -> str:
    """A text for people, on one line; empty for what is none."""
    return clean(value, limit=200) if isinstance(value, str) else ""


def fields_of(endpoint: str, head: ReplyHead, body: bytes, *, charge: Charge = Charge.NONE) -> dict[str, Any]:
    """The object that an answer is. Raises UnexpectedReplyError, with this `charge`, for what is not one."""
    tree = parse_json(body)
    if not isinstance(tree, dict):
        raise unexpected(endpoint, head, "it is not a JSON object", charge=charge)
    return tree


def unexpected(endpoint: str, head: ReplyHead, reason: str, *, charge: Charge = Charge.NONE) -> UnexpectedReplyError:
    """The error of an answer that is not as documented: it names the endpoint and the reason, never the answer."""
    kind = clean(head.content_type, limit=60) or "no content type"
    message = f"The answer to {endpoint} ({head.status}, {kind}) is not understood: {reason}."
    return UnexpectedReplyError(message, status=head.status, ray=head.ray, charge=charge)
