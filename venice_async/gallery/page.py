"""The page as text. Pure: what it shows was found out before."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files

from venice_async.gallery import words
from venice_async.gallery.facts import Facts
from venice_async.gallery.files import MARK
from venice_async.gallery.html import Html, join, raw, tag
from venice_async.jobs import JobState
from venice_async.money import Totals

_SORTS: Mapping[str, str] = {
    "place": "Submitted",
    "time": "Finished",
    "key": "Key",
    "model": "Model",
    "cost": "Cost",
    "took": "Time to make",
    "length": "Length of video",
}
_STATES_SHOWN = (
    JobState.COMPLETED,
    JobState.DOWNLOADING,
    JobState.QUEUED,
    JobState.QUEUEING,
    JobState.PENDING,
    JobState.HELD,
    JobState.UNKNOWN,
    JobState.FAILED,
    JobState.CANCELLED,
)


def page(jobs: Sequence[Facts], *, posters: Mapping[str, str], title: str, sheet: str | None) -> str:
    """The whole document. `posters` are the pictures' addresses by the videos' names, `sheet` the contact sheet's."""
    title = words.shown(title) or "Videos"
    style, script = _asset("page.css"), _asset("page.js")
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="generator", content=MARK.decode()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", raw(style)),
    )
    cards = "\n".join(card(job, posters.get(job.found.name)) for job in jobs)
    body = (
        _header(jobs, title),
        _controls(jobs) if len(jobs) > 1 else "",
        tag("ol", Html(f"\n{cards}\n"), id="cards", class_="cards"),
        tag("p", "Nothing here fits these filters.", id="none", class_="none", hidden=True),
        _footer(sheet),
        _player(),
        tag("script", raw(script)),
    )
    document = tag("html", tag("head", *head), "\n", tag("body", *_lines(body)), lang="en")
    return f"<!doctype html>\n{document}\n"


def _lines(pieces: Sequence[str]) -> Iterator[str]:
    for piece in pieces:
        yield piece
        yield Html("\n")


