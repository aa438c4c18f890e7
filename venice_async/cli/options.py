"""Options that several commands share, each group a value."""

import contextlib
import shlex
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import attrs
from attrs import frozen
from cyclopts import Parameter

from venice_async.catalog import refuse
from venice_async.cli import requests
from venice_async.cli.request_files import ReadRequest, read_request_file
from venice_async.client import OFFICIAL_BASE_URL, VeniceClient
from venice_async.clock import SystemClock
from venice_async.errors import ConfigurationError
from venice_async.links import is_loopback
from venice_async.models import VideoRequest

Texts = tuple[str, ...]


@Parameter(name="*")
@frozen(kw_only=True)
class ServerOptions:
    """Which server, and in which time."""

    base_url: Annotated[
        str, Parameter(env_var="VENICE_BASE_URL", help="The API's address; an emulator prints its own.")
    ] = OFFICIAL_BASE_URL
    time_scale: Annotated[
        float, Parameter(help="Job seconds per real second; must be the emulator's own figure.", show_default=False)
    ] = 1.0

    def client(self, *, needs_key: bool = False) -> VeniceClient:
        """A client for that server. Raises ConfigurationError for what cannot be; `needs_key` wants a credential."""
        if not 0 < self.time_scale < float("inf"):
            raise ConfigurationError("--time-scale must be a positive number.")
        client = VeniceClient(base_url=self.base_url or None, clock=SystemClock(speed=self.time_scale))
        if needs_key:
            self._check_key(client)
        return client

    def _check_key(self, client: VeniceClient) -> None:
        problem = ""
        try:
            client.check_credential()
        except ConfigurationError as error:
            problem = error.message
        if problem:
            local = is_loopback(urlsplit(self.base_url).hostname or "")
            what = "Set VENICE_API_KEY, or VENICE_WALLET_KEY to pay by wallet."
            if local:
                what = "Set VENICE_API_KEY to any word: an emulator takes it. Or VENICE_WALLET_KEY to a wallet's key."
            raise ConfigurationError(problem, advice=what)

    def arguments(self) -> str:
        """These options as they would be typed again, with a blank before each; nothing where they are the usual."""
        url = "" if self.base_url == OFFICIAL_BASE_URL else f" --base-url {shlex.quote(self.base_url)}"
        return url + ("" if self.time_scale == 1.0 else f" --time-scale {self.time_scale:g}")


Ledger = Annotated[
    Path, Parameter(env_var="VENICE_LEDGER", help="The file that remembers every job and what was paid: keep it.")
]
OutputDir = Annotated[Path | None, Parameter(env_var="VENICE_OUTPUT_DIR", help="Where videos go. [default: videos]")]
Json = Annotated[bool, Parameter(help="One JSON document on stdout, everything else on stderr.", show_default=False)]
Budget = Annotated[
    str | None,
    Parameter(
        help="US dollars that all jobs of the ledger, earlier ones too, may cost together. All that is to be paid "
        "fits, and is then paid without a question; or nothing is."
    ),
]
DEFAULT_LEDGER = Path("venice-jobs.sqlite3")
DEFAULT_OUTPUT_DIR = Path("videos")


def dollars(text: str | None) -> Decimal | None:
    """The amount of --budget; None where it was not given. Raises ConfigurationError for what is none."""
    if text is None:
        return None
    amount = Decimal("nan")
    with contextlib.suppress(InvalidOperation):
        amount = Decimal(text.removeprefix("$"))
    if not (amount.is_finite() and amount >= 0):
        raise ConfigurationError(f"--budget takes US dollars such as 2.50, not {text!r}.")
    return amount


def _media(what: str) -> Parameter:
    return Parameter(help=f"{what}: a file or a URL.")


def _many(name: str, what: str) -> Parameter:
    return Parameter(name=name, help=f"{what}; may be repeated.", show_default=False, negative=())


def _confirmation(what: str) -> Parameter:
    return Parameter(help=f"A person who read the Seedance policy confirms {what}.", show_default=False)


