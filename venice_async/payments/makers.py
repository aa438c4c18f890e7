"""Who had a payment reserved, so that one whose program has died is waited for no longer.

A process is told by its number, the instant at which it began, and the system that counts both. Where the system
does not tell these, as outside Linux, nobody is known to be dead, and the time rule decides alone.
"""

import contextlib
import os
from pathlib import Path

_PROC = Path("/proc")
_DEAD = ("Z", "X")
_STATE, _BEGAN = 0, 19
"""Places in `/proc/PID/stat` after the program's name, which may hold anything, blanks and brackets too."""


def this_maker() -> str | None:
    """The name of this process, like no other's; None where the system does not tell."""
    system, number = _system(), os.getpid()
    fields = _fields(number)
    return f"{system} {number} {fields[_BEGAN]}" if system and fields else None


def is_gone(maker: str | None) -> bool:
    """Whether this process has surely ended. What another system counts is not known here."""
    parts = (maker or "").split(" ")
    if len(parts) != 3 or parts[0] != _system() or not parts[1].isdigit() or not _fields(os.getpid()):
        return False
    fields = _fields(int(parts[1]))
    return not fields or fields[_STATE] in _DEAD or fields[_BEGAN] != parts[2]


def _system() -> str:
    """One boot of one machine, and the part of it that counts its own processes, as a container does."""
    with contextlib.suppress(OSError):
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    return ""


def _fields(number: int) -> list[str]:
    with contextlib.suppress(OSError):
        fields = (_PROC / str(number) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return fields if len(fields) > _BEGAN else []
    return []
