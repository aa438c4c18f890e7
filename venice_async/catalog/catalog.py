"""The models on offer, and what is wrong with a request for one of them."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from venice_async.catalog.advice import advice
from venice_async.catalog.families import family_problems
from venice_async.catalog.limits import Ruler
from venice_async.catalog.shape import shape_problems
from venice_async.errors import InvalidRequestError
from venice_async.errors.problems import Problem
from venice_async.models import QuoteRequest, VideoModel, VideoRequest


@frozen(kw_only=True)
class Review:
    """What is wrong with a request (`problems`: it would be refused) and what is worth knowing (`warnings`).

    `as_of` is the date of the snapshot that it was checked against, None for the server's own catalogue.
    """

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    as_of: str | None = None


class Catalog:
    """The models that the server offers, by id.

    `as_of` is None for what the server says now. With a date, this is a snapshot: it knows less, so that a model it
    has not is no problem, and `known` holds, by field, the values that any model took then.
    """

    def __init__(
        self,
        models: Iterable[VideoModel],
        *,
        as_of: str | None = None,
        known: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._models = {model.id: model for model in models}
        self._known = known or {}
        self.as_of = as_of

    def __len__(self) -> int:
        return len(self._models)

    def __iter__(self) -> Iterator[VideoModel]:
        return iter(self._models.values())

    def get(self, model_id: str) -> VideoModel | None:
        """The entry of a model, or None."""
        return self._models.get(model_id)

    def review(self, request: VideoRequest, *, region: str | None = None) -> Review:
        """Everything that is wrong with a request and everything worth knowing. `region` is a country code."""
        return Review(problems=self.problems(request, region=region), warnings=self.warnings(request), as_of=self.as_of)

    def problems(self, request: VideoRequest, *, region: str | None = None) -> tuple[Problem, ...]:
        """Everything that is wrong with a request, one for each field; empty where nothing is."""
        model = self._named(request.model)
        if model is None:
            return _one_each([*self._missing(request.model), *shape_problems(request)])
        return _one_each(
            [
                *_away(model, region),
                *shape_problems(request),
                *Ruler(model=model, known=self._known).request_problems(request),
                *family_problems(request, model),
            ]
        )

    def quote_problems(self, inputs: QuoteRequest) -> tuple[Problem, ...]:
        """Everything that is wrong with the inputs of a price; a price needs less than a request."""
        model = self._named(inputs.model)
        if model is None:
            return tuple(self._missing(inputs.model))
        return _one_each(Ruler(model=model, known=self._known).quote_problems(inputs))

    def warnings(self, request: VideoRequest) -> tuple[Problem, ...]:
        """What does not forbid the request: a model that is leaving, a price that lacks an input, an odd prompt."""
        model = self._named(request.model)
        found = [] if model is None else list(advice(request, model))
        model_id: Any = request.model
        if self.as_of is not None and model is None and isinstance(model_id, str) and model_id:
            message = f"{model_id!r} is not in the catalogue of {self.as_of}: only the server can tell about it."
            found.append(Problem(field="model", message=message, nearest=self._near(model_id)))
        return tuple(found)

    def check(self, request: VideoRequest) -> None:
        """Raises InvalidRequestError, with all problems in it, for a request that would be refused."""
        refuse(self.problems(request))

    def _named(self, model_id: object) -> VideoModel | None:
        return self._models.get(model_id) if isinstance(model_id, str) else None

    def _missing(self, model_id: object) -> Iterator[Problem]:
        if not isinstance(model_id, str) or not model_id.strip():
            yield Problem(field="model", message="is empty." if model_id == "" else "must be a model's id.")
        elif self.as_of is None:
            message = f"{model_id!r} is not a video model of this server."
            yield Problem(field="model", message=message, value=model_id, nearest=self._near(model_id))

    def _near(self, model_id: str) -> str | None:
        return next(iter(difflib.get_close_matches(model_id, self._models, n=1, cutoff=0.4)), None)


def refuse(problems: Sequence[Problem]) -> None:
    """Raises InvalidRequestError where there are problems."""
    if problems:
        texts = tuple(str(problem) for problem in problems)
        raise InvalidRequestError(" ".join(texts), problems=texts, located=tuple(problems))


def _away(model: VideoModel, region: str | None) -> Iterator[Problem]:
    if model.offline:
        yield Problem(field="model", message=f"{model.id} is offline at the moment.", value=model.id)
    if region is not None and model.region_restrictions and region not in model.region_restrictions:
        message = f"{model.id} is not meant for {region}."
        yield Problem(field="model", message=message, value=model.id, allowed=model.region_restrictions)


def _one_each(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The first problem of each field: a value that is none of the model's need not also be refused by its family."""
    found: dict[str, Problem] = {}
    for problem in problems:
        found.setdefault(problem.field, problem)
    return tuple(found.values())
