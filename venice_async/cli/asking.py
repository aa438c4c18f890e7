"""The commands that ask and pay nothing: `models`, `check` and `quote`. Each imports what it runs when it is called."""

from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from venice_async.cli.options import Json, RequestOptions, ServerOptions
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal, guarded

USUAL_SERVER = ServerOptions()
NO_FIELDS = RequestOptions()

Model = Annotated[
    str | None, Parameter(help="A model's id, from `venice-async models`; or --request FILE.", show_default=False)
]
Prompt = Annotated[str | None, Parameter(help="What to show. Upscale models take none.", show_default=False)]
Offline = Annotated[
    bool, Parameter(help="Ask no server: use the catalogue that came with this program.", show_default=False)
]


def quote(
    model: Model = None,
    prompt: Prompt = None,
    /,
    *,
    fields: RequestOptions = NO_FIELDS,
    reference_image_count: Annotated[
        int | None, Parameter(help="How many reference images, where they are not given.", show_default=False)
    ] = None,
    server: ServerOptions = USUAL_SERVER,
    json: Json = False,
) -> int:
    """Ask for a price. Makes nothing, charges nothing. Takes the options of `generate`; the prompt may be left out."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.catalogue import show_quote
        from venice_async.models import QuoteRequest

        request = fields.request(model, prompt)
        inputs = QuoteRequest.of(request)
        if reference_image_count is not None:
            inputs = attrs.evolve(inputs, reference_image_count=reference_image_count)
        return run(show_quote(server, inputs, terminal))

    return guarded(terminal, work)


def check(
    target: Annotated[
        str | None, Parameter(help="A JSON file with a request (- for stdin), or a model's id.", show_default=False)
    ] = None,
    prompt: Prompt = None,
    /,
    *,
    fields: RequestOptions = NO_FIELDS,
    region: Annotated[
        str | None, Parameter(help="Your country's code, such as US, for models that are for some only.")
    ] = None,
    offline: Offline = False,
    server: ServerOptions = USUAL_SERVER,
    json: Json = False,
) -> int:
    """Say everything that is wrong with a request, without sending it. Needs no key; takes the options of `generate`.

    Exit code 1 where it would be refused. Without a network it is checked against the catalogue that came with this
    program, which knows less, and says so.
    """
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.checking import check_request

        named, options = target, fields
        if target is not None and (target == "-" or target.endswith(".json")):
            named, options = None, attrs.evolve(fields, request_file=Path(target))
        found = options.read(named, prompt)
        return run(check_request(found, server, terminal, offline=offline, region=region))

    return guarded(terminal, work)


def models(
    *,
    kind: Annotated[
        str | None,
        Parameter(
            name="--type",
            help="What a video is made from: text-to-video, image-to-video, reference-to-video, upscale, ...",
        ),
    ] = None,
    duration: Annotated[str | None, Parameter(help="Only models that take it, such as 10s.")] = None,
    resolution: Annotated[str | None, Parameter(help="Only models that take it, such as 1080p.")] = None,
    aspect_ratio: Annotated[str | None, Parameter(help="Only models that take it, such as 9:16.")] = None,
    audio: Annotated[bool | None, Parameter(negative="--no-audio", help="Only models with sound, or without.")] = None,
    privacy: Annotated[str | None, Parameter(help="Such as private or anonymized.")] = None,
    search: Annotated[str, Parameter(help="Part of an id or a name.", show_default=False)] = "",
    server: ServerOptions = USUAL_SERVER,
    json: Json = False,
) -> int:
    """List the models with what they take. Needs no key."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.catalogue import ModelFilter, list_models

        wanted = ModelFilter(
            kind=kind, duration=duration, resolution=resolution, aspect_ratio=aspect_ratio, audio=audio,
            privacy=privacy, search=search,
        )  # fmt: skip
        return run(list_models(server, wanted, terminal))

    return guarded(terminal, work)
