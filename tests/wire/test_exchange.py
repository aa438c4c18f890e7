"""Requests and answers as plain values."""

import canaries
import pytest

from venice_async.wire.exchange import Call, LongText, ReplyHead


@pytest.mark.parametrize(
    ("header", "kind"),
    [("application/json", "application/json"), ("Application/JSON; charset=utf-8", "application/json"), ("", ""),
     (" video/mp4 ;x", "video/mp4"), (";", "")],
)  # fmt: skip
def test_the_content_type_is_bare(header: str, kind: str) -> None:
    """Parameters and case do not matter to who decides by it."""
    assert ReplyHead(status=200, headers={"content-type": header}).content_type == kind


@pytest.mark.parametrize(
    ("header", "length"),
    [("0", 0), ("15", 15), ("", None), ("-1", None), ("+5", None), ("1_0", None), ("abc", None), ("1e3", None),
     ("٣", None), ("²", None), ("9" * 19, None), ("9" * 18, int("9" * 18)), (" 5", None)],
)  # fmt: skip
def test_the_content_length_is_a_sound_number_or_none(header: str, length: int | None) -> None:
    """Nobody reserves memory or judges a download by a garbled header."""
    assert ReplyHead(status=200, headers={"content-length": header}).content_length == length


@pytest.mark.parametrize(
    ("header", "ray"),
    [("8f1d2c3b4a5e6f70-VIE", "8f1d2c3b4a5e6f70-VIE"), ("", None), ("x" * 65, None), ("a b", None), ("a\x1b[31m", None),
     ("é", None), ("<script>", None)],
)  # fmt: skip
def test_the_ray_is_one_or_none(header: str, ray: str | None) -> None:
    """It is printed and logged: what does not look like one is none."""
    assert ReplyHead(status=200, headers={"cf-ray": header}).ray == ray


def test_an_empty_head_has_nothing() -> None:
    """Headers that are not there are told apart from empty answers."""
    head = ReplyHead(status=502)
    assert (head.content_type, head.content_length, head.ray) == ("", None, None)


def test_the_repr_of_a_call_is_its_name() -> None:
    """Its headers hold the key, its address may be a secret link, its body the prompt."""
    call = Call(
        name="queue", method="POST", url=f"https://a/{canaries.LINK}", headers={"authorization": canaries.KEY},
        body=(canaries.KEY.encode(),),
    )  # fmt: skip
    canaries.assert_nothing_secret(call)
    assert "queue" in repr(call)
    canaries.assert_nothing_secret(LongText(canaries.LINK))
