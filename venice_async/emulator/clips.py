"""Short, real videos for the emulated server: made here, cached, and unique to each job.

A clip is H.264 in an MP4 file, two seconds long and small. Its look follows from the prompt, so different
prompts are told apart at a glance. Encoding costs about 0.1 s and happens once per look and shape; the bytes
of a job differ from the clip's only in a fixed-size tag (the `comment` in its metadata) and, where a certain
size is asked for, in padding inside the `mdat` box. Nothing moves, so no offset table needs a patch, and a
padded file that is cut anywhere still shows it.
"""

import contextlib
import functools
import hashlib
import importlib.util
import io
import math
import os
import random
import re
import tempfile
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from venice_async.errors import ConfigurationError, InvalidVideoError
from venice_async.mp4 import check_mp4

if TYPE_CHECKING:
    import av.filter

_CACHE_VERSION = 1
_FRAME_RATE = 24
_FRAMES = 48
_PIXELS = 320 * 180
_HUES = (0, 120, 240)
_TAG = b"*" * 64  # what the comment holds until a job's own tag, as many hexadecimal digits, takes its place
_FREE_BOX = b"\0\0\0\x08free"
_MDAT_HEADER = 16
_NOISE_PERIOD = 1_048_573  # a prime below 1 MiB: blocks that a faulty client swaps or repeats never look alike

# Each look is a chain of FFmpeg filters. {w} and {h} are the frame; half ({hw}, {hh}) and quarter ({qw}, {qh})
# sizes make soft clouds and chunky cells. Every random source has a seed, so that a look is the same each time.
_GRADIENT = "gradients=size={w}x{h}:rate=24"
_LOOKS: dict[str, tuple[str, ...]] = {
    "testcard": ("testsrc2=size={w}x{h}:rate=24",),
    "mandelbrot": (
        "mandelbrot=size={w}x{h}:rate=24:start_x=-.744:start_y=-.132:start_scale=.9:end_scale=.05:end_pts=60:maxiter=300",
    ),
    "life": (
        "life=size={qw}x{qh}:rate=24:ratio=0.15:seed=5:mold=8:life_color=#40ffc0:death_color=#c03080:mold_color=#181040",
        "scale={w}:{h}:flags=neighbor",
    ),
    "aurora": (_GRADIENT + ":n=5:seed=11:speed=0.06:c0=#0b1040:c1=#1b6ca8:c2=#21e6a1:c3=#b6ff6b:c4=#7a2a8f",),
    "sunburst": (
        _GRADIENT + ":type=spiral:n=6:seed=3:speed=0.09"
        ":c0=#2b0a3d:c1=#c2185b:c2=#ff7043:c3=#ffd54f:c4=#fff8e1:c5=#5e35b1",
    ),
    "halo": (_GRADIENT + ":type=radial:n=4:seed=21:speed=0.05:c0=#ffe066:c1=#00d2a0:c2=#f72585:c3=#10183f",),
    "automaton": (
        "cellauto=size={qw}x{qh}:rate=24:rule=30:random_seed=7",
        "lagfun=decay=0.9",
        "scale={w}:{h}:flags=neighbor",
        "format=yuv444p",
        "pseudocolor=preset=magma",
    ),
    "sierpinski": (
        "sierpinski=size={w}x{h}:rate=24:type=triangle:seed=4:jump=200",
        "format=yuv444p",
        "lagfun=decay=0.93",
        "pseudocolor=preset=viridis",
    ),
    "carpet": (
        "sierpinski=size={w}x{h}:rate=24:type=carpet:seed=8:jump=200",
        "format=yuv444p",
        "gblur=sigma=1.5",
        "pseudocolor=preset=solar",
    ),
    "ripples": ("zoneplate=size={w}x{h}:rate=24:kx2=30:ky2=30:ku=256:kt=8",),
    "clouds": (
        "perlin=size={hw}x{hh}:rate=24:octaves=4:persistence=0.6:xscale=4:yscale=4:tscale=2:random_mode=ken",
        "format=yuv444p",
        "scale={w}:{h}:flags=bicubic",
        "pseudocolor=preset=turbo",
    ),
    "plasma": (
        "nullsrc=size={hw}x{hh}:rate=24",
        "geq=r='128+127*sin(X/12+T*3)':g='128+127*sin((X+Y)/17+T*4)':b='128+127*sin(hypot(X-W/2,Y-H/2)/8-T*6)'",
        "scale={w}:{h}",
    ),
}


