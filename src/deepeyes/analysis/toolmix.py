"""What a model does with its tools: every call put into one class, and how often each is used by family.

The classes are those of arXiv 2511.05271, appendix A.6 and Figure 6: crop, numerical analysis, mark, other
code, image search, text search. Code is read by its syntax tree, never run: drawing on an image is a mark,
cutting a piece out a crop, any other work that shows an image is other, the rest is numerical analysis. What
always holds: a call counts whether or not it worked.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepeyes.analysis.stats import share
from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.trace import Trace, Turn

Use = Literal["crop", "numerical analysis", "mark", "other", "image search", "text search", "other tool"]
USES: tuple[Use, ...] = (
    *("crop", "numerical analysis", "mark", "other", "image search", "text search", "other tool"),
)
COLOURS = ("#4477aa", "#228833", "#66ccee", "#bbbbbb", "#ee6677", "#aa3377", "#777777")
"""One a class, told apart by the colour-blind too."""

_MARKS = {"line", "rectangle", "ellipse", "polygon", "arc", "point", "rounded_rectangle", "add_patch"}
_MARKS |= {"axhline", "axvline", "annotate", "axhspan", "axvspan", "scatter"}


def use_of(turn: Turn) -> Use | None:
    """The class of a turn's call; None for a turn that called no tool."""
    if turn.observation is None or not turn.observation.tool:
        return None
    if turn.code is None:
        searches: dict[str, Use] = {"image_search": "image search", "search": "text search"}
        return searches.get(turn.observation.tool, "other tool")
    tree = turn.syntax_tree
    if tree is None:
        return "other"
    called = {node.func.attr for node in ast.walk(tree) if _is_method(node)}  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    if called & _MARKS:
        return "mark"
    if "crop" in called or _cuts(tree):
        return "crop"
    return "other" if turn.observation.images else "numerical analysis"


def uses_of(traces: Iterable[Trace]) -> Counter[str]:
    """How many calls there are of each class."""
    return Counter(use for trace in traces for turn in trace.turns if (use := use_of(turn)) is not None)


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
        return {name: self.calls[name] / total for name in USES if self.calls[name]}


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
            uses_of(its),
        )
        for family, its in families.items()
    ]


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
    from matplotlib.figure import Figure

    drawn = [mix for mix in mixes if mix.calls]
    if not drawn:
        raise InputError("no episode called a tool", "give traces of a run with tools on")
    figure = Figure(figsize=(8, 1.2 + 0.45 * len(drawn)), layout="constrained")
    axes = figure.subplots()
    left = [0.0] * len(drawn)
    for name, colour in zip(USES, COLOURS, strict=True):
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


def _is_method(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def _cuts(tree: ast.AST) -> bool:
    """A slice of rows and columns of an array: `pixels[10:90, 20:60]`."""
    return any(
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Tuple)
        and sum(isinstance(side, ast.Slice) and side.upper is not None for side in node.slice.elts) >= 2
        for node in ast.walk(tree)
    )
