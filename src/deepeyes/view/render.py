"""From facts to HTML: the one place where a page's markup is made.

What always holds: the template engine escapes all text and shows control characters as symbols, so nothing in
a trace can become markup. A page's only script is ours, allowed by its hash, and so is its only style sheet:
a page's own policy runs no script, applies no style, and loads nothing from anywhere, whatever stands in it.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deepeyes.data.item import Item, Trial
from deepeyes.view.curated import Curation
from deepeyes.view.episode import EpisodeCard
from deepeyes.view.images import Album
from deepeyes.view.summary import Summary
from deepeyes.view.trained import Trained, Worth
from deepeyes.view.visible import visible

SCRIPTS = ("source.js", "filter.js", "list.js", "entry.js", "tokens.js", "app.js")
"""In the order in which they are joined to one script."""


def article(card: EpisodeCard, run: str = "", trial: Trial | None = None, worth: Worth | None = None) -> str:
    """An episode; `run` is said where there are several."""
    return _template("episode.html.j2").render(card=card, trace=card.trace, run=run, trial=trial, worth=worth)


def item_article(item: Item, album: Album, links: Mapping[tuple[str, int, str], str]) -> str:
    """A row of a curation; `links` are the keys of its episodes by (store, part, id)."""
    images = [album.show_whole(f"image_{n}", ref) for n, ref in enumerate(item.task.images, 1)]
    return _template("item.html.j2").render(item=item, images=images, links=links)


def heading(
    title: str,
    runs: Sequence[Summary],
    curations: Sequence[Curation],
    trained: Sequence[Trained],
    problems: Sequence[str],
) -> str:
    """What stands above the list."""
    return _template("head.html.j2").render(
        title=title, runs=runs, curations=curations, trained=trained, problems=problems
    )


def shell(title: str, blobs: Mapping[str, str] | None = None) -> str:
    """The page around it all. With `blobs` (name -> JSON or base64) it holds everything itself; without, it
    asks the server that it came from.
    """
    style, script = asset("page.css"), "{\n" + "".join(map(asset, SCRIPTS)) + "}\n"
    served = blobs is None
    policy = {
        "default-src": "'none'",
        "img-src": "blob:" if served else "data:",
        "connect-src": "'self'" if served else "'none'",
        "style-src": _digest(style),
        "script-src": _digest(script),
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "deepeyes",
    }
    return _template("page.html.j2").render(
        title=title,
        policy="; ".join(f"{name} {what}" for name, what in policy.items()),
        style=Markup(style),
        script=Markup(script),
        # Inside a script element only "<" could end it.
        blobs={name: Markup(text.replace("<", "\\u003c")) for name, text in (blobs or {}).items()},
        served=served,
    )


def static_page(template: str, style: str, **values: Any) -> str:
    """A page without any script: it shows what is in it and the images that it holds."""
    css = asset(style)
    policy = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _digest(css),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    told = "; ".join(f"{name} {what}" for name, what in policy.items())
    return _template(template).render(policy=told, style=Markup(css), **values)


def asset(name: str) -> str:
    return (files("deepeyes.view") / "assets" / name).read_text("utf-8")


def _percent(share: float) -> str:
    """Whole percents, but never 0 or 100 for what is not."""
    near = 0 < share < 0.01 or 0.99 < share < 1
    return f"{100 * share:.{1 if near else 0}f}%"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _template(name: str) -> Any:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("deepeyes.view", "assets"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    filters: dict[str, Any] = {
        "percent": _percent,
        "secs": lambda seconds: f"{seconds:.2f} s",
        "words": lambda name: name.replace("_", " "),
    }
    environment.filters.update(filters)
    return environment
