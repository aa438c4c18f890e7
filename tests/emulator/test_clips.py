"""The emulated server's videos are real, unique to each job, and of any size."""

import hashlib
import io
import itertools
import sys
import threading
from pathlib import Path

import pytest

from venice_async.emulator import clips
from venice_async.emulator.clips import ClipLibrary, VideoSource
from venice_async.errors import ConfigurationError, InvalidVideoError
from venice_async.mp4 import check_mp4

av = pytest.importorskip("av")

SHAPES = {None: (320, 180), "adaptive": (320, 180), "0:0": (320, 180), "9:16": (180, 320), "1:1": (240, 240)}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def library(cache: Path) -> ClipLibrary:
    return ClipLibrary(cache)


def whole(source: VideoSource) -> bytes:
    return b"".join(source.chunks())


def frames(data: bytes) -> list[bytes]:
    """Every decoded frame, shrunk to 16x9 pixels of grey and colour."""
    with av.open(io.BytesIO(data)) as container:
        return [bytes(frame.reformat(16, 9, format="rgb24").planes[0]) for frame in container.decode(video=0)]


def difference(one: bytes, other: bytes) -> float:
    """How far two pictures are apart: the mean difference of a pixel's component, of 255."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def prompt_for(look: str, hue: int) -> str:
    """Some prompt that has this look."""
    candidates = (f"prompt {number}" for number in itertools.count())
    return next(
        prompt
        for prompt in candidates
        if (variant := clips._Variant.choose(prompt, None)).look == look and variant.hue == hue
    )


@pytest.mark.parametrize("look", clips._LOOKS)
def test_every_look_is_a_whole_video_that_moves(library: ClipLibrary, look: str) -> None:
    """Each look is two seconds of H.264 that any player takes, its index in front, and its picture changes."""
    data = whole(library.video(prompt_for(look, 0), aspect_ratio="16:9", unique=b"job"))
    summary = check_mp4(io.BytesIO(data), len(data))
    assert (summary.duration, summary.width, summary.height) == (2.0, 320, 180)
    assert len(data) < 256 * 1024
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    pictures = frames(data)
    assert len(pictures) == 48
    assert difference(pictures[0], pictures[40]) > 2


def test_looks_and_hues_are_told_apart_at_a_glance(library: ClipLibrary) -> None:
    """The first frames of different looks, and of one look in different colours, differ visibly."""
    firsts = {
        (look, hue): frames(whole(library.video(prompt_for(look, hue), aspect_ratio=None, unique=b"")))[0]
        for look, hue in [*((look, 0) for look in clips._LOOKS), ("plasma", 120), ("plasma", 240), ("halo", 120)]
    }
    closest = min(
        (difference(one, other), name, another)
        for (name, one), (another, other) in itertools.combinations(firsts.items(), 2)
    )
    assert closest[0] > 10, closest


def test_prompts_spread_over_the_looks() -> None:
    """A hundred prompts use all looks, and a prompt always has the same one."""
    chosen = [clips._Variant.choose(f"a fox, take {number}", "16:9") for number in range(100)]
    assert {variant.look for variant in chosen} == set(clips._LOOKS)
    assert chosen == [clips._Variant.choose(f"a fox, take {number}", "16:9") for number in range(100)]


@pytest.mark.parametrize("ratio", SHAPES)
def test_the_shape_is_the_one_asked_for(library: ClipLibrary, ratio: str | None) -> None:
    """Portrait and square videos are so; words and nonsense give 16:9."""
    data = whole(library.video(prompt_for("testcard", 0), aspect_ratio=ratio, unique=b""))
    summary = check_mp4(io.BytesIO(data), len(data))
    assert (summary.width, summary.height) == SHAPES[ratio]
    assert len(frames(data)) == 48


@pytest.mark.parametrize("ratio", ["2:3", "3:2", "3:4", "4:3", "21:9", "9:21", "4:5", "5:4", "99:1", "1:99"])
def test_every_ratio_gives_a_frame_that_the_codec_takes(ratio: str) -> None:
    """Sides are multiples of 4, and the picture stays small; extreme shapes are limited to 4:1."""
    width, height = clips._frame_size(ratio)
    wide, high = map(int, ratio.split(":"))
    assert (width % 4, height % 4) == (0, 0)
    assert 50_000 < width * height < 65_000
    assert width / height == pytest.approx(min(max(wide / high, 0.25), 4), rel=0.03)


def test_each_job_has_bytes_of_its_own(library: ClipLibrary) -> None:
    """Two jobs with one prompt differ in bytes, not in pictures; one job always has the same bytes."""
    one, again, other = (
        library.video(prompt_for("testcard", 0), aspect_ratio=None, unique=unique) for unique in (b"a", b"a", b"b")
    )
    assert whole(one) == whole(again)
    assert one.sha256() == again.sha256() == hashlib.sha256(whole(one)).hexdigest()
    assert one.sha256() != other.sha256()
    assert one.size == other.size == len(whole(other))
    assert frames(whole(one)) == frames(whole(other))


@pytest.mark.parametrize("extra", [1, 7, 3_000_000])
def test_a_video_of_any_size_is_whole_and_plays(library: ClipLibrary, extra: int) -> None:
    """Padding keeps the file valid to its last byte, and the pictures are the same."""
    prompt = prompt_for("testcard", 0)
    plain = library.video(prompt, aspect_ratio=None, unique=b"job")
    padded = library.video(prompt, aspect_ratio=None, unique=b"job", size=plain.size + extra)
    data = whole(padded)
    assert len(data) == padded.size == plain.size + extra
    assert check_mp4(io.BytesIO(data), len(data)).duration == 2.0
    assert frames(data) == frames(whole(plain))
    assert padded.sha256() == hashlib.sha256(data).hexdigest()


def test_a_size_too_small_gives_the_clip_itself(library: ClipLibrary) -> None:
    """A video is never cut to a size."""
    prompt = prompt_for("testcard", 0)
    plain = library.video(prompt, aspect_ratio=None, unique=b"job")
    assert whole(library.video(prompt, aspect_ratio=None, unique=b"job", size=10)) == whole(plain)


def test_any_cut_is_found(library: ClipLibrary) -> None:
    """A padded video that lost its end is refused, wherever it was cut."""
    data = whole(library.video(prompt_for("halo", 0), aspect_ratio=None, unique=b"job", size=200_000))
    for length in [*range(0, 5_000, 37), *range(5_000, 200_000, 4_999), len(data) - 1]:
        with pytest.raises(InvalidVideoError):
            check_mp4(io.BytesIO(data[:length]), length)


@pytest.mark.parametrize("start", [0, 1, 40, 1_000, 100_000, 1_299_999, 1_300_000])
@pytest.mark.parametrize("chunk_size", [999, 65_536, 4_000_000])
def test_chunks_may_start_anywhere(library: ClipLibrary, start: int, chunk_size: int) -> None:
    """The rest of the bytes is the same from any offset and in any chunk size."""
    source = library.video(prompt_for("testcard", 0), aspect_ratio=None, unique=b"job", size=1_300_000)
    chunks = list(source.chunks(chunk_size, start))
    assert b"".join(chunks) == whole(source)[start:]
    assert all(len(chunk) == chunk_size for chunk in chunks[:-1])


class Sparse(io.RawIOBase):
    """A file of a source's bytes that only makes those that are read."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self._position = 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        return next(self._source.chunks(size, self._position), b"")


