"""Requests that read as what they make: one function for each way of working, pure, sending and costing nothing.

Each gives an ordinary `VideoRequest`. `options` are its other fields, such as `resolution`, `audio`, `negative_prompt`
or `extra`; what a model takes is checked when the request is submitted, or by `Catalog.review`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from venice_async.models import Element, Keyframe, Media, VideoRequest


class Options(TypedDict, total=False):
    """Fields that most models of every kind may take."""

    negative_prompt: str | None
    aspect_ratio: str | None
    resolution: str | None
    audio: bool | None
    audio_url: Media | None
    bitrate_mode: str | None
    voice_id: str | None
    camera_trajectory: Any
    anon_user_id: str | None
    extra: Mapping[str, Any]


class SeedanceOptions(TypedDict, total=False):
    """Fields that Seedance reference-to-video models take beside those of a workflow."""

    negative_prompt: str | None
    resolution: str | None
    audio: bool | None
    bitrate_mode: str | None
    anon_user_id: str | None
    reference_image_urls: Sequence[Media]
    reference_audio_urls: Sequence[Media]
    extra: Mapping[str, Any]


def text_to_video(model: str, prompt: str, *, duration: str, **options: Unpack[Options]) -> VideoRequest:
    """A video from words alone. `duration` is a text such as "5s"."""
    return VideoRequest(model=model, prompt=prompt, duration=duration, **options)


def image_to_video(
    model: str, prompt: str, *, start: Media, end: Media | None = None, duration: str, **options: Unpack[Options]
) -> VideoRequest:
    """An image that moves: `start` is the first frame, `end` the last one where the model takes it."""
    return VideoRequest(model=model, prompt=prompt, duration=duration, image_url=start, end_image_url=end, **options)


def reference_to_video(
    model: str,
    prompt: str,
    *,
    duration: str,
    images: Sequence[Media] = (),
    videos: Sequence[Media] = (),
    audios: Sequence[Media] = (),
    documents: Sequence[Media] = (),
    video_seconds: float | None = None,
    **options: Unpack[Options],
) -> VideoRequest:
    """A new video that takes its subjects, motion or sound from others. Sound alone is refused by the server.

    `video_seconds` is how long `videos` are together, in seconds: it belongs to the price, so give it with them.
    """
    return VideoRequest(
        model=model,
        prompt=prompt,
        duration=duration,
        reference_image_urls=images,
        reference_video_urls=videos,
        reference_audio_urls=audios,
        reference_document_urls=documents,
        reference_video_seconds=video_seconds,
        **options,
    )


def elements_to_video(
    model: str,
    prompt: str,
    *,
    duration: str,
    elements: Sequence[Element] = (),
    scenes: Sequence[Media] = (),
    start: Media | None = None,
    end: Media | None = None,
    **options: Unpack[Options],
) -> VideoRequest:
    """A video of characters and objects that stay themselves (Kling O3): up to four elements and four scenes.

    The prompt names them @Element1, @Element2, ... and the scenes @Image1, @Image2, ...
    """
    return VideoRequest(
        model=model,
        prompt=prompt,
        duration=duration,
        elements=elements,
        scene_image_urls=scenes,
        image_url=start,
        end_image_url=end,
        **options,
    )


def keyframes_to_video(
    model: str, prompt: str, *, duration: str, keyframes: Mapping[int, Media], **options: Unpack[Options]
) -> VideoRequest:
    """A video through up to ten images, each at its frame: `{0: first, 120: last}` at 24 frames a second."""
    pinned = [Keyframe(image_url=image, frame_index=frame) for frame, image in keyframes.items()]
    return VideoRequest(model=model, prompt=prompt, duration=duration, keyframes=pinned, **options)


def video_to_video(
    model: str, prompt: str, *, video: Media, images: Sequence[Media] = (), **options: Unpack[Options]
) -> VideoRequest:
    """A video changed by words. It stays as long as it is, so there is no duration."""
    return VideoRequest(model=model, prompt=prompt, video_url=video, reference_image_urls=images, **options)


def upscale(
    video: Media,
    *,
    factor: int = 2,
    model: str = "topaz-video-upscale",
    input_height: int | None = None,
    anon_user_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> VideoRequest:
    """A video made larger (Topaz): `factor` 2 or 4, or 1 for a better one of the same size.

    The price depends on the video's length, height and frame rate, and the server reads these off the video when
    it is asked for a quote: a local file then travels twice.
    """
    return VideoRequest(
        model=model,
        video_url=video,
        upscale_factor=factor,
        input_height=input_height,
        anon_user_id=anon_user_id,
        extra=extra or {},
    )


def seedance_reference(
    model: str,
    scene: str,
    *,
    duration: str,
    aspect_ratio: str,
    image: Media | None = None,
    video: Media | None = None,
    what: str | None = None,
    video_seconds: float | None = None,
    **options: Unpack[SeedanceOptions],
) -> VideoRequest:
    """A new video with a subject of `image`, or with `what` of `video` (its action, camera scene, style, ...).

    The prompt becomes "Refer to <Subject 1> in <Image 1> to generate {scene}". Raises ValueError unless exactly one
    of `image` and `video` is given. More references go in through `options`; name them in `scene` as <Image 2>.
    """
    if (image is None) == (video is None):
        raise ValueError("give either an image or a video to refer to")
    donor = f"{what or '<Subject 1>'} in <Image 1>" if image is not None else f"the {what or 'action'} in <Video 1>"
    images = [image, *options.pop("reference_image_urls", ())] if image is not None else None
    return VideoRequest(
        model=model,
        prompt=f"Refer to {donor} to generate {scene}",
        duration=duration,
        aspect_ratio=aspect_ratio,
        reference_video_urls=[] if video is None else [video],
        reference_video_seconds=video_seconds,
        **_with_images(options, images),
    )


def seedance_edit(
    model: str,
    change: str,
    *,
    video: Media,
    video_seconds: float | None = None,
    duration: str,
    aspect_ratio: str = "adaptive",
    **options: Unpack[SeedanceOptions],
) -> VideoRequest:
    """One video with something in it changed, and the rest kept: `change` such as "weather from sun to rain".

    The prompt becomes "Strictly edit <Video 1>, changing its {change}". The shape follows the video unless
    `aspect_ratio` is given. With Seedance 2.5 a `duration` of "-1" or "auto" follows it as well; the price then is
    that of `video_seconds`, without which no quote can be had.
    """
    prompt = f"Strictly edit <Video 1>, changing its {change}"
    return _seedance_clips(
        model, prompt, options, videos=[video], duration=duration, aspect_ratio=aspect_ratio, seconds=video_seconds
    )


def seedance_extend(
    model: str,
    scene: str,
    *,
    video: Media,
    video_seconds: float | None = None,
    duration: str,
    aspect_ratio: str = "adaptive",
    backward: bool = False,
    **options: Unpack[SeedanceOptions],
) -> VideoRequest:
    """What happens after a video, or with `backward` before it. `duration` is that of the new part, which comes alone.

    The prompt becomes "Extend <Video 1>, generate {scene}".
    """
    prompt = f"Extend <Video 1> backward, {scene}" if backward else f"Extend <Video 1>, generate {scene}"
    return _seedance_clips(
        model, prompt, options, videos=[video], duration=duration, aspect_ratio=aspect_ratio, seconds=video_seconds
    )


def seedance_stitch(
    model: str,
    *,
    videos: Sequence[Media],
    transitions: Sequence[str],
    video_seconds: float | None = None,
    duration: str,
    aspect_ratio: str = "adaptive",
    **options: Unpack[SeedanceOptions],
) -> VideoRequest:
    """Videos in one, with a transition between each two, such as "a slow cross-fade".

    The prompt becomes "<Video 1> + {transition} + followed by <Video 2> + ...". Raises ValueError unless there are
    two videos at least, and one transition fewer than videos.
    """
    if len(videos) < 2 or len(transitions) != len(videos) - 1:
        raise ValueError("stitching needs two videos or more, and one transition between each two")
    joints = [f" + {text} + followed by <Video {number}>" for number, text in enumerate(transitions, 2)]
    prompt = "".join(["<Video 1>", *joints])
    return _seedance_clips(
        model, prompt, options, videos=videos, duration=duration, aspect_ratio=aspect_ratio, seconds=video_seconds
    )


def _seedance_clips(
    model: str,
    prompt: str,
    options: SeedanceOptions,
    *,
    videos: Sequence[Media],
    duration: str,
    aspect_ratio: str,
    seconds: float | None,
) -> VideoRequest:
    return VideoRequest(
        model=model,
        prompt=prompt,
        duration=duration,
        aspect_ratio=aspect_ratio,
        reference_video_urls=videos,
        reference_video_seconds=seconds,
        **options,
    )


def _with_images(options: SeedanceOptions, images: Sequence[Media] | None) -> SeedanceOptions:
    return options if images is None else {**options, "reference_image_urls": images}
