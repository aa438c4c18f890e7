"""Bytes that work but do not show, beside `HiddenStr` for texts."""

from typing import NoReturn

from venice_async.auth import HiddenStr


class HiddenBytes(bytes):
    """A private key as bytes: shown by no repr, debugger or traceback, and never pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


class Unpicklable:
    """For what holds a key: not pickled, and not copied by accident where an object that holds it is stored."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} holds a wallet's key and is not pickled; make one where it is needed")


__all__ = ["HiddenBytes", "HiddenStr", "Unpicklable"]
