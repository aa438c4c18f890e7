"""`check`: everything that is wrong with a request, each with its field, and what is worth knowing before paying."""

import difflib
from collections.abc import Collection, Iterable

import attrs

from venice_async.catalog import Catalog, CatalogKeeper, Problem, Review, snapshot
from venice_async.cli.options import ServerOptions
from venice_async.cli.request_files import FIELDS, ReadRequest
from venice_async.cli.terminal import Terminal
from venice_async.errors import InvalidRequestError
from venice_async.media_checks import check_media
from venice_async.models import VideoRequest
from venice_async.wire.text import clean


async def check_request(
    found: ReadRequest, server: ServerOptions, terminal: Terminal, *, offline: bool, region: str | None
) -> int:
    """Show the review of a request; 1 where it would be refused."""
    catalog = snapshot() if offline else await _catalog(server)
    review = catalog.review(found.request, region=region)
    problems, warnings = _misspelt(review)
    unknown = [Problem(field=name[:60], message=_NO_FIELD, nearest=_near(name)) for name in found.unknown]
    problems = _all(found.problems, unknown, problems, await _media(found.request))
    review = attrs.evolve(review, problems=problems, warnings=_not_said(warnings, found.unknown))
    terminal.tell(_document(found.request.model, review))
    _show(review, terminal)
    return 1 if review.problems else 0


_NO_FIELD = "is no field of a request; put it into extra to send it all the same."


def _near(name: str) -> str | None:
    return next(iter(difflib.get_close_matches(name, sorted(FIELDS), n=1, cutoff=0.5)), None)


def _misspelt(review: Review) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Without a server a model may be newer than the catalogue; one that is nearly that of another is rather a slip."""
    if review.as_of is None:
        return review.problems, review.warnings
    slips = tuple(warning for warning in review.warnings if warning.field == "model" and warning.nearest)
    slips = tuple(slip for slip in slips if "is not in the catalogue" in slip.message)
    return review.problems + slips, tuple(warning for warning in review.warnings if warning not in slips)


def _not_said(warnings: Iterable[Problem], unknown: Collection[str]) -> tuple[Problem, ...]:
    """Without those about a field that is told as a problem already."""
    return tuple(warning for warning in warnings if warning.field.removeprefix("extra.") not in unknown)


def _all(*groups: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems of several kinds. What could not be read is told as such: that it is missing now is no second one."""
    found: list[Problem] = []
    for group in groups:
        named = {problem.field.partition("[")[0] for problem in found}
        found += [problem for problem in group if problem.field.partition("[")[0] not in named]
    return tuple(found)


async def _media(request: VideoRequest) -> tuple[Problem, ...]:
    """What is wrong with local files and addresses."""
    try:
        return await check_media(request)
    except InvalidRequestError as error:  # what JSON cannot hold, such as a number that is none
        return tuple(Problem(field="request", message=message) for message in error.problems)


async def _catalog(server: ServerOptions) -> Catalog:
    async with server.client() as client:
        return await CatalogKeeper(client.models, clock=client.clock).catalog()


def _show(review: Review, terminal: Terminal) -> None:
    if review.as_of is not None:
        terminal.note(
            f"No server was asked: this is checked against the catalogue of {review.as_of}, which does not know "
            "newer models, nor everything that a model takes."
        )
    for line in _lines(review.problems):
        terminal.result(line)
    for line in _lines(review.warnings):
        terminal.note(f"Note: {line}")
    if not review.problems:
        terminal.result("Nothing is wrong with it.")


def _lines(problems: Iterable[Problem]) -> Iterable[str]:
    return (clean(str(problem), limit=2000) for problem in problems)


def _document(model: str, review: Review) -> dict[str, object]:
    return {
        "model": model,
        "ok": not review.problems,
        "problems": [problem.document() for problem in review.problems],
        "warnings": [warning.document() for warning in review.warnings],
        "snapshot": review.as_of,
    }
