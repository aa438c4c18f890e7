"""Media are looked at before money is spent: what they are, how large, and whether they can be read at all."""

import base64
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import InvalidRequestError
from venice_async.media import encoded_size
from venice_async.media_checks import MAX_BODY, check_media, media_problems, true_type
from venice_async.models import Element, Keyframe, Media, MediaFile, VideoRequest
from venice_async.wire.calls import queue_call

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
JPEG = b"\xff\xd8\xff\xe0" + bytes(40)
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + bytes(40)
WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)
MP3 = b"ID3\x04" + bytes(40)
BARE_MP3 = b"\xff\xfb\x90\x64" + bytes(40)
MP4 = b"\0\0\0\x20ftypisom" + bytes(40)
MOV = b"\0\0\0\x14ftypqt  " + bytes(40)
OLD_MOV = b"\0\0\0\x08wide\0\0\0\x10mdat" + bytes(40)
WEBM = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + bytes(40)
PAGE = b"<!DOCTYPE html><html><body>404</body></html>"

TRUE_TYPES = {
    "image/png": PNG, "image/jpeg": JPEG, "image/gif": b"GIF89a" + bytes(9), "image/webp": WEBP, "audio/wav": WAV,
    "audio/mpeg": MP3, "video/mp4": MP4, "video/quicktime": MOV, "video/webm": WEBM, "audio/ogg": b"OggS" + bytes(9),
    "audio/flac": b"fLaC" + bytes(9), "application/pdf": b"%PDF-1.7", "image/avif": b"\0\0\0\x20ftypavif",
    "image/heic": b"\0\0\0\x20ftypheic", "audio/mp4": b"\0\0\0\x20ftypM4A ", "video/x-msvideo": b"RIFF\0\0\0\0AVI LIST",
    "video/x-matroska": b"\x1aE\xdf\xa3\x01\0\0matroska",
}  # fmt: skip
FIELDS = {
    "image_url": PNG, "end_image_url": JPEG, "audio_url": WAV, "video_url": MP4, "reference_image_urls": WEBP,
    "reference_video_urls": MOV, "reference_audio_urls": MP3, "scene_image_urls": PNG,
}  # fmt: skip


def of(data: bytes, content_type: str) -> MediaFile:
    """Bytes in memory, declared as a type."""
    return MediaFile.from_bytes(data, content_type=content_type)


def text_of(data: bytes, content_type: str) -> str:
    """The same as a `data:` URL that somebody made."""
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


def request_with(name: str, medium: Media) -> VideoRequest:
    """A request with one medium in a field, or in a place such as `elements[0].video_url`."""
    match name:
        case "elements[0].frontal_image_url":
            return VideoRequest(model="m", elements=[Element(frontal_image_url=medium)])
        case "elements[0].reference_image_urls[0]":
            return VideoRequest(model="m", elements=[Element(reference_image_urls=[medium])])
        case "elements[0].video_url":
            return VideoRequest(model="m", elements=[Element(video_url=medium)])
        case "keyframes[0].image_url":
            return VideoRequest(model="m", keyframes=[Keyframe(image_url=medium, frame_index=0)])
        case "extra":
            return VideoRequest(model="m", extra={"image_references": [{"url": medium}]})
    return VideoRequest(model="m", **{name: [medium] if name.endswith("_urls") else medium})  # type: ignore[arg-type]


def sentences(name: str, medium: Media) -> list[str]:
    """What is said of one medium in one field."""
    return [problem.message for problem in media_problems(request_with(name, medium))]


