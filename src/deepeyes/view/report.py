"""The report of several runs: one HTML file with tables, plots and examples, which loads nothing and runs
nothing.

What always holds: the text of models and tools is escaped by the template engine; the page's policy allows no
script at all; no share stands without its interval and of how many it is one; the page is written whole or
not at all.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepeyes.analysis.behaviour import ALL
from deepeyes.analysis.failures import why
from deepeyes.analysis.stats import Estimate, minimum_detectable
from deepeyes.analysis.summary import Row
from deepeyes.core.errors import ConfigError, DeepEyesError
from deepeyes.core.files import write_atomic
from deepeyes.core.trace import Trace
from deepeyes.eval.comparison import Comparison, Reported
from deepeyes.view.charts import intervals, spread, tool_mix
from deepeyes.view.render import static_page

REPORT_FILE = "report.html"
EXAMPLES = 4
"""Of a failure group, in each run."""
_SIDE = 220
"""Of an example's image, in pixels."""
_MOST_ROWS = 60
"""Of kinds or tags; more are told as a number."""


@dataclass(frozen=True)
class Example:
    """One episode that is not right."""

    trace: Trace
    image: str
    """A data URI; empty where the task has none that can be read."""
    expected: str
    why: str


@dataclass(frozen=True)
class Table:
    """Rows of labels, a cell a run."""

    name: str
    rows: list[tuple[str, list[Row | None]]]
    left_out: int = 0


def write_report(comparison: Comparison, out: Path, title: str = "") -> Path:
    """Write the report to the file `out`; returns it. Raises `StorageError`."""
    write_atomic(out, render_report(comparison, title).encode("utf-8"))
    return out


def render_report(comparison: Comparison, title: str = "") -> str:
    """The page as text."""
    runs = comparison.runs
    return static_page(
        "report.html.j2",
        "report.css",
        title=title or _title(runs),
        comparison=comparison,
        tables=_tables(runs),
        plots=[(name, _uri(png, "png")) for name, png in _plots(runs)],
        examples={
            (place, group.name): [_example(one, trace) for trace in group.traces[:EXAMPLES]]
            for place, one in enumerate(runs)
            for group in one.failures
        },
        detectable=[_detectable(one) for one in runs],
        percent=percent,
        points=points,
        number=number,
        all=ALL,
    )


def percent(one: Estimate) -> str:
    """Such as "62.5 [51.0, 72.7]"."""
    if one.value is None:
        return "none"
    return f"{100 * one.value:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]"


def points(one: Estimate) -> str:
    """A difference of shares, in points, with its sign."""
    if one.value is None:
        return "none"
    return f"{100 * one.value:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"


def number(one: Estimate) -> str:
    """A mean that is no share."""
    return "none" if one.value is None else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _title(runs: list[Reported]) -> str:
    names = dict.fromkeys(one.run.benchmark or one.run.label for one in runs)
    return f"Evaluation: {', '.join(names)}"


def _tables(runs: list[Reported]) -> list[Table]:
    """By family, tag and kind, where there are several."""
    found: list[Table] = []
    for name in ("families", "tags", "kinds"):
        by_run: list[Mapping[str, Row]] = [getattr(one.summary, name) for one in runs]
        labels = list(dict.fromkeys(label for rows in by_run for label in rows))
        if len(labels) < 2:
            continue
        rows = [(label or "(none)", [rows.get(label) for rows in by_run]) for label in labels]
        found.append(Table(name, rows[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS)))
    return found


def _plots(runs: list[Reported]) -> list[tuple[str, bytes]]:
    shown = {one.run.label: one for one in runs}
    right: dict[str, dict[str, Estimate]] = {"all": {}}
    called: dict[str, dict[str, Estimate]] = {"all": {}}
    for label, one in shown.items():
        right["all"][label] = one.summary.all.accuracy
        if len(one.summary.families) > 1:
            for family, row in one.summary.families.items():
                right.setdefault(family or "(none)", {})[label] = row.accuracy
        for family, of in one.behaviours.items():
            called.setdefault("all" if family == ALL else family, {})[label] = of.call_rate
    chances = {one.numbers.get("chance") for one in runs}
    chance = chances.pop() if len(chances) == 1 else None
    plots = [
        ("Right answers", intervals(right, "Right answers", chance if isinstance(chance, float) else None)),
        ("Questions with a tool call", intervals(called, "Questions with at least one tool call")),
    ]
    mix = tool_mix({label: one.behaviours for label, one in shown.items()}, "What the calls did")
    if mix is not None:
        plots.append(("What the calls did", mix))
    written = {
        label: [float(trace.usage.completion_tokens) for trace in one.traces if trace.stop_reason.is_result]
        for label, one in shown.items()
    }
    if any(written.values()):
        plots.append(("Tokens written", spread(written, "Tokens written an episode", "tokens")))
    return plots


def _detectable(one: Reported) -> str:
    """How large a gain over this run another run on as many questions would have to be, in words."""
    accuracy = one.summary.all.accuracy
    if accuracy.value is None:
        return ""
    try:
        gain = minimum_detectable(accuracy.n, accuracy.value, effective=accuracy.groups / max(1, accuracy.n))
    except ConfigError:  # the library that knows is not installed: the rest of the report stands
        return ""
    return "" if gain is None else f"{100 * gain:.1f} points"


def _example(one: Reported, trace: Trace) -> Example:
    task = trace.task
    answers = " or ".join(dict.fromkeys(text for text in (task.answer, *task.answers) if text))
    return Example(trace, _thumbnail(one, trace), answers, why(trace))


def _thumbnail(one: Reported, trace: Trace) -> str:
    if not trace.task.images:
        return ""
    try:
        image = one.images.get(trace.task.images[0]).copy()
    except DeepEyesError:
        return ""
    image.thumbnail((_SIDE, _SIDE))
    made = io.BytesIO()
    image.save(made, "JPEG", quality=80)
    return _uri(made.getvalue(), "jpeg")


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode()}"
