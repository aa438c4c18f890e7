"""What the crash campaign has made: requests with a hidden tag in the prompt, and the world's constants."""

from typing import Final

from venice_async.models import VideoRequest

INLINE: Final = "longcat-distilled-text-to-video"
"""A model whose retrieve answer is the video itself."""
PRIVATE: Final = "grok-imagine-text-to-video-private"
"""A model whose videos are behind private links."""

API_KEY: Final = "canary-key-3f9a1c77b2e0"
"""Not a real key: a text that must not turn up anywhere but in one header."""


def key_of(number: int) -> str:
    """The user's name for a job, which is also the tag in its prompt."""
    return f"job-{number:04d}"


def request_of(number: int) -> VideoRequest:
    """Every second video is behind a private link."""
    private = number % 2 == 1
    return VideoRequest(
        model=PRIVATE if private else INLINE,
        prompt=f"A harbour at dawn [{key_of(number)}]",
        duration="5s",
        aspect_ratio="16:9",
        resolution="480p" if private else None,
    )


def tag_of(prompt: str) -> str:
    """The tag in a prompt: what ties the server's books to a job, and no client ever looks at."""
    return prompt.partition("[")[2].rstrip("]")
