"""Why answers are not right, in groups that can be acted on.

What always holds: every episode that is not right is in exactly one group, the first that fits in the order
below; what failed because of us, and what nobody can decide, have groups of their own and are no faults of
the model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deepeyes.analysis.behaviour import kind_of_error
from deepeyes.analysis.faithfulness import crop_hit
from deepeyes.analysis.summary import is_undecided
from deepeyes.core.errors import DeepEyesError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace

GROUPS = {
    "ours": "Something of ours failed: not scored",
    "undecided": "Nobody can tell whether the answer is right",
    "malformed": "The replies could not be read",
    "cut off": "A limit ended the episode before an answer",
    "refused": "The server refused to answer",
    "no look": "Answered wrongly without calling a tool",
    "tool failed": "The last call of a tool failed, and the answer is wrong",
    "looked elsewhere": "No crop holds what was asked about",
    "seen and missed": "A crop holds what was asked about, and the answer is wrong",
    "wrong": "Answered wrongly after calls that worked",
}
"""Group to what it means."""


@dataclass(frozen=True)
class FailureGroup:
    """Episodes that fail alike, in order."""

    name: str
    what: str
    traces: list[Trace]


def failure_groups(traces: Iterable[Trace], images: ImageStore) -> list[FailureGroup]:
    """The groups that occur, largest first."""
    found: dict[str, list[Trace]] = {}
    for trace in traces:
        name = failure_of(trace, images)
        if name:
            found.setdefault(name, []).append(trace)
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    return [FailureGroup(name, GROUPS[name], its) for name, its in ordered]


def failure_of(trace: Trace, images: ImageStore) -> str:
    """The name of the episode's group; empty for one that is right."""
    if not trace.stop_reason.is_result:
        return "ours"
    if trace.is_right:
        return ""
    if is_undecided(trace):
        return "undecided"
    ended = {
        StopReason.malformed: "malformed",
        StopReason.refused: "refused",
        StopReason.max_turns: "cut off",
        StopReason.max_tokens: "cut off",
        StopReason.context_full: "cut off",
        StopReason.timeout: "cut off",
    }
    if trace.stop_reason in ended:
        return ended[trace.stop_reason]
    if not trace.tool_turns:
        return "no look"
    last = trace.tool_turns[-1].observation
    if last is not None and last.status != "ok":
        return "tool failed"
    return _by_crops(trace, images)


def why(trace: Trace) -> str:
    """One line on what went wrong in the episode itself."""
    if not trace.stop_reason.is_result:
        return trace.failure
    seen = [turn.observation for turn in trace.tool_turns if turn.observation]
    failed = [one for one in seen if one.status != "ok"]
    if failed:
        return f"{failed[-1].tool}: {kind_of_error(failed[-1])}"
    return trace.verdict.reason if trace.verdict else ""


def _by_crops(trace: Trace, images: ImageStore) -> str:
    returned = any(turn.observation.images for turn in trace.tool_turns if turn.observation)
    if not trace.task.truth_box or not returned or not trace.task.images:
        return "wrong"
    try:
        hit = crop_hit(trace, images)
    except DeepEyesError:  # an image that is no longer there says nothing of the model
        return "wrong"
    return "wrong" if hit is None else "seen and missed" if hit else "looked elsewhere"
