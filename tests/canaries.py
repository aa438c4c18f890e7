"""Stand-ins for secrets, and the search for them in everything that a person or a log could get to see."""

import logging
from collections.abc import Iterable

from venice_async.errors import VeniceError

KEY = "canary-key-3f9a1c"
LINK = "canary-link-77b2e0"


def assert_nothing_secret(*things: object) -> None:
    """No canary in the text of anything, nor in what an error refers to; and no foreign error behind ours."""
    seen: set[int] = set()
    waiting = list(things)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        for text in (str(thing), repr(thing)):
            assert KEY not in text
            assert LINK not in text
        if isinstance(thing, BaseException):
            assert isinstance(thing, VeniceError)
            waiting += [thing.__cause__, thing.__context__, thing.args, thing.__dict__, getattr(thing, "__notes__", ())]


def assert_nothing_secret_logged(records: Iterable[logging.LogRecord]) -> None:
    """No canary in any log record, at whatever level."""
    for record in records:
        assert_nothing_secret(record.getMessage(), record.args, record.exc_text)
