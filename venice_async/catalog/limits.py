"""What a model's catalogue entry allows: prompt, duration, shape, resolution, sound."""

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from venice_async.catalog.families import PROMPTLESS, follows_source, is_upscale
from venice_async.catalog.shape import LONGEST_PROMPT, SOURCES, has_any
from venice_async.catalog.words import choice, plain
from venice_async.errors.problems import Problem
from venice_async.models import QuoteRequest, VideoModel, VideoRequest

_LISTS = {"duration": "durations", "aspect_ratio": "aspect_ratios", "resolution": "resolutions"}
_FACTORS = (1, 2, 4)


@frozen(kw_only=True)
class Ruler:
    """The rules for one model. `known` holds, by field, all values of the API, for where the entry lists none."""

    model: VideoModel
    known: Mapping[str, tuple[str, ...]] = field(factory=dict)

    def request_problems(self, request: VideoRequest) -> Iterator[Problem]:
        """What the entry forbids in a request."""
        yield from self._prompt(request)
        yield from self._duration(request)
        yield from self._listed("aspect_ratio", request, required=True)
        yield from self._resolution(request)
        yield from self._audio(request)
        yield from self._source(request)

    def quote_problems(self, inputs: QuoteRequest) -> Iterator[Problem]:
        """What the entry forbids in the inputs of a price."""
        if is_upscale(self.model):
            if inputs.video_url is None:
                message = "is required: the price of an upscale is read off its video."
                yield Problem(field="video_url", message=message)
            return
        yield from self._duration(inputs)
        yield from self._listed("aspect_ratio", inputs, required=False)
        yield from self._listed("resolution", inputs, required=False)
        for name in ("duration", "aspect_ratio"):
            if getattr(inputs, name) in ("-1", "auto", "adaptive") and self.model.id.startswith("seedance"):
                yield from _unpriced(name, inputs)

    def _listed(self, name: str, given: VideoRequest | QuoteRequest, *, required: bool) -> Iterator[Problem]:
        value, limits = getattr(given, name), self.model.constraints
        if _LISTS[name] not in limits.unknown:
            yield from choice(name, value, getattr(limits, _LISTS[name]), required=required)
        elif name in self.known:
            # Every model that makes a video of its own length needs a duration; the others differ.
            yield from choice(name, value, self.known[name], required=name == "duration")
        elif value is not None and not isinstance(value, str):
            yield Problem(field=name, message="must be a text.", value=plain(value))

    def _prompt(self, request: VideoRequest) -> Iterator[Problem]:
        if is_upscale(self.model):
            return
        if not str(request.prompt or "").strip() and self.model.id not in PROMPTLESS:
            yield Problem(field="prompt", message="is required.")
        limit = self.model.constraints.prompt_character_limit
        if "prompt_character_limit" in self.model.constraints.unknown:
            return
        for name in ("prompt", "negative_prompt"):
            text = getattr(request, name)
            if isinstance(text, str) and limit < len(text) <= LONGEST_PROMPT:
                message = f"has {len(text)} characters; this model takes {limit}."
                yield Problem(field=name, message=message, value=len(text))

    def _duration(self, given: VideoRequest | QuoteRequest) -> Iterator[Problem]:
        if not follows_source(self.model):
            yield from self._listed("duration", given, required=True)
        elif given.duration is not None and not _is_seconds(given.duration):
            # The catalogue of these models lists Auto, and the server refuses it all the same.
            message = "follows the source video: leave it out, or give seconds such as '5s'."
            yield Problem(field="duration", message=message, value=plain(given.duration))

    def _resolution(self, request: VideoRequest) -> Iterator[Problem]:
        factor = request.upscale_factor
        if not is_upscale(self.model):
            yield from self._listed("resolution", request, required=False)
            if factor is not None:
                message = "is for upscale models only."
                yield Problem(field="upscale_factor", message=message, value=plain(factor))
            return
        if request.resolution is not None:
            message = "is refused by upscale models; use upscale_factor."
            yield Problem(field="resolution", message=message, value=plain(request.resolution))
        if factor is not None and (isinstance(factor, bool) or factor not in _FACTORS):
            allowed = tuple(map(str, _FACTORS))
            yield Problem(field="upscale_factor", message=f"{factor!r} is not a factor.", value=factor, allowed=allowed)

    def _audio(self, request: VideoRequest) -> Iterator[Problem]:
        limits = self.model.constraints
        fixed = not limits.audio_configurable and "audio_configurable" not in limits.unknown
        if request.audio is not None and (fixed or is_upscale(self.model)):
            yield Problem(field="audio", message="cannot be set for this model.", value=plain(request.audio))

    def _source(self, request: VideoRequest) -> Iterator[Problem]:
        for name, value in (("duration", "-1"), ("aspect_ratio", "adaptive")):
            if getattr(request, name) == value and not has_any(request, SOURCES):
                message = f"{value!r} follows a source, and there is none: give a video or an image."
                yield Problem(field=name, message=message, value=value)


def _unpriced(name: str, inputs: QuoteRequest) -> Iterator[Problem]:
    if not inputs.reference_video_total_duration:
        message = (
            f"is required: {name} {getattr(inputs, name)!r} follows the reference videos, so the price needs their "
            "length in seconds (reference_video_seconds in a request)."
        )
        yield Problem(field="reference_video_total_duration", message=message)


def _is_seconds(value: object) -> bool:
    seconds = value.removesuffix("s") if isinstance(value, str) else ""
    return seconds.isascii() and seconds.isdigit() and len(seconds) <= 4
