"""Which kind of tool use a turn is, in the classes of arXiv 2511.05271, appendix A.6: crop, numerical
analysis, mark, other code, image search, text search. Code is read by its syntax tree: drawing on a picture
is a mark, cutting a piece out a crop, any other work on pixels that shows a picture is other, the rest is
numerical analysis.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from deepeyes.core.trace import Trace, Turn

Use = Literal["crop", "numerical analysis", "mark", "other", "image search", "text search", "other tool"]
USES: tuple[Use, ...] = (
    *("crop", "numerical analysis", "mark", "other", "image search", "text search", "other tool"),
)

_MARKS = {"line", "rectangle", "ellipse", "polygon", "arc", "point", "rounded_rectangle", "add_patch"}
_MARKS |= {"axhline", "axvline", "annotate", "axhspan", "axvspan", "scatter"}


def use_of(turn: Turn) -> Use | None:
    """The class of a turn's call; None for a turn that called no tool."""
    if turn.observation is None or not turn.observation.tool:
        return None
    if turn.code is None:
        searches: dict[str, Use] = {"image_search": "image search", "search": "text search"}
        return searches.get(turn.observation.tool, "other tool")
    try:
        tree = ast.parse(turn.code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "other"
    called = {node.func.attr for node in ast.walk(tree) if _is_method(node)}  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    if called & _MARKS:
        return "mark"
    if "crop" in called or _cuts(tree):
        return "crop"
    return "other" if turn.observation.images else "numerical analysis"


def tool_mix(traces: Iterable[Trace]) -> Counter[str]:
    """How many calls there are of each class."""
    return Counter(use for trace in traces for turn in trace.turns if (use := use_of(turn)) is not None)


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