@Parameter(name="*")
@frozen(kw_only=True)
class RequestOptions:
    """Every field of a video request beside the model and the prompt."""

    request_file: Annotated[
        Path | None,
        Parameter(
            name="--request", help="A JSON file with the API's fields, or - for stdin; other options go above it."
        ),
    ] = None
    prompt_text: Annotated[
        str | None, Parameter(name="--prompt", help="The prompt, where no model goes before it.")
    ] = None
    duration: Annotated[str | None, Parameter(help="Length of the video, such as 5s.")] = None
    aspect_ratio: Annotated[str | None, Parameter(help="Such as 16:9.")] = None
    resolution: Annotated[str | None, Parameter(help="Such as 720p; upper and lower case matter.")] = None
    audio: Annotated[bool | None, Parameter(negative="--no-audio", help="Sound, where a model lets you choose.")] = None
    negative_prompt: Annotated[str | None, Parameter(help="What must not be seen.")] = None
    image: Annotated[str | None, _media("The image to animate")] = None
    end_image: Annotated[str | None, _media("The last frame")] = None
    video: Annotated[str | None, _media("The video to change or to upscale")] = None
    audio_track: Annotated[str | None, _media("Sound to go by")] = None
    upscale_factor: Annotated[int | None, Parameter(help="1, 2 or 4; upscale models only.")] = None
    reference_images: Annotated[Texts, _many("--reference-image", "An image to refer to")] = ()
    reference_videos: Annotated[Texts, _many("--reference-video", "A video to refer to")] = ()
    reference_audios: Annotated[Texts, _many("--reference-audio", "A sound to refer to")] = ()
    reference_documents: Annotated[Texts, _many("--reference-document", "A document to refer to")] = ()
    scene_images: Annotated[Texts, _many("--scene-image", "A scene, @Image1 in the prompt")] = ()
    elements: Annotated[
        Texts, _many("--element", 'A subject, @Element1 in the prompt, as JSON: \'{"frontal_image_url": "face.png"}\'')
    ] = ()
    keyframes: Annotated[Texts, _many("--keyframe", "FRAME=FILE_OR_URL, an image pinned to a frame")] = ()
    omni_reference_task_type: Annotated[str | None, Parameter(help="auto, reference, edit or extend.")] = None
    bitrate_mode: Annotated[str | None, Parameter(help="standard or high.")] = None
    confirm_terms_and_privacy: Annotated[bool, _confirmation("its terms and privacy")] = False
    confirm_legal_right: Annotated[bool, _confirmation("the legal right to the faces shown")] = False
    confirm_screening: Annotated[bool, _confirmation("that media are screened")] = False
    image_references: Annotated[Texts, _many("--image-reference", "JSON, an image_references entry")] = ()
    video_references: Annotated[Texts, _many("--video-reference", "JSON, a video_references entry")] = ()
    voice_id: Annotated[str | None, Parameter(help="A voice, for models that speak with one.")] = None
    camera_trajectory: Annotated[str | None, Parameter(help="JSON, how the camera moves.")] = None
    anon_user_id: Annotated[str | None, Parameter(help="Your own, nameless id of your end user.")] = None
    reference_video_seconds: Annotated[
        float | None,
        Parameter(
            name=["--reference-video-seconds", "--reference-video-total-duration"],
            help="Seconds of all reference videos: part of the price, not sent to be made.",
        ),
    ] = None
    input_height: Annotated[
        int | None, Parameter(help="Height of the source video in pixels: part of the price, not sent to be made.")
    ] = None
    extra: Annotated[Texts, _many("--extra", "NAME=VALUE, any other field of the API; JSON, or a plain text")] = ()

    def request(self, model: str | None, prompt: str | None, *, base: VideoRequest | None = None) -> VideoRequest:
        """The request: what the file says (or `base`), and above it what the options say.

        Raises ConfigurationError for a file that is not there, or JSON that is none, and InvalidRequestError for a
        request file with something wrong in it.
        """
        found = self.read(model, prompt, base=base)
        refuse(found.problems)
        return found.request

    def read(self, model: str | None, prompt: str | None, *, base: VideoRequest | None = None) -> ReadRequest:
        """The same with what is wrong in the request file, instead of an error about it."""
        if prompt is not None and self.prompt_text is not None:
            raise ConfigurationError("The prompt is given twice: once by --prompt.")
        named = {"model": model, "prompt": self.prompt_text if prompt is None else prompt}
        changes = {name: value for name, value in {**named, **self._given()}.items() if value not in (None, ())}
        if base is not None:
            if self.request_file is not None:
                raise ConfigurationError("A request comes from a file or from another job: say one of them.")
            extra = {**base.extra, **requests.fields(self.extra)}
            return ReadRequest(request=attrs.evolve(base, **changes, extra=extra))
        if self.request_file is None:
            if model is None:
                raise ConfigurationError("Give a model's id, or --request FILE.")
            return ReadRequest(request=VideoRequest(**changes, extra=requests.fields(self.extra)))
        found = read_request_file(self.request_file)
        extra = {**found.request.extra, **requests.fields(self.extra)}
        problems = [problem for problem in found.problems if problem.field not in changes]
        request = attrs.evolve(found.request, **changes, extra=extra)
        return ReadRequest(request=request, problems=problems, unknown=found.unknown)

    def _given(self) -> dict[str, Any]:
        return {**self._plain(), **self._media(), **self._made()}

    def _plain(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name in (
                "duration", "negative_prompt", "aspect_ratio", "resolution", "upscale_factor", "audio", "voice_id",
                "omni_reference_task_type", "bitrate_mode", "anon_user_id", "reference_video_seconds", "input_height",
            )
        }  # fmt: skip

    def _media(self) -> dict[str, Any]:
        return {
            "image_url": requests.media_or_none(self.image),
            "end_image_url": requests.media_or_none(self.end_image),
            "audio_url": requests.media_or_none(self.audio_track),
            "video_url": requests.media_or_none(self.video),
            "reference_image_urls": requests.media_all(self.reference_images),
            "reference_video_urls": requests.media_all(self.reference_videos),
            "reference_audio_urls": requests.media_all(self.reference_audios),
            "reference_document_urls": requests.media_all(self.reference_documents),
            "scene_image_urls": requests.media_all(self.scene_images),
        }

    def _made(self) -> dict[str, Any]:
        camera = self.camera_trajectory
        return {
            "elements": tuple(requests.element(text) for text in self.elements),
            "keyframes": tuple(requests.keyframe(text) for text in self.keyframes),
            "image_references": tuple(requests.json_value(text, "--image-reference") for text in self.image_references),
            "video_references": tuple(requests.json_value(text, "--video-reference") for text in self.video_references),
            "camera_trajectory": None if camera is None else requests.json_value(camera, "--camera-trajectory"),
            "consent": requests.consent(
                terms=self.confirm_terms_and_privacy, right=self.confirm_legal_right, screening=self.confirm_screening
            ),
        }
