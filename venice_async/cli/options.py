"""Options that several commands share, each group a value."""

import shlex
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from attrs import frozen
from cyclopts import Parameter

from venice_async.cli import requests
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
            what = "Set VENICE_API_KEY to any word: an emulator takes it." if local else "Set VENICE_API_KEY."
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
DEFAULT_LEDGER = Path("venice-jobs.sqlite3")
DEFAULT_OUTPUT_DIR = Path("videos")


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
    extra: Annotated[Texts, _many("--extra", "NAME=JSON, any other field of the API, sent as it is")] = ()

    def request(self, model: str, prompt: str | None) -> VideoRequest:
        """The request. Raises ConfigurationError for a file that is not there, or JSON that is none."""
        return VideoRequest(
            model=model,
            prompt=prompt,
            duration=self.duration,
            negative_prompt=self.negative_prompt,
            aspect_ratio=self.aspect_ratio,
            resolution=self.resolution,
            upscale_factor=self.upscale_factor,
            audio=self.audio,
            image_url=requests.media_or_none(self.image),
            end_image_url=requests.media_or_none(self.end_image),
            audio_url=requests.media_or_none(self.audio_track),
            video_url=requests.media_or_none(self.video),
            reference_image_urls=requests.media_all(self.reference_images),
            reference_video_urls=requests.media_all(self.reference_videos),
            reference_audio_urls=requests.media_all(self.reference_audios),
            reference_document_urls=requests.media_all(self.reference_documents),
            elements=[requests.element(text) for text in self.elements],
            scene_image_urls=requests.media_all(self.scene_images),
            keyframes=[requests.keyframe(text) for text in self.keyframes],
            omni_reference_task_type=self.omni_reference_task_type,
            bitrate_mode=self.bitrate_mode,
            consent=requests.consent(
                terms=self.confirm_terms_and_privacy, right=self.confirm_legal_right, screening=self.confirm_screening
            ),
            extra=requests.fields(self.extra),
        )
