"""What a 400 complains of, in words that name the field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import BadRequestError
from venice_async.wire.complaints import complaints
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.failures import failure_of

DEEP: dict[str, Any] = {}
for _ in range(500):
    DEEP = {"x": DEEP, "_errors": ["far down"]}


@pytest.mark.parametrize(
    ("details", "issues", "told"),
    [
        ({"_errors": [], "duration": {"_errors": ["Invalid enum value"]}}, None, ("duration: Invalid enum value",)),
        ({"_errors": ["Too much"], "keyframes": {"1": {"image_url": {"_errors": ["Required"]}}}}, None,
         ("Too much", "keyframes.1.image_url: Required")),
        (None, [{"path": ["elements", 0, "video_url"], "message": "Invalid url", "code": "x"}],
         ("elements.0.video_url: Invalid url",)),
        ({"a": {"_errors": ["No"]}}, [{"path": ["a"], "message": "No"}], ("a: No",)),
        ("text", "text", ()),
        (None, [None, {"path": "a"}, {"message": 5}, {"path": {}, "message": "Odd"}], ("Odd",)),
        ({str(number): {"_errors": ["No"]} for number in range(9)}, None, tuple(f"{n}: No" for n in range(5))),
        ({"a\x1b[31m": {"_errors": ["b\nc"]}}, None, ("a [31m: b c",)),
    ],
)  # fmt: skip
def test_each_form(details: Any, issues: Any, told: tuple[str, ...]) -> None:
    """The tree, the list, both; at most five, once each, safe to show."""
    assert complaints(details, issues) == told


def test_a_tree_without_bottom_is_not_followed_for_ever() -> None:
    """A hostile answer costs nothing."""
    assert len(complaints(DEEP, None)) == 5


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["_errors", "message", "path", "a"]), inner
)))  # fmt: skip
def test_no_tree_makes_it_stumble(tree: Any) -> None:
    """Whatever the server says."""
    assert all(isinstance(text, str) for text in complaints(tree, tree))


def test_the_error_says_it() -> None:
    """The fields are in the sentence; the trees stay as they were told."""
    tree = {"error": "Invalid request parameters", "details": {"duration": {"_errors": ["Invalid enum value"]}}}
    error = failure_of("queue", ReplyHead(status=400), json.dumps(tree).encode())
    assert isinstance(error, BadRequestError)
    assert error.message == "The server refused queue (400): Invalid request parameters (duration: Invalid enum value)."
    assert error.details == tree["details"]