def test_gigabytes_cost_no_memory(library: ClipLibrary) -> None:
    """A video of 5 GiB is whole, and any stretch of it is made on request."""
    size = 5 * 1024**3
    source = library.video(prompt_for("testcard", 0), aspect_ratio=None, unique=b"job", size=size)
    assert source.size == size
    assert check_mp4(Sparse(source), size).duration == 2.0  # type: ignore[arg-type]
    assert [len(chunk) for chunk in source.chunks(65_536, size - 100_000)] == [65_536, 34_464]


def test_padding_does_not_repeat_in_blocks(library: ClipLibrary) -> None:
    """A client that swaps or repeats blocks of a MiB would get another hash."""
    source = library.video(prompt_for("testcard", 0), aspect_ratio=None, unique=b"", size=5 * 1024**2)
    blocks = list(source.chunks(1024**2))
    assert len(set(blocks)) == 5


def test_clips_are_cached_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second library reads what the first encoded, even where PyAV is missing."""
    first = whole(ClipLibrary(tmp_path).video("a fox", aspect_ratio=None, unique=b""))
    monkeypatch.setitem(sys.modules, "av", None)
    assert whole(ClipLibrary(tmp_path).video("a fox", aspect_ratio=None, unique=b"")) == first
    assert [path.suffix for path in tmp_path.iterdir()] == [".mp4"]


@pytest.mark.parametrize("damage", [b"", b"not a video", None])
def test_a_damaged_cache_file_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    """What another program or a full disk left in the cache is not served."""
    ClipLibrary(tmp_path).video("a fox", aspect_ratio=None, unique=b"")
    (cached,) = tmp_path.iterdir()
    good = cached.read_bytes()
    cached.write_bytes(good[:-1] if damage is None else damage)
    data = whole(ClipLibrary(tmp_path).video("a fox", aspect_ratio=None, unique=b""))
    assert check_mp4(io.BytesIO(data), len(data)).duration == 2.0
    assert len(cached.read_bytes()) == len(data)


def test_a_foreign_video_in_the_cache_is_not_served(tmp_path: Path) -> None:
    """A whole video without our layout would give all jobs the same bytes."""
    library = ClipLibrary(tmp_path)
    tagged = whole(library.video("a fox", aspect_ratio=None, unique=b"somebody"))
    (cached,) = tmp_path.iterdir()
    cached.write_bytes(tagged)
    one, other = (ClipLibrary(tmp_path).video("a fox", aspect_ratio=None, unique=unique) for unique in (b"a", b"b"))
    assert whole(one) != whole(other)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    """Where no folder can be made, the clip is kept in memory."""
    (tmp_path / "file").write_bytes(b"")
    library = ClipLibrary(tmp_path / "file" / "clips")
    first = library.video("a fox", aspect_ratio=None, unique=b"")
    assert whole(library.video("a fox", aspect_ratio=None, unique=b"")) == whole(first)


def test_several_owners_may_share_a_cache(tmp_path: Path) -> None:
    """Libraries that want the same clip at once all get a whole one, and leave one file."""
    got: list[bytes] = []

    def fetch() -> None:
        got.append(whole(ClipLibrary(tmp_path).video("a fox", aspect_ratio=None, unique=b"")))

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert all(check_mp4(io.BytesIO(data), len(data)).duration == 2.0 for data in got)
    assert len(list(tmp_path.iterdir())) == 1


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigurationError, match=r"venice-async\[emulator\]"):
        ClipLibrary(tmp_path).video("a fox", aspect_ratio=None, unique=b"")


@pytest.mark.parametrize(("value", "expected"), [("/var/cache", "/var/cache"), ("", "~/.cache"), ("here", "~/.cache")])
def test_the_cache_follows_the_users_settings(monkeypatch: pytest.MonkeyPatch, value: str, expected: str) -> None:
    """XDG_CACHE_HOME counts when it is an absolute path."""
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert str(Path(expected).expanduser() / "venice-async" / "clips") in repr(ClipLibrary())
