"""What a model does with its tools: every call put into one class, and how often each is used by family.

The classes are those of the DeepEyesV2 paper's Figure 6: crop, mark, numerical analysis, image search, text
search, other. What always holds: code is classed by what it calls (read, never run), and only code that does
nothing to a picture and shows none is numerical analysis; a call counts whether or not it worked.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.trace import Trace, Turn
from deepeyes.eval.stats import share

CLASSES = ("crop", "mark", "numerical analysis", "image search", "text search", "other")
COLOURS = ("#4477aa", "#66ccee", "#228833", "#ee6677", "#aa3377", "#bbbbbb")
"""One a class, told apart by the colour-blind too."""
_MARKS = frozenset(
    (
        "Draw",
        "rectangle",
        "line",
        "circle",
        "ellipse",
        "polygon",
        "polylines",
        "arrowedLine",
        "putText",
        "text",
    )
)
_TOOLS = {"image_search": "image search", "search": "text search"}


@dataclass(frozen=True)
class ToolMix:
    """What the episodes of one family did: how many, how many with a call, and calls by class."""

    family: str
    episodes: int
    calling: int
    calls: Counter[str]

    @property
    def shares(self) -> dict[str, float]:
        """Share of each class among the calls; empty without calls."""
        total = self.calls.total()
        return {name: self.calls[name] / total for name in CLASSES if self.calls[name]}


def tool_mix(traces: Iterable[Trace]) -> list[ToolMix]:
    """One `ToolMix` a family, in order of appearance; episodes that are no results are left out."""
    families: dict[str, list[Trace]] = {}
    for trace in traces:
        if trace.stop_reason.is_result:
            families.setdefault(trace.task.family or "all", []).append(trace)
    return [
        ToolMix(
            family,
            len(its),
            sum(bool(trace.tool_turns) for trace in its),
            Counter(call_class(turn) for trace in its for turn in trace.tool_turns),
        )
        for family, its in families.items()
    ]


def call_class(turn: Turn) -> str:
    """The class of a turn that called a tool."""
    seen = turn.observation
    if seen is None or seen.tool != "python":
        return _TOOLS.get(seen.tool if seen else "", "other")
    names = _called(turn.code or "")
    if names & _MARKS:
        return "mark"
    if "crop" in names:
        return "crop"
    return "other" if seen.images else "numerical analysis"


def _called(code: str) -> set[str]:
    """Names of what the code calls, without what they belong to; a two-sided slice counts as a crop."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError):
        return set()
    names = {
        node.func.attr
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    names |= {
        node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    cut = any(
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Tuple)
        and sum(isinstance(part, ast.Slice) for part in node.slice.elts) > 1
        for node in nodes
    )
    return names | ({"crop"} if cut else set())


def report(mixes: Sequence[ToolMix]) -> dict[str, Any]:
    """By family: episodes, share of them with a call, calls per episode, and the share of each class."""
    return {
        mix.family: {
            "n": mix.episodes,
            "tool_call_rate": _rounded(share(mix.calling, mix.episodes)),
            "calls_per_episode": _rounded(share(mix.calls.total(), mix.episodes)),
            **{name: round(value, 4) for name, value in mix.shares.items()},
        }
        for mix in mixes
    }


def plot(mixes: Sequence[ToolMix], path: Path, title: str = "Tool calls by family") -> None:
    """One bar a family, divided by class; the format follows from the file's name. Raises `InputError` or
    `StorageError`.
    """
    install = "install it: pip install 'deepeyes[data]'"
    with boundary(InputError, "drawing the tool mix", install, expected=ImportError):
        from matplotlib.figure import Figure
    drawn = [mix for mix in mixes if mix.calls]
    if not drawn:
        raise InputError("no episode called a tool", "give traces of a run with tools on")
    figure = Figure(figsize=(8, 1.2 + 0.45 * len(drawn)), layout="constrained")
    axes = figure.subplots()
    left = [0.0] * len(drawn)
    for name, colour in zip(CLASSES, COLOURS, strict=True):
        widths = [100 * mix.shares.get(name, 0.0) for mix in drawn]
        if not any(widths):
            continue
        bars = axes.barh(range(len(drawn)), widths, left=left, color=colour, label=name)
        axes.bar_label(
            bars, [f"{w:.0f}" if w >= 6 else "" for w in widths], label_type="center", color="white"
        )
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_yticks(
        range(len(drawn)), [f"{mix.family} ({mix.calls.total() / mix.episodes:.1f})" for mix in drawn]
    )
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel="% of calls (calls per question)", title=title)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.18 - 0.3 / len(drawn)), ncols=6, frameon=False, fontsize=8
    )
    with boundary(StorageError, f"writing {path}", "give a file you may write that ends in .png or .svg"):
        figure.savefig(path, dpi=110)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