@attrs.frozen(kw_only=True)
class _Variant:
    """Which clip: its look, how far its colours are turned (degrees), and its frame in pixels."""

    look: str
    hue: int
    width: int
    height: int

    @classmethod
    def choose(cls, seed_text: str, aspect_ratio: str | None) -> "_Variant":
        digest = hashlib.sha256(seed_text.encode("utf-8", "surrogatepass")).digest()
        width, height = _frame_size(aspect_ratio)
        look = list(_LOOKS)[digest[0] % len(_LOOKS)]
        return cls(look=look, hue=_HUES[digest[1] % len(_HUES)], width=width, height=height)

    @property
    def file_name(self) -> str:
        return f"clip-v{_CACHE_VERSION}-{self.look}-{self.hue}-{self.width}x{self.height}.mp4"


@attrs.frozen(kw_only=True)
class _Clip:
    """An encoded file, and where in it the tag and the header of the `mdat` box stand."""

    data: bytes
    tag_at: int
    mdat_at: int

    @classmethod
    def parse(cls, data: bytes) -> "_Clip":
        """Raises `InvalidVideoError` unless `data` is a whole MP4 file of the layout that `_encode` writes."""
        check_mp4(io.BytesIO(data), len(data))
        mdat_at = data.find(_FREE_BOX)
        header = data[mdat_at + 8 : mdat_at + 16]
        # FFmpeg leaves an empty `free` box before `mdat`: the two headers together hold one with a 64-bit size.
        if data.count(_TAG) != 1 or header != (len(data) - mdat_at - 8).to_bytes(4, "big") + b"mdat":
            raise InvalidVideoError("The file is not a clip of this version's layout.")
        return cls(data=data, tag_at=data.find(_TAG), mdat_at=mdat_at)

    def tagged(self, tag: bytes, size: int) -> tuple[bytes | memoryview, ...]:
        """The clip in pieces, most of them shared, with its own tag and an `mdat` box that reaches to `size`."""
        view = memoryview(self.data)
        header = (1).to_bytes(4, "big") + b"mdat" + (size - self.mdat_at).to_bytes(8, "big")
        return (
            view[: self.tag_at],
            tag,
            view[self.tag_at + len(_TAG) : self.mdat_at],
            header,
            view[self.mdat_at + _MDAT_HEADER :],
        )


class VideoSource:
    """One job's video: `size` bytes that are made as they are read and never lie in memory together."""

    def __init__(self, pieces: tuple[bytes | memoryview, ...], *, size: int, noise: bytes) -> None:
        self.size = size
        self._pieces = pieces
        self._natural_size = sum(map(len, pieces))
        self._noise = noise

    def chunks(self, chunk_size: int = 256 * 1024, start: int = 0) -> Iterator[bytes]:
        """The bytes from offset `start` on, in chunks of `chunk_size` bytes of which the last may be shorter."""
        for position in range(start, self.size, chunk_size):
            yield self._read(position, min(chunk_size, self.size - position))

    def sha256(self) -> str:
        """The hexadecimal SHA-256 of the whole; computed once, which for gigabytes takes seconds."""
        return self._sha256

    @functools.cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def _read(self, position: int, length: int) -> bytes:
        parts: list[bytes | memoryview] = []
        end, at = position + length, 0
        for piece in self._pieces:
            parts.append(piece[max(position - at, 0) : max(end - at, 0)])
            at += len(piece)
        position = max(position, self._natural_size)
        while position < end:
            offset = (position - self._natural_size) % len(self._noise)
            parts.append(self._noise[offset : offset + end - position])
            position += len(parts[-1])
        return b"".join(parts)

    def __repr__(self) -> str:
        return f"<VideoSource {self.size:,} bytes>"


