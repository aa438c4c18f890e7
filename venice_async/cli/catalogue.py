"""`models` and `quote`: what the server offers, and for how much."""

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from venice_async.catalog import Catalog, refuse
from venice_async.cli.options import ServerOptions
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import money, values
from venice_async.errors import ConfigurationError
from venice_async.models import QuoteRequest, VideoModel

_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "id": {"overflow": "fold", "min_width": 20},
    "name": {},
    "kind": {"no_wrap": True},
    "durations": {"overflow": "fold", "max_width": 9},
    "ratios": {"max_width": 12},
    "resolutions": {"max_width": 11},
    "audio": {"no_wrap": True},
    "privacy": {"no_wrap": True},
}


@frozen(kw_only=True)
class ModelFilter:
    """Which models to list; None and nothing let everything pass."""

    kind: str | None = None
    duration: str | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    audio: bool | None = None
    privacy: str | None = None
    search: str = ""

    def passes(self, model: VideoModel) -> bool:
        """Whether a model is one of those wanted."""
        limits = model.constraints
        return (
            (self.kind is None or is_of_kind(model, self.kind))
            and (self.duration is None or self.duration in limits.durations)
            and (self.resolution is None or self.resolution in limits.resolutions)
            and (self.aspect_ratio is None or self.aspect_ratio in limits.aspect_ratios)
            and self.audio in (None, limits.audio or limits.audio_configurable)
            and self.privacy in (None, model.privacy)
            and self.search.casefold() in f"{model.id} {model.name}".casefold()
        )


def is_of_kind(model: VideoModel, kind: str) -> bool:
    """Whether a model says that it is of a kind, or is named after it, as in `...-reference-to-video`."""
    return kind == model.constraints.model_type or f"-{kind}-" in f"-{model.id}-"


async def list_models(server: ServerOptions, wanted: ModelFilter, terminal: Terminal) -> int:
    """Show the models that pass; 1 where none does. Raises ConfigurationError for a kind that no model is of."""
    async with server.client() as client:
        offered = await client.models()
    if wanted.kind is not None and not any(is_of_kind(model, wanted.kind) for model in offered):
        kinds = ", ".join(sorted({model.constraints.model_type for model in offered}))
        raise ConfigurationError(f"No model is of the type {wanted.kind!r}. There are {kinds}.")
    models = [model for model in offered if wanted.passes(model)]
    terminal.tell([attrs.asdict(model) for model in models])
    if not models:
        terminal.note("No model is like that.")
        return 1
    _show(models, terminal)
    return 0


def _show(models: list[VideoModel], terminal: Terminal) -> None:
    rows = [_cells(model) for model in models]
    columns = _COLUMNS
    if not terminal.roomy:
        columns = {name: options for name, options in _COLUMNS.items() if name != "name"}
        rows = [{**cells, "kind": cells["kind"].removesuffix("-to-video")} for cells in rows]
    terminal.table(columns, [[cells[name] for name in columns] for cells in rows])


def _cells(model: VideoModel) -> dict[str, str]:
    limits = model.constraints
    marks = [mark for mark, there in (("offline", model.offline), ("beta", model.beta)) if there]
    if model.deprecation is not None:
        marks.append("leaving")
    remark = f" ({', '.join(marks)})" if marks else ""
    return {
        "id": model.id + remark,
        "name": model.name,
        "kind": limits.model_type,
        "durations": values(limits.durations),
        "ratios": values(limits.aspect_ratios),
        "resolutions": values(limits.resolutions),
        "audio": "choice" if limits.audio_configurable else "yes" if limits.audio else "no",
        "privacy": model.privacy,
    }


async def show_quote(server: ServerOptions, inputs: QuoteRequest, terminal: Terminal) -> int:
    """Show a price. Raises InvalidRequestError, with what would do, for inputs that the model's price cannot have."""
    async with server.client() as client:
        refuse(Catalog(await client.models()).quote_problems(inputs))
        quote = await client.quote(inputs)
    terminal.tell({"model": inputs.model, "usd": quote.usd})
    terminal.result(money(quote.usd))
    return 0