class TestTypes:
    @pytest.mark.parametrize("content_type", TRUE_TYPES)
    def test_the_first_bytes_tell_a_type(self, content_type: str) -> None:
        """Whatever a file is called."""
        assert true_type(TRUE_TYPES[content_type]) == content_type

    def test_other_beginnings_of_known_types(self) -> None:
        """An mp3 without tags, and a mov from before there were brands."""
        assert true_type(BARE_MP3) == "audio/mpeg"
        assert true_type(OLD_MOV) == "video/quicktime"

    @pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xf1AAC", PAGE, b"plain text"])
    def test_what_tells_nothing(self, data: bytes) -> None:
        """No guess is better than a wrong one."""
        assert true_type(data) is None

    @given(st.binary(max_size=80))
    def test_any_bytes_have_an_answer(self, data: bytes) -> None:
        """Never an error."""
        assert true_type(data) is None or "/" in (true_type(data) or "")

    @pytest.mark.parametrize("name", FIELDS)
    @pytest.mark.parametrize("form", [of, text_of])
    def test_the_right_kind_passes(self, name: str, form: object) -> None:
        """In every field, from memory and as a text."""
        content_type = true_type(FIELDS[name]) or ""
        assert callable(form)
        assert sentences(name, form(FIELDS[name], content_type)) == []

    @pytest.mark.parametrize(
        "place",
        ["image_url", "end_image_url", "reference_image_urls", "scene_image_urls", "elements[0].frontal_image_url",
         "elements[0].reference_image_urls[0]", "keyframes[0].image_url"],
    )  # fmt: skip
    @pytest.mark.parametrize("form", [of, text_of])
    def test_a_video_is_no_image(self, place: str, form: object) -> None:
        """Told by what it is declared as, in each place where an image is due; the place is named."""
        assert callable(form)
        (problem,) = media_problems(request_with(place, form(MP4, "video/mp4")))
        assert problem.field.startswith(place)
        assert problem.message == "is declared as 'video/mp4', where an image is due."

    @pytest.mark.parametrize(
        ("name", "data", "content_type", "words"),
        [
            ("image_url", MP4, "image/png", "is video/mp4 by its first bytes, where an image is due"),
            ("image_url", JPEG, "image/png", "does not begin like that: give content_type='image/jpeg'"),
            ("image_url", PAGE, "image/png", "does not begin like that."),
            ("image_url", PNG, "text/html", "declared as 'text/html', where an image"),
            ("image_url", PNG, "image/png,evil", "where an image is due"),
            ("image_url", PNG, "image/", "where an image is due"),
            ("image_url", PNG, "", "where an image is due"),
            ("audio_url", b"fLaC" + bytes(9), "audio/flac", "where wav or mp3 audio is due"),
            ("audio_url", b"OggS" + bytes(9), "audio/mpeg", "is audio/ogg by its first bytes"),
            ("reference_audio_urls", PNG, "audio/wav", "is image/png by its first bytes"),
            ("audio_url", MP3, "audio/wav", "does not begin like that"),
            ("video_url", TRUE_TYPES["video/x-msvideo"], "video/x-msvideo", "where an mp4, mov or webm video is due"),
            ("video_url", TRUE_TYPES["video/x-matroska"], "video/webm", "is video/x-matroska by its first bytes"),
            ("reference_video_urls", PAGE, "video/mp4", "does not begin like that"),
            ("elements[0].video_url", PNG, "image/png", "where an mp4, mov or webm video is due"),
        ],
    )
    def test_what_is_wrong_is_said(self, name: str, data: bytes, content_type: str, words: str) -> None:
        """Declared wrong, mislabelled, or a web page that was saved in its place: one sentence each."""
        (sentence,) = sentences(name, of(data, content_type))
        assert words in sentence

    @pytest.mark.parametrize(
        ("name", "data", "content_type"),
        [
            ("video_url", MOV, "video/mp4"),
            ("video_url", MP4, "video/quicktime"),
            ("video_url", OLD_MOV, "video/quicktime"),
            ("audio_url", BARE_MP3, "audio/mp3"),
            ("audio_url", bytes(30) + BARE_MP3, "audio/mpeg"),
            ("audio_url", WAV, "audio/x-wav"),
            ("image_url", JPEG, "image/jpg"),
            ("image_url", JPEG, "IMAGE/JPEG; charset=binary"),
            ("image_url", b"II*\0" + bytes(9), "image/tiff"),
            ("reference_document_urls", b"anything", "text/markdown"),
            ("reference_document_urls", PNG, "application/pdf"),
        ],
    )
    def test_what_may_be_right_passes(self, name: str, data: bytes, content_type: str) -> None:
        """One family under two names, and types whose files may begin with anything."""
        assert sentences(name, of(data, content_type)) == []