class ClipLibrary:
    """Videos for prompts, encoded when first asked for and kept in memory and in `cache_dir`.

    `cache_dir` is `venice-async/clips` in the user's cache directory (`XDG_CACHE_HOME`, or `~/.cache`) unless
    given. Several processes may share it. Where it cannot be written, clips are kept in memory alone.
    Its methods block (an encode takes about 0.1 s) and may be called from several threads.
    """

    def __init__(self, cache_dir: Path | None = None) -> None:
        self._cache_dir = cache_dir or _user_cache_dir()
        self._clips: dict[_Variant, _Clip] = {}
        self._lock = threading.Lock()

    def video(self, seed_text: str, *, aspect_ratio: str | None, unique: bytes, size: int | None = None) -> VideoSource:
        """The video for a prompt (`seed_text`), whose bytes nobody else has: they follow from `unique`.

        `aspect_ratio` is such as "9:16"; anything else than two numbers gives 16:9. With `size` the file has
        exactly that many bytes, up to any number, but never fewer than the clip itself needs. Raises
        `ConfigurationError` when PyAV is not installed and the clip is not cached.
        """
        clip = self._clip(_Variant.choose(seed_text, aspect_ratio))
        size = max(size or 0, len(clip.data))
        pieces = clip.tagged(hashlib.sha256(unique).hexdigest().encode(), size)
        return VideoSource(pieces, size=size, noise=self._noise if size > len(clip.data) else b"")

    @functools.cached_property
    def _noise(self) -> bytes:
        return random.Random(_CACHE_VERSION).randbytes(_NOISE_PERIOD)

    def _clip(self, variant: _Variant) -> _Clip:
        # The lock also keeps threads that want the same clip from encoding it side by side.
        with self._lock:
            if variant not in self._clips:
                path = self._cache_dir / variant.file_name
                self._clips[variant] = _load(path) or _make(variant, path)
            return self._clips[variant]

    def __repr__(self) -> str:
        return f"<ClipLibrary {len(self._clips)} clips in memory, cache {self._cache_dir}>"


def _load(path: Path) -> _Clip | None:
    """The cached clip, or None where there is none or its file is not whole."""
    with contextlib.suppress(OSError, InvalidVideoError):
        return _Clip.parse(path.read_bytes())
    return None


def _make(variant: _Variant, path: Path) -> _Clip:
    clip = _Clip.parse(_encode(variant))
    with contextlib.suppress(OSError):  # the cache only saves time: without it the clip is as good
        _store(path, clip.data)
    return clip


def _store(path: Path, data: bytes) -> None:
    """Write a file that other processes see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _encode(variant: _Variant) -> bytes:
    """Raises `ConfigurationError` when PyAV is not installed."""
    if importlib.util.find_spec("av") is None:
        raise ConfigurationError(
            "The emulator makes its videos with PyAV, which is not installed.",
            advice="Install the extra: pip install 'venice-async[emulator]'.",
        )
    import av

    graph = _filter_graph(variant)
    with tempfile.TemporaryDirectory(prefix="venice-clip-") as folder:
        path = Path(folder) / "clip.mp4"  # faststart reads the file again, so a buffer in memory would not do
        with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
            container.metadata["comment"] = _TAG.decode()
            options = {"preset": "veryfast", "crf": "30", "threads": "1"}
            stream = container.add_stream("libx264", rate=_FRAME_RATE, options=options)
            stream.width, stream.height, stream.pix_fmt = variant.width, variant.height, "yuv420p"
            for number in range(_FRAMES):
                frame = graph.vpull()
                frame.pts, frame.time_base = number, Fraction(1, _FRAME_RATE)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path.read_bytes()


def _filter_graph(variant: _Variant) -> "av.filter.Graph":
    import av.filter

    width, height = variant.width, variant.height
    sizes = {"w": width, "h": height, "hw": width // 2, "hh": height // 2, "qw": width // 4, "qh": height // 4}
    graph = av.filter.Graph()
    nodes = []
    for step in (*_LOOKS[variant.look], f"hue=h={variant.hue}", "format=yuv420p", "buffersink"):
        name, _, arguments = step.format_map(sizes).partition("=")
        nodes.append(graph.add(name, arguments or None))
    graph.link_nodes(*nodes).configure()
    return graph


def _frame_size(aspect_ratio: str | None) -> tuple[int, int]:
    """A frame of about 57,600 pixels in this shape; its sides are multiples of 4, as the codec and the looks want."""
    match = re.fullmatch(r"([1-9]\d?):([1-9]\d?)", aspect_ratio or "")
    ratio = int(match[1]) / int(match[2]) if match else 16 / 9
    height = math.sqrt(_PIXELS / min(max(ratio, 0.25), 4.0))
    return round(_PIXELS / height / 4) * 4, round(height / 4) * 4


def _user_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "venice-async" / "clips"