@cache
def _asset(name: str) -> str:
    return (files("venice_async.gallery") / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """What the browser may do for this page: show what lies beside it, and run our own script alone.

    Opened from a disk, what lies beside it is `file:`.
    """
    return (
        f"default-src 'none'; img-src 'self' file:; media-src 'self' file:; style-src {_hashed(style)}; "
        f"script-src {_hashed(script)}; base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _header(jobs: Sequence[Facts], title: str) -> Html:
    totals = sum((job.totals for job in jobs), Totals())
    videos = [job for job in jobs if job.state is JobState.COMPLETED]
    of_all = f"of {words.count(len(jobs), 'job')}"
    made = "videos" if len(jobs) == len(videos) else f"videos {of_all}"
    figures = [_figure(f"{len(videos):,}", made), _figure(words.money(totals.spent_usd), "spent")]
    optional = ((totals.reserved_usd, "reserved"), (totals.refunded_usd, "refunded"))
    figures += [_figure(words.money(usd), what) for usd, what in optional if usd]
    if length := sum(job.found.length or 0.0 for job in videos):
        figures.append(_figure(words.length(length), "of video"))
    if size := sum(job.found.size or 0 for job in videos):
        figures.append(_figure(words.size(size), "on disk"))
    latest = max((job.at for job in jobs), default=0.0)
    as_of = tag("p", "Last change ", _time(latest), class_="muted") if latest else ""
    return tag("header", tag("div", tag("h1", title, dir="auto"), as_of), tag("dl", *figures, class_="figures"))


def _figure(value: str, what: str) -> Html:
    return tag("div", tag("dt", what), tag("dd", value))


def _controls(jobs: Sequence[Facts]) -> Html:
    models = sorted({job.model for job in jobs})
    options = [tag("option", "All models", value=""), *(tag("option", model, value=model) for model in models)]
    sorts = [tag("option", name, value=value) for value, name in _SORTS.items()]
    counts = Counter(job.state for job in jobs)
    chips = [_chip(state.value, state.value, counts[state]) for state in _STATES_SHOWN if counts[state]]
    chips = [_chip("", "All", len(jobs), pressed=True), *chips] if len(counts) > 1 else []
    what = "Search prompts and keys"
    search = tag(
        "input", type="search", id="search", placeholder=what, aria_label=what, autocomplete="off", spellcheck="false"
    )
    return tag(
        "form",
        tag("div", *chips, class_="chips", role="group", aria_label="State"),
        tag("p", words.count(len(jobs), "job"), id="count", class_="muted", role="status"),
        tag("div", class_="break"),
        tag("div", search, class_="search"),
        tag("div", tag("select", *options, id="model", aria_label="Model"), class_="pick") if len(models) > 1 else "",
        tag(
            "div",
            tag("label", "Sort by", for_="sort"),
            tag("select", *sorts, id="sort"),
            tag("button", "Ascending", type="button", id="order", data_order="ascending"),
            class_="pick",
        ),
        id="controls",
        class_="controls",
        hidden=True,  # the script shows it: without one it would do nothing
    )


def _chip(value: str, name: str, number: int, *, pressed: bool = False) -> Html:
    dot = tag("i", class_="dot", aria_hidden="true") if value else ""
    return tag(
        "button", dot, name, " ", tag("span", f"{number:,}", class_="number"),
        type="button", data_state=value, class_="chip", aria_pressed="true" if pressed else "false",
    )  # fmt: skip


def card(job: Facts, poster: str | None) -> Html:
    """One job."""
    found = job.found
    return tag(
        "li",
        _stage(job, poster),
        tag(
            "div",
            tag("div", tag("h2", job.key, dir="auto"), _badge(job.state), class_="heading"),
            tag("p", job.prompt, class_="prompt", dir="auto") if job.prompt else "",
            tag("p", job.model, class_="model"),
            tag("ul", *(tag("li", setting, dir="auto") for setting in job.settings), class_="settings")
            if job.settings
            else "",
            tag("dl", *_facts(job), class_="facts"),
            class_="body",
        ),
        class_="card",
        data_state=job.state.value,
        data_model=job.model,
        data_time=f"{job.at:.3f}",
        data_cost=_number(job.cost),
        data_took=_number(job.took),
        data_length=_number(found.length),
    )


def _number(value: float | Decimal | None) -> str:
    return "" if value is None else f"{value}"


def _stage(job: Facts, poster: str | None) -> Html:
    """The picture, which is a plain link to the video: that works without the script too. Else why there is none."""
    if not job.found.path:
        return tag("div", *_reason(job), class_="stage empty")
    picture = tag("img", src=poster, alt="", loading="lazy", decoding="async") if poster else ""
    length = tag("span", words.length(job.found.length) if job.found.length else "", class_="length")
    return tag(
        "a", picture, length,
        href=job.found.href, class_="stage", aria_label=f"Play {job.key}",
    )  # fmt: skip


def _badge(state: JobState) -> Html:
    return tag("span", tag("i", class_="dot", aria_hidden="true"), state.value, class_="badge")


def _reason(job: Facts) -> Iterator[Html]:
    """Why there is no video, what became of the money, and what to do."""
    if job.reason:
        yield tag("p", job.reason, dir="auto")
    yield tag("p", job.money, class_="money")
    if job.advice:
        yield tag("p", job.advice, class_="advice")


def _facts(job: Facts) -> Iterator[Html]:
    found = job.found
    if job.took is not None:
        yield _fact("Made in", words.span(job.took))
    yield from _cost(job)
    if job.at:
        yield _fact("Finished" if job.state.terminal else "Last change", _time(job.at))
    if found.width and found.height:
        yield _fact("Picture", f"{found.width} x {found.height}", more=True)
    if found.length:
        yield _fact("Length", words.length(found.length), more=True)
    if found.path and found.size is not None:
        yield _fact("Size", words.size(found.size), more=True)
        yield _fact("File", found.name, more=True)
    if not found.path:
        yield tag("div", tag("dd", tag("button", "Details", type="button", class_="details", hidden=True)),
                  class_="details-place")  # fmt: skip


def _cost(job: Facts) -> Iterator[Html]:
    totals = job.totals
    amounts = (("Cost", totals.spent_usd), ("Reserved", totals.reserved_usd), ("Refunded", totals.refunded_usd))
    named = [_fact(name, words.money(usd)) for name, usd in amounts if usd]
    yield from named or ([_fact("Cost", words.money(job.cost))] if job.cost is not None else [])


def _fact(name: str, value: str, *, more: bool = False) -> Html:
    return tag("div", tag("dt", name), tag("dd", value), class_="more" if more else None)


def _time(at: float) -> Html:
    return tag("time", words.moment(at), datetime=words.machine_moment(at))


def _footer(sheet: str | None) -> Html:
    link = join(tag("a", "Contact sheet", href=sheet), " · ") if sheet else ""
    return tag("footer", link, "Made with venice-async", class_="muted")


def _player() -> Html:
    """Where one video is shown large; the script fills it."""
    buttons = (
        tag("button", "Previous", type="button", id="previous"),
        tag("button", "Next", type="button", id="next"),
        tag("span", id="place", class_="muted"),
        tag("button", "Close", type="button", id="close"),
    )
    return tag(
        "dialog", tag("div", *buttons, class_="bar"), tag("div", id="screen", class_="screen"), tag("div", id="about"),
        id="player", aria_label="Video", tabindex="-1",
    )  # fmt: skip