class TestFiles:
    @pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "device", "nul"])
    async def test_only_ordinary_files_are_read(self, tmp_path: Path, kind: str) -> None:
        """A pipe would wait for ever and a device never end; the field and the file are named."""
        path = tmp_path / "odd.png"
        match kind:
            case "directory":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "device":
                path = Path("/dev/zero")
            case "nul":
                path = Path("a\x00b.png")
        (problem,) = await check_media(request_with("image_url", MediaFile.from_path(path, content_type="image/png")))
        assert problem.field == "image_url"
        assert str(path) in problem.message

    async def test_an_empty_file_is_told(self, tmp_path: Path) -> None:
        """And one that the system makes up as it is read, whose size nobody knows."""
        path = tmp_path / "a.png"
        path.touch()
        for empty in (path, Path("/proc/self/environ")):
            (problem,) = await check_media(
                request_with("image_url", MediaFile.from_path(empty, content_type="image/png"))
            )
            assert problem.message == "is empty."

    async def test_a_file_is_judged_by_its_bytes(self, tmp_path: Path) -> None:
        """A name proves nothing; files may be opened on threads of the caller's."""
        path = tmp_path / "picture.png"
        path.write_bytes(MP4)
        request = request_with("image_url", MediaFile.from_path(path))
        with ThreadPoolExecutor(1) as pool:
            (problem,) = await check_media(request, executor=pool)
        assert problem.message == "is video/mp4 by its first bytes, where an image is due."

    async def test_files_in_unknown_fields_must_be_there(self, tmp_path: Path) -> None:
        """What they must be, nobody knows."""
        path = tmp_path / "thing.png"
        request = request_with("extra", MediaFile.from_path(path))
        (problem,) = await check_media(request)
        assert problem.field == "extra"
        assert "does not exist" in problem.message
        path.write_bytes(PAGE)
        assert await check_media(request_with("extra", MediaFile.from_path(path, content_type="a/b"))) == ()

    async def test_texts_are_never_opened(self) -> None:
        """A text is an address, also where it names a file that exists: user input reaches these fields."""
        opened: list[object] = []
        watching = True

        def hook(event: str, args: tuple[object, ...]) -> None:
            if watching and event in ("open", "os.open"):
                opened.append(args[0])

        sys.addaudithook(hook)
        names = (
            "/etc/passwd", "file:///etc/passwd", "FILE:///etc/passwd", "~/.ssh/id_rsa", "/proc/self/environ",
            "/dev/zero", "C:\\x.png", "\\\\host\\share", "ftp://a/b", "", __file__, "data:", "http://", "https://a/b",
        )  # fmt: skip
        for name in names:
            await check_media(VideoRequest(model="m", image_url=name, reference_image_urls=[name], extra={"x": name}))
        watching = False
        assert opened == []


