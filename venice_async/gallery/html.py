"""HTML that cannot be forgotten to be escaped: whatever is not an element already is text."""

from html import escape

_VOID = frozenset({"img", "input", "link", "meta"})


class Html(str):
    """Text that is HTML already. Only `tag`, `raw` and `join` make it."""

    __slots__ = ()


def tag(name: str, /, *content: str, **attributes: str | bool | None) -> Html:
    """An element. Plain text in `content` and in `attributes` is escaped.

    An attribute's name is written with `_` for `-`, and may end in one where Python keeps the word; None and False
    leave it out, True writes its name alone.
    """
    named = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Html(f"<{name}{named}>")
    return Html(f"<{name}{named}>{join(*content)}</{name}>")


def join(*content: str) -> Html:
    """Elements and texts in a row."""
    return Html("".join(piece if isinstance(piece, Html) else escape(piece) for piece in content))


def raw(text: str) -> Html:
    """A style sheet or a script of our own, whose text HTML does not escape. Never for anybody else's words."""
    if "</" in text:
        raise ValueError("it would end its element")
    return Html(text)


def _attribute(key: str, value: str | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    if isinstance(value, bool):
        return f" {name}" if value else ""
    return f' {name}="{escape(value)}"'
