"""Is this request one that the model takes? Everything wrong with it, found before any money is spent.

The rules are those of the catalogue (`GET /models?type=video`) and of the guides' table of queue
fields. What only the server can know (is the picture really a picture, is the text acceptable)
stays the server's.
"""

import difflib
from collections.abc import Iterable, Sequence

from attrs import frozen

from venice_async.errors import InvalidRequestError
from venice_async.models import MediaFile, VideoConstraints, VideoModel, VideoRequest
from venice_async.wire.calls import media_of

_LONGEST_PROMPT = 20_000


@frozen(kw_only=True)
class Problem:
    """One thing that is wrong with a request: in which field, with which value, and what would be right."""

    field: str
    message: str
    allowed: tuple[str, ...] = ()
    nearest: str | None = None

    def __str__(self) -> str:
        allowed = f" Allowed: {', '.join(self.allowed)}." if self.allowed else ""
        nearest = f" Did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.field}: {self.message}{allowed}{nearest}"


class Catalog:
    """The models that the server offers, by id."""

    def __init__(self, models: Iterable[VideoModel]) -> None:
        self._models = {model.id: model for model in models}

    def __len__(self) -> int:
        return len(self._models)

    def get(self, model_id: str) -> VideoModel | None:
        """The entry of a model, or None."""
        return self._models.get(model_id)

    def problems(self, request: VideoRequest) -> tuple[Problem, ...]:
        """Everything that is wrong with a request; empty where nothing is."""
        if not request.model.strip():
            return (Problem(field="model", message="is empty."),)
        model = self._models.get(request.model)
        if model is None:
            near = difflib.get_close_matches(request.model, self._models, n=1, cutoff=0.4)
            message = f"{request.model!r} is not a video model of this server."
            return (Problem(field="model", message=message, nearest=near[0] if near else None),)
        return tuple(_problems(request, model))

    def check(self, request: VideoRequest) -> None:
        """Raises InvalidRequestError, with all problems in it, for a request that would be refused."""
        refuse(self.problems(request))


def refuse(problems: Sequence[Problem]) -> None:
    """Raises InvalidRequestError where there are problems."""
    if problems:
        texts = tuple(str(problem) for problem in problems)
        raise InvalidRequestError(" ".join(texts), problems=texts)


def shape_problems(request: VideoRequest) -> list[Problem]:
    """What is wrong with a request whatever the model: media that are neither URLs nor files, an endless prompt."""
    problems = [
        Problem(field=name, message="must be an http(s) or data: URL; give a local file as MediaFile.from_path(...).")
        for name, media in media_of(request)
        if not isinstance(media, MediaFile) and not media.lower().startswith(("https://", "http://", "data:"))
    ]
    for name in ("prompt", "negative_prompt"):
        length = len(getattr(request, name) or "")
        if length > _LONGEST_PROMPT:
            problems.append(Problem(field=name, message=f"has {length} characters; {_LONGEST_PROMPT} is the limit."))
    return problems


def _problems(request: VideoRequest, model: VideoModel) -> Iterable[Problem]:
    limits = model.constraints
    upscale = "upscale" in model.id
    if model.offline:
        yield Problem(field="model", message=f"{model.id} is offline at the moment.")
    yield from shape_problems(request)
    yield from _prompt(request, limits, upscale=upscale)
    yield from _duration(request, limits, follows_source=upscale or "video-to-video" in model.id)
    yield from _choice("aspect_ratio", request.aspect_ratio, limits.aspect_ratios, required=True)
    yield from _resolution(request, limits, upscale=upscale)
    if request.audio is not None and not limits.audio_configurable:
        yield Problem(field="audio", message="cannot be set for this model.")
    if "image-to-video" in model.id and request.image_url is None:
        yield Problem(field="image_url", message="is required: this model animates an image.")
    if upscale and request.video_url is None:
        yield Problem(field="video_url", message="is required: this model upscales a video.")


def _prompt(request: VideoRequest, limits: VideoConstraints, *, upscale: bool) -> Iterable[Problem]:
    if upscale or request.model == "minimax-h3-max-multi-angle":
        return
    if not (request.prompt or "").strip():
        yield Problem(field="prompt", message="is required.")
    for name in ("prompt", "negative_prompt"):
        length = len(getattr(request, name) or "")
        if limits.prompt_character_limit < length <= _LONGEST_PROMPT:
            message = f"has {length} characters; this model takes {limits.prompt_character_limit}."
            yield Problem(field=name, message=message)


def _duration(request: VideoRequest, limits: VideoConstraints, *, follows_source: bool) -> Iterable[Problem]:
    if not follows_source:
        yield from _choice("duration", request.duration, limits.durations, required=True)
    elif request.duration is not None and request.duration.lower() == "auto":
        # The catalogue of these models lists Auto, and the server refuses it all the same.
        yield Problem(field="duration", message="follows the source video: leave it out, or give seconds such as '5s'.")


def _resolution(request: VideoRequest, limits: VideoConstraints, *, upscale: bool) -> Iterable[Problem]:
    if not upscale:
        yield from _choice("resolution", request.resolution, limits.resolutions, required=False)
        if request.upscale_factor is not None:
            yield Problem(field="upscale_factor", message="is for upscale models only.")
        return
    if request.resolution is not None:
        yield Problem(field="resolution", message="is refused by upscale models; use upscale_factor.")
    if request.upscale_factor not in (None, 1, 2, 4):
        yield Problem(
            field="upscale_factor", message=f"{request.upscale_factor} is not a factor.", allowed=("1", "2", "4")
        )


def _choice(name: str, value: str | None, allowed: tuple[str, ...], *, required: bool) -> Iterable[Problem]:
    if value is None:
        if allowed and required:
            yield Problem(field=name, message="is required by this model.", allowed=allowed)
    elif not allowed:
        yield Problem(field=name, message="is refused by this model: leave it out.")
    elif value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.4)  # YAML reads 16:9 as a number
        message = f"{value!r} is not one of this model's."
        yield Problem(field=name, message=message, allowed=allowed, nearest=near[0] if near else None)
