"""Local media as base64 text, and long texts as JSON, encoded piece by piece while they are sent.

A 30 MB image encoded whole would stop the event loop for a third of a second and hold 130 MB; read
and encoded in pieces, each in one hop to a worker thread, it costs a few milliseconds and one piece.
"""

import asyncio
import base64
import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

from venice_async.errors import InvalidRequestError
from venice_async.models import MediaFile
from venice_async.wire.exchange import LongText, Segment
from venice_async.wire.text import json_slices

PIECE = 96 * 1024
"""Bytes read and encoded at a time: a multiple of 3, so that pieces join without padding between them.

Twice as many save a tenth of the CPU of one upload, and with eight at once double the time for which the event loop
stands still.
"""
_FULL_PIECE = PIECE // 3 * 4


def encoded_size(segments: Sequence[Segment]) -> int:
    """Bytes of the body when its files and long texts are encoded. Looks at the files, so call it in a worker thread.

    Raises InvalidRequestError for a file that is missing or not an ordinary file.
    """
    return sum(map(_encoded_size, segments))


async def measured(segments: Sequence[Segment], *, executor: Executor | None) -> int:
    """The same for the event loop: files are looked at in a worker thread, long texts here, with turns for others.

    Several threads that walk through texts at once would keep the loop from its turn for longer than it takes alone.
    """
    size = 0
    for segment in segments:
        if isinstance(segment, MediaFile) and segment.data is None:
            size += await asyncio.get_running_loop().run_in_executor(executor, _encoded_size, segment)
        elif isinstance(segment, LongText):
            for piece in _text_pieces(segment):
                size += len(piece)
                await asyncio.sleep(0)
        else:
            size += _encoded_size(segment)
    return size


def _encoded_size(segment: Segment) -> int:
    match segment:
        case bytes():
            return len(segment)
        case LongText():
            return sum(map(len, _text_pieces(segment)))
        case _:
            return 4 * -(-_size(segment) // 3)


async def encoded(segments: Sequence[Segment], *, executor: Executor | None) -> AsyncIterator[bytes]:
    """The body's bytes in order, in pieces of about the size of a file's. The event loop gets its turn between them.

    Raises InvalidRequestError for a file that cannot be opened.
    """
    for segment in segments:
        if isinstance(segment, MediaFile) and segment.data is None:
            async for piece in _encoded_file(segment, executor):
                yield piece
            continue
        for number, piece in enumerate(_held_pieces(segment)):
            if number:  # a server that reads fast never makes the writer wait: without this the loop would stand still
                await asyncio.sleep(0)
            yield piece


def _held_pieces(segment: Segment) -> Iterator[bytes]:
    """The pieces of a segment that is in memory already."""
    match segment:
        case bytes():
            return _slices(segment, _FULL_PIECE)
        case LongText():
            return _text_pieces(segment)
        case _:
            return map(base64.b64encode, _slices(segment.data or b"", PIECE))


def _text_pieces(segment: LongText) -> Iterator[bytes]:
    return (piece.encode("utf-8", errors="replace") for piece in json_slices(segment.text))


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


async def _encoded_file(media: MediaFile, executor: Executor | None) -> AsyncIterator[bytes]:
    # Each hop opens the file anew: a hop that is cancelled while its thread works then leaves no open file behind,
    # and never one that is closed, and its number given to another, while the thread still reads from it.
    loop = asyncio.get_running_loop()
    start = 0
    while piece := await loop.run_in_executor(executor, _piece, media, start):
        yield piece
        if len(piece) < _FULL_PIECE:
            return
        start += PIECE


def _piece(media: MediaFile, start: int) -> bytes:
    fd = _opened(media)
    raw = b""
    broken = False
    try:
        os.lseek(fd, start, os.SEEK_SET)
        while len(raw) < PIECE and (more := os.read(fd, PIECE - len(raw))):  # nearly always all at once
            raw += more
    except OSError:
        broken = True
    finally:
        os.close(fd)
    if broken:
        raise _refusal(media, "cannot be read")
    return base64.b64encode(raw)


def look(media: MediaFile, *, head: int) -> tuple[int, bytes]:
    """The size of a medium in bytes, and its first `head` bytes. Opens files, so call it in a worker thread.

    Raises InvalidRequestError for a file that is missing, not an ordinary file, or cannot be read.
    """
    if media.data is not None:
        return len(media.data), media.data[:head]
    fd = _opened(media)
    try:
        return os.fstat(fd).st_size, os.read(fd, head)
    except OSError:
        pass
    finally:
        os.close(fd)
    raise _refusal(media, "cannot be read")


def _size(media: MediaFile) -> int:
    return look(media, head=0)[0]


def _opened(media: MediaFile) -> int:
    try:
        # Without O_NONBLOCK a pipe planted at the path would hold the worker thread for ever.
        fd = os.open(media.path or Path(), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError):  # a name with a NUL in it is a ValueError
        fd = -1
    if fd < 0:
        raise _refusal(media, "does not exist or cannot be read")
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _refusal(media, "is not an ordinary file")
    return fd


def _refusal(media: MediaFile, reason: str) -> InvalidRequestError:
    sentence = f"The file {media.path} {reason}."
    return InvalidRequestError(sentence, problems=(sentence,))
