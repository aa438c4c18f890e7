"""Text is never taken for HTML."""

import pytest

from venice_async.gallery.html import join, raw, tag


def test_text_is_escaped_and_elements_are_not() -> None:
    """In content and in attributes."""
    inner = tag("b", "<&>")
    assert tag("p", "'\"", inner, title='"<') == '<p title="&quot;&lt;">&#x27;&quot;<b>&lt;&amp;&gt;</b></p>'


def test_attributes() -> None:
    """What is None or False is left out; an element without content has no end."""
    made = tag("input", data_state="x", class_="a", hidden=True, disabled=False, title=None)
    assert made == '<input data-state="x" class="a" hidden>'


def test_joined_text_is_escaped() -> None:
    """However the pieces are put together."""
    assert join("<", tag("i")) == "&lt;<i></i>"
    assert tag("p", tag("i") + "<b>") == "<p>&lt;i&gt;&lt;/i&gt;&lt;b&gt;</p>"


def test_a_script_cannot_end_its_element() -> None:
    """Ours do not; a change that does is refused."""
    with pytest.raises(ValueError, match="end its element"):
        raw("let a = '</script>';")
