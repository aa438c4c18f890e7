"""Untrusted text and JSON."""

import json
import sys
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import InvalidRequestError, PaymentOption
from venice_async.wire.text import as_written, clean, clean_lines, parse_json, redacted, redacted_tree, to_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
HIDDEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


class TestClean:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [("plain", "plain"), (" a ", "a"), ("a\nb", "a b"), ("a\r\n[ERROR] b", "a  [ERROR] b"),
         ("\x1b[31mred", "[31mred"),
         ("\x1b]8;;http://evil\x07x", "]8;;http://evil x"), ("a\u202eb", "a b"), ("a\u2028b", "a b"),
         ("a\ud800b", "a b"),
         ("zero\u200bwidth", "zero width"), ("日本語 ✓", "日本語 ✓"), ("a\x7fb", "a b"), ("", "")],
    )  # fmt: skip
    def test_what_could_fool_a_terminal_is_gone(self, text: str, shown: str) -> None:
        """Control, direction and line marks become blanks; other scripts stay."""
        assert clean(text) == shown

    @given(st.text(max_size=50), st.integers(1, 40))
    def test_it_is_one_short_line(self, text: str, limit: int) -> None:
        """Whatever the server says, a log line stays a line, and a long one says that it was cut."""
        shown = clean(text, limit=limit)
        assert len(shown) <= limit + 1
        assert not any(unicodedata.category(char) in HIDDEN for char in shown)
        assert shown.endswith("…") or len(text) <= limit

    def test_lines_can_stay(self) -> None:
        """A policy that a person must read keeps its paragraphs."""
        assert clean_lines("a\x1b\n\nb\u202ec", limit=100) == "a\n\nb c"
        assert len(clean_lines("x\n" * 1000, limit=10)) <= 10


class TestAsWritten:
    @given(st.text(max_size=50), st.integers(1, 40))
    def test_it_is_safe_and_never_mended(self, text: str, limit: int) -> None:
        """One short line without marks; equal to a sound text only where it was that text."""
        shown = as_written(text, limit=limit)
        assert len(shown) <= limit + 1
        assert not any(unicodedata.category(char) in HIDDEN for char in shown)
        assert shown == text or "\ufffd" in shown or (shown.endswith("…") and len(text) > limit)

    @pytest.mark.parametrize("text", ["0xabc ", " 0xabc", "0xabc\n", "\u200b0xabc", "0xabc\x00", "0xabc\ud800"])
    def test_an_address_with_something_beside_it_is_another(self, text: str) -> None:
        """What `clean` would trim stays visible to whoever compares."""
        assert as_written(text) != "0xabc"
        assert as_written("0xabc") == "0xabc"


class TestRedacted:
    def test_values_are_looked_through(self) -> None:
        """An option of a 402 may repeat a secret too, in each of its fields."""
        option = PaymentOption(
            scheme="KEY", network="KEY", asset="a KEY", amount="5", pay_to="KEY b", extra={"KEY": [{"x": "KEY"}]}
        )
        (found,) = redacted_tree((option,), ("KEY",))
        assert isinstance(found, PaymentOption)
        assert "KEY" not in repr(found)
        assert (found.asset, found.amount, found.extra) == ("a ***", "5", {"***": [{"x": "***"}]})

    def test_every_secret_goes_everywhere(self) -> None:
        """All of them, and each as often as it stands there."""
        assert redacted("a KEY b LINK KEY", ("KEY", "LINK")) == "a *** b *** ***"


class TestParse:
    @pytest.mark.parametrize(
        "body",
        [b"", b" ", b"{", b"nonsense", b"<html>", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}',
         b"\xff\xfe", b"\xc3\x28",
         b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000,
         b'{"a":' + b"9" * 5000 + b"}", b"{'a':1}", b'{"a":1,}', b"\x00",
         '{"a":1}'.encode("utf-16"), b"1e9999999999999999999999"],
        ids=lambda body: repr(body[:12]),
    )  # fmt: skip
    def test_what_is_not_json_is_none(self, body: bytes) -> None:
        """It is never raised about: an answer's status alone may have to decide."""
        assert parse_json(body) is None

    @pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a]":', b'["\\"]",', b'["\\\\",'])
    def test_nesting_ends_no_process(self, opening: bytes) -> None:
        """A library may have lifted the interpreter's limit; then the decoder would run out of stack."""
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(10**6)
        try:
            assert parse_json(opening * 200_000) is None
        finally:
            sys.setrecursionlimit(limit)

    def test_many_brackets_are_not_nesting(self) -> None:
        """Neither side by side nor in texts."""
        tree = {"list": [[], {"a": ["]]", "[[[\\", '"[[[[']}] * 300, "[" * 1000: "{" * 1000}
        assert parse_json(json.dumps(tree).encode()) == tree

    def test_prices_stay_exact(self) -> None:
        """0.1 + 0.2 is 0.3 dollars."""
        tree = parse_json(b'{"a":0.1,"b":0.2,"c":3}')
        assert (tree["a"] + tree["b"], tree["c"]) == (Decimal("0.3"), 3)

    def test_a_byte_order_mark_is_tolerated(self) -> None:
        """Some proxies put one in front."""
        assert parse_json(b'\xef\xbb\xbf{"a":1}') == {"a": 1}

    @given(st.binary(max_size=200))
    def test_no_bytes_make_it_stumble(self, body: bytes) -> None:
        """Any bytes are either JSON or None."""
        parse_json(body)
        parse_json(b'{"a":' + body + b"}")

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_what_json_can_hold_comes_back(self, tree: object) -> None:
        """Half surrogate pairs too, which JSON can carry as escapes."""
        assert parse_json(json.dumps(tree).encode()) == tree


class TestToJson:
    @pytest.mark.parametrize(
        "value",
        [
            float("nan"),
            float("inf"),
            pytest.param(object(), id="object"),
            {1, 2},
            b"bytes",
            Decimal("1.5"),
            {(1, 2): 3},
            pytest.param({"a": [object()]}, id="object within"),
        ],
        ids=repr,
    )
    def test_what_json_cannot_hold_is_refused_by_our_own_error(self, value: object) -> None:
        """A wrong value in `extra` is an invalid request, not a crash of whoever sends it."""
        with pytest.raises(InvalidRequestError) as caught:
            to_json({"x": value})
        assert caught.value.problems
        assert caught.value.__context__ is None

    def test_bottomless_values_are_refused_as_well(self) -> None:
        """So are values that contain themselves."""
        deep: list[object] = []
        for _ in range(200_000):
            deep = [deep]
        ring: list[object] = []
        ring.append(ring)
        for value in (deep, ring):
            with pytest.raises(InvalidRequestError):
                to_json(value)

    def test_the_stored_form_is_ascii(self) -> None:
        """SQLite takes no half surrogate pairs; their escapes it takes."""
        assert to_json("é\ud800", ascii_only=True) == '"\\u00e9\\ud800"'
        assert to_json("é") == '"é"'