class TestSizes:
    @pytest.mark.parametrize(
        ("name", "data", "content_type", "most"),
        [
            ("audio_url", WAV, "audio/wav", 15 * 2**20),
            ("reference_audio_urls", MP3, "audio/mpeg", 15 * 2**20),
            ("reference_video_urls", MP4, "video/mp4", 50 * 2**20),
        ],
    )
    def test_the_limit_of_one_medium(
        self, tmp_path: Path, name: str, data: bytes, content_type: str, most: int
    ) -> None:
        """Told by the file's size, before any more of it is read."""
        path = tmp_path / "medium"
        for size, refused in ((most, False), (most + 1, True)):
            path.write_bytes(data)
            os.truncate(path, size)
            found = sentences(name, MediaFile.from_path(path, content_type=content_type))
            assert any("has" in sentence and "MB is the limit" in sentence for sentence in found) == refused

    def test_the_limit_holds_for_texts(self) -> None:
        """A `data:` URL has the size of what it holds."""
        assert sentences("audio_url", text_of(WAV[:16] + bytes(15 * 2**20 - 16), "audio/wav")) == []
        (sentence,) = sentences("audio_url", text_of(WAV[:16] + bytes(15 * 2**20 - 15), "audio/wav"))
        assert sentence.startswith("has 15,728,641 bytes")

    @pytest.mark.parametrize("over", [0, 1])
    def test_the_limit_of_the_body_is_exact(self, tmp_path: Path, over: int) -> None:
        """Everything counts: files in base64, texts and the JSON around them. One byte more is refused."""
        path = tmp_path / "a.png"
        path.write_bytes(PNG)

        def request(prompt: str) -> VideoRequest:
            files = [MediaFile.from_path(path), of(PNG, "image/png"), text_of(PNG, "image/png")]
            return VideoRequest(model="m", prompt=prompt, reference_image_urls=files)

        os.truncate(path, 26_000_001)
        room = MAX_BODY - encoded_size(queue_call("", request("")).body)
        found = media_problems(request("x" * (room + over)))
        assert [problem.field for problem in found] == ["request"] * over
        assert all(f"would have {MAX_BODY + 1:,} bytes" in problem.message for problem in found)

    async def test_everything_is_said_at_once(self, tmp_path: Path) -> None:
        """One look tells all that is wrong, each by its field, a body that is too large in spite of a missing file."""
        large = tmp_path / "large.png"
        large.write_bytes(PNG)
        os.truncate(large, 40_000_000)
        request = VideoRequest(
            model="m", image_url=MediaFile.from_path(large), end_image_url=MediaFile.from_path(tmp_path / "no.png"),
            audio_url="data:audio/wav,plain", video_url="http://",
            reference_image_urls=["https://a/b", of(b"", "image/png")],
            elements=[Element(frontal_image_url=text_of(MP4, "video/mp4"))],
        )  # fmt: skip
        assert [problem.field for problem in await check_media(request)] == [
            "end_image_url", "audio_url", "video_url", "reference_image_urls[1]", "elements[0].frontal_image_url",
            "request",
        ]  # fmt: skip


class TestAddresses:
    @pytest.mark.parametrize(
        "text",
        ["https://a.example/b.png", "HTTP://a.example:8080/b?c=d", "https://пример.рф/ж.png", "https://user@a.example/b"],
    )  # fmt: skip
    def test_what_can_be_fetched_passes(self, text: str) -> None:
        """The server fetches it, not this program."""
        assert sentences("image_url", text) == []

    @pytest.mark.parametrize(
        "text", ["http://", "https:///b.png", "https://a b/c", "https://a/b\nc", "https://a:99999/b", "https://[::1/b",
                 "https://a/b c.png", "https://a/\x7f", "https://a:0/"],
    )  # fmt: skip
    def test_what_nobody_could_fetch_is_refused(self, text: str) -> None:
        """The address is not repeated: it may be private."""
        assert sentences("image_url", text) == ["is not an address that anybody could fetch."]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("data:image/png,abc", "not in base64"),
            ("data:image/png;base64", "not in base64"),
            ("DATA:image/png;charset=x;base64,????????", "base64 is broken"),
            ("data:image/png;base64,", "is empty"),
            ("data:;base64,iVBORw0KGgo=", "declared as ''"),
        ],
    )
    def test_texts_that_hold_no_medium(self, text: str, words: str) -> None:
        """A `data:` URL must be one, in base64, with something in it."""
        (sentence,) = sentences("image_url", text)
        assert words in sentence

    @given(st.text(max_size=60))
    def test_any_text_has_an_answer(self, text: str) -> None:
        """User input reaches these fields: it is judged, and never raises."""
        for name in ("image_url", "audio_url", "reference_document_urls"):
            for beginning in ("", "data:", "data:image/png;base64,", "https://"):
                media_problems(request_with(name, beginning + text))


async def test_what_json_cannot_hold_is_refused() -> None:
    """The size of such a body cannot be told; our own error says why."""
    with pytest.raises(InvalidRequestError, match="JSON"):
        await check_media(VideoRequest(model="m", extra={"x": float("nan")}))
