"""The trace viewer: one self-contained HTML page per run.

What always holds: the file loads nothing from anywhere (a content security policy in it says so, and allows
only its own script); the template engine escapes all text and shows control characters as symbols, so nothing
in a trace can become markup; the page is written whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deepeyes.analysis.stats import median, wilson
from deepeyes.core.files import write_atomic
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import IMAGES_FOLDER, Trace, read_traces
from deepeyes.core.verdict import Outcome
from deepeyes.view.episode import EpisodeCard, card
from deepeyes.view.images import Album
from deepeyes.view.visible import visible

PAGE_FILE = "index.html"
_SCORED = tuple(outcome.value for outcome in Outcome)


def write_page(
    folder: str | os.PathLike[str], out: str | os.PathLike[str] | None = None, title: str = ""
) -> Path:
    """Render the run in `folder` to `out` (default: index.html in it); returns the file's path.

    Raises `InputError` when there are no traces, `StorageError` when the page cannot be written.
    """
    folder = Path(folder)
    home = folder.parent if folder.is_file() else folder
    target = Path(out) if out is not None else home / PAGE_FILE
    name = title or home.resolve().name
    html = render_page(read_traces(folder), ImageStore(home / IMAGES_FOLDER), name)
    write_atomic(target, html.encode("utf-8"))
    return target


def render_page(traces: Iterable[Trace], images: ImageStore, title: str = "run") -> str:
    """The page as text."""
    album = Album(images)
    cards = [card(trace, album) for trace in traces]
    script = _asset("page.js")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = _environment().get_template("page.html.j2")
    return template.render(
        title=title,
        style=Markup(_asset("page.css")),
        script=Markup(script),
        script_hash=digest,
        cards=cards,
        summary=summarise(cards),
        album=album,
    )


@dataclass(frozen=True)
class Summary:
    """The numbers of the page's header."""

    episodes: int
    verdicts: dict[str, int]
    used_tools: int
    scored: int
    accuracy: float | None
    low: float
    high: float
    seconds: float | None
    stop_reasons: dict[str, int]
    families: dict[str, tuple[int, int]]
    """Family -> (right, scored); what is unsure is scored and not right."""
    models: tuple[str, ...]
    dialects: tuple[str, ...]
    started: str


def summarise(cards: list[EpisodeCard]) -> Summary:
    verdicts = Counter(one.verdict for one in cards)
    scored = sum(verdicts[outcome] for outcome in _SCORED)
    low, high = wilson(verdicts["right"], scored)
    families: dict[str, tuple[int, int]] = {}
    for one in cards:
        right, of = families.get(one.trace.task.family, (0, 0))
        families[one.trace.task.family] = (
            right + (one.verdict == "right"),
            of + (one.verdict in _SCORED),
        )
    return Summary(
        episodes=len(cards),
        verdicts=dict(verdicts),
        used_tools=sum(one.used_tools for one in cards),
        scored=scored,
        accuracy=verdicts["right"] / scored if scored else None,
        low=low,
        high=high,
        seconds=median([one.trace.seconds for one in cards]),
        stop_reasons=dict(Counter(one.trace.stop_reason.value for one in cards).most_common()),
        families={name: share for name, share in sorted(families.items()) if name},
        models=tuple(dict.fromkeys(one.trace.model for one in cards)),
        dialects=tuple(dict.fromkeys(one.trace.dialect for one in cards)),
        started=min((one.trace.started for one in cards if one.trace.started), default=""),
    )


def _asset(name: str) -> str:
    return (files("deepeyes.view") / "assets" / name).read_text("utf-8")


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
    filters: dict[str, Any] = {"percent": lambda share: f"{100 * share:.0f}%", "secs": lambda s: f"{s:.2f} s"}
    environment.filters.update(filters)
    return environment
